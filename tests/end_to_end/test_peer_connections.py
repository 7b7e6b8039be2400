"""Connections between members over real TLS: renewed, lost, taken up again, with new keys."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from connector.errors import (
    PeerUnreachable,
    UnknownPeer,
)
from connector.peer.calls import server
from connector.peer.calls.unary import OPEN_PER_CALLER
from connector.peer.credentials import ServerTrust
from connector.peer.limits import arrivals
from connector.peer.routes import STATED, TOKEN_KEY
from connector.peer.status import translate
from connector.services.membership import onboard
from tests.support.keys import MemorySigner
from tests.support.live_space import (
    ASKED,
    STATE,
    LiveSpace,
    answer_all,
    live_space,
    wait_until,
)
from tests.support.raw_caller import (
    GET,
    body_of,
    channel_to,
    leaf_of,
    refusal,
    token_of,
)


@pytest.fixture
def space(tmp_path: Path) -> Iterator[LiveSpace]:
    with live_space(tmp_path, "alpha", "beta") as made:
        made.meet("alpha", "beta")
        answer_all(made["beta"])
        yield made


class TestConnections:
    def test_a_peer_that_is_dropped_is_refused_on_its_open_connection(
        self, space: LiveSpace
    ) -> None:
        alpha, beta = space["alpha"], space["beta"]
        assert alpha.call(beta, "GetNegotiationMessage", ASKED) == STATE
        with beta.ports.store.write() as tx:
            tx.participants.remove(alpha.did)
        with pytest.raises(UnknownPeer):
            alpha.call(beta, "GetNegotiationMessage", ASKED)
        alpha.wire.close()
        with pytest.raises(PeerUnreachable):  # and gets no new one
            alpha.call(beta, "GetNegotiationMessage", ASKED)

    def test_connections_are_renewed_without_a_lost_call(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """So a CA that is no longer admitted loses its open connections too."""
        opened: list[object] = []
        changed = ServerTrust.changed

        def counted(trust: ServerTrust) -> Any:
            opened.append(trust)
            return changed(trust)

        monkeypatch.setattr(server, "CONNECTION_SECONDS", 0.2)
        monkeypatch.setattr(ServerTrust, "changed", counted)
        with live_space(tmp_path, "alpha", "beta") as space:
            alpha, beta = space["alpha"], space["beta"]
            space.meet("alpha", "beta")
            answer_all(beta)
            for _ in range(2000):
                assert alpha.call(beta, "GetNegotiationMessage", ASKED) == STATE
                if len(opened) > 3:
                    break
            assert len(opened) > 3

    def test_checkpoints_travel_with_calls_and_answers(self, space: LiveSpace) -> None:
        alpha, beta = space["alpha"], space["beta"]
        alpha.note, beta.note = b"head of alpha", b"head of beta"
        assert alpha.call(beta, "GetNegotiationMessage", ASKED) == STATE
        assert wait_until(lambda: beta.heard.notes == [(alpha.did, "head of alpha")])
        assert wait_until(lambda: alpha.heard.notes == [(beta.did, "head of beta")])

    def test_the_peer_must_show_its_own_certificate(self, space: LiveSpace) -> None:
        """A member that answers in the place of another is not believed."""
        alpha, beta, gamma = space["alpha"], space["beta"], space.add("gamma")
        space.meet("alpha", "gamma")
        impostor = replace(alpha.known(beta.did), grpc_endpoint=f"localhost:{gamma.grpc_port}")
        with pytest.raises(PeerUnreachable):
            alpha.wire.call(impostor, "GetNegotiationMessage", ASKED)
        assert gamma.heard.calls == []

    def test_no_answer_in_time(self, space: LiveSpace) -> None:
        alpha, beta = space["alpha"], space["beta"]
        gone = threading.Event()

        def slow(_caller: object, _body: object) -> dict[str, str]:
            gone.wait(10)
            return STATE

        beta.heard.answers["GetNegotiationMessage"] = slow
        with pytest.raises(PeerUnreachable, match="in time"):
            alpha.call(beta, "GetNegotiationMessage", ASKED, seconds=0.5)
        gone.set()

    def test_a_peer_that_comes_back(self, space: LiveSpace) -> None:
        alpha, beta = space["alpha"], space["beta"]
        beta.face.stop()
        with pytest.raises(PeerUnreachable):
            alpha.call(beta, "GetNegotiationMessage", ASKED)
        beta.restart()
        assert alpha.call(beta, "GetNegotiationMessage", ASKED) == STATE
        assert alpha.heard.back == [beta.did]
        assert alpha.call(beta, "GetNegotiationMessage", ASKED) == STATE
        assert alpha.heard.back == [beta.did]  # it was lost once

    def test_a_peer_that_comes_back_and_calls_first(self, space: LiveSpace) -> None:
        alpha, beta = space["alpha"], space["beta"]
        beta.face.stop()
        with pytest.raises(PeerUnreachable):
            alpha.call(beta, "GetNegotiationMessage", ASKED)
        beta.restart()
        alpha.heard.answers["GetNegotiationMessage"] = lambda _caller, _body: STATE
        assert beta.call(alpha, "GetNegotiationMessage", ASKED) == STATE
        assert alpha.heard.back == [beta.did]
        assert beta.heard.back == []


class TestRotation:
    def test_a_rotated_signing_key_is_learnt_at_the_first_call(self, space: LiveSpace) -> None:
        alpha, beta = space["alpha"], space["beta"]
        alpha.signer = MemorySigner(alpha.did, "key-2")
        alpha.wire._signer = alpha.signer
        alpha.join_space()  # the authority vouches for the new key
        assert alpha.call(beta, "GetNegotiationMessage", ASKED) == STATE
        assert len(beta.log("participant.renewed")) == 1

    def test_a_key_that_the_authority_never_saw_is_not_learnt(self, space: LiveSpace) -> None:
        alpha, beta = space["alpha"], space["beta"]
        alpha.signer = MemorySigner(alpha.did, "key-2")
        alpha.wire._signer = alpha.signer
        with pytest.raises(Exception, match="token") as caught:
            alpha.call(beta, "GetNegotiationMessage", ASKED)
        assert getattr(caught.value, "code", "") == "TOKEN_INVALID"
        assert beta.log("participant.renewed") == []

    def test_a_second_ca_is_learnt_at_the_first_call(self, space: LiveSpace) -> None:
        alpha, beta, gamma = space["alpha"], space["beta"], space.add("gamma")
        space.meet("gamma", "beta")
        # The door is open for the new CA only once it is known, so the refresh comes first.
        alpha.tls_authorities.append(alpha.make_tls_authority())
        leaf = leaf_of(alpha.tls_authorities[1], alpha.did, alpha)
        data = body_of("x")
        shown = token_of(alpha, beta, GET, data, leaf_pem=leaf.certificate)
        assert refusal(beta, leaf, shown, GET, data) == PeerUnreachable.code
        onboard.reacquaint(beta.ports, alpha.did)
        assert refusal(beta, leaf, shown, GET, data) == ""
        assert gamma.call(beta, "GetNegotiationMessage", ASKED) == STATE


class TestThreads:
    def test_callers_that_send_nothing_hold_no_thread(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(arrivals, "REQUEST_SECONDS", 600.0)  # nobody is saved by the timeout
        names = ("alpha", "gamma", "delta", "beta")
        with live_space(tmp_path, *names, unary_threads=2) as space, ExitStack() as stack:
            beta = space["beta"]
            for name in names[:3]:
                space.meet(name, "beta")
            answer_all(beta)
            done = threading.Event()

            def silent() -> Iterator[bytes]:
                done.wait(60)
                yield from ()

            calls = []
            for name in names[:2]:
                leaf = space[name].leaves.current()
                assert space[name].call(beta, "GetNegotiationMessage", ASKED) == STATE
                method = stack.enter_context(channel_to(beta, leaf)).stream_unary(GET)
                calls += [method.future(silent(), timeout=60) for _ in range(OPEN_PER_CALLER + 4)]
            assert space["delta"].call(beta, "GetNegotiationMessage", ASKED) == STATE
            assert wait_until(lambda: sum(call.done() for call in calls) == 2 * 4)
            refused = {translate(beta.did, c.exception(15)).code for c in calls if c.done()}
            assert refused == {"TOO_MANY_REQUESTS"}
            assert space["delta"].call(beta, "GetNegotiationMessage", ASKED) == STATE
            done.set()
            codes = {translate(beta.did, call.exception(15)).code for call in calls}
            assert codes == {"TOO_MANY_REQUESTS", "MALFORMED_MESSAGE"}
            assert space["alpha"].call(beta, "GetNegotiationMessage", ASKED) == STATE

    def test_a_request_that_does_not_come_is_answered_with_a_code(
        self, space: LiveSpace, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(arrivals, "REQUEST_SECONDS", 0.2)
        monkeypatch.setattr(arrivals, "LATE_SECONDS", 0.0)  # others ask the same node
        alpha, beta = space["alpha"], space["beta"]
        done = threading.Event()

        def silent() -> Iterator[bytes]:
            done.wait(20)
            yield from ()

        with channel_to(beta, alpha.leaves.current()) as channel:
            failed = channel.stream_unary(GET).future(silent(), timeout=15).exception(15)
            done.set()
        assert translate(beta.did, failed).code == "MALFORMED_MESSAGE"
        assert len(beta.log("call.refused")) == 1

    def test_a_call_without_a_message(self, space: LiveSpace) -> None:
        alpha, beta = space["alpha"], space["beta"]
        shown = token_of(alpha, beta, GET, b"")
        with channel_to(beta, alpha.leaves.current()) as channel:
            call = channel.stream_unary(GET).future(
                iter(()), timeout=15, metadata=(*STATED, (TOKEN_KEY, shown))
            )
            assert translate(beta.did, call.exception(15)).code == "MALFORMED_MESSAGE"
