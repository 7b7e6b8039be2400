"""Bad input of identity over real TLS, each with its positive twin."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from types import FrameType
from typing import Any

import grpc
import pytest

from connector.errors import (
    CredentialExpired,
    CredentialRevoked,
    MessageTooLarge,
    NotFound,
    PeerUnreachable,
    PreauError,
    StatusListStale,
    TokenInvalid,
    UntrustedIssuer,
)
from connector.peer.calls import server
from connector.peer.calls.unary import MOST_BYTES
from connector.peer.routes import FETCH, PARTICIPATE, STATED, TOKEN_KEY
from connector.peer.status import translate
from connector.peer.v1 import (
    audit_pb2,
    catalog_pb2,
    federation_pb2,
    negotiation_pb2,
    transfer_pb2,
    use_pb2,
)
from connector.services.membership import onboard
from tests.support.doubles import trust_only
from tests.support.keys import MemorySigner
from tests.support.live_space import (
    ASKED,
    STATE,
    LiveAuthority,
    LiveSpace,
    answer_all,
    live_space,
    wait_until,
)
from tests.support.raw_caller import (
    CATALOG,
    GET,
    ask,
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


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveSpace]:
    with live_space(tmp_path_factory.mktemp("tokens"), "alpha", "beta", "gamma") as made:
        made.meet("alpha", "beta")
        made.meet("gamma", "beta")
        answer_all(made["beta"])
        yield made


def test_two_members_meet_and_call(space: LiveSpace) -> None:
    alpha, beta = space["alpha"], space["beta"]
    assert alpha.call(beta, "GetNegotiationMessage", ASKED) == STATE
    assert beta.heard.calls == [("GetNegotiationMessage", alpha.did, ASKED)]
    with pytest.raises(NotFound):
        beta.call(alpha, "GetNegotiationMessage", ASKED)


def test_every_refusal_is_in_the_log_and_reaches_no_handler(space: LiveSpace) -> None:
    alpha, beta = space["alpha"], space["beta"]
    leaf, data = alpha.leaves.current(), body_of("x")
    assert refusal(beta, leaf, None, GET, data) == "TOKEN_MISSING"
    assert beta.heard.calls == []
    (event,) = beta.log("call.refused")
    assert b"TOKEN_MISSING" in event
    assert alpha.did.encode() in event


def test_an_answer_that_does_not_fit_is_our_own_fault(space: LiveSpace) -> None:
    alpha, beta = space["alpha"], space["beta"]
    beta.heard.answers["GetNegotiationMessage"] = lambda _caller, _body: {"surprise": 1}
    with pytest.raises(PreauError) as caught:
        alpha.call(beta, "GetNegotiationMessage", ASKED)
    assert caught.value.code == PreauError.code
    beta.heard.answers["GetNegotiationMessage"] = lambda _caller, _body: STATE
    assert alpha.call(beta, "GetNegotiationMessage", ASKED) == STATE


class TestStrangers:
    def test_a_stranger_does_not_get_through_the_handshake(self, space: LiveSpace) -> None:
        stranger = space.add("stranger")
        beta = space["beta"]
        data = body_of("x")
        shown = token_of(stranger, beta, GET, data)
        assert refusal(beta, stranger.leaves.current(), shown, GET, data) == PeerUnreachable.code
        assert beta.heard.calls == []
        space.meet("stranger", "beta")
        shown = token_of(stranger, beta, GET, data)
        assert refusal(beta, stranger.leaves.current(), shown, GET, data) == ""

    def test_a_did_never_admitted_under_an_admitted_ca(self, space: LiveSpace) -> None:
        alpha, beta = space["alpha"], space["beta"]
        data, unknown = body_of("x"), "did:web:nobody.example"
        leaf = leaf_of(alpha.tls_authorities[0], unknown, alpha)
        shown = token_of(alpha, beta, GET, data, leaf_pem=leaf.certificate)
        assert refusal(beta, leaf, shown, GET, data) == "UNKNOWN_PEER"

    def test_a_leaf_with_a_stolen_name(self, space: LiveSpace) -> None:
        """A member's CA opens the door, but may not speak for another member."""
        alpha, beta, gamma = space["alpha"], space["beta"], space.add("gamma")
        space.meet("gamma", "beta")
        data = body_of("x")
        stolen = leaf_of(gamma.tls_authorities[0], alpha.did, gamma)
        shown = token_of(alpha, beta, GET, data, leaf_pem=stolen.certificate)
        assert refusal(beta, stolen, shown, GET, data) == "CERTIFICATE_MISMATCH"
        assert beta.heard.calls == []
        own = leaf_of(alpha.tls_authorities[0], alpha.did, alpha)
        shown = token_of(alpha, beta, GET, data, leaf_pem=own.certificate)
        assert refusal(beta, own, shown, GET, data) == ""

    def test_the_own_ca_does_not_open_the_own_door(self, space: LiveSpace) -> None:
        beta, data = space["beta"], body_of("x")
        shown = token_of(beta, beta, GET, data)
        assert refusal(beta, beta.leaves.current(), shown, GET, data) == "UNKNOWN_PEER"


