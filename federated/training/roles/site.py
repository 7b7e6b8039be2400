"""A worker at a site: it holds the rows and answers rounds.

    node → start {recipe, manifest, data {path, format, digest, person_format, rows}, population,
                  site, key, row_key, held_key where it evaluates} + digests of persons whose rows
                  are not used, under that key
         ← ready {isolation, recipe, versions, seconds of a round on nobody}
         → round {round} + Flower message
         ← checked {round, digest}, or failed {code, reason}
         → go {round}
         ← update {round} + Flower message

Rules: what may be asked is checked before the rows are read, the rows are read once, and only
noised updates leave. A round's message is read and checked without a row, so that the node charges
only what can be answered; a message that is refused leaves the worker as it was. It ends with its
node, and at the job's deadline. Which rounds may be asked, and what happens to an update, is left
to the node.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from federated import memory
from federated.errors import RoundRefused, WorkerFailed
from federated.job import JobManifest
from federated.persons import Suppressed
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
from federated.training.rows.encode import encode, encode_apart, nobody
from federated.training.rows.persons import DIGEST
from federated.training.rows.row_test import RowTest, chosen_by
from federated.training.rows.table import read_table
from federated.training.versions import versions

_TIMED: Final = 5  # steps on nobody; the shortest counts, since others may use the machine


def run(frames: Frames, isolation: str) -> None:
    """Load the rows, then answer rounds until the node closes the connection.

    Raises:
        FederatedError: the job cannot go on.
    """
    header, payload = expect(frames, "start", START_SECONDS)
    manifest = manifest_of(header)
    site, seconds = _prepare(manifest, header, _suppressed(header, payload))
    ready = {"op": "ready", "isolation": isolation, "seconds": seconds}
    frames.send(
        {**ready, "recipe": code_hash(manifest.engine), "versions": versions(manifest.engine)}
    )
    while True:
        header, payload = frames.receive(manifest.seconds_left() + MARGIN_SECONDS)
        number = member(header, "round", int)
        if header.get("op") == "go":
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


def _suppressed(header: Mapping[str, Any], payload: bytes) -> Suppressed:
    size = DIGEST.itemsize
    held = frozenset(payload[at : at + size] for at in range(0, len(payload), size))
    return Suppressed(bytes.fromhex(member(header, "key", str)), held)


def _prepare(
    manifest: JobManifest, header: Mapping[str, Any], suppressed: Suppressed
) -> tuple[Site, float]:
    """Try and time the arithmetic on nobody, then read and encode the rows, and warm the engine.

    Returns:
        The site, and the seconds of a round on nobody.
    """
    name = member(header, "site", str)
    data = member(header, "data", dict)
    contract = manifest.contract(name)
    if contract is None or contract.population != member(header, "population", int):
        raise RoundRefused("the manifest has no contract of this site and population")
    memory.check(manifest, contract.population)
    selftest.check(manifest, Mechanism.of(manifest, contract.population).batch_size)
    seconds = seconds_on_nobody(manifest, contract.population)
    tests = tuple(map(RowTest.of, member(data, "rows", list)))
    table = read_table(
        Path(member(data, "path", str)),
        member(data, "format", str),
        member(data, "digest", str),
        tuple(dict.fromkeys((*manifest.columns, *(each.column for each in tests)))),
    )
    table = chosen_by(table, tests)
    key = bytes.fromhex(member(header, "row_key", str))
    form, held = member(data, "person_format", str), nobody(manifest)
    if manifest.evaluation is None:
        persons = encode(table, manifest, form, suppressed, key)
    else:
        held_key = bytes.fromhex(member(header, "held_key", str))
        persons, held = encode_apart(table, manifest, form, suppressed, key, held_key)
    evaluator = evaluator_of(manifest, contract.population, held)
    engine = Engine(manifest, contract.population, persons, SystemNoise())
    engine.warm()
    identify(manifest, node_of(manifest, name))
    return Site(make_app(engine, manifest, evaluator), manifest, name), seconds


def seconds_on_nobody(manifest: JobManifest, population: int) -> float:
    """Return what a round takes without any rows; measured before a row is read."""
    engine = Engine(manifest, population, nobody(manifest), SystemNoise())
    seconds = _shortest(engine.warm) * manifest.steps_per_round
    evaluator = evaluator_of(manifest, population, nobody(manifest))
    if evaluator is not None:
        seconds += _shortest(lambda: evaluator.run(initial(manifest)))
    return seconds


def _shortest(compute: Callable[[], object]) -> float:
    """Return the least that a computation took, in seconds, once it is warm."""
    compute()
    took = []
    for _ in range(_TIMED):
        began = time.perf_counter()
        compute()
        took.append(time.perf_counter() - began)
    return min(took)
