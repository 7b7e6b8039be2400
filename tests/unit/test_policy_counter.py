"""The minimal counter-offer: what changes, what it costs, more protection, and what cannot be."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from policies_odrl import (
    Action,
    AssetRef,
    Constraint,
    Duty,
    Iri,
    Knowledge,
    LimitExceeded,
    Literal,
    Operator,
    PartyRef,
    Permission,
    Policy,
    counter_offer,
    term_changes,
)
from policies_odrl.comparison.blocking import blocking
from policies_odrl.comparison.change import Cost, cost
from policies_odrl.comparison.nearness import distance
from policies_odrl.comparison.phrases import number
from policies_odrl.comparison.term_change import ChangeKind
from policies_odrl.model import ODRL, XSD, Condition
from policies_odrl.vocabulary import PREAU
from tests.support.policies import amount, name_is, one_rule, purpose, until

PERCENT = ODRL + "percentage"
RESEARCH = purpose("AcademicResearch")


def kept(days: int) -> Constraint:
    value = Literal(f"P{days}D", XSD + "duration")
    return Constraint(PREAU + "retention", Operator.LTEQ, (value,))


def level(step: str, operator: str = "gteq") -> Constraint:
    return Constraint(PREAU + "protectionLevel", Operator(operator), (Iri(PREAU + step),))


def also(
    policy: Policy, *more: Condition, action: str = "use", duties: tuple[Duty, ...] = ()
) -> Policy:
    rule = Permission(action=Action(ODRL + action), constraints=more, duties=duties)
    return replace(policy, permissions=(*policy.permissions, rule))


OFFER = one_rule("use", RESEARCH, kept(90), level("Pseudonymised"))


# -- agreed, or countered -------------------------------------------------------------------


def test_nothing_asked_gets_nothing() -> None:
    found = counter_offer(OFFER, replace(OFFER, permissions=()))
    assert not found
    assert found.changes == found.blocked == ()


# -- what cannot be -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("offer", "wish", "names"),
    [
        (one_rule("print"), one_rule("read"), ["action", "action"]),
        (
            replace(one_rule("read"), target=AssetRef("urn:a")),
            replace(one_rule("read"), target=AssetRef("urn:b")),
            ["target", "target"],
        ),
        (
            replace(one_rule("read"), assignee=PartyRef("urn:a")),
            replace(one_rule("read"), assignee=PartyRef("urn:b")),
            ["assignee", "assignee"],
        ),
        (
            one_rule("read", until("2026-01-01")),
            one_rule("read", until("2027-01-01", "gt"), RESEARCH),
            ["condition", "condition"],
        ),
        (
            one_rule("read"),
            one_rule("read", until("2026-01-01"), until("2027-01-01", "gt")),
            ["condition", "condition"],
        ),
    ],
)
def test_a_conflicting_set_of_each_kind(offer: Policy, wish: Policy, names: list[str]) -> None:
    (blocked,) = blocking(offer, wish)
    assert [part.name for part in blocked.parts] == names
    assert blocking(offer, offer) == ()


def test_the_smallest_set_of_several_offers_is_named() -> None:
    three = one_rule("read", purpose("Marketing", "ResearchAndDevelopment"))
    lists = (purpose("CommercialPurpose"), purpose("AcademicResearch"))
    wish = one_rule("read", *lists)
    (blocked,) = blocking(also(three, kept(5), action="print"), wish)
    assert len(blocked.parts) == 2
    assert blocking(replace(three, permissions=()), wish)[0].said("en") == "Nothing is offered."
    assert blocking(replace(three, permissions=()), wish)[0].line == "/permission/0: no offer"


# -- the list, computed by whoever asked ----------------------------------------------------


def test_the_answer_that_changes_least_is_compared() -> None:
    wish = one_rule("read", RESEARCH, kept(30))
    offered = also(one_rule("read", RESEARCH, kept(5), until()), RESEARCH, kept(20), action="read")
    (only,) = term_changes(wish, offered)
    assert only.rule == "/permission/1"
    assert only.offered == (kept(20),)
    turned = replace(offered, permissions=offered.permissions[::-1])
    assert term_changes(wish, turned)[0].rule == "/permission/0"
    told = replace(wish, obligations=(Duty(action=Action(ODRL + "inform")),))
    assert term_changes(told, told) == ()
    assert number("/odrl:elsewhere", "en") == "/odrl:elsewhere"
    many = replace(wish, permissions=wish.permissions * 2000)
    assert [item.kind for item in term_changes(many, replace(wish, id=""))][
        -1
    ] is ChangeKind.DROPPED


# -- costs and bounds -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("near", "far", "asked"),
    [
        (kept(300), kept(90), kept(365)),
        (amount(PERCENT, "9"), amount(PERCENT, "1"), amount(PERCENT, "10")),
        (until("2027-01-01"), until("2026-01-01"), until("2027-02-01")),
        (level("Minimised"), level("Synthetic"), level("Raw")),
        (RESEARCH, purpose("ResearchManagement:x"), purpose("ResearchAndDevelopment")),
        (
            purpose("https://w3id.org/dpv/sector/education#ResearchManagement"),
            purpose("Marketing"),
            RESEARCH,
        ),
    ],
)
def test_nearer_terms_are_nearer(near: Constraint, far: Constraint, asked: Constraint) -> None:
    known = Knowledge()
    small, large = (distance([asked], [item], known) for item in (near, far))
    assert 0 < small < large <= 1
    assert distance([asked], [asked], known) == 0


def test_what_cannot_be_measured_is_as_far_as_can_be() -> None:
    known = Knowledge()
    spatial = name_is(ODRL + "spatial", "urn:a")
    assert distance([spatial], [spatial], known) == 1
    assert distance([], [RESEARCH], known) == 1
    assert distance([kept(5)], [RESEARCH], known) == 1
    zero = amount(PERCENT, "0")
    assert distance([zero], [zero], known) == 0
    two = replace(zero, right=(*zero.right, *kept(5).right))
    assert distance([two], [zero], known) == 1
    none = Constraint(ODRL + "purpose", Operator.EQ, (), reference=("urn:x",))
    assert distance([RESEARCH], [none], known) == 1
    year = replace(kept(5), right=(Literal("P1Y", XSD + "duration"),))
    assert Decimal(str(distance([year], [kept(365)], known))) < Decimal("0.01")
    assert cost((), known) == Cost(0, 0, 0)


def test_policies_too_large_are_refused() -> None:
    many = replace(OFFER, permissions=OFFER.permissions * 65)
    with pytest.raises(LimitExceeded, match="too many rules"):
        counter_offer(many, many)
    wish = one_rule("read", *(amount(PERCENT, str(value)) for value in range(200)))
    with pytest.raises(LimitExceeded, match="too many rules"):
        counter_offer(replace(wish, permissions=wish.permissions * 20), many)
    assert counter_offer(wish, wish).agreed


def test_why_something_is_blocked_is_told_in_english_and_french_only() -> None:
    [blocked] = counter_offer(
        one_rule("use", purpose("AcademicResearch")), one_rule("read", purpose("Marketing"))
    ).blocked
    assert blocked.line.startswith("/permission/0: cannot hold together: request")
    with pytest.raises(ValueError, match="not in"):
        blocked.said("de")