class TestTokens:
    @pytest.fixture
    def space(self, shared: LiveSpace) -> LiveSpace:
        shared["beta"].heard.calls.clear()
        return shared

    def test_no_method_answers_without_a_token(self, space: LiveSpace) -> None:
        alpha, beta = space["alpha"], space["beta"]
        files = (audit_pb2, catalog_pb2, federation_pb2, negotiation_pb2, transfer_pb2, use_pb2)
        found = [
            f"/{service.full_name}/{method.name}"
            for file in files
            for service in file.DESCRIPTOR.services_by_name.values()
            for method in service.methods
        ]
        assert len(found) > 20
        with channel_to(beta, alpha.leaves.current()) as channel:

            def code(method: str, *shown: str) -> str:
                metadata = (*STATED, *((TOKEN_KEY, each) for each in shown))
                call = channel.stream_stream(method)(iter([b""]), timeout=20, metadata=metadata)
                try:
                    list(call)
                except grpc.RpcError as exc:
                    return translate(beta.did, exc).code
                return ""

            for method in found:
                assert code(method) == "TOKEN_MISSING", method
                if method not in (PARTICIPATE, FETCH):  # streams: `test_peer_streams.py`
                    said = code(method, token_of(alpha, beta, method, b""))
                    assert said in ("", "NOT_FOUND", "MALFORMED_MESSAGE"), method

    def test_a_token_is_good_once(self, space: LiveSpace) -> None:
        alpha, beta, data = space["alpha"], space["beta"], body_of("x")
        leaf, shown = alpha.leaves.current(), token_of(alpha, beta, GET, data)
        assert refusal(beta, leaf, shown, GET, data) == ""
        assert refusal(beta, leaf, shown, GET, data) == "TOKEN_REPLAYED"
        assert len(beta.heard.calls) == 1

    @pytest.mark.parametrize("size", [2 << 20, MOST_BYTES])  # of which one is too large
    def test_a_refused_request_waits_for_no_collector(self, space: LiveSpace, size: int) -> None:
        alpha, beta = space["alpha"], space["beta"]
        leaf, data = alpha.leaves.current(), b"\xff" * (size + 1)
        gc.collect()
        gc.disable()
        try:
            for _ in range(4):  # the first have ended when the last is answered
                assert refusal(beta, leaf, token_of(alpha, beta, GET, data), GET, data) in {
                    "MALFORMED_MESSAGE",
                    "MESSAGE_TOO_LARGE",
                }
            assert alpha.call(beta, "GetNegotiationMessage", ASKED) == STATE
            gc.set_debug(gc.DEBUG_SAVEALL)
            gc.collect()
            frames = [each for each in gc.garbage if isinstance(each, FrameType)]
            holding = {
                f"{frame.f_code.co_qualname}: {name}"
                for frame in frames
                for name, value in frame.f_locals.items()
                if isinstance(value, bytes) and len(value) > size
            }
            assert holding == set()
        finally:
            gc.set_debug(0)
            gc.garbage.clear()
            gc.enable()

    def test_a_token_is_good_once_also_over_a_restart(self, space: LiveSpace) -> None:
        alpha, beta, data = space["alpha"], space["beta"], body_of("x")
        leaf, shown = alpha.leaves.current(), token_of(alpha, beta, GET, data)
        assert refusal(beta, leaf, shown, GET, data) == ""
        beta.restart()
        assert refusal(beta, leaf, shown, GET, data) == "TOKEN_REPLAYED"
        assert refusal(beta, leaf, token_of(alpha, beta, GET, data), GET, data) == ""

    def test_several_tokens(self, space: LiveSpace) -> None:
        alpha, beta = space["alpha"], space["beta"]
        leaf, data = alpha.leaves.current(), body_of("x")
        shown = token_of(alpha, beta, GET, data)
        with pytest.raises(TokenInvalid, match="2 tokens"):
            ask(beta, leaf, shown, GET, data, "x")
        assert refusal(beta, leaf, shown, GET, data) == ""

    def test_a_refused_token_is_not_used_up(self, space: LiveSpace) -> None:
        alpha, beta, data = space["alpha"], space["beta"], body_of("x")
        leaf, shown = alpha.leaves.current(), token_of(alpha, beta, GET, data)
        assert refusal(beta, leaf, shown, GET, body_of("y")) == "TOKEN_MISMATCH"
        assert refusal(beta, leaf, shown, GET, data) == ""

    def test_of_another_method(self, space: LiveSpace) -> None:
        alpha, beta = space["alpha"], space["beta"]
        leaf, shown = alpha.leaves.current(), token_of(alpha, beta, GET, b"")
        assert refusal(beta, leaf, shown, CATALOG, b"") == "TOKEN_MISMATCH"
        assert refusal(beta, leaf, token_of(alpha, beta, CATALOG, b""), CATALOG, b"") == ""

    def test_of_another_body(self, space: LiveSpace) -> None:
        alpha, beta = space["alpha"], space["beta"]
        shown = token_of(alpha, beta, GET, body_of("x"))
        assert refusal(beta, alpha.leaves.current(), shown, GET, body_of("y")) == "TOKEN_MISMATCH"

    def test_of_another_certificate(self, space: LiveSpace) -> None:
        """A token stolen in transit is worth nothing without the private key of its leaf."""
        alpha, beta, data = space["alpha"], space["beta"], body_of("x")
        shown = token_of(alpha, beta, GET, data)
        other = leaf_of(alpha.tls_authorities[0], alpha.did, alpha)
        assert refusal(beta, other, shown, GET, data) == "TOKEN_MISMATCH"
        assert refusal(beta, alpha.leaves.current(), shown, GET, data) == ""

    def test_of_another_peer_over_the_own_connection(self, space: LiveSpace) -> None:
        alpha, beta, gamma = space["alpha"], space["beta"], space["gamma"]
        data, leaf = body_of("x"), gamma.leaves.current()
        shown = token_of(alpha, beta, GET, data, leaf_pem=leaf.certificate)
        assert refusal(beta, leaf, shown, GET, data) == "TOKEN_INVALID"

    @pytest.mark.parametrize(
        "changes",
        [
            {"audience": "did:web:somebody.example"},
            {"did": "did:web:somebody.example"},
            {"late": 120},
            {"late": -120},
            {"stranger": True},
        ],
        ids=["audience", "issuer", "expired", "future", "another key"],
    )
    def test_wrong_in_itself(self, space: LiveSpace, changes: dict[str, Any]) -> None:
        alpha, beta, data = space["alpha"], space["beta"], body_of("x")
        late = timedelta(seconds=changes.pop("late", 0))
        if changes.pop("stranger", False):
            changes["signer"] = MemorySigner(alpha.did)
        shown = token_of(alpha, beta, GET, data, now=alpha.clock.now() - late, **changes)
        assert refusal(beta, alpha.leaves.current(), shown, GET, data) == "TOKEN_INVALID"
        assert beta.heard.calls == []

    @pytest.mark.parametrize("shown", ["x", "a.b.c", "..", "a" * 9000])
    def test_not_a_token(self, space: LiveSpace, shown: str) -> None:
        alpha, beta = space["alpha"], space["beta"]
        leaf, data = alpha.leaves.current(), body_of("x")
        assert refusal(beta, leaf, shown, GET, data) == "TOKEN_INVALID"
        assert refusal(beta, leaf, "", GET, data) == "TOKEN_MISSING"
        assert refusal(beta, leaf, token_of(alpha, beta, GET, data), GET, data) == ""


