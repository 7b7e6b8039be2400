"""A node's life in one process: start, answer, stop; what stands in its way is named."""

from __future__ import annotations

import gc
import json
import math
import signal
import socket
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx
import pytest
from click.testing import Result

from connector import bootstrap, config
from connector.bootstrap import state, system, wiring
from connector.bootstrap.keys import own
from connector.bootstrap.node import Node
from connector.bootstrap.system import STEADY_SECONDS
from connector.bootstrap.threads import renewal
from connector.bootstrap.threads.renewal import Renewal
from connector.config import Settings
from connector.domain.contract.negotiation import NegotiationState
from connector.domain.space import Space
from connector.domain.thread import ThreadFault
from connector.errors import (
    ConfigurationInvalid,
    KeyUnusable,
    MembershipRequired,
    PeerUnreachable,
    WorldFault,
)
from connector.identity.trust import MembershipFacts
from connector.peer.web.client import GuardedWeb, tls_context
from connector.ports import Ports
from connector.sdk import Client
from connector.services.membership import onboard
from tests.support.command import invoked
from tests.support.doubles import NOON, ports_for_tests, settings_for_tests
from tests.support.ports import free_port
from tests.support.stored import negotiation

pytestmark = pytest.mark.filterwarnings("ignore:websockets")


def preau(*words: str) -> Result:
    return invoked(list(words))


@pytest.fixture
def folder() -> Iterator[Path]:
    with TemporaryDirectory(prefix="preau-") as name:  # short: sockets have short paths
        yield Path(name)


@pytest.fixture
def home(folder: Path) -> Path:
    """A participant's home whose servers take free ports."""
    made = folder / "n"
    words = ("--did", "did:web:localhost%3A8443", "--name", "A", "--allow-host", "localhost")
    assert preau("init", "--home", str(made), *words).exit_code == 0
    free = replace(config.load(made), https_listen="127.0.0.1:0", grpc_listen="127.0.0.1:0")
    (made / config.FILE_NAME).write_text(config.dump(free), encoding="utf-8")
    return made


def started(home: Path, **changes: Any) -> Node:
    node = bootstrap.build(replace(config.load(home), **changes))
    node.start()
    return node


def test_a_node_starts_answers_and_stops(home: Path) -> None:
    node = started(home)
    try:
        ready = node.ready()
        assert ready["ready"] is True
        assert ready == state.announced(home)
        assert state.is_running(home)
        with Client(home) as client:
            shown = client.node()
            assert shown.grpc == ready["grpc"] != ""
            assert shown.https == ready["https"]
            assert shown.unsafe == [
                "unsafe_allow_hosts: peers' addresses may name `localhost`, which is not public"
            ]
            assert shown.faults == []
            node._ports.faults["outbox"] = ThreadFault(NOON, "LookupError", "a.b:1 c", 2)
            (fault,) = client.node().faults
            assert (fault.thread, fault.kind, fault.times) == ("outbox", "LookupError", 2)
    finally:
        node.stop()
    assert not state.is_running(home)
    assert state.announced(home) == {}
    assert not (home / "run" / "management.sock").exists()
    left = [t.name for t in threading.enumerate() if t.name in ("management", "https", "outbox")]
    assert left == []


def test_an_authority_has_no_peer_port(folder: Path) -> None:
    made = folder / "a"
    words = ("--did", "did:web:localhost%3A9443", "--name", "M")
    assert preau("authority", "init", "--home", str(made), *words).exit_code == 0
    node = started(made, https_listen="127.0.0.1:0")
    try:
        assert node.ready()["grpc"] == ""
        with Client(made) as client:
            assert client.members() == []
    finally:
        node.stop()


def test_commands_may_come_over_loopback(home: Path) -> None:
    node = started(home, management_listen="127.0.0.1:0")
    try:
        assert node.ready()["management"].startswith("http://127.0.0.1:")
        with Client(home) as client:
            assert client.node().did == "did:web:localhost%3A8443"
    finally:
        node.stop()


def test_a_running_node_says_how_it_is_to_anyone_on_this_machine(home: Path) -> None:
    where = f"127.0.0.1:{free_port()}"
    node = started(home, metrics_listen=where, management_listen="127.0.0.1:0")
    monitor = f"http://{where}"
    try:
        for url in (monitor, node.ready()["management"]):
            assert httpx.get(f"{url}/health").json() == {"health": "ok", "dead": []}
            assert httpx.get(f"{url}/ready").json() == {"ready": True, "reasons": []}
        shown = httpx.get(f"{monitor}/metrics").text
        assert 'preau_certificate_left_seconds{certificate="https"}' in shown
        assert httpx.get(f"{node.ready()['management']}/metrics").status_code == 401
        assert httpx.get(f"{monitor}/node").status_code == 401
        lasting = {each.name for each in node._life._lasting}
        assert lasting >= {"outbox", "renewal", "exchange", "https", "management"}
    finally:
        node.stop()


