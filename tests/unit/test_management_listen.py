"""Where the management API listens, and its token."""

from __future__ import annotations

import os
import socket
import stat
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx
import pytest
from fastapi import FastAPI

from connector.config import Settings
from connector.errors import ConfigurationInvalid, WorldFault
from connector.management.gate import Door, Gate
from connector.management.listen import TOKEN_FILE, write_token
from connector.serving.local import Listening, LocalServer, bind, is_loopback
from connector.serving.sockets import split
from tests.support.each import over


@pytest.fixture
def home() -> Iterator[Path]:
    with TemporaryDirectory(prefix="preau") as folder:  # short: sockets have short paths
        yield Path(folder)


def settings(home: Path, listen: str = "unix:run/management.sock") -> Settings:
    return Settings(home=home, did="did:web:a.example", name="A", management_listen=listen)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@contextmanager
def bound(home: Path, listen: str = "unix:run/management.sock") -> Iterator[Listening]:
    listening = bind(settings(home, listen), "management_listen")
    try:
        yield listening
    finally:
        listening.close()


def test_the_socket_is_private_and_so_is_its_folder(home: Path) -> None:
    (home / "run").mkdir(mode=0o755)
    with bound(home) as listening:
        assert mode(home / "run" / "management.sock") == 0o600
        assert mode(home / "run") == 0o700
        assert listening.address == f"unix:{home / 'run' / 'management.sock'}"
        assert listening.hosts == frozenset()


def test_closing_removes_the_socket(home: Path) -> None:
    with bound(home):
        pass
    assert not (home / "run" / "management.sock").exists()


def test_a_socket_left_by_a_killed_node_is_taken_over(home: Path) -> None:
    (home / "run").mkdir()
    left = socket.socket(socket.AF_UNIX)
    left.bind(str(home / "run" / "management.sock"))
    left.close()
    with bound(home) as listening:
        assert listening.socket.getsockname() == str(home / "run" / "management.sock")


def test_the_socket_of_a_running_node_is_not_taken(home: Path) -> None:
    with bound(home):
        with pytest.raises(WorldFault, match="another node"):
            bind(settings(home), "management_listen")
        assert (home / "run" / "management.sock").exists()


def test_a_path_too_long_for_a_socket_says_what_to_do(home: Path) -> None:
    with pytest.raises(ConfigurationInvalid, match="longer than 100 bytes") as caught:
        bind(settings(home, "unix:" + "x" * 120), "management_listen")
    assert "home with a shorter path" in caught.value.hint


@pytest.mark.parametrize("listen", ["127.0.0.1:0", "localhost:0"])
def test_loopback_may_be_bound(home: Path, listen: str) -> None:
    with bound(home, listen) as listening:
        port = listening.socket.getsockname()[1]
        assert listening.address == f"http://{split(listen)[0]}:{port}"
        assert listening.socket.proto == socket.IPPROTO_TCP  # so that asyncio sets TCP_NODELAY
        assert f"127.0.0.1:{port}" in listening.hosts
        assert all(name.endswith(f":{port}") for name in listening.hosts)


@pytest.mark.parametrize("listen", ["0.0.0.0:0", "[::]:0", "192.0.2.1:0", "node.example:0"])
def test_anything_but_loopback_is_refused(home: Path, listen: str) -> None:
    with pytest.raises(ConfigurationInvalid, match="only name loopback"):
        bind(settings(home, listen), "management_listen")


@pytest.mark.parametrize(
    "listen", ["", "localhost", ":80", "localhost:", "localhost:99999", "localhost:²"]
)
def test_what_is_no_address_is_refused(home: Path, listen: str) -> None:
    with pytest.raises(ConfigurationInvalid, match="host:port"):
        bind(settings(home, listen), "management_listen")


def test_a_taken_port_is_named(home: Path) -> None:
    with closing(socket.socket()) as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        taken = other.getsockname()[1]
        with pytest.raises(WorldFault, match=str(taken)):
            bind(settings(home, f"127.0.0.1:{taken}"), "management_listen")


def test_the_token_is_private_and_new_each_time(home: Path) -> None:
    first = write_token(settings(home))
    second = write_token(settings(home))
    assert first != second
    assert len(second) >= 43
    assert (home / TOKEN_FILE).read_text() == second
    assert mode(home / TOKEN_FILE) == 0o600
    assert mode(home / "run") == 0o700


def test_a_token_file_with_loose_rights_is_replaced_not_reused(home: Path) -> None:
    (home / "run").mkdir()
    (home / TOKEN_FILE).write_text("known to others")
    (home / TOKEN_FILE).chmod(0o644)
    write_token(settings(home))
    assert mode(home / TOKEN_FILE) == 0o600


def test_a_token_that_cannot_be_written_is_an_error(home: Path) -> None:
    (home / "run").write_text("a file where the folder should be")
    with pytest.raises(WorldFault, match=r"management\.token"):
        write_token(settings(home))


@over(
    ("host", "expected"),
    [
        ("localhost", True),
        ("127.0.0.1", True),
        ("127.8.8.8", True),
        ("::1", True),
        ("0.0.0.0", False),  # noqa: S104 - judged, not bound
        ("::", False),
        ("localhost.example", False),
        ("10.0.0.1", False),
    ],
)
def test_what_counts_as_loopback(host: str, *, expected: bool) -> None:
    assert is_loopback(host) is expected


@pytest.mark.parametrize("listen", ["unix:run/management.sock", "127.0.0.1:0"])
def test_the_server_answers_with_the_token_and_stops(home: Path, listen: str) -> None:
    api = FastAPI()
    api.add_api_route("/ping", lambda: {"pid": os.getpid()})
    listening = bind(settings(home, listen), "management_listen")
    door = Door(write_token(settings(home)), listening.hosts)
    server = LocalServer("management", Gate(api, door), listening)
    server.start()
    try:
        uds = str(home / "run" / "management.sock") if listen.startswith("unix:") else None
        url = "http://node" if uds else listening.address
        with httpx.Client(transport=httpx.HTTPTransport(uds=uds), base_url=url) as http:
            assert http.get("/ping").status_code == 401
            shown = {"authorization": f"Bearer {door.token}"}
            assert http.get("/ping", headers=shown).json() == {"pid": os.getpid()}
    finally:
        server.stop()
    assert not (home / "run" / "management.sock").exists()