class TestMembership:
    def test_revoked(self, space: LiveSpace) -> None:
        alpha, beta = space["alpha"], space["beta"]
        space.authority.revoke(alpha.did)
        assert alpha.call(beta, "GetNegotiationMessage", ASKED) == STATE  # not known yet
        assert onboard.refresh(beta.ports) == [alpha.did]
        with pytest.raises(CredentialRevoked):
            alpha.call(beta, "GetNegotiationMessage", ASKED)
        assert len(beta.heard.calls) == 1
        assert any(b"CREDENTIAL_REVOKED" in event for event in beta.log("call.refused"))

    def test_the_others_stay_in_good_standing(self, space: LiveSpace) -> None:
        alpha, beta, gamma = space["alpha"], space["beta"], space.add("gamma")
        space.meet("gamma", "beta")
        space.authority.revoke(alpha.did)
        assert onboard.refresh(beta.ports) == [alpha.did]
        assert gamma.call(beta, "GetNegotiationMessage", ASKED) == STATE

    def test_expired(self, tmp_path: Path) -> None:
        with live_space(tmp_path) as space:
            space.authority.life = timedelta(minutes=20)
            alpha, beta = space.add("alpha"), space.add("beta")
            space.meet("alpha", "beta")
            answer_all(beta)
            for seconds in (600, 660):
                for each in (alpha, beta):
                    each.clock.advance(seconds)
                if seconds == 600:
                    assert alpha.call(beta, "GetNegotiationMessage", ASKED) == STATE
            with pytest.raises(CredentialExpired):
                alpha.call(beta, "GetNegotiationMessage", ASKED)

    def test_an_expired_membership_is_renewed_by_the_timer(self, tmp_path: Path) -> None:
        with live_space(tmp_path) as space:
            space.authority.life = timedelta(minutes=20)
            alpha, beta = space.add("alpha"), space.add("beta")
            space.meet("alpha", "beta")
            answer_all(beta)
            for each in (alpha, beta, space.authority):
                each.clock.advance(1260)
            assert onboard.refresh(beta.ports) == [alpha.did]
            alpha.join_space()
            assert onboard.refresh(beta.ports) == []
            assert alpha.call(beta, "GetNegotiationMessage", ASKED) == STATE

    def test_stale_status_list(self, tmp_path: Path) -> None:
        with live_space(tmp_path) as space:
            space.authority.list_life = timedelta(minutes=20)
            alpha, beta = space.add("alpha"), space.add("beta")
            space.meet("alpha", "beta")
            answer_all(beta)
            space.authority.stop()
            for each in (alpha, beta, space.authority):
                each.clock.advance(1100)
            onboard.refresh(beta.ports)
            assert alpha.call(beta, "GetNegotiationMessage", ASKED) == STATE
            for each in (alpha, beta, space.authority):
                each.clock.advance(110)
            assert onboard.refresh(beta.ports) == [alpha.did]
            with pytest.raises(StatusListStale):
                alpha.call(beta, "GetNegotiationMessage", ASKED)
            space.authority.start()
            assert onboard.refresh(beta.ports) == []
            assert alpha.call(beta, "GetNegotiationMessage", ASKED) == STATE

    def test_untrusted_issuer(self, space: LiveSpace, tmp_path: Path) -> None:
        """A membership is worth nothing when its issuer is not on the list."""
        other = LiveAuthority(tmp_path / "other", space.web, "another space")
        space.stack.callback(other.close)
        other.start()
        beta, foreign = space["beta"], space.add("foreign", member=False)
        foreign.membership = other.admit(foreign.did, foreign.document(), space=beta.settings.space)
        with pytest.raises(UntrustedIssuer):
            onboard.welcome(beta.ports, foreign.did)
        foreign.join_space()
        assert onboard.welcome(beta.ports, foreign.did).did == foreign.did

    def test_an_issuer_taken_off_the_list(self, tmp_path: Path) -> None:
        with live_space(tmp_path, "alpha") as space:
            alpha, beta = space["alpha"], space.add("beta")
            space.meet("alpha", "beta")
            trust_only(beta.settings)
            with pytest.raises(UntrustedIssuer):
                alpha.call(beta, "GetNegotiationMessage", ASKED)

    def test_an_authority_that_is_down_stops_nothing(self, space: LiveSpace) -> None:
        alpha, beta, gamma = space["alpha"], space["beta"], space.add("gamma")
        space.authority.stop()
        assert alpha.call(beta, "GetNegotiationMessage", ASKED) == STATE
        assert onboard.refresh(beta.ports) == []
        assert alpha.call(beta, "GetNegotiationMessage", ASKED) == STATE
        space.meet("gamma", "beta")  # even a first contact: issuer and list are cached
        assert gamma.call(beta, "GetNegotiationMessage", ASKED) == STATE


