"""A training job in the console: rounds as they go, curves, evidence, and its files."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree as ET

import httpx
import pytest

from connector.console.sessions import COOKIE
from connector.services.federation.lead import jobs
from federated.job import JobState
from tests.support.console import browsers, text_of
from tests.support.federation import SITES, Federation
from tests.support.jobs import all_running, over, submitted
from tests.support.link import link

ASKED = {"every": 2, "bins": 4, "noiseMultiplier": 2.0}


@pytest.fixture(scope="module")
def federation(tmp_path_factory: pytest.TempPathFactory) -> Federation:
    return Federation(tmp_path_factory.mktemp("federation"))


@pytest.fixture(scope="module")
def completed(federation: Federation) -> Iterator[str]:
    privacy = {**federation.request()["privacy"], "epsilon": 2.0}
    with all_running(federation):
        job_id = submitted(federation, evaluation=ASKED, privacy=privacy)
        over(federation, job_id, JobState.COMPLETED)
        yield job_id


def test_a_completed_job_has_curves_evidence_and_files(
    federation: Federation, completed: str
) -> None:
    with browsers(federation.lead.ports, "scientist", "approver") as (scientist, approver):
        page = scientist.get(f"/job?id={completed}")
        said = text_of(page)
        for words in ("How the models predict", "auc", "Model card", "Receipts", "all sites"):
            assert words in said, words
        assert all(site in said for site in SITES)
        assert "data-live" not in page.text
        assert "<script" not in page.text
        for name in ("auc", "loss"):
            assert f"figure={name}" in page.text
            drawn = scientist.get(f"/job/curve?id={completed}&figure={name}")
            assert drawn.headers["content-type"] == "image/svg+xml"
            picture = ET.fromstring(drawn.content)  # noqa: S314 - drawn here
            assert [each.tag.rpartition("}")[2] for each in picture[:2]] == ["title", "desc"]
            inside = scientist.get(str(drawn.url), accept_language="fr").text
            assert "<desc>La ligne bleue" in inside
            assert "round" not in inside
        assert scientist.get(f"/job/curve?id={completed}&figure=<script>").status_code == 404
        rows = json.loads(scientist.get(f"/job?id={completed}&as=json&table=evaluations").content)
        assert {each["after round"] for each in rows} == {2, 3}
        whole = scientist.get(f"/job/model?id={completed}")
        assert whole.content == jobs.result(federation.lead.ports, completed).read_bytes()
        assert "model.npz" in whole.headers["content-disposition"]
        assert scientist.get(f"/job/card?id={completed}").json()["card"]["job"] == completed
        assert scientist.get(f"/job/receipts?id={completed}").status_code == 200
        french = text_of(scientist.get(f"/job?id={completed}", accept_language="fr"))
        assert "Fiche du modèle" in french
        other = text_of(approver.get(f"/job?id={completed}"))
        assert "How the models predict" in other
        assert "model.npz" not in other
        for path in ("model", "card", "receipts"):
            assert approver.get(f"/job/{path}?id={completed}").status_code == 403


def test_a_browser_is_told_when_a_job_changes(tmp_path: Path) -> None:
    federation = Federation(tmp_path)
    ports, job_id = federation.lead.ports, submitted(federation)
    with browsers(ports, "scientist") as (scientist,):
        page = scientist.get(f"/job?id={job_id}")
        assert '<script src="/static/live.js" defer>' in page.text
        assert "EventSource" in scientist.get("/static/live.js").text
        held = {"cookie": f"{COOKIE}={scientist.cookies[COOKIE]}"}
        watched = f"{scientist.address}/live/job?id={job_id}"
        told = httpx.stream("GET", watched, params=None, headers=held, timeout=20)
        with told as stream:
            assert stream.headers["content-type"].startswith("text/event-stream")
            lines = (line for line in stream.iter_lines() if line)
            assert next(lines) == "event: changed"  # the browser said nothing of what it shows
            assert next(lines).startswith("data:")
            assert next(lines) == ":"
            threading.Timer(0.0, jobs.cancel, (ports, job_id, "enough")).start()
            seen = [next(lines) for _ in range(4)]
            assert "event: changed" in seen
        assert httpx.get(watched).status_code == 401
        assert "data-live" not in scientist.get(f"/job?id={job_id}").text


def test_who_may_not_see_a_page_is_told_nothing_of_it(tmp_path: Path) -> None:
    with link(tmp_path) as pair, browsers(pair.lab.ports, "scientist") as (scientist,):
        held = {"cookie": f"{COOKIE}={scientist.cookies[COOKIE]}"}
        gone = httpx.get(f"{scientist.address}/live/job?id=urn:none", headers=held)
        assert (gone.status_code, gone.text) == (200, "")
