"""A whole job on made-up rows, in one process: what it would do, before anything is spent.

Rules: encoder, engine, messages and strategy are those of a real job, driven over the frames of a
lead's worker; only the rows are made up (`rows/synthetic.py`), and no row of a person is read.
Declared populations decide batches, noise and time, as they do at the sites. What is measured holds
for this machine, whose arithmetic is not tested: each site tests its own. A try that takes longer
than it may ends early and says after how many rounds.
"""

from __future__ import annotations

import json
import queue
import resource
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np

from federated import memory
from federated.aggregation import KEY_BYTES, Side, side
from federated.errors import FederatedError, WorkerFailed
from federated.job import render
from federated.manifest import JobManifest
from federated.training import code_hash
from federated.training.engine import Engine
from federated.training.evaluation import evaluator_of
from federated.training.flower.client import Site, make_app
from federated.training.flower.grid import split
from federated.training.noise import SystemNoise
from federated.training.roles import lead
from federated.training.roles.frames import Frames
from federated.training.roles.site import seconds_on_nobody
from federated.training.rows.encode import encode, encode_apart, nobody
from federated.training.rows.entries import Persons
from federated.training.rows.synthetic import Described, made_up

_WAIT_SECONDS: Final = 600.0
_KIBIBYTE: Final = 1024


@dataclass(frozen=True, slots=True)
class Tried:
    """What became of one site's made-up rows.

    Attributes:
        persons: that were made up.
        usable: of those, the ones with a row that takes part.
        labels: how many different labels their rows have.
        round_seconds: what a round takes on nobody, on this machine.
        needs: bytes of memory that a site's worker must be allowed for the declared persons.
    """

    persons: int
    usable: int
    labels: int
    round_seconds: float
    needs: int


@dataclass(slots=True)
class Rehearsed:
    """A job that was tried.

    Attributes:
        sites: DID -> what became of its rows.
        rounds: that were completed; all of them where there was time.
        seconds: that the rounds took together, all sites one after another.
        refused: DID -> why its last update did not enter.
        peak: most bytes that this process took.
        model: npz after the last round.
    """

    sites: dict[str, Tried] = field(default_factory=dict)
    rounds: int = 0
    seconds: float = 0.0
    refused: dict[str, str] = field(default_factory=dict)
    peak: int = 0
    model: bytes = b""


Parcels = queue.SimpleQueue[tuple[dict[str, Any], bytes] | None]


class _Within(Frames):
    """An end of a connection within this process: a worker may open no socket."""

    def __init__(self, incoming: Parcels, outgoing: Parcels) -> None:
        self._incoming = incoming
        self._outgoing = outgoing

    def send(
        self, header: Mapping[str, Any], payload: bytes = b"", *, seconds: float = 60.0
    ) -> None:
        """Hand one frame over."""
        del seconds
        self._outgoing.put((dict(header), payload))

    def receive(self, seconds: float | None) -> tuple[dict[str, Any], bytes]:
        """Return the next frame.

        Raises:
            WorkerFailed: the other end is gone, or silent.
        """
        try:
            found = self._incoming.get(timeout=seconds)
        except queue.Empty:
            found = None
        if found is None:
            raise WorkerFailed("the other part of the rehearsal ended")
        return found

    def close(self) -> None:
        """Let the other end know that nothing more comes."""
        self._outgoing.put(None)


