"""Tries a job on made-up rows, in a worker, and says what it would take.

Rules: the worker gets the manifest and what dictionaries state, and reads no file; each try is
bounded; what is said of time is what sites would let outsiders see (`padding.py`), as fast as this
machine. What a try gave is kept by the digest of all that it follows from, recipe included, so that
a request that was checked is not tried again when it is submitted.
"""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from connector.errors import DeadlinePassed, JobRefused, TooManyRequests, WorkerFailed, from_code
from connector.identity.descriptions.dataset_facts import DatasetFacts
from connector.jsonld.canonical import canonical, sha256_hex
from connector.ports import Ports, Worker
from connector.services.federation import padding
from connector.services.federation.request.findings import Finding
from connector.services.federation.site.rounds import one_line
from federated.job import JobManifest
from federated.reading import Member
from federated.task.target import Number

FOLDER: Final = "jobs/rehearsal"
KEPT: Final = "jobs/tried"
MOST_KEPT: Final = 200
MOST_SECONDS: Final = 600.0
_START_SECONDS: Final = 180.0
_OF_A_JOB: Final = ("job", "deadline")  # what a try does not follow from
_turn: Final = threading.Lock()


@dataclass(frozen=True, slots=True)
class Part:
    """What became of the made-up rows of one site.

    Attributes:
        site: DID.
        persons: that were made up.
        usable: of those, the ones with a row that takes part.
        labels: how many different labels their rows have.
        round_seconds: after which the site would answer a round.
        needs: bytes that its worker must be allowed.
    """

    site: str
    persons: int
    usable: int
    labels: int
    round_seconds: float
    needs: int


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """A job that was tried.

    Attributes:
        parts: one for each site.
        rounds: that were completed.
        start_seconds: until the sites' workers are ready.
        round_seconds: a round, by the slowest site.
        seconds: the whole job.
        peak: most bytes that the worker took, with the rows of all sites.
        refused: DID -> why its update did not enter.
    """

    parts: tuple[Part, ...]
    rounds: int
    start_seconds: float
    round_seconds: float
    seconds: float
    peak: int
    refused: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Asked:
    """A job to be tried.

    Attributes:
        manifest: of the job.
        data: its canonical bytes.
        described: DID -> the dataset of each site.
        seconds: after which no further round begins.
        start: the public model that it starts from; empty for none.
    """

    manifest: JobManifest
    data: bytes
    described: Mapping[str, DatasetFacts]
    seconds: float
    start: bytes = b""

    def key(self) -> str:
        """Return the digest of what a try follows from."""
        body = {name: each for name, each in json.loads(self.data).items() if name not in _OF_A_JOB}
        return sha256_hex(canonical({"manifest": body, "sites": self.sites()}))

    def sites(self) -> dict[str, Any]:
        """Return what is known of each site's columns."""
        return {site: _columns(facts) for site, facts in self.described.items()}


def rehearse(ports: Ports, asked: Asked) -> Rehearsal:
    """Return what a try gives, in a worker of its own unless it is known.

    Raises:
        TooManyRequests: another try is under way.
        WorkerFailed: the worker did not start, died, or did not answer in time.
        PreauError: the job cannot run; the code says why.
    """
    found = known(ports, asked)
    if found is not None:
        return found
    if not _turn.acquire(blocking=False):
        raise TooManyRequests("another job is being rehearsed", hint="try again when it has ended")
    try:
        worker = ports.workers.start("rehearsal", ports.settings.path(FOLDER))
        try:
            return ask(ports, asked, worker)
        finally:
            worker.stop()
    finally:
        _turn.release()


def known(ports: Ports, asked: Asked) -> Rehearsal | None:
    """Return what the same try gave before: to its last round, or for as long; None: unknown."""
    try:
        kept = json.loads(_file(ports, asked).read_bytes())
        found, seconds = _read(kept["said"], asked), float(kept["seconds"])
    except (OSError, ValueError, LookupError, TypeError, WorkerFailed):
        return None
    return found if found.rounds == asked.manifest.turns or seconds >= asked.seconds else None


def ask(ports: Ports, asked: Asked, worker: Worker) -> Rehearsal:
    """Try a job in a worker of the role `rehearsal`, and keep what it gave.

    Raises:
        WorkerFailed: the worker died, or did not answer in time.
        PreauError: the job cannot run; the code says why.
    """
    order = {"op": "rehearse", "manifest": asked.data.decode(), "seconds": float(asked.seconds)}
    worker.send({**order, "sites": asked.sites()}, asked.start)
    header, _ = worker.receive(asked.seconds + _START_SECONDS)
    found = _read(header, asked)
    with contextlib.suppress(OSError):  # it is tried again, then
        _keep(_file(ports, asked), {"seconds": asked.seconds, "said": header})
    return found


