"""Log lines: one an event, found by the id of their negotiation or job, never the same each second.

What the handler writes is read back from standard error; the clock of the repeats is a test's.
"""

from __future__ import annotations

import json
import logging
import socket
import ssl
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from connector import config
from connector.bootstrap import logs
from connector.bootstrap.logs import QUIET_SECONDS, JsonLines, Repeats
from connector.services import correlation
from connector.services.negotiation import negotiate
from connector.services.publication import publish
from tests.support.command import invoked, short_folder
from tests.support.doubles import ports_for_tests
from tests.support.link import DATASET, description, link

JOB = "urn:uuid:00000000-0000-4000-8000-000000000001"
_log = logging.getLogger("connector.test")


@pytest.fixture(autouse=True)
def unchanged() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.getLogger("connector").setLevel(logging.NOTSET)


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, object]]:
    return [json.loads(line) for line in capsys.readouterr().err.splitlines()]


def test_a_plain_line_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure(as_json=False, verbose=False)
    with correlation.about(JOB):
        _log.info("%s", "a\nb")
    shown = capsys.readouterr().err
    assert shown.endswith(f"connector.test: a b [{JOB}]\n")
    assert shown.count("\n") == 1


@pytest.mark.parametrize("form", ["json", "plain"])
def test_of_what_nobody_foresaw_the_place_is_told_and_no_text(
    capsys: pytest.CaptureFixture[str], form: str
) -> None:
    logs.configure(as_json=form == "json", verbose=False)
    name = "Dupont"

    def read(row: str) -> int:
        try:
            return int(row)
        except ValueError as exc:
            raise KeyError(row) from exc

    try:
        read(name)
    except KeyError:
        _log.exception("a page failed")
    shown = capsys.readouterr().err
    assert name not in shown
    assert "builtins.KeyError" in shown
    assert "builtins.ValueError" in shown
    assert shown.count("test_logs.py") == 3  # the page, and `read` twice


def test_a_json_line_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure(as_json=True, verbose=False)
    _log.info("%s", "a\nb")
    _log.debug("not shown")
    logging.getLogger("other.library").info("not shown")
    (line,) = lines(capsys)
    assert line["text"] == "a b"
    assert set(line) == {"at", "level", "from", "text"}


