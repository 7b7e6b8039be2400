"""From what an inspection proposes to a description that `preau dataset publish` takes.

Rules: what only a person knows (identifier, purpose, legal basis, retention, cap, offers …)
is left empty, and publication refuses it so; numbers that become public are rounded up. The data
dictionary is left empty too: ranges and lists of values become public, and those of the rows would
tell of a person.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from connector.domain.catalog.source import Source

_CATEGORIES: Final = ("text", "boolean", "date")
_LABELS: Final = MappingProxyType({"fr": "", "en": ""})
# What the codebook says of numbers and of categories, for a person to fill in.
_NUMBER: Final = MappingProxyType({"unit": "", "lower": None, "upper": None})
_CATEGORY: Final = MappingProxyType({"categories": (), "territory": "", "hierarchy": None})
_STEPS: Final = (1, 2, 5)


def describe(source: Source, proposal: Mapping[str, Any]) -> dict[str, Any]:
    """Return a description with what a file or table itself can tell.

    Args:
        source: where it is.
        proposal: as `inspection/inspect.py` makes it.
    """
    layout = proposal["layout"]
    file = {
        "connection": source.connection,
        "table": source.table,
        "path": source.path,
        "format": "" if source.table else layout["format"],
    }
    return {
        "id": "",
        "title": Path(source.table or source.path).stem,
        "description": "",
        "file": {name: value for name, value in file.items() if value},
        "layout": layout,
        "columns": list(map(_column, proposal["columns"])),
        "personal": True,
        "person_column": proposal["person_column"],
        "person_format": "text",
        "rows_per_person": rounded_rows(proposal["rows_per_person"]),
        "population": rounded_persons(proposal["persons"]),
        "collection_purpose": "",
        "legal_basis": "",
        "retention": "",
        "territory": "",
        "cap": None,
    }


def _column(proposed: Mapping[str, Any]) -> dict[str, Any]:
    datatype = "category" if proposed["datatype"] in _CATEGORIES else "number"
    return {
        "name": proposed["name"],
        "class": proposed["class"],
        "datatype": datatype,
        "description": "",
        "labels": dict(_LABELS),
        **(_CATEGORY if datatype == "category" else _NUMBER),
    }


def rounded_persons(persons: int) -> int:
    """Return a population that may be public: up to two significant digits, a multiple of 10."""
    unit = 10
    while persons > 99 * unit:
        unit *= 10
    return -(-persons // unit) * unit


def rounded_rows(rows: int) -> int:
    """Return 1, 2, 5, 10, 20, 50 …, not below: the exact most is one person's own number."""
    unit = 1
    while rows > _STEPS[-1] * unit:
        unit *= 10
    return next(step * unit for step in _STEPS if step * unit >= rows)
