"""What the contracts of a dataset promise of its privacy, and what jobs may spend of it.

Rules:
- Promises add up plainly: the sum of ε and the sum of δ over the contracts stay within the
  dataset's cap. That is what negotiation checks, without any computation.
- Jobs compose by the accountant (PLD) over all events: those of the contract within the contract's
  ε at its δ, those of the dataset within the cap. That is what acceptance of a job checks.
- Charge before release: a job is reserved in full when it is accepted, a round is committed before
  it starts, the rest is released when the job ends.

INVARIANT: `reserve` writes only when no reservation was added or grew since the one that the
accountant saw, so that jobs accepted at the same time cannot overspend together.

The accountant runs outside the node's process and never inside a transaction. What a contract's
terms are is `services/federate_terms.py`; figures for people are `services/budget_report.py`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from math import inf, isfinite

from connector.domain.budget import Reservation, ReservationState
from connector.domain.dataset import Dataset
from connector.domain.decision import Refusal
from connector.domain.negotiation import Agreement, NegotiationState, Role
from connector.errors import BudgetExceeded, CapExceeded, JobRefused, NotFound, RoundRefused
from connector.ports import Accountant, Ports, Transaction
from connector.services.federate_terms import privacy_limits

# Sums and comparisons of ε and δ tolerate the last bits of binary fractions, and nothing else.
_TOLERANCE = 1e-9
_NOT_STANDING = frozenset({NegotiationState.TERMINATED})


@dataclass(frozen=True, slots=True)
class Spending:
    """Reservations of one dataset as one transaction saw them.

    Attributes:
        dataset_id: the dataset.
        reservations: all of it, open and closed.
    """

    dataset_id: str
    reservations: tuple[Reservation, ...]

    def of_agreement(self, agreement_id: str) -> tuple[Reservation, ...]:
        """Return those of one contract."""
        return tuple(item for item in self.reservations if item.agreement_id == agreement_id)

    def covers(self, current: Iterable[Reservation]) -> bool:
        """Whether nothing in `current` counts more than it did here."""
        seen = {item.job_id: item.counted_steps for item in self.reservations}
        return all(item.counted_steps <= seen.get(item.job_id, -1) for item in current)


def within(value: float, limit: float) -> bool:
    """Whether a spent or promised quantity is within its limit; what is not finite is not."""
    return isfinite(value) and value <= limit * (1 + _TOLERANCE)


def spending(tx: Transaction, dataset_id: str) -> Spending:
    """Read what is reserved and committed of a dataset."""
    return Spending(dataset_id, tuple(tx.reservations.find(dataset_id=dataset_id)))


def promised(
    tx: Transaction, dataset_id: str, now: datetime, *, excluding: str = ""
) -> tuple[float, float]:
    """Return (Σε, Σδ) that the contracts of a dataset may still cost a person.

    A contract counts in full from AGREED on while it runs. After its end it counts what its jobs
    committed, never more than it allowed; a terminated one that committed nothing counts nothing.

    Args:
        tx: the transaction.
        dataset_id: the dataset.
        now: UTC.
        excluding: id of an agreement to leave out (the one being decided).
    """
    spent = spending(tx, dataset_id)
    sums = [
        _promise(tx, agreement, spent, now)
        for agreement in tx.agreements.find(dataset_id=dataset_id)
        if agreement.role is Role.PROVIDER and agreement.id != excluding
    ]
    return sum(epsilon for epsilon, _ in sums), sum(delta for _, delta in sums)


def check_agreement(
    tx: Transaction,
    dataset: Dataset,
    epsilon: float,
    delta: float,
    now: datetime,
    *,
    excluding: str = "",
) -> Refusal | None:
    """Return why a further contract of (ε, δ) may not be concluded, or None.

    Call it in the write transaction that stores the agreement: writers run one after another, so
    that two negotiations cannot promise the same ε.
    """
    if dataset.cap is None:
        return None
    epsilons, deltas = promised(tx, dataset.id, now, excluding=excluding)
    cap = dataset.cap
    if not within(epsilons + epsilon, cap.epsilon):
        left = max(cap.epsilon - epsilons, 0.0)
        return _cap(dataset, f"has ε {left:.4g} of {cap.epsilon:g} left, {epsilon:g} was asked")
    if not within(deltas + delta, cap.delta):
        left = max(cap.delta - deltas, 0.0)
        return _cap(dataset, f"has δ {left:.4g} of {cap.delta:g} left, {delta:g} was asked")
    return None


def check_job(
    ports: Ports, seen: Spending, agreement: Agreement, dataset: Dataset, new: Reservation
) -> Refusal | None:
    """Return why a job may not be charged, or None.

    Composes by the accountant: all events of the contract with the new one at the contract's δ,
    then all events of the dataset at the cap's δ. Takes seconds; call it outside transactions.

    Raises:
        WorkerFailed: the accountant did not answer; nothing is decided.
    """
    epsilon, delta = privacy_limits(agreement)
    own = seen.of_agreement(agreement.id)
    total = spent_epsilon(ports.accountant, [*own, new], delta)
    if not within(total, epsilon):
        left = epsilon - spent_epsilon(ports.accountant, own, delta)
        return _over(BudgetExceeded.code, "the contract", left, epsilon, new, total)
    if dataset.cap is None:
        return None
    everything = [*seen.reservations, new]
    cap = dataset.cap
    if len(everything) > len(own) + 1 or cap.delta != delta:
        total = spent_epsilon(ports.accountant, everything, cap.delta)
    if not within(total, cap.epsilon):
        left = cap.epsilon - spent_epsilon(ports.accountant, seen.reservations, cap.delta)
        where = f"the dataset `{dataset.id}`"
        return _over(CapExceeded.code, where, left, cap.epsilon, new, total)
    return None


def reserve(tx: Transaction, seen: Spending, new: Reservation) -> bool:
    """Set ε aside for a job; False when more is reserved than the accountant saw (check again).

    Idempotent for a job that has its reservation.
    """
    tx.datasets.lock(seen.dataset_id)
    if tx.reservations.get(new.job_id) is not None:
        return True
    if not seen.covers(tx.reservations.find(dataset_id=seen.dataset_id)):
        return False
    return tx.reservations.add(new)


def commit_round(tx: Transaction, job_id: str, number: int) -> Reservation:
    """Write down that a round is spent, before it starts.

    Idempotent: a round that was committed is not committed again. Rounds come in order, without
    gaps, and never more than were reserved.

    Raises:
        NotFound: the job has no reservation.
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
        raise RoundRefused(f"round {number} was asked, round {kept.committed_rounds + 1} is next")
    if number * kept.steps_per_round > kept.steps:
        raise BudgetExceeded(f"round {number} goes beyond the {kept.steps} steps reserved")
    spent = replace(kept, committed_rounds=number)
    tx.reservations.put(spent)
    return spent


