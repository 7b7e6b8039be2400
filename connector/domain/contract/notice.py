"""What a party of a contract signs about it after both have: that it ends, rests, or goes on. Pure.

Rules: each party speaks for itself, and only the one that suspended may resume; an end is for
good, whoever states it. So it does not matter in which order the notices of the two arrive.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Standing(StrEnum):
    """Whether a contract may be used, apart from its time."""

    RUNNING = "running"
    SUSPENDED = "suspended"
    ENDED = "ended"


class Act(StrEnum):
    """What a notice does; one that was `noted` tells the other party something, and no more."""

    ENDED = "ended"
    SUSPENDED = "suspended"
    RESUMED = "resumed"
    NOTED = "noted"


@dataclass(frozen=True, slots=True)
class Notice:
    """A party's signed statement about a contract.

    Attributes:
        agreement_id: the contract.
        party: DID of who made it.
        number: grows with each notice of a party about a contract.
        act: see `Act`.
        reason: one line.
        statement: the signed text, compact JWS.
        at: as its party states, UTC.
    """

    agreement_id: str
    party: str
    number: int
    act: Act
    reason: str
    statement: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Telling:
    """What other parties are still to be told: contracts, or notices, a page at a time.

    Attributes:
        id: of this task.
        dataset_id: the parties of contracts on it are told `reason`; empty: see `peer`.
        offer_id: of those, only contracts on this offer; empty: all.
        peer: DID of a peer that gets again all that was signed about contracts with it.
        reason: one line.
        after: end of the last page that was done.
        at: contracts that were concluded later are not concerned, UTC.
    """

    id: str
    dataset_id: str
    offer_id: str
    peer: str
    reason: str
    after: str
    at: datetime


def standing(notices: Iterable[Notice]) -> Standing:
    """Return how a contract stands after the notices of both parties, in whatever order."""
    latest: dict[str, Notice] = {}
    for notice in notices:
        if notice.act is Act.ENDED:
            return Standing.ENDED
        if notice.act is not Act.NOTED and notice.number > _number(latest.get(notice.party)):
            latest[notice.party] = notice
    rests = any(notice.act is Act.SUSPENDED for notice in latest.values())
    return Standing.SUSPENDED if rests else Standing.RUNNING


def newest(notices: Iterable[Notice], party: str) -> Notice | None:
    """Return a party's last notice that changes something, or None."""
    own = (each for each in notices if each.party == party and each.act is not Act.NOTED)
    return max(own, key=_number, default=None)


def next_number(notices: Iterable[Notice], party: str, now: datetime) -> int:
    """Return the number of a party's next notice.

    It is the second of the day where that is free, so that a node whose database went back does
    not use a number twice.
    """
    used = (each.number for each in notices if each.party == party)
    return max(int(now.timestamp()), max(used, default=0) + 1)


def _number(notice: Notice | None) -> int:
    return notice.number if notice else 0
