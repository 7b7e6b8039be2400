"""Containment never says yes where evaluation can tell two policies apart; each case has a twin."""

from __future__ import annotations

from dataclasses import replace

from policies_odrl import (
    Action,
    Answer,
    AssetRef,
    Connective,
    Facts,
    Iri,
    Knowledge,
    LogicalConstraint,
    contains,
    same_meaning,
)
from policies_odrl.comparison.meet import meet
from policies_odrl.model import ODRL, Condition
from policies_odrl.vocabulary import DPV, PREAU
from tests.support.algebra import contradictory, same_constraint
from tests.support.each import over
from tests.support.policies import amount, until
from tests.support.small_policies import (
    DAY,
    MANY,
    NOTHING,
    PLAIN,
    granted,
    may,
    never,
    purpose,
    terms,
    typed,
    where,
)

# -- what can never hold is not the same as nothing -------------------------------------------


@over(
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


@over(
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


@over("operator", ["neq", "isNoneOf"])
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


# -- size ---------------------------------------------------------------------------------------


def deep(levels: int) -> Condition:
    item: Condition = purpose("AcademicResearch")
    for index in range(levels):
        connective = Connective.OR if index % 2 else Connective.XONE
        item = LogicalConstraint(connective, (item,))
    return item


@over("part", ["rule", "action", "target"])
def test_deep_conditions_are_an_answer_and_no_crash(part: str) -> None:
    item = deep(240)
    rule = {
        "rule": may(item),
        "action": replace(may(), action=Action(ODRL + "read", (item,))),
        "target": may(target=AssetRef("", source="urn:c", refinements=(item,))),
    }[part]
    assert contains(terms(may(purpose("Purpose"))), terms(rule)).answer is not Answer.NO


# -- lists --------------------------------------------------------------------------------------


def test_a_list_may_name_a_value_twice_and_an_empty_one_proves_nothing() -> None:
    two, again = typed("2", "decimal"), typed("2.0", "decimal")
    once = where("percentage", "isAnyOf", two)
    assert same_constraint(where("percentage", "isAnyOf", two, again), once)
    assert not contains(terms(may(where("language", "isNoneOf"))), terms(may()))
    asked = terms(may(purpose("Marketing")))
    assert not contains(terms(may(where("purpose", "isNoneOf"))), asked)


def test_spelling_of_values_plays_no_part() -> None:
    three, long = amount("epsilon", "3"), "0.12345678901234567890123456789012345"
    utc, paris = until("2026-01-01T00:00:00Z"), until("2026-01-01T02:00:00+02:00")
    for one, other in (
        (three, amount("epsilon", "3.00")),
        (utc, paris),
        (purpose("Marketing", "isAnyOf"), purpose("Marketing")),
    ):
        assert same_constraint(one, other)
    assert not same_constraint(three, amount("epsilon", "3", "lt"))
    assert not same_constraint(amount("epsilon", long), amount("epsilon", long + "1"))
