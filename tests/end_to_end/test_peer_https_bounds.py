"""The HTTPS port under strangers who open connections and say nothing."""

from __future__ import annotations

import http.client
import os
import socket
import ssl
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from connector.peer import https_server
from connector.peer.https_sockets import CONNECTIONS, PER_ORIGIN
from tests.support.live_space import LiveSpace, Node, live_space, wait_until

OTHERS = "127.0.0.77"


@pytest.fixture
def space(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[LiveSpace]:
    monkeypatch.setattr(https_server, "HANDSHAKE_SECONDS", 60.0)  # only the counting is at work
    with live_space(tmp_path, "alpha") as made:
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


def silent(stack: ExitStack, node: Node, source: str, number: int) -> None:
    for _ in range(number):
        where = ("127.0.0.1", node.https_port)
        stack.enter_context(socket.create_connection(where, 5, source_address=(source, 0)))


def files() -> int:
    return len(os.listdir("/proc/self/fd"))  # noqa: PTH208 - only counted


def test_one_address_takes_no_more_than_its_share(space: LiveSpace) -> None:
    node, server = space["alpha"], space["alpha"].face._https
    with ExitStack() as stack:
        before = files()
        silent(stack, node, "127.0.0.1", 200)
        assert wait_until(lambda: server.connections() == PER_ORIGIN)
        assert status_from(node, space, OTHERS) == 200
        assert wait_until(lambda: server.connections() <= PER_ORIGIN)
        assert files() - before <= 200 + PER_ORIGIN + 8  # ours, the server's, and some room
        assert status_from(node, space, "127.0.0.1") == 0


def test_all_addresses_together_are_bounded(space: LiveSpace) -> None:
    node, server = space["alpha"], space["alpha"].face._https
    with ExitStack() as stack:
        for last in range(2, 9):
            silent(stack, node, f"127.0.0.{last}", PER_ORIGIN)
        assert wait_until(lambda: server.connections() == CONNECTIONS)
        assert status_from(node, space, OTHERS) == 0
    assert wait_until(lambda: server.connections() == 0)
    assert status_from(node, space, OTHERS) == 200


def test_a_handshake_that_dawdles_is_cut_off(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(https_server, "HANDSHAKE_SECONDS", 2.0)
    with live_space(tmp_path, "alpha") as space, ExitStack() as stack:
        node, server = space["alpha"], space["alpha"].face._https
        silent(stack, node, "127.0.0.1", PER_ORIGIN)
        assert wait_until(lambda: server.connections() == PER_ORIGIN)
        assert wait_until(lambda: server.connections() == 0)
        assert status_from(node, space, "127.0.0.1") == 200
