"""A job over rows of one's own, divided into sites: what it would be worth, without spending.

Rules: each site runs the engine that nodes run, with noise, clipping, samples and optimiser as the
manifest says, and their mean is weighted by persons as at a lead; only messages, contracts and
charges are left out. A job that evaluates trains on as few persons of a site as it would there.
The rows are the caller's: what comes back of those kept out has no noise.
"""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from federated.errors import DataFault
from federated.manifest import JobManifest
from federated.training import checkpoint, score
from federated.training.engine import Engine
from federated.training.noise import NoiseSource, SystemNoise
from federated.training.recipes import Arrays, average, bounded, initial
from federated.training.rows.division import divide
from federated.training.rows.encode import encode, encode_apart
from federated.training.rows.entries import Persons
from federated.training.rows.table import Table

_KEY: Final = 32  # bytes


@dataclass(frozen=True, slots=True)
class Trial:
    """One run.

    Attributes:
        manifest: of the job; its contracts, identifier and quorum are put in place here.
        split: as of `division.divide`.
        kept_out: share of the persons that are evaluated on.
        seed: who is kept out, and where the model starts. Noise has none: it differs each time.
        noise: False: no noise is added, as a yardstick; persons are sampled and clipped all the
            same.
        start: model that training begins from; None: as the manifest says.
    """

    manifest: JobManifest
    split: str | int
    kept_out: float
    seed: int
    noise: bool = True
    start: Arrays | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a run.

    Attributes:
        figures: on the rows of persons kept out, see `score.evaluate`.
        sites: how many took part.
        persons: at the sites, added up.
        fewest: persons of the smallest site.
        seconds: of all rounds, without reading, encoding and evaluating.
        model: npz.
    """

    figures: dict[str, float]
    sites: int
    persons: int
    fewest: int
    seconds: float
    model: bytes


def run(trial: Trial, table: Table) -> Outcome:
    """Run one trial over rows.

    Raises:
        ColumnMissing: the rows lack a column.
        DataFault: a site has too few persons, or those kept out have labels of one kind only.
    """
    manifest, split = trial.manifest, trial.split
    division = divide(table, manifest.unit.column, split, kept_out=trial.kept_out, seed=trial.seed)
    fewest, rate = min(division.populations), manifest.privacy.sampling_rate
    if rate * fewest < 1:
        raise DataFault(f"a site of {fewest} persons is too small for a sampling rate of {rate:g}")
    contracts = division.contracts()
    job = replace(
        manifest, job=f"urn:example:{trial.seed}", contracts=contracts, quorum=len(contracts)
    )
    key = os.urandom(_KEY)
    shares = [_trained_on(part, job, key) for part in division.parts.values()]
    source = SystemNoise() if trial.noise else _UnsafeNoNoise()
    began = time.perf_counter()
    model = checkpoint.save(train(job, shares, source, trial.start))
    took = time.perf_counter() - began
    return Outcome(
        figures=score.evaluate(model, job, division.kept_out),
        sites=len(shares),
        persons=sum(division.populations),
        fewest=fewest,
        seconds=took,
        model=model,
    )


def _trained_on(part: Table, job: JobManifest, key: bytes) -> Persons:
    """Return the persons that a site trains on: a job that evaluates holds some of them out."""
    if job.evaluation is None:
        return encode(part, job, key=key)
    return encode_apart(part, job, key=key, held_key=os.urandom(_KEY))[0]


def train(
    manifest: JobManifest,
    shares: Sequence[Persons],
    source: NoiseSource,
    start: Arrays | None = None,
) -> Arrays:
    """Return the model after all rounds.

    Args:
        manifest: of the job.
        shares: encoded persons of each contract's site, in the manifest's order.
        source: of sampling and noise.
        start: model that training begins from; None: as the manifest says.
    """
    populations = [contract.population for contract in manifest.contracts]
    engines = [
        Engine(manifest, population, share, source)
        for population, share in zip(populations, shares, strict=True)
    ]
    arrays = initial(manifest) if start is None else start
    for number in range(1, manifest.rounds + 1):
        mean = average([engine.run(arrays, number) for engine in engines], populations)
        arrays = {name: bounded(array) for name, array in mean.items()}
    return arrays


class _UnsafeNoNoise(SystemNoise):
    """Samples as always, and no noise: a yardstick for rows of one's own. No node imports it."""

    def gaussian(self, size: int) -> NDArray[np.int64]:
        return np.zeros(size, np.int64)
