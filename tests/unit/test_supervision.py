"""What a node tells its supervisor: ready, still working, stopping; and how it is asked."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from connector.bootstrap import supervision
from connector.bootstrap.supervision import Supervision
from connector.errors import NodeUnreachable
from connector.services.health.vitals import Vitals
from tests.support.command import invoked
from tests.support.doubles import ports_for_tests
from tests.support.management import FINE, application_of, served

QUICK = "2000"  # microseconds between two that the supervisor waits for


@pytest.fixture
def line() -> Iterator[socket.socket]:
    """The supervisor's end."""
    with TemporaryDirectory(prefix="preau-") as folder, closing(_datagrams()) as sock:
        sock.bind(f"{folder}/notify")
        sock.settimeout(20)
        yield sock


def _datagrams() -> socket.socket:
    return socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)


def given(line: socket.socket, **more: str) -> dict[str, str]:
    return {"NOTIFY_SOCKET": line.getsockname(), "HOME": "/", **more}


def said(line: socket.socket) -> str:
    return line.recv(100).decode()


def nothing_said(line: socket.socket) -> bool:
    line.settimeout(0)
    try:
        return not line.recv(100)
    except BlockingIOError:
        return True


def test_it_says_when_it_is_ready_and_when_it_stops(line: socket.socket) -> None:
    supervisor = Supervision(given(line))
    assert nothing_said(line)
    line.settimeout(20)
    supervisor.ready(lambda: True)
    assert said(line) == "READY=1"
    supervisor.stopping()
    assert said(line) == "STOPPING=1"


def test_an_abstract_address_is_understood() -> None:
    with closing(_datagrams()) as sock:
        sock.bind(f"\0preau-test-{os.getpid()}")
        sock.settimeout(20)
        Supervision({"NOTIFY_SOCKET": f"@preau-test-{os.getpid()}"}).ready(lambda: True)
        assert said(sock) == "READY=1"


def test_without_a_supervisor_nothing_is_said_or_fed() -> None:
    supervisor = Supervision({"WATCHDOG_USEC": QUICK})
    supervisor.ready(lambda: True)
    supervisor.stopping()
    assert supervisor._thread is None


def test_a_supervisor_that_is_gone_stops_nobody(line: socket.socket) -> None:
    environment = given(line)
    line.close()
    supervisor = Supervision(environment)
    supervisor.ready(lambda: True)
    supervisor.stopping()


def test_no_child_inherits_the_line(line: socket.socket) -> None:
    environment = given(line, WATCHDOG_USEC=QUICK, WATCHDOG_PID=str(os.getpid()))
    Supervision(environment)
    assert environment == {"HOME": "/"}


def test_the_watchdog_is_fed_while_the_node_is_healthy(line: socket.socket) -> None:
    asked, sick = threading.Event(), threading.Event()

    def healthy() -> bool:
        if sick.is_set():
            asked.set()
        return not sick.is_set()

    supervisor = Supervision(given(line, WATCHDOG_USEC=QUICK))
    supervisor.ready(healthy)
    assert [said(line) for _ in range(3)] == ["READY=1", "WATCHDOG=1", "WATCHDOG=1"]
    sick.set()
    assert asked.wait(20)
    while not nothing_said(line):  # what was on its way
        pass
    asked.clear()
    assert asked.wait(20)
    assert nothing_said(line)
    supervisor.stopping()


@pytest.mark.parametrize(("whose", "fed"), [("ours", True), ("1", False), ("", True)])
def test_the_watchdog_of_another_process_is_not_ours(
    line: socket.socket, whose: str, *, fed: bool
) -> None:
    pid = str(os.getpid()) if whose == "ours" else whose
    supervisor = Supervision(given(line, WATCHDOG_USEC=QUICK, WATCHDOG_PID=pid))
    supervisor.ready(lambda: True)
    assert (supervisor._thread is not None) is fed
    supervisor.stopping()


@pytest.mark.parametrize("usec", ["0", "", "-5", "soon"])
def test_a_watchdog_that_is_none_is_not_fed(line: socket.socket, usec: str) -> None:
    supervisor = Supervision(given(line, WATCHDOG_USEC=usec))
    supervisor.ready(lambda: True)
    assert supervisor._thread is None


# --- asking


@pytest.mark.parametrize(("vitals", "healthy"), [(FINE, True), (Vitals(dead=("outbox",)), False)])
def test_a_node_is_asked_itself(tmp_path: Path, vitals: Vitals, *, healthy: bool) -> None:
    ports = ports_for_tests(tmp_path)
    with served(application_of(ports, vitals=vitals), ports.settings) as address:
        assert supervision.is_healthy(address) is healthy
        assert supervision.ask(address, "/ready")[0] is healthy


def test_a_node_that_accepts_and_never_answers_is_not_healthy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervision, "_LOOK_SECONDS", 0.05)
    with closing(socket.socket()) as frozen:
        frozen.bind(("127.0.0.1", 0))
        frozen.listen()
        assert not supervision.is_healthy(f"http://127.0.0.1:{frozen.getsockname()[1]}")
    assert not supervision.is_healthy(f"unix:{tmp_path}/none")
    with pytest.raises(NodeUnreachable):
        supervision.ask(f"unix:{tmp_path}/none", "/health")


@pytest.mark.parametrize(
    ("vitals", "code", "lines"),
    [
        (FINE, 0, ["healthy", "ready"]),
        (Vitals(stopping=True), 6, ["healthy", "not ready: STOPPING"]),
        (
            Vitals(dead=("exchange", "outbox")),
            6,
            ["not healthy: ended threads: exchange, outbox", "not ready: THREAD_DEAD"],
        ),
    ],
)
def test_the_command_says_how_the_node_is(
    tmp_path: Path, vitals: Vitals, code: int, lines: list[str]
) -> None:
    ports = ports_for_tests(tmp_path)
    with served(application_of(ports, vitals=vitals), ports.settings) as address:
        (tmp_path / "run").mkdir(exist_ok=True)
        (tmp_path / "run" / "node.json").write_text(f'{{"management": "{address}"}}')
        shown = invoked(["health", "--home", str(tmp_path)])
    assert (shown.exit_code, shown.stdout.splitlines()) == (code, lines)


def test_the_command_says_that_no_node_runs(tmp_path: Path) -> None:
    shown = invoked(["health", "--home", str(tmp_path)])
    assert shown.exit_code != 0
    assert "NODE_UNREACHABLE" in shown.stderr
