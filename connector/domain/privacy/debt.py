"""What a node that went back owes to the persons of its registers. Pure.

Rules: what anybody counts is counted, an open job in full. A counterparty that has not given back
what it holds, or went back itself, may know of more, so its contracts count in full; one that ended
before the database last accepted a job cannot. Where a job was accepted that no tally tells of, its
contract is not known either, and every register counts in full.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from connector.domain.log.audit import Checkpoint, Head
from connector.domain.privacy.budget import Reservation, ReservationState
from connector.domain.privacy.register import Register
from connector.domain.privacy.tally import Limit, Tally, join, spent


@dataclass(frozen=True, slots=True)
class Debt:
    """What is written when the operator confirms.

    Attributes:
        abandoned: newest head that counts no more.
        accounts: registers as they stand from then on, lost ones too.
        merges: registers that the database has apart, as (merged, into).
        jobs: reservations as they count from then on, all closed.
        contracts: of which nothing is left.
        registers: ids of those of which nothing is left.
        silent: DIDs of counterparties because of whose silence contracts count in full.
    """

    abandoned: Head
    accounts: tuple[Register, ...]
    merges: tuple[tuple[str, str], ...]
    jobs: tuple[Reservation, ...]
    contracts: tuple[Limit, ...]
    registers: tuple[str, ...]
    silent: tuple[str, ...]

    @property
    def exact(self) -> bool:
        """Whether all that is owed is known, so that nothing counts in full."""
        return not self.contracts and not self.registers


def owed(
    local: Tally,
    others: Sequence[Tally],
    lost: Sequence[Checkpoint],
    contracts: Iterable[Limit],
    answered: Collection[str],
    last: datetime | None,
) -> Debt:
    """Return what is owed.

    Args:
        local: what the database counts.
        others: tallies from outside of it.
        lost: heads of the own log that it does not continue.
        contracts: all in which this node provides, as the database has them.
        answered: DIDs of peers that gave back what they hold.
        last: when the database last accepted a job, or was confirmed, UTC; None when it never was.
    """
    merged = join([local, *others])
    jobs = tuple(spent(job) for job in merged.jobs.values() if _differs(job, local))
    limits = {limit.id: limit for limit in (*merged.limits.values(), *contracts)}
    whole = tuple(
        limit
        for _, limit in sorted(limits.items())
        if limit.consumer not in answered and not _over(limit, last)
    )
    registers = {*merged.registers, *(limit.register_id for limit in limits.values())}
    heads = [each.head for each in lost] + [tally.head for tally in others] + [local.head]
    return Debt(
        abandoned=max(heads, key=lambda head: head.place),  # of equal ones, what is lost
        accounts=tuple(_apart(each, local) for each in merged.registers.values()),
        merges=tuple(sorted({pair for each in others for pair in _merges(each)} - _merges(local))),
        jobs=jobs,
        contracts=whole,
        registers=tuple(sorted(registers)) if untold(lost, others) else (),
        silent=tuple(sorted({limit.consumer for limit in whole})),
    )


def untold(lost: Iterable[Checkpoint], tallies: Sequence[Tally]) -> bool:
    """Return whether a job was accepted, or a use counted, up to a head that no tally tells of."""
    told = max((tally.head.place for tally in tallies), default=(-1, 0))
    return any(each.charged > 0 and (each.epoch, each.charged) > told for each in lost)


def _apart(register: Register, local: Tally) -> Register:
    """Return a register merged as far as the database has it; the rest is done with its data."""
    known = local.registers.get(register.id)
    return replace(register, merged_into=known.merged_into if known else "")


def _merges(tally: Tally) -> set[tuple[str, str]]:
    return {(each.id, each.merged_into) for each in tally.registers.values() if each.merged_into}


def _differs(job: Reservation, local: Tally) -> bool:
    known = local.jobs.get(job.job_id)
    if known is None or known.state is ReservationState.OPEN:
        return True
    return known != replace(spent(job), register_id=known.register_id)  # merges say where it counts


def _over(limit: Limit, last: datetime | None) -> bool:
    return limit.valid_until is not None and last is not None and limit.valid_until <= last
