"""Attack the real engine: does its promise hold, and would the attack notice a broken clip?

Canaries are persons, each with a direction of its own; half of them take part. After training, the
model's move in each direction is a score, and a guesser tells by a threshold who took part. With
everybody in each batch, T steps are a Gaussian mechanism of μ = √T / σ (Dong, Roth and Su 2019), so
that no guesser's rates of hits and false alarms may prove Φ⁻¹(hits) - Φ⁻¹(alarms) > μ. The rates
are bounded as Clopper and Pearson do; all canaries are tried in one run (Steinke et al. 2023):
their noise is independent, so they are as good as one run each. Bounds are set so that a correct
engine fails with a chance below 1e-9.
"""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from federated.job import JobManifest
from federated.training.encode import Persons
from federated.training.engine import Engine, Mechanism
from federated.training.exact import gradients
from federated.training.noise import SystemNoise
from federated.training.recipes import Arrays, initial
from tests.support.training_rig import document, manifest

CANARIES = 2000
STEPS = 2
SIGMA = 1.2
CLIP = 0.1
LEVEL = 1e-4


def _job() -> JobManifest:
    privacy = {
        **document()["privacy"],
        "noiseMultiplier": SIGMA,
        "samplingRate": 1,
        "steps": STEPS,
        "clip": CLIP,
    }
    features = [
        {"column": f"c{n}", "kind": "category", "values": [str(v) for v in range(200)]}
        for n in range(CANARIES // 200)
    ]
    return manifest(
        features=features,
        model={"kind": "mlp", "hidden": [], "activation": "tanh"},
        privacy=privacy,
        rounds=1,
        learningRate=1.0,
    )


def _persons(took_part: np.ndarray) -> Persons:
    inputs = np.zeros((len(took_part), 1, CANARIES), dtype=np.float32)
    inputs[np.arange(len(took_part)), 0, took_part] = 1
    ones = np.ones((len(took_part), 1), dtype=np.float32)
    return Persons(inputs=inputs, labels=ones, mask=ones)


def _scores(job: JobManifest, took_part: np.ndarray) -> np.ndarray:
    before: Arrays = initial(job)
    after = Engine(job, CANARIES, _persons(took_part), SystemNoise()).run(before)
    return (after["layers.0.weight"] - before["layers.0.weight"])[0]


def _proved(inside: np.ndarray, outside: np.ndarray) -> float:
    """Return the μ that a guesser proves who splits at the middle of all scores."""
    threshold = np.median(np.concatenate([inside, outside]))
    hits, alarms = int((inside > threshold).sum()), int((outside > threshold).sum())
    hit = stats.beta.ppf(LEVEL, hits, len(inside) - hits + 1)
    alarm = stats.beta.ppf(1 - LEVEL, alarms + 1, len(outside) - alarms)
    return float(stats.norm.ppf(hit) - stats.norm.ppf(alarm))


def _audit() -> float:
    """Return the proved μ over the promised one."""
    job = _job()
    draw = np.random.default_rng(11)
    inside = np.sort(draw.permutation(CANARIES)[: CANARIES // 2])
    outside = np.setdiff1d(np.arange(CANARIES), inside)
    scores = _scores(job, inside)
    return _proved(scores[inside], scores[outside]) / (math.sqrt(STEPS) / SIGMA)


def test_the_promise_holds_against_an_attack_that_sees_something() -> None:
    # A canary spends 1/√2 of its clip on its own direction and the rest on the bias: about 0.7 of
    # the promise is there to be seen. An attack that saw nothing would prove nothing.
    assert 0 < _audit() < 1


@pytest.mark.parametrize("times", [3])
def test_the_attack_notices_a_clip_that_is_broken(
    monkeypatch: pytest.MonkeyPatch, times: int
) -> None:
    real = gradients.clip
    monkeypatch.setattr(gradients, "clip", lambda g, scale, radius: real(g, scale, times * radius))
    assert _audit() > 1


def test_the_attack_notices_noise_that_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SystemNoise, "gaussian", lambda _, size: np.zeros(size, np.int64))
    assert _audit() > 1


def test_the_batch_holds_every_canary() -> None:
    assert Mechanism(1.0, SIGMA, 1.0, CLIP, CANARIES).batch_size == CANARIES
