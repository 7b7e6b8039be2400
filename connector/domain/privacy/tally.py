"""What was charged to persons at a state of the log, as it is kept outside the database. Pure.

A tally goes to two places: a file of the home, and sealed to peers, who can only give it back. So
a database that went back can be told from one that did not, and what it forgot can be charged.

Rules: tallies are joined, never replaced: of two records of one job the one that counts more
stands, of two of one register the smaller cap and the rule that was declared first, of a contract
that it ended rather than that it was suspended, of uses the larger count. So the join is
idempotent, commutative and associative, and never counts less than a part. An open job counts in
full, since its rounds may have been released after the tally was made.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final

from connector.domain.contract.notice import Standing
from connector.domain.contract.use import Counted
from connector.domain.log.audit import Head
from connector.domain.privacy.budget import Reservation, ReservationState
from connector.domain.privacy.register import Register, joined
from federated.privacy.rule import Rule

_NO_HEAD: Final = Head(0, 0, b"")


@dataclass(frozen=True, slots=True)
class Limit:
    """A contract under which jobs were charged.

    Attributes:
        id: of the agreement.
        register_id: register of the persons whom it concerns.
        consumer: DID of the counterparty.
        epsilon: ε that it allows.
        delta: its δ.
        valid_until: UTC; None when it does not end by itself.
    """

    id: str
    register_id: str
    consumer: str
    epsilon: float
    delta: float
    valid_until: datetime | None


@dataclass(frozen=True, slots=True)
class Tally:
    """What was charged when the log had a head.

    Attributes:
        head: of the own log.
        registers: with their caps, rules and rounds that were ever charged, by id.
        limits: contracts that jobs were charged to, by id.
        jobs: reservations, by id of the job.
        taken_back: contracts that this node has ended or suspended, by id.
        uses: how often contracts were used, by contract and action.
    """

    head: Head
    registers: Mapping[str, Register]
    limits: Mapping[str, Limit]
    jobs: Mapping[str, Reservation]
    taken_back: Mapping[str, Standing] = field(default_factory=dict)
    uses: Mapping[tuple[str, str], Counted] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Forfeit:
    """A contract or a register of which nothing is left since a recovery.

    Attributes:
        id: of the agreement or the register.
        epoch: in which it was written.
        reason: one line.
        at: UTC.
    """

    id: str
    epoch: int
    reason: str
    at: datetime


def join(tallies: Iterable[Tally]) -> Tally:
    """Return what several tallies count together; its head is the one that came furthest.

    Raises:
        ValueError: there is none.
    """
    every = list(tallies)
    if not every:
        raise ValueError("nothing to join")
    registers: dict[str, Register] = {}
    limits: dict[str, Limit] = {}
    jobs: dict[str, Reservation] = {}
    taken_back: dict[str, Standing] = {}
    uses: dict[tuple[str, str], Counted] = {}
    for tally in every:
        for name, register in tally.registers.items():
            registers[name] = joined(register, registers.get(name, register))
        for job, found in tally.jobs.items():
            jobs[job] = more(found, jobs[job]) if job in jobs else found
        for key, counted in tally.uses.items():
            uses[key] = counted.joined(uses.get(key, counted))
        limits |= tally.limits
        ended = {name for name, each in taken_back.items() if each is Standing.ENDED}
        taken_back |= {n: each for n, each in tally.taken_back.items() if n not in ended}
    head = max((tally.head for tally in every), key=lambda head: head.place)
    return Tally(head, registers, limits, jobs, taken_back, uses)


def more(one: Reservation, other: Reservation) -> Reservation:
    """Return the one of two records of a job that counts more."""
    return max(one, other, key=_weight)


def spent(record: Reservation) -> Reservation:
    """Return a record as it counts once nobody can tell what came after it: an open one in full."""
    if record.state is ReservationState.CLOSED:
        return record
    return replace(record, state=ReservationState.CLOSED, committed_rounds=record.rounds)


def weighed(tally: Tally) -> Tally:
    """Return what of a tally a later one must differ in to count otherwise; for comparison only.

    The head is left out, and the rounds of open jobs: such a job counts in full from its start.
    """
    spent_by = Counter[str]()
    jobs = dict(tally.jobs)
    for name, job in tally.jobs.items():
        if job.state is ReservationState.OPEN:
            spent_by[job.register_id] += job.committed_rounds
            jobs[name] = replace(job, committed_rounds=0)
    registers = {
        name: replace(each, charges=each.charges - spent_by[name])
        for name, each in tally.registers.items()
    }
    return replace(tally, head=_NO_HEAD, registers=registers, jobs=jobs)


def behind(recorded: Tally, present: Tally, root_at: Callable[[int], bytes]) -> tuple[str, ...]:
    """Return how a database falls short of what was recorded outside it; nothing where it does not.

    A database that is ahead is one whose node ended between a commit and its record.

    Args:
        recorded: the newest tally outside the database.
        present: head and charges as the database has them.
        root_at: root of the present log when it had so many entries.
    """
    before, now = recorded.head, present.head
    if now.epoch > before.epoch:
        return ()
    if now.epoch < before.epoch:
        return (f"the database is in epoch {now.epoch}, but epoch {before.epoch} had begun",)
    if now.size < before.size:
        return (f"the log has {now.size} entries, but had {before.size}",)
    if root_at(before.size) != before.root:
        return (f"the first {before.size} entries of the log are not those that were written",)
    charged = {name: register.charges for name, register in present.registers.items()}
    return tuple(
        f"register `{name}` was charged {charged.get(name, 0)} rounds, not {register.charges}"
        for name, register in sorted(recorded.registers.items())
        if charged.get(name, 0) < register.charges
    )


def shortened(
    recorded: Tally, kept: Mapping[str, Reservation], held_in: Callable[[str], str]
) -> list[str]:
    """Return the jobs that a database counts otherwise than was recorded outside it, sorted.

    Args:
        recorded: the newest tally outside the database, which continues it.
        kept: the database's own records, by id of the job.
        held_in: register -> the one that counts for it, since a merge.
    """

    def follows(before: Reservation, now: Reservation | None) -> bool:
        if now is None or now.committed_rounds < before.committed_rounds:
            return False
        if now.state is ReservationState.OPEN and before.state is ReservationState.CLOSED:
            return False
        moved = replace(before, register_id=held_in(before.register_id), state=now.state)
        return replace(moved, committed_rounds=now.committed_rounds) == now

    jobs = recorded.jobs.items()
    return sorted(name for name, before in jobs if not follows(before, kept.get(name)))


def _weight(record: Reservation) -> tuple[int, bool, int, float]:
    still_open = record.state is ReservationState.OPEN
    # Of closed records, more committed rounds count no less under either rule.
    rounds = record.counted_rounds(Rule.RENYI)
    return rounds, still_open, record.committed_rounds, record.epsilon
