"""Jobs to attack, and what an attacker reads off a round.

Rules: the engine is the product's own, with the product's own noise; the attacker is the lead, who
chooses weights and public numbers within the manifest's bounds and sees the arrays of each round.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from federated.job import JobManifest, parse
from federated.manifest import Privacy
from federated.training import code_hash
from federated.training.recipes import Arrays

Floats = NDArray[np.float64]
DELTA = 1e-5
_MOST_VALUES = 200  # of one category, as a manifest may list
SITE = "did:web:site.example"


def numbers(count: int, low: float = 0, high: float = 1) -> list[dict[str, Any]]:
    """Return that many numeric features `n0`, `n1` …, in the form of a manifest."""
    return [{"column": f"n{i}", "kind": "number", "low": low, "high": high} for i in range(count)]


def categories(width: int) -> list[dict[str, Any]]:
    """Return categories that have that many values together, in the form of a manifest."""
    parts = [_MOST_VALUES] * (width // _MOST_VALUES) + [width % _MOST_VALUES]
    return [
        {"column": f"c{i}", "kind": "category", "values": [str(v) for v in range(size)]}
        for i, size in enumerate(parts)
        if size
    ]


def job(
    features: list[dict[str, Any]],
    hidden: Iterable[int],
    privacy: Privacy,
    *,
    population: int,
    rounds: int = 1,
    activation: str = "tanh",
    rows: int = 1,
    learning_rate: float = 1.0,
) -> JobManifest:
    """Return a manifest, read as a node reads it."""
    missing = {"kind": "refuse"}
    document = {
        "version": 2,
        "job": "urn:uuid:2f0a5cf4-6d67-4b55-8f4c-4a1f9a1c0044",
        "lead": "did:web:lead.example",
        "purpose": "https://w3id.org/dpv#AcademicResearch",
        "contracts": [
            {
                "site": SITE,
                "agreement": "urn:agreement:audit",
                "digest": "0" * 64,
                "receipt": "none",
                "dataset": "urn:dataset:audit",
                "population": population,
            }
        ],
        "model": {"kind": "mlp", "hidden": list(hidden), "activation": activation},
        "features": [{**each, "missing": missing} for each in features],
        "target": {"kind": "threshold", "column": "score", "above": 5},
        "optimiser": {"kind": "sgd", "schedule": "constant", "momentum": 0.0},
        "unit": {"column": "person", "rows": rows},
        "privacy": {
            "epsilon": privacy.epsilon,
            "delta": privacy.delta,
            "noiseMultiplier": privacy.noise_multiplier,
            "samplingRate": privacy.sampling_rate,
            "steps": privacy.steps,
            "clip": privacy.clip,
        },
        "learningRate": learning_rate,
        "rounds": rounds,
        "quorum": 1,
        "roundSeconds": 60,
        "deadline": "2099-11-24T15:00:00Z",
        "code": code_hash(),
    }
    return parse(json.dumps(document).encode())


def run_by(manifest: JobManifest, engine: str) -> JobManifest:
    """Return the same job for an engine."""
    return replace(manifest, engine=engine, code=code_hash(engine))


def by_lot(
    canaries: int, runs: int, seed: int, scores: Callable[[NDArray[np.int64]], Floats]
) -> tuple[Floats, Floats]:
    """Return the scores of canaries that took part, and of those that did not.

    Args:
        canaries: of a run; half of them take part, drawn by lot.
        runs: independent ones.
        seed: of who takes part.
        scores: of all canaries of a run in which these take part.
    """
    draw = np.random.default_rng(seed)
    inside, outside = [], []
    for _ in range(runs):
        part = np.zeros(canaries, dtype=bool)
        part[draw.permutation(canaries)[: canaries // 2]] = True
        found = scores(np.flatnonzero(part))
        inside.append(found[part])
        outside.append(found[~part])
    return np.concatenate(inside), np.concatenate(outside)


def moved(manifest: JobManifest, before: Arrays, after: Arrays) -> dict[str, Floats]:
    """Return the noised sum of a round's one step, in clips, array by array."""
    (contract,) = manifest.contracts
    privacy = manifest.privacy
    step = manifest.learning_rate * privacy.clip / (privacy.sampling_rate * contract.population)
    return {
        name: (before[name].astype(np.float64) - after[name].astype(np.float64)) / step
        for name in before
    }
