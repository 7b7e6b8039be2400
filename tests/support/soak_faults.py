"""What must hold after jobs under SIGKILL, beside what `drill_faults.py` asks.

- A round is completed once; each site whose answer entered it released that answer once, and signed
  the model that all were sent: its receipt verifies, and is the one that the lead keeps.
- The model that the lead hands out is the one that the sites signed when they evaluated it.
- No worker outlives its job, no process its node; nothing lies in the folders of jobs but logs and
  results, no round of a job that has ended keeps its bytes, nothing stays in the temporary folder.

Each function returns one line for each violation.
"""

from __future__ import annotations

import io
import os
import sqlite3
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

import numpy as np
from space import Node

from connector.domain.federation.identifier import uuid_in
from connector.errors import PreauError
from connector.identity import document as documents
from connector.identity.document import DidDocument
from connector.identity.receipts import round_receipt
from connector.jsonld.canonical import sha256_hex
from connector.management.views.audits import EventView
from connector.services.federation.request import rehearsal
from federated.training.flower.records import digest
from tests.support.drill import Federation
from tests.support.drill_faults import job_faults
from tests.support.soak import processes, working_in

# In folders of jobs.
KEPT = {"census.log", "site.log", "lead.log", "rehearsal.log"}
KEPT |= {"site-exact.log", "site-opacus.log"}  # of what workers are forked from
KEPT |= {"model.npz", "model.card.json", "model.receipts.json"}
SETTLE_SECONDS = 20.0
_LOOK_SECONDS = 0.1
_PAGE = 1000
_TEMPORARY = "tmp"  # where the processes of a soak put what is temporary


def temporary(folder: Path) -> Path:
    """Let this process and all that it starts use a temporary folder of their own; return it."""
    own = folder / _TEMPORARY
    own.mkdir()
    os.environ["TMPDIR"] = str(own)
    return own


def case_faults(fed: Federation, jobs: Sequence[str]) -> list[str]:
    """Return what is wrong with jobs, which are awaited."""
    found = [line for job in jobs for line in job_faults(fed, job)]
    for job in jobs:
        found += [f"job {job}: {line}" for line in receipt_faults(fed, job)]
    return [*found, *_left_over(fed, jobs)]


def receipt_faults(fed: Federation, job: str) -> Iterator[str]:
    """Compare what sites released and signed with what the lead completed."""
    released: dict[tuple[str, int], list[str]] = {}
    papers: dict[str, DidDocument] = {}
    for node in fed.sites.values():
        with node.client() as site:
            papers[node.did] = documents.read(site.document(), node.did)
            for each in _of(site.events(subject=job, limit=_PAGE), "job.round.released"):
                key = (node.did, int(each["round"]))
                released.setdefault(key, []).append(str(each["receipt"]))
    with fed.lab.client() as lab:
        rounds = list(_of(lab.events(subject=job, limit=_PAGE), "job.round.completed"))
        done = lab.job(job).state == "COMPLETED"
        model = lab.result(job) if done else b""
    for number, times in Counter(int(each["round"]) for each in rounds).items():
        if times != 1:
            yield f"round {number} was completed {times} times"
    last = set()
    for each in rounds:
        tokens = [
            token
            for site in each["sites"]
            for token in released.get((site, int(each["round"])), ["", ""])
        ]
        last = {_digest(token, papers) for token in tokens}
        if len(tokens) != len(each["sites"]) or len(last) != 1 or "" in last:
            yield f"round {each['round']}: answers or receipts are not one for each site"
        kept = {sha256_hex(token.encode()) for token in tokens}
        if not kept <= set(each["receipts"]):
            yield f"round {each['round']}: the lead keeps other receipts than the sites"
    if model and _model(model) not in last:
        yield "the model is not the one that the sites signed last"


def space_faults(fed: Federation, own: Path) -> list[str]:
    """Return what stays of a federation in which nothing runs any more.

    Args:
        fed: all of its nodes were stopped.
        own: its temporary folder.
    """
    found = [f"process {pid} outlives its node" for pid in _persistent(fed.space.folder.parent)]
    found += [f"`{each.name}` stays in the temporary folder" for each in sorted(own.iterdir())]
    for node in fed.nodes:
        for name in _names(node, ""):
            found.append(f"`{name}` stays in the jobs of {node.name}")
        if payloads := _payloads(node):
            found.append(f"{payloads} rounds of ended jobs keep their bytes at {node.name}")
    return found


def memory(node: Node) -> float:
    """Return the memory of a node's process that is its own, MiB."""
    status = Path(f"/proc/{node.pid}/status").read_text(encoding="ascii")
    (line,) = (each for each in status.splitlines() if each.startswith("RssAnon:"))
    return int(line.split()[1]) / 1024


def _left_over(fed: Federation, jobs: Sequence[str]) -> list[str]:
    until = time.monotonic() + SETTLE_SECONDS
    while busy := [node.name for node in fed.nodes if any(processes(node))]:
        if time.monotonic() > until:
            break
        time.sleep(_LOOK_SECONDS)
    found = [f"a worker of {name} outlives its job" for name in busy]
    for node in fed.nodes:
        for job in jobs:
            found += [f"`{name}` stays of {job}" for name in _names(node, uuid_in(job) or "")]
    return found


def _persistent(folder: Path) -> list[int]:
    until = time.monotonic() + SETTLE_SECONDS
    while (found := list(working_in(folder))) and time.monotonic() < until:
        time.sleep(_LOOK_SECONDS)
    return found


def _names(node: Node, job: str) -> list[str]:
    """Return what lies in the folder of a job, or of all, and may not."""
    top, tried = node.home / "jobs" / job, node.home / rehearsal.KEPT  # the last ones, and no more
    files = (each for each in top.rglob("*") if each.is_file() and not each.is_relative_to(tried))
    return [str(each.relative_to(top)) for each in files if each.name not in KEPT]


def _payloads(node: Node) -> int:
    """Return how many rounds of ended jobs still hold updates or checkpoints."""
    file = node.home / "node.sqlite"
    if not file.is_file():
        return 0
    with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as database:
        (count,) = database.execute(
            "SELECT count(*) FROM job_round JOIN job ON job.id = job_round.job_id"
            " WHERE length(payload) > 0"
            " AND job.state IN ('COMPLETED', 'FAILED', 'CANCELLED', 'REFUSED')"
        ).fetchone()
    return int(count)


def _of(events: Sequence[EventView], kind: str) -> Iterator[dict[str, object]]:
    return (each.event["facts"] for each in events if each.kind == kind)


def _digest(token: str, papers: dict[str, DidDocument]) -> str:
    """Return the digest of the model that a site signed; empty where its receipt does not count."""
    try:
        site = round_receipt.unverified(token).site
        return round_receipt.read(token, papers[site]).digest
    except (PreauError, KeyError):
        return ""


def _model(data: bytes) -> str:
    with np.load(io.BytesIO(data)) as arrays:
        return digest({name: arrays[name] for name in arrays.files})
