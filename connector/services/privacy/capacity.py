"""How many rounds of a job, or tables with noise, still fit a budget.

Rules: the answer is that of the rule by which a budget is kept, so that what is said to fit is
admitted while nothing else is charged; nothing is stored. A budget is one that is only thought of
(ε, δ; under either rule), or that of a contract of this node with all that is charged to it and to
its register.

Rounds belong to one job, which states its δ: PLD under sums, the divergence under Rényi. Tables are
jobs of their own. A table of ε without δ is counted as the mechanism that leaks the most of all
that are ε-private: geometric noise on one whole number, whose loss is ε or -ε (Kairouz, Oh and
Viswanath 2015, on randomised response). One with a δ is counted under Rényi by its ρ
(`enforcement/steps/spending.py`), under sums by the ε that it states, which its PLD never passes.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from connector.domain.contract.negotiation import Role
from connector.domain.privacy.budget import Reservation
from connector.errors import Malformed, NotFound
from connector.ports import Accountant, Ports
from connector.services.lookup import require
from connector.services.privacy.budget import (
    MOST_JOBS,
    amount,
    asked,
    budget_of,
    register_budget,
    spending,
)
from connector.services.privacy.registers import register_of
from federated.errors import EventUnknown, PrivacyFault
from federated.job import MAX_ROUNDS, MAX_STEPS
from federated.manifest import released
from federated.privacy import ledger
from federated.privacy.event import Event, Kind, event
from federated.privacy.ledger import Amount, Budget
from federated.privacy.question import Divergence, Epsilon
from federated.privacy.rule import Rule, fixed
from federated.task.evaluation import LEAST_BINS, LEAST_NOISE, MOST_NOISE, Evaluation


@dataclass(frozen=True, slots=True)
class Rounds:
    """Rounds of one job of training.

    Attributes:
        noise_multiplier: σ.
        sampling_rate: q.
        steps: of one round.
        delta: that the job states; 0: all that is left.
        evaluation_noise: σ of evaluations of the job's models; 0: there are none.
        every: a model is evaluated after each so many rounds, and the last one; 0: that alone.
    """

    noise_multiplier: float
    sampling_rate: float
    steps: int
    delta: float = 0.0
    evaluation_noise: float = 0.0
    every: int = 0

    def released(self, number: int) -> tuple[Event, ...]:
        """Return what a job of so many of these rounds releases at a site.

        Raises:
            EventUnknown: a number is out of range.
        """
        if self.steps < 1 or not 0 <= self.delta < 1:
            raise EventUnknown("a round has 1 step or more, its job a δ of 0 or more, and below 1")
        if self.every < 0 or (self.every and not self.evaluation_noise):
            raise EventUnknown("evaluations must be at least 1 round apart, and have noise")
        asked = None
        if self.evaluation_noise:
            if not LEAST_NOISE < self.evaluation_noise <= MOST_NOISE:
                raise EventUnknown(
                    f"noise of evaluations is above {LEAST_NOISE}, and at most {MOST_NOISE:g}"
                )
            asked = Evaluation(self.every or number, LEAST_BINS, self.evaluation_noise)
        noise, rate = self.noise_multiplier, self.sampling_rate
        return released(noise, rate, self.steps, number, asked).of(number)


@dataclass(frozen=True, slots=True)
class Tables:
    """Tables with noise.

    Attributes:
        epsilon: that each spends.
        delta: that each spends; 0 for discrete Laplace noise.
    """

    epsilon: float
    delta: float = 0.0

    def released(self, number: int) -> tuple[Event, ...]:
        """Return what so many tables release, at most.

        Raises:
            EventUnknown: a number is out of range.
        """
        if not 0 < self.epsilon < math.inf or not 0 <= self.delta < 1:
            raise EventUnknown("a table spends ε above 0, and δ of 0 or more, and below 1")
        if not self.delta:
            one = event(Kind.DISCRETE_LAPLACE, number, scale=1 / self.epsilon, sensitivity=1)
            return (one,)
        bits = -math.log(self.delta)
        root = math.sqrt(bits + self.epsilon) - math.sqrt(bits)  # √ρ
        return (event(Kind.GAUSSIAN, number, noise_multiplier=1 / (math.sqrt(2) * root)),)


@dataclass(frozen=True, slots=True)
class Room:
    """What fits one budget.

    Attributes:
        where: whose budget it is, for people.
        budget: the budget.
        left: ε that is left of it.
        most: rounds or tables that fit, beside what is charged.
    """

    where: str
    budget: Budget
    left: float
    most: int


@dataclass(frozen=True, slots=True)
class _Place:
    """A budget and what counts against it; `closed` where a recovery left nothing."""

    where: str
    budget: Budget
    charged: tuple[Reservation, ...]
    closed: bool = False


def of_budget(ports: Ports, epsilon: float, delta: float, what: Rounds | Tables) -> list[Room]:
    """Return what would fit a budget of (ε, δ) under each rule.

    Raises:
        Malformed: the numbers are no budget or no release.
        WorkerFailed: the accountant did not answer.
    """
    try:
        budgets = [Budget(epsilon, delta, fixed(rule, epsilon, delta)) for rule in Rule]
    except PrivacyFault as exc:
        raise Malformed(exc.reason) from exc
    return [
        room
        for each in budgets
        for room in _rooms(ports.accountant, [_Place("a contract", each, ())], MOST_JOBS, what)
    ]


def of_agreement(ports: Ports, agreement_id: str, what: Rounds | Tables) -> list[Room]:
    """Return what still fits a contract that this node provides, and its register.

    Raises:
        NotFound: no such contract is provided here.
        Malformed: the numbers are no release.
        PolicyInvalid: the contract's figures are no budget.
        WorkerFailed: the accountant did not answer.
    """
    with ports.store.read() as tx:
        found = tx.agreements.get(agreement_id)
        if found is None or found.role is not Role.PROVIDER or not found.epsilon > 0:
            raise NotFound(
                f"this node provides no contract `{agreement_id}` with a budget",
                hint="`preau agreement list` shows contracts; without one, pass `--epsilon` and "
                "`--delta`",
            )
        register = register_of(tx, require(tx.datasets.get(found.dataset_id), "dataset", ""))
        seen = spending(tx, register)
        own, cap = seen.of_agreement(found.id), register_budget(register)
        closed = [tx.forfeits.get(name) is not None for name in (found.id, register.id)]
    places = [_Place("the contract", budget_of(found), own, any(closed))]
    if cap is not None:
        where = f"the register `{register.id}`"
        places.append(_Place(where, cap, seen.reservations, closed[1]))
    jobs = sum(1 for item in own if item.counted_rounds(Rule.SUMS))
    return _rooms(ports.accountant, places, MOST_JOBS - jobs, what)


def _rooms(
    accountant: Accountant, places: Sequence[_Place], jobs: int, what: Rounds | Tables
) -> list[Room]:
    try:
        what.released(1)
    except EventUnknown as exc:
        raise Malformed(exc.reason) from exc
    questions = [each for place in places for each in asked(place.budget, place.charged)]
    answers = iter(accountant.costs(questions) if questions else [])
    before = [amount(place.budget, place.charged, answers) for place in places]
    delta = what.delta or min(map(_delta_left, places, before))
    limit = min(MAX_ROUNDS, MAX_STEPS // what.steps) if isinstance(what, Rounds) else jobs
    found = []
    for place, spent in zip(places, before, strict=True):
        left = 0.0 if place.closed else ledger.left_epsilon(place.budget, [spent])
        counts = _amounts(accountant, place.budget, what, delta)
        fits = _fitting(place.budget, spent, counts)
        most = _most(fits, limit) if left > 0 and jobs > 0 else 0
        found.append(Room(place.where, place.budget, left, most))
    return found


def _delta_left(place: _Place, spent: Amount) -> float:
    """Return the δ that one more job may state."""
    if place.budget.accounting.rule is Rule.SUMS:
        return ledger.left(place.budget, [spent])[1]
    return place.budget.delta


def _amounts(
    accountant: Accountant, budget: Budget, what: Rounds | Tables, delta: float
) -> Callable[[int], list[Amount]]:
    """Return what counts so many rounds, as one job, or so many tables, as many jobs."""
    sums, order = budget.accounting.rule is Rule.SUMS, budget.accounting.order

    def rounds(number: int) -> list[Amount]:
        events = what.released(number)
        question = Epsilon(events, delta) if sums else Divergence(events, order)
        (cost,) = accountant.costs([question])
        return [(cost, delta) if sums else (cost,)]  # rounds of one job are composed

    def tables(number: int) -> list[Amount]:
        if isinstance(what, Tables) and sums:
            return [(what.epsilon, what.delta)] * number
        (cost,) = accountant.costs([Divergence(what.released(1), order)])
        return [(cost,)] * number

    return rounds if isinstance(what, Rounds) else tables


def _fitting(
    budget: Budget, spent: Amount, counts: Callable[[int], list[Amount]]
) -> Callable[[int], bool]:
    return lambda number: ledger.admits(budget, [spent, *counts(number)])


def _most(fits: Callable[[int], bool], limit: int) -> int:
    """Return the largest number up to a limit that fits; what fits, fits with less."""
    low, high = 0, 1
    while high <= limit and fits(high):
        low, high = high, 2 * high
    high = min(high, limit + 1)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if fits(middle) else (low, middle)
    return low
