"""What tables that change seldom said a moment ago, so that not every call asks them again.

Rules: only reading transactions are answered from here; what this process writes is seen at once,
since a table that it wrote is forgotten before the writer goes on; what another replica writes is
seen within `SECONDS`. Rows are kept, never a judgement: what time changes is judged at each call.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final, TypeVar, cast

T = TypeVar("T")

SECONDS: Final = 1.0
MOST: Final = 1024  # answers of one table


@dataclass(frozen=True, slots=True)
class Mark:
    """When a transaction began.

    Attributes:
        changes: how many changes came before it.
        at: monotonic time, in seconds.
    """

    changes: int
    at: float


Answers = Mapping[Hashable, tuple[Mark, Any]]


class Recent:
    """Answers of tables; thread-safe."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._changes = 0
        self._changed: dict[str, int] = {}
        self._answers: dict[str, dict[Hashable, tuple[Mark, Any]]] = {}

    def mark(self) -> Mark:
        """Return the mark of a transaction that begins now, and sees nothing yet."""
        return Mark(self._changes, self._clock())

    def answer(self, table: str, question: Hashable, now: Mark, ask: Callable[[], T]) -> T:
        """Return what a table said to a question a moment ago; else ask, and keep the answer.

        Args:
            table: its name.
            question: all that the answer follows from.
            now: of the transaction.
            ask: asks the database.
        """
        kept = self._answers.get(table, {}).get(question)
        changed = self._changed.get(table, 0)
        if kept is not None and kept[0].changes >= changed and now.at - kept[0].at < SECONDS:
            return cast("T", kept[1])
        found = ask()
        with self._lock:
            # INVARIANT: a transaction that began before the last change keeps nothing.
            if now.changes >= self._changed.get(table, 0):
                answers = self._answers.setdefault(table, {})
                if len(answers) >= MOST:
                    answers.clear()
                answers[question] = (now, found)
        return found

    def kept(self, table: str) -> Answers:
        """Return what a table said, and when; it may be no longer so."""
        with self._lock:
            return dict(self._answers.get(table, {}))

    def forget(
        self, tables: Iterable[str], known: Mapping[str, Answers] = MappingProxyType({})
    ) -> None:
        """Forget tables that a transaction wrote; call it once that is over, however it ended.

        Args:
            tables: their names.
            known: what they say now, with the mark of what that follows from; it is asked again
                when that is `SECONDS` old.
        """
        with self._lock:
            for table in tables:
                self._changes += 1
                self._changed[table] = self._changes
                self._answers.pop(table, None)
            for table, answers in known.items():
                for question, (mark, answer) in answers.items():
                    now = Mark(self._changes, mark.at)
                    self._answers.setdefault(table, {})[question] = (now, answer)
