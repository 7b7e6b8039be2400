"""Peers and trust: who was met and how each stands, own memberships, and meeting another."""

from __future__ import annotations

from typing import Final

from connector.console.pages.entry import Entry, Moved
from connector.console.pages.listing import listed
from connector.console.parts import Cell, Field, Form, Page, Part, Table, Words, named
from connector.console.visit import Visit
from connector.services.health import watching
from connector.services.health.watching import Belonging
from connector.services.membership import peers as services
from connector.services.membership.peers import Known


def peers(visit: Visit) -> Page:
    """List the peers, and meet one."""
    page = visit.served.do(services.page, **visit.place)
    own = visit.served.do(watching.memberships)
    headings = ("peer", "name", "standing", "space", "met", "fetched", "reason")
    empty = "No peer was met yet: an operator meets one by its DID."
    rows = list(map(_membership, own))
    parts: list[Part] = [
        Table(
            "Own memberships",
            _MEMBERSHIPS,
            rows,
            "This node is in no space: `space` in `preau.toml` names the one that it joins.",
            name="own",
        ),
        *listed("Peers", headings, page, _row, empty=empty, name="peers", visit=visit),
    ]
    if visit.served.may(services.meet):
        choices = [("", "as before"), *named(each.space.id for each in own)]
        fields = (
            Field("did", "DID", hint="such as `did:web:lab.example`", needed=True),
            Field("space", "space in which it is dealt with", kind="choice", choices=choices),
        )
        parts.append(Form("Meet a peer", "/peers/meet", fields, "meet"))
    return Page("Peers", parts)


def meet(visit: Visit) -> Moved:
    """Meet a peer."""
    visit.served.do(services.meet, visit.given("did").strip(), visit.given("space"))
    return Moved("/peers")


_MEMBERSHIPS: Final = ("space", "standing", "role", "valid until", "authority", "reason")


def _membership(each: Belonging) -> tuple[Cell, ...]:
    if each.facts is None:
        code, reason = (each.refusal.code, each.refusal.reason) if each.refusal else ("", "")
        return each.space.id, code, "", None, "", Words(reason)
    facts = each.facts
    good = Words("in good standing")
    return each.space.id, good, facts.role, facts.valid_until, facts.issuer, ""


def _row(each: Known) -> tuple[Cell, ...]:
    peer, refusal = each.peer, each.refusal
    return (
        peer.did,
        peer.name,
        refusal.code if refusal else Words("in good standing"),
        peer.space,
        peer.admitted_at,
        peer.refreshed_at,
        Words(refusal.reason) if refusal else "",
    )


PAGES: Final = (
    Entry("/peers", peers, (services.page,), "Peers"),
    Entry("/peers/meet", meet, (services.meet,), method="POST", on="/peers"),
)
