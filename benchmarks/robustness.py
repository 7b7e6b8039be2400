"""One of five sites sends other updates than it trained: AUC with the lead's bound and without.

Project STAR by the schools of five sites, the demonstration's job at its ε; every honest update is
the site's own engine with its own noise. The attacker trains as the others and changes what it
sends, in every round: reversed, made larger, both, or reversed and as large as the bound allows,
which is the worst that this attacker can do unseen. The bound is the lead's (`federated/training/
reach.py`): what no honest site can have made does not enter, and the others go on. AUC on pupils
kept out.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import contracts
import numpy as np
import pupils
from row import Plan, Row, beside, spread

from connector.jsonld.canonical import canonical
from federated.job import parse
from federated.manifest import JobManifest
from federated.privacy.process import ProcessAccountant
from federated.training import checkpoint, score
from federated.training.engine import Engine
from federated.training.noise import SystemNoise
from federated.training.reach import Reach, is_within, reach
from federated.training.recipes import Arrays, bounded, initial
from federated.training.rows.encode import encode
from federated.training.rows.table import Table, from_columns
from tests.support.training_rig import contract, task

PART = "robustness"
SITES: Final = {f"did:web:site{n}.example": range(16 * n + 1, 16 * n + 17) for n in range(5)}
SEEDS = 5
MOST = 2.0**20  # times an update, where the bound would allow more


@dataclass(frozen=True)
class Attack:
    """What the attacker sends: its update times a factor; None: reversed, to the bound's edge."""

    name: str
    factor: float | None


NOBODY: Final = Attack("nobody attacks", 1.0)
ATTACKS: Final = (
    Attack("sign flipped", -1.0),
    Attack("scaled by 10", 10.0),
    Attack("sign flipped, scaled by 10", -10.0),
    Attack("sign flipped, scaled by 100", -100.0),
    Attack("sign flipped, as far as the bound allows", None),
)


@dataclass(frozen=True)
class Site:
    """A site of a job.

    Attributes:
        engine: with its rows and noise.
        population: that its contract declares.
    """

    engine: Engine
    population: int


def measure(_: Path, plan: Plan) -> list[Row]:
    """Train under each attack, with the bound and without, each seed on a division of its own."""
    records = pupils.load()
    found: dict[tuple[Attack, bool], list[float]] = {}
    entered: dict[Attack, int] = dict.fromkeys(ATTACKS, 0)
    seeds = plan.times(SEEDS, 1)
    for seed in range(seeds):
        job, sites, kept_out = _federation(records, seed)
        for attack, guarded in [(NOBODY, True), *((a, g) for a in ATTACKS for g in (True, False))]:
            if attack.factor is None and not guarded:
                continue  # what lies within the bound enters in either case
            model, accepted = train(job, sites, attack, guarded=guarded)
            auc = score.evaluate(checkpoint.save(model), job, kept_out)["auc"]
            found.setdefault((attack, guarded), []).append(auc)
            if guarded and attack in entered:
                entered[attack] += accepted
            shown = f"seed {seed}, {attack.name}, bound {guarded}: {auc:.4f}, entered {accepted}"
            print(shown, flush=True)
    calm = found[NOBODY, True]
    return [_row(each, found, calm, entered[each], seeds * job.rounds) for each in ATTACKS]


def train(
    job: JobManifest, sites: list[Site], attack: Attack, *, guarded: bool
) -> tuple[Arrays, int]:
    """Return the model, and in how many rounds the update of the attacker, the last site, entered.

    Args:
        job: what is trained.
        sites: in the manifest's order.
        attack: of the last of them.
        guarded: whether the lead refuses what lies beyond its bound.
    """
    sent, accepted = initial(job), 0
    for number in range(1, job.rounds + 1):
        updates = [each.engine.run(sent, number) for each in sites]
        bound = reach(job, sites[-1].population, number)
        updates[-1] = _attacked(sent, updates[-1], attack, bound)
        within = [
            not guarded or is_within(sent, update, reach(job, site.population, number))
            for site, update in zip(sites, updates, strict=True)
        ]
        accepted += within[-1]
        kept = [(s.population, u) for s, u, w in zip(sites, updates, within, strict=True) if w]
        total = sum(weight for weight, _ in kept)
        sent = {
            name: bounded(
                np.sum([weight / total * arrays[name] for weight, arrays in kept], axis=0).astype(
                    np.float32
                )
            )
            for name in sent
        }
    return sent, accepted


