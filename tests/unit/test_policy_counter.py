"""The minimal counter-offer: what it costs, and its bounds; its terms are rows of `tests/cases`."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from policies_odrl import (
    Action,
    Constraint,
    Duty,
    Iri,
    Knowledge,
    LimitExceeded,
    PartyRef,
    Policy,
    counter_offer,
    term_changes,
)
from policies_odrl.comparison import change, counter
from policies_odrl.comparison.change import cost, distance
from policies_odrl.comparison.counter import blocking
from policies_odrl.comparison.differences import ChangeKind
from policies_odrl.model import ODRL
from policies_odrl.vocabulary import PREAU
from tests.support.each import over
from tests.support.policies import EDUCATION, amount, name_is, one_rule, purpose, until
from tests.support.small_policies import may, terms, typed, where

PERCENT = ODRL + "percentage"
RESEARCH = purpose("AcademicResearch")
KNOWN = Knowledge()


def kept(length: str) -> Constraint:
    return where(PREAU + "retention", "lteq", typed(length, "duration"))


def level(step: str) -> Constraint:
    return where(PREAU + "protectionLevel", "gteq", Iri(PREAU + step))


OFFER = one_rule("use", RESEARCH, kept("P90D"), level("Pseudonymised"))


def test_nothing_asked_gets_nothing() -> None:
    found = counter_offer(OFFER, replace(OFFER, permissions=()))
    assert not found
    assert found.changes == found.blocked == ()


def test_the_smallest_set_of_several_offers_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    three = one_rule("read", purpose("Marketing", "ResearchAndDevelopment"))
    wish = one_rule("read", purpose("CommercialPurpose"), RESEARCH)
    more = replace(three, permissions=(*three.permissions, may(kept("P5D"), act="print")))
    (blocked,) = blocking(more, wish)
    assert len(blocked.parts) == 2
    (nothing,) = blocking(replace(three, permissions=()), wish)
    assert (nothing.said("en"), nothing.line) == ("Nothing is offered.", "/permission/0: no offer")
    monkeypatch.setattr(counter, "MAX_PAIRS", 1)
    offer = terms(may(act="print"), may(act="play"))
    assert blocking(offer, terms(may(act="play"))) == ()
    (found,) = blocking(offer, terms(may()))
    assert [part.rule for part in found.parts] == ["/permission/0", "/permission/0"]


def test_the_answer_that_changes_least_is_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    wish = one_rule("read", RESEARCH, kept("P30D"))
    rules = may(RESEARCH, kept("P5D"), until()), may(RESEARCH, kept("P20D"))
    for offered, place in ((rules, "1"), (rules[::-1], "0")):
        (only,) = term_changes(wish, replace(wish, permissions=offered))
        assert (only.rule, only.offered) == (f"/permission/{place}", (kept("P20D"),))
    told = replace(wish, obligations=(Duty(action=Action(ODRL + "inform")),))
    assert term_changes(told, told) == ()
    many = replace(wish, permissions=wish.permissions * 2000)
    assert term_changes(many, replace(wish, id=""))[-1].kind is ChangeKind.DROPPED
    half = terms(may(), may(amount(PERCENT, "5")))
    assert term_changes(terms(may()), half) == ()
    monkeypatch.setattr(change, "MAX_PAIRS", 2)  # what was not compared counts as added
    (found,) = term_changes(terms(may()), half)
    assert (found.kind, found.operand) == (ChangeKind.ADDED, "rule")


@over(
    ("name", "told"),
    [
        (ODRL + "compensatedParty", ("Party that is paid: urn:ann", "Partie payée : urn:ann")),
        ("urn:vouches", ("vouches", "vouches")),
    ],
)
def test_a_change_says_to_whom_a_duty_is_due(name: str, told: tuple[str, str]) -> None:
    pay = Duty(action=Action(ODRL + "compensate"))
    due = replace(pay, functions=((name, PartyRef("urn:ann")),))

    def owing(duty: Duty) -> Policy:
        return replace(terms(may()), obligations=(duty,))

    new, gone = term_changes(owing(pay), owing(due))
    for lang, words in zip(("en", "fr"), told, strict=True):
        assert words in new.said(lang)
        assert words not in gone.said(lang)


# -- costs and bounds -----------------------------------------------------------------------


@over(
    ("near", "far", "asked"),
    [
        (kept("P300D"), kept("P90D"), kept("P365D")),
        (amount(PERCENT, "9"), amount(PERCENT, "1"), amount(PERCENT, "10")),
        (until("2027-01-01"), until("2026-01-01"), until("2027-02-01")),
        (level("Minimised"), level("Synthetic"), level("Raw")),
        (RESEARCH, purpose("ResearchManagement:x"), purpose("ResearchAndDevelopment")),
        (purpose(EDUCATION + "ResearchManagement"), purpose("Marketing"), RESEARCH),
    ],
)
def test_nearer_terms_are_nearer(near: Constraint, far: Constraint, asked: Constraint) -> None:
    small, large = (distance([asked], [item], KNOWN) for item in (near, far))
    assert 0 < small < large <= 1
    assert distance([asked], [asked], KNOWN) == 0


def test_what_cannot_be_measured_is_as_far_as_can_be() -> None:
    spatial, zero = name_is(ODRL + "spatial", "urn:a"), amount(PERCENT, "0")
    two = replace(zero, right=(*zero.right, *kept("P5D").right))
    none = where("purpose", "eq", reference=("urn:x",))
    for asked, item in (
        ([spatial], spatial), ([], RESEARCH), ([kept("P5D")], RESEARCH), ([two], zero),
        ([RESEARCH], none),
    ):  # fmt: skip
        assert distance(asked, [item], KNOWN) == 1
    assert distance([zero], [zero], KNOWN) == 0
    assert Decimal(str(distance([kept("P1Y")], [kept("P365D")], KNOWN))) < Decimal("0.01")
    assert cost((), KNOWN) == (0, 0, 0)


def test_policies_too_large_are_refused() -> None:
    many = replace(OFFER, permissions=OFFER.permissions * 65)
    wish = one_rule("read", *(amount(PERCENT, str(value)) for value in range(200)))
    for large in (many, replace(wish, permissions=wish.permissions * 20)):
        with pytest.raises(LimitExceeded, match="too many rules"):
            counter_offer(large, many)
    assert counter_offer(wish, wish).agreed
