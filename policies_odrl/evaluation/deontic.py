"""Where rules and duties stand: the words an evaluation answers in, as values."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import Enum


class Effect(Enum):
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


@dataclass(frozen=True, slots=True)
class Instance:
    """One occasion on which a duty had to be done.

    Attributes:
        state: see `DutyState`.
        since: when it arose, aware; None when not known.
        due: until when it can be done in time, aware; None when there is no end.
        done: when it was done, aware; None when it was not.
    """

    state: DutyState
    since: datetime | None = None
    due: datetime | None = None
    done: datetime | None = None
