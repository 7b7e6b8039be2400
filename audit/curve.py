r"""What a mechanism lets a guesser reach: bounds on hits and false alarms, by the noise.

A guesser says whether a person took part, from what was released. If the mechanism is (ε, δ)-DP,
then in both directions  hits ≤ e^ε alarms + δ  (Wasserman and Zhou 2010), and δ(ε) of the pair in
`federated.privacy.event` gives one such line for each ε: together they are the trade-off curve
(Dong, Roth and Su 2019). Rates above a line contradict the noise that the curve belongs to.

Sources: Balle and Wang 2018 for δ(ε) of a Gaussian in closed form; with sampling, dp-accounting's
privacy loss distributions, which are pessimistic, so that no contradiction is due to them.
"""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np
from dp_accounting.pld import privacy_loss_distribution
from numpy.typing import NDArray
from scipy import optimize, stats

from federated.privacy.accountant import INTERVAL, epsilon
from federated.privacy.calibration import calibrate
from federated.privacy.event import sampled_gaussian

Floats = NDArray[np.float64]


class Family(Protocol):
    """The trade-off curves of a mechanism, one for each size of its noise."""

    def contradicted(self, hits: Floats, alarms: Floats, noise: float, /) -> NDArray[np.bool_]:
        """Tell for pairs of rates whether noise of that size cannot have allowed them."""
        ...

    def noise_of(self, target: float, delta: float, /) -> float:
        """Return the least noise with which the mechanism costs at most `target` at `delta`."""
        ...

    def epsilon_of(self, noise: float, delta: float, /) -> float:
        """Return what the mechanism costs with noise of that size."""
        ...


LEAST_NOISE: Final = 0.2  # below it, sampling or not, ε is beyond what anybody promises
MOST_NOISE: Final = 2000.0
_LINES: Final = np.concatenate([np.arange(0, 2, 0.02), np.arange(2, 12, 0.1), np.arange(12, 40)])
_INTERVAL: Final = 5 * INTERVAL  # many curves are asked for; a coarser one is the more pessimistic


@dataclass(frozen=True)
class Curve:
    """The trade-off curves of a Gaussian, one for each noise multiplier.

    Attributes:
        sampling_rate: q.
        steps: T.
    """

    sampling_rate: float
    steps: int

    def contradicted(self, hits: Floats, alarms: Floats, noise: float) -> NDArray[np.bool_]:
        """Tell for pairs of rates whether noise of that size cannot have allowed them.

        Args:
            hits: shares of persons who took part and are said to.
            alarms: shares of persons who did not and are said to.
            noise: σ.
        """
        deltas = _deltas(self, noise)
        factor = np.exp(_LINES)
        there = hits[..., None] > factor * alarms[..., None] + deltas
        back = 1 - alarms[..., None] > factor * (1 - hits[..., None]) + deltas
        found: NDArray[np.bool_] = (there | back).any(axis=-1)
        return found

    def noise_of(self, target: float, delta: float) -> float:
        """Return the least σ with which the mechanism costs at most `target` at `delta`."""
        return calibrate(
            target=target, delta=delta, sampling_rate=self.sampling_rate, steps=self.steps
        )

    def epsilon_of(self, noise: float, delta: float) -> float:
        """Return what the mechanism costs with noise σ."""
        if self.sampling_rate == 1:
            return gaussian_epsilon(math.sqrt(self.steps) / noise, delta)
        return epsilon([sampled_gaussian(noise, self.sampling_rate, self.steps)], delta)


@dataclass(frozen=True)
class Pure:
    r"""The trade-off curves of m figures that are each ε/m-DP, one for each ε; "noise" is 1/ε.

    Discrete Laplace noise that moves by one whole number reaches them: it is then m answers of
    randomised response. With e_0 = ε/m and i of m answers turned::

        δ((m - 2j) e_0) = Σ_{i≤j} C(m, i) (e^{(m-i) e_0} - e^{(m-2j+i) e_0}) / (1 + e^{e_0})^m

    and the curve is straight between these lines (Kairouz, Oh and Viswanath 2015, theorem 3.3).

    Attributes:
        figures: m.
    """

    figures: int = 1

    def contradicted(self, hits: Floats, alarms: Floats, noise: float) -> NDArray[np.bool_]:
        """Tell for pairs of rates whether noise of that size cannot have allowed them."""
        many, part = self.figures, 1 / noise / self.figures
        turned = np.arange(many + 1)
        ways = stats.binom.pmf(turned, many, 1 / (1 + math.exp(part)))  # of those who took part
        lines = part * (many - 2 * turned[: many // 2 + 1])
        factor = np.exp(lines)
        deltas = np.maximum(ways - factor[:, None] * ways[::-1], 0.0).sum(axis=1)
        there = hits[..., None] > factor * alarms[..., None] + deltas
        back = 1 - alarms[..., None] > factor * (1 - hits[..., None]) + deltas
        found: NDArray[np.bool_] = (there | back).any(axis=-1)
        return found

    def noise_of(self, target: float, _delta: float) -> float:
        """Return the least noise that costs at most `target`."""
        return 1 / target

    def epsilon_of(self, noise: float, _delta: float) -> float:
        """Return what noise of that size costs."""
        return 1 / noise


@functools.lru_cache(maxsize=4096)
def _deltas(curve: Curve, noise: float) -> Floats:
    """Return δ(ε) at the lines."""
    if curve.sampling_rate == 1:
        return gaussian_delta(_LINES, math.sqrt(curve.steps) / noise)
    one = privacy_loss_distribution.from_gaussian_mechanism(
        noise, sampling_prob=curve.sampling_rate, value_discretization_interval=_INTERVAL
    )
    return np.asarray(one.self_compose(curve.steps).get_delta_for_epsilon(_LINES))


def gaussian_delta(lines: Floats, mu: float) -> Floats:
    """Return δ(ε) of a Gaussian mechanism whose sensitivity is μ deviations."""
    upper = stats.norm.cdf(mu / 2 - lines / mu)
    lower = np.exp(lines + stats.norm.logcdf(-mu / 2 - lines / mu))
    return np.asarray(np.maximum(upper - lower, 0.0))


def gaussian_epsilon(mu: float, delta: float) -> float:
    """Return ε at `delta` of a Gaussian mechanism whose sensitivity is μ deviations."""

    def above(line: float) -> float:
        return float(gaussian_delta(np.array([line]), mu)[0]) - delta

    if above(0.0) <= 0:
        return 0.0
    return float(optimize.brentq(above, 0.0, mu * mu / 2 + 40 * mu))
