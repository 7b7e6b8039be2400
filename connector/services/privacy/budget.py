"""What the contracts of a register promise of its privacy, and what jobs may spend of it.

Rules:
- Cap and spending are those of a register of persons, which several datasets may share.
- Promises add up plainly: the sum of ε and the sum of δ over the contracts stay within the
  register's cap. That is what negotiation checks, without any computation.
- A job must fit its contract and the register, each by its own rule (`federated/privacy/ledger`).
  That is what acceptance of a job checks.
- Charge before release: a job is reserved in full when it is accepted, a round is committed before
  it starts; what an ended job counts is said by the rule.

INVARIANT: `reserve` writes only when no reservation was added since the accountant saw them, so
that jobs accepted at the same time cannot overspend together.

The accountant runs outside the node's process and never inside a transaction. Figures for people
are `standing.py`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from math import isfinite
from typing import Final

from connector.domain.contract.negotiation import Agreement
from connector.domain.decision import Refusal
from connector.domain.privacy import tally
from connector.domain.privacy.budget import Reservation, ReservationState
from connector.domain.privacy.promise import Claim
from connector.domain.privacy.register import Register
from connector.enforcement import carried
from connector.enforcement.steps import registry as steps
from connector.errors import BudgetExceeded, CapExceeded, NotFound, PolicyInvalid, RoundRefused
from connector.identity import agreement as documents
from connector.ports import Accountant, Transaction
from connector.services.lookup import require
from connector.services.negotiation import agree
from connector.services.negotiation.plans import plan_of
from federated.errors import PrivacyFault
from federated.privacy import ledger
from federated.privacy.ledger import Amount, Budget
from federated.privacy.question import Divergence, Epsilon, Question
from federated.privacy.rule import Rule, fixed

# Sums and comparisons of ε and δ tolerate the last bits of binary fractions, and nothing else.
_TOLERANCE = 1e-9
MOST_JOBS: Final = 1000  # charged to one contract; what peers keep of this node has room for many


@dataclass(frozen=True, slots=True)
class Spending:
    """Reservations of one register as one transaction saw them.

    Attributes:
        register: the register.
        reservations: all of it, open and closed.
    """

    register: Register
    reservations: tuple[Reservation, ...]

    def of_agreement(self, agreement_id: str) -> tuple[Reservation, ...]:
        """Return those of one contract."""
        return tuple(item for item in self.reservations if item.agreement_id == agreement_id)

    def covers(self, jobs: frozenset[str]) -> bool:
        """Whether the reservation of each of these was seen; none ever counts more later."""
        return jobs <= {item.job_id for item in self.reservations}


@dataclass(frozen=True, slots=True)
class Level:
    """One of the budgets that a job must fit.

    Attributes:
        code: of a refusal.
        where: whose budget it is, for people.
        budget: the budget.
        before: what its other jobs count.
        job: what the job would count.
    """

    code: str
    where: str
    budget: Budget
    before: Amount
    job: Amount


@dataclass(frozen=True, slots=True)
class Figures:
    """What a job costs and what it comes on top of.

    Attributes:
        epsilon: of the whole job alone, at the δ that it states, by PLD.
        levels: the budgets that it must fit: the contract's, then the register's where it has one.
        jobs: how many are charged to the contract before it.
    """

    epsilon: float
    levels: tuple[Level, ...]
    jobs: int


def within(value: float, limit: float) -> bool:
    """Whether a spent or promised quantity is within its limit; what is not finite is not."""
    return isfinite(value) and value <= limit * (1 + _TOLERANCE)


def spending(tx: Transaction, register: Register) -> Spending:
    """Read what is reserved and committed of a register."""
    return Spending(register, tuple(tx.reservations.find(register_id=register.id)))


def promised(tx: Transaction, register: Register, now: datetime) -> tuple[float, float]:
    """Return (Σε, Σδ) that the contracts of a register may still cost a person.

    A contract counts in full from AGREED on while it stands and runs, also while it is
    suspended. After that it counts what
    its jobs committed, never more than it allowed. A contract of which only jobs are known, since
    a recovery, counts those.
    """
    sums = [tx.promises.standing(register.id, now)]
    sums += [_jobs(claim) for claim in tx.promises.ended(register.id, now)]
    return sum(epsilon for epsilon, _ in sums), sum(delta for _, delta in sums)


def check_agreement(
    tx: Transaction, register: Register, epsilon: float, delta: float, now: datetime
) -> Refusal | None:
    """Return why a further contract of (ε, δ) may not be concluded, or None.

    Call it in the write transaction that stores the agreement: writers run one after another, so
    that two negotiations cannot promise the same ε.
    """
    cap = register.cap
    if cap is None:
        return None
    whole = tx.forfeits.get(register.id)
    if whole is not None:
        return Refusal(CapExceeded.code, (whole.reason,))
    epsilons, deltas = promised(tx, register, now)
    if not within(epsilons + epsilon, cap.epsilon):
        return _cap(register, f"ε {epsilon:g}")
    if not within(deltas + delta, cap.delta):
        return _cap(register, f"δ {delta:g}")
    return None


def account(
    accountant: Accountant, seen: Spending, agreement: Agreement, new: Reservation
) -> Figures:
    """Compute all that a job's acceptance rests on, in one question to the accountant.

    Takes seconds; call it outside transactions.

    Args:
        accountant: composes.
        seen: what is reserved and committed of the register.
        agreement: contract that the job spends from.
        new: the job's reservation, with the δ that it states; its `epsilon` is not read.

    Raises:
        WorkerFailed: the accountant did not answer; nothing is decided.
        PolicyInvalid: the contract's figures are no budget.
    """
    own = seen.of_agreement(agreement.id)
    places = [(BudgetExceeded.code, "the contract", budget_of(agreement), own)]
    held = register_budget(seen.register)
    if held is not None:
        where = f"the register `{seen.register.id}`"
        places.append((CapExceeded.code, where, held, seen.reservations))
    questions: list[Question] = [Epsilon(new.released(new.rounds), new.delta)]
    for _, _, budget, others in places:
        questions += [*asked(budget, others), *asked(budget, [new])]
    answers = iter(accountant.costs(questions))
    epsilon = next(answers)
    priced = replace(new, epsilon=epsilon)
    levels = [
        Level(
            code, where, budget, amount(budget, others, answers), amount(budget, [priced], answers)
        )
        for code, where, budget, others in places
    ]
    charged = sum(1 for item in own if item.counted_rounds(Rule.SUMS))
    return Figures(epsilon, tuple(levels), charged)


def check_job(figures: Figures) -> Refusal | None:
    """Return why a job may not be charged, or None: contract first, then the register's cap."""
    if figures.jobs >= MOST_JOBS:
        reason = f"the contract has run {figures.jobs} jobs, as many as it may"
        return Refusal(BudgetExceeded.code, (reason,))
    for level in figures.levels:
        if not ledger.admits(level.budget, [level.before, level.job]):
            return Refusal(level.code, (_too_much(level),))
    return None


