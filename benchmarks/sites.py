"""Time of a simulated job over 10 to 200 sites of 100 persons each: does it grow as the sites do?

Logistic regression on 30 numbers, made up, 20 steps; CPU time of one process, without the
accountant. With `PEERS=1` the same training by Flower's simulation, whose site's round is our own
engine; it needs Ray (74 MB from the package index), which is installed beside for the measurement.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np
import sites_space
from row import Plan, Row, at_most, beside

from audit.rig import DELTA, job, numbers
from federated.job import JobManifest
from federated.manifest import Privacy, SiteContract
from federated.training.noise import SystemNoise
from federated.training.rows.entries import Persons
from federated.training.simulation import train

PART = "sites"
CURVE: Final = (10, 25, 50, 100, 200)
PERSONS, INPUTS, ROUNDS, STEPS = 100, 30, 10, 2
LINEAR = 1.2  # times as much a site, at 200 beside 50
RAY: Final = "ray==2.55.1"
BESIDE: Final = (50, 200)
_MOST_SECONDS: Final = 900.0


def measure(folder: Path, plan: Plan) -> list[Row]:
    """Train over more and more sites."""
    found = {count: min(_seconds(count) for _ in range(plan.times(3, 1))) for count in CURVE}
    curve = ", ".join(f"{count} sites {seconds:.2f} s" for count, seconds in found.items())
    growth = (found[200] / 200) / (found[50] / 50)
    title = "simulated job, CPU a site, 200 sites beside 50"
    note = f"{ROUNDS} rounds of {STEPS} steps, {PERSONS} persons a site, least of three: {curve}"
    rows = [at_most(title, growth, LINEAR, "×", PART, note)]
    if os.environ.get("PEERS") == "1":
        rows += _flower(folder, found)
    return rows


def manifest(count: int) -> JobManifest:
    """Return the job over so many sites."""
    privacy = Privacy(1.0, DELTA, 10.0, 0.2, ROUNDS * STEPS, 1.0)
    plain = job(numbers(INPUTS, -1, 1), (), privacy, population=PERSONS, rounds=ROUNDS)
    contracts = tuple(
        SiteContract(f"did:example:{at}", f"urn:example:{at}", "", "", str(at), PERSONS)
        for at in range(count)
    )
    return replace(plain, contracts=contracts)


def share(site: int) -> Persons:
    """Return the persons of a site."""
    draw = np.random.default_rng(site)
    return Persons(
        inputs=draw.uniform(-1, 1, (PERSONS, 1, INPUTS)).astype(np.float32),
        labels=draw.integers(0, 2, (PERSONS, 1)).astype(np.float32),
        mask=np.ones((PERSONS, 1), np.float32),
    )


def _seconds(count: int) -> float:
    shares = [share(at) for at in range(count)]
    before = time.process_time()
    train(manifest(count), shares, SystemNoise())
    return time.process_time() - before


def _flower(folder: Path, found: dict[int, float]) -> list[Row]:
    """Run Flower's simulation, in a process that finds Ray."""
    ray = folder / "ray"
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "install", "--quiet"]
    subprocess.check_call([*pip, "--no-compile", "--target", str(ray), RAY])
    program = Path(__file__).with_name("flower_simulation.py")
    paths = os.pathsep.join((sites_space.ALONE["PYTHONPATH"], str(ray)))
    env = {**os.environ, **sites_space.ALONE, "PYTHONPATH": paths, "FLWR_HOME": str(folder)}
    env |= {"FLWR_TELEMETRY_ENABLED": "0", "FLWR_DISABLE_UPDATE_CHECK": "1"}
    env["RAY_USAGE_STATS_ENABLED"] = "0"
    rows = []
    for count in BESIDE:
        out = folder / f"flower{count}"
        words = [sys.executable, str(program), str(count), str(out)]
        subprocess.run(words, env=env, capture_output=True, timeout=_MOST_SECONDS, check=True)
        theirs = float(out.read_text(encoding="ascii"))
        title = f"simulated job, {count} sites, beside Flower's simulation"
        note = f"Flower: from the first round to the last, {os.cpu_count()} actors; ours: CPU"
        rows.append(beside(title, found[count], "Flower simulation", theirs, "s", PART, note))
    return rows
