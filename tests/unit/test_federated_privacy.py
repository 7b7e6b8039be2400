from __future__ import annotations

import gc
import io
import json
import math
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from dp_accounting import dp_event
from dp_accounting.rdp import RdpAccountant

from federated import child
from federated.errors import CalibrationImpossible, EventUnknown, PrivacyFault, WorkerFailed
from federated.privacy import accountant, answering, calibration
from federated.privacy.accountant import epsilon
from federated.privacy.calibration import LEAST_NOISE, calibrate
from federated.privacy.divergence import divergence
from federated.privacy.event import (
    Event,
    Events,
    Kind,
    event,
    from_mapping,
    merged,
    sampled_gaussian,
    to_mapping,
)
from federated.privacy.process import ProcessAccountant
from federated.privacy.question import Divergence, Epsilon, spelled

DELTA = 1e-5
GRID = {"scale": 3.0, "sensitivity": 2}


def _event(sigma: float = 2.0, rate: float = 0.2, steps: int = 20) -> Event:
    return sampled_gaussian(sigma, rate, steps)


# Events


def _ledger(kind: str = "laplace", **changes: Any) -> dict[str, Any]:
    """Return a list with one event as JSON, with what is changed in the event."""
    parameters = {
        "sampled-gaussian": {"noise_multiplier": 1.0, "sampling_rate": 0.1},
        "discrete-laplace": {"scale": 2.0, "sensitivity": 1},
    }.get(kind, {"scale": 2.0})
    one = {"kind": kind, "parameters": parameters, "count": 3, "adjacency": "add-or-remove-one"}
    return {"version": 1, "events": [one | changes]}


def test_an_event_is_read_and_written_without_loss() -> None:
    assert from_mapping(to_mapping(Events((_event(),)))).items == (_event(),)
    stated = {"noise_multiplier": 2, "sampling_rate": 1}
    assert from_mapping(_ledger("sampled-gaussian", parameters=stated)).items == (_event(2, 1, 3),)
    assert from_mapping(_ledger("discrete-laplace")).items == (
        event(Kind.DISCRETE_LAPLACE, 3, scale=2, sensitivity=1),
    )


@pytest.mark.parametrize(
    "value",
    [
        {},
        [],
        {"noise_multiplier": 1.0, "sampling_rate": 0.1, "steps": 1},
        _ledger() | {"version": 2},
        _ledger() | {"version": 0},
        _ledger() | {"more": 1},
        _ledger("exponential"),
        _ledger("sampled-laplace"),
        _ledger(adjacency="replace-one"),
        _ledger(clip=1.0),
        _ledger(parameters={}),
        _ledger(parameters={"noise_multiplier": 2.0}),
        _ledger(parameters={"scale": 1.0, "sensitivity": 1.0}),
        *(_ledger(parameters={"scale": it}) for it in ("1", True, 0.0, -1.0, math.inf, math.nan)),
        *(_ledger(count=it) for it in (-1, 1.5, 6.0, math.nan, math.inf, 10**400, True)),
        *(
            _ledger("sampled-gaussian", parameters={"noise_multiplier": 1.0, "sampling_rate": it})
            for it in (0.0, 1.1, math.nan)
        ),
        *(
            _ledger("discrete-laplace", parameters={"scale": 1.0, "sensitivity": it})
            for it in (0, 0.5, -1, 1e300)
        ),
    ],
)
def test_an_unknown_event_is_refused(value: Any) -> None:
    with pytest.raises(EventUnknown):
        from_mapping(value)


@pytest.mark.parametrize(
    "made",
    [
        lambda: Events((_event(),), version=2),
        lambda: Event("exponential", (("scale", 1.0),), 1),  # type: ignore[arg-type] - on purpose
        lambda: Event(Kind.LAPLACE, (("scale", 1.0),), 1, "replace-one"),
        lambda: event(Kind.GAUSSIAN, 1, scale=1),
        lambda: event(Kind.LAPLACE, -1, scale=1),
    ],
)
def test_no_event_without_a_known_cost_is_made(made: Callable[[], object]) -> None:
    with pytest.raises(EventUnknown):
        made()


