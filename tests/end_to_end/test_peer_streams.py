"""Streams of federated jobs over real TLS: seats, limits, trust at each frame, rotation."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
import pytest

from connector.domain.federation.frames import Finish, Hello, Round, RoundRefusal, RoundReply
from connector.errors import (
    CredentialRevoked,
    Malformed,
    ManifestTampered,
    MessageTooLarge,
    NotFound,
    PeerUnreachable,
    PreauError,
    TooManyRequests,
    TooManyStreams,
)
from connector.peer.routes import (
    PARTICIPATE,
    SEATED_KEY,
    STATED,
    TOKEN_KEY,
    write_hello,
    write_site_frame,
)
from connector.peer.site_stream import GrpcSiteStream
from connector.peer.status import translate
from connector.protocol.messages import ContractNegotiation
from connector.services.federation.lead.hub import Left, Seat
from connector.services.membership import onboard
from tests.support.live_space import LiveSpace, Node, live_space, wait_until
from tests.support.raw_caller import channel_to, token_of

JOB, DIGEST = "urn:uuid:00000000-0000-4000-8000-00000000000a", "ab" * 32
OTHER = "urn:uuid:00000000-0000-4000-8000-00000000000b"
HELLO = Hello(JOB, DIGEST)
STATE = ContractNegotiation("p", "c", "REQUESTED").to_body()
ROUND_1 = Round(1, (), b"model 1")


@pytest.fixture
def space(tmp_path: Path) -> Iterator[LiveSpace]:
    with live_space(tmp_path, "site", "lead", max_message_bytes=100_000) as made:
        made.meet("site", "lead")
        made["lead"].hub.open(JOB, DIGEST, [made["site"].did])
        yield made


def join(site: Node, lead: Node, hello: Hello = HELLO) -> GrpcSiteStream:
    return site.wire.participate(site.known(lead.did), hello)


def streams_of(lead: Node) -> int:
    server = lead.face.grpc
    assert server is not None
    return server.streams.open_streams()


class TestFrames:
    def test_rounds_and_finish(self, space: LiveSpace) -> None:
        site, lead = space["site"], space["lead"]
        stream = join(site, lead)
        assert stream.receive(0) is None
        assert lead.hub.connected(JOB) == (site.did,)
        assert lead.hub.send(JOB, site.did, ROUND_1)
        assert stream.receive(10) == ROUND_1
        stream.send(RoundReply(1, b"update 1"))
        assert lead.hub.receive(JOB, 10) == (site.did, RoundReply(1, b"update 1"))
        second = Round(2, (site.did,), b"model 2")
        lead.hub.send(JOB, site.did, second)
        assert stream.receive(10) == second
        stream.send(RoundRefusal(2, "TOO_FEW_SITES", "only one site"))
        refused = RoundRefusal(2, "TOO_FEW_SITES", "only one site")
        assert lead.hub.receive(JOB, 10) == (site.did, refused)
        finish = Finish("failed", "TOO_FEW_SITES", "only one site")
        lead.hub.send(JOB, site.did, finish)
        lead.hub.close(JOB)
        assert stream.receive(10) == finish
        with pytest.raises(PeerUnreachable):
            stream.receive(10)
        with pytest.raises(PeerUnreachable):
            stream.send(RoundReply(3, b""))
        stream.close()
        assert wait_until(lambda: streams_of(lead) == 0)

    def test_the_lead_learns_that_a_site_left(self, space: LiveSpace) -> None:
        site, lead = space["site"], space["lead"]
        stream = join(site, lead)
        stream.close()
        assert lead.hub.receive(JOB, 10) == (site.did, Left("", "the site closed its stream"))
        assert lead.hub.connected(JOB) == ()

    def test_the_lead_learns_that_a_connection_broke(self, space: LiveSpace) -> None:
        site, lead = space["site"], space["lead"]
        join(site, lead)
        site.wire.close()
        heard = lead.hub.receive(JOB, 10)
        assert heard is not None
        assert isinstance(heard[1], Left)

    def test_a_site_that_goes_while_it_is_seated_keeps_no_seat(
        self, space: LiveSpace, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        site, lead = space["site"], space["lead"]
        seated, begun, go = lead.hub.join, threading.Event(), threading.Event()

        def slow(job_id: str, did: str, hello: Hello) -> Seat:
            begun.set()
            go.wait(10)
            return seated(job_id, did, hello)

        monkeypatch.setattr(lead.hub, "join", slow)
        with ThreadPoolExecutor(1) as pool:
            joining = pool.submit(join, site, lead)
            assert begun.wait(10)
            site.wire.close()
            assert isinstance(joining.exception(10), PeerUnreachable)
        assert wait_until(lambda: streams_of(lead) == 0)
        go.set()
        assert lead.hub.receive(JOB, 10) == (site.did, Left("", "the stream ended"))
        assert lead.hub.connected(JOB) == ()

    def test_an_unanswered_round_is_handed_out_again(self, space: LiveSpace) -> None:
        site, lead = space["site"], space["lead"]
        first = join(site, lead)
        lead.hub.send(JOB, site.did, ROUND_1)
        assert first.receive(10) == ROUND_1
        second = join(site, lead)  # the site lost the connection before it answered
        assert second.receive(10) == ROUND_1
        with pytest.raises(PeerUnreachable):
            first.receive(10)
        second.send(RoundReply(1, b"update"))
        assert lead.hub.receive(JOB, 10) == (site.did, RoundReply(1, b"update"))
        third = join(site, lead)
        assert third.receive(0.2) is None
        for stream in (first, second, third):
            stream.close()

    def test_a_site_cut_off_before_the_finish_gets_it(self, space: LiveSpace) -> None:
        site, lead = space["site"], space["lead"]
        lead.hub.send(JOB, site.did, Finish("completed", "", ""))
        lead.hub.close(JOB)
        stream = join(site, lead)
        assert stream.receive(10) == Finish("completed", "", "")
        stream.close()

    def test_a_stop_of_the_lead_is_no_hang(self, space: LiveSpace) -> None:
        site, lead = space["site"], space["lead"]
        stream = join(site, lead)
        lead.face.stop()
        with pytest.raises(PeerUnreachable):
            stream.receive(10)
        with pytest.raises(PeerUnreachable):
            join(site, lead)
        stream.close()


class TestRefused:
    def test_unknown_job(self, space: LiveSpace) -> None:
        with pytest.raises(NotFound):
            join(space["site"], space["lead"], Hello(OTHER, DIGEST))
        assert len(space["lead"].log("call.refused")) == 1

    def test_a_site_of_no_contract_gets_the_same_answer(self, space: LiveSpace) -> None:
        other = space.add("other")
        space.meet("other", "lead")
        with pytest.raises(NotFound) as stranger:
            join(other, space["lead"])
        with pytest.raises(NotFound) as unknown:
            join(other, space["lead"], Hello(OTHER, DIGEST))
        assert stranger.value.reason.replace(JOB, "") == unknown.value.reason.replace(OTHER, "")

    def test_another_manifest(self, space: LiveSpace) -> None:
        with pytest.raises(ManifestTampered):
            join(space["site"], space["lead"], Hello(JOB, "cd" * 32))

    def test_too_large_a_reply(self, space: LiveSpace) -> None:
        site, lead = space["site"], space["lead"]
        stream = join(site, lead)
        with pytest.raises(MessageTooLarge):
            stream.send(RoundReply(1, b"x" * 200_000))
        stream.send(RoundReply(1, b"x" * 90_000))
        heard = lead.hub.receive(JOB, 10)
        assert heard is not None
        assert heard[0] == site.did
        stream.close()

    def test_too_large_a_round(self, space: LiveSpace) -> None:
        site, lead = space["site"], space["lead"]
        stream = join(site, lead)
        lead.hub.send(JOB, site.did, Round(1, (), b"x" * 200_000))
        with pytest.raises(MessageTooLarge):
            stream.receive(10)
        stream.close()

    def test_a_flood(self, space: LiveSpace) -> None:
        site, lead = space["site"], space["lead"]
        stream = join(site, lead)

        def flood() -> None:
            for number in range(100):
                stream.send(RoundReply(number, b""))
                stream.receive(0.02)

        with pytest.raises(TooManyRequests):
            flood()
        stream.close()
        assert len(lead.log("call.refused")) == 1


class TestByHand:
    """Streams that a sound client would not open."""

    def refusal(self, space: LiveSpace, frames: list[bytes], shown: str) -> str:
        lead, leaf = space["lead"], space["site"].leaves.current()
        done = threading.Event()

        def requests() -> Iterator[bytes]:
            yield from frames
            done.wait(20)

        with channel_to(lead, leaf) as channel:
            call = channel.stream_stream(PARTICIPATE)(
                requests(), metadata=(*STATED, (TOKEN_KEY, shown)), timeout=15
            )
            try:
                if SEATED_KEY in dict(call.initial_metadata()) and len(frames) == 1:
                    return ""
                for _ in call:
                    pass
            except grpc.RpcError as exc:
                return translate("the lead", exc).code
            finally:
                done.set()
        return ""

    def token(self, space: LiveSpace, first: bytes, method: str = PARTICIPATE) -> str:
        return token_of(space["site"], space["lead"], method, first)

    def test_sound(self, space: LiveSpace) -> None:
        first = write_hello(HELLO)
        assert self.refusal(space, [first], self.token(space, first)) == ""

    def test_token_of_other_bytes(self, space: LiveSpace) -> None:
        first = write_hello(HELLO)
        other = write_hello(Hello(OTHER, DIGEST))
        assert self.refusal(space, [first], self.token(space, other)) == "TOKEN_MISMATCH"
        assert self.refusal(space, [first], self.token(space, b"")) == "TOKEN_MISMATCH"
        assert space["lead"].hub.connected(JOB) == ()

    def test_token_used_before(self, space: LiveSpace) -> None:
        first = write_hello(HELLO)
        shown = self.token(space, first)
        assert self.refusal(space, [first], shown) == ""
        assert self.refusal(space, [first], shown) == "TOKEN_REPLAYED"

    def test_no_hello(self, space: LiveSpace) -> None:
        first = write_site_frame(RoundReply(1, b""))
        assert self.refusal(space, [first], self.token(space, first)) == Malformed.code
        assert self.refusal(space, [b"\xff"], self.token(space, b"\xff")) == Malformed.code

    def test_a_second_hello_and_rubbish(self, space: LiveSpace) -> None:
        first = write_hello(HELLO)
        for second in (first, b"\xff\xff"):
            assert self.refusal(space, [first, second], self.token(space, first)) == Malformed.code

    def test_a_frame_beyond_the_limit(self, space: LiveSpace) -> None:
        first, second = write_hello(HELLO), write_site_frame(RoundReply(1, b"x" * 120_000))
        code = self.refusal(space, [first, second], self.token(space, first))
        assert code == MessageTooLarge.code


class TestLimits:
    def test_streams_at_their_limit_leave_unary_calls_alone(self, tmp_path: Path) -> None:
        names = ("one", "two", "lead")
        with live_space(
            tmp_path, *names, max_streams=3, max_streams_per_peer=2, unary_threads=2
        ) as space:
            one, two, lead = (space[name] for name in names)
            lead.heard.answers["GetNegotiationMessage"] = lambda _caller, _body: STATE
            for site in (one, two):
                space.meet(site.home.name, "lead")
            jobs = [Hello(f"{JOB[:-1]}{number}", DIGEST) for number in range(4)]
            for job in jobs:
                lead.hub.open(job.job_id, DIGEST, [one.did, two.did])
            open_streams = [join(one, lead, jobs[0]), join(one, lead, jobs[1])]
            with pytest.raises(TooManyStreams):
                join(one, lead, jobs[2])
            open_streams.append(join(two, lead, jobs[0]))
            with pytest.raises(TooManyStreams):
                join(two, lead, jobs[1])
            for _ in range(5):
                assert one.call(lead, "GetNegotiationMessage", {"pid": "x"}) == STATE
            open_streams.pop(0).close()
            assert wait_until(lambda: streams_of(lead) == 2)
            open_streams.append(join(one, lead, jobs[2]))
            for stream in open_streams:
                stream.close()

    def test_a_stream_that_says_nothing_is_counted_and_answered(self, tmp_path: Path) -> None:
        with live_space(tmp_path, "site", "lead", max_streams=1) as space:
            site, lead = space["site"], space["lead"]
            space.meet("site", "lead")
            lead.hub.open(JOB, DIGEST, [site.did])
            done = threading.Event()

            def silent() -> Iterator[bytes]:
                done.wait(20)
                yield from ()

            with channel_to(lead, site.leaves.current()) as channel:
                call = channel.stream_stream(PARTICIPATE)(silent(), timeout=15)
                assert wait_until(lambda: streams_of(lead) == 1)
                with pytest.raises(TooManyStreams):
                    join(site, lead)
                done.set()
                with pytest.raises(grpc.RpcError) as caught:
                    list(call)
            assert translate("the lead", caught.value).code == Malformed.code
            join(site, lead).close()


class TestTrust:
    def test_revoked_between_two_rounds(self, space: LiveSpace) -> None:
        """No frame goes to a site that is no longer a member, whoever wakes whom."""
        site, lead = space["site"], space["lead"]
        stream = join(site, lead)
        lead.hub.send(JOB, site.did, ROUND_1)
        assert stream.receive(10) == ROUND_1
        space.authority.revoke(site.did)
        for url in [space.authority.status_url]:
            onboard.fetching.refresh_list(lead.ports, url)  # learnt, but nobody is woken
        lead.hub.send(JOB, site.did, Round(2, (site.did,), b"model 2"))
        with pytest.raises(CredentialRevoked):
            stream.receive(10)
        assert lead.hub.receive(JOB, 10) == (
            site.did,
            Left("CREDENTIAL_REVOKED", "the membership was revoked"),
        )
        with pytest.raises(CredentialRevoked):
            join(site, lead)
        stream.close()

    def test_a_revocation_ends_an_idle_stream_at_once(self, space: LiveSpace) -> None:
        site, lead, other = space["site"], space["lead"], space.add("other")
        space.meet("other", "lead")
        lead.hub.open(OTHER, DIGEST, [other.did])
        stream = join(site, lead)
        staying = join(other, lead, Hello(OTHER, DIGEST))
        space.authority.revoke(site.did)
        assert onboard.refresh(lead.ports) == [site.did]
        with pytest.raises(CredentialRevoked):
            stream.receive(10)
        assert staying.receive(0.2) is None
        stream.close()
        staying.close()


class TestLeafRotation:
    def test_leaves_rotate_under_calls_and_streams(self, tmp_path: Path) -> None:
        """Old and new overlap: no call fails, and a stream of the old leaf lives on."""
        with live_space(tmp_path, "site", "lead", leaf_seconds=400.0) as space:
            site, lead = space["site"], space["lead"]
            lead.heard.answers["GetNegotiationMessage"] = lambda _caller, _body: STATE
            space.meet("site", "lead")
            lead.hub.open(JOB, DIGEST, [site.did])
            stream = join(site, lead)
            before = [each.leaves.current().thumbprint for each in (site, lead)]
            failures: list[PreauError] = []
            answered: list[object] = []
            stop = threading.Event()

            def call_on() -> None:
                while not stop.is_set():
                    try:
                        answered.append(site.call(lead, "GetNegotiationMessage", {"pid": "x"}))
                    except PreauError as exc:
                        failures.append(exc)

            callers = [threading.Thread(target=call_on, daemon=True) for _ in range(2)]
            for caller in callers:
                caller.start()
            try:
                for _ in range(14):  # time goes by in steps that a call on its way survives
                    goal = len(answered) + 4
                    assert wait_until(lambda goal=goal: failures or len(answered) > goal)
                    for each in (site, lead):
                        each.clock.advance(15)
            finally:
                stop.set()
                for caller in callers:
                    caller.join(10)
            after = [each.leaves.current().thumbprint for each in (site, lead)]
            assert failures == []
            assert set(before).isdisjoint(after)
            lead.hub.send(JOB, site.did, ROUND_1)
            assert stream.receive(10) == ROUND_1
            stream.close()
