"""What is bounded: how long a caller may dawdle, how many run at once, a start that fails."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from connector.bootstrap.system import SystemClock
from connector.errors import (
    ConfigurationInvalid,
    KeyUnusable,
    Malformed,
    TooManyRequests,
    TooManyStreams,
    WorldFault,
)
from connector.identity import certificate
from connector.peer.calls.server import DOORS
from connector.peer.checkpoints import Checkpoints
from connector.peer.connections import proxied
from connector.peer.connections.crowd import Crowd, origin
from connector.peer.connections.loop import Loop
from connector.peer.connections.relay import Caller, Relay
from connector.peer.credentials import Leaves
from connector.peer.face import PeerFace
from connector.peer.limits.counted import Counted
from connector.peer.limits.turns import Threads, Turns
from connector.peer.web.server import HttpsServer
from connector.services.federation.lead.hub import LeadHub
from tests.support.doubles import ports_for_tests, settings_for_tests


class TestCounted:
    def test_in_all_and_per_peer(self) -> None:
        counted = Counted(3, 2, lambda: TooManyStreams("too many"))
        with counted.some("a"), counted.some("a"):
            with pytest.raises(TooManyStreams), counted.some("a"):
                raise AssertionError
            with counted.some("b"):
                assert counted.total() == 3
                with pytest.raises(TooManyStreams), counted.some("c"):
                    raise AssertionError
            with counted.some("c"):
                assert counted.total() == 3
        assert counted.total() == 0
        assert not counted._open


class TestCrowd:
    def test_who_is_at_its_limit_pushes_out_its_own(self) -> None:
        crowd: Crowd[int] = Crowd(10, 2)
        assert [crowd.enter("a", number) for number in (1, 2)] == [None, None]
        assert crowd.enter("b", 3) is None
        assert crowd.enter("a", 4) == 1
        crowd.spoke(2)
        assert crowd.enter("a", 5) == 4  # 2 spoke since
        assert sorted(crowd._of) == [2, 3, 5]

    def test_when_all_is_taken_who_has_the_most_gives_way(self) -> None:
        crowd: Crowd[int] = Crowd(4, 3)
        for number, owner in enumerate("aaab"):
            crowd.enter(owner, number)
        assert crowd.enter("c", 9) == 0
        assert crowd.enter("d", 10) == 1
        assert len(crowd) == 4

    def test_who_left_takes_no_place(self) -> None:
        crowd: Crowd[int] = Crowd(2, 1)
        crowd.enter("a", 1)
        crowd.leave(1)
        crowd.leave(1)
        crowd.spoke(1)
        assert crowd.enter("a", 2) is None
        crowd.leave(2)
        assert len(crowd) == 0
        assert not crowd._owners

    @pytest.mark.parametrize(
        ("address", "counted"),
        [
            ("192.0.2.7", "192.0.2.7"),
            ("::ffff:192.0.2.7", "192.0.2.7"),
            ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
            ("2001:db8:1:2:ffff::1", "2001:db8:1:2::/64"),
            ("fe80::1%eth0", "fe80::/64"),
        ],
    )
    def test_by_what_an_address_is_counted(self, address: str, counted: str) -> None:
        assert origin(address) == counted


V4 = bytes([192, 0, 2, 7, 192, 0, 2, 9, 0, 99, 1, 187])
V6 = bytes.fromhex("20010db8000000000000000000000007" * 2) + bytes(4)
SIGNATURE = bytes.fromhex("0d0a0d0a000d0a515549540a")


def v2(command: int, family: int, block: bytes) -> bytes:
    return SIGNATURE + bytes([command, family]) + len(block).to_bytes(2) + block


class TestProxyHeader:
    @pytest.mark.parametrize(
        ("data", "address"),
        [
            (b"PROXY TCP4 192.0.2.7 192.0.2.9 99 443\r\n", "192.0.2.7"),
            (b"PROXY TCP6 2001:db8::7 2001:db8::9 99 443\r\n", "2001:db8::7"),
            (b"PROXY UNKNOWN\r\n", ""),
            (v2(0x21, 0x11, V4), "192.0.2.7"),
            (v2(0x21, 0x21, V6), "2001:db8::7"),
            (v2(0x21, 0x11, V4 + b"\x04\x00\x01\x00"), "192.0.2.7"),  # with a TLV behind
            (v2(0x20, 0x00, b""), ""),
        ],
    )
    def test_sound(self, data: bytes, address: str) -> None:
        assert proxied.header(data + b"\x16rest") == (address, b"\x16rest")
        for size in range(len(data)):
            assert proxied.header(data[:size]) is None

    @pytest.mark.parametrize(
        "data",
        [
            b"\x16\x03\x01\x00\x05",
            b"GET / HTTP/1.1\r\n",
            b"PROXY " + b"x" * 120,
            b"PROXY TCP4 192.0.2.7\r\n",
            b"PROXY TCP4 localhost 192.0.2.9 99 443\r\n",
            b"PROXY UDP4 192.0.2.7 192.0.2.9 99 443\r\n",
            v2(0x21, 0x11, V4[:8]),
            v2(0x21, 0x12, V4),
            v2(0x22, 0x11, V4),
            v2(0x21, 0x31, bytes(216)),
            SIGNATURE + bytes([0x21, 0x11, 0xFF, 0xFF]),
        ],
    )
    def test_unsound(self, data: bytes) -> None:
        with pytest.raises(Malformed):
            proxied.header(data)


class TestCallers:
    def test_who_lingers_takes_no_port_from_who_came_after(self) -> None:
        door = Relay(Loop(), "127.0.0.1:0", (), DOORS)
        first, second = Caller(door, 1.0), Caller(door, 1.0)
        door.reached(first, 40_000)  # whose way to the server is closed, while it reads on
        door.reached(second, 40_000)
        door.left(first, 40_000)
        assert door.caller(40_000) is second
        door.left(second, 40_000)
        assert door.caller(40_000) is None


class TestTurns:
    def run(self, work: Callable[[Threads], Coroutine[Any, Any, None]], threads: int) -> None:
        with ThreadPoolExecutor(threads) as pool:
            asyncio.run(work(Threads(pool, Turns(threads, waiting=3))))

    def test_slow_calls_of_some_leave_a_thread_to_others(self) -> None:
        gone = threading.Event()

        async def work(turns: Threads) -> None:
            slow = [
                asyncio.create_task(turns.run(owner, gone.wait))
                for owner in ("a", "a", "a", "b", "b")
            ]
            assert await turns.run("c", lambda: "answered") == "answered"
            gone.set()
            assert await asyncio.gather(*slow) == [True] * 5

        self.run(work, 4)

    def test_who_runs_the_fewest_is_next(self) -> None:
        gone, order = threading.Event(), list[str]()

        async def work(turns: Threads) -> None:
            first = asyncio.create_task(turns.run("a", gone.wait))
            await asyncio.sleep(0)
            rest = [
                asyncio.create_task(turns.run(owner, partial(order.append, owner)))
                for owner in ("a", "a", "b", "c")
            ]
            await asyncio.sleep(0)
            gone.set()
            await asyncio.gather(first, *rest)
            assert order.index("b") < 3
            assert sorted(order) == ["a", "a", "b", "c"]

        self.run(work, 1)

    def test_only_so_many_of_one_wait(self) -> None:
        gone = threading.Event()

        async def work(turns: Threads) -> None:
            waiting = [asyncio.create_task(turns.run("a", gone.wait)) for _ in range(4)]
            await asyncio.sleep(0)
            with pytest.raises(TooManyRequests):
                await turns.run("a", gone.wait)
            other = asyncio.create_task(turns.run("b", gone.wait))
            waiting[-1].cancel()  # who has gone is passed over
            gone.set()
            assert await asyncio.gather(*waiting[:3], other) == [True] * 4

        self.run(work, 1)

    def test_a_place_is_free_again_whose_owner_goes_as_it_is_given(self) -> None:
        async def work() -> None:
            turns = Turns(1, waiting=3)
            await turns.enter("a")
            going = asyncio.create_task(turns.enter("b"))
            await asyncio.sleep(0)
            turns.leave("a")
            going.cancel()  # the place is given, and not taken yet
            with pytest.raises(asyncio.CancelledError):
                await going
            await asyncio.wait_for(turns.enter("c"), 10)

        asyncio.run(work())

    def test_a_thread_is_its_owners_until_the_work_ends(self) -> None:
        """Whoever waits for it or not: else work of those who hang up would pile up."""
        begun, gone = threading.Event(), threading.Event()

        async def work(turns: Threads) -> None:
            left = asyncio.create_task(turns.run("a", lambda: begun.set() or gone.wait()))
            await asyncio.to_thread(begun.wait)
            left.cancel()
            await asyncio.gather(left, return_exceptions=True)
            other = asyncio.create_task(turns.run("b", gone.is_set))
            await asyncio.sleep(0)
            gone.set()
            assert await other  # it began after the first had ended

        self.run(work, 1)

    def test_a_failure_is_the_callers(self) -> None:
        def fail() -> None:
            raise TooManyStreams("none")

        async def work(turns: Threads) -> None:
            with pytest.raises(TooManyStreams):
                await turns.run("a", fail)
            assert await turns.run("a", lambda: 1) == 1

        self.run(work, 1)


class TestStart:
    def face(self, folder: Path, **settings: str) -> PeerFace:
        did, clock = "did:web:localhost%3A8443", SystemClock()
        values = {"https_certificate": "leaf.pem", "https_key": "leaf.key", **settings}
        ports = ports_for_tests(
            folder, did, clock=clock, settings=settings_for_tests(folder, did, **values)
        )
        authority = certificate.make_authority(did, clock.now(), 2)
        leaf, key = certificate.issue_web(*authority, "localhost", clock.now(), 2)
        (folder / "leaf.pem").write_text(leaf)
        (folder / "leaf.key").write_text(key)
        return PeerFace(
            ports,
            LeadHub(),
            handlers={},
            checkpoints=Checkpoints(bytes, lambda _peer, _note: None),
            description=str,
            leaves=Leaves(lambda: authority, did, clock, 3600),
        )

    def test_free_ports_are_reported(self, tmp_path: Path) -> None:
        face = self.face(tmp_path)
        bound = face.start()
        try:
            assert bound.grpc != bound.https
            for port in (bound.grpc, bound.https):
                socket.create_connection(("127.0.0.1", port), timeout=5).close()
        finally:
            face.stop()
        for port in (bound.grpc, bound.https):
            with pytest.raises(OSError, match=r"refused|reset"):
                socket.create_connection(("127.0.0.1", port), timeout=5).close()

    @pytest.mark.parametrize("which", ["grpc_listen", "https_listen"])
    def test_an_address_that_is_taken(self, tmp_path: Path, which: str) -> None:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            where = f"127.0.0.1:{taken.getsockname()[1]}"
            face = self.face(tmp_path, **{which: where})
            with pytest.raises(WorldFault):
                face.start()

    @pytest.mark.parametrize("where", ["", "8443", "127.0.0.1", "127.0.0.1:99999", "127.0.0.1:x"])
    def test_an_address_that_is_none(self, tmp_path: Path, where: str) -> None:
        with pytest.raises(ConfigurationInvalid):
            self.face(tmp_path, https_listen=where).start()

    def test_a_certificate_that_is_not_there(self, tmp_path: Path) -> None:
        with pytest.raises(KeyUnusable):
            self.face(tmp_path, https_key="none.key").start()
        (tmp_path / "bad.pem").write_text("rubbish")
        with pytest.raises(KeyUnusable):
            self.face(tmp_path, https_certificate="bad.pem").start()

    def test_a_stop_before_the_start(self, tmp_path: Path) -> None:
        HttpsServer(lambda: None, tmp_path, tmp_path).stop()  # type: ignore[arg-type]
        self.face(tmp_path).stop()
