"""What the contracts of a register promise of its privacy, and what jobs may spend of it.

Rules:
- Cap and spending are those of a register of persons, which several datasets may share.
- Promises add up plainly: the sum of ε and the sum of δ over the contracts stay within the
  register's cap. That is what negotiation checks, without any computation.
- Jobs compose by the accountant (PLD) over all events: those of the contract within the contract's
  ε at its δ, those of the register within the cap. That is what acceptance of a job checks.
- Charge before release: a job is reserved in full when it is accepted, a round is committed before
  it starts, the rest is released when the job ends.

INVARIANT: `reserve` writes only when no reservation was added or grew since the one that the
accountant saw, so that jobs accepted at the same time cannot overspend together.

The accountant runs outside the node's process and never inside a transaction. What a contract's
terms are is `services/federate_terms.py`; figures for people are `services/budget_report.py`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from math import isfinite

from connector.domain.budget import Reservation, ReservationState
from connector.domain.decision import Refusal
from connector.domain.negotiation import Agreement, NegotiationState, Role
from connector.domain.register import Register
from connector.errors import BudgetExceeded, CapExceeded, NotFound, RoundRefused
from connector.ports import Accountant, Transaction
from connector.services.federate_terms import privacy_limits

# Sums and comparisons of ε and δ tolerate the last bits of binary fractions, and nothing else.
_TOLERANCE = 1e-9
_NOT_STANDING = frozenset({NegotiationState.TERMINATED})


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

    def covers(self, current: Iterable[Reservation]) -> bool:
        """Whether nothing in `current` counts more than it did here."""
        seen = {item.job_id: item.counted_steps for item in self.reservations}
        return all(item.counted_steps <= seen.get(item.job_id, -1) for item in current)


@dataclass(frozen=True, slots=True)
class Figures:
    """ε of a job and of what it comes on top of, by the accountant.

    Attributes:
        declared: of the job alone, at the manifest's δ.
        alone: of the job alone, at the contract's δ.
        before: of the contract's other jobs, at its δ.
        after: of those and the job.
        all_before: of the register's other jobs, at the cap's δ.
        all_after: of those and the job.
    """

    declared: float
    alone: float
    before: float
    after: float
    all_before: float
    all_after: float


def within(value: float, limit: float) -> bool:
    """Whether a spent or promised quantity is within its limit; what is not finite is not."""
    return isfinite(value) and value <= limit * (1 + _TOLERANCE)


def spending(tx: Transaction, register: Register) -> Spending:
    """Read what is reserved and committed of a register."""
    return Spending(register, tuple(tx.reservations.find(register_id=register.id)))


def promised(
    tx: Transaction, register: Register, now: datetime, *, excluding: str = ""
) -> tuple[float, float]:
    """Return (Σε, Σδ) that the contracts of a register may still cost a person.

    A contract counts in full from AGREED on while it runs. After its end it counts what its jobs
    committed, never more than it allowed; a terminated one that committed nothing counts nothing.

    Args:
        tx: the transaction.
        register: the register.
        now: UTC.
        excluding: id of an agreement to leave out (the one being decided).
    """
    spent = spending(tx, register)
    sums = [
        _promise(tx, agreement, spent, now)
        for dataset in tx.datasets.find(register_id=register.id)
        for agreement in tx.agreements.find(dataset_id=dataset.id)
        if agreement.role is Role.PROVIDER and agreement.id != excluding
    ]
    return sum(epsilon for epsilon, _ in sums), sum(delta for _, delta in sums)


def check_agreement(
    tx: Transaction,
    register: Register,
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
    cap = register.cap
    if cap is None:
        return None
    epsilons, deltas = promised(tx, register, now, excluding=excluding)
    if not within(epsilons + epsilon, cap.epsilon):
        left = max(cap.epsilon - epsilons, 0.0)
        return _cap(register, f"has ε {left:.4g} of {cap.epsilon:g} left, {epsilon:g} was asked")
    if not within(deltas + delta, cap.delta):
        left = max(cap.delta - deltas, 0.0)
        return _cap(register, f"has δ {left:.4g} of {cap.delta:g} left, {delta:g} was asked")
    return None


def account(
    accountant: Accountant,
    seen: Spending,
    agreement: Agreement,
    new: Reservation,
    declared_delta: float,
) -> Figures:
    """Compute all that a job's acceptance rests on, in one question to the accountant.

    Takes seconds; call it outside transactions.

    Args:
        accountant: composes.
        seen: what is reserved and committed of the register.
        agreement: contract that the job spends from.
        new: the job's reservation; its `epsilon` is not read.
        declared_delta: δ of the manifest.

    Raises:
        WorkerFailed: the accountant did not answer; nothing is decided.
    """
    own, delta = seen.of_agreement(agreement.id), privacy_limits(agreement)[1]
    cap_delta = seen.register.cap.delta if seen.register.cap else delta
    declared, alone, before, after, all_before, all_after = accountant.epsilons(
        [
            (counted([new]), declared_delta),
            (counted([new]), delta),
            (counted(own), delta),
            (counted([*own, new]), delta),
            (counted(seen.reservations), cap_delta),
            (counted([*seen.reservations, new]), cap_delta),
        ]
    )
    return Figures(declared, alone, before, after, all_before, all_after)


def check_job(figures: Figures, agreement: Agreement, register: Register) -> Refusal | None:
    """Return why a job may not be charged, or None: contract first, then the register's cap."""
    epsilon = privacy_limits(agreement)[0]
    if not within(figures.after, epsilon):
        left = epsilon - figures.before
        return _over(BudgetExceeded.code, "the contract", left, epsilon, figures, figures.after)
    if register.cap is None or within(figures.all_after, register.cap.epsilon):
        return None
    left, where = register.cap.epsilon - figures.all_before, f"the register `{register.id}`"
    return _over(CapExceeded.code, where, left, register.cap.epsilon, figures, figures.all_after)


