"""Containment never says yes where evaluation can tell two policies apart; each case has a twin."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from policies_odrl import (
    Action,
    Answer,
    AssetRef,
    Connective,
    Duty,
    Facts,
    Iri,
    Knowledge,
    LogicalConstraint,
    Performed,
    compare,
    contains,
    same_meaning,
)
from policies_odrl.algebra.forms import same_constraint
from policies_odrl.comparison.greatest import greatest_common
from policies_odrl.comparison.narrow import meet, narrow
from policies_odrl.comparison.relation import Relation
from policies_odrl.evaluation.state import Usage
from policies_odrl.model import ODRL, Condition
from policies_odrl.vocabulary import DPV, PREAU
from tests.support.algebra import contradictory, implied
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
    for common in (greatest_common(offer, wish, known), meet(offer, wish, known)):
        assert not granted(common, facts, values=values)
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


def test_an_action_that_two_others_include_is_not_banned_by_a_ban_of_one() -> None:
    known = Knowledge(actions={"urn:both": ("urn:one", "urn:two")})
    facts = Facts(knowledge=known)
    offer = terms(may(act="urn:two"), never(act="urn:both"))
    wish = terms(may(act="urn:two"), never(act="urn:one"))
    assert granted(wish, facts, act="urn:two")
    assert not granted(offer, facts, act="urn:two")
    assert contains(offer, wish, known).answer is not Answer.YES
    assert contains(offer, terms(may(act="urn:two"), never(act="urn:two")), known)
    assert contains(offer, terms(may(act="urn:two"), never(act="urn:both")), known)


def test_a_ban_of_a_collection_is_not_one_of_a_single_asset() -> None:
    offer, wish = terms(may(), never(target=MANY)), terms(may(), never(target=PLAIN))
    assert granted(wish, target="urn:x")
    assert not granted(offer, target="urn:x")
    assert contains(offer, wish).answer is not Answer.YES
    assert contains(wish, offer)
    for common in (greatest_common(wish, offer), meet(wish, offer)):
        assert common is not None
        assert not granted(common, target="urn:x")
    assert not same_meaning(offer, wish)
    assert granted(greatest_common(wish, wish), target="urn:x")


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
        assert not granted(greatest_common(offer, wish), values=values)
    assert contains(offer, offer)
    text = terms(may(where("recipient", operator, typed("a"))))
    assert contains(text, terms(may(where("recipient", "eq", Iri("b")))))
    assert contains(text, terms(may(where("recipient", operator, Iri("a")))))


def test_a_name_below_another_proves_nothing_about_one_in_another_type() -> None:
    known = Knowledge(broader={"urn:part": ("urn:whole",)})
    wish = terms(may(where("recipient", "isAnyOf", Iri("urn:whole"))))
    other = terms(may(where("recipient", "isAnyOf", typed("urn:whole", "date"))))
    values = {"recipient": (typed("urn:part", "anyURI"),)}
    assert granted(wish, Facts(knowledge=known), values=values)
    assert not granted(other, Facts(knowledge=known), values=values)
    assert contains(other, wish, known).answer is not Answer.YES
    assert contains(wish, other, known)
    more = terms(may(where("recipient", "isAnyOf", Iri("urn:whole"), Iri("urn:x"))))
    assert contains(more, wish, known)


def test_a_length_in_a_unit_is_a_number() -> None:
    days = where(PREAU + "retention", "lteq", typed("30", "decimal"), unit=DAY)
    link = where(PREAU + "retention", "lteq", typed("30", "anyURI"), unit=DAY)
    same = where(PREAU + "retention", "lteq", typed("30.0", "decimal"), unit=DAY)
    assert not same_constraint(days, link)
    assert same_constraint(days, same)


def test_a_recurrence_is_no_length() -> None:
    every = where("timeInterval", "eq", typed("P2D", "duration"))
    below = where("timeInterval", "lteq", typed("P3D", "duration"))
    other = where("timeInterval", "eq", typed("P1D", "duration"))
    now = datetime(2026, 1, 1, tzinfo=UTC)
    facts = Facts(now=now, usage=Usage(started={"": now}))
    offer, wish = terms(may(below)), terms(may(every))
    assert granted(wish, facts)
    assert not granted(offer, facts)
    assert contains(offer, wish).answer is not Answer.YES
    assert not granted(greatest_common(offer, wish), facts)
    assert granted(greatest_common(wish, terms(may(other))), facts)
    assert compare(wish, terms(may(other))).relation is not Relation.DISJOINT
    assert contains(wish, wish)
    assert implied(
        replace(below, left=ODRL + "elapsedTime"), [replace(every, left=ODRL + "elapsedTime")]
    )


def test_two_events_may_take_place_at_once() -> None:
    known = Knowledge(broader={"urn:e": ("urn:event",), "urn:f": ("urn:event",)})
    one, two = (where("event", "eq", Iri(name)) for name in ("urn:e", "urn:f"))
    assert not contradictory([one, two], known)
    apart = [replace(item, left=ODRL + "purpose") for item in (one, two)]
    assert contradictory(apart, known)


def test_concepts_in_a_unit_are_not_met() -> None:
    strange, plain = purpose("AcademicResearch", unit=DAY), purpose("AcademicResearch")
    values = {"purpose": (Iri(DPV + "AcademicResearch"),)}
    for left, right in ((strange, plain), (plain, strange)):
        common = greatest_common(terms(may(left)), terms(may(right)))
        assert not granted(common, values=values)
    assert granted(greatest_common(terms(may(plain)), terms(may(plain))), values=values)


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


def test_what_an_action_makes_keeps_no_two_policies_apart() -> None:
    one, two = (terms(may(output=AssetRef(name))) for name in ("urn:a", "urn:b"))
    assert granted(one)
    assert granted(two)
    found = compare(one, two)
    assert found.relation is Relation.UNKNOWN
    assert found.missing
    assert compare(one, one).relation is Relation.EQUIVALENT
    assert compare(one, terms(may(act="play"))).relation is Relation.DISJOINT


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


# -- what is contained can be contracted --------------------------------------------------------


def test_a_choice_out_of_the_offered_collection_is_contracted() -> None:
    offer = terms(may(), target=MANY)
    chosen = AssetRef("", source="urn:c", refinements=(where("fileFormat", "eq", Iri("urn:csv")),))
    wish = terms(may(), target=chosen)
    assert contains(offer, wish)
    found = narrow(offer, wish)
    assert found is not None
    assert found.permissions[0].target == chosen
    assert narrow(offer, terms(may(), target=AssetRef("urn:other"))) is None
    assert meet(replace(offer, assigner=PROVIDER), replace(wish, assigner=PROVIDER)) is not None
    assert meet(replace(offer, assigner=PROVIDER), replace(wish, assigner=OTHER)) is None


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
