r"""How well a model predicts, from noised histograms of its scores at the sites.

A histogram h has one cell a label and bin; each cell has independent noise of variance s². Rows of
a person weigh 1 together, so that a figure is a mean over persons of the mean over their rows. With
the middle m_b of a bin:

1. Every figure but the area is a ratio θ = a·h / c·h of two linear forms.
2. The area under the ROC curve is  x K y / (Σx Σy)  with x the positives by bin, y the negatives
   and  K_bc = [c < b] + [c = b] / 2  (Mann and Whitney 1947): ties of a bin count half.
3. Intervals are of the noise alone, and hold the figure of the exact histogram. (a - θc)·h has
   noise of variance s² |a - θc|², so that the interval is all θ with
   (a·h - θ c·h)² <= z² s² |a - θc|²: exact, as Fieller's (1954). For the area, K - θJ takes the
   place of a - θc; the variance with noised x and y in it is expected to be above the true one.

Where the denominator cannot be told from nothing, a figure has the ends of its range. What bins
lose is not in an interval: a score counts as the middle of its bin. Standard library only.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from statistics import NormalDist
from types import MappingProxyType
from typing import Final

from federated.task import target as targets
from federated.task.target import Count, Number, Target

LEVEL: Final = 0.95
_LEAST: Final = 1e-6  # persons; below it nothing is divided by

Counts = Sequence[float]
Ends = tuple[float, float]
_SHARE: Final[Ends] = (0.0, 1.0)


@dataclass(frozen=True, slots=True)
class Scores:
    """A noised histogram of scores.

    Attributes:
        counts: persons, a cell each: of each label, then of each bin, see `Evaluation.cells`.
        variance: of the noise of each cell, persons².
    """

    counts: tuple[float, ...]
    variance: float


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure with the interval that its noise leaves.

    Attributes:
        value: None where there are too few persons for any.
        low: lower end; None where there is none.
        high: upper end; None where there is none.
    """

    value: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True, slots=True)
class _Ratio:
    """A ratio of two forms, with what its interval is made of.

    Attributes:
        above: numerator.
        below: denominator.
        squares: a·a, a·c and c·c.
        ends: range of the figure.
    """

    above: float
    below: float
    squares: tuple[float, float, float]
    ends: Ends


def pooled(found: Iterable[Scores]) -> Scores:
    """Return the sum of histograms of several sites, at least one."""
    parts = list(found)
    counts = zip(*(each.counts for each in parts), strict=True)
    return Scores(tuple(map(math.fsum, counts)), math.fsum(each.variance for each in parts))


def figures(target: Target, found: Scores, level: float = LEVEL) -> dict[str, Figure]:
    """Return the figures of a histogram of scores of a target, by name.

    Returns:
        `persons`, and of labels that are

        - positive or not: `auc`, `accuracy`, `loss` (nats), `positive` (their share) and
          `calibration` (mean chance less that share);
        - classes: `accuracy` and `loss` (nats);
        - numbers and counts: `mae`, `rmse` and `bias` (mean of prediction less label), in the unit
          of the column; of numbers also `loss`, half of the mean square.
    """
    z = _factor(level)
    reach = z * math.sqrt(found.variance * len(found.counts))
    number = math.fsum(found.counts)
    persons = Figure(number, max(number - reach, 0.0), max(number + reach, 0.0))
    ratios, limit = _RATIOS[target.loss](target, found.counts), z * z * found.variance
    named = {name: _figure(each, limit) for name, each in ratios.items()}
    if _SQUARE in named:
        named["rmse"] = _root(named.pop(_SQUARE))
    return {"persons": persons, **named}


def reliability(found: Scores, level: float = LEVEL) -> list[dict[str, float | None]]:
    """Return the share of positive labels in each bin of the chance, of positive or not.

    Returns:
        One row a bin: `above` and `to` of the chance, `persons`, `observed`, `low` and `high`.
    """
    limit = _factor(level) ** 2 * found.variance
    bins, rows = len(found.counts) // 2, []
    for at in range(bins):
        positive = found.counts[bins + at]
        both = found.counts[at] + positive
        share = _figure(_Ratio(positive, both, (1.0, 1.0, 2.0), _SHARE), limit)
        row = {"above": at / bins, "to": (at + 1) / bins, "persons": both}
        rows.append({**row, "observed": share.value, "low": share.low, "high": share.high})
    return rows


def middles(bins: int, low: float, high: float) -> list[float]:
    """Return the middle of each of so many equal parts of a range."""
    return [low + (at + 0.5) * ((high - low) / bins) for at in range(bins)]


