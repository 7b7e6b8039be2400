"""The two rules by which jobs add up: their limits, their soundness, and what they refuse."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from dp_accounting.rdp.rdp_privacy_accountant import compute_epsilon
from scipy.special import logsumexp

from federated.errors import PrivacyFault
from federated.privacy import ledger, rule
from federated.privacy.accountant import epsilon
from federated.privacy.divergence import divergence
from federated.privacy.event import Event, Kind, event, sampled_gaussian
from federated.privacy.ledger import Budget
from federated.privacy.rule import Accounting, Rule
from federated.reading import Member
from tests.support.each import over

SUMS = Accounting(Rule.SUMS)
STATED = {"rule": "renyi", "order": 9, "adjacency": "add-or-remove-one"}


# What documents state


def stated(value: Any) -> Member:
    return Member(value, lambda pointer, fault: PrivacyFault(f"{pointer}: {fault}"))


@pytest.mark.parametrize("accounting", [SUMS, Accounting(Rule.RENYI, 9)])
def test_what_is_stated_is_read_back(accounting: Accounting) -> None:
    assert rule.read(stated(rule.stated(accounting))) == accounting


@over(
    "value",
    [
        None,
        {},
        [],
        {**STATED, "rule": "best"},
        {**STATED, "rule": None},
        {**STATED, "rule": ["renyi"]},
        {**STATED, "order": 0},
        {**STATED, "order": 1},
        {**STATED, "order": 1025},
        {**STATED, "order": 9.0},
        {**STATED, "order": True},
        {**STATED, "order": "9"},
        {**STATED, "rule": "sums"},
        {**STATED, "adjacency": "replace-one"},
        {**STATED, "adjacency": ""},
        {**STATED, "delta": 1e-5},
        {"rule": "renyi", "order": 9},
    ],
)
def test_an_unknown_rule_order_or_adjacency_is_refused(value: Any) -> None:
    with pytest.raises(PrivacyFault):
        rule.read(stated(value))


@over(("epsilon", "delta"), [(0.0, 0.1), (-1.0, 0.1), (math.inf, 0.1), (math.nan, 0.1), (1.0, 0.0)])
def test_what_is_no_budget_is_refused(epsilon: float, delta: float) -> None:
    with pytest.raises(PrivacyFault):
        Budget(epsilon, delta, SUMS)
    with pytest.raises(PrivacyFault):
        rule.order_for(epsilon, delta)


# Limits


def test_sums_hold_both_epsilon_and_delta() -> None:
    budget = Budget(3.0, 1e-5, SUMS)
    assert ledger.admits(budget, [(1.0, 1e-6), (2.0, 9e-6)])
    assert not ledger.admits(budget, [(1.0, 1e-6), (2.0, 9.1e-6)])
    assert not ledger.admits(budget, [(1.0, 1e-6), (2.0000001, 1e-6)])


@over("amount", [math.inf, math.nan, -1.0])
@over("accounting", [SUMS, Accounting(Rule.RENYI, 9)])
def test_a_cost_that_is_none_is_never_admitted(amount: float, accounting: Accounting) -> None:
    budget = Budget(3.0, 1e-5, accounting)
    nothing = tuple(0.0 for _ in budget.limit)
    assert ledger.admits(budget, [nothing])
    assert not ledger.admits(budget, [(amount, *nothing[1:])])


@pytest.mark.parametrize(("value", "delta"), [(3.0, 1e-5), (1.0, 1e-6), (0.1, 1e-5), (8.0, 1e-9)])
def test_a_divergence_at_the_limit_is_the_budgets_epsilon(value: float, delta: float) -> None:
    """The library converts the other way: from a divergence to ε."""
    order = rule.order_for(value, delta)
    (limit,) = Budget(value, delta, Accounting(Rule.RENYI, order)).limit
    assert compute_epsilon([order], [limit], delta)[0] == pytest.approx(value, rel=1e-12)


@pytest.mark.parametrize(("value", "delta"), [(3.0, 1e-5), (1.0, 1e-6), (0.5, 1e-5)])
def test_the_order_is_the_one_at_which_most_gaussian_steps_fit(value: float, delta: float) -> None:
    def steps(order: int) -> float:
        return (value + math.log(delta) / (order - 1)) / order

    best = rule.order_for(value, delta)
    assert steps(best) >= 0.99 * max(steps(order) for order in range(2, 1025))


def test_an_order_without_room_admits_nothing() -> None:
    budget = Budget(1.0, 1e-6, Accounting(Rule.RENYI, 4))
    assert budget.limit[0] < 0
    assert not ledger.admits(budget, [])
    assert ledger.left(budget, []) == (0.0,)


# Soundness


def _renyi(p: np.ndarray, q: np.ndarray, order: int, width: float) -> float:
    return float((logsumexp(order * p - (order - 1) * q) + math.log(width)) / (order - 1))


@over("order", [2, 3, 9, 25])
@over(("sigma", "rate"), [(0.6, 0.01), (1.0, 0.2), (2.0, 0.5), (4.0, 0.9)])
def test_the_divergence_holds_for_a_person_added_and_for_one_removed(
    sigma: float, rate: float, order: int
) -> None:
    """Both directions by quadrature, against the bound for one step."""
    x = np.linspace(-40 * sigma, order + 40 * sigma, 400_001)
    normal = -(x**2) / (2 * sigma**2) - math.log(sigma * math.sqrt(2 * math.pi))
    shifted = normal + (2 * x - 1) / (2 * sigma**2)
    mixture = np.logaddexp(math.log1p(-rate) + normal, math.log(rate) + shifted)
    bound = divergence([sampled_gaussian(sigma, rate, 1)], order)
    width = float(x[1] - x[0])
    added = _renyi(mixture, normal, order, width)
    assert added == pytest.approx(bound, rel=1e-5)
    assert _renyi(normal, mixture, order, width) <= bound * (1 + 1e-9)


@pytest.mark.parametrize(
    "event",
    [
        sampled_gaussian(2.0, 0.2, 20),
        sampled_gaussian(20.0, 1.0, 200),
        sampled_gaussian(0.8, 0.01, 500),
    ],
)
def test_what_renyi_says_is_never_below_the_exact_cost(event: Event) -> None:
    delta = 1e-5
    exact = epsilon([event], delta)
    for order in (2, 5, rule.order_for(exact, delta), 64, 400):
        budget = Budget(100.0, delta, Accounting(Rule.RENYI, order))
        assert ledger.epsilon_of(budget, [(divergence([event], order),)]) >= exact


def test_nothing_has_no_divergence_and_tiny_steps_are_not_lost() -> None:
    assert divergence([], 9) == 0
    tiny = divergence([sampled_gaussian(10_000.0, 1e-9, 10)], 9)
    assert 0 < tiny < 1e-9


@pytest.mark.parametrize(
    "one",
    [
        sampled_gaussian(1e-200, 0.5, 1),
        event(Kind.GAUSSIAN, 1, noise_multiplier=1e-200),
        event(Kind.LAPLACE, 1, scale=1e-310),
        event(Kind.DISCRETE_LAPLACE, 1, scale=1e-310, sensitivity=1),
    ],
)
def test_a_divergence_beyond_all_numbers_is_infinite(one: Event) -> None:
    assert divergence([one], 9) == math.inf
    assert divergence([one.times(0)], 9) == 0


@pytest.mark.parametrize("order", [1, 0, 2.5, -1])
def test_an_order_that_is_none_has_no_divergence(order: Any) -> None:
    with pytest.raises(PrivacyFault):
        divergence([sampled_gaussian(1.0, 0.1, 1)], order)
