"""What a statistic comes to: an Arrow table with intervals, and what has to be said beside it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv as pc
import pyarrow.feather as pf

from federated.errors import StatisticUnfit


@dataclass(frozen=True, slots=True)
class Result:
    """A statistic over sites.

    Attributes:
        kind: of `KINDS`.
        table: its rows; `low` and `high` are the ends of intervals, without value where unbounded.
        private: whether every site's figures have the noise of differential privacy.
        level: chance with which an interval holds what it is about.
        sites: whose answers it is of.
        notes: sentences for people, in order.
    """

    kind: str
    table: pa.Table
    private: bool
    level: float
    sites: tuple[str, ...]
    notes: tuple[str, ...]

    @property
    def label(self) -> str:
        """What it is called: `DP`, or `not DP`."""
        return "DP" if self.private else "not DP"

    def body(self) -> dict[str, Any]:
        """Return its members, JSON values."""
        return {
            "kind": self.kind,
            "label": self.label,
            "private": self.private,
            "level": self.level,
            "sites": list(self.sites),
            "notes": list(self.notes),
            "rows": self.table.to_pylist(),
        }


def made(rows: Sequence[Mapping[str, Any]]) -> pa.Table:
    """Return rows as a table; a column of several kinds of value is one of texts."""
    names = list(rows[0]) if rows else []
    return pa.table({name: _column([row[name] for row in rows]) for name in names})


def check_file(path: Path) -> None:
    """Check that a statistic can be written to a file.

    Raises:
        StatisticUnfit: it has another suffix, or is there.
    """
    if path.suffix not in (".arrow", ".csv", ".json"):
        raise StatisticUnfit(f"`{path.name}` ends neither in .arrow nor in .csv nor in .json")
    if path.exists() or not path.parent.is_dir():
        fault = "is there already, and is not overwritten" if path.exists() else "has no folder"
        raise StatisticUnfit(f"`{path}` {fault}")


def write(result: Result, path: Path) -> None:
    """Write a statistic to a new file, by its suffix: `.arrow`, `.csv` or `.json`.

    Arrow files are of format version 2 and say in their metadata what a JSON file says beside rows.

    Raises:
        StatisticUnfit: another suffix, or the file is there.
    """
    check_file(path)
    body = result.body()
    said = {name: json.dumps(value) for name, value in body.items() if name != "rows"}
    try:
        with path.open("xb") as file:
            if path.suffix == ".arrow":
                table = result.table.replace_schema_metadata(said)
                pf.write_feather(table, file, compression="uncompressed")
            elif path.suffix == ".csv":
                pc.write_csv(result.table, file)
            else:
                file.write(json.dumps(body, ensure_ascii=False, indent=2).encode() + b"\n")
    except OSError as exc:
        raise StatisticUnfit(f"`{path}` cannot be written: {exc.strerror}") from exc


def _column(values: list[Any]) -> pa.Array:
    try:
        return pa.array(values)
    except (pa.ArrowInvalid, pa.ArrowTypeError):
        return pa.array([None if each is None else str(each) for each in values], pa.string())
