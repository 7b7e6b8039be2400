from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from connector.domain import instant
from connector.errors import Malformed
from tests.support.each import over

WHEN = datetime(2026, 11, 24, 15, 0, 0, tzinfo=UTC)


def test_round_trip() -> None:
    assert instant.text(WHEN) == "2026-11-24T15:00:00Z"
    assert instant.read("2026-11-24T15:00:00Z") == WHEN


def test_other_zones_and_parts_of_a_second() -> None:
    paris = timezone(timedelta(hours=1))
    assert instant.text(WHEN.astimezone(paris)) == "2026-11-24T15:00:00Z"
    assert instant.text(WHEN + timedelta(microseconds=999_999)) == "2026-11-24T15:00:00Z"


@over(
    "value",
    [
        None,
        1795532400,
        "",
        "2026-11-24",
        "2026-11-24T15:00:00",
        "2026-11-24T15:00:00z",
        "2026-11-24 15:00:00Z",
        "2026-11-24T15:00:00.0Z",
        "2026-11-24T15:00:00+00:00",
        "2026-02-30T15:00:00Z",
        "2026-11-24T24:00:00Z",
        "2026-11-24T15:00:0 Z",
        "2026-11-24T15:00:0\u0661Z",
        "2026-11-24T15:00:00Z\n",
    ],
)
def test_other_spellings_are_refused(value: object) -> None:
    with pytest.raises(Malformed):
        instant.read(value)
