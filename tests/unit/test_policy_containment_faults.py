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
    Condition,
    Conflict,
    Connective,
    Constraint,
    Duty,
    Facts,
    Iri,
    Knowledge,
    Layer,
    Literal,
    LogicalConstraint,
    Operator,
    PartyRef,
    Performed,
    Permission,
    Policy,
    PolicyKind,
    Prohibition,
    Relation,
    Request,
    Usage,
    compare,
    contains,
    counter_offer,
    evaluate,
    foreign,
    greatest_common,
    layer,
    meet,
    narrow,
    same_meaning,
    term_changes,
)
from policies_odrl.comparison.box import Box
from policies_odrl.comparison.proof import Proof
from policies_odrl.comparison.regions import contradictory, implied, same_constraint
from policies_odrl.model import ODRL, XSD
from policies_odrl.vocabulary import DPV, PREAU

DAY = "http://qudt.org/vocab/unit/DAY"
NEWS, REPORT = Iri("urn:news"), Iri("urn:report")
PLAIN, MANY = AssetRef("urn:c"), AssetRef("urn:c", collection=True)
PROVIDER, OTHER = PartyRef("urn:provider"), PartyRef("urn:other")
NOTHING = LogicalConstraint(Connective.AND, ())


def where(left: str, operator: str, *right: Any, **parts: Any) -> Constraint:
    name = left if ":" in left else ODRL + left
    return Constraint(name, Operator(operator), right, **parts)


def typed(text: str, kind: str = "string") -> Literal:
    return Literal(text, XSD + kind)


def purpose(name: str, operator: str = "isA", **parts: Any) -> Constraint:
    return where("purpose", operator, Iri(DPV + name), **parts)


def may(*items: Condition, act: str = "read", **parts: Any) -> Permission:
    return Permission(action=Action(act if ":" in act else ODRL + act), constraints=items, **parts)


def never(*items: Condition, act: str = "read", **parts: Any) -> Prohibition:
    return Prohibition(action=Action(act if ":" in act else ODRL + act), constraints=items, **parts)


def terms(*rules: Permission | Prohibition, **parts: Any) -> Policy:
    parts.setdefault("conflict", Conflict.PROHIBIT)
    return Policy(
        kind=parts.pop("kind", PolicyKind.SET),
        permissions=tuple(rule for rule in rules if isinstance(rule, Permission)),
        prohibitions=tuple(rule for rule in rules if isinstance(rule, Prohibition)),
        **parts,
    )


def granted(policy: Policy | None, facts: Facts | None = None, **asked: Any) -> bool:
    stated = {ODRL + name: value for name, value in asked.pop("values", {}).items()}
    request = Request(asked.pop("act", ODRL + "read"), facts=stated, **asked)
    known = facts or Facts()
    return policy is not None and evaluate(policy, request, known, tentative=True).granted


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


# -- what one of two policies calls a collection ------------------------------------------------

NEWSPAPER = AssetRef("urn:news")
PLAYED = may(act="play", target=MANY)  # another rule, about the collection


def test_a_ban_bears_on_what_the_offer_calls_a_collection() -> None:
    ban = never(target=NEWSPAPER)
    offer = terms(may(target=MANY), ban)
    wish = terms(may(target=PLAIN))
    assert granted(wish, target="urn:c")
    assert not granted(offer, target="urn:c")
    assert contains(offer, wish).answer is not Answer.YES
    assert contains(terms(may(target=PLAIN), ban), wish)


def test_the_same_ban_does_less_where_nobody_is_told_of_the_collection() -> None:
    ban = never(target=NEWSPAPER)
    offer = terms(may(), PLAYED, ban)
    wish = terms(may(), ban)
    assert granted(wish, target="urn:c")
    assert not granted(offer, target="urn:c")
    assert contains(offer, wish).answer is not Answer.YES
    assert contains(offer, terms(may(), PLAYED, ban))
    own = never(target=MANY)  # about the collection itself, however each of them names it
    mine, theirs = (terms(may(), rule) for rule in (own, own))
    assert contains(mine, theirs)


