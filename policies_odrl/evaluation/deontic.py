"""The states of a duty, and which event leads from which to which, as one table.

The table knows neither who has to act nor what time it is: `duties.py` says which events came, in
their order. Its states are those of the W3C draft and of the Compliance Report Model, see
`REPORTED`; the manual's diagram is drawn from it (`docs/reference/duties.md`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from enum import Enum
from typing import Final

from policies_odrl.frozen import frozen
from policies_odrl.logic import Judged


class Effect(Judged, Enum):
    """What a rule does to the request."""

    GRANTS = "grants"
    BLOCKS = "blocks"
    NOTHING = "nothing"


class DutyState(Enum):
    """Where a duty stands.

    `DUE` and `MISSING` are the "not set" of the W3C draft: the first may still be done in time, the
    second should have been done before the use.
    """

    INACTIVE = "inactive"  # its conditions do not hold, so that nothing has to be done
    FULFILLED = "fulfilled"
    DUE = "due"  # may still be done in time, after the use
    MISSING = "missing"  # should have been done before
    VIOLATED = "violated"  # can no longer be done in time
    UNDETERMINED = "undetermined"


class Event(Enum):
    """What happens to a duty."""

    OWED_FIRST = "it has to be done before the use"
    OWED_LATER = "it may be done after the use, or until a deadline"
    DONE = "it is done in time, by whom it has to be"
    TOO_LATE = "the deadline passes, and it was not done"
    UNCLEAR = "whether it was done, or has to be, cannot be told"
    MADE_GOOD = "it is done late, and so is every consequence"


_S, _E = DutyState, Event
_OWED: Final = {_E.OWED_FIRST: _S.MISSING, _E.OWED_LATER: _S.DUE}
_JUDGED: Final = {_E.DONE: _S.FULFILLED, _E.UNCLEAR: _S.UNDETERMINED}
# What is not here changes nothing: what was done stays done, also after its deadline.
NEXT: Final[Mapping[DutyState, Mapping[Event, DutyState]]] = {
    _S.INACTIVE: _OWED,
    _S.MISSING: _JUDGED,
    _S.DUE: {_E.DONE: _S.FULFILLED, _E.TOO_LATE: _S.VIOLATED, _E.UNCLEAR: _S.UNDETERMINED},
    _S.UNDETERMINED: {_E.DONE: _S.FULFILLED},
    _S.VIOLATED: {_E.MADE_GOOD: _S.FULFILLED},
    _S.FULFILLED: _OWED,  # another occasion
}

# State -> (activation state, deontic state) of the Compliance Report Model 0.9.
REPORTED: Final[Mapping[DutyState, tuple[str, str]]] = {
    _S.INACTIVE: ("Inactive", "NonSet"),
    _S.MISSING: ("Active", "NonSet"),
    _S.DUE: ("Active", "NonSet"),
    _S.UNDETERMINED: ("Active", "NonSet"),
    _S.FULFILLED: ("Active", "Fulfilled"),
    _S.VIOLATED: ("Active", "Violated"),
}


def outcome(events: Iterable[Event], state: DutyState = DutyState.INACTIVE) -> DutyState:
    """Return the state that events lead to, one after the other."""
    for event in events:
        state = NEXT[state].get(event, state)
    return state


@frozen
class Instance:
    """One occasion on which a duty had to be done: since when, until when, and when it was done.

    The times are aware; None where one is not known, or there is none.
    """

    state: DutyState
    since: datetime | None = None
    due: datetime | None = None
    done: datetime | None = None
