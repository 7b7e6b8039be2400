"""Tries a job on made-up rows, in a worker of its own, and says what it would take.

Rules: the worker gets the manifest and what dictionaries state, and reads no file; one try at a
time, each bounded; what is said of time is what sites would let outsiders see (`padding.py`), as
fast as this machine.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from connector.errors import DeadlinePassed, JobRefused, TooManyRequests, WorkerFailed, from_code
from connector.identity.descriptions.dataset_facts import DatasetFacts
from connector.ports import Ports
from connector.services.federation import padding
from connector.services.federation.request.findings import Finding
from connector.services.federation.site.rounds import one_line
from federated.job import JobManifest
from federated.reading import Member
from federated.task.target import Number

FOLDER: Final = "jobs/rehearsal"
MOST_SECONDS: Final = 600.0
_START_SECONDS: Final = 180.0
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


def rehearse(
    ports: Ports,
    manifest: JobManifest,
    data: bytes,
    described: Mapping[str, DatasetFacts],
    *,
    seconds: float,
    start: bytes = b"",
) -> Rehearsal:
    """Try a job.

    Args:
        ports: of the lead.
        manifest: of the job.
        data: its canonical bytes.
        described: DID -> the dataset of each site.
        seconds: after which no further round begins.
        start: the public model that it starts from; empty for none.

    Raises:
        TooManyRequests: another try is under way.
        WorkerFailed: the worker did not start, died, or did not answer in time.
        PreauError: the job cannot run; the code says why.
    """
    if not _turn.acquire(blocking=False):
        raise TooManyRequests("another job is being tried", hint="try again when it has ended")
    try:
        worker = ports.workers.start("rehearsal", ports.settings.path(FOLDER))
        try:
            sites = {site: _columns(facts) for site, facts in described.items()}
            order = {"op": "start", "manifest": data.decode(), "seconds": float(seconds)}
            worker.send({**order, "sites": sites}, start)
            header, _ = worker.receive(seconds + _START_SECONDS)
        finally:
            worker.stop()
    finally:
        _turn.release()
    return _read(header, manifest, described)


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
            what = "no made-up row of this dataset takes part: nobody would be trained on"
            yield Finding("/target", what, refused, part.site)
        elif part.labels == 1 and not isinstance(manifest.target, Number):
            what = "all made-up rows of this dataset have one label: nothing would be learnt"
            yield Finding("/target", what, refused, part.site)
        if memory and part.needs > memory:
            what = (
                f"a site's worker needs {_mega(part.needs)}, this node's may take {_mega(memory)}: "
                "fewer inputs, or more memory there"
            )
            yield Finding("/features", what, WorkerFailed.code, part.site)
    for site, reason in found.refused.items():
        yield Finding("/optimiser", f"its update would not enter: {reason}", refused, site)
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


def _read(
    header: Mapping[str, Any], manifest: JobManifest, described: Mapping[str, DatasetFacts]
) -> Rehearsal:
    if header.get("op") == "failed":
        reason = one_line(str(header.get("reason", ""))) or "the worker gave no reason"
        raise from_code(str(header.get("code", "")), reason)
    if header.get("op") != "rehearsed":
        raise WorkerFailed("the worker answered something else than was asked")
    part = Member(dict(header), _not_expected).child
    tried = part("sites").entries(most=len(manifest.sites))
    parts = tuple(_part(site, each) for site, each in tried.items())
    start = max((_start(manifest, facts) for facts in described.values()), default=0.0)
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