def test_equal_mechanisms_are_merged() -> None:
    events = [_event(2, 0.1, 3), _event(1, 0.1, 1), _event(2, 0.1, 4), _event(5, 0.1, 0)]
    assert merged(events) == (_event(1, 0.1, 1), _event(2, 0.1, 7))
    assert merged(reversed(events)) == merged(events)


# The laws of an accountant


def _rdp(events: list[Event]) -> float:
    other = RdpAccountant()
    for one in events:
        gaussian = dp_event.GaussianDpEvent(one["noise_multiplier"])
        other.compose(dp_event.PoissonSampledDpEvent(one["sampling_rate"], gaussian), one.count)
    return float(other.get_epsilon(DELTA))


def test_nothing_costs_nothing() -> None:
    assert epsilon([], DELTA) == 0
    assert epsilon([_event(steps=0)], DELTA) == 0


@pytest.mark.parametrize("rate", [0.05, 0.5, 1.0])
def test_more_steps_cost_more(rate: float) -> None:
    costs = [epsilon([_event(rate=rate, steps=steps)], DELTA) for steps in (1, 2, 5, 20)]
    assert costs == sorted(costs)
    assert costs[0] < costs[-1]


def test_more_sampling_costs_more() -> None:
    costs = [epsilon([_event(rate=rate)], DELTA) for rate in (0.01, 0.1, 0.3, 0.9, 1.0)]
    assert costs == sorted(costs)
    assert len(set(costs)) == len(costs)


def test_more_noise_costs_less() -> None:
    costs = [epsilon([_event(sigma)], DELTA) for sigma in (0.5, 1, 2, 4, 16)]
    assert costs == sorted(costs, reverse=True)
    assert len(set(costs)) == len(costs)


def test_a_smaller_delta_costs_more() -> None:
    assert epsilon([_event()], 1e-8) > epsilon([_event()], 1e-5) > epsilon([_event()], 1e-2)


def test_together_costs_at_least_the_dearest_and_at_most_the_sum() -> None:
    one, two = _event(2, 0.2, 20), _event(1.5, 0.1, 10)
    together = epsilon([one, two], DELTA)
    assert together > max(epsilon([one], DELTA), epsilon([two], DELTA))
    assert together < epsilon([one], DELTA / 2) + epsilon([two], DELTA / 2)
    assert together == epsilon([two, one], DELTA)


@pytest.mark.parametrize(
    "events",
    [
        [_event(1.0, 0.032, 160)],
        [_event(20.0, 1.0, 200)],
        [_event(2.0, 0.2, 20), _event(3.0, 0.1, 50)],
    ],
)
def test_another_accountant_bounds_ours_from_above(events: list[Event]) -> None:
    ours, other = epsilon(events, DELTA), _rdp(events)
    assert 0.75 * other < ours < other


def test_known_values() -> None:
    # Measured with two other accountants (Opacus PRV 2.735 and dp-accounting PLD at 1e-4: 2.724).
    assert epsilon([_event(1.0, 0.032, 160)], DELTA) == pytest.approx(2.724, abs=0.005)
    assert epsilon([_event(20.0, 1.0, 200)], DELTA) == pytest.approx(2.943, abs=0.005)


