"""`preau doctor` asks all peers within one time, and names those that are silent."""

from __future__ import annotations

import threading

from connector.bootstrap.diagnosis.reputation import in_time


def test_who_answers_is_heard_and_who_does_not_keeps_nobody_waiting() -> None:
    released = threading.Event()

    def look(name: str) -> str:
        if name.startswith("dead"):
            released.wait(60.0)
        return name.upper()

    names = [*(f"dead{n}" for n in range(200)), "alive"]
    found = in_time(look, [*names[-2:], *names[:-2]], 0.2)
    released.set()
    assert found == [None, "ALIVE", *[None] * 199]


def test_all_are_heard_when_all_answer() -> None:
    assert in_time(str.upper, [f"n{n}" for n in range(100)], 60.0) == [f"N{n}" for n in range(100)]