def asked(budget: Budget, reservations: Iterable[Reservation]) -> list[Question]:
    """Return what must be asked of the accountant to know what reservations count."""
    rule, order = budget.accounting.rule, budget.accounting.order
    if rule is Rule.SUMS:
        return []
    counted = ((item, item.counted_rounds(rule)) for item in reservations)
    return [Divergence(item.released(rounds), order) for item, rounds in counted if rounds]


def amounts(
    budget: Budget, reservations: Iterable[Reservation], answers: Iterator[float]
) -> list[Amount]:
    """Return what each reservation counts against a budget; by either rule, they add up.

    Args:
        budget: the budget, which says by which rule.
        reservations: all open in full, those that ended as the rule counts them.
        answers: of the accountant, to `asked`; those that are due are taken.
    """
    rule = budget.accounting.rule
    if rule is Rule.SUMS:
        each = [(item, item.counted_rounds(rule)) for item in reservations]
        return [(item.epsilon, item.delta) if rounds else (0.0, 0.0) for item, rounds in each]
    return [(next(answers) if item.counted_rounds(rule) else 0.0,) for item in reservations]


def amount(budget: Budget, reservations: Iterable[Reservation], answers: Iterator[float]) -> Amount:
    """Return what reservations count together against a budget, see `amounts`."""
    return ledger.total(budget, amounts(budget, reservations, answers))


def budget_of(agreement: Agreement) -> Budget:
    """Return what a contract allows, as both signed it, also one that none could contract today.

    A contract of version 1 states no rule: it is held to Rényi, at the order that follows from its
    ε and δ alone.

    Raises:
        PreauError: its document cannot be read, or has no such figures.
        PolicyInvalid: its figures are no budget.
    """
    document = documents.read(agreement.document)
    rule = document.accounting
    if document.plan is None:
        epsilon, delta = carried.budget(agree.policy_of(agreement))
    else:
        epsilon, delta = steps.spends(plan_of(agreement))
    try:
        return Budget(epsilon, delta, rule or fixed(Rule.RENYI, epsilon, delta))
    except PrivacyFault as exc:
        raise PolicyInvalid(exc.reason) from exc


def register_budget(register: Register) -> Budget | None:
    """Return what a register allows; None where it has no cap."""
    cap = register.cap
    return None if cap is None else Budget(cap.epsilon, cap.delta, register.accounting)


