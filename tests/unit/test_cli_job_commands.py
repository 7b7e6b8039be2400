"""Commands that watch jobs and fetch results: what they print, and how they end."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from rich.console import Console

from connector.cli import job_view
from connector.errors import NotFound
from connector.management.views.jobs import JobView, SiteView
from connector.sdk import Client
from connector.sdk import client as sdk_client
from tests.support.command import invoked
from tests.support.doubles import NOON, ports_for_tests
from tests.support.management import commanded


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    """A home whose node answers commands."""
    ports = ports_for_tests(tmp_path)
    with commanded(ports):
        yield ports.settings.home


def preau(home: Path, *words: str) -> Result:
    return invoked([*words, "--home", str(home)], env={"COLUMNS": "200"})


def job(**changes: Any) -> JobView:
    values: dict[str, Any] = {
        "id": "urn:uuid:9",
        "side": "lead",
        "lead": "did:web:node.example",
        "agreement": "",
        "state": "RUNNING",
        "round": 2,
        "rounds": 20,
        "code": "",
        "reason": "",
        "result": "",
        "created_at": NOON,
        "updated_at": NOON,
        "epsilon": 3.0,
        "delta": 1e-5,
        "sites": [site("did:web:a.example"), site("did:web:b.example", code="WORKER_FAILED")],
        "answered": ["did:web:a.example"],
    }
    return JobView(**{**values, **changes})


def site(did: str, code: str = "") -> SiteView:
    return SiteView(
        site=did,
        agreement="urn:a",
        decision="left" if code else "accepted",
        code=code,
        reason="it died" if code else "",
        last_round=2,
        bytes_sent=2_000,
        bytes_received=2_000_000,
        epsilon=0.4567,
    )


def watching(monkeypatch: pytest.MonkeyPatch, *states: JobView) -> None:
    """Let the node show these states, one after another."""
    left = list(states)
    monkeypatch.setattr(Client, "job", lambda _self, _id: left.pop(0) if left[1:] else left[0])
    monkeypatch.setattr(sdk_client, "_LOOK_SECONDS", 0.01)


def test_a_watched_job_is_shown_change_by_change(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = job(state="COMPLETED", round=20, result="/jobs/9/model.npz")
    watching(monkeypatch, job(round=0, state="SUBMITTED", answered=[]), job(), job(), done)
    shown = preau(home, "job", "status", "urn:uuid:9", "--watch")
    assert shown.exit_code == 0
    lines = shown.stdout.splitlines()
    assert lines[0].startswith("SUBMITTED round 0/20; answered last: none")
    assert lines[1].startswith("RUNNING round 2/20; answered last: did:web:a.example")
    assert lines[2].startswith("COMPLETED round 20/20")
    assert "0.4567" in shown.stdout
    assert "2000 B" in shown.stdout
    assert "2000 kB" in shown.stdout
    assert "WORKER_FAILED: it died" in shown.stdout


def test_a_live_view_shortens_nothing_where_it_is_narrow() -> None:
    console = Console(width=40, file=io.StringIO())
    console.print(job_view.draw(job()))
    assert isinstance(console.file, io.StringIO)
    shown = console.file.getvalue()
    assert "\N{HORIZONTAL ELLIPSIS}" not in shown
    first = "".join(line.split(" ")[0] for line in shown.splitlines())
    assert all(site.site in first for site in job().sites)


def test_a_watched_job_as_json_is_one_value(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    watching(monkeypatch, job(), job(state="COMPLETED"))
    shown = preau(home, "job", "status", "urn:uuid:9", "--watch", "--json")
    assert json.loads(shown.stdout)["state"] == "COMPLETED"


@pytest.mark.parametrize(
    ("state", "code"),
    [("FAILED", "WORKER_FAILED"), ("CANCELLED", "JOB_CANCELLED"), ("REFUSED", "PURPOSE_FORBIDDEN")],
)
def test_a_job_that_ends_badly_ends_with_its_code(
    home: Path, monkeypatch: pytest.MonkeyPatch, state: str, code: str
) -> None:
    watching(monkeypatch, job(state=state, code=code, reason="why"))
    shown = preau(home, "job", "status", "urn:uuid:9", "--watch")
    assert shown.exit_code == 1
    assert shown.stderr.splitlines()[-1] == f"error {code}: why"
    assert preau(home, "job", "status", "urn:uuid:9").exit_code == 0


def test_a_job_still_running_ends_with_seven(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    watching(monkeypatch, job())
    words = ("job", "status", "urn:uuid:9", "--watch", "--seconds", "0.2")
    assert preau(home, *words).exit_code == 7


def test_a_waiting_look_at_a_job_ends(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    watching(monkeypatch, job(), job(state="FAILED"))
    with Client(home) as node:
        assert node.await_job("urn:uuid:9", seconds=10).state == "FAILED"


def test_a_result_is_written_once(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Client, "result", lambda _self, _id: b"model")
    monkeypatch.setattr(Client, "card", lambda _self, _id: b"{}")
    out = home / "model.npz"
    done = preau(home, "job", "result", "urn:uuid:9", "--out", str(out), "--json")
    assert json.loads(done.stdout)["bytes"] == 5
    assert json.loads(done.stdout)["card"] == str(home / "model.card.json")
    assert out.read_bytes() == b"model"
    assert (home / "model.card.json").read_bytes() == b"{}"

    def gone(_self: Client, _id: str) -> bytes:
        raise NotFound("no card")

    monkeypatch.setattr(Client, "card", gone)
    old = preau(home, "job", "result", "urn:uuid:9", "--out", str(home / "old.npz"))
    assert "no card" in old.stdout
    assert (home / "old.npz").read_bytes() == b"model"
    assert not (home / "old.card.json").exists()
    again = preau(home, "job", "result", "urn:uuid:9", "--out", str(out))
    assert again.exit_code == 1
    assert "not overwritten" in again.stderr
    assert preau(home, "job", "result", "x", "--out", str(home / "no" / "m")).exit_code == 1
