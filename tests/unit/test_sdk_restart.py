"""A client of the SDK outlives a restart of its node, with another token and another socket."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from connector.errors import NodeUnreachable, Unauthenticated
from connector.management import listen
from connector.management.gate import Door
from connector.sdk import Client, transport
from connector.serving import local
from tests.support.doubles import ports_for_tests
from tests.support.management import application_of


class RestartingNode:
    """The management API of a node that a test stops and starts."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.ports = ports_for_tests(home)
        self.starts = 0
        self._running = ExitStack()

    def start(self) -> None:
        self.starts += 1
        settings = replace(self.ports.settings, management_listen=f"unix:{self.starts}.sock")
        listening = local.bind(settings, "management_listen")
        token = listen.write_token(settings)
        server = local.LocalServer("management", application_of(self.ports, Door(token)), listening)
        server.start()
        self._running.callback(server.stop)
        record = self.home / "run" / "node.json"
        record.write_text(json.dumps({"management": listening.address}))

    def stop(self) -> None:
        (self.home / "run" / "node.json").unlink(missing_ok=True)
        self._running.close()


@pytest.fixture
def node() -> Iterator[RestartingNode]:
    with TemporaryDirectory(prefix="preau") as folder:  # short: sockets have short paths
        made = RestartingNode(Path(folder))
        made.start()
        yield made
        made.stop()


def test_after_the_restart(node: RestartingNode) -> None:
    with Client(node.home) as client:
        assert client.peers() == []
        node.stop()
        node.start()
        assert client.peers() == []


def test_during_the_restart(node: RestartingNode) -> None:
    with Client(node.home) as client:
        assert client.peers() == []
        node.stop()
        again = threading.Timer(0.3, node.start)
        again.start()
        assert client.peers() == []
        again.join()


def test_another_thread_has_connected_anew(
    node: RestartingNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Client(node.home) as client:
        wire, knock = client._wire, transport._knock

        def late(address: transport.Address) -> None:
            monkeypatch.setattr(transport, "_knock", knock)
            knock(address)
            wire._connect(wire._http, address)  # as that thread does, and closes the old one

        monkeypatch.setattr(transport, "_knock", late)
        assert client.peers() == []
    with pytest.raises(RuntimeError, match="closed"):
        client.peers()


def test_a_node_that_stays_away(node: RestartingNode) -> None:
    with Client(node.home, patience=0.3) as client:
        client.peers()
        node.stop()
        with pytest.raises(NodeUnreachable):
            client.peers()
        node.start()
        assert client.peers() == []


def test_a_node_that_never_answered_is_not_waited_for(node: RestartingNode) -> None:
    node.stop()
    with pytest.raises(NodeUnreachable):
        Client(node.home, patience=3600.0)


def test_a_wrong_token_is_refused_at_once(node: RestartingNode) -> None:
    with (
        Client(url=f"unix:{node.home}/1.sock", token="wrong", patience=3600.0) as client,
        pytest.raises(Unauthenticated),
    ):
        client.peers()