def test_what_another_rule_calls_a_collection_keeps_no_two_policies_apart() -> None:
    left, right = terms(may(target=NEWSPAPER), PLAYED), terms(may(target=PLAIN))
    facts = Facts(members={"urn:c": frozenset({"urn:news"})})
    assert all(granted(policy, facts, target="urn:news") for policy in (left, right))
    assert compare(left, right).relation is Relation.UNKNOWN
    plain = terms(may(target=NEWSPAPER), may(act="play", target=NEWSPAPER))
    assert compare(plain, right).relation is Relation.DISJOINT


@pytest.mark.parametrize("turned", [False, True])
def test_what_two_policies_share_is_called_a_collection_as_in_one(*, turned: bool) -> None:
    one = terms(may(target=PLAIN), never(act="print"))
    two = terms(may(target=MANY), never(target=NEWSPAPER))
    left, right = (two, one) if turned else (one, two)
    merged = layer(Layer("authority", left), Layer("terms", right)).policy
    countered = counter_offer(left, right).policy
    for common in (greatest_common(left, right), meet(left, right), merged, countered):
        assert common is not None
        assert not granted(common, target="urn:c")
        assert granted(replace(common, prohibitions=()), target="urn:c")


def test_to_call_an_asset_a_collection_is_no_word_of_the_other_party() -> None:
    ban = never(target=NEWSPAPER)
    offer = terms(may(target=PLAIN), ban)
    found = meet(offer, terms(may(target=MANY)))
    assert found is not None
    assert foreign(found, offer) == ()
    assert foreign(found, terms(may(target=NEWSPAPER), ban))


GROUP = PartyRef("urn:group", collection=True)
SOME = AssetRef("", source="urn:c", refinements=(where("fileFormat", "eq", typed("x")),))
FORGOTTEN: dict[str, tuple[list[Permission | Prohibition], dict[str, Any], bool]] = {
    "another action": ([may(), PLAYED, never(target=NEWSPAPER)], {"target": "urn:c"}, True),
    "a choice": (
        [may(), may(act="play", target=SOME), never(target=NEWSPAPER)],
        {"target": "urn:c"},
        True,
    ),
    "a party": (
        [may(), may(act="play", assignee=GROUP), never(assignee=OTHER)],
        {"assignee": "urn:group"},
        True,
    ),
    "the same action": (
        [may(act="use"), may(purpose("Marketing"), target=MANY), never(target=NEWSPAPER)],
        {"target": "urn:c"},
        False,
    ),
}


@pytest.mark.parametrize("name", FORGOTTEN)
@pytest.mark.parametrize("turned", [False, True])
def test_a_collection_is_not_forgotten_with_its_permission(name: str, *, turned: bool) -> None:
    rules, asked, free = FORGOTTEN[name]
    one = terms(*rules)
    two = terms(may(purpose("ServiceProvision")))
    values = {"purpose": (Iri(DPV + "ServiceProvision"),)}
    assert not granted(one, values=values, **asked)
    assert granted(two, values=values, **asked)
    left, right = (two, one) if turned else (one, two)
    merged = layer(Layer("a", left), Layer("b", right), Layer("c", right)).policy
    countered = counter_offer(left, right).policy
    for common in (greatest_common(left, right), meet(left, right), merged, countered):
        assert common is not None
        assert not granted(common, values=values, **asked)
        assert granted(replace(common, prohibitions=()), values=values, **asked)
        others: list[dict[str, Any]] = [
            {"target": "urn:d", "assignee": "urn:d"},
            {"target": "urn:d"},
        ]
        for other in others:
            if free:  # nothing else is taken away
                assert granted(common, values=values, **other) is granted(
                    one, values=values, **other
                )
            known = Facts(members={"urn:c": frozenset({"urn:news"})})
            assert granted(common, known, values=values, **other) is granted(
                one, known, values=values, **other
            )