class TestMessages:
    def test_malformed(self, space: LiveSpace) -> None:
        alpha, beta = space["alpha"], space["beta"]
        leaf = alpha.leaves.current()
        for data in (b"\xff\xff\xff", b"\x0a\x05ab", body_of("x") + b"\x7a\x01z"):
            shown = token_of(alpha, beta, GET, data)
            assert refusal(beta, leaf, shown, GET, data) == "MALFORMED_MESSAGE"
        assert beta.heard.calls == []

    def test_oversized(self, tmp_path: Path) -> None:
        with live_space(tmp_path, "alpha", "beta", max_message_bytes=10_000) as space:
            alpha, beta = space["alpha"], space["beta"]
            space.meet("alpha", "beta")
            answer_all(beta)
            leaf = alpha.leaves.current()
            for size, code in (
                (9_900, ""),
                (10_100, MessageTooLarge.code),
                (12_000_000, MessageTooLarge.code),
            ):
                data = body_of("x" * size)
                assert refusal(beta, leaf, token_of(alpha, beta, GET, data), GET, data) == code
            lines = [line for line in beta.log("call.refused") if b"MESSAGE_TOO_LARGE" in line]
            assert len(lines) == 2
            # gRPC itself refuses what is far over; the log says that a request was cut off
            data = body_of("x" * server.received_bytes(10_000))
            code = refusal(beta, leaf, token_of(alpha, beta, GET, data), GET, data)
            assert code == MessageTooLarge.code
            assert wait_until(
                lambda: any(b"MALFORMED_MESSAGE" in line for line in beta.log("call.refused"))
            )
            with pytest.raises(MessageTooLarge):
                alpha.call(beta, "GetNegotiationMessage", {"pid": "x" * 10_100})
            assert len(beta.heard.calls) == 1

    def test_an_unforeseen_failure_tells_nothing(self, space: LiveSpace) -> None:
        alpha, beta = space["alpha"], space["beta"]

        def fail(_caller: object, _body: object) -> dict[str, Any]:
            raise ZeroDivisionError("a secret of the node")

        beta.heard.answers["GetNegotiationMessage"] = fail
        data = body_of("x")
        with pytest.raises(Exception, match="operator finds the cause") as caught:
            ask(beta, alpha.leaves.current(), token_of(alpha, beta, GET, data), GET, data)
        assert "secret" not in str(caught.value)
