"""What ε costs in accuracy, by the request that `preau job init` proposes: STAR, and UCI Adult.

Three sites, the sites' own engine, five seeds, each in a process of its own. Project STAR at
ε = 0.5 a pupil, by the demonstration's académies, beside the same job without noise: twenty seeds,
since what is lost of one varies by half a point. With `PEERS=1`
UCI Adult, which comes from the package index (28 MB), at ε = 1 and 0.1: persons are dealt to the
sites, figures are of the census' test file, beside a regression on all rows in one place.
"""

from __future__ import annotations

import os
import statistics
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from itertools import count, repeat
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Final

import adult
import numpy as np
import pupils
from row import Plan, Row, at_least, at_most, beside, spread
from scipy import optimize

from connector.sdk.training.simulation import Point, simulate
from connector.services.federation.lead.request import simulated
from connector.services.federation.request.draft import settings
from federated.job import JobManifest
from federated.manifest import SiteContract
from federated.privacy.process import ProcessAccountant
from federated.training import checkpoint, score
from federated.training.noise import SystemNoise
from federated.training.rows.encode import encode
from federated.training.rows.features import encode_features
from federated.training.rows.labels import encode_labels
from federated.training.rows.table import Table
from federated.training.simulation import train

PART = "accuracy"
SITES, SEEDS, DELTA = 3, 5, 1e-5
STAR_SEEDS: Final = 20
STAR_EPSILON, LOST = 0.5, 0.4  # points
# ε to accuracy in percent: within 0.2 points of what was measured before.
BARS: Final = {1.0: 85.35 - 0.2, 0.1: 84.31 - 0.2}
_PURPOSE: Final = "https://w3id.org/dpv#AcademicResearch"
_RIDGE: Final = 1e-5


def measure(folder: Path, plan: Plan) -> list[Row]:
    """Train on both, and compare."""
    seeds = plan.times(SEEDS, 1)
    rows = _star(plan.times(STAR_SEEDS, 1))
    return [*rows, *(_adult(folder, seeds) if os.environ.get("PEERS") else [])]


def _request(
    features: list[Any], target: dict[str, Any], unit: dict[str, Any], **how: Any
) -> dict[str, Any]:
    return {
        "purpose": _PURPOSE,
        "model": {"kind": "logistic"},
        "features": features,
        "target": target,
        "unit": unit,
        **settings(delta=DELTA, **how)[0],
    }


def _star(seeds: int) -> list[Row]:
    columns, populations = _pupils()
    target = {"kind": "threshold-by-group", **pupils.TARGET}
    features = [_of_dictionary(name) for name in pupils.FEATURES]
    request = _request(features, target, pupils.UNIT, epsilon=STAR_EPSILON, populations=populations)
    found: list[Point] = []
    noise = {"noise": [True, False]}
    how: dict[str, Any] = {"split": "academie", "grid": noise, "seeds": seeds}
    simulate(request, columns, **how, processes=min(seeds, SEEDS), seen=found.append)
    title = f"STAR, {SITES} sites, logistic regression, ε = {STAR_EPSILON:g} a pupil"
    rows = []
    for name in ("accuracy", "auc"):
        private, plain = ([100 * each.figures[name] for each in it.outcomes] for it in found)
        lost = [without - there for there, without in zip(private, plain, strict=True)]
        note = f"mean of the seeds; of each {spread(lost)}"
        rows += [
            beside(
                f"{title}: {name}",
                *(statistics.mean(private), "same job without noise", statistics.mean(plain)),
                *("%", PART, f"with noise {spread(private)}; without {spread(plain)}"),
            ),
            at_most(
                f"{title}: {name} lost to noise",
                *(statistics.mean(lost), LOST, "points", PART, note),
            ),
        ]
    return rows