def _attacked(sent: Arrays, update: Arrays, attack: Attack, bound: Reach) -> Arrays:
    def times(factor: float) -> Arrays:
        return {
            name: bounded((sent[name] + factor * (array - sent[name])).astype(np.float32))
            for name, array in update.items()
        }

    if attack.factor is not None:
        return update if attack is NOBODY else times(attack.factor)
    return times(-_largest(lambda factor: is_within(sent, times(-factor), bound)))


def _largest(holds: Callable[[float], bool]) -> float:
    low, high = 1.0, 2.0
    while high < MOST and holds(high):
        low, high = high, 2 * high
    for _ in range(20):
        middle = (low + high) / 2
        low, high = (middle, high) if holds(middle) else (low, middle)
    return low


def _row(
    attack: Attack,
    found: dict[tuple[Attack, bool], list[float]],
    calm: list[float],
    entered: int,
    rounds: int,
) -> Row:
    guarded = found[attack, True]
    title = f"STAR, five sites, one attacks: {attack.name}"
    note = f"it entered {entered} of {rounds} rounds; {spread(guarded)}"
    if attack.factor is None:
        other = ("nobody attacks", statistics.mean(calm))
        note += f"; nobody attacks {spread(calm)}"
    else:
        plain = found[attack, False]
        other = ("without the bound", statistics.mean(plain))
        note += f"; without the bound {spread(plain)}"
    return beside(title, statistics.mean(guarded), *other, "AUC", PART, note)


def _federation(records: list[pupils.Record], seed: int) -> tuple[JobManifest, list[Site], Table]:
    division = pupils.divide(records, seed=seed, areas=SITES)
    populations = {name: division.population(name) for name in SITES}
    job = _job(populations)
    sites = [
        Site(
            Engine(job, populations[name], encode(_table(rows), job), SystemNoise()),
            populations[name],
        )
        for name, rows in division.parts.items()
    ]
    kept_out = _table([row for rows in division.kept_out.values() for row in rows])
    return job, sites, kept_out


def _job(populations: dict[str, int]) -> JobManifest:
    asked = contracts.job([])
    privacy: dict[str, Any] = asked["privacy"]
    sigma = ProcessAccountant().calibrate(
        epsilon=privacy["epsilon"],
        delta=privacy["delta"],
        sampling_rate=privacy["samplingRate"],
        steps=privacy["steps"],
    )
    found = task(
        contracts=[contract(name, population) for name, population in populations.items()],
        privacy=privacy | {"noiseMultiplier": sigma},
        features=[_feature(name) for name in asked["features"]],
        quorum=4,
        **{name: asked[name] for name in ("model", "target", "unit", "learningRate", "rounds")},
    )
    return parse(canonical(found))


def _feature(name: str) -> dict[str, Any]:
    stated, missing = pupils.DICTIONARY[name], {"kind": "indicator"}
    if "lower" in stated:
        ends = {"low": stated["lower"], "high": stated["upper"]}
        return {"column": name, "kind": "number", **ends, "missing": missing}
    values = [each["value"] if isinstance(each, dict) else each for each in stated["categories"]]
    return {"column": name, "kind": "category", "values": values, "missing": missing}


def _table(rows: list[pupils.Record]) -> Table:
    names = [name for name, *_ in pupils.COLUMNS]
    return from_columns({name: [row[name] for row in rows] for name in names})
