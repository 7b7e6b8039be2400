"""Asking for a training job in the console: proposed, checked, and submitted."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import unescape

import pytest

from connector.services.federation.lead import jobs
from tests.support.console import Browser, browsers, text_of
from tests.support.link import Link
from tests.unit.test_job_check import contracted

_FIELD = re.compile(r'name="([^"]+)"[^>]*? value="([^"]*)"')


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Link]:
    with contracted(tmp_path_factory.mktemp("link")) as found:
        yield found


@pytest.fixture
def scientist(pair: Link) -> Iterator[Browser]:
    with browsers(pair.lab.ports, "scientist") as (made,):
        yield made


def proposed(pair: Link, browser: Browser, **more: str) -> dict[str, str]:
    """What the form of a proposed job holds."""
    (agreement,) = pair.lab.agreements()
    query = "&".join(f"{k}={v}" for k, v in {"target": "level", **more}.items())
    page = browser.get(f"/job/request?contract-1={agreement.id}&{query}")
    assert page.status_code == 200
    form = page.text.split('action="/job/check"')[1].split("</form>")[0]
    return {name: unescape(value) for name, value in _FIELD.findall(form) if name != "word"}


def test_a_job_is_proposed_checked_changed_and_submitted(pair: Link, scientist: Browser) -> None:
    assert "ask for a job" in text_of(scientist.get("/jobs"))
    given = proposed(pair, scientist)
    assert given["/privacy/epsilon"] == "1"
    checked = scientist.do("/job/check", **given)
    assert checked.status_code == 200
    said = text_of(checked)
    assert "Nothing that can be known here refuses the job" in said
    assert "What it costs a person" in said
    lost = scientist.do(
        "/job/submit", request=given["request"].replace('"epsilon":1', '"epsilon":50')
    )
    assert (lost.status_code, 'value="50"' in lost.text) == (409, True), "the form comes back"
    refused = text_of(scientist.do("/job/check", **{**given, "/privacy/epsilon": "50"}))
    assert "The job would be refused" in refused
    assert "BUDGET_EXCEEDED" in refused
    assert "submit the job" not in refused
    changed = {
        **given,
        "/privacy/epsilon": "0,5",
        "/rounds": "10",
        "evaluation-every": "5",
        "feature-0": "no",
    }
    again = scientist.do("/job/check", **changed)
    assert "submit the job" in again.text, text_of(again)
    form = again.text.split('action="/job/submit"')[1].split("</form>")[0]
    (whole,) = (unescape(value) for name, value in _FIELD.findall(form) if name == "request")
    assert "0.5" in whole
    twice = {"request": whole, "word": scientist.word()}
    first, second = (scientist.post("/job/submit", twice) for _ in range(2))
    assert first.status_code == second.status_code == 200
    (made,) = jobs.jobs(pair.lab.ports).values
    assert first.url.params["id"] == second.url.params["id"] == made.id, "clicked twice"
    assert made.state == "SUBMITTED"
    assert b'"every":5' in made.manifest
    assert b'"age"' not in made.manifest


def test_what_is_no_request_is_said_and_the_form_stays(pair: Link, scientist: Browser) -> None:
    before = len(jobs.jobs(pair.lab.ports).values)
    given = proposed(pair, scientist)
    wrong = scientist.do("/job/check", **{**given, "/rounds": "<script>"})
    assert wrong.status_code == 400
    assert "<script>" not in wrong.text
    assert 'action="/job/check"' in wrong.text
    odd = '{"features": ["x"], "rounds": [], "privacy": {"epsilon": null, "delta": {}}}'
    for whole in ("", "[]", "{}", '{"features": 3}', odd, "x" * 1000):
        assert scientist.do("/job/submit", request=whole).status_code == 400
        assert scientist.do("/job/check", request=whole).status_code in (200, 400)
    (agreement,) = pair.lab.agreements()
    asked = f"/job/request?contract-1={agreement.id}"
    unknown = scientist.get(f"{asked}&target=readin")
    assert "did you mean" in text_of(unknown)
    assert 'value="readin"' in unknown.text
    assert scientist.get(f"{asked}&target=level&epsilon=much").status_code == 400
    assert len(jobs.jobs(pair.lab.ports).values) == before


def test_jobs_are_asked_for_by_scientists(pair: Link) -> None:
    with browsers(pair.lab.ports, "auditor") as (auditor,):
        assert "ask for a job" not in text_of(auditor.get("/jobs"))
        assert auditor.get("/job/request").status_code == 403
        for path in ("/job/check", "/job/submit"):
            assert auditor.do(path, request='{"features": []}').status_code == 403