def reserve(tx: Transaction, seen: Spending, new: Reservation) -> bool:
    """Set ε aside for a job; False when what was seen is no longer all that counts.

    Idempotent for a job that has its reservation.
    """
    register = tx.registers.lock(seen.register.id)
    if tx.reservations.get(new.job_id) is not None:
        return True
    dataset = tx.datasets.get(new.dataset_id)
    if register is None or dataset is None or dataset.register_id != register.id:
        return False
    if register.cap != seen.register.cap:
        return False
    if not seen.covers(tx.promises.jobs(seen.register.id)):  # no value is read under the lock
        return False
    return tx.reservations.add(new)


def commit_round(tx: Transaction, job_id: str, number: int) -> Reservation:
    """Write down that a round is spent, before it starts, and count it in the register.

    Idempotent: a round that was committed is not committed again. Rounds come in order, without
    gaps, and never more than were reserved.

    Raises:
        NotFound: the job has no reservation, or the reservation no register.
        RoundRefused: the reservation is closed, or the round is out of order.
        BudgetExceeded: the round goes beyond what was reserved.
    """
    kept = tx.reservations.lock(job_id)
    if kept is None:
        raise NotFound(f"job `{job_id}` has no reservation")
    if kept.state is not ReservationState.OPEN:
        raise RoundRefused(f"the budget of job `{job_id}` is closed")
    if number <= kept.committed_rounds:
        return kept
    if number != kept.committed_rounds + 1:
        raise RoundRefused(
            f"round {number} was asked for, round {kept.committed_rounds + 1} is next"
        )
    if number > kept.rounds:
        raise BudgetExceeded(f"round {number} goes beyond the {kept.rounds} rounds reserved")
    spent = replace(kept, committed_rounds=number)
    register = require(tx.registers.lock(kept.register_id), "register", kept.register_id)
    tx.reservations.put(spent)
    tx.registers.put(replace(register, charges=register.charges + 1))
    return spent


def commit_next(tx: Transaction, job_id: str) -> Reservation:
    """Write down that one more round of a job is spent, whichever number it has.

    Raises:
        NotFound: as `commit_round`, as the rest.
        RoundRefused: the reservation is closed.
        BudgetExceeded: it goes beyond what was reserved.
    """
    kept = tx.reservations.lock(job_id)
    return commit_round(tx, job_id, kept.committed_rounds + 1 if kept else 1)


def commit_first(tx: Transaction, job_id: str) -> Reservation:
    """Write down that a round of a job is spent, unless one is.

    Raises:
        NotFound: as `commit_round`, as the rest.
        RoundRefused: the reservation is closed.
    """
    return commit_round(tx, job_id, 1)


def release(tx: Transaction, job_id: str) -> None:
    """Close a job's reservation: what was not committed is free again. Idempotent."""
    kept = tx.reservations.lock(job_id)
    if kept is not None and kept.state is ReservationState.OPEN:
        tx.reservations.put(replace(kept, state=ReservationState.CLOSED))


def exhaust(tx: Transaction, job_id: str) -> None:
    """Close a job's reservation as if all its rounds had been charged. Idempotent."""
    kept = tx.reservations.lock(job_id)
    if kept is not None and kept.state is ReservationState.OPEN:
        tx.reservations.put(tally.spent(kept))


def _jobs(claim: Claim) -> tuple[float, float]:
    """Jobs cost at most what each costs alone, and what acceptance held them to together."""
    summed = within(claim.epsilon, claim.allowed_epsilon)
    if summed and within(claim.delta, claim.allowed_delta):
        return claim.epsilon, claim.delta
    return claim.allowed_epsilon, claim.allowed_delta


def _cap(register: Register, asked: str) -> Refusal:
    """Return the refusal that a counterparty gets: what is left would tell what others promised."""
    where = f"the cap of register `{register.id}`"
    reason = f"{where}, over all its contracts, has less left than the {asked} asked for"
    return Refusal(CapExceeded.code, (reason,))


def _too_much(level: Level) -> str:
    """Return a refusal's reason: what the job asks, and of the lead's own contract what is left."""
    if level.code == CapExceeded.code:
        amounts = ", ".join(f"{each:.4g}" for each in level.job)
        return f"{level.where}, over all its contracts, has less left than the {amounts} asked for"
    limit, left = level.budget.limit, ledger.left(level.budget, [level.before])
    sums = level.budget.accounting.rule is Rule.SUMS
    names = ("ε", "δ") if sums else ("divergence",)
    parts = [
        f"{name} {there:.4g} of {most:.4g} left, {job:.4g} asked for"
        for name, there, most, job in zip(names, left, limit, level.job, strict=True)
    ]
    return f"{level.where} has {', '.join(parts)} ({level.budget.accounting})"
