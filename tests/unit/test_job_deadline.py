"""A job's deadline: the time that is left when a run begins, whatever the wall clock says later."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from connector.errors import DeadlinePassed
from connector.services.federation.deadline import Deadline
from tests.ports.test_store_holdings import job
from tests.support.doubles import NOON, FixedClock, QuickPace, ports_for_tests

HOUR = timedelta(hours=1)


@pytest.mark.parametrize("jump", [timedelta(hours=2), -timedelta(days=400)])
def test_a_clock_that_jumps_changes_nothing(tmp_path: Path, jump: timedelta) -> None:
    clock, pace = FixedClock(NOON), QuickPace()
    deadline = Deadline(
        ports_for_tests(tmp_path, clock=clock, pace=pace), job("j", created_at=NOON), NOON + HOUR
    )
    clock.set(NOON + jump)
    assert deadline.left() == 3600
    pace.pass_by(3599)
    deadline.check()
    pace.pass_by(1)
    with pytest.raises(DeadlinePassed):
        deadline.check()


@pytest.mark.parametrize(
    ("now", "left"),
    [
        (NOON, 3600),
        (NOON + HOUR / 2, 1800),
        (NOON + 2 * HOUR, -3600),
        (NOON - timedelta(days=400), 3600),  # a clock that is behind gives no more than there was
    ],
)
def test_what_is_left_when_a_run_begins(tmp_path: Path, now: datetime, left: float) -> None:
    clock = FixedClock(now)
    ports = ports_for_tests(tmp_path, clock=clock, pace=QuickPace())
    stored = replace(job("j"), created_at=NOON)
    assert Deadline(ports, stored, NOON + HOUR).left() == left
