"""Where the duties of a contract stand, and when that changes next: the engine's word. Pure.

Rules: what a duty means, when its deadline is and what follows when it is missed is evaluated by
`policies_odrl`; here its answers become one row for each duty, all occasions together, of which the
earliest that is open counts.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import datetime
from itertools import groupby
from typing import Final

from connector.domain.contract.duty import DeedKind, Duty
from connector.enforcement.history import History, facts, may_state, places
from connector.enforcement.standing import Standing, changes, standing
from connector.jsonld.profiles import NO_PROFILES, Profiles
from policies_odrl import DutyState, Policy
from policies_odrl.evaluation.deontic import Instance

_OPEN: Final = frozenset({DutyState.DUE, DutyState.MISSING, DutyState.VIOLATED})
_WORST: Final = (DutyState.VIOLATED, DutyState.UNDETERMINED, DutyState.MISSING, DutyState.DUE)


def duties(
    policy: Policy,
    agreement_id: str,
    history: History,
    now: datetime,
    profiles: Profiles = NO_PROFILES,
) -> tuple[Duty, ...]:
    """Return the duties of a contract as they stand, in the policy's order.

    What a violation brings about stands there from the violation on.

    Args:
        policy: the agreement.
        agreement_id: of the contract.
        history: what has happened under it.
        now: UTC.
        profiles: of this node.
    """
    world = facts(policy, history, now, profiles.known(policy))
    found = sorted(standing(policy, world), key=lambda each: each.result.path)
    order = {path: place for place, path in enumerate(places(policy))}
    rows = [
        replace(
            _row(policy, agreement_id, list(same)),
            waived=_waiver(policy, history, path),
            changes=changes([each for each in found if each.result.path == path], world),
        )
        for path, same in groupby(found, key=lambda each: each.result.path)
    ]
    return tuple(sorted(rows, key=lambda row: order.get(row.path, len(order))))


def _row(policy: Policy, agreement_id: str, same: list[Standing]) -> Duty:
    first, place = same[0], places(policy)[same[0].result.path]
    results = [each.result for each in same]
    left = [each for each in results if each.open]
    # what was missed and made good counts no more, but for a later occasion
    states = {DutyState.DUE if each.settled else each.state for each in left}
    rest = DutyState.FULFILLED if results[0].settled else results[0].state
    waiting = [
        item
        for each in left
        for item in each.instances
        if item.state is DutyState.DUE or (item.state in _OPEN and not each.settled)
    ]
    earliest = min(waiting, key=_urgency, default=None)
    return Duty(
        agreement_id=agreement_id,
        path=first.result.path,
        action=first.result.duty.action.id,
        debtor=first.debtor,
        creditor=place.creditor,
        towards=tuple(party.id or party.source for _, party in first.result.duty.functions),
        state=next((each for each in _WORST if each in states), rest).value,
        since=earliest.since if earliest else None,
        due=earliest.due if earliest else None,
        done_at=max(_done(same), default=None),
        open=len(waiting),
        note="; ".join(dict.fromkeys(each.note for each in results if each.note)),
    )


def _done(same: Iterable[Standing]) -> Iterator[datetime]:
    occasions = (item for each in same for item in each.result.instances)
    return (item.done for item in occasions if item.done is not None)


def _urgency(item: Instance) -> float:
    return item.due.timestamp() if item.due else float("inf")


def _waiver(policy: Policy, history: History, path: str) -> str:
    said = (
        deed.note
        for deed in sorted(history.deeds, key=lambda each: each.number)
        if deed.kind is DeedKind.WAIVED and deed.about == path and may_state(policy, deed)
    )
    return next(said, "")
