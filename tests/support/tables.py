"""Tables of values in data files: `@rows("values", "number")` instead of rows in a test module.

A file holds tables by name: `columns` (a comma-separated text, as pytest takes it) and `rows`.
Plain JSON stands for itself; an object with one key that begins with `$` stands for another value.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import date, datetime
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any, Final

from policies_odrl import Iri, Literal, Operator, Truth
from tests.support.each import over

_FOLDER: Final = Path(__file__).parents[1] / "cases" / "tables"
_READ: Final[Mapping[str, Callable[[Any], Any]]] = {
    "$iri": Iri,
    "$literal": lambda parts: Literal(*parts),
    "$decimal": Decimal,
    "$float": float,
    "$time": datetime.fromisoformat,
    "$day": date.fromisoformat,
    "$operator": Operator,
    "$truth": lambda name: Truth[name],
    "$tuple": lambda items: tuple(map(value_in, items)),
    "$repeat": lambda parts: parts[0] * parts[1],
}


@cache
def _tables(subject: str) -> dict[str, Any]:
    return dict(json.loads((_FOLDER / f"{subject}.json").read_text("utf-8")))


def value_in(stated: Any) -> Any:
    """Return the value that a cell states."""
    if isinstance(stated, list):
        return [value_in(item) for item in stated]
    if isinstance(stated, dict):
        if len(stated) == 1 and (key := next(iter(stated))) in _READ:
            return _READ[key](stated[key])
        return {key: value_in(item) for key, item in stated.items()}
    return stated


def rows(subject: str, name: str) -> Callable[[Callable[..., None]], Any]:
    """Return what asks a test of each row of a table."""
    found = _tables(subject)[name]
    several = "," in found["columns"]
    stated = [tuple(map(value_in, row)) if several else value_in(row) for row in found["rows"]]
    return over(found["columns"], stated)
