"""What the thread is at work on: the negotiation or job by whose id its log lines are found.

Rules: set at the borders (a message that arrives or goes out, a job's thread), so that no line in
between has to name it; what a block sets ends with it. Ids only, never data.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Final

_subject: Final[ContextVar[str]] = ContextVar("subject", default="")
# The ids of a message; both nodes of a negotiation know both, once it was answered.
_IDS: Final = ("job_id", "provider_pid", "consumer_pid", "pid")
_LONGEST: Final = 200  # characters of one id


@contextmanager
def about(*ids: str) -> Iterator[None]:
    """Let the log lines of a block carry these ids."""
    token = _subject.set(" ".join(each[:_LONGEST] for each in ids if each))
    try:
        yield
    finally:
        _subject.reset(token)


def current() -> str:
    """Return the ids of what the thread is at work on; empty when it is nothing."""
    return _subject.get()


def ids_of(body: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the ids that a peer's message names, unverified."""
    return tuple(each for name in _IDS if isinstance(each := body.get(name), str) and each)
