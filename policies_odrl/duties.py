"""Where duties and obligations stand, from what was done.

Rules: a duty of a permission must be fulfilled before the use (IM 2.6.3); one that states a
deadline may be done after it, and is then due; a deadline that has passed without the act is a
violation; only what is known to have been done fulfils. In the mode of the public test suite only
a violation blocks.
"""

from __future__ import annotations

from datetime import UTC, datetime
from enum import Enum
from typing import Final

from policies_odrl.conditions import condition, premises_of
from policies_odrl.decision import DutyResult, DutyState
from policies_odrl.logic import Truth, all_of, any_of
from policies_odrl.model import ODRL, Constraint, Duty, Operator, Policy
from policies_odrl.request import DATE_TIME, Facts, Performed, Request
from policies_odrl.values import span

_DEADLINES: Final = frozenset({Operator.LT, Operator.LTEQ})
_AFTERWARDS: Final = frozenset({ODRL + "elapsedTime", ODRL + "event"})


class Mode(Enum):
    """Which public reading of unfulfilled duties holds."""

    W3C = "w3c"
    SUITE = "suite"


def duty_state(policy: Policy, duty: Duty, path: str, request: Request, facts: Facts) -> DutyResult:
    """Return where a duty stands, seen from a request."""
    done = any_of(_fulfils(policy, duty, act, request, facts) for act in facts.performed)
    if done is Truth.TRUE:
        return DutyResult(path, duty, DutyState.FULFILLED)
    late = _too_late(duty, facts)
    if late is None:
        state = DutyState.MISSING if done is Truth.FALSE else DutyState.UNDETERMINED
    elif late is Truth.TRUE:
        state = DutyState.VIOLATED
    else:
        state = DutyState.DUE if late is Truth.FALSE else DutyState.UNDETERMINED
    return DutyResult(path, duty, state)


def blocks(result: DutyResult, mode: Mode) -> bool:
    """Return whether the state of a duty keeps its permission from granting."""
    if mode is Mode.SUITE:
        return result.state is DutyState.VIOLATED
    return result.state not in {DutyState.FULFILLED, DutyState.DUE}


def _fulfils(policy: Policy, duty: Duty, act: Performed, request: Request, facts: Facts) -> Truth:
    if facts.now is not None and act.at > facts.now:
        return Truth.FALSE
    done = Request(act.action, act.party or request.assignee, act.target, act.facts)
    then = Facts(act.at, {}, facts.members, (), facts.knowledge)
    premises = premises_of(policy, duty, "", done, then)
    parts = (*duty.constraints, *duty.action.refinements)
    results = [condition(item, "", done, then).truth for item in parts]
    return all_of([*(item.truth for item in premises), *results])


def _too_late(duty: Duty, facts: Facts) -> Truth | None:
    """Return whether the deadline has passed; None when the duty states none."""
    atoms = [item for item in duty.constraints if isinstance(item, Constraint)]
    if any(item.left in _AFTERWARDS for item in atoms):
        return Truth.FALSE if facts.now is not None else Truth.UNDETERMINED
    limits = [item for item in atoms if item.left == DATE_TIME and item.operator in _DEADLINES]
    if not limits:
        return None
    ends = [_end(item) for item in limits]
    known = [end for end in ends if end is not None]
    if facts.now is None or len(known) != len(ends):
        return Truth.UNDETERMINED
    return Truth.of(facts.now > min(known))


def _end(limit: Constraint) -> datetime | None:
    stretch = span(limit.right[0]) if len(limit.right) == 1 else None
    if stretch is None:
        return None
    end = stretch.end if limit.operator is Operator.LTEQ else stretch.start
    return end.astimezone(UTC)
