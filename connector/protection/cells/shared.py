"""Dimensions that two tables share, though one may have them in coarser bins than the other."""

from __future__ import annotations

import math
from bisect import bisect_right
from dataclasses import dataclass

import sqlglot.expressions as exp

from connector.enforcement.steps.generalise import Bins
from connector.errors import TableRefused
from connector.protection.cells.cell import Scalar
from connector.protection.cells.released import Group, Released
from connector.protection.expressions import View


@dataclass(frozen=True, slots=True)
class Shared:
    """A dimension by which two tables are compared.

    Attributes:
        at: its place in the second table's groups.
        made: its value of a row, the coarser of the two.
        coarser: the bins of that; None where both tables have the same values.
        finer: the bins of the second table; None where it has none.
    """

    at: int
    made: exp.Expr
    coarser: Bins | None
    finer: Bins | None

    def of(self, group: Group) -> Scalar:
        """Return its value of a group of the second table."""
        value = group[self.at]
        if self.coarser is None or not isinstance(value, int | float):
            return value
        if self.finer is not None:
            return int(value) * self.coarser.count // self.finer.count
        return bisect_right(self.coarser.edges, value)


def shared(one: tuple[Released, View], other: tuple[Released, View]) -> list[Shared]:
    """Return the dimensions that both tables have, with the same values or in bins of one range.

    Raises:
        TableRefused: they have bins of different ranges.
    """
    found = []
    for name in one[0].dimensions:
        if name not in other[0].dimensions:
            continue
        made = [each[1].values[name].made for each in (one, other)]
        bins = [_bins(each[0], name) for each in (one, other)]
        at = other[0].dimensions.index(name)
        if made[0] == made[1]:
            found.append(Shared(at, made[0].copy(), None, None))
        elif _nested(one[0], other[0], name, bins):
            first = bins[0] is not None and bins[0].count < _count(bins[1])
            found.append(Shared(at, made[not first].copy(), bins[not first], bins[1]))
    return found


def _bins(each: Released, name: str) -> Bins | None:
    how = next((it.how for it in each.generalise if it.column == name), None)
    return how if isinstance(how, Bins) else None


def _count(bins: Bins | None) -> float:
    return bins.count if bins else math.inf


def _nested(one: Released, other: Released, name: str, bins: list[Bins | None]) -> bool:
    """Whether one of two divisions is into bins that are unions of what the other has."""
    ends = {(each.low, each.high) for each in bins if each}
    if len(ends) > 1:
        raise TableRefused(f"an earlier table has bins of `{name}` over another range")
    plain = [each for each, it in zip((one, other), bins, strict=True) if it is None]
    return bool(ends) and all(name not in {it.column for it in each.generalise} for each in plain)