def test_a_line_carries_what_its_block_is_about(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure(as_json=True, verbose=False)
    with correlation.about(JOB):
        _log.info("within")
        with correlation.about("urn:uuid:2", "", "urn:uuid:3"):
            _log.info("deeper")
    _log.info("after")
    assert [line.get("about") for line in lines(capsys)] == [JOB, "urn:uuid:2 urn:uuid:3", None]


@pytest.mark.parametrize("value", [7, "", None, ["urn:uuid:1"]])
def test_a_message_names_ids_only_as_text(value: object) -> None:
    assert correlation.ids_of({"job_id": value, "provider_pid": JOB}) == (JOB,)


def test_an_id_of_a_peer_is_cut_and_stays_on_the_line(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure(as_json=False, verbose=False)
    with correlation.about("x\n" + "y" * 10_000):
        _log.info("refused")
    shown = capsys.readouterr().err
    assert shown.count("\n") == 1
    assert len(shown) < 400


def test_each_event_of_the_audit_log_is_a_line_once_it_is_committed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    logs.configure(as_json=True, verbose=False)
    ports = ports_for_tests(tmp_path)
    with suppress(LookupError), ports.store.write() as tx:
        tx.audit.append("job.failed", JOB, code="WORKER_FAILED")
        raise LookupError
    assert lines(capsys) == []
    with ports.store.write() as tx:
        tx.audit.append("job.failed", JOB, code="WORKER_FAILED", reason="a text of a peer's")
        assert lines(capsys) == []
    (line,) = lines(capsys)
    assert (line["about"], line["text"]) == (JOB, "job.failed code=WORKER_FAILED")


def test_the_lines_of_a_negotiation_are_found_by_its_id(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    logs.configure(as_json=True, verbose=False)
    with link(tmp_path) as pair:
        publish.publish(pair.school.ports, description(pair.folder))
        negotiate.request(pair.lab.ports, pair.school.did, DATASET)
        pair.pump()
        own = {node.only().pid for node in pair.nodes.values()}
        events = {entry.kind for entry in pair.lab.log() if entry.subject == pair.lab.only().pid}
    found = [line for line in lines(capsys) if line.get("about") == pair.lab.only().pid]
    assert events
    assert {str(line["text"]).split()[0] for line in found} == events
    assert len(own) == 2


def test_a_line_that_comes_again_is_counted_and_not_written() -> None:
    now = [100.0]
    repeats, shown = Repeats(lambda: now[0]), []
    for second in range(int(QUIET_SECONDS) * 2 + 1):
        now[0] = 100.0 + second
        record = logging.LogRecord(
            "a", logging.INFO, "", 0, "jobs cannot be read: %s", ("x",), None
        )
        if repeats.filter(record):
            shown.append((second, json.loads(JsonLines().format(record)).get("again")))
    held = int(QUIET_SECONDS) - 1
    assert shown == [(0, None), (int(QUIET_SECONDS), held), (2 * int(QUIET_SECONDS), held)]


def test_a_line_that_cannot_be_written_ends_nobody_s_work(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """As without a filter: the handler tells of it, and the caller goes on."""
    logs.configure(as_json=False, verbose=False)
    _log.info("%d sheep", "some")
    assert "Logging error" in capsys.readouterr().err
    _log.info("%d sheep", 2)
    assert "2 sheep" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "text", "about"), [("b", "t", "1"), ("a", "u", "1"), ("a", "t", "2")]
)
def test_another_line_is_written_at_once(name: str, text: str, about: str) -> None:
    repeats = Repeats(lambda: 100.0)
    first = logging.LogRecord("a", logging.INFO, "", 0, "t", (), None)
    other = logging.LogRecord(name, logging.INFO, "", 0, text, (), None)
    first.about, other.about = "1", about
    assert repeats.filter(first)
    assert repeats.filter(other)
    assert not repeats.filter(first)


def test_what_is_remembered_of_lines_is_bounded() -> None:
    repeats = Repeats(lambda: 100.0)
    for number in range(5000):
        record = logging.LogRecord("a", logging.INFO, "", 0, str(number), (), None)
        assert repeats.filter(record)
    assert len(repeats._seen) <= 1024


def test_nothing_but_lines_of_ours_is_written_when_a_handshake_fails() -> None:
    """In a process of its own: gRPC's core writes past Python, and reads how much when loaded."""
    with short_folder() as folder:
        home = folder / "n"
        words = ("--did", "did:web:localhost%3A8443", "--name", "A", "--home", str(home))
        assert invoked(["init", *words]).exit_code == 0
        free = replace(config.load(home), https_listen="127.0.0.1:0", grpc_listen="127.0.0.1:0")
        (home / config.FILE_NAME).write_text(config.dump(free), encoding="utf-8")
        command = [sys.executable, "-m", "connector", "serve", "--home", str(home)]
        with subprocess.Popen(
            [*command, "--json", "--log-json"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
        ) as node:
            assert node.stdout is not None
            host, _, port = json.loads(node.stdout.readline())["grpc"].rpartition(":")
            tls = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            tls.check_hostname, tls.verify_mode = False, ssl.CERT_NONE
            tls.set_alpn_protocols(["h2"])
            with (
                socket.create_connection((host, int(port)), timeout=20) as stranger,
                suppress(OSError),
                tls.wrap_socket(stranger) as shown,
            ):
                shown.recv(1)  # TLS 1.3: refused only after the client's end
            node.terminate()
            _, err = node.communicate(timeout=60)
    assert len(err.splitlines()) >= 3
    assert [line for line in err.decode().splitlines() if not line.startswith('{"at": ')] == []
