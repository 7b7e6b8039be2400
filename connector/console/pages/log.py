"""The audit log, for auditors and operators."""

from __future__ import annotations

from functools import partial
from typing import Any, Final

from connector.console.pages.entry import Entry
from connector.console.parts import Cell, Field, Form, Notice, Page, Part, Table
from connector.console.visit import Visit
from connector.domain.log.audit import LogEntry
from connector.errors import Malformed
from connector.jsonld.canonical import parse_object
from connector.services.evidence import own_log
from connector.services.readable import Readable

_ROWS: Final = 100
_FURTHEST: Final = 2**53 - 1


def log(visit: Visit) -> Page:
    """List entries of the log, of one subject when asked."""
    subject, start = visit.asked("subject").strip(), _start(visit.asked("start"))
    page = visit.served.do(own_log.events, start, _ROWS, subject or None)
    parts: list[Part] = [
        Form(
            "Filter",
            "/log",
            (
                Field(
                    "subject", "about", hint="id of a contract, job, peer or account", value=subject
                ),
                Field("start", "from entry", value=str(start)),
            ),
            "show",
            method="get",
        )
    ]
    parts += [
        Notice(f"{each.row}: cannot be shown: {each.fault}", "wrong") for each in page.damaged
    ]
    rows = list(map(_row, page.values))
    following = {}
    if len(rows) == _ROWS:
        following = {"subject": subject, "start": str(page.values[-1].index + 1)}
    headings = ("index", "at", "event", "about", "account", "facts")
    empty = "The log has no such entry."
    parts.append(Table("Audit log", headings, rows, empty, following, "log"))
    return Page("Audit log", parts)


def _row(entry: LogEntry) -> tuple[Cell, ...]:
    shown = Readable()
    nothing: dict[str, Any] = {}
    event: dict[str, Any] = shown.part(partial(parse_object, entry.event), nothing)
    facts = {k: v for k, v in event.get("facts", {}).items() if v not in ("", [], None)}
    account = str(facts.pop("account", ""))
    said = "; ".join(f"{name}: {value}" for name, value in facts.items())
    return entry.index, entry.at, entry.kind, entry.subject, account, shown.fault or said


def _start(text: str) -> int:
    if not text:
        return 0
    if not (text.isascii() and text.isdigit()) or int(text) > _FURTHEST:
        raise Malformed("the first entry is a whole number from 0 on")
    return int(text)


PAGES: Final = (Entry("/log", log, (own_log.events,), "Audit log"),)
