"""The one text form of a time: UTC, whole seconds, `2026-11-24T15:00:00Z`.

Rule: a time is an aware `datetime` in UTC everywhere else; text only at borders. Reading accepts
no other spelling, so that equal times have equal text.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

from connector.errors import Malformed
from federated.reading import Member

SKEW: Final = timedelta(seconds=30)  # most that the clocks of two nodes may differ


def text(when: datetime) -> str:
    """Write an aware time; parts of a second are cut off."""
    return f"{when.astimezone(UTC).replace(tzinfo=None).isoformat(timespec='seconds')}Z"


def read(value: object) -> datetime:
    """Read a time.

    Raises:
        Malformed: not text of that form.
    """
    return Member(value, _refused).instant()


def _refused(_pointer: str, fault: str) -> Malformed:
    return Malformed(f"a time {fault}")
