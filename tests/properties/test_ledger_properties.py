"""Algebra of budgets, for whatever jobs Hypothesis comes up with."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

from dp_accounting.privacy_accountant import NeighboringRelation
from dp_accounting.rdp import RdpAccountant
from hypothesis import given, settings
from hypothesis import strategies as st

from connector.domain.privacy.budget import Reservation, ReservationState
from federated.privacy import ledger
from federated.privacy.accountant import _step, epsilon
from federated.privacy.divergence import divergence
from federated.privacy.event import Event, Kind
from federated.privacy.ledger import Amount, Budget
from federated.privacy.rule import MOST_ORDER, Accounting, Rule, order_for
from tests.support.values import EVENTS, values_of

POSITIVE = st.floats(1e-9, 50.0)
DELTAS = st.floats(1e-12, 0.5)
BUDGETS = st.builds(Budget, POSITIVE, DELTAS, values_of(Accounting))
RESERVATIONS = values_of(Reservation)


@st.composite
def weighed(draw: st.DrawFn) -> tuple[Budget, list[Amount]]:
    """A budget, and what jobs count against it."""
    budget = draw(BUDGETS)
    amounts = st.tuples(*(st.floats(0.0, 20.0) for _ in budget.limit))
    return budget, draw(st.lists(amounts, max_size=8))


@given(case=weighed(), seed=st.randoms(use_true_random=False))
def test_the_order_of_jobs_does_not_matter(case: tuple[Budget, list[Amount]], seed: object) -> None:
    budget, amounts = case
    shuffled = list(amounts)
    seed.shuffle(shuffled)  # type: ignore[attr-defined] - a `random.Random`
    assert ledger.total(budget, shuffled) == ledger.total(budget, amounts)
    assert ledger.admits(budget, shuffled) == ledger.admits(budget, amounts)


@given(case=weighed())
def test_a_budget_only_falls(case: tuple[Budget, list[Amount]]) -> None:
    budget, amounts = case
    for count in range(len(amounts)):
        before, after = amounts[:count], amounts[: count + 1]
        assert all(
            a >= b
            for a, b in zip(ledger.left(budget, before), ledger.left(budget, after), strict=True)
        )
        assert ledger.left_epsilon(budget, before) >= ledger.left_epsilon(budget, after)
        assert ledger.epsilon_of(budget, before) <= ledger.epsilon_of(budget, after)
        assert ledger.admits(budget, before) or not ledger.admits(budget, after)


@given(case=weighed())
def test_what_is_admitted_one_by_one_never_passes_the_limit(
    case: tuple[Budget, list[Amount]],
) -> None:
    budget, amounts = case
    taken: list[Amount] = []
    for amount in amounts:
        if ledger.admits(budget, [*taken, amount]):
            taken.append(amount)
    for place, limit in enumerate(budget.limit):
        exact = sum((Fraction(repr(amount[place])) for amount in taken), Fraction(0))
        assert exact <= max(Fraction(repr(limit)) * (1 + Fraction(1, 10**12)), 0)


@given(tenth=st.integers(1, 40), count=st.integers(1, 60))
def test_sums_count_decimals_as_they_are_written(tenth: int, count: int) -> None:
    """Ten jobs of δ = 1e-6 fill δ = 1e-5, whatever binary fractions make of them."""
    part = float(f"{tenth}e-7")
    budget = Budget(1.0, float(f"{tenth * count}e-7"), Accounting(Rule.SUMS))
    assert ledger.admits(budget, [(0.0, part)] * count)
    assert not ledger.admits(budget, [(0.0, part)] * count + [(0.0, part * 1e-9)])
    thirds = [(0.0, budget.delta / 3)] * 3
    assert ledger.admits(budget, thirds)


@given(epsilon=st.floats(0.02, 100.0), delta=st.floats(1e-10, 0.1))
def test_the_order_that_follows_from_a_budget_leaves_room(epsilon: float, delta: float) -> None:
    order = order_for(epsilon, delta)
    assert 2 <= order <= MOST_ORDER
    if order < MOST_ORDER:
        assert min(Budget(epsilon, delta, Accounting(Rule.RENYI, order)).limit) > 0


@given(kept=RESERVATIONS, rule=st.sampled_from(Rule))
def test_ending_gives_back_unrun_rounds_under_renyi_only(kept: Reservation, rule: Rule) -> None:
    running = replace(kept, state=ReservationState.OPEN)
    ended = replace(kept, state=ReservationState.CLOSED)
    before, after = running.counted_rounds(rule), ended.counted_rounds(rule)
    assert before == kept.rounds
    assert kept.committed_rounds <= after <= before
    if rule is Rule.SUMS:
        assert after == (kept.rounds if kept.committed_rounds else 0)
    else:
        assert after == kept.committed_rounds


@settings(max_examples=100)
@given(event=EVENTS, order=st.integers(2, MOST_ORDER))
def test_a_divergence_is_no_less_than_the_librarys_and_hardly_more(
    event: Event, order: int
) -> None:
    """dp-accounting knows neither of the two kinds of discrete noise."""
    if event.kind in (Kind.DISCRETE_LAPLACE, Kind.DISCRETE_GAUSSIAN):
        event = replace(event, kind=Kind.LAPLACE, parameters=event.parameters[:1])
    library = RdpAccountant([order], NeighboringRelation.ADD_OR_REMOVE_ONE)
    (theirs,) = library.compose(_step(event), event.count).rdp
    assert theirs <= divergence([event], order) <= theirs * (1 + 1e-9) + event.count * 2e-12


@settings(max_examples=40, deadline=None)
@given(event=EVENTS, order=st.integers(2, 64), delta=st.floats(1e-9, 1e-2))
def test_no_divergence_promises_less_than_the_losses_themselves(
    event: Event, order: int, delta: float
) -> None:
    budget = Budget(1.0, delta, Accounting(Rule.RENYI, order))
    stated = ledger.epsilon_of(budget, [(divergence([event], order),)])
    assert epsilon([event], delta) <= stated + 2e-3
