"""What a node says of a request before anything is spent: contracts, cost, a try, a first draft."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from connector.domain.federation.job import JobSite
from connector.errors import (
    AgreementUnknown,
    BudgetExceeded,
    ColumnMissing,
    JobRefused,
    Malformed,
    PreauError,
    TooManyRequests,
    WorkerFailed,
)
from connector.ports import Ports
from connector.services.federation.lead import book
from connector.services.federation.lead import jobs as lead_jobs
from connector.services.federation.request import rehearsal
from connector.services.federation.request.check import Report, check
from connector.services.federation.request.draft import draft, settings
from connector.services.publication import publish
from federated.training import code_hash
from federated.training.launch import ProcessWorkers
from tests.support.federation_workers import AdditiveAccountant
from tests.support.link import Link, description, link, offer
from tests.support.negotiating import ask as negotiated

RECIPE = code_hash()
COLUMNS = [
    {"name": "pupil", "class": "direct identifier", "datatype": "category"},
    {
        "name": "age",
        "class": "quasi-identifier",
        "datatype": "number",
        "lower": 5,
        "upper": 15,
        "missing": 10,
    },
    {"name": "sex", "class": "other", "datatype": "category", "categories": ["F", "M"]},
    {"name": "town", "class": "other", "datatype": "category"},
    {"name": "reading", "class": "sensitive", "datatype": "number", "lower": 300, "upper": 700},
    {"name": "level", "class": "other", "datatype": "category", "categories": ["a", "b", "c"]},
    {"name": "left", "class": "other", "datatype": "category", "categories": ["1", "0"]},
]


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Link]:
    with contracted(tmp_path_factory.mktemp("link")) as found:
        yield found


@contextmanager
def contracted(folder: Path) -> Iterator[Link]:
    """Join a school and a lab that has a contract, and what the school described."""
    with link(folder) as found:
        for node in (found.school, found.lab):
            node.ports = replace(node.ports, code_hash=RECIPE, accountant=AdditiveAccountant())
        file = folder / "pupils.csv"
        file.write_text(
            "pupil,age,sex,town,reading,level,left\n1,9,F,A,410,a,0\n", encoding="utf-8"
        )
        one = offer(sites="1")
        publish.publish(
            found.school.ports,
            description(folder, columns=COLUMNS, population=1000, offer=one),
        )
        negotiated(found)
        yield found


@pytest.fixture
def lab(pair: Link) -> Ports:
    shutil.rmtree(pair.lab.ports.settings.path(rehearsal.KEPT), ignore_errors=True)
    return pair.lab.ports


def request(pair: Link, **changes: Any) -> dict[str, Any]:
    (agreement,) = pair.lab.agreements()
    whole = {
        "purpose": "https://w3id.org/dpv#AcademicResearch",
        "agreements": [agreement.id],
        "model": {"kind": "logistic"},
        "features": ["age", {"column": "sex", "missing": "refuse"}],
        "target": {"kind": "threshold", "column": "reading", "above": 430},
        "unit": {"column": "pupil", "rows": 4},
        "privacy": {
            "epsilon": 1.5,
            "delta": 1e-6,
            "noiseMultiplier": 1,
            "samplingRate": 0.5,
            "steps": 6,
            "clip": 1,
        },
        "learningRate": 1,
        "rounds": 3,
    }
    return {**whole, **changes}


def refusals(report: Report) -> list[tuple[str, str]]:
    return [(each.where, each.code) for each in report.findings if each.code]


def test_a_request_that_fits_is_priced_and_nothing_is_kept(pair: Link, lab: Ports) -> None:
    before = pair.lab.state_of_everything()
    report = check(lab, request(pair), rehearse=False)
    assert report.accepted
    assert report.findings == ()
    (cost,) = report.costs
    assert (cost.limit, cost.left, cost.epsilon, cost.after) == (3.0, 3.0, 1.5, 1.5)
    assert pair.lab.state_of_everything() == before


BAD: list[tuple[Mapping[str, Any], str, str]] = [
    ({"rounds": 0}, "/rounds", "MALFORMED_MESSAGE"),
    ({"rounds": 4}, "/privacy/steps", "MALFORMED_MESSAGE"),
    (
        {"evaluation": {"every": 2, "noiseMultiplier": "none"}},
        "/evaluation/every",
        "MALFORMED_MESSAGE",
    ),
    ({"agreements": ["urn:none"]}, "", "AGREEMENT_UNKNOWN"),
    ({"purpose": "https://w3id.org/dpv#Marketing"}, "/purpose", "PURPOSE_FORBIDDEN"),
    ({"unit": {"column": "pupil", "rows": 3}}, "/unit", "JOB_REFUSED"),
    ({"deadlineSeconds": 3e7}, "/deadlineSeconds", "CONTRACT_EXPIRED"),
    ({"features": [{**COLUMNS[1], "column": "agee"}]}, "/features/0/name", "MALFORMED_MESSAGE"),
    (
        {
            "features": ["age"],
            "target": {"kind": "category", "column": "sex", "positive": ["f"]},
        },
        "/target/positive",
        "JOB_REFUSED",
    ),
    (
        {"target": {"kind": "threshold", "column": "pupil", "above": 1}},
        "/unit/column",
        "MALFORMED_MESSAGE",
    ),
    ({"target": {"kind": "binary", "column": "town"}}, "/target/kind", "COLUMN_MISSING"),
]


@pytest.mark.parametrize(("changes", "where", "code"), BAD, ids=range(len(BAD)))
def test_what_would_be_refused_is_said_and_a_submission_is_refused_alike(
    pair: Link, lab: Ports, changes: Mapping[str, Any], where: str, code: str
) -> None:
    asked = request(pair, **changes)
    report = check(lab, asked, rehearse=False)
    assert refusals(report)[0] == (where, code)
    assert not report.accepted
    with pytest.raises(PreauError) as refused:
        lead_jobs.submit(lab, asked)
    assert refused.value.code == code
    assert lead_jobs.jobs(lab).values == ()


def test_a_job_that_declares_less_than_it_costs(pair: Link, lab: Ports) -> None:
    dear = {**request(pair)["privacy"], "epsilon": 3, "steps": 15}
    report = check(lab, request(pair, privacy=dear), rehearse=False)
    assert refusals(report) == [("/privacy", "JOB_REFUSED")]


def test_jobs_of_the_same_contract_are_charged_before_as_their_site_does(tmp_path: Path) -> None:
    with contracted(tmp_path) as pair:
        ports, asked = pair.lab.ports, request(pair)
        job = lead_jobs.submit(ports, asked)
        (cost,) = check(ports, asked, rehearse=False).costs
        assert (cost.left, cost.after) == (1.5, 0.0)
        more = {**asked["privacy"], "epsilon": 2.5, "steps": 9}
        report = check(ports, {**asked, "privacy": more}, rehearse=False)
        assert refusals(report) == [("/privacy/epsilon", "BUDGET_EXCEEDED")]

        site = JobSite(job.id, pair.school.did, asked["agreements"][0], book.REFUSED)
        for row, left in (
            (site, 3.0),  # refused: charged nothing
            (replace(site, decision=book.LEFT, last_round=1), 1.5),  # by sums, the whole job
            (replace(site, decision=book.AWAY), 1.5),
        ):
            with ports.store.write() as tx:
                tx.sites.put(row)
            assert check(ports, asked, rehearse=False).costs[0].left == left
            made = draft(ports, asked["agreements"], "sex")
            assert made.request["privacy"]["epsilon"] == min(1.0, left)
        lead_jobs.cancel(ports, job.id)
        assert check(ports, asked, rehearse=False).costs[0].left == 3.0


def test_a_whole_job_is_tried_on_made_up_rows(pair: Link, lab: Ports) -> None:
    ports = replace(lab, workers=ProcessWorkers())
    report = check(ports, request(pair))
    assert report.accepted, report.findings
    tried = report.rehearsal
    assert tried is not None
    (part,) = tried.parts
    assert (tried.rounds, part.persons, part.usable, part.labels) == (3, 1000, 1000, 2)
    assert 0 < part.round_seconds == tried.round_seconds < tried.seconds
    assert part.needs < tried.peak * 10

    again = check(replace(ports, workers=Scripted({})), request(pair))
    assert again.rehearsal == tried  # which is not done twice

    cramped = replace(ports.settings, worker_memory_bytes=part.needs - 1)
    late = request(pair, roundSeconds=0.01, deadlineSeconds=2)
    report = check(replace(ports, settings=cramped), late)
    assert refusals(report) == [
        ("/features", WorkerFailed.code),
        ("/roundSeconds", "DEADLINE_PASSED"),
        ("/deadlineSeconds", "DEADLINE_PASSED"),
    ]


class Scripted:
    """Workers that give one answer."""

    pid = 1

    def __init__(self, answer: dict[str, Any]) -> None:
        self.answer = answer
        self.order: dict[str, Any] = {}
        self.stopped = False

    def ready(self, _folder: Path, _files: object, _engines: object) -> None:
        """These start at once."""

    def start(self, role: str, folder: Path, _files: object = (), _engine: str = "") -> Scripted:
        assert (role, folder.name) == ("rehearsal", "rehearsal")
        return self

    def send(self, header: Mapping[str, Any], payload: bytes = b"") -> None:
        self.order = json.loads(json.dumps(header))
        assert payload == b""

    def receive(self, seconds: float) -> tuple[dict[str, Any], bytes]:
        assert seconds > 0
        return self.answer, b""

    def stop(self) -> None:
        self.stopped = True


PART = {"persons": 9, "usable": 9, "labels": 2, "round_seconds": 0.1, "needs": 10}


def answer(pair: Link, part: Mapping[str, Any] = PART, **changes: Any) -> dict[str, Any]:
    whole = {"op": "rehearsed", "isolation": "", "rounds": 3, "seconds": 1.0, "peak": 1}
    return {**whole, "refused": {}, "sites": {pair.school.did: part}, **changes}


def test_what_a_try_finds_is_a_finding(pair: Link, lab: Ports) -> None:
    for part, changes, expected in (
        ({**PART, "usable": 0}, {}, [("/target", "JOB_REFUSED")]),
        ({**PART, "labels": 1}, {}, [("/target", "JOB_REFUSED")]),
        (PART, {"refused": {pair.school.did: "too far"}}, [("/optimiser", "JOB_REFUSED")]),
        (PART, {"rounds": 2}, []),
        (PART, {"op": "failed", "code": "ROUND_REFUSED", "reason": "no"}, [("", "ROUND_REFUSED")]),
    ):
        workers = Scripted(answer(pair, part, **changes))
        report = check(replace(lab, workers=workers), request(pair))
        assert refusals(report) == expected
        assert report.findings
        assert workers.stopped
        shutil.rmtree(lab.settings.path(rehearsal.KEPT), ignore_errors=True)
        assert workers.order["sites"][pair.school.did]["sex"]["values"] == ["F", "M"]


def test_a_try_that_goes_wrong_is_no_finding(pair: Link, lab: Ports) -> None:
    for odd in ({"op": "other"}, answer(pair, rounds=9), answer(pair, {"persons": 1})):
        with pytest.raises(WorkerFailed):
            check(replace(lab, workers=Scripted(odd)), request(pair))
    with rehearsal._turn, pytest.raises(TooManyRequests):
        check(replace(lab, workers=Scripted({})), request(pair))


def test_a_draft_is_accepted_as_it_stands_and_says_why(pair: Link, lab: Ports) -> None:
    (agreement,) = pair.lab.agreements()
    made = draft(lab, [agreement.id], "level")
    assert made.request["model"] == {"kind": "softmax"}
    assert made.request["purpose"].endswith("#AcademicResearch")
    assert made.request["privacy"]["epsilon"] == 1.0
    assert [each["column"] for each in made.request["features"]] == [
        "age",
        "sex",
        "reading",
        "left",
    ]
    assert "at ε 1 noise enters each weight" in made.remarks[0]
    assert any(each.startswith("`town` is left out") for each in made.remarks)
    assert check(lab, made.request, rehearse=False).accepted

    for target, epsilon, kind, model in (
        ("sex", 0.1, "category", "logistic"),
        ("left", 0.1, "category", "logistic"),
        ("reading", 0.1, "number", "linear"),
        ("reading", 2.0, "number", "mlp"),
    ):
        made = draft(lab, [agreement.id], target, epsilon)
        assert (made.request["target"]["kind"], made.request["model"]["kind"]) == (kind, model)
        assert check(lab, made.request, rehearse=False).accepted
    assert draft(lab, [agreement.id], "left").request["target"]["positive"] == ["1"]
    with pytest.raises(BudgetExceeded, match="has ε 3 left, but 4 is asked for"):
        draft(lab, [agreement.id], "sex", 4.0)


def test_a_draft_takes_shorter_steps_where_epsilon_and_persons_are_few() -> None:
    usual, nothing = settings(1.0, 1e-5, [6_000, 6_000])
    shorter, (why,) = settings(0.5, 1e-5, [6_000, 6_000])
    assert (usual["learningRate"], shorter["learningRate"]) == (1.0, 0.5)
    assert not nothing
    assert "ε 0.5 on 12,000 persons" in why
    assert settings(1.0, 1e-5, [4, 6_000])[0]["privacy"]["samplingRate"] == 1.0


@pytest.mark.parametrize(
    ("agreements", "target", "error", "says"),
    [
        ([], "sex", Malformed, "needs a contract"),
        (["urn:none"], "sex", AgreementUnknown, "no agreement"),
        (None, "readin", ColumnMissing, "did you mean `reading`"),
        (None, "zzz", ColumnMissing, "columns are age, sex"),
        (None, "pupil", JobRefused, "identifies a person"),
        (None, "town", JobRefused, "list no values of `town`"),
    ],
)
def test_what_no_draft_can_be_made_for(
    pair: Link, lab: Ports, agreements: list[str] | None, target: str, error: type, says: str
) -> None:
    (agreement,) = pair.lab.agreements()
    with pytest.raises(error, match=says):
        draft(lab, [agreement.id] if agreements is None else agreements, target)