def test_what_is_kept_in_mind_is_said_by_whom_and_is_in_its_words() -> None:
    one, two = terms(may(), PLAYED, never(target=NEWSPAPER)), terms(may())
    found = layer(Layer("a", one), Layer("b", two))
    lines = [item.line for item in found.stated if item.path == "/prohibition/1"]
    assert lines == ["/prohibition/1: play (a)"]
    assert foreign(found.policy, one) == ()
    assert foreign(found.policy, replace(one, permissions=(may(),)))
    assert foreign(terms(may(), never(target=MANY)), one)  # reading it was not granted as such


@pytest.mark.parametrize(
    "rules",
    [
        [may(), PLAYED, never(act="print")],  # prohibits no thing
        [may(), PLAYED, never(act="print", target=NEWSPAPER)],  # prohibits what nobody may do
        [may(target=AssetRef("urn:d")), PLAYED, never(target=NEWSPAPER)],  # about one thing
        [may(), PLAYED, may(target=MANY), never(target=NEWSPAPER)],  # still about it
    ],
)
def test_what_no_ban_bears_on_needs_not_be_kept_in_mind(
    rules: list[Permission | Prohibition],
) -> None:
    common = greatest_common(terms(*rules), terms(may()))
    assert common is not None
    assert len(common.prohibitions) == 1


def test_terms_that_take_more_for_collections_are_told() -> None:
    ban = never(target=NEWSPAPER)
    wish = terms(may(target=PLAIN), ban)
    for offer in (terms(may(target=MANY), ban), terms(may(target=MANY))):
        found = counter_offer(offer, wish)
        assert found.policy is not None
        assert granted(wish, target="urn:c")
        assert not granted(found.policy, target="urn:c")
        assert not found.agreed
        assert [item.operand for item in found.changes] == ["collection"]
        assert counter_offer(offer, found.policy).agreed
    for offer in (terms(may(target=PLAIN), ban), terms(may(target=MANY), never(act="print"))):
        own = terms(may(target=offer.permissions[0].target), *offer.prohibitions)
        assert counter_offer(offer, own).agreed


def test_what_only_the_offer_says_of_a_collection_is_told() -> None:
    ban = never(target=NEWSPAPER)
    offer, wish = terms(may(), PLAYED, ban), terms(may(), ban)
    found = counter_offer(offer, wish)
    assert not found.agreed
    assert [item.line for item in found.changes] == [": collection: not stated -> urn:c"]
    assert found.policy is not None
    assert not granted(found.policy, target="urn:c")
    assert granted(found.policy, target="urn:d")
    assert counter_offer(offer, found.policy).agreed
    assert counter_offer(offer, offer).agreed


@pytest.mark.parametrize("whole", [False, True])
def test_policies_differ_in_what_they_call_a_collection(*, whole: bool) -> None:
    def policy(item: AssetRef, *bans: Prohibition) -> Policy:
        if whole:
            return terms(may(), *bans, target=item)
        return terms(may(target=item), *bans)

    ban = never(target=NEWSPAPER)
    plain, many = policy(PLAIN, ban), policy(MANY, ban)
    assert granted(plain, target="urn:c") is not granted(many, target="urn:c")
    assert not same_meaning(plain, many)
    assert same_meaning(many, many)
    assert same_meaning(policy(PLAIN), policy(MANY))  # nothing is prohibited
    for asked, offered, told in (
        (plain, many, ("Taken for a collection as well", "Tenu aussi pour une collection")),
        (many, plain, ("No longer taken for a collection", "N'est plus tenu pour")),
    ):
        (change,) = term_changes(asked, offered)
        assert change.operand == "collection"
        for lang, words in zip(("en", "fr"), told, strict=True):
            assert change.said(lang).startswith(words)
    assert term_changes(many, many) == ()
    assert term_changes(policy(PLAIN), policy(MANY)) == ()


