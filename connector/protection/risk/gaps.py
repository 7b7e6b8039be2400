r"""What tables of one and of two dimensions of a plan would not tell: cells withheld, noise.

With noise no cell is withheld for the values that are there. A table of one dimension, for which
all of ε is spent, then has an expected total variation of  b k / 2 ε n  at most, for b values, k
rows of a person and n rows: noise of scale k / ε has the mean deviation k / ε.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import Final

import sqlglot.expressions as exp

from connector.enforcement.steps.aggregate import Aggregate
from connector.enforcement.steps.noise import Noise
from connector.protection.persons import PERSON
from connector.protection.risk.judged import Judged

MOST_PAIRED: Final = 8  # dimensions
_PLACES: Final = 2

Cell = tuple[int, int]  # persons, rows


def gaps(judged: Judged, step: Aggregate) -> tuple[float | None, dict[str, float | None]]:
    """Return the share of cells that are withheld, and by dimension what its table lacks.

    Returns:
        The share, None without a dimension or with noise; and the share of rows in cells that its
        own table withholds, or what noise adds.
    """
    ones = {name: _cells(judged, [name]) for name in step.dimensions}
    noise = judged.steps.noise
    if noise is not None:
        public = {**noise.categories, **noise.units}
        return None, {
            name: _blurred(len(public.get(name, cells)), cells, noise)
            for name, cells in ones.items()
        }
    pairs = combinations(step.dimensions[:MOST_PAIRED], 2)
    every = [*ones.values(), *(_cells(judged, each) for each in pairs)]
    few = sum(persons < step.minimum for cells in every for persons, _ in cells)
    total = sum(map(len, every))
    lost: dict[str, float | None] = {name: _lost(it, step.minimum) for name, it in ones.items()}
    return round(few / total, _PLACES) if total else None, lost


def _lost(cells: list[Cell], minimum: int) -> float:
    rows = sum(count for _, count in cells) or 1
    return round(sum(count for persons, count in cells if persons < minimum) / rows, _PLACES)


def _blurred(values: int, cells: list[Cell], noise: Noise) -> float:
    """Return what noise adds to a table of so many values; public ones, where they are stated."""
    rows = sum(count for _, count in cells) or 1
    moved = values * noise.rows_per_person / noise.epsilon
    return round(min(1.0, moved / 2 / rows), _PLACES)


def _cells(judged: Judged, names: Sequence[str]) -> list[Cell]:
    keys = [judged.view.values[name].made for name in names]
    named = [exp.alias_(each.copy(), f"o{at}") for at, each in enumerate(keys)]
    rows = judged.rows(*named, exp.column(PERSON)).subquery("r")
    persons = "count(DISTINCT person)" if judged.ground.person else "count(*)"
    found = exp.select(persons, "count(*)").from_(rows)
    return [
        (each, count)
        for each, count in judged.ask(found.group_by(*(f"o{at}" for at in range(len(names)))))
    ]