@pytest.mark.parametrize("where", ["0.0.0.0:9464", "node.example:9464", "9464"])
def test_metrics_are_for_this_machine_alone(home: Path, where: str) -> None:
    node = bootstrap.build(replace(config.load(home), metrics_listen=where))
    with pytest.raises(ConfigurationInvalid):
        node.start()
    assert not state.is_running(home)


def test_waiting_ends_when_the_node_is_asked_to_stop(home: Path) -> None:
    node = bootstrap.build(config.load(home))
    assert node.wait(0.01) is False
    node.ask_to_stop()
    assert node.wait(5) is True
    node.stop()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_that_another_thread_takes_stops_the_node(home: Path, number: int) -> None:
    node = bootstrap.build(config.load(home))
    late = threading.Timer(20, node.ask_to_stop)
    taken = threading.Timer(0.2, lambda: signal.pthread_kill(threading.get_ident(), number))
    with wiring.stopped_by_signals(node):
        late.start()
        taken.start()
        node.wait()
        assert late.is_alive()
        late.cancel()


def test_one_home_runs_one_node(home: Path) -> None:
    node = started(home)
    try:
        second = bootstrap.build(config.load(home))
        with pytest.raises(WorldFault, match="already"):
            second.start()
        with Client(home) as client:
            assert client.node().kind == "participant"
    finally:
        node.stop()


@pytest.mark.parametrize("face", ["https", "grpc", "management", "metrics"])
def test_a_taken_port_leaves_nothing_running(
    home: Path, face: str, capfd: pytest.CaptureFixture[str]
) -> None:
    with closing(socket.socket()) as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        taken = f"127.0.0.1:{other.getsockname()[1]}"
        node = bootstrap.build(replace(config.load(home), **{f"{face}_listen": taken}))
        with pytest.raises(WorldFault, match=f"{taken}`: Address already in use") as caught:
            node.start()
    assert "preau.toml" in caught.value.hint
    assert ".cc:" not in capfd.readouterr().err  # gRPC says nothing of its own
    assert not state.is_running(home)
    assert not (home / "run" / "management.sock").exists()
    again = started(home)
    again.stop()


def serve_refused(home: Path, code: str) -> str:
    done = preau("serve", "--home", str(home), "--json")
    assert done.exit_code == 1
    error = json.loads(done.stderr.splitlines()[-1])
    assert error["code"] == code
    assert done.stdout == ""
    return str(error["reason"])


def test_serve_without_a_home_says_what_to_do(folder: Path) -> None:
    assert "preau.toml" in serve_refused(folder / "none", "CONFIGURATION_INVALID")
    assert "preau init" in preau("serve", "--home", str(folder / "none")).stderr


def test_serve_with_a_key_that_others_read_is_refused(home: Path) -> None:
    (home / "keys" / "signing.pem").chmod(0o644)
    assert "read by others" in serve_refused(home, "KEY_UNUSABLE")


@pytest.mark.parametrize("name", ["signing.pem", "tls-ca-1.key", "https.pem"])
def test_serve_with_a_missing_key_is_refused(home: Path, name: str) -> None:
    (home / "keys" / name).unlink()
    serve_refused(home, "KEY_UNUSABLE")


def test_serve_with_an_edited_log_is_refused_and_doctor_says_so_before(home: Path) -> None:
    started(home).stop()
    assert checks(home)[1]["audit log"]["verdict"] == "ok"
    with closing(sqlite3.connect(home / "node.sqlite")) as database, database:
        database.execute("UPDATE audit_entry SET subject = 'did:web:else.example'")
    code, found = checks(home)
    assert (code, found["audit log"]["verdict"]) == (6, "fail")
    assert "preau restore" in found["audit log"]["mend"]
    assert "entry 0 is missing, or was changed" in serve_refused(home, "LOG_BROKEN")
    assert not state.is_running(home)


