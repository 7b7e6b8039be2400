"""Both ports under strangers who open connections: silent, in a flood, and half-way into TLS."""

from __future__ import annotations

import http.client
import os
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import replace
from pathlib import Path

import pytest

from connector.peer.calls.server import DOORS
from connector.peer.connections import relay
from connector.peer.connections.relay import Relay
from connector.peer.face import HTTPS_DOORS
from connector.protocol.messages import ContractNegotiation
from tests.support.live_space import LiveSpace, Node, live_space, wait_until

OTHERS = "127.0.0.77"
STATE = ContractNegotiation("p", "c", "REQUESTED").to_body()


@pytest.fixture
def space(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[LiveSpace]:
    monkeypatch.setattr(relay, "HELLO_SECONDS", 60.0)  # only the counting is at work
    with live_space(tmp_path, "alpha", "beta") as made:
        answer = made["alpha"].heard.answers
        answer["GetNegotiationMessage"] = lambda _caller, _body: STATE
        made.meet("beta", "alpha")
        yield made


def status_from(node: Node, space: LiveSpace, source: str) -> int:
    """Fetch the DID document from a source address; 0 when the connection was closed."""
    tls = ssl.create_default_context(cafile=str(space.web.root))
    asking = http.client.HTTPSConnection(
        "localhost", node.https_port, timeout=5, context=tls, source_address=(source, 0)
    )
    try:
        asking.request("GET", "/.well-known/did.json")
        return asking.getresponse().status
    except OSError:
        return 0
    finally:
        asking.close()


def asked(space: LiveSpace) -> object:
    """Call as a member over a connection of its own."""
    space["beta"].wire.close()
    return space["beta"].call(space["alpha"], "GetNegotiationMessage", {"pid": "x"})


def silent(stack: ExitStack, port: int, source: str, number: int) -> list[socket.socket]:
    return [
        stack.enter_context(
            socket.create_connection(("127.0.0.1", port), 5, source_address=(source, 0))
        )
        for _ in range(number)
    ]


def grpc_door(node: Node) -> Relay:
    assert node.face.grpc is not None
    return node.face.grpc.door


def files() -> int:
    return len(os.listdir("/proc/self/fd"))  # noqa: PTH208 - only counted


class TestHttps:
    def test_one_address_takes_no_more_than_its_share(self, space: LiveSpace) -> None:
        node, door = space["alpha"], space["alpha"].face.door
        with ExitStack() as stack:
            before = files()
            silent(stack, node.https_port, "127.0.0.1", 200)
            assert wait_until(lambda: door.connections() == HTTPS_DOORS.per_origin)
            assert status_from(node, space, OTHERS) == 200
            # Who speaks from the same address is served too: an idle socket leaves for it.
            assert status_from(node, space, "127.0.0.1") == 200
            assert door.connections() <= HTTPS_DOORS.per_origin
            assert files() - before <= 200 + HTTPS_DOORS.per_origin + 8

    def test_all_addresses_together_are_bounded_and_the_port_stays_open(
        self, space: LiveSpace
    ) -> None:
        node, door = space["alpha"], space["alpha"].face.door
        with ExitStack() as stack:
            for last in range(2, 9):
                silent(stack, node.https_port, f"127.0.0.{last}", HTTPS_DOORS.per_origin)
            assert wait_until(lambda: door.connections() == HTTPS_DOORS.strangers)
            assert status_from(node, space, OTHERS) == 200
            assert door.connections() <= HTTPS_DOORS.strangers
        assert wait_until(lambda: door.connections() == 0)

    def test_who_says_nothing_is_cut_off(
        self, space: LiveSpace, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(relay, "HELLO_SECONDS", 0.2)
        node, door = space["alpha"], space["alpha"].face.door
        with ExitStack() as stack:
            first, *_ = silent(stack, node.https_port, "127.0.0.1", HTTPS_DOORS.per_origin)
            assert wait_until(lambda: door.connections() == 0)
            with suppress(ConnectionResetError):
                assert first.recv(1) == b""

    @pytest.mark.parametrize(
        "said", [b"GET / HTTP/1.1\r\n\r\n", b"\x16\x02\x01", b"\x16\x03\x01\xff\xff"]
    )
    def test_who_speaks_no_tls_is_turned_away(self, space: LiveSpace, said: bytes) -> None:
        node, door = space["alpha"], space["alpha"].face.door
        with ExitStack() as stack:
            for port in (node.https_port, node.grpc_port):
                (first,) = silent(stack, port, "127.0.0.1", 1)
                first.sendall(said)
                with suppress(ConnectionResetError):
                    assert first.recv(1) == b""
            assert wait_until(lambda: door.connections() == 0)


class TestGrpc:
    def test_idle_sockets_of_one_address_keep_no_member_out(self, space: LiveSpace) -> None:
        node, door = space["alpha"], grpc_door(space["alpha"])
        with ExitStack() as stack:
            for source in (OTHERS, "127.0.0.1"):  # the second is the member's own address
                silent(stack, node.grpc_port, source, 300)
                for _ in range(5):
                    assert asked(space) == STATE
            assert door.connections() <= 2 * DOORS.per_origin + 8

    def test_strangers_take_no_place_of_a_member(self, space: LiveSpace) -> None:
        """A proven connection stays, however many come; also one of their own address."""
        node = space["alpha"]
        assert asked(space) == STATE
        with ExitStack() as stack:
            for last in range(1, 9):
                silent(stack, node.grpc_port, f"127.0.0.{last}", DOORS.per_origin)
            callers = grpc_door(node)._members
            assert len(callers) == 1
            assert space["beta"].call(node, "GetNegotiationMessage", {"pid": "x"}) == STATE
            assert len(callers) == 1

    def test_half_a_handshake_gives_way(self, space: LiveSpace) -> None:
        node = space["alpha"]
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        outgoing = ssl.MemoryBIO()
        half = tls.wrap_bio(ssl.MemoryBIO(), outgoing, server_hostname="localhost")
        with suppress(ssl.SSLWantReadError):
            half.do_handshake()
        hello = outgoing.read()
        with ExitStack() as stack:
            for each in silent(stack, node.grpc_port, "127.0.0.1", 2 * DOORS.per_origin):
                with suppress(OSError):  # the first of them have left already
                    each.sendall(hello)
            assert asked(space) == STATE
        assert wait_until(lambda: len(grpc_door(node)._strangers) == 0)

    def test_a_flood_of_new_connections(self, space: LiveSpace) -> None:
        node, over = space["alpha"], threading.Event()

        def flood() -> None:
            while not over.is_set():
                with ExitStack() as stack, suppress(OSError):
                    silent(stack, node.grpc_port, OTHERS, 20)

        flooding = threading.Thread(target=flood, daemon=True)
        flooding.start()
        answered = [asked(space) for _ in range(10)]
        over.set()
        flooding.join(10)
        assert answered == [STATE] * 10

    def test_a_connection_that_nobody_proves_ends(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(
            "connector.peer.calls.server.DOORS", replace(DOORS, stranger_seconds=0.5)
        )
        with live_space(tmp_path, "alpha", "beta") as space, ExitStack() as stack:
            node = space["alpha"]
            node.heard.answers["GetNegotiationMessage"] = lambda _caller, _body: STATE
            space.meet("beta", "alpha")
            assert asked(space) == STATE
            silent(stack, node.grpc_port, OTHERS, 3)
            assert wait_until(lambda: len(grpc_door(node)._strangers) == 0)
            assert len(grpc_door(node)._members) == 1


class TestBehindAProxy:
    def test_each_address_behind_it_has_its_own_share(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(relay, "HELLO_SECONDS", 60.0)
        with live_space(tmp_path, "alpha", proxies=("127.0.0.9",)) as space, ExitStack() as stack:
            node, door = space["alpha"], space["alpha"].face.door
            for last in (1, 2):
                for each in silent(stack, node.https_port, "127.0.0.9", HTTPS_DOORS.per_origin):
                    each.sendall(b"PROXY TCP4 192.0.2.%d 192.0.2.9 4711 443\r\n" % last)
            assert wait_until(lambda: door.connections() == 2 * HTTPS_DOORS.per_origin)
            origins = {caller.origin for caller in door._open}
            assert origins == {"192.0.2.1", "192.0.2.2"}
            # Nobody else may say where it comes from.
            (forged,) = silent(stack, node.https_port, OTHERS, 1)
            forged.sendall(b"PROXY TCP4 192.0.2.7 192.0.2.9 4711 443\r\n")
            with suppress(ConnectionResetError):
                assert forged.recv(1) == b""
            (bare,) = silent(stack, node.https_port, "127.0.0.9", 1)
            bare.sendall(b"\x16\x03\x01")
            with suppress(ConnectionResetError):
                assert bare.recv(1) == b""
