"""What a table with noise is charged: reserved when it is granted, committed before it is made.

Rules: as a job of one round, by the same registers, budgets, tally and record
(`services/privacy/budget.py`): the accountant comes last, outside any transaction; grant,
reservation and audit event are one transaction; before a row is read for it the consumer holds a
tally that counts it, the spending is committed and on the disk. What was committed stays spent,
whatever becomes of the table.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial

from connector.domain.catalog.dataset import Dataset
from connector.domain.contract.negotiation import Agreement
from connector.domain.decision import Refusal
from connector.domain.privacy.budget import Reservation, ReservationState
from connector.enforcement.steps import spending as asked
from connector.errors import BudgetExceeded, NotFound
from connector.ports import Ports, Transaction
from connector.services.continuity import custody, recovery
from connector.services.continuity.counting import forfeited
from connector.services.evidence.own_log import CHARGED, head
from connector.services.privacy import budget
from connector.services.privacy.budget import Spending
from connector.services.privacy.cost import Cost, cost_of
from connector.services.privacy.registers import register_of
from federated.privacy.event import Event, Events, to_mapping


@dataclass(frozen=True, slots=True)
class Charge:
    """What a table is charged, and on top of what.

    Attributes:
        new: its reservation, of no use yet.
        seen: what else was reserved then.
        epoch: of the own log then.
    """

    new: Reservation
    seen: Spending
    epoch: int


def priced(
    ports: Ports, agreement: Agreement, dataset: Dataset, spent: asked.Spending
) -> Charge | Refusal:
    """Return what a table would be charged, or why it may not be.

    Args:
        ports: of this node.
        agreement: the contract.
        dataset: what it is about.
        spent: by the table, as its request and the plan say.

    Raises:
        WorkerFailed: the accountant did not answer; nothing is decided.
    """
    with ports.store.read() as tx:
        epoch = head(tx, ports.settings.did).epoch
        nothing_left = forfeited(tx, agreement.id, dataset.register_id)
        seen = budget.spending(tx, register_of(tx, dataset))
    if nothing_left is not None:
        return nothing_left
    new = _reservation(agreement, dataset, spent, ports.clock.now())
    figures = budget.account(ports.accountant, seen, agreement, new)
    refusal = _refusal(figures, spent)
    return refusal or Charge(replace(new, epsilon=figures.epsilon), seen, epoch)


def cost(
    ports: Ports, agreement: Agreement, dataset: Dataset, spent: asked.Spending, own: str
) -> Cost:
    """Return what a table would cost, beside all else that is charged.

    Args:
        ports: of this node.
        agreement: the contract.
        dataset: what it is about.
        spent: by the table.
        own: id of the use, if it was granted; else empty.

    Raises:
        WorkerFailed: the accountant did not answer.
    """
    with ports.store.read() as tx:
        nothing_left = forfeited(tx, agreement.id, dataset.register_id)
        seen = budget.spending(tx, register_of(tx, dataset))
    others = tuple(each for each in seen.reservations if each.job_id != own)
    new = _reservation(agreement, dataset, spent, ports.clock.now())
    figures = budget.account(ports.accountant, replace(seen, reservations=others), agreement, new)
    refusal = nothing_left or _refusal(figures, spent)
    return cost_of(figures, seen.register.id, refusal, closed=nothing_left is not None)


def _reservation(
    agreement: Agreement, dataset: Dataset, spent: asked.Spending, now: datetime
) -> Reservation:
    return Reservation(
        job_id="",
        agreement_id=agreement.id,
        dataset_id=dataset.id,
        register_id=dataset.register_id,
        events=Events(spent.events),
        rounds=1,
        committed_rounds=0,
        epsilon=0.0,
        delta=spent.request.delta,
        state=ReservationState.OPEN,
        created_at=now,
    )


def _refusal(figures: budget.Figures, spent: asked.Spending) -> Refusal | None:
    stated = spent.request.epsilon
    if not budget.within(figures.epsilon, stated):
        reason = f"the table costs ε {figures.epsilon:.4g}, but {stated:.4g} was asked for"
        return Refusal(BudgetExceeded.code, (reason,))
    return budget.check_job(figures)


def reserve(ports: Ports, tx: Transaction, charge: Charge, use_id: str) -> bool:
    """Set aside what a use is charged; False when what was seen is no longer all that counts."""
    new = replace(charge.new, job_id=use_id)
    if head(tx, ports.settings.did).epoch != charge.epoch:
        return False
    if not budget.reserve(tx, charge.seen, new):
        return False
    facts = {"use": use_id, "epsilon": new.epsilon, "delta": new.delta}
    tx.audit.append(CHARGED, new.agreement_id, **facts, **to_mapping(new.events))
    tx.after_commit(partial(recovery.note, ports))
    return True


def commit(ports: Ports, use_id: str, consumer: str) -> tuple[Event, ...]:
    """Write down that a table is spent, here and outside the database; return what was charged.

    Idempotent: a use that was interrupted is charged once.

    Raises:
        NotFound: nothing is reserved for it, or the consumer is not known any more.
        RoundRefused: its reservation was closed.
        InRecovery: this node went back to an older state.
        PeerUnreachable: the consumer does not answer.
    """
    with ports.store.read() as tx:
        peer = tx.participants.get(consumer)
    if peer is None:
        raise NotFound(f"the consumer `{consumer}` is no longer known")
    custody.deposit(ports, peer)
    with ports.store.write() as tx:
        spent = budget.commit_round(tx, use_id, 1)
    recovery.record(ports)  # INVARIANT: on the disk before anything is released
    return spent.events.items
