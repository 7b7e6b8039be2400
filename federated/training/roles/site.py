"""A worker at a site: it holds the rows and answers rounds.

    node → start {recipe, manifest, data {path, format, digest, person_format, rows}, population,
                  site, key, row_key, held_key where it evaluates, minimum where it does so
                  without noise} + digests of persons whose rows are not used, under that key
         ← tried {seconds of a round on nobody}: nothing before it took a row
         ← ready {isolation, recipe, versions, enough: persons for figures without noise}
         → round {round} + Flower message
         ← checked {round, digest}, or failed {code, reason}
         → go {round, sides: masks [key, adds] of what is told without noise}
         ← update {round} + Flower message

Rules: what may be asked is checked before the rows are read, the rows are read once, and only
noised updates leave, and masked cells. A round's message is read and checked without a row, so that
the node charges only what can be answered; a message that is refused leaves the worker as it was.
It ends with its node, and at the job's deadline. Which rounds may be asked, and what happens to an
update, is left to the node.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, Final

from federated import memory
from federated.aggregation import Side
from federated.errors import RoundRefused, WorkerFailed
from federated.job import JobManifest
from federated.manifest import SiteContract
from federated.persons import Suppressed
from federated.task.engine import EXACT
from federated.training import code_hash
from federated.training.engine import Engine, Mechanism
from federated.training.evaluation import evaluator_of
from federated.training.exact import selftest
from federated.training.flower.client import Site, make_app
from federated.training.flower.messages import identify, node_of
from federated.training.noise import SystemNoise
from federated.training.recipes import initial
from federated.training.roles.dialogue import (
    MARGIN_SECONDS,
    START_SECONDS,
    expect,
    manifest_of,
    member,
)
from federated.training.roles.frames import Frames
from federated.training.rows.encode import Stated, entries, nobody
from federated.training.rows.entries import Kept
from federated.training.rows.parts import read_table
from federated.training.rows.persons import DIGEST
from federated.training.rows.row_test import RowTest
from federated.training.versions import versions

_TIMED: Final = 5  # steps on nobody; the shortest counts, since others may use the machine
_FEW: Final = 64  # entries of a step that is timed, where each is computed alone
_ENOUGH: Final = 0.1  # seconds of them, which others' use of the machine disturbs little


def run(frames: Frames, isolation: str) -> None:
    """Load the rows, then answer rounds until the node closes the connection.

    Raises:
        FederatedError: the job cannot go on.
    """
    header, payload = expect(frames, "start", START_SECONDS)
    manifest = manifest_of(header)
    name, contract = _contract(manifest, header)
    frames.send({"op": "tried", "seconds": _tried(manifest, contract.population)})
    # INVARIANT: whoever is outside learned nothing of rows before; what follows ends when the
    # node says, at a public time.
    persons, held = _read(manifest, header, _suppressed(header, payload))
    minimum = member(header, "minimum", int) if manifest.exact else 1
    evaluator = evaluator_of(manifest, contract.population, held, minimum)
    engine = Engine(manifest, contract.population, persons, SystemNoise())
    identify(manifest, node_of(manifest, name))
    site = Site(make_app(engine, manifest, evaluator), manifest, name)
    ready = {"op": "ready", "isolation": isolation, "recipe": code_hash(manifest.engine)}
    enough = manifest.exact and evaluator is not None and evaluator.enough
    frames.send({**ready, "versions": versions(manifest.engine), "enough": enough})
    while True:
        header, payload = frames.receive(manifest.seconds_left() + MARGIN_SECONDS)
        number = member(header, "round", int)
        if header.get("op") == "go":
            if manifest.exact and evaluator is not None:
                evaluator.sides = _sides(header)
            frames.send({"op": "update", "round": number}, site.answer(number))
        else:
            frames.send(_checked(site, header, number, payload))


def _checked(
    site: Site, header: Mapping[str, Any], number: int, request: bytes
) -> Mapping[str, Any]:
    """Return the answer to a frame `round`."""
    if header.get("op") != "round":
        raise WorkerFailed("the node sent another frame than `round` or `go`")
    try:
        return {"op": "checked", "round": number, "digest": site.check(number, request)}
    except RoundRefused as exc:
        return {"op": "failed", "code": exc.code, "reason": exc.reason}


def _sides(header: Mapping[str, Any]) -> tuple[Side, ...]:
    """Return the masks of a frame `go`."""
    stated = member(header, "sides", list)
    return tuple(Side(bytes.fromhex(str(key)), adds=bool(adds)) for key, adds in stated)


def _suppressed(header: Mapping[str, Any], payload: bytes) -> Suppressed:
    size = DIGEST.itemsize
    held = frozenset(payload[at : at + size] for at in range(0, len(payload), size))
    return Suppressed(bytes.fromhex(member(header, "key", str)), held)


def _contract(manifest: JobManifest, header: Mapping[str, Any]) -> tuple[str, SiteContract]:
    """Return the site's DID and what the manifest says of its contract."""
    name = member(header, "site", str)
    contract = manifest.contract(name)
    if contract is None or contract.population != member(header, "population", int):
        raise RoundRefused("the manifest has no contract of this site and population")
    return name, contract


def _tried(manifest: JobManifest, population: int) -> float:
    """Try the arithmetic on made-up persons; return the seconds of a round on nobody."""
    memory.check(manifest, population)
    selftest.check(manifest, Mechanism.of(manifest, population).batch_size)
    return seconds_on_nobody(manifest, population)


def _read(
    manifest: JobManifest, header: Mapping[str, Any], suppressed: Suppressed
) -> tuple[Kept, Kept]:
    """Read and encode the rows; return the persons to train on, and those held out."""
    data = member(header, "data", dict)
    tests = tuple(map(RowTest.of, member(data, "rows", list)))
    table = read_table(
        Path(member(data, "path", str)),
        member(data, "format", str),
        member(data, "digest", str),
        tuple(dict.fromkeys((*manifest.columns, *(each.column for each in tests)))),
    )
    evaluates = manifest.evaluation is not None
    stated = Stated(
        form=member(data, "person_format", str),
        suppressed=suppressed,
        key=bytes.fromhex(member(header, "row_key", str)),
        held_key=bytes.fromhex(member(header, "held_key", str)) if evaluates else None,
        tests=tests,
    )
    filed = memory.filed(manifest, member(header, "population", int))
    return entries(table, manifest, stated, filed=filed)


def seconds_on_nobody(manifest: JobManifest, population: int) -> float:
    """Return what a round takes without any rows; measured before a row is read."""
    none = nobody(manifest, filed=memory.filed(manifest, population))
    engine = Engine(manifest, population, none, SystemNoise())
    engine.warm(1)  # what is loaded once is no part of a round
    batch = Mechanism.of(manifest, population).batch_size
    # Who is computed alone takes the same time beside many, hence few say what a batch takes.
    few = batch if manifest.engine == EXACT else min(batch, _FEW)
    step = _shortest(partial(engine.warm, few)) * batch / few
    seconds = step * manifest.steps_per_round
    evaluator = evaluator_of(manifest, population, none)
    if evaluator is not None:
        evaluate = partial(evaluator.run, initial(manifest))
        evaluate()
        seconds += _shortest(evaluate)
    return seconds


def _shortest(compute: Callable[[], object]) -> float:
    """Return the least that a computation took, in seconds, of some times."""
    took = list[float]()
    while len(took) < _TIMED and sum(took) < _ENOUGH:
        began = time.perf_counter()
        compute()
        took.append(time.perf_counter() - began)
    return min(took)
