"""The audit log, for auditors and operators: by what it is about, what happened and when."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from functools import partial
from typing import Any, Final

from connector.console.pages.entry import Entry
from connector.console.pages.listing import damaged
from connector.console.parts import Cell, Field, Form, Link, Page, Part, Table, named
from connector.console.visit import Visit
from connector.domain.log.audit import LogEntry
from connector.domain.page import Page as Listed
from connector.errors import Malformed
from connector.jsonld.canonical import parse_object
from connector.services.evidence import own_log
from connector.services.readable import Readable

_FURTHEST: Final = 2**53 - 1
_HEADINGS: Final = ("index", "at", "event", "about", "account", "facts")
_KINDS: Final = (
    ("account", "accounts"),
    ("agreement", "contracts"),
    ("approval", "decisions"),
    ("checkpoint", "heads of logs"),
    ("command", "acts refused, or not noted elsewhere"),
    ("dataset", "datasets"),
    ("delivery", "deliveries"),
    ("duty", "duties"),
    ("evidence", "evidence"),
    ("job", "jobs"),
    ("membership", "memberships"),
    ("negotiation", "negotiations"),
    ("offer", "offers"),
    ("participant", "peers"),
    ("persons", "persons of registers"),
    ("recovery", "recovery"),
    ("register", "registers"),
    ("transfer", "transfers"),
    ("use", "uses"),
)


def log(visit: Visit) -> Page:
    """List entries of the log."""
    subject, kind = visit.asked("subject").strip(), visit.asked("kind").strip()
    first, last = _day(visit.asked("since")), _day(visit.asked("until"))
    page = visit.served.do(
        own_log.events,
        start(visit),
        visit.rows,
        subject or None,
        kind=kind,
        since=first,
        before=last + timedelta(days=1) if last else None,
    )
    other = [] if not kind or kind in dict(_KINDS) else named([kind])
    fields = (
        Field("subject", "about", hint="id of a contract, job, peer or account", value=subject),
        Field("kind", "what", kind="choice", value=kind, choices=[("", "all"), *other, *_KINDS]),
        Field("since", "from day", kind="date", value=visit.asked("since")),
        Field("until", "until day", kind="date", value=visit.asked("until")),
        Field("start", "from entry", value=visit.asked("start")),
    )
    form = Form("Filter", "/log", fields, "show", method="get")
    empty = "The log has no such entry: leave the filters empty to see all."
    return Page("Audit log", [form, *entries("Audit log", page, visit, empty)])


def entries(title: str, page: Listed[LogEntry], visit: Visit, empty: str) -> list[Part]:
    """Return entries as a table, after what of them cannot be read.

    Args:
        title: caption.
        page: of the log.
        visit: who asks for it.
        empty: what is said where there is none.
    """
    following = {}
    if len(page.rows) == visit.rows:
        places = [each.index for each in page.values]
        places += [int(each.row) for each in page.damaged if each.row.isdecimal()]
        following = {**visit.kept, "after": str(max(places, default=start(visit)))}
    rows = list(map(_row, page.values))
    return [Table(title, _HEADINGS, rows, empty, following, "log", lost=damaged(page))]


def start(visit: Visit) -> int:
    """Return the lowest index that is asked for.

    Raises:
        Malformed: no whole number.
    """
    return max(
        _index(visit.asked("start")), _index(visit.asked("after")) + bool(visit.asked("after"))
    )


def _index(text: str) -> int:
    found = text.strip() or "0"
    if not (found.isascii() and found.isdigit()) or int(found) > _FURTHEST:
        raise Malformed("the first entry is a whole number from 0 on", where="start")
    return int(found)


def _row(entry: LogEntry) -> tuple[Cell, ...]:
    shown = Readable()
    nothing: dict[str, Any] = {}
    event: dict[str, Any] = shown.part(partial(parse_object, entry.event), nothing)
    facts = {k: v for k, v in event.get("facts", {}).items() if v not in ("", [], None)}
    account = str(facts.pop("account", ""))
    said = "; ".join(f"{name}: {_plain(value)}" for name, value in facts.items())
    kind = Link(entry.kind, "/log", {"kind": entry.kind})
    about = Link(entry.subject, "/log", {"subject": entry.subject}) if entry.subject else ""
    return entry.index, entry.at, kind, about, account, shown.fault or said


def _plain(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _day(text: str) -> datetime | None:
    try:
        # Not `strptime`: it loads a module, and compiles a pattern, for this one page.
        return datetime.combine(date.fromisoformat(text), time.min, UTC) if text else None
    except ValueError:
        raise Malformed("a day is written as in `2027-09-01`") from None


PAGES: Final = (Entry("/log", log, (own_log.events,), "Audit log"),)
