"""A round of the demonstration's job over the network, beside the same training without any.

Three académies and a lab, each a process; data, model and privacy are the demonstration's. A
round's time is the distance of two states that the lead has stored, by its own records; it holds
everything: messages, judgement, charging, training, storing. The same training without network is
the sites' own engine, with their data and noise, one site after another in this process, and the
average of their updates. Before both, one round is left out.
"""

from __future__ import annotations

import os
import statistics
import time
from itertools import pairwise
from pathlib import Path

import contracts
import numpy as np
from row import Plan, Row, at_most, beside

from connector import config
from connector.bootstrap.system import SystemClock
from connector.store import SqlStore
from federated.job import JobManifest, parse
from federated.training import recipes
from federated.training.engine import Engine
from federated.training.noise import SystemNoise
from federated.training.recipes import Arrays
from federated.training.rows.encode import encode
from federated.training.rows.table import read_table
from tests.support.drill import Federation, Size, federation

PART = "round"
JOB_SECONDS = 300.0
BAR_SECONDS = 0.3
EVERYBODY = 10**6


def measure(folder: Path, plan: Plan) -> list[Row]:
    """Run the job, then the same training here."""
    rounds = plan.times(20, 6)
    steps = int(contracts.job([], rounds=1)["privacy"]["steps"])
    size = Size(
        pupils=EVERYBODY,
        rounds=rounds,
        steps=steps,
        noise=0,
        round_seconds=60,
        deadline_seconds=JOB_SECONDS,
        rule="sums",
    )
    with federation(folder, size) as fed:
        manifest, spans, waiting, start = _job(fed)
        files = [folder / f"star-{name}.csv" for name in fed.sites]
    here, engines = _without_network(manifest, files)
    more = statistics.mean(spans) - statistics.mean(here)
    title = "federated round, three sites and a lead"
    note = (
        f"{len(spans)} rounds of {steps} steps, {', '.join(str(n) for n in engines)} pupils; "
        f"median {statistics.median(spans):.3f} s, longest {max(spans):.3f} s; the sites train at "
        f"the same time on {os.cpu_count()} cores, in one process one after another"
    )
    return [
        beside(
            title,
            statistics.mean(spans),
            "same training in one process",
            statistics.mean(here),
            "s",
            PART,
            note,
        ),
        at_most(f"{title}: more than in one process", more, BAR_SECONDS, "s", PART),
        beside(
            "federated job, submission to the first round's state",
            waiting,
            "the rounds after it, together",
            sum(spans),
            "s",
            PART,
            f"the sites' decisions with the accountant's answers, then four workers that start"
            f" at once; accepted after {start:.0f} s, by its log",
        ),
    ]


def _job(fed: Federation) -> tuple[JobManifest, list[float], float, float]:
    """Run the job and read its times from the lead's records.

    Returns:
        Manifest; seconds of each round but the first; seconds from submission to the state after
        round 1, and to all sites' acceptance.

    Raises:
        RuntimeError: it did not complete.
    """
    job = fed.submit()
    ended = fed.ended(job.id, fed.lab, JOB_SECONDS)
    if ended.state != "COMPLETED":
        raise RuntimeError(f"the job did not complete: {ended.state} {ended.code} {ended.reason}")
    store = SqlStore(config.load(fed.lab.home).database_url, SystemClock())
    try:
        with store.read() as tx:
            found = tx.jobs.get(job.id)
            ends = [r.at for r in sorted(tx.rounds.find(job_id=job.id), key=lambda r: r.round)]
    finally:
        store.close()
    if found is None:
        raise RuntimeError("the lead does not know its job")
    spans = [(after - before).total_seconds() for before, after in pairwise(ends)]
    with fed.lab.client() as lab:
        running = next(e.at for e in lab.events(subject=job.id) if e.kind == "job.running")
    first = (ends[0] - found.created_at).total_seconds()
    accepted = (running - found.created_at).total_seconds()
    return parse(found.manifest), spans, first, accepted


def _without_network(manifest: JobManifest, files: list[Path]) -> tuple[list[float], list[int]]:
    """Return the seconds of each round but the first, and the pupils of each site."""
    engines, sizes = [], []
    for contract, file in zip(manifest.contracts, files, strict=True):
        persons = encode(read_table(file, "csv", _digest(file), manifest.columns), manifest)
        engine = Engine(manifest, contract.population, persons, SystemNoise())
        engine.warm()
        engines.append(engine)
        sizes.append(len(persons))
    weights = np.array([contract.population for contract in manifest.contracts], dtype=np.float64)
    arrays, spans = recipes.initial(manifest), []
    for _ in range(manifest.rounds):
        began = time.perf_counter()
        arrays = _average([engine.run(arrays) for engine in engines], weights / weights.sum())
        spans.append(time.perf_counter() - began)
    return spans[1:], sizes


def _average(updates: list[Arrays], weights: np.ndarray) -> Arrays:
    return {
        name: np.sum(
            [w * update[name] for w, update in zip(weights, updates, strict=True)], axis=0
        ).astype(np.float32)
        for name in updates[0]
    }


def _digest(file: Path) -> str:
    import hashlib  # noqa: PLC0415 - only here

    return hashlib.sha256(file.read_bytes()).hexdigest()
