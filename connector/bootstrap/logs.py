"""Log lines of a running node, on standard error.

Rules: no personal data and no secret; of an exception that nobody foresaw the places and kinds are
told, never its text, which may hold a row or a form; one line per event; times in UTC; a line
carries the id of the negotiation or job that it is about; a line that comes again within
`QUIET_SECONDS` is counted and not written. The audit log is another thing: it is in the database,
and it proves.
"""

from __future__ import annotations

import json
import logging
import sys
import threading
import time
import traceback
from collections import OrderedDict
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final

from connector.domain import instant
from connector.errors import PreauError
from connector.services import correlation

QUIET_SECONDS: Final = 60.0
_LINES: Final = 1024  # that are remembered at once


class _Lines(logging.Formatter):
    """Says of exceptions where they were raised."""

    def formatException(self, ei: Any) -> str:  # noqa: N802 - the library's name
        """Return the frames and the kinds of an exception and of those before it, newest first."""
        told: list[str] = []
        exc: BaseException | None = ei[1]
        seen: set[int] = set()
        while exc is not None and id(exc) not in seen:
            seen.add(id(exc))
            kind = f"{type(exc).__module__}.{type(exc).__qualname__}"
            said = f": {exc.code}" if isinstance(exc, PreauError) else ""
            told += [*traceback.format_tb(exc.__traceback__), f"{kind}{said}\n"]
            exc = exc.__cause__ or (None if exc.__suppress_context__ else exc.__context__)
        return "".join(told).rstrip()


class JsonLines(_Lines):
    """One JSON object a line."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        value: dict[str, object] = {
            "at": _at(record),
            "level": record.levelname.lower(),
            "from": record.name,
            "text": _one_line(record.getMessage()),
        }
        if about := _about(record):
            value["about"] = about
        if again := getattr(record, "again", 0):
            value["again"] = again
        if record.exc_info:
            value["trace"] = self.formatException(record.exc_info)
        return json.dumps(value, ensure_ascii=False)


class PlainLines(_Lines):
    """Text for people."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line, and a traceback below it when there is one."""
        text = _one_line(record.getMessage())
        about, again = _about(record), getattr(record, "again", 0)
        shown = f"{_at(record)} {record.levelname.lower():7} {record.name}: {text}"
        shown += f" [{about}]" if about else ""
        shown += f" ({again} more times since)" if again else ""
        return f"{shown}\n{self.formatException(record.exc_info)}" if record.exc_info else shown


class Repeats(logging.Filter):
    """Holds back a line that was written less than `QUIET_SECONDS` ago; the next says how many."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._now = now
        self._lock = threading.Lock()
        self._seen: OrderedDict[tuple[str, str, str], tuple[float, int]] = OrderedDict()

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether the line is written; `again` of it is how often it was not."""
        try:
            line = (record.name, record.getMessage(), _about(record))
        except (TypeError, ValueError):  # arguments that do not fit: told by who writes the line
            return True
        with self._lock:
            written, held = self._seen.get(line, (-QUIET_SECONDS, 0))
            now = self._now()
            if now - written < QUIET_SECONDS:
                self._seen[line] = (written, held + 1)
                return False
            self._seen[line] = (now, 0)
            self._seen.move_to_end(line)
            if len(self._seen) > _LINES:
                self._seen.popitem(last=False)
        record.again = held
        return True


def configure(*, as_json: bool, verbose: bool) -> None:
    """Send the process's log lines to standard error."""
    # A record says none of these; finding them out takes half as long as writing it.
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    logging._srcfile = None  # noqa: SLF001 - the way that the library's manual names
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines() if as_json else PlainLines())
    handler.addFilter(Repeats())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    logging.getLogger("connector").setLevel(logging.DEBUG if verbose else logging.INFO)


def _at(record: logging.LogRecord) -> str:
    return instant.text(datetime.fromtimestamp(record.created, UTC))


def _about(record: logging.LogRecord) -> str:
    return _one_line(getattr(record, "about", "") or correlation.current())


def _one_line(text: str) -> str:
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else " " for char in text)
