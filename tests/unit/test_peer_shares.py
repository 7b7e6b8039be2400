"""What one member may send, begin and have stored, and that no other notices."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import grpc
import pytest

from connector.errors import (
    Malformed,
    MessageTooLarge,
    PreauError,
    QuotaReached,
    TooManyRequests,
    TooManyStreams,
)
from connector.peer.limits import arrivals
from connector.peer.limits.arrivals import HELD_BYTES_PER_OWNER, READING_PER_OWNER, Arrivals
from connector.peer.limits.counted import Counted
from connector.peer.limits.shares import LEAST_COST, OPENING, STORED_SECONDS, Shares
from connector.peer.routes import PROBLEM_KEY, STATED
from connector.peer.status import problem, translate
from connector.protocol.messages import KINDS
from tests.support.doubles import ports_for_tests, settings_for_tests
from tests.support.each import over

A, B = "did:web:a.example", "did:web:b.example"
GET, ASK = "GetNegotiationMessage", "ContractRequestMessage"
SETTLING = sorted(KINDS.keys() - OPENING)


def shares(folder: Path, **settings: int) -> Shares:
    did = "did:web:node.example"
    return Shares(
        ports_for_tests(folder, did, settings=settings_for_tests(folder, did, **settings))
    )


def refused(take: Callable[[], object]) -> PreauError:
    with pytest.raises(TooManyRequests) as refusal:
        take()
    assert refusal.value.retry_after > 0
    return refusal.value


class TestShares:
    def test_bytes_of_one_member(self, tmp_path: Path) -> None:
        found = shares(tmp_path, member_bytes_per_minute=100_000)
        found.take(A, GET, 60_000)
        assert refused(lambda: found.take(A, GET, 60_000)).code == "TOO_MANY_REQUESTS"
        found.take(B, GET, 60_000)
        found.take(A, GET, 30_000)

    def test_a_small_call_costs_something_too(self, tmp_path: Path) -> None:
        found = shares(tmp_path, member_bytes_per_minute=10 * LEAST_COST)
        for _ in range(10):
            found.take(A, GET, 1)
        refused(lambda: found.take(A, GET, 1))
        found.take(B, GET, 1)

    def test_what_begins_something_is_counted(self, tmp_path: Path) -> None:
        found = shares(tmp_path, member_openings_per_hour=2)
        for kind in (ASK, "JobSubmission"):
            found.take(A, kind, 1)
        for kind in sorted(OPENING):
            assert refused(lambda kind=kind: found.take(A, kind, 1)).code == "QUOTA_REACHED"
        found.take(B, ASK, 1)
        for kind in SETTLING:  # what was begun goes on
            found.take(A, kind, 1)

    def test_a_member_for_whom_too_much_is_stored(self, tmp_path: Path) -> None:
        did = "did:web:node.example"
        few = settings_for_tests(tmp_path, did, member_stored_bytes=10_000)
        ports = ports_for_tests(tmp_path, did, settings=few)
        found = Shares(ports)
        ports.held.counted({A: 9_999, B: 5})
        found.take(A, ASK, 1)  # what arrives is counted until the next count
        assert ports.held.of(A) == 9_999 + LEAST_COST
        for kind in sorted(OPENING):
            refusal = refused(lambda kind=kind: found.take(A, kind, 1))
            assert (refusal.code, refusal.retry_after) == ("QUOTA_REACHED", STORED_SECONDS)
        for kind in SETTLING:
            found.take(A, kind, 1)
        found.take(B, ASK, 1)
        ports.held.counted({A: 100})
        found.take(A, ASK, 1)


class Call:
    """Stands for a gRPC call whose message comes when the test says so."""

    def __init__(self, data: object = b"x") -> None:
        self.data = data
        self.there = asyncio.Event()
        self.reading = False

    async def read(self) -> object:
        self.reading = True
        await self.there.wait()
        return self.data


def run(work: Coroutine[Any, Any, None]) -> None:
    asyncio.run(work)


class TestArrivals:
    def test_silent_calls_of_one_are_not_read_at_once_and_hold_back_nobody(self) -> None:
        async def work() -> None:
            found = Arrivals()
            calls = [Call() for _ in range(3 * READING_PER_OWNER)]
            tasks = [asyncio.create_task(found.read(A, each)) for each in calls]  # type: ignore[arg-type]
            other = Call(b"other")
            other.there.set()
            await asyncio.sleep(0)  # until each has begun or waits for its turn
            assert await found.read(B, other) == b"other"  # type: ignore[arg-type]
            assert sum(each.reading for each in calls) == READING_PER_OWNER
            for each in calls:
                each.there.set()
            assert await asyncio.gather(*tasks) == [b"x"] * len(calls)

        run(work())

    def test_places_are_free_again_when_callers_go(self) -> None:
        async def work() -> None:
            found = Arrivals()
            tasks = [
                asyncio.create_task(found.read(A, Call()))  # type: ignore[arg-type]
                for _ in range(READING_PER_OWNER)
            ]
            await asyncio.sleep(0)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            last = Call(b"last")
            last.there.set()
            assert await found.read(A, last) == b"last"  # type: ignore[arg-type]

        run(work())

    def test_who_lets_a_request_not_arrive_leaves_its_places_to_others(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(arrivals, "REQUEST_SECONDS", 0.5)
        places = arrivals.READING_BYTES // (16 << 20)

        async def work() -> None:
            found = Arrivals()
            silent = [(f"did:web:{n}.example", Call()) for n in range(16) for _ in range(6)]
            tasks = [asyncio.create_task(found.read(*each)) for each in silent]  # type: ignore[arg-type]
            for _ in range(10):  # until each has begun or waits for its turn
                await asyncio.sleep(0)
            assert sum(call.reading for _, call in silent) == places  # of all together
            held = {owner for owner, call in silent if call.reading}
            await asyncio.gather(*tasks, return_exceptions=True)
            for owner in held:
                with pytest.raises(TooManyRequests) as caught:
                    await found.read(owner, Call())  # type: ignore[arg-type]
                assert 0 < caught.value.retry_after <= arrivals.LATE_SECONDS
            other = Call(b"other")
            other.there.set()
            assert await found.read(B, other) == b"other"  # type: ignore[arg-type]

        run(work())

    @pytest.mark.parametrize("whole", [True, False])
    def test_who_takes_long_leaves_its_places_too_however_the_request_ends(
        self, monkeypatch: pytest.MonkeyPatch, *, whole: bool
    ) -> None:
        monkeypatch.setattr(arrivals, "REQUEST_SECONDS", 0.4)

        async def end(found: Arrivals, owner: str, seconds: float) -> None:
            call = Call()
            task = asyncio.create_task(found.read(owner, call))  # type: ignore[arg-type]
            await asyncio.sleep(seconds)
            if whole:
                call.there.set()
            else:
                task.cancel()
            await asyncio.gather(task, return_exceptions=True)

        async def work() -> None:
            found = Arrivals()
            await end(found, A, 0.3)
            with pytest.raises(TooManyRequests):
                await found.read(A, Call())  # type: ignore[arg-type]
            await end(found, B, 0.0)
            there = Call()
            there.there.set()
            assert await found.read(B, there) == b"x"  # type: ignore[arg-type]

        run(work())

    def test_who_had_to_wait_for_its_turn_is_not_late(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(arrivals, "REQUEST_SECONDS", 1.0)

        async def work() -> None:
            found = Arrivals()
            before = [asyncio.create_task(found.read(A, Call())) for _ in range(4)]  # type: ignore[arg-type]
            await asyncio.sleep(0)
            waited = asyncio.create_task(found.read(A, Call()))  # type: ignore[arg-type]
            await asyncio.sleep(0)
            monkeypatch.setattr(arrivals, "REQUEST_SECONDS", 1e6)  # of what took long, from now on
            for task in before:
                task.cancel()
            with pytest.raises(Malformed):
                await waited
            there = Call()
            there.there.set()
            assert await found.read(A, there) == b"x"  # type: ignore[arg-type]

        run(work())

    def test_what_does_not_come_is_given_up(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(arrivals, "REQUEST_SECONDS", 0.01)

        async def work() -> None:
            with pytest.raises(Malformed, match="did not arrive"):
                await Arrivals().read(A, Call())  # type: ignore[arg-type]

        run(work())

    def test_bytes_that_wait_are_bounded(self) -> None:
        found, much = Arrivals(), bytes(HELD_BYTES_PER_OWNER // 2 + 1)
        with found.held(A, much):
            with pytest.raises(TooManyRequests) as refusal, found.held(A, much):
                raise AssertionError
            assert refusal.value.retry_after > 0
            with found.held(A, b"x"), found.held(B, much):
                pass
        with found.held(A, much):
            pass

    def test_who_holds_nothing_gets_in_although_others_took_all(self) -> None:
        counted = Counted(4, 3, lambda: TooManyStreams("x"), spare=True)
        with counted.some("a", 3), counted.some("b", 1), counted.some("c", 3):
            for owner in "abc":
                with pytest.raises(TooManyStreams), counted.some(owner):
                    raise AssertionError
            with pytest.raises(TooManyStreams), counted.some("d", 4):
                raise AssertionError


class Failed(grpc.RpcError, grpc.Call):  # type: ignore[misc]
    """A call as the client sees it when it was refused."""

    def __init__(self, error: PreauError) -> None:
        self._metadata = (*STATED, (PROBLEM_KEY, problem(error)))

    def trailing_metadata(self) -> Any:
        return self._metadata


for _name in Failed.__abstractmethods__:
    setattr(Failed, _name, None)
Failed.__abstractmethods__ = frozenset()


@over(("said", "heard"), [(0.0, 0.0), (0.2, 1.0), (30.0, 30.0), (1e12, 86_400.0), (-5.0, 0.0)])
def test_when_to_try_again_travels_with_a_refusal(said: float, heard: float) -> None:
    found = translate(A, Failed(QuotaReached("x", retry_after=said)))
    assert (found.code, found.retry_after) == ("QUOTA_REACHED", heard)


def test_a_refusal_that_no_waiting_mends_names_no_time() -> None:
    assert translate(A, Failed(MessageTooLarge("x"))).retry_after == 0