def rehearse(
    manifest: JobManifest,
    described: Mapping[str, Mapping[str, Described]],
    *,
    seconds: float,
    start: bytes = b"",
) -> Rehearsed:
    """Run a job on made-up rows.

    Args:
        manifest: of the job; its recipe need not be this one.
        described: DID of each site -> the columns of its dataset.
        seconds: after which no further round begins; one always does.
        start: the public model that the job starts from, npz; empty for none.

    Raises:
        FederatedError: the job cannot run; the class says why.
    """
    found, sites = Rehearsed(), {}
    for seed, contract in enumerate(manifest.contracts):
        table = made_up(manifest, described.get(contract.site, {}), contract.population, seed)
        persons, held = encode(table, manifest), nobody(manifest).whole()
        if manifest.evaluation is not None:
            persons, held = encode_apart(table, manifest)
        engine = Engine(manifest, contract.population, persons, SystemNoise())
        engine.warm()
        evaluator = evaluator_of(manifest, contract.population, held)
        if evaluator is not None and manifest.exact:
            evaluator.sides = _masks(manifest, contract.site)
        app = make_app(engine, manifest, evaluator)
        sites[contract.site] = Site(app, manifest, contract.site)
        found.sites[contract.site] = Tried(
            persons=table.rows // manifest.unit.rows,
            usable=len(persons) + len(held),
            labels=_labels(persons),
            round_seconds=seconds_on_nobody(manifest, contract.population),
            needs=memory.needed(manifest, contract.population),
        )
    _rounds(manifest, sites, found, seconds, start)
    found.peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _KIBIBYTE
    return found


def _masks(manifest: JobManifest, site: str) -> list[Side]:
    """Return masks of made-up rows, which need no secret."""
    others = [each for each in manifest.sites if each != site]
    return [side(bytes(KEY_BYTES), site, each, b"rehearsal") for each in others]


def _labels(persons: Persons) -> int:
    return len(np.unique(persons.labels[persons.mask > 0]))


def _rounds(
    manifest: JobManifest,
    sites: Mapping[str, Site],
    found: Rehearsed,
    seconds: float,
    start: bytes,
) -> None:
    """Serve a lead's worker, which runs in a thread of its own, until it is done or out of time."""
    out, back, failures = Parcels(), Parcels(), list[FederatedError]()
    frames = _Within(back, out)
    worker = threading.Thread(target=_lead, args=(_Within(out, back), failures), daemon=True)
    worker.start()
    try:
        order = {"op": "start", "manifest": _text(manifest), "recipe": code_hash(manifest.engine)}
        frames.send({**order, "sites": list(sites), "round": 0}, start)
        _serve(manifest, frames, sites, found, seconds)
    except WorkerFailed:
        worker.join()
        raise failures[0] if failures else WorkerFailed("the rehearsal ended") from None
    finally:
        frames.close()
        worker.join()


def _lead(frames: Frames, failures: list[FederatedError]) -> None:
    try:
        lead.run(frames, "")
    except FederatedError as exc:
        failures.append(exc)
    finally:
        frames.close()


def _serve(
    manifest: JobManifest,
    frames: Frames,
    sites: Mapping[str, Site],
    found: Rehearsed,
    seconds: float,
) -> None:
    began = time.monotonic()
    while True:
        header, payload = frames.receive(_WAIT_SECONDS)
        match header.get("op"):
            case "round":
                frames.send(*_answers(header, payload, sites))
            case "state":
                found.rounds, found.model = int(header["round"]), payload
                found.refused = dict(header["refused"])
                found.seconds = time.monotonic() - began
                if found.seconds > seconds or found.rounds == manifest.turns:
                    return
                frames.send({"op": "saved"})
            case "ready":
                began = time.monotonic()
            case _:
                raise WorkerFailed("the lead's part sent something else than was expected")


def _answers(
    header: Mapping[str, Any], payload: bytes, sites: Mapping[str, Site]
) -> tuple[dict[str, Any], bytes]:
    number = int(header["round"])
    updates = {}
    for site, part in split({**header, "op": "replies"}, payload, sites):
        sites[site].check(number, part)
        updates[site] = sites[site].answer(number)
    sizes = [len(update) for update in updates.values()]
    reply = {"op": "replies", "round": number, "sites": list(updates), "sizes": sizes}
    return reply, b"".join(updates.values())


def _text(manifest: JobManifest) -> str:
    return json.dumps(render(manifest))