# -- who grants, and what is done about whom -----------------------------------------------------


def paid(party: PartyRef) -> Facts:
    act = Performed(
        ODRL + "compensate",
        datetime(2026, 1, 1, tzinfo=UTC),
        facts={ODRL + "compensatedParty": (Iri(party.id),)},
    )
    return Facts(now=datetime(2026, 1, 2, tzinfo=UTC), performed=(act,))


def test_terms_of_two_parties_compensate_both() -> None:
    pay = Duty(action=Action(ODRL + "compensate"))
    mine = terms(may(duties=(pay,)), assigner=PROVIDER)
    other = terms(may(duties=(pay,)), assigner=OTHER)
    both = replace(paid(OTHER), performed=(*paid(OTHER).performed, *paid(PROVIDER).performed))
    for common in (
        greatest_common(mine, other),
        layer(Layer("authority", mine), Layer("terms", other)).policy,
        counter_offer(mine, other).policy,
    ):
        assert not granted(common, paid(PROVIDER))
        assert not granted(common, paid(OTHER))
        assert granted(common, both)
    assert granted(greatest_common(mine, mine), paid(PROVIDER))


def test_a_consequence_compensates_the_other_party_too() -> None:
    pay = Duty(action=Action(ODRL + "compensate"))
    told = Duty(
        action=Action(ODRL + "inform"),
        functions=((ODRL + "compensatedParty", PROVIDER),),
        consequences=(pay,),
    )
    common = greatest_common(
        terms(may(), assigner=PROVIDER), terms(may(duties=(told,)), assigner=OTHER)
    )
    assert common is not None
    (duty,) = common.permissions[0].duties
    assert duty.functions == told.functions
    assert duty.consequences[0].functions == ((ODRL + "compensatedParty", OTHER),)


def test_whom_a_duty_compensates_is_a_change() -> None:
    pay = Duty(action=Action(ODRL + "compensate"))
    mine = terms(may(duties=(pay,)), assigner=PROVIDER)
    other = terms(may(duties=(pay,)), assigner=OTHER)
    assert [item.operand for item in term_changes(other, mine)] == ["assigner"]
    found = counter_offer(mine, other)
    assert not found.agreed
    assert "assigner" in [item.operand for item in found.changes]
    assert counter_offer(mine, mine).agreed
    assert counter_offer(mine, replace(other, assigner=None)).agreed
    mine, other = (terms(may(), assigner=party) for party in (PROVIDER, OTHER))
    assert term_changes(mine, other) == ()
    assert counter_offer(mine, other).agreed


@pytest.mark.parametrize(
    ("stated", "taken_on"),
    [(None, True), (PLAIN, True), (NEWSPAPER, False)],
)
def test_an_obligation_is_about_what_its_policy_states(
    stated: AssetRef | None, *, taken_on: bool
) -> None:
    delete = Duty(action=Action(ODRL + "delete"))
    offer = replace(terms(may()), target=stated, obligations=(delete,))
    if stated is not None:
        offer = replace(offer, permissions=(may(target=PLAIN),))
    wish = replace(terms(may(target=PLAIN)), target=PLAIN, obligations=(delete,))
    assert bool(contains(offer, wish)) is taken_on
    assert counter_offer(offer, wish).agreed is taken_on
    assert not contains(offer, replace(wish, obligations=()))


def test_a_case_costs_what_is_copied_for_it() -> None:
    arms = tuple(where("percentage", "eq", typed(text, "decimal")) for text in "12")
    rest = [where("recipient", "neq", Iri(f"urn:r{index}")) for index in range(40)]
    box = Box([LogicalConstraint(Connective.OR, arms), *rest])
    wanted = where("percentage", "lt", typed("3", "decimal"))
    poor, rich = Proof(60), Proof(200)
    assert not poor.within(wanted, box)
    assert poor.exhausted
    assert rich.within(wanted, box)