def _told_coarsely(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    used: list[str] = []

    def noting(way: str) -> Callable[..., float]:
        real = getattr(accountant, way)
        return lambda *asked: used.append(way) or real(*asked)  # type: ignore[func-returns-value]

    for way in ("_fine", "_coarse"):
        monkeypatch.setattr(accountant, way, noting(way))
    return used


@pytest.mark.parametrize(
    ("one", "ways"),
    [
        (_event(4.0, 0.2, 200), ["_fine"]),
        (_event(0.6, 0.01, 10_000), ["_coarse", "_fine"]),
        (_event(0.3, 1.0, 100_000), ["_coarse"]),
        (_event(1e-3, 1e-6, 1), ["_coarse"]),
        (event(Kind.LAPLACE, 3000, scale=1), ["_coarse"]),
        (event(Kind.DISCRETE_LAPLACE, 2, scale=1e-3, sensitivity=4), ["_coarse"]),
    ],
)
def test_what_would_fill_the_memory_is_told_by_a_coarser_bound(
    monkeypatch: pytest.MonkeyPatch, one: Event, ways: list[str]
) -> None:
    used = _told_coarsely(monkeypatch)
    cost = epsilon([one], DELTA)
    assert used == ways
    assert (cost > 100) == (ways == ["_coarse"])


@pytest.mark.parametrize("kind", [Kind.DISCRETE_GAUSSIAN, Kind.DISCRETE_LAPLACE])
def test_a_grid_that_is_too_fine_is_told_by_a_coarser_bound(
    monkeypatch: pytest.MonkeyPatch, kind: Kind
) -> None:
    used = _told_coarsely(monkeypatch)
    cost = epsilon([event(kind, 1, scale=1e6, sensitivity=1e5)], DELTA)
    assert used == ["_coarse"]
    assert epsilon([event(kind, 1, scale=100, sensitivity=10)], DELTA) <= cost < 1


def test_from_fine_to_coarse_costs_only_grow() -> None:
    costs = [epsilon([_event(1.0, 0.3, steps)], DELTA) for steps in (500, 1100, 1500, 3000, 30_000)]
    assert costs == sorted(costs)
    assert costs[0] < 100 < costs[-1]


@pytest.mark.parametrize("delta", [1e-5, 1e-9, 1e-13])
def test_what_a_transform_loses_is_not_taken_from_the_cost(delta: float) -> None:
    nearly, all_of_them = (_event(200.0, rate, 20_000) for rate in (1 - 2.0**-53, 1.0))
    # Sampling saves 20,000 ln q, some 2e-12. Without it the cost has a closed form.
    assert epsilon([nearly], delta) > epsilon([all_of_them], delta) - 1e-6


@pytest.mark.parametrize("delta", [1.0, -0.1, 2.0, math.nan])
def test_delta_out_of_range_is_refused(delta: float) -> None:
    with pytest.raises(PrivacyFault):
        epsilon([_event()], delta)
    with pytest.raises(PrivacyFault):
        Epsilon((_event(),), delta)


@pytest.mark.parametrize("rate", [0.2, 1.0])
def test_calibration_keeps_the_target_and_wastes_little(rate: float) -> None:
    sigma = calibrate(target=3.0, delta=DELTA, sampling_rate=rate, steps=20)
    cost = epsilon([_event(sigma, rate, 20)], DELTA)
    assert cost <= 3.0
    assert epsilon([_event(sigma - 0.002, rate, 20)], DELTA) > 3.0


@pytest.mark.parametrize("target", [0.2, 1.0, 8.0])
def test_calibration_composes_a_few_times(monkeypatch: pytest.MonkeyPatch, target: float) -> None:
    asked: list[float] = []

    def counted(events: list[Event], delta: float) -> float:
        asked.append(epsilon(events, delta))
        return asked[-1]

    monkeypatch.setattr(calibration, "epsilon", counted)
    calibrate(target=target, delta=DELTA, sampling_rate=0.2, steps=40)
    assert 2 <= len(asked) <= 8  # halving takes 16 to 23


def test_calibration_ends_at_the_least_noise() -> None:
    assert calibrate(target=900, delta=DELTA, sampling_rate=0.1, steps=1) == LEAST_NOISE


def test_calibration_that_is_impossible() -> None:
    with pytest.raises(CalibrationImpossible):
        calibrate(target=1e-9, delta=1e-9, sampling_rate=1.0, steps=1)


@pytest.mark.parametrize(("target", "steps"), [(0.0, 1), (-1.0, 1), (1.0, 0)])
def test_calibration_of_nonsense_is_refused(target: float, steps: int) -> None:
    with pytest.raises(PrivacyFault):
        calibrate(target=target, delta=DELTA, sampling_rate=0.1, steps=steps)


# One question


def test_a_question_is_answered() -> None:
    question = {"op": "epsilon", "ledger": to_mapping(Events((_event(),))), "delta": DELTA}
    answer = answering.answer(json.dumps(question).encode())
    assert answer == {"value": epsilon([_event()], DELTA)}


@pytest.mark.parametrize(
    "question",
    [
        b"",
        b"[]",
        b"null",
        b'{"op":"sum"}',
        b'{"op":"epsilon"}',
        b'{"op":"epsilon","ledger":[],"delta":1e-5}',
        b'{"op":"epsilon","ledger":{"version":1,"events":[[1]]},"delta":1e-5}',
        b'{"op":"epsilon","ledger":{"version":1,"events":[]},"delta":"x"}',
        json.dumps({"op": "epsilon", "ledger": _ledger("exponential"), "delta": 1e-5}).encode(),
        json.dumps({"op": "epsilon", "ledger": _ledger() | {"version": 2}, "delta": 1e-5}).encode(),
        b'{"op":"calibrate","epsilon":1,"delta":2,"sampling_rate":0.1,"steps":1}',
        b'{"op":"calibrate","epsilon":1,"delta":1e-5,"sampling_rate":3,"steps":1}',
    ],
)
def test_a_question_that_is_none_is_answered_with_a_reason(question: bytes) -> None:
    answer = answering.answer(question)
    assert set(answer) == {"code", "reason"}
    assert answer["code"] == "JOB_REFUSED"


def test_several_questions_are_answered_each() -> None:
    good = {"op": "epsilon", "ledger": to_mapping(Events(())), "delta": DELTA}
    answer = answering.answer(json.dumps({"op": "several", "questions": [good, 3]}).encode())
    assert answer["answers"][0] == {"value": 0.0}
    assert set(answer["answers"][1]) == {"code", "reason"}


def test_infinity_is_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answering, "epsilon", lambda *_: math.inf)
    question = b'{"op":"epsilon","ledger":{"version":1,"events":[]},"delta":1e-5}'
    assert "no finite" in answering.answer(question)["reason"]


