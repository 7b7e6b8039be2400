"""What composed events cost: ε by numerical composition of privacy losses (PLD), or Rényi.

Rules: the bound is pessimistic, never optimistic; neighbours differ by one person added or
removed; one accountant serves training and queries; what costs far more than any budget is told
by a coarser bound (RDP, Mironov 2017), since its exact distribution would fill the memory. Needs
dp-accounting, which loads some hundred megabytes: only a process of its own or a test imports this
module.

Source: Koskela et al. 2020; Doroshenko et al. 2022 ("connect the dots"), as implemented by
dp-accounting with a discretisation of 1e-3, which costs 0.1 s where 1e-4 costs ten times as much
and moves ε by less than 1e-3.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import reduce
from typing import Final

import numpy as np
from dp_accounting import dp_event
from dp_accounting.pld import privacy_loss_distribution as pld
from dp_accounting.pld.privacy_loss_distribution import PrivacyLossDistribution
from dp_accounting.privacy_accountant import NeighboringRelation
from dp_accounting.rdp import RdpAccountant, compute_epsilon
from numpy.typing import NDArray

from federated.errors import PrivacyFault
from federated.privacy.divergence import discrete_laplace
from federated.privacy.event import Event, Kind, merged

INTERVAL: Final = 1e-3
_WIDE: Final = 1000.0  # half a million points on either side
_MANY: Final = 2**15  # whole numbers on either side; 20,000 take 3 s
_HOPELESS: Final = 100.0  # ε that no contract promises
# Of δ, for each distribution that is composed with another: T steps are the T-th power of a Fourier
# transform in float64. At most a tenth of this was seen lost, against sums without a transform.
_LOST: Final = 2.0**-50


def epsilon(events: Iterable[Event], delta: float) -> float:
    """Return ε at `delta` of the events composed; no events cost 0.

    It is infinite where δ is as small as what the computation itself loses, and some event is not
    private at δ = 0.

    Args:
        events: what was or may be released, in any order.
        delta: δ in [0, 1).

    Raises:
        PrivacyFault: δ is out of range.
    """
    if not 0 <= delta < 1:
        raise PrivacyFault("δ must be 0 or more, and below 1")
    counted = merged(events)
    pure = _pure(counted)
    if not delta or not counted:
        return pure
    fine = not any(_has_many(each) for each in counted)
    if not fine or _is_wide(counted):
        coarse = _coarse(counted, delta)
        if not fine or not coarse <= _HOPELESS:  # true for NaN, too
            return min(pure, coarse)
    composed = len(counted) - 1 + sum(each.count for each in counted if not _is_plain(each))
    sure = delta - _LOST * composed
    return _fine(counted, sure) if sure > 0 else math.inf


def _is_wide(events: tuple[Event, ...]) -> bool:
    """Tell whether the loss may spread over more points than are held with ease.

    The loss of T releases of a Gaussian is normal around μ²/2 with deviation μ, μ² = T / σ².
    Sampling only makes it narrower. That of an ε-private release lies within ε of 0 and around at
    most ε²/2, so that T of them spread no wider than a Gaussian with μ² = T ε² (Hoeffding).
    """
    squared = sum(each.count / _noise(each) ** 2 for each in events)
    return squared / 2 + 10 * math.sqrt(squared) > _WIDE


def _pure(events: tuple[Event, ...]) -> float:
    """Return ε at δ = 0, which adds up plainly; infinite where an event has none."""
    laplace = (Kind.LAPLACE, Kind.DISCRETE_LAPLACE)
    if any(each.kind not in laplace for each in events):
        return math.inf
    return math.fsum(each.count / _noise(each) for each in events)


def _has_many(one: Event) -> bool:
    """Tell whether a distribution over whole numbers has more of them than are held with ease."""
    discrete = one.kind in (Kind.DISCRETE_GAUSSIAN, Kind.DISCRETE_LAPLACE)
    return discrete and max(one["scale"], one["sensitivity"]) > _MANY


def _is_plain(one: Event) -> bool:
    """Tell whether T releases are one of a Gaussian with less noise, without a transform."""
    return one.kind is Kind.GAUSSIAN or (
        one.kind is Kind.SAMPLED_GAUSSIAN and one["sampling_rate"] == 1
    )


def _noise(one: Event) -> float:
    """Return the scale of the noise over what one person moves."""
    if one.kind in (Kind.GAUSSIAN, Kind.SAMPLED_GAUSSIAN):
        return one["noise_multiplier"]
    return one["scale"] / (1 if one.kind is Kind.LAPLACE else one["sensitivity"])


def _fine(events: tuple[Event, ...], delta: float) -> float:
    losses = (_LOSSES[each.kind](each) for each in events)
    return float(reduce(lambda one, other: one.compose(other), losses).get_epsilon_for_delta(delta))


def _coarse(events: tuple[Event, ...], delta: float) -> float:
    orders = RdpAccountant().orders
    return float(compute_epsilon(orders, _divergences(events, list(orders)), delta)[0])


def _divergences(events: tuple[Event, ...], orders: Sequence[float]) -> NDArray[np.float64]:
    library = RdpAccountant(orders, NeighboringRelation.ADD_OR_REMOVE_ONE)
    rest = np.zeros(len(orders))
    for each in events:
        if each.kind is Kind.DISCRETE_LAPLACE:
            moved = each["scale"], each["sensitivity"]
            rest += each.count * np.array([discrete_laplace(*moved, order) for order in orders])
        else:
            library.compose(_step(each), each.count)
    return np.asarray(library.rdp + rest)


def _step(one: Event) -> dp_event.DpEvent:
    """Return what one release is to the library's Rényi accountant."""
    if one.kind is Kind.LAPLACE:
        return dp_event.LaplaceDpEvent(one["scale"])
    # A discrete Gaussian diverges no more than the continuous one (Canonne, Kamath and Steinke
    # 2020, proposition 5).
    gaussian = dp_event.GaussianDpEvent(_noise(one))
    if one.kind is not Kind.SAMPLED_GAUSSIAN or _is_plain(one):
        return gaussian  # everybody takes part: no amplification, and exact
    return dp_event.PoissonSampledDpEvent(one["sampling_rate"], gaussian)


