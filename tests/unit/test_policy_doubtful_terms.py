"""Containment never says yes where evaluation can tell two policies apart; each case has a twin."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from policies_odrl import (
    Action,
    Answer,
    AssetRef,
    Connective,
    Constraint,
    Duty,
    Facts,
    Iri,
    Knowledge,
    LogicalConstraint,
    PartyRef,
    Performed,
    conflict_between,
    contains,
    counter_offer,
    same_meaning,
    term_changes,
)
from policies_odrl.algebra.forms import same_constraint
from policies_odrl.comparison.meet import meet
from policies_odrl.conflicts.verdict import Compatibility
from policies_odrl.model import ODRL, Condition
from policies_odrl.vocabulary import DPV, PREAU
from tests.support.algebra import contradictory
from tests.support.small_policies import (
    DAY,
    MANY,
    NOTHING,
    OTHER,
    PLAIN,
    PROVIDER,
    granted,
    may,
    never,
    purpose,
    terms,
    typed,
    where,
)

# -- what can never hold is not the same as nothing -------------------------------------------


@pytest.mark.parametrize(
    "never_true",
    [
        NOTHING,
        LogicalConstraint(Connective.OR, (NOTHING,)),
        LogicalConstraint(Connective.XONE, (NOTHING,)),
        where("recipient", "isAnyOf", Iri("urn:a"), typed("")),
        where("recipient", "isAllOf", Iri("urn:a"), typed("")),
        purpose("Marketing", "isNoneOf", unit=DAY),
        where("purpose", "isNoneOf", reference=("urn:list",)),
        where("epsilon", "lteq", typed("5", "decimal")),
        where("recipient", "eq", reference=("urn:r", "urn:r")),
    ],
)
def test_a_condition_that_never_holds_is_not_covered(never_true: Condition) -> None:
    stated = (
        where("recipient", "isAnyOf", Iri("urn:a")),
        where("recipient", "isAllOf", Iri("urn:a")),
        where("recipient", "eq", reference=("urn:r",)),
        purpose("AcademicResearch"),
    )
    offer, wish = terms(may(never_true)), terms(may(*stated))
    known = Knowledge(references={"urn:r": (Iri("urn:a"),)})
    values = {"recipient": (Iri("urn:a"),), "purpose": (Iri(DPV + "AcademicResearch"),)}
    facts = Facts(knowledge=known)
    assert granted(wish, facts, values=values)
    assert not granted(offer, facts, values=values)
    assert contains(offer, wish, known).answer is not Answer.YES
    assert not granted(meet(offer, wish, known), facts, values=values)
    assert contains(terms(may(stated[0])), wish, known)


@pytest.mark.parametrize(
    "unclear",
    [
        LogicalConstraint(Connective.OR, ()),
        LogicalConstraint(Connective.XONE, ()),
        where("recipient", "isNoneOf", Iri("urn:a"), typed("")),
    ],
)
def test_a_ban_that_is_never_ruled_out_is_not_avoided(unclear: Condition) -> None:
    wish = terms(may(where("recipient", "eq", Iri("urn:a"))))
    offer = terms(may(), never(unclear))
    values = {"recipient": (Iri("urn:a"),)}
    assert granted(wish, values=values)
    assert not granted(offer, values=values)
    assert contains(offer, wish).answer is not Answer.YES
    assert contains(terms(may(), never(where("recipient", "isNoneOf", Iri("urn:a")))), wish)


# -- bans on what is not known, and beside one another -----------------------------------------


def test_a_ban_on_an_unknown_action_bears_on_all() -> None:
    offer, wish = terms(may(), never(act="urn:strange")), terms(may())
    assert not granted(offer)
    assert contains(offer, wish).answer is not Answer.YES
    known = Knowledge(actions={"urn:strange": ()})
    assert granted(offer, Facts(knowledge=known))
    assert contains(offer, wish, known)


def test_a_ban_may_bear_on_an_unknown_action() -> None:
    offer, wish = terms(may(act="urn:strange"), never()), terms(may(act="urn:strange"))
    assert granted(wish, act="urn:strange")
    assert not granted(offer, act="urn:strange")
    assert contains(offer, wish).answer is not Answer.YES
    assert contains(offer, wish, Knowledge(actions={"urn:strange": ()}))


def test_a_ban_of_a_collection_is_not_one_of_a_single_asset() -> None:
    offer, wish = terms(may(), never(target=MANY)), terms(may(), never(target=PLAIN))
    assert granted(wish, target="urn:x")
    assert not granted(offer, target="urn:x")
    assert contains(offer, wish).answer is not Answer.YES
    assert contains(wish, offer)
    common = meet(wish, offer)
    assert common is not None
    assert not granted(common, target="urn:x")
    assert not same_meaning(offer, wish)
    assert granted(meet(wish, wish), target="urn:x")


# -- names in other types, and values that are no lengths --------------------------------------


@pytest.mark.parametrize("operator", ["neq", "isNoneOf"])
def test_names_in_other_types_prove_nothing(operator: str) -> None:
    day, link = typed("a", "date"), typed("a", "anyURI")
    offer = terms(may(where("recipient", operator, link)))
    values = {"recipient": (typed("b", "date"),)}
    for asked in (where("recipient", operator, day), where("recipient", "eq", typed("b", "date"))):
        wish = terms(may(asked))
        assert granted(wish, values=values)
        assert not granted(offer, values=values)
        assert contains(offer, wish).answer is not Answer.YES
        assert not granted(meet(offer, wish), values=values)
    assert contains(offer, offer)
    text = terms(may(where("recipient", operator, typed("a"))))
    assert contains(text, terms(may(where("recipient", "eq", Iri("b")))))
    assert contains(text, terms(may(where("recipient", operator, Iri("a")))))


def test_a_length_in_a_unit_is_a_number() -> None:
    days = where(PREAU + "retention", "lteq", typed("30", "decimal"), unit=DAY)
    link = where(PREAU + "retention", "lteq", typed("30", "anyURI"), unit=DAY)
    same = where(PREAU + "retention", "lteq", typed("30.0", "decimal"), unit=DAY)
    assert not same_constraint(days, link)
    assert same_constraint(days, same)


def test_two_events_may_take_place_at_once() -> None:
    known = Knowledge(broader={"urn:e": ("urn:event",), "urn:f": ("urn:event",)})
    one, two = (where("event", "eq", Iri(name)) for name in ("urn:e", "urn:f"))
    assert not contradictory([one, two], known)
    apart = [replace(item, left=ODRL + "purpose") for item in (one, two)]
    assert contradictory(apart, known)


# -- whom a duty is done for, what an action makes, what a policy stands on ---------------------


def test_a_duty_to_pay_another_is_another_duty() -> None:
    pay = Duty(action=Action(ODRL + "compensate"))
    offer = terms(may(duties=(pay,), assigner=PROVIDER))
    wish = terms(may(duties=(pay,), assigner=OTHER))
    act = Performed(
        ODRL + "compensate",
        datetime(2026, 1, 1, tzinfo=UTC),
        facts={ODRL + "compensatedParty": (Iri(OTHER.id),)},
    )
    facts = Facts(now=datetime(2026, 1, 2, tzinfo=UTC), performed=(act,))
    assert granted(wish, facts)
    assert not granted(offer, facts)
    assert contains(offer, wish).answer is not Answer.YES
    assert contains(offer, terms(may(duties=(pay,), assigner=PROVIDER)))
    assert contains(offer, terms(may(duties=(pay,))))  # an offer's agreement names who grants
    named = Duty(action=pay.action, functions=((ODRL + "compensatedParty", PROVIDER),))
    assert contains(
        terms(may(duties=(named,), assigner=PROVIDER)),
        terms(may(duties=(named,), assigner=OTHER)),
    )


@pytest.mark.parametrize(
    "ground",
    [{"replaced_by": "urn:new"}, {"inherits": ("urn:parent",)}, {"profiles": ("urn:profile",)}],
)
def test_what_grants_nothing_by_itself_means_and_meets_nothing(ground: dict[str, Any]) -> None:
    plain = terms(may())
    strange = replace(plain, **ground)
    assert not same_meaning(plain, strange)
    assert not same_meaning(strange, plain)
    assert same_meaning(strange, strange)
    for common in (meet(strange, plain), meet(plain, strange)):
        assert not granted(common)
    assert granted(meet(plain, plain))
    known = Knowledge(profiles=frozenset({"urn:profile"}))
    assert bool(meet(strange, plain, known)) is ("profiles" in ground)


# -- size ---------------------------------------------------------------------------------------


def deep(levels: int) -> Condition:
    item: Condition = purpose("AcademicResearch")
    for index in range(levels):
        connective = Connective.OR if index % 2 else Connective.XONE
        item = LogicalConstraint(connective, (item,))
    return item


@pytest.mark.parametrize("part", ["rule", "action", "target"])
def test_deep_conditions_are_an_answer_and_no_crash(part: str) -> None:
    item = deep(240)
    rule = {
        "rule": may(item),
        "action": replace(may(), action=Action(ODRL + "read", (item,))),
        "target": may(target=AssetRef("", source="urn:c", refinements=(item,))),
    }[part]
    assert contains(terms(may(purpose("Purpose"))), terms(rule)).answer is not Answer.NO


# -- what was not understood ---------------------------------------------------------------------

STRANGE = where("urn:strange", "eq", Iri("urn:a"))


def measured(left: str, operator: str, number: str) -> Constraint:
    return where(left, operator, typed(number, "decimal"))


def test_what_was_not_understood_proves_nothing_but_itself() -> None:
    plain, odd = terms(may()), terms(replace(may(), unread=(STRANGE,)))
    assert granted(plain)
    assert not granted(odd)
    assert contains(odd, plain).answer is Answer.NO
    assert contains(odd, odd)
    assert contains(plain, odd)
    assert not same_meaning(plain, odd)
    assert not granted(meet(plain, odd))
    assert not granted(counter_offer(odd, plain).policy)
    assert [item.operand for item in term_changes(plain, odd)] == ["urn:strange"]
    assert conflict_between(plain, odd).answer is Compatibility.UNKNOWN
    assert conflict_between(plain, plain).answer is Compatibility.COMPATIBLE


def test_a_ban_that_was_not_understood_is_never_ruled_out() -> None:
    research = purpose("AcademicResearch")
    ban = never(purpose("Marketing"))
    wish, values = terms(may(research)), {"purpose": research.right}
    sure = terms(may(), ban)
    odd = terms(may(), replace(ban, unread=(STRANGE,)))
    assert granted(sure, values=values)
    assert not granted(odd, values=values)
    assert contains(sure, wish)
    assert contains(odd, wish).answer is not Answer.YES
    assert contains(odd, odd)
    assert not granted(counter_offer(odd, wish).policy, values=values)
    apart = frozenset({DPV + "AcademicResearch", DPV + "Marketing"})
    known = Knowledge(disjoint=(apart,))
    assert conflict_between(odd, wish, known).answer is Compatibility.UNKNOWN
    assert conflict_between(sure, wish, known).answer is Compatibility.COMPATIBLE


@pytest.mark.parametrize("odd", [True, False])
@pytest.mark.parametrize("place", ["target", "assignee", "whole"])
def test_what_was_not_understood_may_lift_which_members_are_meant(place: str, *, odd: bool) -> None:
    part = "assignee" if place == "assignee" else "target"
    some: AssetRef | PartyRef = (PartyRef if part == "assignee" else AssetRef)("", source="urn:c")
    chosen = {part: replace(some, refinements=(measured("resolution", "gt", "5"),))}
    wish = terms(may(measured("resolution", "lt", "5")), **{part: some})
    ban = replace(never(), unread=(STRANGE,) if odd else ())
    offer = terms(may(), replace(ban, **chosen))
    if place == "whole":
        offer = replace(terms(ban, **chosen), permissions=(may(**{part: some}),))
    members = Facts(members={"urn:c": frozenset({"urn:a"})})
    asked = {"target": "urn:a", "assignee": "urn:a", "values": {"resolution": (Decimal(3),)}}
    assert granted(offer, members, **asked) is not odd
    assert (contains(offer, wish).answer is Answer.YES) is not odd
    assert granted(counter_offer(offer, wish).policy, members, **asked) is not odd
    verdict = conflict_between(offer, wish).answer
    assert (verdict is Compatibility.COMPATIBLE) is not odd


@pytest.mark.parametrize("odd", [True, False])
def test_a_duty_that_was_not_understood_stays_so_where_it_is_not_owed(*, odd: bool) -> None:
    duty = Duty(
        action=Action(ODRL + "inform"),
        constraints=(measured("resolution", "gt", "5"),),
        unread=(STRANGE,) if odd else (),
    )
    offer, asked = terms(may(duties=(duty,))), {"resolution": (Decimal(3),)}
    plain = replace(duty, unread=(), constraints=(*duty.constraints, *duty.unread))
    wish = terms(may(duties=(plain,)))
    assert granted(offer, values=asked) is not odd
    assert granted(wish, values=asked)
    assert bool(contains(offer, wish)) is not odd
    assert contains(offer, offer)
    assert same_meaning(offer, wish) is not odd
    for other in (terms(may()), wish):
        assert granted(counter_offer(offer, other).policy, values=asked) is not odd


def test_a_ban_that_was_not_understood_is_none_with_one_condition_more() -> None:
    odd = terms(may(), replace(never(purpose("Marketing")), unread=(STRANGE,)))
    stated = terms(may(), never(purpose("Marketing"), STRANGE))
    assert not same_meaning(odd, stated)
    assert same_meaning(odd, odd)
    assert same_meaning(stated, stated)
