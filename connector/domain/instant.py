"""The one text form of a time: UTC, whole seconds, `2026-11-24T15:00:00Z`.

Rule: a time is an aware `datetime` in UTC everywhere else; text only at borders. Reading accepts
no other spelling, so that equal times have equal text.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

from connector.errors import Malformed

SKEW: Final = timedelta(seconds=30)  # most that the clocks of two nodes may differ
_FORM = "%Y-%m-%dT%H:%M:%SZ"
_EXPECTED = "a time of the form `2026-11-24T15:00:00Z` was expected"


def text(when: datetime) -> str:
    """Write an aware time; parts of a second are cut off."""
    return when.astimezone(UTC).strftime(_FORM)


def read(value: object) -> datetime:
    """Read a time.

    Raises:
        Malformed: not text of that form.
    """
    try:
        when = datetime.strptime(str(value), _FORM).replace(tzinfo=UTC)
    except ValueError as exc:
        raise Malformed(_EXPECTED) from exc
    if text(when) != value:  # strptime is lenient about case, digits and spaces
        raise Malformed(_EXPECTED)
    return when
