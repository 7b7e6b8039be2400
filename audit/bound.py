"""From scores of persons who took part, or did not, to a lower bound on ε.

Rules: the threshold is chosen on one part of the scores and judged on the other, so that choosing
costs no confidence; the rates of hits and alarms are bounded as Clopper and Pearson do (1934), each
with half of what may go wrong. Scores of one group must be independent and alike; that is the
harness's duty. Two bounds come from the same rates:

- *fitted*: what the mechanism costs with the least noise that they contradict, by its own trade-off
  curve. It is sharp, and what a claim is judged by: a mechanism that keeps its claim is above it by
  chance only.
- *free*: without a mechanism in mind, the largest ε for which no (ε, δ)-DP mechanism has such
  rates. It says less, and rests on nothing.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from audit.curve import LEAST_NOISE, MOST_NOISE, Family

Floats = NDArray[np.float64]
CONFIDENCE: Final = 0.999
_CHOOSING: Final = 0.25  # share of the scores that only choose the threshold
_CANDIDATES: Final = 30
_GRID: Final = 24  # noises among which a threshold is chosen
_STEPS: Final = 20  # bisections of the noise


@dataclass(frozen=True)
class Bound:
    """Lower bounds on ε at one δ, each at the stated confidence.

    Attributes:
        noise: least σ of the mechanism that the rates contradict.
        fitted: what that noise costs; under the curve of the mechanism.
        free: under no assumption.
    """

    noise: float
    fitted: float
    free: float


def bound(
    inside: Floats,
    outside: Floats,
    curve: Family,
    delta: float,
    *,
    confidence: float = CONFIDENCE,
    seed: int = 0,
) -> Bound:
    """Return lower bounds on ε.

    Args:
        inside: scores of who took part; larger where it is likelier that they did.
        outside: scores of who did not.
        curve: of the mechanism as claimed.
        delta: δ.
        confidence: chance that a bound is below the truth.
        seed: of the division into two parts.
    """
    risk = (1 - confidence) / 2
    draw = np.random.default_rng(seed)
    chosen_in, judged_in = _divided(inside, draw)
    chosen_out, judged_out = _divided(outside, draw)
    candidates = np.quantile(
        np.concatenate([chosen_in, chosen_out]), np.linspace(0, 1, _CANDIDATES + 2)[1:-1]
    )
    # What the other part may be expected to show: the same rates among as many as it has.
    expected = _rates(chosen_in, chosen_out, candidates, risk, (len(judged_in), len(judged_out)))

    def judged(strength: Floats) -> tuple[Floats, Floats]:
        best = candidates[[int(np.argmax(strength))]]
        return _rates(judged_in, judged_out, best, risk, (len(judged_in), len(judged_out)))

    hits, alarms = judged(_strength(*expected, curve))
    noise = least_noise(float(hits[0]), float(alarms[0]), curve)
    free = free_epsilon(*judged(free_epsilon(*expected, delta)), delta)
    return Bound(
        noise=noise,
        fitted=0.0 if math.isinf(noise) else curve.epsilon_of(noise, delta),
        free=float(free[0]),
    )


def free_epsilon(hits: Floats, alarms: Floats, delta: float) -> Floats:
    """Return the largest ε at which no (ε, δ)-DP mechanism has such rates; 0 when there is none."""
    pairs = ((hits - delta, alarms), (1 - alarms - delta, 1 - hits))
    there, back = (_log_ratio(over, under) for over, under in pairs)
    return np.maximum(there, back)


def _log_ratio(over: Floats, under: Floats) -> Floats:
    both = (over > 0) & (under > 0)
    logs = np.log(over, where=both, out=np.zeros_like(over))
    ratio: Floats = logs - np.log(under, where=both, out=np.zeros_like(under))
    return np.maximum(ratio, 0.0)


def _divided(scores: Floats, draw: np.random.Generator) -> tuple[Floats, Floats]:
    mixed = draw.permutation(scores)
    cut = math.ceil(_CHOOSING * len(mixed))
    return mixed[:cut], mixed[cut:]


def _rates(
    inside: Floats, outside: Floats, thresholds: Floats, risk: float, sizes: tuple[int, int]
) -> tuple[Floats, Floats]:
    """Return the least hits and the most alarms, at each threshold, of groups of those sizes."""
    hit = (inside > thresholds[:, None]).mean(axis=1) * sizes[0]
    alarm = (outside > thresholds[:, None]).mean(axis=1) * sizes[1]
    least = stats.beta.ppf(risk, hit, sizes[0] - hit + 1)
    most = stats.beta.ppf(1 - risk, alarm + 1, sizes[1] - alarm)
    return np.where(hit <= 0, 0.0, least), np.where(alarm >= sizes[1], 1.0, most)


def _strength(hits: Floats, alarms: Floats, curve: Family) -> Floats:
    """Return how many noises of a grid each pair of rates contradicts; near ties, by the rates."""
    grid = np.geomspace(LEAST_NOISE, MOST_NOISE, _GRID)
    count = np.sum([curve.contradicted(hits, alarms, float(noise)) for noise in grid], axis=0)
    apart = stats.norm.ppf(np.clip(hits, 1e-9, 1)) - stats.norm.ppf(np.clip(alarms, 1e-9, 1))
    return np.asarray(count + 1e-3 * np.clip(np.nan_to_num(apart), -100, 100))


def least_noise(hits: float, alarms: float, curve: Family) -> float:
    """Return the least σ that the rates contradict; infinity when they contradict none."""

    def contradicted(noise: float) -> bool:
        return bool(curve.contradicted(np.array([hits]), np.array([alarms]), noise)[0])

    low, high = LEAST_NOISE, MOST_NOISE
    if not contradicted(high):
        return math.inf
    for _ in range(_STEPS):
        middle = math.sqrt(low * high)
        low, high = (low, middle) if contradicted(middle) else (middle, high)
    return high
