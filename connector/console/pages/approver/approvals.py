"""What waits for a decision of persons, and deciding on it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Final

from connector.console.pages.entry import Entry, Moved, Sent
from connector.console.pages.listing import listed, stamp
from connector.console.pages.wording import sentences
from connector.console.parts import (
    Cell,
    Facts,
    Field,
    Form,
    Link,
    Notice,
    Page,
    Part,
    Sentences,
    Table,
    Words,
    named,
)
from connector.console.visit import Visit
from connector.domain.contract.approval import Approval, ApprovalState, Subject
from connector.domain.page import Page as Some
from connector.errors import PreauError
from connector.services.access import decisions
from connector.services.approval import deciding, viewing
from connector.services.approval.viewing import Brief
from connector.services.negotiation import terms

_HEADINGS: Final = ("dataset", "peer", "of a", "state", "still to accept", "asked", "lapses")


def approvals(visit: Visit) -> Page:
    """List what waits, or all that was decided as well."""
    closed, page = visit.asked("closed") == "yes", _queue(visit)
    empty = "Nothing waits for a decision: offers say on which contracts and uses persons decide."
    parts = listed("Decisions", _HEADINGS, page, _row, empty=empty, name="approvals", visit=visit)
    value = "yes" if closed else "no"
    choices = (("no", "what waits"), ("yes", "what was decided as well"))
    chosen = Field("closed", "show", kind="choice", value=value, choices=choices)
    form = Form("Show", "/approvals", (chosen,), "show", method="get")
    return Page("Decisions", [form, *parts], live=stamp(page, _mark))


def watched(visit: Visit) -> str:
    """Return a stamp of the list."""
    return stamp(_queue(visit), _mark)


def _queue(visit: Visit) -> Some[Approval]:
    closed = visit.asked("closed") == "yes"
    return visit.served.do(deciding.approvals, pending=not closed, **visit.place, newest=closed)


def _mark(each: Approval) -> object:
    return each.id, each.state, each.missing


def approval(visit: Visit) -> Page:
    """Show what a person has to know before deciding."""
    brief = visit.served.do(viewing.brief, visit.asked("id"))
    found = brief.approval
    parts: list[Part] = []
    if brief.fault:
        parts.append(Notice(f"a part cannot be shown: {brief.fault}", "wrong"))
    parts.append(_facts(found, visit.served.now))
    for part in (_wanted, _cost, _output, _changes, _terms, _coverage, _budget):
        parts += _or_why(part, brief, visit.language)
    if found.acceptances:
        rows = [(each.role, each.reason) for each in found.acceptances]
        parts.append(Table("Accepted so far", ("role", "reason"), rows, "", name="acceptances"))
    own = [each for each in visit.served.account.reviews if each in found.missing]
    if found.state is ApprovalState.PENDING and own and visit.served.may(decisions.accept):
        parts += _forms(found, own)
    return Page("Decision", parts, subject=found.id)


def accept(visit: Visit) -> Moved:
    """Accept."""
    visit.served.do(decisions.accept, visit.served.account, *_said(visit))
    return Moved("/approval", {"id": visit.given("id")})


def refuse(visit: Visit) -> Moved:
    """Refuse."""
    visit.served.do(decisions.refuse, visit.served.account, *_said(visit))
    return Moved("/approval", {"id": visit.given("id")})


def look(visit: Visit) -> Sent:
    """Send the very file that would leave."""
    id_, role = visit.given("id"), visit.given("role")
    kind, content = visit.served.do(decisions.look, visit.served.account, id_, role)
    return Sent(f"output.{kind}", "application/octet-stream", content)


def _said(visit: Visit) -> tuple[str, str, str]:
    return visit.given("id"), visit.given("role"), visit.given("reason").strip()


def _row(each: Approval) -> tuple[Cell, ...]:
    return (
        Link(each.dataset_id, "/approval", {"id": each.id}),
        each.peer,
        Words(each.subject.value),
        Words(each.state.value),
        ", ".join(each.missing) if each.state is ApprovalState.PENDING else "",
        each.asked_at,
        each.lapses_at,
    )


def _facts(found: Approval, now: datetime) -> Part:
    contract = Link(found.agreement_id, "/contract", {"id": found.agreement_id})
    pending = found.state is ApprovalState.PENDING
    return Facts(
        "What is asked",
        (
            ("peer", found.peer),
            ("dataset", Link(found.dataset_id, "/dataset", {"id": found.dataset_id})),
            ("of a", Words(found.subject.value)),
            ("state", Words(found.state.value)),
            ("offer", found.offer_id),
            ("contract", contract if found.agreement_id else None),
            ("use", Words(found.figures)),
            ("asked", found.asked_at),
            ("lapses", found.lapses_at if pending else None),
            ("days left", max((found.lapses_at - now).days, 0) if pending else None),
            ("closed", found.closed_at),
            ("still to accept", ", ".join(found.missing)),
            ("code", found.code),
            ("reason", found.reason),
        ),
    )


def _or_why(
    part: Callable[[Brief, str], Iterator[Part]], brief: Brief, language: str
) -> Iterator[Part]:
    """Yield parts, or why they cannot be told."""
    try:
        yield from part(brief, language)
    except PreauError as exc:
        yield Notice(exc.reason, "wrong", exc.code, exc.hint)


def _wanted(brief: Brief, language: str) -> Iterator[Part]:
    if lines := brief.sentences.get(language):
        yield Sentences("What it would do", lines)


def _cost(brief: Brief, _language: str) -> Iterator[Part]:
    found = brief.cost()
    if found is None:
        return
    if found.refusal:
        yield Notice(f"it would not be charged: {found.refusal}", "wrong")
    rows = [
        (each.register or Words("the contract"), each.limit, each.left, each.after)
        for each in found.places
    ]
    headings = ("budget of", "limit ε", "left ε", "ε left after it")
    yield Facts("Cost", (("ε per person", found.epsilon),))
    yield Table("What it costs a person", headings, rows, "It has no budget.", name="cost")


def _output(brief: Brief, _language: str) -> Iterator[Part]:
    if (found := brief.output) is not None:
        rows = (
            ("format", found.format),
            ("rows", found.rows),
            ("bytes", found.bytes),
            ("withheld", found.suppressed),
            ("SHA-256 of the file", found.digest),
        )
        yield Facts("What would leave", rows)


def _changes(brief: Brief, language: str) -> Iterator[Part]:
    """Say what is new beside the last contract with the peer on the dataset."""
    if brief.approval.subject is not Subject.CONTRACT or not brief.policy:
        return
    if brief.previous is None:
        yield Notice("The peer has had no contract on this dataset before.")
        return
    last = Link(brief.previous.id, "/contract", {"id": brief.previous.id})
    rows = (("contract", last), ("concluded", brief.previous.concluded_at))
    yield Facts("The last contract with this peer on this dataset", rows)
    if changes := brief.changes():
        lines = [terms.one_line(each.said(language)) for each in changes]
        yield Sentences("What the terms change of the last contract", lines)
    else:
        yield Notice("The terms are those of the last contract.", "done")


def _terms(brief: Brief, language: str) -> Iterator[Part]:
    if brief.policy:
        yield sentences("Terms", brief.policy, language)


def _coverage(brief: Brief, _language: str) -> Iterator[Part]:
    rows = [
        (each.constraint, Words(each.label), Words(each.by), Words(each.layer))
        for each in brief.coverage()
    ]
    headings = ("constraint", "label", "by", "layer")
    yield Table(
        "How each constraint is upheld",
        headings,
        rows,
        "The terms hold no constraint: they limit nothing.",
        name="coverage",
    )


def _budget(brief: Brief, _language: str) -> Iterator[Part]:
    """Say what a contract would promise of the budget of its register."""
    found = brief.budget()
    if found is None or not found.asked.epsilon or brief.approval.subject is not Subject.CONTRACT:
        return
    cap, asked, (epsilon, delta) = found.cap, found.asked, found.promised
    headings = ("figure", "cap", "promised so far", "this contract", "promised with it")
    rows = (
        ("ε", cap.epsilon if cap else None, epsilon, asked.epsilon, epsilon + asked.epsilon),
        ("δ", cap.delta if cap else None, delta, asked.delta, delta + asked.delta),
    )
    yield Facts("Budget", (("register", found.register_id),))
    yield Table("Budget of each person", headings, rows, "", name="budget")


def _forms(found: Approval, own: list[str]) -> list[Part]:
    role = Field("role", "role", kind="choice", choices=named(own), needed=True)
    may = Field("reason", "reason", hint="one line that names no person; it is logged")
    must = Field(
        "reason", "reason", hint="one line that names no person; the consumer is told", needed=True
    )
    hidden = {"id": found.id}
    looking = Form("Look at what would leave", "/approval/look", (role,), "download", hidden)
    return [
        *([looking] if found.subject is Subject.OUTPUT else []),
        Form("Accept", "/approval/accept", (role, may), "accept", hidden),
        Form("Refuse", "/approval/refuse", (role, must), "refuse", hidden, grave=True),
    ]


PAGES: Final = (
    Entry("/approvals", approvals, (deciding.approvals,), "Decisions", watch=watched),
    Entry("/approval", approval, (viewing.brief,)),
    Entry("/approval/look", look, (decisions.look,), method="POST", on="/approval"),
    Entry("/approval/accept", accept, (decisions.accept,), method="POST", on="/approval"),
    Entry("/approval/refuse", refuse, (decisions.refuse,), method="POST", on="/approval"),
)
