"""DP-SGD against a loop written out: what is clipped, summed, noised and divided."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from federated.job import JobManifest
from federated.training.engine import Engine, Mechanism
from federated.training.exact.gradients import Gradients
from federated.training.noise import DEVIATION
from federated.training.recipes import MOST_WEIGHT, Arrays, check, initial, shapes
from federated.training.rows.entries import Persons
from tests.support.each import over
from tests.support.training_rig import ForeseenNoise, document, manifest

POPULATION = 100


def _manifest(*, steps: int = 1, clip: float = 1.0, sigma: float = 3.0, **more: Any) -> JobManifest:
    privacy = {**document()["privacy"], "steps": steps, "clip": clip, "noiseMultiplier": sigma}
    return manifest(rounds=1, privacy=privacy, **more)


def _persons(count: int, seed: int = 0) -> Persons:
    draw = np.random.default_rng(seed)
    mask = np.ones((count, 2), dtype=np.float32)
    mask[1::2, 1] = 0  # every other person has one row only
    return Persons(
        inputs=draw.uniform(-1, 1, (count, 2, 3)).astype(np.float32) * mask[:, :, None],
        labels=draw.integers(0, 2, (count, 2)).astype(np.float32) * mask,
        mask=mask,
    )


def _gradient(job: JobManifest, arrays: Arrays, persons: Persons, index: int) -> Arrays:
    """Return one person's gradient, by plain torch on that person's rows alone."""
    from tests.support.torch_net import DenseNet, torch  # noqa: PLC0415 - loads torch

    net = DenseNet(job, arrays).double()
    rows = persons.mask[index] == 1
    loss = torch.nn.functional.binary_cross_entropy_with_logits(
        net(torch.tensor(persons.inputs[index][rows]).double()),
        torch.tensor(persons.labels[index][rows]).double(),
        reduction="sum",
    )
    loss.backward()  # type: ignore[no-untyped-call]
    return {name: parameter.grad.numpy() for name, parameter in net.named_parameters()}


def _norm(gradient: Arrays) -> float:
    return float(np.sqrt(sum(np.sum(array.astype(np.float64) ** 2) for array in gradient.values())))


def _clipped_sum(job: JobManifest, arrays: Arrays, persons: Persons) -> Arrays:
    total = {name: np.zeros(shape) for name, shape in shapes(job).items()}
    for index in range(len(persons)):
        gradient = _gradient(job, arrays, persons, index)
        factor = min(1.0, job.privacy.clip / _norm(gradient))
        for name, array in gradient.items():
            total[name] += factor * array
    return total


def _moved(job: JobManifest, before: Arrays, after: Arrays) -> Arrays:
    """Return q N / η times the step: the noised sum of gradients."""
    scale = job.privacy.sampling_rate * POPULATION / job.learning_rate
    return {name: (before[name] - after[name]) * scale for name in before}


@over("clip", [100.0, 1.0, 0.05])
@over("hidden", [[], [4], [5, 3]])
@over("activation", ["tanh", "relu"])
def test_a_step_is_the_sum_of_each_persons_clipped_gradient(
    clip: float, hidden: list[int], activation: str
) -> None:
    job = _manifest(clip=clip, model={"kind": "mlp", "hidden": hidden, "activation": activation})
    before, persons = initial(job), _persons(7)
    after = Engine(job, POPULATION, persons, ForeseenNoise()).run(before)
    found, expected = _moved(job, before, after), _clipped_sum(job, before, persons)
    for name in expected:
        # Each of seven persons is cut to the grid, and the arrays leave as float32.
        cut = 7 * 3.0 * clip / DEVIATION
        assert np.allclose(found[name], expected[name], atol=cut + 2e-5), name
    norms = [_norm(_gradient(job, before, persons, index)) for index in range(7)]
    assert (min(norms) > clip) == (clip == 0.05)  # the cases clip nobody, some, all


def test_a_persons_rows_are_clipped_together_not_one_by_one() -> None:
    job = _manifest(clip=0.05)
    one = _persons(1)
    before = initial(job)
    moved = _moved(job, before, Engine(job, POPULATION, one, ForeseenNoise()).run(before))
    assert one.mask.sum() == 2
    assert _norm(moved) == pytest.approx(0.05, rel=1e-3)


def test_several_steps_are_steps_one_after_another() -> None:
    once, thrice = _manifest(steps=1), _manifest(steps=3)
    persons = _persons(7)
    arrays = initial(once)
    for _ in range(3):
        arrays = Engine(once, POPULATION, persons, ForeseenNoise()).run(arrays)
    together = Engine(thrice, POPULATION, persons, ForeseenNoise()).run(initial(thrice))
    for name in arrays:
        assert np.allclose(arrays[name], together[name], atol=1e-6)


def test_the_noise_has_the_deviation_of_the_manifest() -> None:
    job = _manifest(clip=0.5, sigma=4.0)
    noise = ForeseenNoise()
    Engine(job, POPULATION, _persons(5), noise).run(initial(job))
    assert noise.asked == [(3 + 1) * 4, (4 + 1) * 1]  # a draw for each weight and bias
    mechanism = Mechanism(4.0, 0.2, 0.5, POPULATION)
    assert mechanism.unit * DEVIATION == pytest.approx(2.0)
    assert mechanism.unit * mechanism.radius == pytest.approx(0.5)
    # What the accountant counts is the smaller variance, less what rounding stands for.
    assert (mechanism.radius * 4.0) ** 2 < DEVIATION**2 - 1 / 12


def test_the_noise_is_added_once_and_divided_by_the_expected_batch() -> None:
    job = _manifest(sigma=5.0, model={"kind": "mlp", "hidden": [512], "activation": "tanh"})
    before = initial(job)
    nobody = _persons(0)
    step = _moved(job, before, Engine(job, POPULATION, nobody, ForeseenNoise(seed=9)).run(before))
    draws = np.concatenate([array.ravel() for array in step.values()])
    # Nobody is there: the step is noise of deviation σ C; 2561 draws know it within 9 %.
    assert abs(draws.std() / 5.0 - 1) < 6.17 / np.sqrt(2 * len(draws))
    assert abs(draws.mean()) < 6.17 * 5.0 / np.sqrt(len(draws))


def test_nobody_drawn_is_a_step_without_gradient() -> None:
    job = _manifest()
    before = initial(job)
    after = Engine(job, POPULATION, _persons(0), ForeseenNoise()).run(before)
    assert all(np.array_equal(before[name], after[name]) for name in before)


def test_persons_are_drawn_by_the_source_with_the_rate_of_the_manifest() -> None:
    class Drawing(ForeseenNoise):
        def poisson_sample(self, size: int, rate: float) -> np.ndarray:
            drawn.append((size, rate))
            return np.array([2], dtype=np.int64)

    drawn: list[tuple[int, float]] = []
    job, persons = _manifest(steps=2), _persons(9)
    before = initial(job)
    one = Persons(persons.inputs[2:3], persons.labels[2:3], persons.mask[2:3])
    found = Engine(job, POPULATION, persons, Drawing()).run(before)
    alone = Engine(job, POPULATION, one, ForeseenNoise()).run(before)
    assert drawn == [(POPULATION, 0.2)] * 2  # as many as are declared, whatever the rows
    assert all(np.allclose(found[name], alone[name], atol=1e-7) for name in before)


@pytest.mark.parametrize("value", [np.nan, np.inf, -1.5, 1e30])
def test_a_row_that_encoding_never_makes_adds_nothing(value: float) -> None:
    job, persons, clean = _manifest(), _persons(4), _persons(4)
    persons.inputs[1, 0, 0] = value
    persons.labels[2, 0] = value
    clean.mask[1, 0] = clean.mask[2, 0] = 0
    before = initial(job)
    found = Engine(job, POPULATION, persons, ForeseenNoise()).run(before)
    expected = Engine(job, POPULATION, clean, ForeseenNoise()).run(before)
    everybody = Engine(job, POPULATION, _persons(4), ForeseenNoise()).run(before)
    assert all(np.array_equal(found[name], expected[name]) for name in before)
    assert not all(np.array_equal(found[name], everybody[name]) for name in before)


def test_what_leaves_is_within_the_bounds_that_sites_accept() -> None:
    job = _manifest(learningRate=1e6)
    after = Engine(job, POPULATION, _persons(6), ForeseenNoise(seed=3)).run(initial(job))
    assert all(np.abs(array).max() == MOST_WEIGHT for array in after.values())
    assert check(after, job).keys() == after.keys()


def _sizes(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    sizes: list[int] = []
    real: Callable[..., Any] = Gradients.total

    def count(self: Gradients, weights: Any, persons: Persons, batch: np.ndarray) -> Any:
        sizes.append(len(batch))
        return real(self, weights, persons, batch)

    monkeypatch.setattr(Gradients, "total", count)
    return sizes


@pytest.mark.parametrize("persons", [0, 1, 50, 100])
def test_every_step_computes_as_many_entries(monkeypatch: pytest.MonkeyPatch, persons: int) -> None:
    sizes = _sizes(monkeypatch)
    job = _manifest(steps=3)
    Engine(job, POPULATION, _persons(persons), ForeseenNoise(seed=1)).run(initial(job))
    mechanism = Mechanism(3.0, 0.2, 1.0, POPULATION)
    assert sizes == [mechanism.batch_size] * 3
    assert mechanism.batch_size == 54  # 20 expected, deviation 4
    assert Mechanism(3.0, 1.0, 1.0, POPULATION).batch_size == POPULATION


def test_a_sample_beyond_the_usual_is_computed_in_full(monkeypatch: pytest.MonkeyPatch) -> None:
    sizes = _sizes(monkeypatch)
    job = _manifest()
    Engine(job, POPULATION, _persons(90), ForeseenNoise()).run(initial(job))
    assert sizes == [90]


def test_warming_leaves_no_trace() -> None:
    job, persons = _manifest(), _persons(5)
    warm = Engine(job, POPULATION, persons, ForeseenNoise())
    warm.warm()
    cold = Engine(job, POPULATION, persons, ForeseenNoise())
    first, second = warm.run(initial(job)), cold.run(initial(job))
    assert all(np.array_equal(first[name], second[name]) for name in first)


@pytest.mark.parametrize("persons", [0, 5])
def test_warming_draws_as_a_step_does(monkeypatch: pytest.MonkeyPatch, persons: int) -> None:
    """The public time of a round is measured on it; of many persons, a draw is most of a step."""
    asked: list[int] = []
    draw = ForeseenNoise.poisson_sample

    def count(self: ForeseenNoise, size: int, rate: float) -> np.ndarray:
        asked.append(size)
        return draw(self, size, rate)

    monkeypatch.setattr(ForeseenNoise, "poisson_sample", count)
    job = _manifest(steps=1)
    engine = Engine(job, POPULATION, _persons(persons), ForeseenNoise())
    engine.run(initial(job))
    engine.warm()
    assert asked == [POPULATION] * 2


def test_the_persons_are_not_changed() -> None:
    job, persons = _manifest(), _persons(5)
    kept = persons.inputs.copy()
    Engine(job, POPULATION, persons, ForeseenNoise(seed=2)).run(initial(job))
    assert np.array_equal(persons.inputs, kept)
