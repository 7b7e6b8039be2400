"""What `preau serve` refuses, `preau doctor` finds before: one cause, one line, and what to do."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import pytest

from connector import bootstrap, config
from connector.bootstrap.diagnosis import probe
from connector.domain.privacy.census import Overlap
from connector.errors import PersonsOverlap, PreauError
from connector.services.health import data
from connector.services.health.diagnose import Check
from connector.services.publication import publish
from tests.support.command import invoked
from tests.support.link import description, link

Spoil = Callable[[Path], object]


@pytest.fixture
def home() -> Iterator[Path]:
    with TemporaryDirectory(prefix="preau-") as folder:  # short: sockets have short paths
        made = Path(folder) / "n"
        words = ("--did", "did:web:localhost%3A8443", "--name", "A", "--home", str(made))
        assert invoked(["init", *words]).exit_code == 0
        setting(https_listen="127.0.0.1:0", grpc_listen="127.0.0.1:0")(made)
        yield made


def setting(**changes: Any) -> Spoil:
    def spoil(home: Path) -> None:
        changed = replace(config.load(home), **changes)
        (home / config.FILE_NAME).write_text(config.dump(changed), encoding="utf-8")

    return spoil


def broken(name: str) -> Spoil:
    def spoil(home: Path) -> None:
        (home / name).write_text("broken")
        (home / name).chmod(0o600)

    return spoil


def missing(name: str) -> Spoil:
    return lambda home: (home / name).unlink()


def seen(name: str) -> Spoil:
    return lambda home: (home / name).chmod(0o644)


def other_key(home: Path) -> None:
    (home / "keys" / "https.key").write_bytes((home / "keys" / "tls-ca-1.key").read_bytes())


def taken(name: str) -> Spoil:
    def spoil(home: Path) -> socket.socket:
        other = socket.socket()
        other.bind(("127.0.0.1", 0))
        other.listen()
        setting(**{name: f"127.0.0.1:{other.getsockname()[1]}"})(home)
        return other

    return spoil


# What is spoilt -> the check of doctor that says so.
SPOILT: Final[dict[str, tuple[Spoil, str]]] = {
    "no web roots": (setting(web_roots="roots.pem"), "web roots"),
    "broken web roots": (
        lambda home: (setting(web_roots="roots.pem")(home), broken("roots.pem")(home)),
        "web roots",
    ),
    "key seen by others": (seen("keys/signing.pem"), "keys"),
    "TLS CA's key seen by others": (seen("keys/tls-ca-1.key"), "keys"),
    "no signing key": (missing("keys/signing.pem"), "keys"),
    "no HTTPS key": (missing("keys/https.key"), "keys"),
    "broken signing key": (broken("keys/signing.pem"), "keys"),
    "broken HTTPS key": (broken("keys/https.key"), "HTTPS certificate"),
    "HTTPS key of another certificate": (other_key, "HTTPS certificate"),
    "no HTTPS certificate": (missing("keys/https.pem"), "HTTPS certificate"),
    "broken HTTPS certificate": (broken("keys/https.pem"), "HTTPS certificate"),
    "no keeper of keys": (setting(signing_key="vault:x"), "keys"),
    "unknown database": (setting(database="mysql://x/y"), "database"),
    "broken database": (broken("node.sqlite"), "database"),
    "HTTPS port taken": (taken("https_listen"), "https port"),
    "gRPC port taken": (taken("grpc_listen"), "grpc port"),
    "management port taken": (taken("management_listen"), "management port"),
    "metrics port taken": (taken("metrics_listen"), "metrics port"),
    "management for others": (setting(management_listen="0.0.0.0:0"), "management port"),
    "metrics for others": (setting(metrics_listen="0.0.0.0:9464"), "metrics port"),
    "HTTPS address without a port": (setting(https_listen="localhost"), "https port"),
    "gRPC address of another machine": (setting(grpc_listen="192.0.2.1:0"), "grpc port"),
    "console for others": (setting(console_listen="0.0.0.0:0"), "console port"),
    "console on the node's own files": (
        setting(console_listen="127.0.0.1:0", console_folders=(".",)),
        "console",
    ),
    "theme that is not there": (
        setting(console_listen="127.0.0.1:0", console_theme="theme"),
        "console",
    ),
    "socket path too long": (
        setting(management_listen="unix:run/" + "x" * 100),
        "management port",
    ),
}


def refused(home: Path) -> PreauError | None:
    """Start a node as `preau serve` does; return why it did not."""
    node = None
    try:
        node = bootstrap.build(config.load(home))
        node.start()
    except PreauError as exc:
        return exc
    finally:
        if node is not None:
            node.stop()
    return None


def failing(home: Path) -> list[Check]:
    found = probe.examine(config.load(home), ask_peers=False)
    return [check for check in found if check.verdict == "fail"]


@pytest.mark.parametrize("case", SPOILT)
def test_doctor_finds_what_serve_refuses(home: Path, case: str) -> None:
    spoil, check = SPOILT[case]
    left = spoil(home)
    try:
        (found,) = failing(home)
        reason = refused(home)
    finally:
        if isinstance(left, socket.socket):
            with closing(left):
                pass
    assert reason is not None, "serve takes it: then doctor must not fail"
    assert found.name == check, (found, reason.reason)
    assert found.mend
    assert "\n" not in found.finding


@pytest.mark.parametrize(
    ("spoil", "code"),
    [
        (lambda _file: None, ""),
        (lambda file: file.write_text("other rows"), "DATA_FILE_CHANGED"),
        (lambda file: file.unlink(), "DATA_FILE_MISSING"),
        (lambda file: (file.unlink(), file.mkdir()), "DATA_FILE_UNREADABLE"),
    ],
)
def test_doctor_looks_at_the_data_files_of_today(tmp_path: Path, spoil: Spoil, code: str) -> None:
    with link(tmp_path) as pair:
        publish.publish(pair.school.ports, description(pair.folder))
        with pair.school.ports.store.read() as tx:
            datasets, censuses = tx.datasets.find(), tx.censuses.find()
    spoil(Path(datasets[0].file.path))
    (found,) = data.datasets(probe._verdicts(datasets, censuses))[1:] or [None]
    assert (found is None) is (code == "")
    if found is not None:
        assert f"no job runs on it: {code}: " in found.finding
        assert found.mend


def test_doctor_names_persons_whom_the_check_of_another_dataset_found(tmp_path: Path) -> None:
    with link(tmp_path) as pair:
        publish.publish(pair.school.ports, description(pair.folder))
        with pair.school.ports.store.read() as tx:
            (dataset,), (own,) = tx.datasets.find(), tx.censuses.find()
    for register, code in ((dataset.register_id, PersonsOverlap.code), ("urn:another", "")):
        found = Overlap(register, 7, same_file=False, uncounted=False)
        other = replace(own, dataset_id="urn:other", overlaps=(found,))
        assert probe._verdicts([dataset], [other, own])[dataset.id].code == code


def test_of_a_home_in_order_doctor_finds_nothing_and_serve_starts(home: Path) -> None:
    assert failing(home) == []
    assert refused(home) is None