def _gaussian(one: Event) -> PrivacyLossDistribution:
    if _is_plain(one):
        deviation = one["noise_multiplier"] / math.sqrt(one.count)
        return pld.from_gaussian_mechanism(deviation, value_discretization_interval=INTERVAL)
    return pld.from_gaussian_mechanism(
        one["noise_multiplier"],
        sampling_prob=one["sampling_rate"],
        value_discretization_interval=INTERVAL,
    ).self_compose(one.count)


def _laplace(one: Event) -> PrivacyLossDistribution:
    return pld.from_laplace_mechanism(
        one["scale"], value_discretization_interval=INTERVAL
    ).self_compose(one.count)


def _discrete(
    of: Callable[..., PrivacyLossDistribution], noise: Callable[[float], float]
) -> Callable[[Event], PrivacyLossDistribution]:
    def losses(one: Event) -> PrivacyLossDistribution:
        return of(
            noise(one["scale"]),
            int(one["sensitivity"]),
            value_discretization_interval=INTERVAL,
            use_connect_dots=True,
        ).self_compose(one.count)

    return losses


_LOSSES: Final[Mapping[Kind, Callable[[Event], PrivacyLossDistribution]]] = {
    Kind.SAMPLED_GAUSSIAN: _gaussian,
    Kind.GAUSSIAN: _gaussian,
    Kind.LAPLACE: _laplace,
    Kind.DISCRETE_LAPLACE: _discrete(pld.from_discrete_laplace_mechanism, lambda b: 1 / b),
    Kind.DISCRETE_GAUSSIAN: _discrete(pld.from_discrete_gaussian_mechanism, lambda sigma: sigma),
}