def test_a_log_that_was_cut_to_a_true_beginning_counts_as_gone_back(home: Path) -> None:
    """Nothing in the database tells; what the home keeps of charges does."""
    started(home).stop()
    with closing(sqlite3.connect(home / "node.sqlite")) as database, database:
        database.execute("DELETE FROM audit_entry")
        database.execute("DELETE FROM audit_node")
        database.execute("UPDATE audit_head SET size = 0, frontier = x''")
    found = checks(home)[1]
    assert found["audit log"]["verdict"] == "ok"
    assert found["recovery"]["verdict"] == "fail"


def test_the_collector_rests_while_a_node_starts_and_no_longer(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[bool] = []

    def build(_settings: Settings) -> Node:
        seen.append(gc.isenabled())
        raise ConfigurationInvalid("planned")

    monkeypatch.setattr(wiring, "build", build)
    assert "planned" in preau("serve", "--home", str(home)).stderr
    assert seen == [False]
    assert gc.isenabled()
    before = gc.get_threshold()
    gc.disable()
    try:
        system.spare_collector()
        assert gc.isenabled()
    finally:
        gc.set_threshold(*before)
        gc.enable()


def test_serve_with_an_unknown_setting_is_refused(home: Path) -> None:
    with (home / config.FILE_NAME).open("a", encoding="utf-8") as file:
        file.write("unsafe_skip_identity = true\n")
    assert "unsafe_skip_identity" in serve_refused(home, "CONFIGURATION_INVALID")


# --- doctor without a running node


def checks(home: Path, *more: str) -> tuple[int, dict[str, dict[str, str]]]:
    done = preau("doctor", "--home", str(home), "--offline", "--json", *more)
    found = json.loads(done.stdout)["checks"]
    return done.exit_code, {check["name"]: check for check in found}


def test_doctor_of_a_fresh_node_finds_nothing_to_mend(home: Path) -> None:
    code, found = checks(home)
    assert code == 0
    wanted = {"keys", "clock", "grpc port", "https port", "database", "membership", "status list"}
    assert set(found) >= wanted | {"peers", "isolation", "unsafe settings", "versions", "disk"}
    assert found["membership"]["verdict"] == "warn"
    assert found["unsafe settings"]["verdict"] == "warn"
    assert "grpcio" in found["versions"]["finding"]


def test_doctor_says_how_to_mend_each(home: Path) -> None:
    (home / "keys" / "signing.pem").chmod(0o640)
    shown = preau("doctor", "--home", str(home), "--offline")
    assert shown.exit_code == 6
    assert "FAIL  keys: `keys/signing.pem` can be read by others (mode 640)" in shown.stdout
    assert "mend: chmod 600 keys/signing.pem" in shown.stdout


@pytest.mark.parametrize(
    ("name", "check"),
    [
        ("keys/signing.pem", "keys"),
        ("keys/https.key", "keys"),
        ("keys/https.pem", "HTTPS certificate"),
        ("keys/tls-ca-1.pem", "TLS authority"),
        ("node.sqlite", "database"),
    ],
)
def test_doctor_finds_what_is_missing(home: Path, name: str, check: str) -> None:
    (home / name).unlink()
    code, found = checks(home)
    assert code == 6
    assert found[check]["verdict"] == "fail"
    for words in ("restore it",) if name != "node.sqlite" else ("restore", "recovery"):
        assert words in found[check]["mend"]
    assert not (home / name).exists()  # a doctor looks, and makes nothing


def test_doctor_of_a_home_without_keys_asks_for_the_keys_alone(home: Path) -> None:
    assert "membership --refresh" in checks(home)[1]["membership"]["mend"]
    (home / "keys").rename(home / "away")
    found = checks(home)[1]
    bad = {name: check["mend"] for name, check in found.items() if check["verdict"] == "fail"}
    assert set(bad) == {"keys", "HTTPS certificate", "TLS authority"}
    assert all("back" in mend for mend in bad.values()), bad


@pytest.mark.parametrize(
    ("name", "check"),
    [
        ("keys/signing.pem", "keys"),
        ("keys/https.pem", "HTTPS certificate"),
        ("node.sqlite", "database"),
        ("keys/membership.jwt", "membership"),
    ],
)
def test_doctor_finds_what_is_broken(home: Path, name: str, check: str) -> None:
    for file in home.glob(f"{name}-*"):
        file.unlink()  # the database's log
    (home / name).write_text("broken")
    (home / name).chmod(0o600)
    code, found = checks(home)
    assert code == 6
    assert found[check]["verdict"] == "fail"


def test_doctor_finds_an_old_database(home: Path) -> None:
    (home / "node.sqlite").write_bytes(b"")
    code, found = checks(home)
    assert (code, found["database"]["verdict"]) == (6, "fail")


def test_doctor_knows_a_newer_database(home: Path) -> None:
    with closing(sqlite3.connect(home / "node.sqlite")) as database, database:
        database.execute("UPDATE alembic_version SET version_num = '9999'")
    code, found = checks(home)
    assert (code, found["database"]["verdict"]) == (6, "fail")
    assert "newer release" in found["database"]["finding"]
    assert "another release" in serve_refused(home, "CONFIGURATION_INVALID")


def test_doctor_finds_a_damaged_page(home: Path) -> None:
    started(home).stop()
    with closing(sqlite3.connect(home / "node.sqlite")) as database:
        (page,) = database.execute(
            "SELECT rootpage FROM sqlite_master WHERE name = 'participant'"
        ).fetchone()
        (size,) = database.execute("PRAGMA page_size").fetchone()
    assert "all pages intact" in checks(home)[1]["database"]["finding"]
    with (home / "node.sqlite").open("r+b") as file:
        file.seek((page - 1) * size)
        file.write(b"\xff" * size)
    code, found = checks(home)
    assert (code, found["database"]["verdict"]) == (6, "fail")
    assert "damaged" in found["database"]["finding"]
    assert "preau restore" in found["database"]["mend"]


@pytest.mark.parametrize("proxies", [(), ("127.0.0.0/8",)])
def test_doctor_asks_a_running_node(home: Path, proxies: tuple[str, ...]) -> None:
    changed = replace(config.load(home), proxies=proxies)
    (home / config.FILE_NAME).write_text(config.dump(changed), encoding="utf-8")
    node = started(home)
    try:
        found = checks(home)[1]
        names = ("node", "grpc port", "https port")
        assert [found[name]["verdict"] for name in names] == ["ok", "ok", "ok"]
    finally:
        node.stop()


def test_doctor_is_not_deceived_by_the_sockets_of_a_frozen_node(home: Path) -> None:
    """Such a process holds its lock, and the system takes connections for it."""
    with ExitStack() as stack:
        ports = {}
        for name in ("grpc", "https"):
            sock = stack.enter_context(closing(socket.socket()))
            sock.bind(("127.0.0.1", 0))
            sock.listen()
            ports[name] = f"127.0.0.1:{sock.getsockname()[1]}"
        path = home / "run" / "management.sock"
        unix = stack.enter_context(closing(socket.socket(socket.AF_UNIX)))
        unix.bind(str(path))
        unix.listen()
        lock = state.HomeLock(home)
        stack.callback(lock.release)
        lock.announce({**ports, "management": f"unix:{path}"})
        code, found = checks(home)
    assert code == 6
    names = ("node", "grpc port", "https port")
    assert [found[name]["verdict"] for name in names] == ["fail", "fail", "fail"]


def test_doctor_finds_a_taken_port(home: Path) -> None:
    with closing(socket.socket()) as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        taken = f"127.0.0.1:{other.getsockname()[1]}"
        changed = replace(config.load(home), https_listen=taken)
        (home / config.FILE_NAME).write_text(config.dump(changed), encoding="utf-8")
        code, found = checks(home)
    assert (code, found["https port"]["verdict"]) == (6, "fail")
    assert taken in found["https port"]["finding"]


def test_doctor_without_a_home_is_refused(folder: Path) -> None:
    assert preau("doctor", "--home", str(folder / "none")).exit_code == 1


# --- identity on disk


def test_the_membership_is_kept_across_starts(home: Path) -> None:
    identity = own.Identity(config.load(home))
    identity.keep_membership("a.b.c")
    assert identity.membership() == "a.b.c"
    assert own.Identity(config.load(home)).membership() == "a.b.c"
    assert (home / own.MEMBERSHIP_FILE).stat().st_mode & 0o777 == 0o600


def test_an_identity_without_an_authority_key_is_refused(home: Path) -> None:
    (home / "keys" / "tls-ca-1.pem").unlink()
    with pytest.raises(KeyUnusable, match="no TLS authority"):
        own.Identity(config.load(home)).tls_authority()


# --- renewal


class Kept:
    """An identity that notes what it is given."""

    def __init__(self) -> None:
        self.kept: list[str] = []
        self.wanted = threading.Event()

    def keep_membership(self, credential: str, _space: Space) -> None:
        self.kept.append(credential)
        self.wanted.set()

    def follow(self, *, told: bool) -> None:
        """Have no files to look at."""

    def retire(self) -> None:
        """Have none to remove."""

    def awaits_membership(self) -> bool:
        return False


def facts() -> MembershipFacts:
    space = "did:web:authority.example"
    until = NOON.replace(year=2027)
    return MembershipFacts("did:web:node.example", "A", "member", space, space, until)


def test_the_membership_is_fetched_until_there_is_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ports, identity, tries = ports_for_tests(tmp_path), Kept(), []

    def fetch(_ports: object, save: Any, space: Space) -> MembershipFacts:
        tries.append(1)
        if len(tries) < 3:
            raise MembershipRequired("not admitted")
        save("a.b.c", space)
        return facts()

    monkeypatch.setattr(onboard, "fetch_own_membership", fetch)
    monkeypatch.setattr(onboard, "refresh", lambda _ports: [])
    monkeypatch.setattr(renewal, "FIRST_PAUSE", 0.01)
    running = Renewal(ports, identity)  # type: ignore[arg-type] - as far as it is used
    running.start()
    try:
        assert identity.wanted.wait(20)
    finally:
        running.stop()
    assert identity.kept == ["a.b.c"]
    assert len(tries) == 3


@pytest.mark.parametrize("step", ["refresh", "meet"])
def test_what_is_fetched_in_the_background_has_one_deadline(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    """Peers that drip hold up neither the next look at the lists, nor introductions of others."""
    ports = ports_for_tests(tmp_path, web=GuardedWeb(tls_context()))
    given: list[Any] = []

    def fetching(ports: Ports, *_: object) -> list[str]:
        given.append(ports.web)
        return []

    monkeypatch.setattr(onboard, step, fetching)
    if step == "refresh":
        Renewal(ports, Kept())._refresh()  # type: ignore[arg-type] - as far as it is used
    else:
        wiring._introduced(ports, "did:web:b.example")
    (web,) = given
    assert web._until < math.inf


def test_a_failing_refresh_is_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = settings_for_tests(
        tmp_path, "did:web:node.example", space="", status_refresh_seconds=0.01
    )
    ports, tries, twice = ports_for_tests(tmp_path, settings=settings), [], threading.Event()

    def refresh(_ports: object) -> list[str]:
        tries.append(1)
        if len(tries) == 1:
            raise PeerUnreachable("the authority is down")
        twice.set()
        return ["did:web:b.example"]

    monkeypatch.setattr(onboard, "refresh", refresh)
    running = Renewal(ports, Kept())  # type: ignore[arg-type] - as far as it is used
    running.start()
    try:
        assert twice.wait(20)
    finally:
        running.stop()


def test_expired_tokens_are_forgotten_and_stale_negotiations_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ports = ports_for_tests(tmp_path)
    long_ago, soon = NOON - timedelta(days=2), NOON + timedelta(minutes=1)
    with ports.store.write() as tx:
        assert tx.tokens.use("did:web:a.example", "old", long_ago)
        assert tx.tokens.use("did:web:a.example", "new", soon)
        tx.negotiations.put(negotiation(pid="urn:uuid:1", updated_at=NOON - timedelta(days=8)))
        tx.negotiations.put(negotiation(pid="urn:uuid:2", updated_at=NOON - timedelta(days=6)))
    monkeypatch.setattr(onboard, "refresh", lambda _ports: [])
    timer = Renewal(ports, Kept())  # type: ignore[arg-type] - as far as it is used
    timer._refresh()
    with ports.store.read() as tx:
        assert len(tx.negotiations.find(state=NegotiationState.REQUESTED)) == 2
    ports.clock.advance(STEADY_SECONDS)  # type: ignore[attr-defined] - a fixed clock
    ports.pace.pass_by(STEADY_SECONDS)  # type: ignore[attr-defined] - a quick pace
    timer._refresh()
    with ports.store.write() as tx:
        assert tx.tokens.use("did:web:a.example", "old", long_ago)
        assert not tx.tokens.use("did:web:a.example", "new", soon)
        states = {each.pid: each.state for each in tx.negotiations.find()}
    assert states == {"urn:uuid:1": "TERMINATED", "urn:uuid:2": "REQUESTED"}


# --- settings


def test_settings_that_are_dumped_are_read_again(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, did="did:web:a.example", name='A "quoted" \\ name')
    (tmp_path / config.FILE_NAME).write_text(config.dump(settings), encoding="utf-8")
    assert config.load(tmp_path) == settings
