"""Tables and small parts of the gRPC and HTTPS bindings, without a network."""

from __future__ import annotations

import asyncio
import math
import threading
from collections import Counter
from itertools import count
from pathlib import Path
from typing import Any

import grpc
import httpx
import pytest
from starlette.routing import Route

from connector.domain.federation.frames import Finish, Hello, Round, RoundRefusal, RoundReply
from connector.errors import (
    KeyUnusable,
    Malformed,
    NotFound,
    PreauError,
    StoreUnavailable,
    TokenReplayed,
    TooManyRequests,
    UnknownPeer,
)
from connector.identity import certificate
from connector.peer import credentials, routes
from connector.peer.calls.authenticate import Gate
from connector.peer.calls.refusals import PER_CALLER, PER_MINUTE, PUBLIC_PER_MINUTE, Refusals
from connector.peer.checkpoints import MAX_NOTE_BYTES, Checkpoints
from connector.peer.credentials import Leaves, ServerTrust
from connector.peer.limits.rate import MAX_KEYS, Rate, too_many
from connector.peer.status import problem, tellable, translate
from connector.peer.v1 import federation_pb2, negotiation_pb2, transfer_pb2
from connector.peer.web.client import GuardedWeb, tls_context
from connector.peer.web.https import PUBLIC, PublicFace
from connector.peer.web.https import problem as https_problem
from connector.services.guard import guarded
from connector.services.membership import onboard
from connector.services.messages.receive import HANDLERS
from tests.support.doubles import FixedClock, ports_for_tests
from tests.support.memory_web import PEER, World

JOB = "urn:uuid:00000000-0000-4000-8000-00000000000a"


