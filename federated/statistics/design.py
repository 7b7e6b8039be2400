"""The terms of a regression: 1, categories but their first value, and numbers.

Rule: at most 0.33 parameters a person (DataSHIELD's `nfilter.glm`): a fuller model would repeat
what single persons are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

import numpy as np

from federated.errors import StatisticUnfit
from federated.statistics.answer import Floats, Pool, spelled
from federated.statistics.cells import Ends, Row, edges_of
from federated.statistics.interval import normal_cover

MOST_PARAMETERS: Final = 0.33  # a person
ONE: Final = "(intercept)"


@dataclass(frozen=True)
class Design:
    """The terms of a regression.

    Attributes:
        categories: dimension -> its values in order, of which the first is the reference.
        numbers: columns of numbers.
        ranges: their public ranges, alike.
        scores: dimension in bins -> (bins, public range): a number, the middle of its bin.
        full: dimension of which every value is a term, in place of the intercept; empty without.
    """

    categories: Mapping[str, Sequence[Any]]
    numbers: tuple[str, ...] = ()
    ranges: tuple[Ends, ...] = ()
    scores: Mapping[str, tuple[int, Ends]] | None = None
    full: str = ""

    @property
    def terms(self) -> list[str]:
        """What each column is called."""
        found = [] if self.full else [ONE]
        for name, values in self.categories.items():
            kept = values if name == self.full else values[1:]
            found += [f"{name}={spelled(value)}" for value in kept]
        return [*found, *(self.scores or {}), *self.numbers]

    def rows(self, found: Pool) -> Floats:
        """Return the row of each cell, but for `numbers`, which are no dimensions.

        Cells of no value in a dimension have a row that nobody may use.
        """
        columns = [] if self.full else [np.ones(len(found.keys))]
        for name, values in self.categories.items():
            kept = values if name == self.full else values[1:]
            stands = found.where(name)
            columns += [np.array([each == value for each in stands], float) for value in kept]
        for name, (bins, ends) in (self.scores or {}).items():
            edges = edges_of(bins, ends)
            middles = [(one + other) / 2 for one, other in pairwise(edges)]
            places = [0 if each is None else int(each) for each in found.where(name)]
            columns.append(np.array([middles[at] for at in places]))
        return np.stack(columns, axis=1)


def check_parameters(number: int, persons: float) -> None:
    """Check that a model has few parameters for the persons that it is of.

    Raises:
        StatisticUnfit: it has too many.
    """
    if number > MOST_PARAMETERS * persons:
        raise StatisticUnfit(
            f"{number} parameters for {max(persons, 0):.0f} persons are more than "
            f"{MOST_PARAMETERS} per person: leave columns out"
        )


def values_of(found: Pool, dimension: str, order: Sequence[Any] = ()) -> list[Any]:
    """Return the values of a dimension: in a stated order, as numbers, or as the sites list them.

    Args:
        found: with the dimension.
        dimension: its name.
        order: values of it, as the caller states them; empty without.
    """
    values = list(dict.fromkeys(each for each in found.where(dimension) if each is not None))
    places = {spelled(each): at for at, each in enumerate(order)}
    if places:
        return sorted(values, key=lambda it: places.get(spelled(it), len(places)))
    try:
        return sorted(values, key=float)
    except (ValueError, TypeError):
        return values


def terms(names: Sequence[str], fitted: Floats, covariance: Floats, level: float) -> list[Row]:
    """Return coefficients with normal intervals, one row a term."""
    errors = np.sqrt(np.maximum(np.diag(covariance), 0.0))
    reach = normal_cover(errors, level)
    return [
        {
            "term": name,
            "value": float(fitted[at]),
            "error": float(errors[at]),
            "low": float(fitted[at] - reach[at]),
            "high": float(fitted[at] + reach[at]),
        }
        for at, name in enumerate(names)
    ]
