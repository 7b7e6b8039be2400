"""Which rows of a table take part: those that pass all tests of the contract's step.

Rules: what a row passes depends on that row alone, so that a person still changes one entry; a
value that is missing passes no test. A table that leaves is tested alike, in SQL.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from federated.errors import WorkerFailed
from federated.training.rows.table import Table

Bools = NDArray[np.bool_]
_AT_LEAST: Final = "atLeast"
_AT_MOST: Final = "atMost"
_DAY: Final = "^[0-9]{4}-[0-9]{2}-[0-9]{2}$"
_TESTS: Final[Mapping[str, Callable[[pa.Array, pa.Array], pa.Array]]] = {
    "anyOf": pc.is_in,
    "noneOf": lambda values, listed: pc.invert(pc.is_in(values, listed)),
    _AT_LEAST: lambda values, listed: pc.greater_equal(values, listed[0]),
    _AT_MOST: lambda values, listed: pc.less_equal(values, listed[0]),
}


@dataclass(frozen=True, slots=True)
class RowTest:
    """What the value of a column must be.

    Attributes:
        column: its name.
        test: `anyOf`, `noneOf`, `atLeast` or `atMost`.
        values: texts, or numbers; one text of `atLeast` and `atMost` is a day (ISO 8601).
    """

    column: str
    test: str
    values: tuple[str | float, ...]

    @classmethod
    def of(cls, stated: dict[str, Any]) -> RowTest:
        """Return a test as the node states it.

        Raises:
            WorkerFailed: it is none.
        """
        values = tuple(stated.get("values", ()))
        if stated.get("is") not in _TESTS or not values:
            raise WorkerFailed("the node stated an invalid test of rows")
        return cls(str(stated.get("column")), stated["is"], values)


def passing(table: Table, tests: Iterable[RowTest]) -> Bools:
    """Return whether each row passes all tests.

    Raises:
        ColumnMissing: the table lacks a column, or has no such values in it.
    """
    found: Bools = np.ones(table.rows, dtype=np.bool_)
    for each in tests:
        found &= _passing(table, each)
    return found


def _passing(table: Table, test: RowTest) -> Bools:
    make, number = _TESTS[test.test], not isinstance(test.values[0], str)
    values = pa.array(table.numbers(test.column)) if number else table.text(test.column)
    known = pc.invert(pc.is_nan(values)) if number else pc.is_valid(values)
    if not number and test.test in (_AT_LEAST, _AT_MOST):
        known = pc.match_substring_regex(values, _DAY)
    listed = pa.array(test.values, values.type)
    return np.asarray(pc.fill_null(pc.and_(known, make(values, listed)), fill_value=False))
