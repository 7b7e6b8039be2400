"""Jobs that are chosen after the outputs of earlier ones: what broke a cap, and is refused now.

After a first Gaussian, the lead sees how far the output speaks for a person's presence, and picks
one of two second jobs: a Gaussian, or a rare draw with little noise. Each of the two fills a cap of
ε exactly when it is fixed beforehand; picked afterwards, the better of both passes it. All of it is
computed in closed form, for the direction in which a person is removed, so that what is shown is a
lower bound of the true ε.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TypeVar

import numpy as np
import pytest
from scipy.optimize import brentq
from scipy.stats import norm

from federated.privacy import ledger
from federated.privacy.accountant import epsilon
from federated.privacy.divergence import divergence
from federated.privacy.event import Event, sampled_gaussian
from federated.privacy.ledger import Amount, Budget
from federated.privacy.rule import Accounting, Rule, order_for

DELTA = 1e-5
STATE = np.linspace(-12, 12, 6001)
WEIGHT = norm.pdf(STATE) * (STATE[1] - STATE[0])
Curve = Callable[[np.ndarray], np.ndarray]
T = TypeVar("T")


@dataclass(frozen=True)
class Attack:
    """First jobs, and the two among which the last is picked; `truth` is ε when it is."""

    cap: float
    truth: float
    first: tuple[Event, ...]
    calm: Event
    rare: Event

    def ways(self) -> list[list[Event]]:
        return [[*self.first, self.calm], [*self.first, self.rare]]


def gaussian(mu: float) -> Event:
    """One step whose means lie μ standard deviations apart."""
    return sampled_gaussian(1 / mu, 1.0, 1)


def attack(
    cap: float, truth: float, *, full: float, sigma: float, rate: float, jobs: int
) -> Attack:
    """Spend four fifths of μ in the first jobs, the rest or a rare draw in the last."""
    first = tuple(gaussian(0.8 * full / math.sqrt(jobs - 1)) for _ in range(jobs - 1))
    return Attack(cap, truth, first, gaussian(0.6 * full), sampled_gaussian(sigma, rate, 1))


ATTACKS = [
    attack(1.0, 1.11, full=0.26804, sigma=0.35060, rate=3e-4, jobs=3),
    attack(3.0, 3.21, full=0.71910, sigma=0.36250, rate=1e-3, jobs=2),
]


def curve(event: Event) -> Curve:
    """Return δ(ε) of one step: the mass of P above e^ε of Q, where a person is removed."""
    sigma, rate = event["noise_multiplier"], event["sampling_rate"]

    def delta(at: np.ndarray) -> np.ndarray:
        reached = np.maximum(at, math.log1p(-rate) + 1e-12) if rate < 1 else at
        inner = np.exp(reached) - 1 + rate
        edge = sigma**2 * (np.log(inner) - math.log(rate)) + 0.5
        mass = (1 - rate - np.exp(reached)) * norm.sf(edge / sigma)
        found = mass + rate * norm.sf((edge - 1) / sigma)
        return np.where(at < reached, 1 - np.exp(at), np.maximum(found, 0))

    return delta


def true_epsilon(first: Sequence[Event], last: Sequence[Event]) -> float:
    """Return ε at δ of first Gaussians and the last job that serves the lead best."""
    mu = math.sqrt(sum(1 / event["noise_multiplier"] ** 2 for event in first))
    loss = mu * mu / 2 + mu * STATE
    curves = [curve(event) for event in last]

    def beyond(at: float) -> float:
        return float((WEIGHT * np.max([c(at - loss) for c in curves], axis=0)).sum()) - DELTA

    return float(brentq(beyond, 0.01, 50))


@pytest.mark.parametrize("case", ATTACKS)
def test_each_way_keeps_the_cap_when_it_is_fixed_and_the_choice_breaks_it(case: Attack) -> None:
    for way, last in zip(case.ways(), (case.calm, case.rare), strict=True):
        assert epsilon(way, DELTA) <= case.cap  # what a fixed δ and PLD admitted
        assert true_epsilon(case.first, [last]) == pytest.approx(case.cap, abs=2e-3)
    assert true_epsilon(case.first, [case.calm, case.rare]) > case.truth


# The same jobs are asked of again and again.
epsilon_of = cache(lambda job, delta: epsilon([job], delta))
divergence_of = cache(lambda job, order: divergence([job], order))


def amounts(budget: Budget, jobs: Sequence[Event], delta: float) -> list[Amount]:
    if budget.accounting.rule is Rule.SUMS:
        return [(epsilon_of(job, delta), delta) for job in jobs]
    return [(divergence_of(job, budget.accounting.order),) for job in jobs]


def budgets(cap: float) -> list[Budget]:
    rules = (Accounting(Rule.SUMS), Accounting(Rule.RENYI, order_for(cap, DELTA)))
    return [Budget(cap, DELTA, accounting) for accounting in rules]


@pytest.mark.parametrize("case", ATTACKS)
@pytest.mark.parametrize("which", [0, 1])
def test_neither_rule_admits_the_last_job(case: Attack, which: int) -> None:
    budget = budgets(case.cap)[which]
    for way in case.ways():
        for delta in (DELTA / len(way), DELTA / 10, DELTA / 1000):
            assert not ledger.admits(budget, amounts(budget, way, delta))


@pytest.mark.parametrize("case", ATTACKS)
@pytest.mark.parametrize("which", [0, 1])
def test_what_a_rule_admits_keeps_the_cap_even_when_it_is_chosen(case: Attack, which: int) -> None:
    """The same shapes with more noise are admitted, and the choice among them gains too little."""
    budget = budgets(case.cap)[which]

    def quieter(job: Event, times: float) -> Event:
        return sampled_gaussian(job["noise_multiplier"] * times, job["sampling_rate"], job.count)

    for times in np.geomspace(1.0, 10.0, 40):
        first = [quieter(job, times) for job in case.first]
        last = [quieter(job, times) for job in (case.calm, case.rare)]
        share = DELTA / (len(first) + 1)
        if all(ledger.admits(budget, amounts(budget, [*first, job], share)) for job in last):
            break
    else:
        pytest.fail("nothing was admitted")
    assert true_epsilon(first, last) <= case.cap
