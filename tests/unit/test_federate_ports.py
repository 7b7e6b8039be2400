"""Accountant and workers as ports: failures in the node's words, few computations at a time."""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from connector import errors
from connector.bootstrap.computing import BoundedAccountant, TranslatedWorkers
from connector.services.federation.translation import translated
from federated import errors as foreign
from federated.privacy import answering
from federated.privacy.event import Event, sampled_gaussian
from federated.privacy.process import ProcessAccountant
from federated.privacy.question import Divergence, Epsilon, Question
from tests.support.each import over

EVENT = sampled_gaussian(3.0, 0.2, 20)
ASKED = [Epsilon((EVENT,), 0.5)]


class Inner:
    """An accountant that fails, or waits until it is let go."""

    def __init__(self, failure: Exception | None = None) -> None:
        self.failure = failure
        self.inside = threading.Semaphore(0)
        self.go = threading.Event()

    def costs(self, questions: Sequence[Question]) -> list[float]:
        self.inside.release()
        if self.failure is not None:
            raise self.failure
        assert self.go.wait(20)
        return [float(len(question.events)) for question in questions]

    def calibrate(
        self,
        *,
        epsilon: float,
        delta: float,
        sampling_rate: float,
        steps: int,
        beside: Sequence[Event] = (),
    ) -> float:
        return epsilon + delta + sampling_rate + steps + len(beside)


@over(
    ("failure", "expected"),
    [
        (foreign.WorkerFailed("gone"), errors.WorkerFailed),
        (foreign.EventUnknown("laplace"), errors.JobRefused),
        (foreign.CalibrationImpossible("no σ"), errors.JobRefused),
        (foreign.ManifestInvalid("/x", "is missing"), errors.Malformed),
        (foreign.ColumnMissing("no column"), errors.ColumnMissing),
        (foreign.RoundRefused("order"), errors.RoundRefused),
        (foreign.FederatedError("else"), errors.PreauError),
    ],
)
def test_failures_keep_their_code(
    failure: foreign.FederatedError, expected: type[errors.PreauError]
) -> None:
    with pytest.raises(expected) as caught:
        BoundedAccountant(Inner(failure)).costs(ASKED)
    assert (caught.value.code, caught.value.reason) == (failure.code, failure.reason)
    assert caught.value.__cause__ is failure


def test_what_is_no_failure_of_theirs_passes_through() -> None:
    with pytest.raises(ZeroDivisionError), translated():
        raise ZeroDivisionError


def test_answers_pass_through() -> None:
    inner = Inner()
    inner.go.set()
    accountant = BoundedAccountant(inner)
    assert accountant.costs([*ASKED, Divergence((), 2)]) == [1, 0]
    assert accountant.calibrate(epsilon=1, delta=0.5, sampling_rate=0.5, steps=2) == 4
    beside = [sampled_gaussian(1, 1, 1)]
    found = accountant.calibrate(epsilon=1, delta=0.5, sampling_rate=0.5, steps=2, beside=beside)
    assert found == 5


def test_only_so_many_compute_at_once_and_the_rest_is_told() -> None:
    inner = Inner()
    accountant = BoundedAccountant(inner, at_once=1, seconds=0.05)
    thread = threading.Thread(target=accountant.costs, args=(ASKED,))
    thread.start()
    assert inner.inside.acquire(timeout=20)
    with pytest.raises(errors.TooManyRequests):
        accountant.costs(ASKED)
    inner.go.set()
    thread.join(20)
    assert accountant.costs(ASKED) == [1]  # the turn was given back


class FakeWorker:
    pid = 7

    def __init__(self) -> None:
        self.stopped = False

    def send(self, header: Mapping[str, Any], payload: bytes = b"") -> None:
        if header.get("op") == "bad":
            raise foreign.WorkerFailed(f"gone with {len(payload)}")

    def receive(self, seconds: float) -> tuple[dict[str, Any], bytes]:
        if seconds < 1:
            raise foreign.WorkerFailed("silent")
        return {"op": "ready"}, b"x"

    def stop(self) -> None:
        self.stopped = True


class FakeWorkers:
    def __init__(self) -> None:
        self.worker = FakeWorker()

    def ready(self, _folder: Path, _files: object, _engines: object) -> None:
        """These start at once."""

    def start(self, role: str, folder: Path, _files: object = (), _engine: str = "") -> FakeWorker:
        if role == "none" or not folder:
            raise foreign.WorkerFailed("no role")
        return self.worker


def test_workers_are_translated(tmp_path: Path) -> None:
    inner = FakeWorkers()
    workers = TranslatedWorkers(inner)
    with pytest.raises(errors.WorkerFailed):
        workers.start("none", tmp_path)
    worker = workers.start("site", tmp_path)
    assert worker.pid == 7
    worker.send({"op": "round"}, b"x")
    with pytest.raises(errors.WorkerFailed, match="gone with 1"):
        worker.send({"op": "bad"}, b"x")
    assert worker.receive(5) == ({"op": "ready"}, b"x")
    with pytest.raises(errors.WorkerFailed, match="silent"):
        worker.receive(0.5)
    worker.stop()
    assert inner.worker.stopped


# Several questions at once


def test_questions_among_several_are_refused_one_by_one() -> None:
    good = {"op": "epsilon", "ledger": {"version": 1, "events": []}, "delta": 1e-5}
    question = {"op": "several", "questions": [good, {"op": "none"}, 7]}
    answers = answering.answer(json.dumps(question).encode())["answers"]
    assert answers[0] == {"value": 0.0}
    assert [answer["code"] for answer in answers[1:]] == ["JOB_REFUSED", "JOB_REFUSED"]
    assert "code" in answering.answer(b'{"op":"several"}')


@pytest.mark.parametrize(
    ("output", "expected"),
    [
        (b'{"answers":[{"code":"JOB_REFUSED","reason":"no finite"}]}', [float("inf")]),
        (b'{"answers":[{"value":2}]}', [2.0]),
    ],
)
def test_what_has_no_finite_cost_is_infinite(
    monkeypatch: pytest.MonkeyPatch, output: bytes, expected: list[float]
) -> None:
    monkeypatch.setattr(ProcessAccountant, "_run", lambda *_: output)
    assert ProcessAccountant().costs([Epsilon((EVENT,), 1e-5)]) == expected


@pytest.mark.parametrize(
    "output",
    [
        b'{"answers":[]}',
        b'{"value":1}',
        b"[]",
        b"no json",
        b'{"answers":[{"code":"WORKER_FAILED","reason":"x"}]}',
    ],
)
def test_an_answer_that_is_none_is_a_failure(
    monkeypatch: pytest.MonkeyPatch, output: bytes
) -> None:
    monkeypatch.setattr(ProcessAccountant, "_run", lambda *_: output)
    with pytest.raises(foreign.WorkerFailed):
        ProcessAccountant().costs([Epsilon((EVENT,), 1e-5)])
