r"""Correlations and linear regression from sums of products.

Each site gives, by cell of categories, the matrix m of  Σ a b  for a, b among 1 and the columns
u = (x - middle) / half  on [-1, 1]. Matrices of sites add up; a noisy one is m + E, E symmetric
with independent entries of known variance v.

1. Correlation: r = (S_xy/n - S_x S_y/n²) / √(…). Its interval is normal on Fisher's artanh r, of
   variance  1/(n - 3)  (sampling) plus the noise by the delta method.
2. Linear regression: with X the columns 1, categories (all but the first) and u, and y:
   β = (XᵀX)⁻¹ Xᵀy, residual variance  σ² = (yᵀy - βᵀXᵀy) / (n - p). Its covariance is
   σ² (XᵀX)⁻¹  (sampling) plus  (XᵀX)⁻¹ C (XᵀX)⁻¹,  C that of the noise in  Xᵀy - XᵀXβ.
   XᵀX itself has noise, which is of second order only while it is small: where the least
   eigenvalue of XᵀX is not above twice the norm that noise alone reaches, 2 s √p (Wigner), nothing
   is fitted. Coefficients are told in the columns' own numbers.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from federated.errors import StatisticUnfit
from federated.statistics.answer import Floats, Pool
from federated.statistics.cells import Ends, Row, groups
from federated.statistics.design import Design, check_parameters, terms
from federated.statistics.interval import normal_cover

_LEAST: Final = 4  # persons of a correlation
_STEP: Final = 1e-6  # of a derivative, in units of a moment's own size


def names(columns: Sequence[str]) -> list[str]:
    """Return the figures that the moments of some columns are, as sites call them."""
    return [_name(*it) for it in _pairs(columns)]


def matrix(values: dict[str, float], columns: Sequence[str]) -> Floats:
    """Return the moments as a symmetric matrix, 1 first."""
    made = np.zeros((len(columns) + 1, len(columns) + 1))
    every = ("", *columns)
    for one, other in _pairs(columns):
        at, beside = every.index(one), every.index(other)
        made[at, beside] = made[beside, at] = values[_name(one, other)]
    return made


def correlations(found: Pool, columns: Sequence[str], level: float) -> list[Row]:
    """Return the correlation of each pair of columns, one row a group and pair."""
    rows = []
    for group, part in groups(found, ()):
        sums, noise = _of(part, 0, columns)
        told = {"sites": int(part.sites[0]), "withheld": int(part.withheld[0])}
        for at, one in enumerate(columns, 1):
            for beside, other in list(enumerate(columns, 1))[at:]:
                keep = np.ix_([0, at, beside], [0, at, beside])
                value, error = _correlation(sums[keep], noise[keep])
                low = high = None
                if value is not None and not part.withheld[0]:
                    reach = float(normal_cover(np.array(error), level))
                    low, high = (math.tanh(math.atanh(value) + it) for it in (-reach, reach))
                pair = {"column": one, "other": other}
                rows.append({**group, **pair, "value": value, "low": low, "high": high, **told})
    return rows


def _correlation(sums: Floats, noise: Floats) -> tuple[float | None, float]:
    """Return a correlation, None where there is none, and the standard error of its artanh."""
    value = _fisher(sums)
    number = sums[0, 0]
    if number < _LEAST or not math.isfinite(value):
        return None, 0.0
    variance = 1 / (number - 3)
    for at, beside in zip(*np.triu_indices(3), strict=True):
        step = _STEP * max(1.0, number)
        moved = sums.copy()
        moved[at, beside] = moved[beside, at] = sums[at, beside] + step
        variance += ((_fisher(moved) - value) / step) ** 2 * noise[at, beside]
    return (math.tanh(value), math.sqrt(variance)) if math.isfinite(variance) else (None, 0.0)


def _fisher(sums: Floats) -> float:
    spread = sums[1:, 1:] / sums[0, 0] - np.outer(sums[0, 1:], sums[0, 1:]) / sums[0, 0] ** 2
    below = spread[0, 0] * spread[1, 1]
    value = spread[0, 1] / math.sqrt(below) if below > 0 else math.nan
    return math.atanh(value) if abs(value) < 1 else math.nan


@dataclass(frozen=True)
class Linear:
    """A fitted linear regression.

    Attributes:
        coefficients: in the columns' own numbers, as the terms of the design.
        covariance: of the coefficients, sampling and noise.
        number: rows that it is of; noisy where they are.
        residual: standard deviation of what is left of the outcome.
    """

    coefficients: Floats
    covariance: Floats
    number: float
    residual: float


def linear(cells: Sequence[tuple[Floats, Floats, Floats]], design: Design, outcome: Ends) -> Linear:
    """Fit a linear regression.

    Args:
        cells: of each cell: its row of the design's categories with 1 first, its matrix of moments
            (1, the design's numbers, the outcome) and the variances of the noise of that.
        design: the terms.
        outcome: public range of the outcome.

    Raises:
        StatisticUnfit: there are too few rows for it, or too much noise.
    """
    width = len(cells[0][0])
    size = width + len(design.numbers) + 1
    whole, noise = np.zeros((size, size)), np.zeros((size, size))
    expanded = []
    for row, sums, spread in cells:
        expand = np.zeros((size, 1 + len(design.numbers) + 1))
        expand[:width, 0] = row
        expand[width:, 1:] = np.eye(len(design.numbers) + 1)
        whole += expand @ sums @ expand.T
        noise += (expand**2) @ spread @ (expand**2).T
        expanded.append((expand, spread))
    squares, count = whole[:-1, :-1], whole[0, 0]
    check_parameters(size - 1, count)
    norm = 2 * math.sqrt(float(noise[:-1, :-1].max()) * (size - 1))
    if np.linalg.eigvalsh(squares)[0] <= max(2 * norm, 1e-12 * count):
        reason = (
            ("the noise hides the columns that the regression uses")
            if norm
            else "columns are collinear"
        )
        raise StatisticUnfit(f"{reason}: leave columns out{', or spend more' if norm else ''}")
    inverse = np.linalg.inv(squares)
    fitted = np.linalg.solve(squares, whole[:-1, -1])
    signed = np.append(fitted, -1.0)
    left = float(signed @ whole @ signed)
    if left <= 0 and norm:
        raise StatisticUnfit("the noise hides what is left of the outcome: spend more")
    of_noise = np.zeros((size - 1, size - 1))
    for expand, spread in expanded:
        kept = expand[:-1]
        of_noise += kept @ _scored(spread, expand.T @ signed) @ kept.T
    variance = max(left, 0.0) / max(count - (size - 1), 1.0)
    covariance = variance * inverse + inverse @ of_noise @ inverse
    own, half = own_numbers(width, design, outcome)
    shift = np.zeros(size - 1)
    shift[0] = (outcome[0] + outcome[1]) / 2
    return Linear(own @ fitted + shift, own @ covariance @ own.T, count, half * math.sqrt(variance))


def regression(found: Pool, design: Design, outcome: str, ends: Ends, level: float) -> list[Row]:
    """Return the coefficients of a linear regression, one row a term."""
    columns = (*design.numbers, outcome)
    shown = [at for at, key in enumerate(found.keys) if found.sites[at] and None not in key]
    rows = design.rows(found)
    fitted = linear([(rows[at], *_of(found, at, columns)) for at in shown], design, ends)
    return terms(design.terms, fitted.coefficients, fitted.covariance, level)


def own_numbers(width: int, design: Design, outcome: Ends) -> tuple[Floats, float]:
    """Return the matrix that takes coefficients of u to those of x, and half of the outcome."""
    half = (outcome[1] - outcome[0]) / 2
    made = np.eye(width + len(design.numbers)) * half
    for at, (low, high) in enumerate(design.ranges, width):
        made[at, at] = half * 2 / (high - low)
        made[0, at] = -made[at, at] * (high + low) / 2
    return made, half


def _scored(spread: Floats, by: Floats) -> Floats:
    """Return the covariance of E t, E symmetric with independent entries of some variances."""
    made = spread * np.outer(by, by)
    np.fill_diagonal(made, spread @ by**2)
    return made


def _of(found: Pool, at: int, columns: Sequence[str]) -> tuple[Floats, Floats]:
    sums, noise = (
        {name: float(each[name][at]) for name in names(columns)}
        for each in (found.values, found.variances)
    )
    return matrix(sums, columns), matrix(noise, columns)


def _pairs(columns: Sequence[str]) -> list[tuple[str, str]]:
    every = ("", *columns)
    return [(one, other) for at, one in enumerate(every) for other in every[at:]]


def _name(one: str, other: str) -> str:
    named = ",".join(filter(None, (one, other)))
    return f"moment({named})" if named else "moment"
