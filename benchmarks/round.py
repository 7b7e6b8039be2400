"""A round over 3 and 13 sites beside the same training in one process, and how soon it begins.

Each site is a whole node (`sites_space.py`) with the same MLP of 4,000 parameters. Times are of the
nodes' records: a round is the distance of two states that the lead has stored, it holds everything,
messages, judgement, charging, training, storing; a job's start goes from the last acceptance, as a
site stored it, to the last message of round 1 that the lead hands to a stream. The same training in
one process is the sites' own engine, one site after another, and the average of their updates.
Linear algebra has one thread on both sides. Padding, the waits that hide how long rows took, is
shown apart: the same job runs with and without it. Cancelled is a job when no site's worker is left
and each site has stored the end. With `PEERS=1`, Flower's deployment and its simulation beside.
"""

from __future__ import annotations

import contextlib
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, Final, TypeVar

import bare_flower
import sites_space
from row import Plan, Row, at_most, beside
from sites_space import SITES, Federation, federation
from space import Node

from connector import config
from connector.bootstrap.system import SystemClock
from connector.domain.federation.job import Job
from connector.ports import Transaction
from connector.sdk.client import JOB_ENDS
from connector.store import SqlStore
from federated.job import JobManifest

PART = "round"
STEPS: Final = 5
OVER: Final = {3: 0.15, SITES: 0.3}  # most seconds more than in one process, by sites
START: Final = {"exact": 5.0, "opacus": 12.0}  # most seconds, by engine
CANCEL: Final = 1.0
# A look opens a node's database: where times stand in the records, few looks are taken.
_LOOK, _SELDOM, _MOST = 0.02, 0.5, sites_space.DEADLINE + 20
T = TypeVar("T")


@dataclass(frozen=True)
class Run:
    """A job that has ended.

    Attributes:
        manifest: its bytes.
        spans: seconds of each round but the first.
        start: seconds from the last acceptance to the last message of round 1.
        first: seconds from the last acceptance to the state after round 1.
        waited: seconds from submission to the last acceptance.
    """

    manifest: bytes
    spans: list[float]
    start: float
    first: float
    waited: float


def measure(folder: Path, plan: Plan) -> list[Row]:
    """Run the jobs, then the same training here."""
    rounds, rows = plan.times(20, 8), list[Row]()
    with federation(folder) as fed:
        _run(fed, SITES, 1)  # the sites meet each other
        starts = {"exact": _run(fed, SITES, rounds)}
        padded = {3: _run(fed, 3, rounds), SITES: starts["exact"]}
        with fed.unpadded():
            bare = {count: _run(fed, count, rounds) for count in padded}
        starts["opacus"] = _run(fed, SITES, 1, steps=1, engine="opacus")
        ended = _cancelled(fed)
        for count, run in bare.items():
            here = _here(folder, run.manifest, fed.files[:count])
            rows += _rows(count, padded[count].spans, run.spans, here)
            if os.environ.get("PEERS") == "1" and count < SITES:
                flower = bare_flower.spans(folder / "flower", run.manifest, fed.files[:count])
                rows.append(_beside_flower(count, padded[count].spans, flower))
    rows += [_begun(engine, run) for engine, run in starts.items()]
    note = "from the lead's record of it to the last site's, and until no worker is left"
    title = f"cancel of a running job, {SITES} sites"
    return [*rows, at_most(title, ended, CANCEL, "s", PART, note)]


def _rows(count: int, padded: list[float], bare: list[float], here: list[float]) -> list[Row]:
    title = f"federated round, {count} sites"
    mean, alone = statistics.mean(bare), statistics.mean(here)
    note = (
        f"{len(bare)} rounds of {STEPS} steps without padding, {sites_space.PERSONS} persons a "
        f"site; median {statistics.median(bare):.3f} s, longest {max(bare):.3f} s; sites train at "
        f"the same time on {os.cpu_count()} cores, in one process one after another"
    )
    more = statistics.mean(padded) - mean
    padding = f"what padding adds: {more:.3f} s; load {os.getloadavg()[0]:.1f}"
    return [
        beside(title, mean, "same training in one process", alone, "s", PART, note),
        at_most(f"{title}: more than in one process", mean - alone, OVER[count], "s", PART),
        beside(
            f"{title}, padded", statistics.mean(padded), "without padding", mean, "s", PART, padding
        ),
    ]


def _beside_flower(count: int, padded: list[float], flower: list[float]) -> Row:
    title = f"federated round, {count} sites, padded, beside Flower's deployment"
    note = (
        "SuperLink and SuperNodes on the loopback without TLS, the same engine and rows; rounds of "
        f"{min(flower):.1f} to {max(flower):.1f} s; load {os.getloadavg()[0]:.1f}"
    )
    mean, theirs = statistics.mean(padded), statistics.mean(flower)
    return beside(title, mean, "Flower deployment", theirs, "s", PART, note)


