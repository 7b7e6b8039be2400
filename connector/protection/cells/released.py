"""Tables that have left: what is kept of each, so that later ones can be compared with it.

Rules: one value for each level of a table: its own cells, and where a cell of it was withheld each
of its totals. It holds what stands in the table and the persons of each cell, and stays with the
provider. Every table of a population counts, whoever asked for it: who receives two may put them
together, and two who receive one each may too.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from connector.enforcement.steps.generalise import Generalise
from connector.enforcement.steps.members import MOST_COLUMNS, names, number
from connector.enforcement.steps.minimise import RowTest
from connector.enforcement.steps.spending import MOST_CELLS
from connector.protection.cells.cell import Scalar
from federated.reading import Member

VERSION: Final = 1
Group = tuple[Scalar, ...]


@dataclass(frozen=True, slots=True)
class Released:
    """One level of a table.

    Attributes:
        snapshot: digest of the rows that it was made of, less those of persons who objected.
        rows: tests of the plan that its rows passed.
        generalise: how the plan made columns coarser, those that the table names.
        dimensions: by which it is grouped, sorted.
        filters: of its request, on what the plan lets through.
        minimum: fewest persons of a cell, by its plan.
        cells: persons of each cell that left, by its values of the dimensions.
        withheld: cells that did not.
    """

    snapshot: str
    rows: tuple[RowTest, ...]
    generalise: tuple[Generalise, ...]
    dimensions: tuple[str, ...]
    filters: tuple[RowTest, ...]
    minimum: int
    cells: Mapping[Group, int]
    withheld: frozenset[Group]

    @property
    def selection(self) -> tuple[Any, ...]:
        """Which rows it is of, as far as can be said without them."""
        return frozenset(self.rows), frozenset(self.filters), frozenset(self.generalise)

    def body(self) -> dict[str, Any]:
        """Return its members, JSON values."""
        return {
            "version": VERSION,
            "snapshot": self.snapshot,
            "rows": [each.body() for each in self.rows],
            "generalise": [each.body() for each in self.generalise],
            "dimensions": list(self.dimensions),
            "filters": [each.body() for each in self.filters],
            "minimum": self.minimum,
            "cells": [[_written(group), persons] for group, persons in self.cells.items()],
            "withheld": [_written(group) for group in sorted(self.withheld, key=repr)],
        }

    @classmethod
    def read(cls, member: Member) -> Released:
        """Return what these members say.

        Raises:
            Exception: a member is missing, unknown or wrong, as `member` raises it.
        """
        selected = ("snapshot", "rows", "generalise", "dimensions", "filters")
        part = member.fields("version", *selected, "minimum", "cells", "withheld")
        part["version"].integer(least=VERSION, most=VERSION)

        def tests(name: str) -> tuple[RowTest, ...]:
            return tuple(map(RowTest.read, part[name].items(most=MOST_COLUMNS)))

        def groups(name: str) -> list[Member]:
            return part[name].items(most=MOST_CELLS)

        pairs = [each.items(least=2, most=2) for each in groups("cells")]
        coarser = part["generalise"].items(most=MOST_COLUMNS)
        return cls(
            snapshot=part["snapshot"].text(),
            rows=tests("rows"),
            generalise=tuple(map(Generalise.read, coarser)),
            dimensions=names(part["dimensions"]),
            filters=tests("filters"),
            minimum=part["minimum"].integer(least=1),
            cells={_group(key): persons.integer() for key, persons in pairs},
            withheld=frozenset(map(_group, groups("withheld"))),
        )


def _written(group: Group) -> list[Any]:
    return [{"day": each.isoformat()} if isinstance(each, date) else each for each in group]


def _group(member: Member) -> Group:
    return tuple(map(_scalar, member.items(most=MOST_COLUMNS)))


def _scalar(member: Member) -> Scalar:
    if isinstance(member.value, dict):
        text = member.fields("day")["day"].text(pattern=r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
        return date.fromisoformat(text)
    if member.value is None or isinstance(member.value, bool):
        return member.value
    return member.content() if isinstance(member.value, str) else number(member)
