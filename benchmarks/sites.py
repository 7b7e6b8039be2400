"""Time of a simulated job over 10 to 200 sites of 100 persons each: does it grow as the sites do?

Logistic regression on 30 numbers, made up, 20 steps; CPU time of one process, without the
accountant. Flower's simulation is not measured beside it: it needs Ray, which is none of our
dependencies and has no place in an environment that is made for a minute.
"""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np
from row import Plan, Row, at_most

from audit.rig import DELTA, job, numbers
from federated.manifest import Privacy, SiteContract
from federated.training.noise import SystemNoise
from federated.training.rows.encode import Persons
from federated.training.simulation import train

PART = "sites"
CURVE: Final = (10, 25, 50, 100, 200)
PERSONS, INPUTS, ROUNDS, STEPS = 100, 30, 10, 2
LINEAR = 1.2  # times as much a site, at 200 beside 50


def measure(_: Path, plan: Plan) -> list[Row]:
    """Train over more and more sites."""
    found = {count: min(_seconds(count) for _ in range(plan.times(3, 1))) for count in CURVE}
    curve = ", ".join(f"{count} sites {seconds:.2f} s" for count, seconds in found.items())
    growth = (found[200] / 200) / (found[50] / 50)
    title = "simulated job, CPU a site, 200 sites beside 50"
    note = f"{ROUNDS} rounds of {STEPS} steps, {PERSONS} persons a site, least of three: {curve}"
    return [at_most(title, growth, LINEAR, "×", PART, note)]


def _seconds(count: int) -> float:
    privacy = Privacy(1.0, DELTA, 10.0, 0.2, ROUNDS * STEPS, 1.0)
    plain = job(numbers(INPUTS, -1, 1), (), privacy, population=PERSONS, rounds=ROUNDS)
    contracts = tuple(
        SiteContract(f"did:example:{at}", f"urn:example:{at}", "", "", str(at), PERSONS)
        for at in range(count)
    )
    manifest = replace(plain, contracts=contracts)
    draw = np.random.default_rng(count)
    shares = [
        Persons(
            inputs=draw.uniform(-1, 1, (PERSONS, 1, INPUTS)).astype(np.float32),
            labels=draw.integers(0, 2, (PERSONS, 1)).astype(np.float32),
            mask=np.ones((PERSONS, 1), np.float32),
        )
        for _ in range(count)
    ]
    before = time.process_time()
    train(manifest, shares, SystemNoise())
    return time.process_time() - before
