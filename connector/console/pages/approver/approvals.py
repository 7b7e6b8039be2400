"""What waits for a decision of persons, and deciding on it."""

from __future__ import annotations

from typing import Final

from connector.console.pages.entry import Entry, Moved
from connector.console.pages.listing import ROWS, listed
from connector.console.pages.wording import sentences
from connector.console.parts import Cell, Facts, Field, Form, Link, Notice, Page, Part, Table, Words
from connector.console.visit import Visit
from connector.domain.contract.approval import Approval, ApprovalState
from connector.errors import PreauError
from connector.services.access import decisions
from connector.services.approval import deciding, viewing
from connector.services.approval.viewing import Brief

_HEADINGS: Final = ("dataset", "peer", "of a", "state", "still to accept", "asked", "lapses")


def approvals(visit: Visit) -> Page:
    """List what waits, or all that was decided as well."""
    closed = visit.asked("closed") == "yes"
    page = visit.served.do(
        deciding.approvals, pending=not closed, after=visit.asked("after"), limit=ROWS
    )
    empty = "Nothing waits for a decision."
    parts = listed("Decisions", _HEADINGS, page, _row, empty=empty, name="approvals", visit=visit)
    value = "yes" if closed else "no"
    choices = (("no", "what waits"), ("yes", "what was decided as well"))
    chosen = Field("closed", "show", kind="choice", value=value, choices=choices)
    return Page("Decisions", [Form("Show", "/approvals", (chosen,), "show", method="get"), *parts])


def approval(visit: Visit) -> Page:
    """Show what a person has to know before deciding."""
    brief = visit.served.do(viewing.brief, visit.asked("id"))
    found = brief.approval
    parts: list[Part] = []
    if brief.fault:
        parts.append(Notice(f"a part cannot be shown: {brief.fault}", "wrong"))
    parts.append(_facts(found))
    if brief.policy:
        parts.append(sentences("Terms", brief.policy, visit.language))
    parts += _coverage(brief)
    parts += _budget(brief)
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


def _facts(found: Approval) -> Part:
    contract = Link(found.agreement_id, "/contract", {"id": found.agreement_id})
    return Facts(
        "What is asked",
        (
            ("peer", found.peer),
            ("dataset", Link(found.dataset_id, "/dataset", {"id": found.dataset_id})),
            ("of a", Words(found.subject.value)),
            ("state", Words(found.state.value)),
            ("offer", found.offer_id),
            ("contract", contract if found.agreement_id else None),
            ("use", found.figures),
            ("asked", found.asked_at),
            ("lapses", found.lapses_at if found.state is ApprovalState.PENDING else None),
            ("closed", found.closed_at),
            ("still to accept", ", ".join(found.missing)),
            ("code", found.code),
            ("reason", found.reason),
        ),
    )


def _coverage(brief: Brief) -> list[Part]:
    try:
        rows = [
            (each.constraint, Words(each.label), Words(each.by), Words(each.layer))
            for each in brief.coverage()
        ]
    except PreauError as exc:
        return [Notice(exc.reason, "wrong", exc.code, exc.hint)]
    headings = ("constraint", "label", "by", "layer")
    return [
        Table("How each constraint is upheld", headings, rows, "no constraint", name="coverage")
    ]


def _budget(brief: Brief) -> list[Part]:
    try:
        found = brief.budget()
    except PreauError as exc:
        return [Notice(exc.reason, "wrong", exc.code, exc.hint)]
    if found is None or not found.asked.epsilon:
        return []
    epsilon, delta = found.promised
    rows = (
        ("asks for ε", found.asked.epsilon),
        ("at δ", found.asked.delta),
        ("register", found.register_id),
        ("cap ε", found.cap.epsilon if found.cap else None),
        ("cap δ", found.cap.delta if found.cap else None),
        ("promised ε", epsilon),
        ("promised δ", delta),
    )
    return [Facts("Budget", rows)]


def _forms(found: Approval, own: list[str]) -> list[Part]:
    role = Field("role", "role", kind="choice", choices=[(each, each) for each in own], needed=True)
    may = Field("reason", "reason", hint="one line that names no person; it is logged")
    must = Field(
        "reason", "reason", hint="one line that names no person; the consumer is told", needed=True
    )
    hidden = {"id": found.id}
    return [
        Form("Accept", "/approval/accept", (role, may), "accept", hidden),
        Form("Refuse", "/approval/refuse", (role, must), "refuse", hidden, grave=True),
    ]


PAGES: Final = (
    Entry("/approvals", approvals, (deciding.approvals,), "Decisions"),
    Entry("/approval", approval, (viewing.brief,)),
    Entry("/approval/accept", accept, (decisions.accept,), method="POST"),
    Entry("/approval/refuse", refuse, (decisions.refuse,), method="POST"),
)
