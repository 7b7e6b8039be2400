"""The node for who operates it: health, keys, backup, messages, figures, and what doctor finds."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from connector.console.pages.entry import Entry, Moved
from connector.console.pages.listing import listed, stamp
from connector.console.parts import (
    Cell,
    Facts,
    Field,
    Form,
    Link,
    Notice,
    Page,
    Part,
    Table,
    Ways,
    Words,
)
from connector.console.visit import Visit
from connector.domain.delivery import OutgoingMessage
from connector.domain.page import Page as Some
from connector.language.matching import Naming
from connector.services.health import diagnose, watching
from connector.services.health.diagnose import Check
from connector.services.health.looking import Look
from connector.services.health.measure import FIGURES, Figure
from connector.services.health.watching import Health
from connector.services.messages import waiting

MESSAGES: Final = "/messages"
DOCTOR: Final = "/doctor"
EVERYWHERE: Final = "everywhere"
_PLACES: Final = {False: "this node alone", True: "this node, its peers and authorities"}
_WORDED: Final = frozenset({"whose", "state", "side", "role", "part"})  # labels, words of ours
_WHOSE: Final = {"ours": "of this institution", "others": "of others"}  # who owe a duty
_KINDS: Final = {diagnose.OK: "done", diagnose.WARN: "info", diagnose.FAIL: "wrong"}
_SAID: Final = {
    diagnose.OK: "Everything is in order.",
    diagnose.WARN: "Nothing has to be mended at once.",
    diagnose.FAIL: "Something has to be mended.",
}
_NO_KEY: Final = "No key is found: put the folder `keys` back from a backup."
# What says how old a key is.
_TOLD: Final = {
    "record": "the record of its rotation",
    "certificate": "its certificate",
    "log": "the audit log, which begins with it",
    "file": "its file: a restored backup makes it younger",
}
_VERDICTS: Final = {diagnose.OK: "in order", diagnose.WARN: "warning", diagnose.FAIL: "to mend"}


def node(visit: Visit) -> Page:
    """Show how the node is, its keys, and when it was last backed up."""
    found = visit.served.do(watching.health, visit.watch)
    parts: list[Part] = [said(found), *_faults(found), *_keys(visit), _backup(visit), _doctor()]
    more = Ways(
        "More",
        (
            Link("messages to peers that were not delivered", MESSAGES),
            Link("all figures that a monitor keeps", "/figures"),
        ),
    )
    return Page("Node", [*parts, more])


def said(found: Health) -> Part:
    """Return in words how a node is."""
    if found.dead:
        told = Naming("threads have ended: {ended}", ended=", ".join(found.dead))
        return Notice(told, "wrong", "", "restart the node")
    if found.unready:
        codes = ", ".join(found.unready)
        return Notice("The node does not answer peers and commands.", "wrong", codes)
    return Notice("The node works, and answers peers and commands.", "done")


def doctor(visit: Visit) -> Page:
    """Show what doctor found when it looked last, and how to mend it."""
    last = visit.served.do(watching.doctor, visit.watch)
    if last is None:
        return Page("Doctor", [_doctor()], live=_looked(last))
    if not last.ended:
        looking = Notice("Doctor is looking: load this page again in a moment.")
        return Page("Doctor", [looking], live=_looked(last))
    return Page("Doctor", [*_found(last), _doctor()], live=_looked(last))


def look(visit: Visit) -> Moved:
    """Let doctor look, at this node or everywhere."""
    visit.served.do(watching.look, visit.watch, peers=visit.given("look") == EVERYWHERE)
    return Moved(DOCTOR)


def examined(visit: Visit) -> str:
    """Return a stamp of the last look of doctor."""
    return _looked(visit.served.do(watching.doctor, visit.watch))


def _looked(last: Look | None) -> str:
    return repr(last and (last.begun_at.isoformat(), last.ended))


def _found(last: Look) -> list[Part]:
    """Return what a look that has ended found."""
    seen = Facts("The look", (("begun", last.begun_at), ("looked at", Words(_PLACES[last.peers]))))
    if last.refusal:
        return [Notice(last.refusal.reason, "wrong", last.refusal.code, last.refusal.hint), seen]
    checks = last.checks or ()
    worst = diagnose.worst(checks)
    headings = ("what", "verdict", "finding", "how to mend it")
    rows = [_check(each) for each in sorted(checks, key=_urgency)]
    table = Table("What doctor found", headings, rows, "", name="doctor")
    return [Notice(_SAID[worst], _KINDS[worst]), seen, table]


def messages(visit: Visit) -> Page:
    """List the messages that were not delivered."""
    page = visit.served.do(waiting.undelivered, **visit.place)
    return Page("Messages", undelivered(visit, page), live=stamp(page, _mark))


def watched(visit: Visit) -> str:
    """Return a stamp of the messages that were not delivered."""
    return stamp(visit.served.do(waiting.undelivered, **visit.place), _mark)


def undelivered(visit: Visit, page: Some[OutgoingMessage]) -> list[Part]:
    """Return messages as a table, after what cannot be read of them."""
    headings = ("message", "peer", "about", "state", "made", "tries", "next try", "why given up")
    empty = "Every message was delivered: there is nothing to do."
    return listed("Messages", headings, page, _message, empty=empty, name="messages", visit=visit)


def figures(visit: Visit) -> Page:
    """Show in words the figures that a monitor keeps."""
    rows = [
        (Words(FIGURES[each.name][1]), _of_which(each), each.value, each.name)
        for each in visit.served.do(watching.figures, visit.watch)
    ]
    headings = ("what it is", "of which", "value", "name for monitors")
    empty = "The node has no figures yet: load this page again in a moment."
    return Page("Figures", [Table("Figures", headings, rows, empty, name="figures")])


def _of_which(figure: Figure) -> Cell:
    """Return what tells a figure from others of its name; ids of others stay as they are."""
    if _WORDED.issuperset(FIGURES[figure.name][0]):
        return Words("; ".join(_WHOSE.get(each, each) for each in figure.labels))
    return ", ".join(figure.labels)


def _faults(found: Health) -> list[Part]:
    parts: list[Part] = [Notice(each) for each in found.unsafe]
    if found.faults:
        rows = [
            (thread, each.at, each.kind, each.place, each.times)
            for thread, each in sorted(found.faults.items())
        ]
        headings = ("thread", "last", "kind", "place", "times")
        parts.append(Table("Faults that were not foreseen", headings, rows, "", name="faults"))
    return parts


def _keys(visit: Visit) -> list[Part]:
    files, ends = visit.served.do(watching.keys, visit.watch)
    now = visit.served.now
    keys = [
        (each.name, each.since or Words("missing"), _days(each.since, now), Words(_TOLD[each.by]))
        for each in files
    ]
    headings = ("file", "there since", "age in days", "told by")
    certificates = [(name, end, _days(now, end)) for name, end in sorted(ends.items())]
    return [
        Table("Private keys", headings, keys, _NO_KEY, name="keys"),
        Table(
            "Certificates",
            ("certificate", "valid until", "days left"),
            certificates,
            "No certificate was read yet: load this page again in a moment, or let doctor look.",
            name="certificates",
        ),
    ]


def _days(since: datetime | None, until: datetime) -> int | None:
    return None if since is None else (until - since).days


def _backup(visit: Visit) -> Part:
    found = visit.served.do(watching.backup, visit.watch)
    if found is None:
        hint = "`preau backup FILE` makes one"
        return Notice("No backup of this node is known.", "info", "", hint)
    rows = (
        ("made", found.made_at),
        ("age in days", _days(found.made_at, visit.served.now)),
        ("private keys in it", found.keys),
        ("entries of the log in it", found.log_size),
    )
    return Facts("Last backup", rows)


def _doctor() -> Form:
    choices = (("here", _PLACES[False]), (EVERYWHERE, _PLACES[True]))
    look = Field("look", "look at", kind="choice", value="here", choices=choices)
    return Form("Let doctor look", f"{DOCTOR}/look", (look,), "look")


def _urgency(each: Check) -> int:
    return [*_VERDICTS][::-1].index(each.verdict)


def _check(each: Check) -> tuple[Cell, ...]:
    mend = "" if each.verdict == diagnose.OK else each.mend
    return Words(each.name), Words(_VERDICTS[each.verdict]), Words(each.finding), Words(mend)


def _mark(each: OutgoingMessage) -> object:
    return each.id, each.attempts, each.failed, each.due_at


def _message(each: OutgoingMessage) -> tuple[Cell, ...]:
    return (
        each.kind,
        each.peer,
        each.subject,
        Words("given up" if each.failed else "waits"),
        each.created_at,
        each.attempts,
        None if each.failed else each.due_at,
        Words(each.failed),
    )


PAGES: Final = (
    Entry("/node", node, (watching.keys,), "Node"),
    Entry(DOCTOR, doctor, (watching.doctor,), watch=examined),
    Entry(f"{DOCTOR}/look", look, (watching.look,), method="POST", on=DOCTOR),
    Entry(MESSAGES, messages, (waiting.undelivered,), watch=watched),
    Entry("/figures", figures, (watching.figures,)),
)
