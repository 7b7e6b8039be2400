r"""Regressions of sums over sites: what is asked of each site, and what the sums come to.

Every site has the same terms x: 1, a 0/1 of each further value of each category, and of each number
its place u = (x - middle) / half in its public range. It answers with sums of products, masked
(`federated/aggregation`), so that only those over all sites are seen here.

1. Linear: once  Σ (u,y)(u,y)ᵀ.
2. Logistic: at each β of Newton's path  n,  g = Σ x (y - p),  H = Σ x xᵀ p (1 - p). No row is seen,
   so that a step is bounded by the most that it can move any row:
   |b_1| + Σ_categories max |b| + Σ_numbers |b|.

The fit is that of all rows together, but for 2⁻⁶⁵ a site and number, and float64 in the sums.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from federated.aggregation import triangle
from federated.errors import StatisticUnfit
from federated.statistics.answer import Floats
from federated.statistics.cells import Ends
from federated.statistics.design import Design, check_parameters, terms
from federated.statistics.logistic import newton
from federated.statistics.moments import linear, own_numbers
from federated.statistics.result import Result, made

KINDS: Final = ("linear", "logistic")
_CLOSE: Final = 1e-10  # log odds: the next step would be its square
_FARTHEST: Final = 60.0  # of the bound, which is above what any row has
_UNIT: Final = (-1.0, 1.0)  # range of what is its own place

Sums = Callable[[Sequence[float]], Sequence[float]]  # over all sites, at coefficients


@dataclass(frozen=True)
class Terms:
    """The terms of a regression that sites add up.

    Attributes:
        levels: category -> its values, of which the first is the reference.
        numbers: public range by column of numbers, in order.
        outcome: public range of the outcome; that of 0/1 for an event.
    """

    levels: Mapping[str, Sequence[str]]
    numbers: Mapping[str, Ends]
    outcome: Ends = _UNIT

    @property
    def design(self) -> Design:
        """The terms as columns of numbers: a 0/1 is its own place."""
        dummies = [f"{name}={value}" for name, them in self.levels.items() for value in them[1:]]
        ranges = (*(_UNIT for _ in dummies), *self.numbers.values())
        return Design({}, (*dummies, *self.numbers), ranges)

    @property
    def size(self) -> int:
        """How many there are, with the intercept."""
        return len(self.design.terms)

    def reach(self, of: Floats) -> float:
        """Return the most that coefficients can move a row."""
        found, at = abs(float(of[0])), 1
        for values in self.levels.values():
            part = of[at : at + len(values) - 1]
            found, at = found + float(np.abs(part).max(initial=0.0)), at + len(part)
        return found + float(np.abs(of[at:]).sum())


def regress(
    kind: str, asked: Terms, sums: Sums, level: float, sites: Sequence[str], minimum: int
) -> Result:
    """Return a regression of sums over sites, labelled not DP.

    Args:
        kind: of `KINDS`.
        asked: its terms.
        sums: asks for a round; a linear one has no coefficients.
        level: of the intervals.
        sites: whose sums they are.
        minimum: fewest persons of each.

    Raises:
        StatisticUnfit: the sums do not give it.
    """
    fitted, covariance = (_linear if kind == "linear" else _logistic)(asked, sums)
    rows = terms(asked.design.terms, fitted, covariance, level)
    over = f"exact sums over {len(sites)} sites of at least {minimum} persons each"
    notes = (
        f"not DP: {over}, of which nobody saw the part of one",
        f"intervals at {level:.0%}, about the population that the rows are a sample of",
    )
    return Result(kind, made(rows), False, level, tuple(sites), notes)  # noqa: FBT003


def _linear(asked: Terms, sums: Sums) -> tuple[Floats, Floats]:
    whole = _matrix(sums(()), asked.size + 1)
    found = linear([(np.ones(1), whole, np.zeros_like(whole))], asked.design, asked.outcome)
    return found.coefficients, found.covariance


def _logistic(asked: Terms, sums: Sums) -> tuple[Floats, Floats]:
    size = asked.size

    def newton_sums(at: Floats) -> tuple[Floats, Floats]:
        number, *found = sums([float(each) for each in at])
        check_parameters(size, number)
        return np.array(found[:size]), _matrix(found[size:], size)

    at, covariance = newton(size, newton_sums, asked.reach, close=_CLOSE, farthest=_FARTHEST)
    own, _ = own_numbers(1, asked.design, _UNIT)
    return own @ at, own @ covariance @ own.T


def _matrix(found: Sequence[float], size: int) -> Floats:
    places = triangle(size)
    if len(found) != len(places):
        raise StatisticUnfit("the sites answered sums of another number of terms")
    made = np.zeros((size, size))
    for value, (one, other) in zip(found, places, strict=True):
        made[one, other] = made[other, one] = value
    return made