def test_too_little_memory_is_an_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> float:
        raise MemoryError

    monkeypatch.setattr(answering, "epsilon", full)
    question = b'{"op":"epsilon","ledger":{"version":1,"events":[]},"delta":1e-5}'
    assert "more memory" in answering.answer(question)["reason"]


def test_the_process_bounds_its_own_life_and_memory(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    alarms: list[int] = []
    limits: list[object] = []
    monkeypatch.setattr(signal, "alarm", alarms.append)
    monkeypatch.setattr(resource, "setrlimit", lambda *limit: limits.append(limit))
    question = b'{"op":"epsilon","ledger":{"version":1,"events":[]},"delta":1e-5}'
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(question)))
    answering.main()
    assert alarms == [answering.MOST_SECONDS, 0]
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    assert limits == [(resource.RLIMIT_AS, (answering.MOST_MEMORY, hard))]
    assert json.loads(capsys.readouterr().out) == {"value": 0.0}


# The accountant's process


@pytest.fixture(scope="module")
def ours() -> ProcessAccountant:
    """An accountant whose process answers all tests that ask it something real."""
    return ProcessAccountant()


def test_the_process_gives_what_the_library_gives(ours: ProcessAccountant) -> None:
    events = (_event(), _event(3.0, 0.1, 50), event(Kind.DISCRETE_GAUSSIAN, 4, **GRID))
    found = ours.costs([Divergence(events, 9), Epsilon(events, DELTA), Divergence(events, 2)])
    assert found == [divergence(events, 9), epsilon(events, DELTA), divergence(events, 2)]


def test_the_process_calibrates(ours: ProcessAccountant) -> None:
    sigma = ours.calibrate(epsilon=3, delta=DELTA, sampling_rate=0.2, steps=20)
    assert sigma == calibrate(target=3, delta=DELTA, sampling_rate=0.2, steps=20)


def _counting(monkeypatch: pytest.MonkeyPatch, answer: bytes) -> list[str]:
    asked: list[str] = []

    def run(_: ProcessAccountant, question: str) -> bytes:
        asked.append(question)
        return answer

    monkeypatch.setattr(ProcessAccountant, "_run", run)
    return asked


