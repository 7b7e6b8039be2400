"""The rows that a plan is judged on, in the engine, and the columns that count.

Rules: rows are held once, as they are read, under the numbers of their columns; what leaves is
worked out from them by the plan's own expressions. Persons who objected are not among them.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from typing import Any, Final

import pyarrow as pa
import sqlglot.expressions as exp

from connector.domain.catalog.dataset import ColumnClass
from connector.enforcement.steps.table import TableSteps
from connector.protection.engine import Engine
from connector.protection.expressions import View, table, view
from connector.protection.ground import Ground
from connector.protection.means import Means
from connector.protection.persons import PERSON, Persons
from connector.protection.pseudonymise import KEY_BYTES
from connector.protection.shape import numbered, shaped

JUDGED: Final = "judged"


@dataclass(frozen=True, slots=True)
class Judged:
    """Rows in the engine, and a plan for them.

    Attributes:
        engine: holds the table `JUDGED`: the columns `c0`, `c1` … and that of persons' numbers.
        steps: of the plan.
        ground: the data.
        classes: column -> its class towards persons.
        view: what leaves, but for pseudonyms and cells.
    """

    engine: Engine
    steps: TableSteps
    ground: Ground
    classes: Mapping[str, ColumnClass]
    view: View

    def leaving(self, *classes: ColumnClass) -> list[str]:
        """Return the columns of these classes that leave as values, not as pseudonyms."""
        hidden = {*self.steps.pseudonyms, self.ground.person}
        return [
            name
            for name in self.view.values
            if name not in hidden and self.classes.get(name) in classes
        ]

    def ask(self, query: exp.Expr) -> list[tuple[Any, ...]]:
        """Return the rows that a query finds."""
        found = self.engine.ask(query)
        return list(zip(*(each.to_pylist() for each in found.columns), strict=True))

    def rows(self, *columns: exp.Expr, all_of_them: bool = False) -> exp.Select:
        """Return what selects columns of the rows that leave, or of all."""
        found = exp.select(*columns).from_(table(JUDGED))
        if all_of_them or self.view.rows is None:
            return found
        return found.where(self.view.rows.copy())


@contextmanager
def judged(
    steps: TableSteps,
    batches: Iterable[pa.RecordBatch],
    ground: Ground,
    means: Means,
    classes: Mapping[str, ColumnClass],
) -> Iterator[Judged]:
    """Hold the rows while a plan is judged on them.

    Raises:
        ColumnMissing: the data lack a column, or have it with another type.
        DataFileUnreadable: they take more memory than a step may.
        StepUnknown: a step does not fit the data.
    """
    made = view(steps, ground, numbered(ground))
    persons = Persons(ground, secrets.token_bytes(KEY_BYTES), means.suppressed)
    used = [
        f"c{at}"
        for at, each in enumerate(ground.fields)
        if classes.get(each.name) is not ColumnClass.DIRECT_IDENTIFIER
        or each.name in {it.column for it in steps.minimise.rows}
    ]
    engine = Engine(ground, means.memory, means.spill)
    try:
        rows = (persons.numbered(shaped(each, ground)) for each in chain([None], batches))
        engine.hold(JUDGED, (each.select([*used, PERSON]) for each in rows))
        yield Judged(engine, steps, ground, classes, made)
    finally:
        engine.close()
