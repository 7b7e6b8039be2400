r"""Sites' tables of cells, added up cell by cell.

A figure that a site shows is its true value plus noise of known variance s², 0 where its cells are
exact. Over sites both add up. Rules: a cell that any site withheld has no upper bound; one that all
withheld has no figure; a group that an exact table does not list has no row there.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from federated.errors import StatisticUnfit

WITHHELD: Final = "withheld"
Key = tuple[Any, ...]
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Answer:
    """What one site answered.

    Attributes:
        site: whose it is, for people.
        rows: cells: dimension or figure -> value, and whether the cell is `withheld`.
        deviations: standard deviation of the noise by figure; empty where cells are exact.
        gaussian: whether the noise is Gaussian; else it is Laplace's.
        ranges: public (least, greatest) value by column that is in bins or moments.
        minimum: fewest persons of a cell.
    """

    site: str
    rows: Sequence[Mapping[str, Any]]
    deviations: Mapping[str, float] = field(default_factory=dict)
    gaussian: bool = False
    ranges: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    minimum: int = 1


@dataclass(frozen=True)
class Pool:
    """Cells over all sites.

    Attributes:
        dimensions: by which rows are grouped.
        keys: values of the dimensions, one for each cell.
        values: sums by figure, one for each cell.
        variances: of their noise, alike.
        sites: of each cell, how many showed it (an exact table shows what it does not list).
        withheld: of each cell, how many withheld it.
        gaussian: whether all noise is Gaussian.
    """

    dimensions: tuple[str, ...]
    keys: tuple[Key, ...]
    values: Mapping[str, Floats]
    variances: Mapping[str, Floats]
    sites: NDArray[np.int64]
    withheld: NDArray[np.int64]
    gaussian: bool

    def where(self, dimension: str) -> list[Any]:
        """Return the value of a dimension in each cell."""
        at = self.dimensions.index(dimension)
        return [key[at] for key in self.keys]


def pool(
    answers: Sequence[Answer],
    dimensions: Sequence[str],
    figures: Sequence[str],
    whole: Sequence[str] | None = None,
) -> Pool:
    """Return the cells of all sites, added up.

    Args:
        answers: of the sites, at least one.
        dimensions: of each of the tables.
        figures: that are added up.
        whole: dimensions by whose values a site's cells count together or not at all: where one of
            them is withheld, all count as withheld. None: each cell by itself.

    Raises:
        StatisticUnfit: nothing is shown by any site.
    """
    told = [_told(each, dimensions, whole) for each in answers]
    keys = tuple(dict.fromkeys(key for each in told for key in each))
    place = {key: at for at, key in enumerate(keys)}
    values = {name: np.zeros(len(keys)) for name in figures}
    variances = {name: np.zeros(len(keys)) for name in figures}
    sites = np.zeros(len(keys), dtype=np.int64)
    withheld = np.zeros(len(keys), dtype=np.int64)
    for answer, cells in zip(answers, told, strict=True):
        if not answer.deviations:
            sites += 1  # what it does not list has no row
        for key, row in cells.items():
            at = place[key]
            if row is None:
                withheld[at] += 1
                sites[at] -= 0 if answer.deviations else 1
                continue
            sites[at] += 1 if answer.deviations else 0
            for name in figures:
                values[name][at] += row[name] or 0  # of no value the sum is none
                variances[name][at] += answer.deviations.get(name, 0.0) ** 2
    if not sites.any():
        raise StatisticUnfit("no site shows any cell: all are over too few persons")
    noisy = [each for each in answers if each.deviations]
    gaussian = all(each.gaussian for each in noisy)
    return Pool(tuple(dimensions), keys, values, variances, sites, withheld, gaussian)


def spelled(value: Any) -> str:
    """Return a value of a dimension as people write it: `1` for 1.0, `true`."""
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:.15g}" if isinstance(value, float) else str(value)


def chosen(found: Pool, kept: Iterable[int]) -> Pool:
    """Return some cells of a pool, by their places."""
    at = list(kept)
    return Pool(
        found.dimensions,
        tuple(found.keys[each] for each in at),
        {name: values[at] for name, values in found.values.items()},
        {name: values[at] for name, values in found.variances.items()},
        found.sites[at],
        found.withheld[at],
        found.gaussian,
    )


def common_range(answers: Sequence[Answer], column: str) -> tuple[float, float]:
    """Return the public range of a column.

    Raises:
        StatisticUnfit: sites state none, or different ones, so that their sums cannot be added.
    """
    found = {each.ranges.get(column) for each in answers}
    ends = found.pop() if len(found) == 1 else None
    if ends is None:
        raise StatisticUnfit(f"the sites do not state the same public range of `{column}`")
    return ends


def _told(
    answer: Answer, dimensions: Sequence[str], whole: Sequence[str] | None
) -> dict[Key, Mapping[str, Any] | None]:
    """Return the cells of a site: None where one is withheld."""
    found: dict[Key, Mapping[str, Any] | None] = {
        tuple(row[name] for name in dimensions): None if row[WITHHELD] else row
        for row in answer.rows
    }
    if whole is None:
        return found
    at = [list(dimensions).index(name) for name in whole]
    gone = {tuple(key[it] for it in at) for key, row in found.items() if row is None}
    return {key: None if tuple(key[it] for it in at) in gone else row for key, row in found.items()}
