"""The outermost guard of background threads: a fault that nobody foresaw does not end the thread.

Rules: this is the one place that catches whatever comes, since a thread that is gone is worse than
a step that failed: without it nothing is delivered or renewed while the node still answers. What
is written down is the exception's class and its place, never its text, which may hold data; the
last fault of each thread stands in `ports.faults`, where the management API shows it. What is
foreseen is handled where it is foreseen.
"""

from __future__ import annotations

import logging
import traceback
from collections.abc import Callable
from types import TracebackType
from typing import Final

from connector.domain.thread import ThreadFault
from connector.ports import Ports

PAUSE_SECONDS: Final = 5.0
_OURS: Final = ("connector.", "federated.", "policies_odrl.")

_log = logging.getLogger(__name__)


def guarded(
    ports: Ports, thread: str, step: Callable[[], object], pause: Callable[[float], object]
) -> bool:
    """Take one step of a thread's loop; after an unforeseen fault, note it and pause.

    Args:
        ports: of this node.
        thread: its name.
        step: what it does next.
        pause: waits so many seconds, or until the thread is asked to stop.

    Returns:
        Whether the step went through.
    """
    try:
        step()
    except Exception as exc:  # noqa: BLE001 - the outermost border of a thread, which must go on
        _note(ports, thread, exc)
        pause(PAUSE_SECONDS)
        return False
    return True


def _note(ports: Ports, thread: str, exc: Exception) -> None:
    before = ports.faults.get(thread)
    times = before.times + 1 if before else 1
    fault = ThreadFault(ports.clock.now(), type(exc).__name__, place(exc.__traceback__), times)
    ports.faults[thread] = fault
    _log.error("thread `%s` met %s at %s; it goes on", thread, fault.kind, fault.place)


def place(trace: TracebackType | None) -> str:
    """Return the innermost place of our own code in a traceback, or of all where none is ours."""
    frames = [
        (str(frame.f_globals.get("__name__", "")), line, frame.f_code.co_name)
        for frame, line in traceback.walk_tb(trace)
    ]
    ours = [each for each in frames if each[0].startswith(_OURS)]
    module, line, function = (ours or frames or [("unknown", 0, "unknown")])[-1]
    return f"{module}:{line} {function}"
