r"""Counts, sums, means, histograms and quantiles of pooled cells.

1. A count or a sum is the pooled figure ± z s. A count is not below 0.
2. A mean is the pooled sum by the pooled count, its interval Fieller's, within the public range.
3. A histogram has the count of each bin [e_j, e_{j+1}) of the public range; what is beyond the
   range counts in the first bin and the last.
4. A quantile q lies in the first bin j with  D_j = C_j - q N >= 0  (C_j cumulative count, N all).
   D_j = (1 - q) Σ_{i<=j} A_i - q Σ_{i>j} A_i  has a known variance, so that its sign is known but
   for bins where |D_j| < z s_j: the interval ends at the edges of these. Between edges the
   quantile is interpolated.

All intervals are about the rows at the sites: exact cells have none but that of their bin.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from federated.errors import StatisticUnfit
from federated.statistics.answer import Floats, Key, Pool, chosen
from federated.statistics.interval import Interval, factor, fieller

Row = dict[str, Any]
Ends = tuple[float, float]


def totals(found: Pool, figure: str, level: float) -> list[Row]:
    """Return counts or sums, one row a cell."""
    counted = figure.startswith(("count", "persons"))
    z = factor(level, gaussian=found.gaussian)
    return [_total(found, at, figure, z, counted=counted) for at in range(len(found.keys))]


def _total(found: Pool, at: int, figure: str, z: float, *, counted: bool) -> Row:
    value = found.values[figure][at]
    reach = z * np.sqrt(found.variances[figure][at])
    low, high = value - reach, value + reach
    if counted:
        value, low = round(value), max(low, 0.0)
    shown, whole = bool(found.sites[at]), not found.withheld[at]
    return {
        **_named(found, at),
        "value": (value if counted else float(value)) if shown else None,
        "low": float(low) if shown and (whole or counted) else None,
        "high": float(high) if shown and whole else None,
        **_told(found, at),
    }


def means(found: Pool, column: str, level: float, ends: Ends | None) -> list[Row]:
    """Return means of a measure, one row a cell.

    Args:
        found: with `sum(column)` and `count(column)`.
        column: the measure.
        level: of the intervals.
        ends: public range of the measure; None where none is known.
    """
    z = factor(level, gaussian=found.gaussian)
    above, below = f"sum({column})", f"count({column})"
    rows = []
    for at in range(len(found.keys)):
        total, number = found.values[above][at], found.values[below][at]
        value = low = high = None
        if found.sites[at] and number > 0:
            value = _cut(total / number, ends)
            if not found.withheld[at]:
                noisy = (total, found.variances[above][at]), (number, found.variances[below][at])
                low, high = _within(fieller(*noisy, z), ends)
        rows.append(
            {**_named(found, at), "value": value, "low": low, "high": high, **_told(found, at)}
        )
    return rows


def histogram(found: Pool, column: str, bins: int, ends: Ends, level: float) -> list[Row]:
    """Return the counts of bins with their edges, in order, one row a group and bin."""
    edges = edges_of(bins, ends)
    counts = totals(found, "count", level)
    rows = [
        {**{name: row[name] for name in row if name != column}, **_edges(edges, row[column])}
        for row in counts
        if row[column] is not None
    ]
    order = [*(name for name in found.dimensions if name != column), "from", "to"]
    return [{name: row[name] for name in (*order, *row)} for row in rows]


def quantiles(
    found: Pool, column: str, bins: int, ends: Ends, wanted: Sequence[float], level: float
) -> list[Row]:
    """Return quantiles of a measure, one row a group and quantile."""
    edges = edges_of(bins, ends)
    z = factor(level, gaussian=found.gaussian)
    rows = []
    for group, part in groups(found, (column,)):
        counts, spread = (_spread(part, column, bins, it) for it in (part.values, part.variances))
        whole = not part.withheld.any()
        for each in wanted:
            value, (low, high) = _quantile(counts, spread, edges, each, z)
            interval = {"low": low if whole else None, "high": high if whole else None}
            told = {"sites": int(part.sites.max()), "withheld": int(part.withheld.max())}
            rows.append({**group, "quantile": each, "value": value, **interval, **told})
    return rows


def groups(found: Pool, without: Sequence[str]) -> Iterator[tuple[Row, Pool]]:
    """Yield the cells of each group by all dimensions but some; those of no value are left out."""
    names = [name for name in found.dimensions if name not in without]
    at = [found.dimensions.index(name) for name in names]
    parts: dict[Key, list[int]] = {}
    for place, key in enumerate(found.keys):
        if None not in key:
            parts.setdefault(tuple(key[it] for it in at), []).append(place)
    for group, places in parts.items():
        yield dict(zip(names, group, strict=True)), chosen(found, places)


def edges_of(bins: int, ends: Ends) -> list[float]:
    """Return the ends of all bins, in order."""
    low, high = ends
    return [low + (high - low) * at / bins for at in range(bins + 1)]


def _quantile(
    counts: Floats, spread: Floats, edges: Sequence[float], wanted: float, z: float
) -> tuple[float | None, Interval]:
    if counts.sum() <= 0:
        return None, (None, None)
    cumulative = np.maximum.accumulate(counts.cumsum())
    aim = wanted * cumulative[-1]
    at = int(np.argmax(cumulative >= aim))
    before = cumulative[at - 1] if at else 0.0
    inside = (aim - before) / (cumulative[at] - before) if cumulative[at] > before else 0.0
    value = edges[at] + (edges[at + 1] - edges[at]) * float(np.clip(inside, 0.0, 1.0))
    signed = counts.cumsum() - wanted * counts.sum()
    up_to = spread.cumsum()
    reach = z * np.sqrt((1 - wanted) ** 2 * up_to + wanted**2 * (up_to[-1] - up_to))
    first = np.flatnonzero(signed + reach >= 0)
    last = np.flatnonzero(signed - reach >= 0)
    low = edges[first[0]] if first.size else edges[-1]
    return value, (low, edges[last[0] + 1] if last.size else edges[-1])


def _spread(found: Pool, column: str, bins: int, figures: Mapping[str, Floats]) -> Floats:
    counts = np.zeros(bins)
    for at, place in enumerate(found.where(column)):
        counts[int(place)] += figures["count"][at]
    return counts


def _edges(edges: Sequence[float], place: int) -> Row:
    if not 0 <= place < len(edges) - 1:
        raise StatisticUnfit("a site answered with a bin that was not asked for")
    return {"from": edges[place], "to": edges[place + 1]}


def _named(found: Pool, at: int) -> Row:
    return dict(zip(found.dimensions, found.keys[at], strict=True))


def _told(found: Pool, at: int) -> Row:
    return {"sites": int(found.sites[at]), "withheld": int(found.withheld[at])}


def _cut(value: float, ends: Ends | None) -> float:
    return float(value if ends is None else min(max(value, ends[0]), ends[1]))


def _within(found: Interval, ends: Ends | None) -> Interval:
    low, high = found
    if low is None or high is None:
        return ends or (None, None)
    return _cut(low, ends), _cut(high, ends)