def _pupils() -> tuple[dict[str, list[str]], list[int]]:
    """Return all records by column, with the académie of each pupil, and pupils of each site."""
    division = pupils.divide(pupils.load(), kept_out=0.0)
    rows = [
        {**record, "academie": name} for name, part in division.parts.items() for record in part
    ]
    names = [*(name for name, *_ in pupils.COLUMNS), "academie"]
    populations = [division.population(name) for name in division.parts]
    return {name: [row[name] for row in rows] for name in names}, populations


def _of_dictionary(name: str) -> dict[str, Any]:
    said = pupils.DICTIONARY[name]
    if "categories" not in said:
        kind = {"kind": "number", "low": said["lower"], "high": said["upper"]}
    else:
        listed = [it if isinstance(it, str) else it["value"] for it in said["categories"]]
        kind = {"kind": "category", "values": listed}
    return {"column": name, **kind, "missing": said["missing"]}


def _adult(folder: Path, seeds: int) -> list[Row]:
    persons, tested, features = adult.load(folder)
    accountant, rows = ProcessAccountant(), []
    dealt = [_dealt(persons, seed) for seed in range(seeds)]
    populations = [part.rows for part in dealt[0]]
    unit = {"column": adult.PERSON, "rows": 1}
    for epsilon, bar in BARS.items():
        request = _request(features, adult.TARGET, unit, epsilon=epsilon, populations=populations)
        manifest = simulated(accountant, request)
        with ProcessPoolExecutor(seeds, get_context("spawn")) as pool:
            found = list(pool.map(_trained, repeat(manifest), dealt, repeat(tested), count()))
        title = f"UCI Adult, {SITES} sites, logistic regression, ε = {epsilon:g}: accuracy"
        mean, plain = statistics.mean(found), _plain(manifest, persons, tested)
        note = f"{spread(found)}; σ {manifest.privacy.noise_multiplier:.3g}"
        other = "logistic regression without privacy, in one place"
        rows += [
            at_least(title, mean, bar, "%", PART, note),
            beside(f"{title}, beside", mean, other, plain, "%", PART),
        ]
    return rows


def _dealt(persons: Table, seed: int) -> list[Table]:
    order = np.random.default_rng(seed).permutation(persons.rows)
    return [persons.take(np.sort(part)) for part in np.array_split(order, SITES)]


def _trained(manifest: JobManifest, parts: list[Table], tested: Table, seed: int) -> float:
    """Return the accuracy of a job over the sites, in percent."""
    contracts = tuple(
        SiteContract(f"did:example:{at}", f"urn:example:{at}", "", "", str(at), part.rows)
        for at, part in enumerate(parts)
    )
    job = replace(manifest, job=f"urn:example:{seed}", contracts=contracts, quorum=SITES)
    shares = [encode(part, job) for part in parts]
    model = checkpoint.save(train(job, shares, SystemNoise()))
    return 100 * score.evaluate(model, job, tested)["accuracy"]


def _plain(manifest: JobManifest, persons: Table, tested: Table) -> float:
    """Return the accuracy of a converged regression on all rows in one place, in percent."""
    inputs, labels = _arrays(manifest, persons)

    def loss(weights: np.ndarray) -> tuple[float, np.ndarray]:
        said = inputs @ weights
        chance = 0.5 * (1 + np.tanh(said / 2))
        value = np.mean(np.logaddexp(0, said) - labels * said) + _RIDGE * weights @ weights
        return value, inputs.T @ (chance - labels) / len(labels) + 2 * _RIDGE * weights

    found = optimize.minimize(loss, np.zeros(inputs.shape[1]), jac=True, method="L-BFGS-B")
    inputs, labels = _arrays(manifest, tested)
    return 100 * float(np.mean((inputs @ found.x > 0) == labels))


def _arrays(manifest: JobManifest, rows: Table) -> tuple[np.ndarray, np.ndarray]:
    inputs = encode_features(rows, manifest.features).astype(np.float64)
    ones = np.ones((len(inputs), 1))
    return np.hstack([inputs, ones]), encode_labels(rows, manifest.target).astype(np.float64)