def _file(ports: Ports, asked: Asked) -> Path:
    return ports.settings.path(KEPT) / f"{asked.key()}.json"


def _keep(file: Path, said: Mapping[str, Any]) -> None:
    """Write down what a try gave, in one step, and forget the oldest of many."""
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    part = file.with_suffix(f".{threading.get_ident()}")
    part.write_text(json.dumps(said), encoding="utf-8")
    part.replace(file)
    files = sorted(file.parent.glob("*.json"), key=lambda each: each.stat().st_mtime)
    for each in files[:-MOST_KEPT]:
        each.unlink(missing_ok=True)


def findings(
    found: Rehearsal, manifest: JobManifest, memory: int, seconds_left: float
) -> Iterator[Finding]:
    """Yield what a try says against a job.

    Args:
        found: the try.
        manifest: of the job.
        memory: bytes that a worker of this node may take; 0 for no limit.
        seconds_left: until the job's deadline.
    """
    refused = JobRefused.code
    for part in found.parts:
        if not part.usable:
            what = "no made-up row of this dataset takes part: the training would use nobody's rows"
            yield Finding("/target", what, refused, part.site)
        elif part.labels == 1 and not isinstance(manifest.target, Number):
            what = "all made-up rows of this dataset have the same label: nothing would be learnt"
            yield Finding("/target", what, refused, part.site)
        if memory and part.needs > memory:
            what = (
                f"a site's worker needs {_mega(part.needs)}, this node's may use "
                f"{_mega(memory)}: choose fewer inputs, or allow workers more memory"
            )
            yield Finding("/features", what, WorkerFailed.code, part.site)
    for site, reason in found.refused.items():
        yield Finding("/optimiser", f"its update would not be accepted: {reason}", refused, site)
    if found.round_seconds > manifest.round_seconds:
        what = f"a round takes {found.round_seconds:.2g} s here, and sites get less"
        yield Finding("/roundSeconds", what, DeadlinePassed.code)
    if found.seconds > seconds_left:
        what = f"the job takes {found.seconds:.3g} s here, and has less until its deadline"
        yield Finding("/deadlineSeconds", what, DeadlinePassed.code)
    if found.rounds < manifest.turns:
        what = f"the try ended after {found.rounds} of {manifest.turns} rounds, as time was over"
        yield Finding("/rounds", what)


def _columns(facts: DatasetFacts) -> dict[str, Any]:
    return {
        column.name: {
            "number": column.datatype == "number",
            "range": list(column.meaning.range) if column.meaning.range else None,
            "values": list(column.meaning.values),
        }
        for column in facts.columns
    }


def _read(header: Mapping[str, Any], asked: Asked) -> Rehearsal:
    manifest = asked.manifest
    if header.get("op") == "failed":
        reason = one_line(str(header.get("reason", ""))) or "the worker gave no reason"
        raise from_code(str(header.get("code", "")), reason)
    if header.get("op") != "rehearsed":
        raise WorkerFailed("the worker did not answer what it was asked")
    part = Member(dict(header), _not_expected).child
    tried = part("sites").entries(most=len(manifest.sites))
    parts = tuple(_part(site, each) for site, each in tried.items())
    start = max((_start(manifest, facts) for facts in asked.described.values()), default=0.0)
    round_seconds = max((each.round_seconds for each in parts), default=0.0)
    return Rehearsal(
        parts=parts,
        rounds=part("rounds").integer(most=manifest.turns),
        start_seconds=start,
        round_seconds=round_seconds,
        seconds=start + manifest.turns * round_seconds,
        peak=part("peak").integer(),
        refused={
            site: one_line(reason.content())
            for site, reason in part("refused").entries(most=len(manifest.sites)).items()
        },
    )


def _part(site: str, member: Member) -> Part:
    part = member.fields("persons", "usable", "labels", "round_seconds", "needs")
    return Part(
        site,
        part["persons"].integer(),
        part["usable"].integer(),
        part["labels"].integer(),
        padding.round_unit(part["round_seconds"].number()),
        part["needs"].integer(),
    )


def _start(manifest: JobManifest, facts: DatasetFacts) -> float:
    values = padding.cells(facts.population, facts.rows_per_person, len(facts.columns))
    return padding.start_unit(
        values, padding.cells(facts.population, manifest.unit.rows, manifest.width)
    )


def _mega(size: int) -> str:
    return f"{size / 1e6:,.0f} MB"


def _not_expected(pointer: str, fault: str) -> WorkerFailed:
    return WorkerFailed(f"the worker sent a frame whose `{pointer}` {fault}")