def widest(target: Target) -> float:
    """Return the largest difference of a prediction and a label, in the unit of the column.

    Args:
        target: a number or a count.
    """
    if isinstance(target, Number):
        return target.high - target.low
    assert isinstance(target, Count)  # noqa: S101 - only these have residuals
    return float(target.most)


def _figure(ratio: _Ratio, limit: float) -> Figure:
    """Return a ratio with its interval; `limit` is z² s²."""
    low, high = (None if math.isinf(end) else end for end in ratio.ends)
    if ratio.below <= _LEAST:
        return Figure(None, low, high)
    value = _within(ratio.above / ratio.below, ratio.ends)
    aa, ac, cc = ratio.squares
    lead = ratio.below**2 - limit * cc
    if lead <= 0:
        return Figure(value, low, high)
    middle = (ratio.above * ratio.below - limit * ac) / lead
    reach = math.sqrt(max(middle**2 - (ratio.above**2 - limit * aa) / lead, 0.0))
    return Figure(value, _within(middle - reach, ratio.ends), _within(middle + reach, ratio.ends))


def _root(square: Figure) -> Figure:
    ends = (square.value, square.low, square.high)
    return Figure(*(None if each is None else math.sqrt(each) for each in ends))


def _mean(of: Counts, counts: Counts, ends: Ends) -> _Ratio:
    """Return the mean over persons of a value of each cell."""
    squares = (_dot(of, of), math.fsum(of), float(len(of)))
    return _Ratio(_dot(of, counts), math.fsum(counts), squares, ends)


def _binary(_: Target, counts: Counts) -> dict[str, _Ratio]:
    bins = len(counts) // 2
    chance = middles(bins, 0, 1)
    likely = [float(each > 0.5) for each in chance]  # noqa: PLR2004 - the likelier label
    positive = [0.0] * bins + [1.0] * bins
    off = [each - label for each, label in zip(chance * 2, positive, strict=True)]
    return {
        "auc": _area(counts[bins:], counts[:bins]),
        "accuracy": _mean([1 - each for each in likely] + likely, counts, _SHARE),
        "loss": _mean([-math.log(1 - abs(each)) for each in off], counts, (0, math.inf)),
        "positive": _mean(positive, counts, _SHARE),
        "calibration": _mean(off, counts, (-1, 1)),
    }


def _area(x: Counts, y: Counts) -> _Ratio:
    """Return the area under the ROC curve, point 2."""
    jx, jy, bins = math.fsum(x), math.fsum(y), len(x)
    ky = [total - each / 2 for total, each in zip(accumulate(y), y, strict=True)]
    kx = [jx - total + each / 2 for total, each in zip(accumulate(x), x, strict=True)]
    squares = (
        _dot(ky, ky) + _dot(kx, kx),
        math.fsum(ky) * jy + math.fsum(kx) * jx,
        bins * (jy * jy + jx * jx),
    )
    return _Ratio(_dot(x, ky), jx * jy if min(jx, jy) > 0 else 0.0, squares, _SHARE)


def _classes(target: Target, counts: Counts) -> dict[str, _Ratio]:
    bins = len(counts) // (2 * target.outputs)
    loss = [-math.log(each) for each in middles(bins, 0, 1)]
    right = ([0.0] * bins + [1.0] * bins) * target.outputs
    return {
        "accuracy": _mean(right, counts, _SHARE),
        "loss": _mean(loss * 2 * target.outputs, counts, (0, math.inf)),
    }


def _residuals(target: Target, counts: Counts) -> dict[str, _Ratio]:
    reach = widest(target)
    off = middles(len(counts), -reach, reach)
    squares = [each * each for each in off]
    found = {
        "mae": _mean([abs(each) for each in off], counts, (0, reach)),
        "bias": _mean(off, counts, (-reach, reach)),
        _SQUARE: _mean(squares, counts, (0, reach**2)),
    }
    if target.loss == targets.NUMBER:
        found["loss"] = _mean([each / 2 for each in squares], counts, (0, reach**2 / 2))
    return found


def _factor(level: float) -> float:
    return NormalDist().inv_cdf((1 + level) / 2)


def _dot(one: Counts, other: Counts) -> float:
    return math.fsum(a * b for a, b in zip(one, other, strict=True))


def _within(value: float, ends: Ends) -> float:
    return min(max(value, ends[0]), ends[1])


_SQUARE: Final = "mean square"
_RATIOS: Final[Mapping[str, Callable[[Target, Counts], dict[str, _Ratio]]]] = MappingProxyType(
    {
        targets.BINARY: _binary,
        targets.CLASSES: _classes,
        targets.NUMBER: _residuals,
        targets.COUNT: _residuals,
    }
)
