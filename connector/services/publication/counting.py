"""Asks a worker what a dataset's file holds.

Rules: the node reads no row itself; one process for one question, and the wait for it is bounded;
an answer that does not fit the question is a failure of the worker. What the counts mean is
`checking.py`.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import starmap
from typing import Any, Final

from connector.domain.catalog import territory
from connector.domain.catalog.dataset import DataFile, Dataset
from connector.domain.catalog.dictionary import Meaning
from connector.domain.privacy.census import DIGEST_BYTES, ColumnCount, Counts
from connector.errors import ColumnMissing, DataFault, PreauError, WorkerFailed, from_code
from connector.ports import Ports
from connector.services.federation.site.rounds import one_line

SECONDS: Final = 600.0
FOLDER: Final = "jobs/check"
_COMMAS: Final = (
    "the first line of a CSV file must name the columns, separated by commas, "
    "unless a `layout` says otherwise: `preau source inspect FILE` proposes one"
)


@dataclass(frozen=True, slots=True)
class Taken:
    """What the worker found.

    Attributes:
        counts: of the file.
        digests: of its persons and those of its own register, sorted.
        shared: persons that it shares with each of the other registers.
    """

    counts: Counts
    digests: bytes
    shared: tuple[int, ...]


def take(ports: Ports, dataset: Dataset, key: bytes, own: bytes, others: Sequence[bytes]) -> Taken:
    """Count a dataset's file, and compare its persons with those of registers.

    Args:
        ports: of this node.
        dataset: with the file's digest.
        key: of the persons' digests.
        own: digests of the dataset's own register.
        others: digests of each other register.

    Raises:
        DataFault: the file cannot be read as training would read it; the class says why.
        WorkerFailed: the worker did not start, died, or did not answer in time.
    """
    until = time.monotonic() + SECONDS
    worker = ports.workers.start("census", ports.settings.path(FOLDER))
    try:
        worker.send(_question(ports, dataset, key, (own, *others)), b"".join((own, *others)))
        header, payload = worker.receive(until - time.monotonic())
    finally:
        worker.stop()
    if header.get("op") == "failed":
        raise _fault(header, dataset.file)
    try:
        return _taken(header, payload, len(others))
    except (KeyError, TypeError, ValueError, AttributeError) as exc:
        raise WorkerFailed("the worker did not answer what it was asked") from exc


def _question(
    ports: Ports, dataset: Dataset, key: bytes, registers: Sequence[bytes]
) -> dict[str, Any]:
    file = dataset.file
    return {
        "op": "start",
        "data": {
            "path": file.path,
            "format": file.format,
            "digest": file.digest,
            "person_format": dataset.person_format,
        },
        "columns": {column.name: column.datatype for column in dataset.columns},
        "allowed": {
            each.name: allowed
            for each in dataset.columns
            if any((allowed := _allowed(ports, each.meaning)).values())
        },
        "person": dataset.person_column,
        "rows": dataset.rows_per_person,
        "key": key.hex(),
        "registers": [len(held) // DIGEST_BYTES for held in registers],
    }


def _allowed(ports: Ports, meaning: Meaning) -> dict[str, Any]:
    """Return what the values of a column may be: those listed, or the codes of its hierarchy."""
    values, declared = meaning.values, meaning.hierarchy
    if declared is not None and not values:
        values = tuple(next(iter(ports.sources.hierarchy(declared.digest).values())))
    form = territory.form(meaning.territory)
    return {"range": meaning.range or (), "values": values, "form": form}


def _fault(header: Mapping[str, Any], file: DataFile) -> PreauError:
    reason = one_line(str(header.get("reason", ""))) or "the worker gave no reason"
    code = str(header.get("code", ""))
    hint = _COMMAS if (code, file.format) == (ColumnMissing.code, "csv") else ""
    fault = from_code(code, f"`{file.path}`: {reason}", hint=hint)
    return fault if isinstance(fault, DataFault) else WorkerFailed(reason)


def _taken(header: Mapping[str, Any], payload: bytes, others: int) -> Taken:
    lost, there = header["lost"], header["there"]
    counts = Counts(
        rows=int(header["rows"]),
        persons=int(header["persons"]),
        over=int(header["over"]),
        malformed=int(header["malformed"]),
        nameless=int(header["nameless"]),
        encoding=int(lost["encoding"]),
        fields=int(lost["fields"]),
        quotes=int(lost["quotes"]),
        unreadable=tuple(starmap(_column, header["unreadable"].items())),
        outside=tuple(_column(each, n, there[each]) for each, n in header["outside"].items()),
    )
    shared = tuple(int(number) for number in header["shared"])
    if len(shared) != others or len(payload) % DIGEST_BYTES:
        raise ValueError("shared")
    return Taken(counts, payload, shared)


def _column(name: object, values: Any, of: Any = 0) -> ColumnCount:
    return ColumnCount(str(name), int(values), int(of))
