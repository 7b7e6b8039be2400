r"""Logistic regression by sums over sites: Newton's method on pooled sums.

At β each site's part is  g = Σ x (d - n p),  H = Σ x xᵀ n p (1 - p),  p = 1/(1 + exp(-xβ)), where n
rows of one x have d outcomes. Parts of sites add up, so that the fit is the pooled one. A table of
counts holds all that any iteration asks for: sites answer once, and pay once.

Counts with noise of variance v are linear in the cells r that were answered, n = N r and d = D r:
the covariance of β is  H⁻¹ + H⁻¹ G diag(v) Gᵀ H⁻¹,  G = Xᵀ(D - diag(p) N)  (sampling and noise).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from federated.errors import StatisticUnfit
from federated.statistics.answer import Floats
from federated.statistics.design import check_parameters

_MOST_STEPS: Final = 100
_FARTHEST: Final = 30.0  # log odds: beyond it a group has no outcome, or nothing else
_LONGEST: Final = 4.0  # log odds that one step may move a row
_CLOSE: Final = 1e-12

Part = tuple[Floats, Floats, Floats]  # rows x, their numbers n, their outcomes d


@dataclass(frozen=True)
class Logistic:
    """A fitted logistic regression.

    Attributes:
        coefficients: log odds.
        covariance: of them, of sampling alone.
        chances: p of each row, part by part.
    """

    coefficients: Floats
    covariance: Floats
    chances: tuple[Floats, ...]


def newton_sums(part: Part, at: Floats) -> tuple[Floats, Floats]:
    """Return one site's g and H at coefficients."""
    rows, numbers, outcomes = part
    chance = _chance(rows, at)
    weights = numbers * chance * (1 - chance)
    return rows.T @ (outcomes - numbers * chance), (rows * weights[:, None]).T @ rows


def fit(parts: Sequence[Part]) -> Logistic:
    """Fit a logistic regression to the parts of sites.

    Raises:
        StatisticUnfit: there are too few rows for it, too much noise, or no finite answer.
    """
    size = parts[0][0].shape[1]
    check_parameters(size, sum(float(numbers.sum()) for _, numbers, _ in parts))

    def sums(at: Floats) -> tuple[Floats, Floats]:
        found = [newton_sums(part, at) for part in parts]
        score = np.asarray(np.sum([each for each, _ in found], axis=0), dtype=np.float64)
        return score, np.asarray(np.sum([each for _, each in found], axis=0), dtype=np.float64)

    def reach(at: Floats) -> float:
        return max(float(np.abs(rows @ at).max(initial=0.0)) for rows, _, _ in parts)

    at, covariance = newton(size, sums, reach)
    return Logistic(at, covariance, tuple(_chance(rows, at) for rows, _, _ in parts))


def newton(
    size: int,
    sums: Callable[[Floats], tuple[Floats, Floats]],
    reach: Callable[[Floats], float],
    *,
    close: float = _CLOSE,
    farthest: float = _FARTHEST,
) -> tuple[Floats, Floats]:
    """Return where g is 0, and the inverse of H there.

    Args:
        size: terms.
        sums: g and H at coefficients, over all sites.
        reach: of coefficients or of a step, most that it moves the log odds of a row, or a bound.
        close: reach of a step that is the last.
        farthest: reach of coefficients that are none of a fit.

    Raises:
        StatisticUnfit: there is no finite answer, or not after so many steps.
    """
    at = np.zeros(size)
    for _ in range(_MOST_STEPS):
        step, covariance = _step(*sums(at))
        longest = reach(step)
        at = at + step / max(1.0, longest / _LONGEST)
        if reach(at) > farthest:
            raise StatisticUnfit(
                "columns separate the outcomes perfectly, or a group has only one outcome: "
                "leave a column out"
            )
        if longest < close:
            return at, covariance
    raise StatisticUnfit("the regression does not converge: leave a column out, or spend more")


def with_noise(fitted: Logistic, part: Part, maps: tuple[Floats, Floats], noise: Floats) -> Floats:
    """Return the covariance of a fit, of its noise too.

    Args:
        fitted: to that one part.
        part: of all sites together.
        maps: N and D, of the cells that were answered.
        noise: variances of these.
    """
    numbers, outcomes = maps
    scores = part[0].T @ (outcomes - fitted.chances[0][:, None] * numbers)
    spread = fitted.covariance @ scores
    return fitted.covariance + (spread * noise) @ spread.T


def _step(score: Floats, information: Floats) -> tuple[Floats, Floats]:
    least, most = np.linalg.eigvalsh(information)[[0, -1]]
    if not least > _CLOSE * most or most <= 0:
        raise StatisticUnfit(
            "columns are collinear, or the noise hides them: leave a column out, or spend more"
        )
    inverse: Floats = np.asarray(np.linalg.inv(information), dtype=np.float64)
    return inverse @ score, inverse


def _chance(rows: Floats, at: Floats) -> Floats:
    return np.asarray(1 / (1 + np.exp(-(rows @ at))), dtype=np.float64)
