"""Sums of persons' gradients are exact: under hostile models, in any order, on any processor."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from federated.errors import ArithmeticUnsound
from federated.training.exact import gradients, selftest
from federated.training.exact.gradients import RADIUS
from federated.training.exact.net import Net
from tests.support import exact_sums
from tests.support.each import over
from tests.support.exact_sums import CASES, WEIGHTS, faults, flat, model, people, sums
from tests.support.planted_arithmetic import BY_PLACE, PLANTS, Plant
from tests.support.training_rig import manifest


@pytest.mark.parametrize(
    "case", CASES, ids=lambda case: "-".join(map(str, (case[0].loss.kind, *case[0].widths)))
)
@over("kind", WEIGHTS)
def test_nothing_depends_on_more_than_a_persons_own_rows(
    case: tuple[Net, int, int], kind: str
) -> None:
    net, rows, count = case
    assert faults(net, rows, model(kind, net), people(count, rows, net)) == []


def _shown(kind: str, count: int = 200) -> list[str]:
    """Return the first faults that a few shapes show."""
    for net, rows in ((Net((30, 1)), 1), (Net((13, 8, 8, 1), "relu"), 2)):
        if found := faults(net, rows, model(kind, net), people(count, rows, net)):
            return found
    return []


@pytest.mark.parametrize("plant", PLANTS.values(), ids=PLANTS)
def test_arithmetic_of_a_library_is_caught(monkeypatch: pytest.MonkeyPatch, plant: Plant) -> None:
    plant(monkeypatch)
    assert _shown("usual")
    with pytest.raises(ArithmeticUnsound, match="more than each person's rows") as caught:
        selftest.check(manifest(), 46)
    assert caught.value.code == "ARITHMETIC_UNSOUND"


@pytest.mark.parametrize(("hidden", "batch"), [([8, 8], 1), ([], 46), ([8, 8], 10**6)])
def test_exact_arithmetic_passes_the_test_before_a_job(hidden: list[int], batch: int) -> None:
    assert _shown("usual") == []
    selftest.check(manifest(model={"kind": "mlp", "hidden": hidden, "activation": "relu"}), batch)


def test_an_order_of_additions_by_place_moves_the_sum_by_many_clips(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def moved() -> float:
        """Return by how many clips the sum moves when the first of 200 persons leaves."""
        net = Net((40, 8, 8, 1), "relu")
        weights, persons = model("vanishing", net), people(200, 1, net)
        engine, everybody = sums(net, 1), np.arange(200)
        total = engine.total(weights, persons, everybody)
        less = engine.total(weights, persons, everybody[1:])
        return float(np.linalg.norm(flat(total) - flat(less)) / RADIUS)

    assert moved() <= 1
    BY_PLACE(monkeypatch)
    assert moved() > 5


def test_a_longer_clip_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    real = gradients.clip
    monkeypatch.setattr(gradients, "clip", lambda *said: real(*said[:3], 1.001 * said[3]))
    net = Net((30, 1))
    found = faults(net, 1, model("usual", net), people(13, 1, net))
    assert found == ["a person is longer than the clip"]


def test_somebody_reaches_the_clip_and_nobody_passes_it() -> None:
    # Otherwise a bound that holds would say nothing.
    net = Net((30, 8, 1))
    weights, persons = model("usual", net), people(50, 1, net)
    engine = sums(net, 1)
    each = [np.linalg.norm(flat(engine.total(weights, persons, np.array([n])))) for n in range(50)]
    assert 0.999 * RADIUS < max(each) <= RADIUS
    assert min(each) == 0  # somebody has no row


def _processors() -> dict[str, dict[str, str]]:
    """Return settings under which other instructions are taken, as far as this CPU has them."""
    flags = Path("/proc/cpuinfo").read_text(encoding="ascii").split()
    found = np.show_config(mode="dicts")["SIMD Extensions"].get("found", [])  # type: ignore[call-overload]
    kernels = {"Prescott": "sse3", "Nehalem": "sse4_2", "Haswell": "avx2", "SkylakeX": "avx512dq"}
    settings = {name: {"OPENBLAS_CORETYPE": name} for name in kernels if kernels[name] in flags}
    settings["plain NumPy"] = {"NPY_DISABLE_CPU_FEATURES": " ".join(found)}
    return {**settings, "two threads": {"OPENBLAS_NUM_THREADS": "2"}}


@pytest.mark.parametrize("setting", _processors().values(), ids=_processors())
def test_another_processor_computes_the_same_sums(setting: dict[str, str]) -> None:
    done = subprocess.run(
        [sys.executable, exact_sums.__file__],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2]), **setting},
        capture_output=True,
        text=True,
        timeout=100,
        check=True,
    )
    assert done.stdout.strip() == exact_sums.digest()


@pytest.mark.parametrize("rows", [2, 1000])
def test_the_most_rows_of_a_person_stay_exact(rows: int) -> None:
    net = Net((3, 2, 1), "relu")
    assert faults(net, rows, model("largest", net), people(5, rows, net)) == []
