"""What either policy calls a collection, and whom a duty is done for, counts in comparison."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from policies_odrl import (
    Action,
    AssetRef,
    Connective,
    Duty,
    Facts,
    Iri,
    Layer,
    LogicalConstraint,
    PartyRef,
    Performed,
    Permission,
    Policy,
    Prohibition,
    contains,
    counter_offer,
    layer,
    same_meaning,
    term_changes,
)
from policies_odrl.algebra.boxes import Box, Proof
from policies_odrl.comparison.foreign import foreign
from policies_odrl.comparison.meet import meet
from policies_odrl.model import ODRL
from policies_odrl.vocabulary import DPV
from tests.support.small_policies import (
    MANY,
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

# -- what one of two policies calls a collection ------------------------------------------------

NEWSPAPER = AssetRef("urn:news")
PLAYED = may(act="play", target=MANY)  # another rule, about the collection


@pytest.mark.parametrize("turned", [False, True])
def test_what_two_policies_share_is_called_a_collection_as_in_one(*, turned: bool) -> None:
    one = terms(may(target=PLAIN), never(act="print"))
    two = terms(may(target=MANY), never(target=NEWSPAPER))
    left, right = (two, one) if turned else (one, two)
    merged = layer(Layer("authority", left), Layer("terms", right)).policy
    countered = counter_offer(left, right).policy
    for common in (meet(left, right), merged, countered):
        assert common is not None
        assert not granted(common, target="urn:c")
        assert granted(replace(common, prohibitions=()), target="urn:c")


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
    for common in (meet(left, right), merged, countered):
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
    common = meet(terms(*rules), terms(may()))
    assert common is not None
    assert len(common.prohibitions) == 1


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
        meet(mine, other),
        layer(Layer("authority", mine), Layer("terms", other)).policy,
        counter_offer(mine, other).policy,
    ):
        assert not granted(common, paid(PROVIDER))
        assert not granted(common, paid(OTHER))
        assert granted(common, both)
    assert granted(meet(mine, mine), paid(PROVIDER))


def test_a_consequence_compensates_the_other_party_too() -> None:
    pay = Duty(action=Action(ODRL + "compensate"))
    told = Duty(
        action=Action(ODRL + "inform"),
        functions=((ODRL + "compensatedParty", PROVIDER),),
        consequences=(pay,),
    )
    common = meet(terms(may(), assigner=PROVIDER), terms(may(duties=(told,)), assigner=OTHER))
    assert common is not None
    (duty,) = common.permissions[0].duties
    assert duty.functions == told.functions
    assert duty.consequences[0].functions == ((ODRL + "compensatedParty", OTHER),)


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
