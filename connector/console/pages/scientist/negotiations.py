"""Negotiations: the list, one on a page, and answering it."""

from __future__ import annotations

from typing import Final

from connector.console.pages.entry import Entry, Moved
from connector.console.pages.listing import listed
from connector.console.pages.scientist import narrowing
from connector.console.pages.wording import negotiation_state, sentences
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
    Words,
)
from connector.console.visit import Visit
from connector.domain.contract.negotiation import Negotiation, NegotiationState, Role
from connector.errors import Malformed, PreauError
from connector.services.negotiation import negotiate, terms

_CONCERNED: Final = {
    NegotiationState.AGREED: "The contract is being signed.",
    NegotiationState.VERIFIED: "The contract is being signed.",
    NegotiationState.FINALIZED: "The contract is concluded.",
    NegotiationState.TERMINATED: "The negotiation ended without a contract.",
}
_DECIDED: Final = "The provider answers next; where persons decide, once they have decided."
_OURS: Final = "This node answers next; where persons decide, see the decisions."
_ANSWERS: Final = {
    Role.CONSUMER: {
        NegotiationState.REQUESTED: _DECIDED,
        NegotiationState.ACCEPTED: _DECIDED,
        NegotiationState.OFFERED: "The provider waits for the answer of a scientist of this node.",
    },
    Role.PROVIDER: {
        NegotiationState.REQUESTED: _OURS,
        NegotiationState.ACCEPTED: _OURS,
        NegotiationState.OFFERED: "The consumer answers next.",
    },
}
_OVER: Final = frozenset({NegotiationState.FINALIZED, NegotiationState.TERMINATED})


def negotiations(visit: Visit) -> Page:
    """List the negotiations."""
    page = visit.served.do(negotiate.negotiations, **visit.place, newest=True)
    headings = ("negotiation", "state", "role", "peer", "dataset", "updated")
    empty = "Nothing was negotiated yet: a scientist asks a peer for a contract, from its catalog."
    parts = listed(
        "Negotiations", headings, page, _row, empty=empty, name="negotiations", visit=visit
    )
    return Page("Negotiations", parts)


def negotiation(visit: Visit) -> Page:
    """Show a negotiation, with the terms on the table."""
    found = visit.served.do(negotiate.negotiation, visit.asked("id"))
    contract = Link(found.agreement_id, "/contract", {"id": found.agreement_id})
    rows = (
        ("state", negotiation_state(found.state)),
        ("our role", Words(found.role.value)),
        ("peer", found.peer),
        ("dataset", found.dataset_id),
        ("offer", found.offer_id),
        ("contract", contract if found.agreement_id else None),
        ("code", found.code),
        ("over HTTPS", found.address),
        ("created", found.created_at),
        ("updated", found.updated_at),
    )
    changes = _changes(visit, found)
    parts: list[Part] = [_where(found)]
    if not changes:  # which say the same in words
        parts += [Notice(each) for each in found.reasons]
    parts += [Facts("Negotiation", rows), *changes]
    if found.policy:
        parts.append(sentences("Terms on the table", found.policy, visit.language))
    parts += _forms(visit, found)
    live = "" if found.state in _OVER else _stamp(found)
    return Page("Negotiation", parts, subject=found.pid, live=live)


def watched(visit: Visit) -> str:
    """Return a stamp of where a negotiation stands."""
    return _stamp(visit.served.do(negotiate.negotiation, visit.asked("id")))


def _stamp(found: Negotiation) -> str:
    return f"{found.state}-{found.updated_at.isoformat()}"


def accept(visit: Visit) -> Moved:
    """Accept what is on the table."""
    visit.served.do(negotiate.accept, visit.given("id"))
    return Moved("/negotiation", {"id": visit.given("id")})


def narrow(visit: Visit) -> Moved:
    """Answer what is on the table with narrower terms."""
    found = visit.served.do(negotiate.negotiation, visit.given("id"))
    wish = narrowing.narrowed(found.policy, visit)
    if wish is None:
        raise Malformed("the terms are those on the table: accept them, or change a value")
    visit.served.do(negotiate.counter, found.pid, wish)
    return Moved("/negotiation", {"id": found.pid})


def terminate(visit: Visit) -> Moved:
    """End a negotiation."""
    visit.served.do(negotiate.terminate, visit.given("id"), visit.given("reason").strip())
    return Moved("/negotiation", {"id": visit.given("id")})


def _where(found: Negotiation) -> Notice:
    """Say where it stands, and who answers next."""
    told = _CONCERNED.get(found.state) or _ANSWERS[found.role].get(found.state, "")
    done = found.state is NegotiationState.FINALIZED
    return Notice(told, "done" if done else "info")


def _row(each: Negotiation) -> tuple[Cell, ...]:
    return (
        Link(each.pid, "/negotiation", {"id": each.pid}),
        negotiation_state(each.state),
        Words(each.role.value),
        each.peer,
        each.dataset_id,
        each.updated_at,
    )


def _changes(visit: Visit, found: Negotiation) -> list[Part]:
    """Say what a counter-offer changes of what this node asked for, sentence by sentence."""
    try:
        changes = visit.served.do(negotiate.changes, found)
    except PreauError as exc:
        text = f"what the terms on the table change is not known: {exc.reason}"
        return [Notice(text, "wrong", exc.code, exc.hint)]
    if not changes:
        return []
    title = "What the terms on the table change of those asked for"
    return [Sentences(title, [terms.one_line(each.said(visit.language)) for each in changes])]


def _narrowing(visit: Visit, found: Negotiation) -> list[Part]:
    try:
        fields = narrowing.fields(found.policy, visit.language)
    except PreauError:
        return []
    title, hidden = "Ask for narrower terms", {"id": found.pid}
    return [Form(title, "/negotiation/narrow", fields, "ask", hidden)] if fields else []


def _forms(visit: Visit, found: Negotiation) -> list[Part]:
    made: list[Part] = []
    hidden = {"id": found.pid}
    ours = found.role is Role.CONSUMER and found.policy_by is Role.PROVIDER
    if ours and found.state is NegotiationState.OFFERED and visit.served.may(negotiate.accept):
        made.append(Form("Accept the terms", "/negotiation/accept", (), "accept", hidden))
    if ours and found.state is NegotiationState.OFFERED and visit.served.may(negotiate.counter):
        made += _narrowing(visit, found)
    if found.state not in _OVER and visit.served.may(negotiate.terminate):
        hint = "one line that names no person; the peer is told"
        reason = Field("reason", "reason", hint=hint)
        made.append(Form("End it", "/negotiation/terminate", (reason,), "end", hidden, grave=True))
    return made


PAGES: Final = (
    Entry("/negotiations", negotiations, (negotiate.negotiations,), "Negotiations"),
    Entry("/negotiation", negotiation, (negotiate.negotiation,), watch=watched),
    Entry("/negotiation/accept", accept, (negotiate.accept,), method="POST", on="/negotiation"),
    Entry("/negotiation/narrow", narrow, (negotiate.counter,), method="POST", on="/negotiation"),
    Entry(
        "/negotiation/terminate",
        terminate,
        (negotiate.terminate,),
        method="POST",
        on="/negotiation",
    ),
)
