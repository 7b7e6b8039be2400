"""What is owed after a node went back, and the operator's confirmation.

Rules: what the newest tally counts without a local record is spent; what nobody can tell counts in
full, and only when the operator says so. Charges become reservations, closed and counted in full,
so that the normal ledger carries them; a contract or register of which nothing is left is written
down besides. The signed epoch record, the charges and the event are one transaction; peers learn of
it from `custody.py`.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final

from connector.domain.contract.negotiation import Role
from connector.domain.contract.notice import Standing
from connector.domain.federation.job import JobSide
from connector.domain.log.audit import Epoch, Head
from connector.domain.privacy.budget import Reservation, ReservationState
from connector.domain.privacy.debt import Debt, owed
from connector.domain.privacy.tally import Forfeit, Limit, Tally, join
from connector.errors import (
    InRecovery,
    KeyUnusable,
    PreauError,
    Unlawful,
)
from connector.identity import checkpoint as checkpoints
from connector.identity import epoch as records
from connector.ports import Ports, Transaction
from connector.services.continuity import counting, recovery
from connector.services.evidence.own_log import SPENDING, head, weighty
from connector.services.federation.site.rounds import Ending, end_within
from connector.services.negotiation import notices
from connector.services.privacy.merging import merge_again
from connector.services.privacy.registers import kept_in
from federated.job import JobState, is_final
from federated.privacy.event import Events, Kind, event
from federated.privacy.rule import Rule

CONFIRMED: Final = "recovery.confirmed"
CHARGED: Final = "recovery.charged"  # of a job that the database had forgotten, or that was open
_LEAST_EPSILON: Final = 1e-12

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Plan:
    """How the node stands, and what confirming would write.

    Attributes:
        faults: how the database falls short, one line each; empty: nothing is to be recovered.
        debt: what is owed; None when nothing is to be recovered.
        unasked: DIDs of known peers that have not given back what they hold since the start.
        gone: contracts of which only their jobs are known; they are negotiated anew.
        taken_back: contracts that this node had ended or suspended, which the database has
            forgotten; they are taken back again.
        uncounted: contracts that limit their uses, and of which some may be forgotten that nobody
            can tell; nothing is left of them.
    """

    faults: tuple[str, ...]
    debt: Debt | None
    unasked: tuple[str, ...]
    gone: tuple[Limit, ...] = ()
    taken_back: Mapping[str, Standing] = field(default_factory=dict)
    uncounted: tuple[str, ...] = ()

    @property
    def exact(self) -> bool:
        """Whether all that is owed is known, so that nothing counts in full."""
        return not self.uncounted and (self.debt is None or self.debt.exact)


@dataclass(frozen=True, slots=True)
class Confirmed:
    """What a confirmation wrote.

    Attributes:
        epoch: that began.
        debt: what was charged.
        unasked: DIDs of known peers that had not answered; one that holds more than was charged
            brings the node into recovery again.
        gone: contracts that are negotiated anew.
        taken_back: ids of contracts that were taken back again.
    """

    epoch: Epoch
    debt: Debt
    unasked: tuple[str, ...]
    gone: tuple[Limit, ...]
    taken_back: tuple[str, ...]


def plan(ports: Ports) -> Plan:
    """Return how the node stands; nothing is changed.

    Raises:
        StoreUnavailable: the database did not answer.
    """
    with ports.store.read() as tx:
        return _plan(ports, tx)


def confirm(ports: Ports, *, in_full: bool = False) -> Confirmed:
    """Charge what is owed and begin a new epoch; the node then works on within what is left.

    Args:
        ports: of this node.
        in_full: count in full what nobody can tell.

    Raises:
        Unlawful: there is nothing to recover.
        InRecovery: something would count in full, and `in_full` was not given.
        KeyUnusable: the record cannot be signed, or charges cannot be read or written.
    """
    ports.charges.recorded()  # else nothing could be written over it, once all is committed
    with ports.store.write() as tx:
        found = _plan(ports, tx)
        if found.debt is None:
            raise Unlawful("this node was not rolled back: there is nothing to confirm")
        if not found.exact and not in_full:
            names = {*(each.id for each in found.debt.contracts), *found.uncounted}
            raise InRecovery(
                f"{len(names)} contracts and {len(found.debt.registers)} registers would "
                "count as fully spent",
                hint="wait for the peers that `preau recovery show` names, or pass "
                "`--charge-in-full`",
            )
        number = _next_epoch(ports, tx, found.debt)
        _end_jobs(ports, tx)
        _charge(ports, tx, found.debt, number)
        counting.restore(tx, _tallies(ports, tx), found.uncounted, number, ports.clock.now())
        reason = (
            "this node had ended or suspended the contract before it was rolled back to "
            "an older state"
        )
        again = notices.restate(ports, tx, found.taken_back, reason)
        epoch = _begin_epoch(ports, tx, found.debt, number)
        tally = recovery.tally_of(ports, tx)
    ports.charges.record(tally)
    ports.asking.answered.clear()
    ports.wakeups.notify(recovery.EXCHANGE)
    _log.warning(
        "recovery confirmed: epoch %d begins; charged: %d jobs, in full %d contracts, %d registers",
        *(number, len(found.debt.jobs), len(found.debt.contracts), len(found.debt.registers)),
    )
    return Confirmed(epoch, found.debt, found.unasked, found.gone, tuple(again))


def epochs(ports: Ports) -> list[Epoch]:
    """Return the own epochs, oldest first."""
    with ports.store.read() as tx:
        return tx.epochs.find(origin=ports.settings.did)


def _plan(ports: Ports, tx: Transaction) -> Plan:
    found = recovery.faults(tx, ports.charges, ports.settings.did)
    known = {peer.did for peer in tx.participants.find() if peer.grpc_endpoint}  # who keep heads
    unasked = tuple(sorted(known - set(ports.asking.answered)))
    if not found:
        return Plan((), None, unasked)
    tallies = _tallies(ports, tx)
    lost = [checkpoint for _, checkpoint in recovery.lost_heads(tx, ports.settings.did)]
    debt = owed(
        recovery.tally_of(ports, tx),
        tallies,
        lost,
        _contracts(tx),
        frozenset(ports.asking.answered),
        _sound_at(tx),
    )
    gone = _gone(tx, tallies, ports.clock.now())
    told = join(tallies).taken_back if tallies else {}
    again = {
        each.id: Standing(act.value)
        for each, act in notices.forgotten(tx, ports.settings.did, told)
    }
    uncounted = counting.uncounted(ports, tx, tallies, lost)
    return Plan(found, debt, unasked, gone, again, uncounted)


def _gone(tx: Transaction, tallies: list[Tally], now: datetime) -> tuple[Limit, ...]:
    """Return the contracts of lost jobs that the database has not, and that would still run."""
    told = {limit.id: limit for tally in tallies for limit in tally.limits.values()}
    return tuple(
        limit
        for name, limit in sorted(told.items())
        if tx.agreements.get(name) is None
        and (limit.valid_until is None or limit.valid_until > now)
    )


def _sound_at(tx: Transaction) -> datetime | None:
    """Return when the database last showed that it had not gone back.

    Other entries say nothing of that: a node in recovery writes them too.
    """
    size = tx.audit.since(*SPENDING, CONFIRMED)
    newest = tx.audit.entries(start=size - 1, limit=1) if size else []
    return newest[0].at if newest else None


def _tallies(ports: Ports, tx: Transaction) -> list[Tally]:
    """Return what home and peers keep; what cannot be read counts nothing, and so leaves doubt."""
    found = []
    try:
        recorded = ports.charges.recorded()
        found += [recorded] if recorded else []
    except KeyUnusable:
        pass
    for row in tx.returned_heads.find():
        if row.sealed:
            try:
                found.append(ports.charges.unseal(row.sealed))
            except PreauError:
                continue
    return found


def _contracts(tx: Transaction) -> list[Limit]:
    registers = {dataset.id: dataset.register_id for dataset in tx.datasets.find()}
    return [
        recovery.limit_of(agreement, registers.get(agreement.dataset_id, ""))
        for agreement in tx.agreements.find(role=Role.PROVIDER)
    ]


def _next_epoch(ports: Ports, tx: Transaction, debt: Debt) -> int:
    return max(head(tx, ports.settings.did).epoch, debt.abandoned.epoch) + 1


def _end_jobs(ports: Ports, tx: Transaction) -> None:
    reason = "this node was rolled back to an older state"
    for state in JobState:
        if is_final(state):
            continue
        for job in tx.jobs.find(side=JobSide.SITE, state=state):
            ending = Ending(JobState.FAILED, InRecovery.code, reason)
            end_within(tx, job.id, ending, ports.clock.now())


def _charge(ports: Ports, tx: Transaction, debt: Debt, number: int) -> None:
    now = ports.clock.now()
    for register in debt.accounts:  # else one that is lost could be declared with a larger cap
        tx.registers.put(register)
    # Else persons in both could be spent up to both caps.
    uncountable = {merge_again(tx, source, target) for source, target in debt.merges}
    for job in debt.jobs:
        dataset = tx.datasets.get(job.dataset_id)  # its register may have been merged since
        register_id = kept_in(tx, dataset.register_id if dataset else job.register_id)
        tx.reservations.put(replace(job, register_id=register_id))
        facts = {"agreement": job.agreement_id, "register": register_id, "epsilon": job.epsilon}
        tx.audit.append(CHARGED, job.job_id, **facts, delta=job.delta, epoch=number)
    registers = {*debt.registers, *uncountable}
    for each in debt.contracts:
        limit = _placed(tx, each)
        reason = f"the contract counts as fully spent since the recovery of {now:%Y-%m-%d}"
        counting.forfeit(tx, Forfeit(limit.id, number, reason, now))
        if not _fill(ports, tx, limit, number):
            registers.add(limit.register_id)
    for name in sorted(filter(None, registers)):
        reason = (
            f"the cap of register `{name}` counts as fully spent since the recovery of "
            f"{now:%Y-%m-%d}"
        )
        counting.forfeit(tx, Forfeit(name, number, reason, now))
    tx.after_commit(lambda: ports.wakeups.notify("job"))


def _placed(tx: Transaction, limit: Limit) -> Limit:
    """Return a contract with the register that its jobs are counted in now."""
    jobs = tx.reservations.find(agreement_id=limit.id)
    return replace(
        limit, register_id=jobs[0].register_id if jobs else kept_in(tx, limit.register_id)
    )


def _fill(ports: Ports, tx: Transaction, limit: Limit, number: int) -> bool:
    """Charge what a contract still allows to its register; False where that is no sum of ε.

    Under Rényi at one order nothing bounds what a contract of another order may have spent.
    """
    register, agreement = tx.registers.get(limit.register_id), tx.agreements.get(limit.id)
    if register is None or register.accounting.rule is not Rule.SUMS:
        return False
    # A job without a committed round was never asked anything, and counts nothing.
    found = [each for each in tx.reservations.find(agreement_id=limit.id) if each.committed_rounds]
    epsilon = max(limit.epsilon - _sum(each.epsilon for each in found), 0.0)
    delta = max(limit.delta - _sum(each.delta for each in found), 0.0)
    if epsilon > 0 or delta > 0:  # a job may cost δ alone
        rest = Reservation(
            job_id=f"urn:preau:recovery:{number}:{limit.id}",
            agreement_id=limit.id,
            dataset_id=agreement.dataset_id if agreement else "",
            register_id=limit.register_id,
            events=Events((event(Kind.GAUSSIAN, 1, noise_multiplier=_noise(epsilon)),)),
            rounds=1,
            committed_rounds=1,
            epsilon=epsilon,
            delta=delta,
            state=ReservationState.CLOSED,
            created_at=ports.clock.now(),
        )
        tx.reservations.put(rest)
    return True


def _noise(epsilon: float) -> float:
    """Return the σ of a Gaussian whose mean privacy loss is ε."""
    return math.sqrt(1 / (2 * max(epsilon, _LEAST_EPSILON)))


def _sum(figures: Iterable[float]) -> float:
    try:
        return math.fsum(figures)
    except OverflowError:
        return math.inf


def _begin_epoch(ports: Ports, tx: Transaction, debt: Debt, number: int) -> Epoch:
    did, now, abandoned = ports.settings.did, ports.clock.now(), debt.abandoned
    tx.audit.append(
        CONFIRMED,
        did,
        epoch=number,
        abandoned={"epoch": abandoned.epoch, "size": abandoned.size, "root": abandoned.root.hex()},
        jobs=sorted(job.job_id for job in debt.jobs),
        contracts=[limit.id for limit in debt.contracts],
        registers=list(debt.registers),
    )
    if not tx.audit.since(recovery.RECORDED):
        tx.audit.append(recovery.RECORDED, did)
    resumed = Head(number, *tx.audit.head())
    note = checkpoints.make(ports.signer, did, resumed, weighty(tx))
    record = records.make(ports.signer, did, number, abandoned, note)
    epoch = Epoch(
        origin=did,
        number=number,
        abandoned_epoch=abandoned.epoch,
        abandoned_size=abandoned.size,
        abandoned_root=abandoned.root,
        resumed=note,
        record=record,
        held="",
        at=now,
    )
    tx.epochs.put(epoch)
    for row in tx.returned_heads.find():
        tx.returned_heads.remove(row.peer)
    return epoch