class TestRoutes:
    def test_every_method_of_the_protocol_has_a_handler(self) -> None:
        assert {route.kind for route in routes.ROUTES} == set(HANDLERS)
        assert len(routes.BY_KIND) == len(routes.ROUTES)

    def test_the_table_is_the_protocol_buffers_own(self) -> None:
        from connector.peer.v1 import audit_pb2, catalog_pb2, use_pb2  # noqa: PLC0415

        declared = {
            f"/{service.full_name}/{method.name}": (method.input_type, method.output_type)
            for module in (
                *(audit_pb2, catalog_pb2, federation_pb2),
                *(negotiation_pb2, transfer_pb2, use_pb2),
            )
            for service in module.DESCRIPTOR.services_by_name.values()
            for method in service.methods
        }
        unary = {
            route.method: (route.request.DESCRIPTOR, route.answer.DESCRIPTOR)
            for route in routes.ROUTES
        }
        assert declared.pop(routes.PARTICIPATE)
        assert declared.pop(routes.FETCH)
        assert unary == declared

    def test_bodies_keep_everything(self) -> None:
        body = {
            "message_id": "m",
            "consumer_pid": "c",
            "provider_pid": "",
            "offer_id": "o",
            "dataset": "d",
            "policy": "eyJhIjoxfQ==",
        }
        message = routes.from_body(negotiation_pb2.ContractRequestMessage, body)
        raw = message.SerializeToString()
        read = routes.read(negotiation_pb2.ContractRequestMessage, raw)
        assert read.policy == b'{"a":1}'
        assert routes.to_body(read) == body

    @pytest.mark.parametrize("body", [{"surprise": 1}, {"policy": 5}, {"message_id": 5}])
    def test_bodies_that_do_not_fit(self, body: dict[str, Any]) -> None:
        with pytest.raises(Malformed):
            routes.from_body(negotiation_pb2.ContractRequestMessage, body)

    @pytest.mark.parametrize(
        "raw",
        [
            b"\xff",
            b"\x0a\x05ab",
            b"\x0a\x01\xff",  # not UTF-8
            b"\x7a\x01z",  # field 15
        ],
    )
    def test_bytes_that_do_not_fit(self, raw: bytes) -> None:
        with pytest.raises(Malformed):
            routes.read(negotiation_pb2.GetNegotiationMessage, raw)

    def test_an_unknown_field_deep_inside(self) -> None:
        inner = federation_pb2.Hello(job_id=JOB).SerializeToString() + b"\x7a\x01z"
        raw = b"\x0a" + bytes([len(inner)]) + inner
        with pytest.raises(Malformed):
            routes.read_hello(raw)
        sound = federation_pb2.SiteFrame(hello=federation_pb2.Hello(job_id=JOB))
        assert routes.read_hello(sound.SerializeToString()) == Hello(JOB, "")

    def test_a_stream_for_what_is_no_job(self) -> None:
        with pytest.raises(Malformed, match="urn:uuid"):
            routes.read_hello(routes.write_hello(Hello("urn:uuid:../..", "")))

    @pytest.mark.parametrize(
        "frame", [RoundReply(3, b"u", "h.p.s"), RoundRefusal(3, "CODE", "why"), RoundReply(0, b"")]
    )
    def test_site_frames(self, frame: RoundReply | RoundRefusal) -> None:
        assert routes.read_site_frame(routes.write_site_frame(frame)) == frame

    @pytest.mark.parametrize(
        "frame",
        [
            Round(3, ("a", "b"), b"m", ("h.p.s", "h.q.s")),
            Finish("failed", "CODE", "why"),
            Finish("completed", "", "", ("h.p.s",)),
        ],
    )
    def test_lead_frames(self, frame: Round | Finish) -> None:
        assert routes.read_lead_frame(routes.write_lead_frame(frame)) == frame

    @pytest.mark.parametrize("size", [0, 1, 127, 128, 1 << 14, 1 << 18, (1 << 21) + 3])
    def test_chunks_are_protobufs_own(self, size: int) -> None:
        data = bytes(range(256)) * (size // 256) + bytes(size % 256)
        by_hand, plain = routes.write_chunk(data), transfer_pb2.Chunk(data=data)
        assert transfer_pb2.Chunk.FromString(by_hand) == plain
        assert routes.read_chunk(by_hand) == data
        assert routes.read_chunk(plain.SerializeToString()) == data

    @pytest.mark.parametrize("raw", [b"\xff", b"\x12\x01x", b"\x0a\x05abc"])
    def test_what_is_no_chunk(self, raw: bytes) -> None:
        with pytest.raises(Malformed):
            routes.read_chunk(raw)

    @pytest.mark.parametrize("raw", [b"", b"\xff", routes.write_hello(Hello("j", "d"))])
    def test_frames_out_of_place(self, raw: bytes) -> None:
        with pytest.raises(Malformed):
            routes.read_site_frame(raw)
        with pytest.raises(Malformed):
            routes.read_lead_frame(b"" if raw == b"" else b"\xff")
        with pytest.raises(Malformed):
            routes.read_hello(routes.write_site_frame(RoundReply(1, b"")))


class TestPublicRoutes:
    """No route of the HTTPS face without a reason why nobody need log in."""

    def inventory(self, tmp_path: Path, did: str, *, authority: bool) -> dict[str, set[str]]:
        ports = ports_for_tests(tmp_path, did)
        face = PublicFace(
            ports,
            Refusals(ports),
            origin=str,
            description=str,
            status_list=str if authority else None,
        )
        found = [route for route in face.application().routes if isinstance(route, Route)]
        assert len(found) == len(face.application().routes)
        return {route.path: set(route.methods or ()) for route in found}

    def test_each_route_is_accounted_for(self, tmp_path: Path) -> None:
        seen = set()
        for kind in (False, True):
            inventory = self.inventory(tmp_path, "did:web:node.example", authority=kind)
            for path in inventory:
                known = "did.json" if path.endswith("/did.json") else path
                assert PUBLIC[known]
                seen.add(known)
        assert seen == set(PUBLIC)

    def test_each_request_is_counted_by_what_answers_and_how(self, tmp_path: Path) -> None:
        ports = ports_for_tests(tmp_path, "did:web:node.example")
        app = PublicFace(ports, Refusals(ports), origin=str, description=str).application()
        paths = ["/.well-known/did.json", "/membership", *(f"/no-such-{n}" for n in range(3))]

        async def ask() -> list[int]:
            transport = httpx.ASGITransport(app)
            async with httpx.AsyncClient(transport=transport, base_url="https://a") as client:
                found = [(await client.get(path)).status_code for path in paths]
                return [*found, (await client.post("/first-contact", content=b"{")).status_code]

        assert asyncio.run(ask()) == [200, 404, 404, 404, 404, 400]
        assert ports.calls.counts() == {
            ("https:document", "OK"): 1,
            ("https:membership", "NOT_FOUND"): 1,
            ("https:unknown", "NOT_FOUND"): 3,
            ("https:first_contact", "MALFORMED_MESSAGE"): 1,
        }

    def test_only_first_contact_takes_anything(self, tmp_path: Path) -> None:
        inventory = self.inventory(tmp_path, "did:web:node.example", authority=False)
        takes = [path for path, methods in inventory.items() if methods - {"GET", "HEAD"}]
        assert takes == ["/first-contact"]
        assert inventory["/first-contact"] == {"POST"}
        authority = self.inventory(tmp_path, "did:web:node.example", authority=True)
        assert not [path for path, methods in authority.items() if methods - {"GET", "HEAD"}]

    def test_a_did_with_a_path(self, tmp_path: Path) -> None:
        inventory = self.inventory(tmp_path, "did:web:town.example:school:a", authority=False)
        assert {"/school/a/did.json", "/.well-known/did.json"} <= set(inventory)


class TestRate:
    def test_a_bucket_fills_up_again(self) -> None:
        now = [0.0]
        rate = Rate(2, refusal=too_many("x"), clock=lambda: now[0])
        rate.take("a")
        rate.take("a")
        with pytest.raises(TooManyRequests):
            rate.take("a")
        rate.take("b")
        now[0] = 29.0
        with pytest.raises(TooManyRequests):
            rate.take("a")
        now[0] = 31.0
        rate.take("a")
        now[0] = 1000.0  # never more than the bucket holds
        for _ in range(2):
            rate.take("a")
        with pytest.raises(TooManyRequests):
            rate.take("a")

    def test_a_refusal_says_when_there_is_room(self) -> None:
        now = [0.0]
        rate = Rate(100, 60.0, refusal=too_many("x"), clock=lambda: now[0])
        rate.take("a", 90)
        with pytest.raises(TooManyRequests) as refusal:
            rate.take("a", 60)
        assert refusal.value.retry_after == 30.0
        now[0] = refusal.value.retry_after
        rate.take("a", 60)
        now[0] = 1000.0
        rate.take("a", 5000)  # what costs more than a bucket empties it, and is no deadlock
        with pytest.raises(TooManyRequests):
            rate.take("a", 1)

    def test_a_door_that_is_shut_lets_nobody_through(self) -> None:
        rate = Rate(0, factor=10, refusal=too_many("x"))
        with pytest.raises(TooManyRequests):
            rate.take("a")

    def test_all_addresses_together_are_bounded(self) -> None:
        rate = Rate(1, factor=3, refusal=too_many("x"), clock=lambda: 0.0)
        for address in "abc":
            rate.take(address)
        with pytest.raises(TooManyRequests):
            rate.take("d")

    def test_the_table_is_bounded(self) -> None:
        rate = Rate(1, factor=10_000, refusal=too_many("x"), clock=lambda: 0.0)
        for number in range(MAX_KEYS + 10):
            rate.take(str(number))
        assert len(rate._buckets) == MAX_KEYS


class TestRefusals:
    def test_one_caller_pushes_no_others_refusal_out_of_the_log(self, tmp_path: Path) -> None:
        ports = ports_for_tests(tmp_path)
        refusals = Refusals(ports)
        for _ in range(10 * PER_MINUTE):
            refusals.record("did:web:a.example", "/m", UnknownPeer("nobody"))
        refusals.record("did:web:b.example", "/m", UnknownPeer("nobody"))
        with ports.store.read() as tx:
            subjects = Counter(entry.subject for entry in tx.audit.entries())
        assert subjects == {"did:web:a.example": PER_CALLER, "did:web:b.example": 1}

    def test_a_flood_writes_a_bounded_number_of_lines(self, tmp_path: Path) -> None:
        ports = ports_for_tests(tmp_path)
        refusals = Refusals(ports, per_minute=3)
        for _ in range(10):
            refusals.record("did:web:a.example", "/m", UnknownPeer("nobody"))
        with ports.store.read() as tx:
            events = tx.audit.entries()
        assert len(events) == 3
        assert b"UNKNOWN_PEER" in events[0].event
        refusals._window -= 61
        refusals.record("did:web:a.example", "/m", UnknownPeer("nobody"))
        with ports.store.read() as tx:
            last = tx.audit.entries()[-1]
        assert b'"missed":7' in last.event
        assert last.subject == "did:web:a.example"

    def test_what_is_only_counted_takes_no_line(self, tmp_path: Path) -> None:
        ports = ports_for_tests(tmp_path)
        refusals = Refusals(ports, per_minute=1)
        for _ in range(5):
            refusals.count()
        with ports.store.read() as tx:
            assert tx.audit.entries() == []
        refusals.record("did:web:a.example", "/m", UnknownPeer("nobody"))
        with ports.store.read() as tx:
            (event,) = tx.audit.entries()
        assert b'"missed":5' in event.event

    def test_strangers_push_no_authenticated_refusal_out(self, tmp_path: Path) -> None:
        ports = ports_for_tests(tmp_path)
        public, authenticated = Refusals(ports, per_minute=PUBLIC_PER_MINUTE), Refusals(ports)
        for _ in range(PUBLIC_PER_MINUTE * 20):
            public.record("", "/first-contact", Malformed("x"))
        authenticated.record("did:web:a.example", "/m", TokenReplayed("again"))
        with ports.store.read() as tx:
            events = tx.audit.entries()
        assert len(events) == PUBLIC_PER_MINUTE + 1
        assert b"TOKEN_REPLAYED" in events[-1].event

    def test_a_caller_without_a_name(self, tmp_path: Path) -> None:
        ports = ports_for_tests(tmp_path)
        Refusals(ports).record("", "/m", UnknownPeer("nobody"))
        with ports.store.read() as tx:
            assert tx.audit.entries()[0].subject == "unknown"


class TestCheckpoints:
    def test_received_ones_are_witnessed_in_another_thread(self) -> None:
        seen: list[tuple[str, str, int]] = []
        came = threading.Event()

        def witness(peer: str, note: str) -> None:
            seen.append((peer, note, threading.get_ident()))
            if note == "last":
                came.set()
            raise UnknownPeer("a witness that refuses stops nothing")

        checkpoints = Checkpoints(lambda: b"mine", witness)
        assert checkpoints.own() == b"mine"
        checkpoints.received("a", b"old")
        checkpoints.received("a", b"new")
        checkpoints.received("b", b"")
        checkpoints.received("b", b"x" * (MAX_NOTE_BYTES + 1))
        checkpoints.received("c", b"\xff")
        checkpoints.received("d", b"last")
        checkpoints.start()
        assert came.wait(10)
        checkpoints.stop()
        assert [item[:2] for item in seen] == [("a", "new"), ("d", "last")]
        assert threading.get_ident() not in {item[2] for item in seen}

    def test_a_peer_that_was_looked_at_rests_and_keeps_nobody_waiting(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        seen: list[tuple[str, str]] = []
        came = threading.Semaphore(0)

        def witness(peer: str, note: str) -> None:
            seen.append((peer, note))
            came.release()

        monkeypatch.setattr("connector.peer.checkpoints.REST_SECONDS", 3600.0)
        checkpoints = Checkpoints(bytes, witness)
        checkpoints.start()
        checkpoints.received("a", b"1")
        assert came.acquire(timeout=10)
        for peer, note in [("a", b"2"), ("a", b"3"), ("b", b"1")]:
            checkpoints.received(peer, note)
        assert came.acquire(timeout=10)
        assert seen == [("a", "1"), ("b", "1")]
        monkeypatch.setattr("connector.peer.checkpoints.REST_SECONDS", 0.0)
        checkpoints.received("c", b"1")  # wakes the thread
        assert came.acquire(timeout=10)
        assert came.acquire(timeout=10)
        checkpoints.stop()
        assert seen[2:] == [("a", "3"), ("c", "1")]

    def test_a_fault_that_nobody_foresaw_ends_no_witness(self, tmp_path: Path) -> None:
        ports, came = ports_for_tests(tmp_path), threading.Event()

        def witness(peer: str, _note: str) -> None:
            if peer == "a":
                raise ZeroDivisionError("data of a peer")
            came.set()

        def guard(step: Any, _pause: Any) -> object:
            return guarded(ports, "witness", step, lambda _seconds: None)

        checkpoints = Checkpoints(lambda: b"", witness, guard=guard)
        checkpoints.received("a", b"x")
        checkpoints.received("b", b"x")
        checkpoints.start()
        assert came.wait(10)
        checkpoints.stop()
        assert ports.faults["witness"].kind == "ZeroDivisionError"

    def test_no_checkpoint_stops_no_call(self) -> None:
        def own() -> bytes:
            raise KeyUnusable("gone")

        checkpoints = Checkpoints(own, lambda _peer, _note: None)
        assert checkpoints.own() == b""
        checkpoints.stop()


class TestTold:
    """A fault of the node's own reaches no caller as text."""

    @pytest.mark.parametrize("kind", [KeyUnusable, StoreUnavailable])
    def test_a_fault_of_ours_is_told_by_its_code(self, kind: type[PreauError]) -> None:
        told = tellable(kind("`/home/x/keys/signing.pem` is gone", hint="see /home/x"))
        assert told.code == kind.code
        assert "/home" not in told.reason + told.hint
        shown = https_problem(kind("`/home/x/keys/signing.pem` is gone", hint="see /home/x"))
        assert shown["code"] == kind.code
        assert "/home" not in str(shown)

    def test_a_fault_of_the_caller_keeps_its_words(self) -> None:
        error = NotFound("no such thing", hint="look again")
        assert tellable(error) is error
        assert https_problem(error)["detail"] == "no such thing"


class TestLeaves:
    def test_a_leaf_is_replaced_at_half_life(self) -> None:
        clock = FixedClock()
        did = "did:web:node.example%3A8443"
        authority = certificate.make_authority(did, clock.now(), 10)
        leaves = Leaves(lambda: authority, did, clock, 3600)
        first = leaves.current()
        clock.advance(1799)
        assert leaves.current() is first
        clock.advance(1)
        second = leaves.current()
        assert second.thumbprint != first.thumbprint
        for leaf in (first, second):  # old and new overlap
            certificate.check_leaf(leaf.certificate, did, [authority[0]], clock.now())
        assert first.key not in repr(first)

    def test_the_server_follows_participants_and_leaf(self, tmp_path: Path) -> None:
        ports = ports_for_tests(tmp_path)
        clock = ports.clock
        assert isinstance(clock, FixedClock)
        authority = certificate.make_authority("node", clock.now(), 10)
        leaves = Leaves(lambda: authority, ports.settings.did, clock, 3600)
        trust = ServerTrust(leaves, ports.store, ports.wakeups, lambda: 0.0)
        assert trust.credentials() is not None
        assert trust.changed() is None
        other, _ = certificate.make_authority("other", clock.now(), 10)
        with ports.store.write() as tx:
            tx.participants.put(_participant(other))
        assert trust.changed() is not None
        assert trust.changed() is None
        clock.advance(1800)
        assert trust.changed() is not None
        with ports.store.write() as tx:
            tx.participants.remove("did:web:a.example")
        assert trust.changed() is not None

    def test_strangers_do_not_keep_the_server_reading(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        ports = ports_for_tests(tmp_path)
        authority = certificate.make_authority("node", ports.clock.now(), 10)
        leaves = Leaves(lambda: authority, ports.settings.did, ports.clock, 3600)
        read, reads = ports.store.read, count()
        monkeypatch.setattr(ports.store, "read", lambda: next(reads) * 0 or read())
        seconds = count()  # one passes at each look: a read takes as long as a connection
        trust = ServerTrust(leaves, ports.store, ports.wakeups, lambda: float(next(seconds)))
        trust.credentials()
        other, _ = certificate.make_authority("other", ports.clock.now(), 10)
        with ports.store.write() as tx:
            tx.participants.put(_participant(other))
        news = [trust.changed() for _ in range(100)]
        assert next(reads) < 30
        assert sum(each is not None for each in news) == 1  # soon, and once

    def test_who_was_just_admitted_connects_at_once(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(credentials, "READING", 1e-9)  # it has read for long
        ports = World(tmp_path).ports
        authority = certificate.make_authority("node", ports.clock.now(), 10)
        leaves = Leaves(lambda: authority, ports.settings.did, ports.clock, 3600)
        trust = ServerTrust(leaves, ports.store, ports.wakeups)
        trust.credentials()
        assert trust.changed() is None
        onboard.meet(ports, PEER)
        assert trust.changed() is not None
        assert trust.changed() is None


class TestGate:
    def test_a_member_that_drips_holds_a_thread_for_a_bounded_time(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        given: list[Any] = []
        monkeypatch.setattr(onboard, "reacquaint", lambda ports, _did: given.append(ports.web))
        ports = ports_for_tests(tmp_path, web=GuardedWeb(tls_context()))
        assert Gate(ports)._reacquaint("did:web:a.example")
        (web,) = given
        assert web._until < math.inf  # one deadline for documents, membership and list together


class TestStatus:
    def test_a_problem_is_cut_and_stripped(self) -> None:
        from connector.peer.status import _rebuilt  # noqa: PLC0415

        raw = problem(UnknownPeer("a\nb\x00" + "x" * 1000, hint="do\tthis"))
        rebuilt = _rebuilt("peer", raw)
        assert isinstance(rebuilt, UnknownPeer)
        assert rebuilt.reason.startswith("abx")
        assert len(rebuilt.reason) < 501
        assert rebuilt.hint == "dothis"

    @pytest.mark.parametrize("raw", [b"\xff", b"", b"\x0a\x03NEW"])
    def test_a_problem_that_says_nothing_known(self, raw: bytes) -> None:
        from connector.peer.status import _rebuilt  # noqa: PLC0415

        assert _rebuilt("peer", raw).code == "PEER_UNREACHABLE"

    @pytest.mark.parametrize(
        ("said", "expected"),
        [
            ("received metadata size exceeds hard limit (9 vs. 8)", "MESSAGE_TOO_LARGE"),
            ("Received message larger than max (9 vs. 8)", "MESSAGE_TOO_LARGE"),
            ("Concurrent RPC limit exceeded!", "TOO_MANY_REQUESTS"),
        ],
    )  # fmt: skip
    def test_what_grpc_itself_refuses(self, said: str, expected: str) -> None:
        assert translate("peer", _Refused(said)).code == expected

    def test_what_is_no_call(self) -> None:
        assert isinstance(translate("peer", RuntimeError()), PreauError)


class _Refused(grpc.Call):  # type: ignore[misc] - grpc has no types
    """A call that gRPC refused before any handler saw it."""

    def __init__(self, said: str) -> None:
        self._said = said

    def code(self) -> grpc.StatusCode:
        return grpc.StatusCode.RESOURCE_EXHAUSTED

    def details(self) -> str:
        return self._said

    def trailing_metadata(self) -> tuple[()]:
        return ()

    initial_metadata = trailing_metadata

    def is_active(self) -> bool:
        return False

    def time_remaining(self) -> None:
        return None

    def cancel(self) -> bool:
        return False

    def add_callback(self, callback: object) -> bool:
        return callback is None


def _participant(pem: str) -> Any:
    from connector.domain.participant import Participant  # noqa: PLC0415

    now = FixedClock().now()
    return Participant("did:web:a.example", "A", b"{}", "", "", "", "localhost:1", (pem,), now, now)
