"""Log lines of a running node, on standard error.

Rules: no personal data and no secret; one line per event; times in UTC. The audit log is another
thing: it is in the database, and it proves.
"""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime


class JsonLines(logging.Formatter):
    """One JSON object a line."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        value = {
            "at": _at(record),
            "level": record.levelname.lower(),
            "from": record.name,
            "text": _one_line(record.getMessage()),
        }
        if record.exc_info:
            value["trace"] = self.formatException(record.exc_info)
        return json.dumps(value, ensure_ascii=False)


class PlainLines(logging.Formatter):
    """Text for people."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line, and a traceback below it when there is one."""
        text = _one_line(record.getMessage())
        shown = f"{_at(record)} {record.levelname.lower():7} {record.name}: {text}"
        return f"{shown}\n{self.formatException(record.exc_info)}" if record.exc_info else shown


def configure(*, as_json: bool, verbose: bool) -> None:
    """Send the process's log lines to standard error."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines() if as_json else PlainLines())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    logging.getLogger("connector").setLevel(logging.DEBUG if verbose else logging.INFO)


def _at(record: logging.LogRecord) -> str:
    return datetime.fromtimestamp(record.created, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _one_line(text: str) -> str:
    return "".join(char if char.isprintable() else " " for char in text)