def test_the_same_question_is_computed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = _counting(monkeypatch, b'{"answers": [{"value": 1.5}]}')
    ours = ProcessAccountant()
    split = (_event(steps=5), _event(steps=15))
    assert ours.costs([Epsilon((_event(steps=20),), DELTA)]) == [1.5]
    assert ours.costs([Epsilon(split, DELTA)]) == [1.5]
    assert len(asked) == 1
    ours.costs([Epsilon(split, 1e-6)])
    assert len(asked) == 2


def test_no_more_answers_are_kept_than_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = _counting(monkeypatch, b'{"answers": [{"value": 1.5}]}')
    ours = ProcessAccountant()
    for steps in range(1, 600):
        ours.costs([Epsilon((_event(steps=steps),), DELTA)])
    assert len(ours._known) == 512
    ours.costs([Epsilon((_event(steps=599),), DELTA)])
    assert len(asked) == 599


def test_nothing_and_divergences_cost_no_process(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = _counting(monkeypatch, b"")
    questions = [Epsilon((), DELTA), Divergence((_event(steps=0),), 9), Divergence((_event(),), 9)]
    assert ProcessAccountant().costs(questions) == [0, 0, divergence([_event()], 9)]
    assert asked == []


@pytest.mark.parametrize("order", [1, 0, -3, 1025])
def test_an_order_out_of_range_is_no_question(order: int) -> None:
    with pytest.raises(PrivacyFault):
        Divergence((_event(),), order)


def test_equal_questions_are_equal_text() -> None:
    one, other = _event(2, 0.1, 3), _event(1, 0.1, 1)
    assert spelled(Epsilon((one, other), DELTA)) == spelled(Epsilon((other, one), DELTA))
    assert spelled(Epsilon((one,), DELTA)) != spelled(Epsilon((one,), 1e-6))
    assert spelled(Epsilon((), DELTA)) == ""


def test_a_refusal_comes_back_as_one(ours: ProcessAccountant) -> None:
    with pytest.raises(PrivacyFault, match="the target ε"):
        ours.calibrate(epsilon=-1, delta=DELTA, sampling_rate=0.2, steps=2)


def test_several_questions_are_one_process(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = _counting(
        monkeypatch, b'{"answers": [{"value": 1.5}, {"code": "JOB_REFUSED", "reason": "x"}]}'
    )
    ours = ProcessAccountant()
    one, two = Epsilon((_event(steps=1),), DELTA), Epsilon((_event(steps=2),), DELTA)
    assert ours.costs([one, Epsilon((), DELTA), two, one]) == [1.5, 0.0, math.inf, 1.5]
    assert ours.costs([two, one]) == [math.inf, 1.5]
    assert len(asked) == 1


@pytest.mark.parametrize(
    "answer",
    [
        b"[]",
        b"{}",
        b'{"answers": {}}',
        b'{"answers": []}',
        b'{"answers": [{"value": 1}, {"value": 2}]}',
    ],
)
def test_an_answer_that_does_not_fit_is_none(
    monkeypatch: pytest.MonkeyPatch, answer: bytes
) -> None:
    _counting(monkeypatch, answer)
    with pytest.raises(WorkerFailed):
        ProcessAccountant().costs([Epsilon((_event(),), DELTA)])


def test_a_failure_is_not_taken_for_infinity(monkeypatch: pytest.MonkeyPatch) -> None:
    _counting(monkeypatch, b'{"answers": [{"code": "WORKER_FAILED", "reason": "x"}]}')
    with pytest.raises(WorkerFailed):
        ProcessAccountant().costs([Epsilon((_event(),), DELTA)])


@pytest.mark.parametrize(
    ("program", "reason"),
    [
        ("import time; time.sleep(60)", "did not end"),
        ("raise SystemExit(3)", "failed"),
        ("print('no json')", "not answer with JSON"),
    ],
)
def test_a_process_that_fails_is_an_answer(
    monkeypatch: pytest.MonkeyPatch, program: str, reason: str
) -> None:
    monkeypatch.setattr(child, "command", lambda _: [sys.executable, "-c", program])
    with pytest.raises(WorkerFailed, match=reason):
        ProcessAccountant(seconds=1.0).costs([Epsilon((_event(),), DELTA)])


def test_a_node_with_many_contracts_gets_all_its_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    program = "import json; input(); print(json.dumps({'answers': [{'value': 2 / 3}] * 3000}))"
    monkeypatch.setattr(child, "command", lambda _: [sys.executable, "-c", program])
    asked = [Epsilon((_event(steps=steps),), DELTA) for steps in range(1, 3001)]
    assert ProcessAccountant().costs(asked) == [2 / 3] * 3000


# Tells its number, and ends before its third answer.
NUMBERED = """
import json, os, sys
for count, _ in enumerate(sys.stdin):
    if count == 2:
        break
    print(json.dumps({"answers": [{"value": os.getpid()}]}), flush=True)
"""


def numbered(ours: ProcessAccountant, steps: int) -> float:
    """Return the number of the process that answers."""
    (number,) = ours.costs([Epsilon((_event(steps=steps),), DELTA)])
    return number


def test_a_process_answers_the_next_question_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(child, "command", lambda _: [sys.executable, "-c", NUMBERED])
    ours = ProcessAccountant()
    assert numbered(ours, 1) == numbered(ours, 2)


def test_a_process_that_has_ended_is_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(child, "command", lambda _: [sys.executable, "-c", NUMBERED])
    ours = ProcessAccountant()
    first = numbered(ours, 1)
    os.kill(int(first), signal.SIGKILL)
    second = numbered(ours, 2)
    assert second == numbered(ours, 3) != first
    assert numbered(ours, 4) != second  # it ended at the question itself


def test_a_process_is_kept_no_longer_than_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(child, "command", lambda _: [sys.executable, "-c", NUMBERED])
    ours = ProcessAccountant(kept_seconds=0.01)
    number, until = int(numbered(ours, 1)), time.monotonic() + 10
    while Path(f"/proc/{number}").exists():
        assert time.monotonic() < until
        time.sleep(0.01)


def test_a_process_ends_with_who_keeps_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(child, "command", lambda _: [sys.executable, "-c", NUMBERED])
    ours = ProcessAccountant()
    number = int(numbered(ours, 1))
    assert Path(f"/proc/{number}").exists()
    del ours
    gc.collect()
    assert not Path(f"/proc/{number}").exists()


def test_a_process_that_cannot_start_is_an_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(child, "command", lambda _: ["/nowhere/python"])
    with pytest.raises(WorkerFailed, match="did not start"):
        ProcessAccountant().costs([Epsilon((_event(),), DELTA)])


@pytest.mark.parametrize("loader", [True, False])
def test_a_child_sees_no_variable_of_its_parent(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, *, loader: bool
) -> None:
    monkeypatch.setenv("PREAU_PASSWORD", "secret")
    monkeypatch.delenv("LD_LIBRARY_PATH", raising=False)
    if loader:
        monkeypatch.setenv("LD_LIBRARY_PATH", "/opt/lib")
    variables = child.environment(tmp_path)
    assert "secret" not in str(variables)
    assert variables.get("LD_LIBRARY_PATH") == ("/opt/lib" if loader else None)
    assert variables["FLWR_TELEMETRY_ENABLED"] == "0"
    assert variables["HOME"] == str(tmp_path)


def test_a_child_takes_no_module_from_its_folder(tmp_path: Path) -> None:
    (tmp_path / "json.py").write_text("raise SystemExit(9)")
    question = b'{"op":"epsilon","ledger":{"version":1,"events":[]},"delta":1e-5}'
    done = subprocess.run(
        child.command("federated.privacy.answering"),
        input=question,
        stdout=subprocess.PIPE,
        cwd=tmp_path,
        env=child.environment(tmp_path),
        timeout=60,
        check=True,
    )
    assert json.loads(done.stdout) == {"value": 0.0}