def reserve(tx: Transaction, seen: Spending, new: Reservation) -> bool:
    """Set ε aside for a job; False when more is reserved than was seen, or the cap fell since.

    Idempotent for a job that has its reservation.
    """
    register = tx.registers.lock(seen.register.id)
    if tx.reservations.get(new.job_id) is not None:
        return True
    if register is None or register.cap != seen.register.cap:
        return False
    if not seen.covers(tx.reservations.find(register_id=seen.register.id)):
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
        raise RoundRefused(f"round {number} was asked, round {kept.committed_rounds + 1} is next")
    if number * kept.steps_per_round > kept.steps:
        raise BudgetExceeded(f"round {number} goes beyond the {kept.steps} steps reserved")
    spent = replace(kept, committed_rounds=number)
    register = tx.registers.lock(kept.register_id)
    if register is None:
        raise NotFound(f"no register `{kept.register_id}`")
    tx.reservations.put(spent)
    tx.registers.put(replace(register, charges=register.charges + 1))
    return spent


def release(tx: Transaction, job_id: str) -> None:
    """Close a job's reservation: what was not committed is free again. Idempotent."""
    kept = tx.reservations.lock(job_id)
    if kept is not None and kept.state is ReservationState.OPEN:
        tx.reservations.put(replace(kept, state=ReservationState.CLOSED))


def counted(reservations: Iterable[Reservation]) -> list[Mapping[str, float]]:
    """Return the events that reservations count: open jobs in full, closed ones as committed."""
    return _events((item, item.counted_steps) for item in reservations)


def committed(reservations: Iterable[Reservation]) -> list[Mapping[str, float]]:
    """Return the events that reservations have committed."""
    return _events((item, item.committed_rounds * item.steps_per_round) for item in reservations)


def event(noise_multiplier: float, sampling_rate: float, steps: int) -> Mapping[str, float]:
    """Return a subsampled Gaussian event as the accountant takes it."""
    return {
        "noise_multiplier": noise_multiplier,
        "sampling_rate": sampling_rate,
        "steps": float(steps),
    }


def _events(spent: Iterable[tuple[Reservation, int]]) -> list[Mapping[str, float]]:
    return [
        event(item.noise_multiplier, item.sampling_rate, steps) for item, steps in spent if steps
    ]


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
    if agreement.finalized:  # nothing follows FINALIZED, so the many need no look-up each
        return True
    negotiation = tx.negotiations.get(agreement.pid)
    return negotiation is None or negotiation.state not in _NOT_STANDING


def _cap(register: Register, rest: str) -> Refusal:
    return Refusal(CapExceeded.code, (f"the cap of register `{register.id}` {rest}",))


def _over(
    code: str, where: str, left: float, limit: float, figures: Figures, total: float
) -> Refusal:
    reason = (
        f"{where} has ε {max(left, 0.0):.4g} of {limit:g} left, the job asks {figures.alone:.4g} "
        f"(together {total:.4g})"
    )
    return Refusal(code, (reason,))