def release(tx: Transaction, job_id: str) -> None:
    """Close a job's reservation: what was not committed is free again. Idempotent."""
    kept = tx.reservations.lock(job_id)
    if kept is not None and kept.state is ReservationState.OPEN:
        tx.reservations.put(replace(kept, state=ReservationState.CLOSED))


def spent_epsilon(
    accountant: Accountant,
    reservations: Sequence[Reservation],
    delta: float,
    *,
    committed: bool = False,
) -> float:
    """Return ε at δ of what reservations count (or have committed), composed; 0 for nothing.

    Events that have no finite ε at that δ cost infinity.

    Raises:
        WorkerFailed: the accountant did not answer.
    """
    events = [
        {
            "noise_multiplier": item.noise_multiplier,
            "sampling_rate": item.sampling_rate,
            "steps": float(steps),
        }
        for item in reservations
        if (steps := _committed(item) if committed else item.counted_steps) > 0
    ]
    return cost(accountant, events, delta)


def cost(accountant: Accountant, events: Sequence[Mapping[str, float]], delta: float) -> float:
    """Return ε at δ of composed events: 0 for none, infinity where the accountant knows no ε.

    Raises:
        WorkerFailed: the accountant did not answer.
    """
    try:
        return accountant.epsilon(events, delta) if events else 0.0
    except JobRefused:  # an unknown mechanism costs infinity here too
        return inf


def _committed(item: Reservation) -> int:
    return item.committed_rounds * item.steps_per_round


def _promise(
    tx: Transaction, agreement: Agreement, spent: Spending, now: datetime
) -> tuple[float, float]:
    epsilon, delta = privacy_limits(agreement)
    over = agreement.valid_until is not None and agreement.valid_until <= now
    if not over and _stands(tx, agreement):
        return epsilon, delta
    own = [item for item in spent.of_agreement(agreement.id) if item.counted_steps > 0]
    # One job alone costs its own ε at the contract's δ. Several together cost no more than the
    # contract's ε at that δ, since acceptance composed them; their plain sum holds at no one δ.
    if len(own) == 1:
        return min(own[0].epsilon, epsilon), delta
    return (epsilon, delta) if own else (0.0, 0.0)


def _stands(tx: Transaction, agreement: Agreement) -> bool:
    negotiation = tx.negotiations.get(agreement.pid)
    return negotiation is None or negotiation.state not in _NOT_STANDING


def _cap(dataset: Dataset, rest: str) -> Refusal:
    return Refusal(CapExceeded.code, (f"the cap of dataset `{dataset.id}` {rest}",))


def _over(
    code: str, where: str, left: float, limit: float, new: Reservation, total: float
) -> Refusal:
    reason = (
        f"{where} has ε {max(left, 0.0):.4g} of {limit:g} left, the job asks {new.epsilon:.4g} "
        f"(together {total:.4g})"
    )
    return Refusal(code, (reason,))