def _begun(engine: str, run: Run) -> Row:
    note = (
        f"padding included; state after round 1: {run.first:.2f} s; submission to the last "
        f"acceptance {run.waited:.2f} s; load {os.getloadavg()[0]:.1f}"
    )
    title = f"last acceptance to the first round, {SITES} sites, engine `{engine}`"
    return at_most(title, run.start, START[engine], "s", PART, note)


def _run(fed: Federation, sites: int, rounds: int, steps: int = STEPS, **more: Any) -> Run:
    """Run a job and read its times from the nodes' records.

    Raises:
        RuntimeError: it did not complete.
    """
    with fed.lead.client() as lead:
        job = lead.submit(fed.request(sites, rounds=rounds, steps=steps, **more)).id
    _until(lambda: _job(fed.lead, job).state in JOB_ENDS, every=_SELDOM)
    led = _job(fed.lead, job)
    if led.state != "COMPLETED":
        raise RuntimeError(f"the job did not complete: {led.state} {led.code} {led.reason}")
    found = _read(fed.lead, lambda tx: tx.rounds.find(job_id=job))
    ends = [each.at.timestamp() for each in sorted(found, key=lambda each: each.round)]
    accepted = max(_job(site, job).created_at.timestamp() for site in fed.sites[:sites])
    return Run(
        led.manifest,
        [after - before for before, after in pairwise(ends)],
        max(fed.asked(job, 1)) - accepted,
        ends[0] - accepted,
        accepted - led.created_at.timestamp(),
    )


def _cancelled(fed: Federation) -> float:
    """Cancel a job in its rounds; return the seconds until nothing of it is left."""
    with fed.lead.client() as lead:
        job = lead.submit(fed.request(SITES, rounds=500, steps=STEPS)).id
        _until(lambda: _job(fed.lead, job).round > 1)
        lead.cancel(job)
        _until(lambda: not _workers(fed))
        gone = time.time()
    _until(lambda: all(_job(site, job).state in JOB_ENDS for site in fed.sites))
    ends = [_job(site, job).updated_at.timestamp() for site in fed.sites]
    return max(gone, *ends) - _job(fed.lead, job).updated_at.timestamp()


def _workers(fed: Federation) -> list[Path]:
    """Return the processes that work in folders of jobs."""
    folders = {str((node.home / "jobs").resolve()) for node in (fed.lead, *fed.sites)}
    found = []
    for each in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # it has ended
            if str((each / "cwd").readlink().parent) in folders:
                found.append(each)
    return found


def _job(node: Node, job: str) -> Job:
    """Return a job at a node; a site may know it by a longer name."""
    return next(
        each
        for each in _read(node, lambda tx: tx.jobs.page(limit=0).values)
        if each.id.endswith(job)
    )


def _read(node: Node, ask: Callable[[Transaction], T]) -> T:
    store = SqlStore(config.load(node.home).database_url, SystemClock())
    try:
        with store.read() as tx:
            return ask(tx)
    finally:
        store.close()


def _until(done: Callable[[], bool], every: float = _LOOK) -> None:
    limit = time.monotonic() + _MOST
    while not done():
        if time.monotonic() > limit:
            raise RuntimeError(f"nothing came of it in {_MOST:g} s")
        time.sleep(every)


def _here(folder: Path, manifest: bytes, files: list[Path]) -> list[float]:
    """Return the seconds of each round but the first in one process, with one thread."""
    stated = folder / "manifest.json"
    stated.write_bytes(manifest)
    done = subprocess.run(
        [sys.executable, __file__, str(stated), *map(str, files)],
        env={**os.environ, **sites_space.ALONE},
        capture_output=True,
        text=True,
        timeout=_MOST,
        check=True,
    )
    return list(json.loads(done.stdout))


def main() -> None:
    """Print the seconds of each round but the first of a manifest over files, as JSON."""
    manifest, *files = map(Path, sys.argv[1:])
    engines = [sites_space.engine_of(manifest, file, at) for at, file in enumerate(files)]
    arrays, spans = sites_space.first_of(manifest), []
    job: JobManifest = sites_space.read(manifest)
    for number in range(1, job.rounds + 1):
        began = time.perf_counter()
        updates = [engine.run(arrays, number) for engine in engines]
        arrays = {name: sum(update[name] for update in updates) / len(updates) for name in arrays}
        spans.append(time.perf_counter() - began)
    print(json.dumps(spans[1:]))


if __name__ == "__main__":
    main()
