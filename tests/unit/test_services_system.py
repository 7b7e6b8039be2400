"""Clock, identifiers and wake-ups of the machine."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
import threading
import uuid
from datetime import UTC, datetime, timedelta

import pytest

from connector.bootstrap.system import (
    ARENAS,
    JUMP_SECONDS,
    STEADY_SECONDS,
    Steadiness,
    SystemClock,
    ThreadWakeups,
    UuidIdentifiers,
)
from tests.support.doubles import FixedClock, QuickPace

THREADS = """
import ctypes, threading
from connector.bootstrap import system
system.share_arenas()
all_here = threading.Barrier(9)
def work():
    held = [bytearray(600) for _ in range(50)]
    all_here.wait()
    all_here.wait()
for _ in range(8):
    threading.Thread(target=work).start()
all_here.wait()
libc = ctypes.CDLL(None)
libc.malloc_info(0, ctypes.c_void_p.in_dll(libc, "stdout"))
libc.fflush(None)
all_here.wait()
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc has arenas")
@pytest.mark.parametrize("stated", ["", "1"])
def test_threads_share_few_arenas_unless_the_environment_says_how_many(stated: str) -> None:
    plain = {name: each for name, each in os.environ.items() if name != "MALLOC_ARENA_MAX"}
    found = subprocess.run(
        [sys.executable, "-c", THREADS],
        env=plain | ({"MALLOC_ARENA_MAX": stated} if stated else {}),
        capture_output=True,
        text=True,
        check=True,
    )
    assert found.stdout.count("<heap nr=") == (int(stated) if stated else ARENAS)


def test_the_clock_is_aware_and_utc() -> None:
    before = datetime.now(UTC)
    now = SystemClock().now()
    assert now.utcoffset() == timedelta(0)
    assert before <= now <= datetime.now(UTC)


def test_identifiers_are_random_uuid_urns_and_differ() -> None:
    ids = {UuidIdentifiers().new() for _ in range(100)}
    assert len(ids) == 100
    assert {uuid.UUID(name).version for name in ids} == {4}
    assert all(name.startswith("urn:uuid:") for name in ids)


def test_an_event_that_never_comes_ends_the_wait() -> None:
    assert not ThreadWakeups().wait("outbox", 0.01)


def test_an_event_is_remembered_once_and_by_name() -> None:
    wakeups = ThreadWakeups()
    wakeups.notify("outbox")
    wakeups.notify("outbox")
    assert not wakeups.wait("job", 0)
    assert wakeups.wait("outbox", 0)
    assert not wakeups.wait("outbox", 0)


def test_a_waiting_thread_is_woken() -> None:
    wakeups = ThreadWakeups()
    woken: list[bool] = []
    thread = threading.Thread(target=lambda: woken.append(wakeups.wait("outbox", 20)), daemon=True)
    thread.start()
    wakeups.notify("job")
    wakeups.notify("outbox")
    thread.join(20)
    assert woken == [True]


def test_one_event_wakes_one_of_two() -> None:
    wakeups = ThreadWakeups()
    woken: list[bool] = []
    threads = [
        threading.Thread(target=lambda: woken.append(wakeups.wait("outbox", 0.3)), daemon=True)
        for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    wakeups.notify("outbox")
    for thread in threads:
        thread.join(20)
    assert sorted(woken) == [False, True]


class TestSteadiness:
    """Nothing is ended by a clock that has not gone steadily for an hour."""

    def test_after_a_start(self) -> None:
        clock, pace = FixedClock(), QuickPace()
        watch = Steadiness(clock, pace)
        assert not watch.steady()
        clock.advance(STEADY_SECONDS)
        pace.pass_by(STEADY_SECONDS)
        assert watch.steady()

    @pytest.mark.parametrize("seconds", [7200.0, -7200.0])
    def test_after_a_jump(self, seconds: float) -> None:
        clock, pace = FixedClock(), QuickPace()
        watch = Steadiness(clock, pace)
        clock.advance(STEADY_SECONDS + seconds)
        pace.pass_by(STEADY_SECONDS)
        assert not watch.steady()
        clock.advance(STEADY_SECONDS)
        pace.pass_by(STEADY_SECONDS)
        assert watch.steady()

    def test_a_clock_that_is_corrected_bit_by_bit_is_steady(self) -> None:
        clock, pace = FixedClock(), QuickPace()
        watch = Steadiness(clock, pace)
        for _ in range(12):
            clock.advance(300 + JUMP_SECONDS / 2)
            pace.pass_by(300)
            found = watch.steady()
        assert found
