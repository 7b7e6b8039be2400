"""Scores on the pupils kept out, and the yardsticks that only the demonstration can compute.

No node could do this: it takes all records in one place. The yardsticks use the same model, the
same encoding and the same first arrays as the job, without noise and without clipping.
"""

from __future__ import annotations

from dataclasses import dataclass

import pupils

from federated.manifest import JobManifest
from federated.training import baseline, checkpoint, score
from federated.training.rows.encode import encode
from federated.training.rows.entries import Persons, pooled
from federated.training.rows.table import Table, from_columns


@dataclass(frozen=True)
class Scores:
    """AUC on the rows of all pupils kept out.

    Attributes:
        alone: académie -> its own model, trained on its own pupils only, without noise.
        federated: the job's model, with privacy.
        without_noise: the same federation, without noise.
        pooled: all records in one place, without noise.
    """

    alone: dict[str, float]
    federated: float
    without_noise: float
    pooled: float


def measure(division: pupils.Division, manifest: JobManifest, model: bytes, seed: int) -> Scores:
    """Score the job's model and the yardsticks on all pupils kept out.

    Args:
        division: the records.
        manifest: of the job.
        model: its result, npz.
        seed: of the yardsticks' batches.
    """
    kept_out = _table([row for rows in division.kept_out.values() for row in rows])
    shares = {name: encode(_table(rows), manifest) for name, rows in division.parts.items()}
    return Scores(
        alone={name: _plain(manifest, [share], kept_out, seed) for name, share in shares.items()},
        federated=score.evaluate(model, manifest, kept_out)["auc"],
        without_noise=_plain(manifest, list(shares.values()), kept_out, seed),
        pooled=_plain(manifest, [pooled(list(shares.values()))], kept_out, seed),
    )


def _plain(manifest: JobManifest, shares: list[Persons], kept_out: Table, seed: int) -> float:
    persons = sum(len(share) for share in shares)
    steps = max(LEAST_STEPS, PASSES * persons // BATCH)
    rounds = 1 if len(shares) == 1 else manifest.rounds
    settings = baseline.Plain(
        rounds=rounds,
        steps=steps // rounds,
        batch=BATCH,
        learning_rate=LEARNING_RATE,
        seed=seed,
    )
    arrays = baseline.unsafe_train(manifest, shares, settings)
    return score.evaluate(checkpoint.save(arrays), manifest, kept_out)["auc"]


# Plain stochastic gradient descent, until it has converged.
BATCH = 256
PASSES = 30
LEAST_STEPS = 200
LEARNING_RATE = 0.5


def _table(rows: list[pupils.Record]) -> Table:
    names = [name for name, *_ in pupils.COLUMNS]
    return from_columns({name: [row[name] for row in rows] for name in names})
