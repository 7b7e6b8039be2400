"""Comparison and writing never widen: each bad case has a twin that is still granted."""

from __future__ import annotations

from typing import Any

import pytest

from policies_odrl import (
    Action,
    AssetRef,
    Conflict,
    Constraint,
    Facts,
    Iri,
    Literal,
    Operator,
    PartyRef,
    Permission,
    Policy,
    PolicyKind,
    Prohibition,
    Request,
    contains,
    counter_offer,
    evaluate,
    read,
    write,
)
from policies_odrl.algebra.boxes import Proof, disjoint
from policies_odrl.algebra.forms import same_constraint
from policies_odrl.comparison.greatest import greatest_common
from policies_odrl.comparison.meeting import tightest
from policies_odrl.comparison.narrow import meet
from policies_odrl.errors import NotWritable
from policies_odrl.model import ODRL, XSD
from policies_odrl.vocabulary import DPV, PROFILE
from tests.support.policies import nodes

X, Y = AssetRef("urn:x"), AssetRef("urn:y")
ANN, BEN = PartyRef("urn:ann"), PartyRef("urn:ben")


def number(value: str, kind: str = "decimal") -> Literal:
    return Literal(value, XSD + kind)


def where(left: str, operator: str, *right: Any) -> Constraint:
    return Constraint(ODRL + left, Operator(operator), right)


MARKETING = where("purpose", "isA", Iri(DPV + "Marketing"))
RESEARCH = where("purpose", "isA", Iri(DPV + "AcademicResearch"))


def may(*items: Constraint, act: str = "read", **parts: Any) -> Permission:
    return Permission(action=Action(ODRL + act), constraints=items, **parts)


def never(*items: Constraint, act: str = "use", **parts: Any) -> Prohibition:
    return Prohibition(action=Action(ODRL + act), constraints=items, **parts)


def terms(*rules: Permission | Prohibition, **parts: Any) -> Policy:
    return Policy(
        kind=parts.pop("kind", PolicyKind.SET),
        id=parts.pop("id", "urn:p"),
        permissions=tuple(rule for rule in rules if isinstance(rule, Permission)),
        prohibitions=tuple(rule for rule in rules if isinstance(rule, Prohibition)),
        **parts,
    )


def granted(policy: Policy | None, target: str = "", act: str = "read", **more: Any) -> bool:
    facts = {ODRL + name: value for name, value in more.pop("facts", {}).items()}
    asked = Request(ODRL + act, target=target or None, facts=facts, **more)
    return policy is not None and evaluate(policy, asked, Facts(), tentative=True).granted


def for_(name: str) -> dict[str, tuple[Iri, ...]]:
    return {"purpose": (Iri(DPV + name),)}


# -- the ban of a reserve -------------------------------------------------------------------


def test_a_ban_of_the_reserve_stays_about_its_own_asset() -> None:
    offer = terms(may(act="play"), target=X)
    reserve = terms(may(), never(MARKETING), target=Y, conflict=Conflict.PROHIBIT)
    wish = terms(may(act="play", target=X), may(target=Y))
    found = counter_offer(offer, wish, reserve).policy
    assert not granted(found, "urn:y", facts=for_("Marketing"))
    assert granted(found, "urn:y", facts=for_("AcademicResearch"))
    assert granted(found, "urn:x", act="play", facts=for_("Marketing"))
    assert found is not None
    assert found.target is None


def test_what_all_permissions_are_about_is_said_once() -> None:
    offer = terms(may(), never(MARKETING), target=X, conflict=Conflict.PROHIBIT)
    found = counter_offer(offer, terms(may(target=X), never(MARKETING))).policy
    assert found is not None
    assert found.target == X
    assert [rule.target for _, rule in found.rules()] == [None, None]


@pytest.mark.parametrize("strategy", [Conflict.PROHIBIT, None])
def test_permissions_that_win_in_the_offer_do_not_win_over_the_reserve(
    strategy: Conflict | None,
) -> None:
    offer = terms(may(act="play"), conflict=Conflict.PERM)
    reserve = terms(may(), never(MARKETING), conflict=strategy)
    found = counter_offer(offer, terms(may(act="play"), may()), reserve).policy
    assert found is not None
    assert found.conflict is strategy
    assert not granted(found, facts=for_("Marketing"))
    assert granted(found, facts=for_("AcademicResearch"))
    free = counter_offer(offer, terms(may(act="play"))).policy
    assert free is not None
    assert free.conflict is Conflict.PERM


def test_the_profiles_of_a_reserve_that_is_used_are_declared() -> None:
    reserve = terms(may(), profiles=(PROFILE,))
    both = counter_offer(terms(may(act="play")), terms(may(act="play"), may()), reserve).policy
    one = counter_offer(terms(may(act="play")), terms(may(act="play")), reserve).policy
    assert both is not None
    assert one is not None
    assert (both.profiles, one.profiles) == ((PROFILE,), ())


def test_what_two_policies_share_is_about_what_both_name() -> None:
    offer, other = terms(may(), target=X), terms(may(target=Y))
    assert meet(offer, other) is None
    opened = meet(terms(may()), offer)
    assert granted(opened, "urn:x")
    assert not granted(opened, "urn:y")
    assert granted(meet(offer, terms(may(target=X))), "urn:x")


# -- limits that grant nothing --------------------------------------------------------------

VOID: list[dict[str, Any]] = [
    {"replaced_by": "urn:q"},
    {"inherits": ("urn:q",)},
    {"profiles": ("urn:strange",)},
]


@pytest.mark.parametrize("parts", VOID)
def test_an_offer_that_says_nothing_gives_nothing(parts: dict[str, Any]) -> None:
    found = counter_offer(terms(may(), **parts), terms(may()), terms(may()))
    assert (found.agreed, found.policy, found.reserve) == (False, None, False)
    assert [item.path for item in found.blocked] == ["/permission/0"]
    assert len(found.changes) == 1
    assert counter_offer(terms(may()), terms(may())).agreed


@pytest.mark.parametrize("parts", VOID)
def test_a_reserve_that_says_nothing_is_ignored(parts: dict[str, Any]) -> None:
    offer, wish = terms(may(act="play")), terms(may())
    found = counter_offer(offer, wish, terms(may(), **parts))
    assert (found.agreed, found.policy) == (False, None)
    assert counter_offer(offer, wish, terms(may())).reserve
    assert counter_offer(offer, offer, terms(may(), **parts)).agreed


def test_an_agreement_that_names_nobody_grants_nothing() -> None:
    found = counter_offer(terms(may(), kind=PolicyKind.AGREEMENT), terms(may()))
    assert (found.agreed, found.policy) == (False, None)
    assert found.blocked
    named = terms(may(), kind=PolicyKind.AGREEMENT, assignee=ANN)
    assert counter_offer(named, terms(may(), assignee=ANN)).agreed


# -- constraints that are always Undetermined -------------------------------------------------

NO_MEANING = where("count", "isNoneOf", number("5"))
MORE = where("count", "gt", number("5"))


def test_an_operator_without_meaning_is_implied_by_nothing_but_itself() -> None:
    offer = terms(may(NO_MEANING))
    assert not contains(offer, terms(may(MORE)))
    assert contains(offer, offer)
    assert contains(terms(may(where("count", "neq", number("5")))), terms(may(MORE)))
    merged = greatest_common(offer, terms(may(MORE)))
    assert merged is not None
    assert not granted(merged, facts={"count": (7,)})


def test_an_operator_without_meaning_proves_nothing() -> None:
    among = where("count", "isAnyOf", number("5"))
    assert not disjoint([among, where("purpose", "gt", Iri(DPV + "Marketing"))])
    above = where("purpose", "gt", Iri(DPV + "Marketing"))
    assert not contains(terms(may(where("purpose", "neq", Iri("urn:a")))), terms(may(above)))
    assert not contains(terms(may(where("count", "lteq", number("5")))), terms(may(among)))


TWICE = [
    ("percentage", "neq", (number("2.0"), number("2"))),
    ("percentage", "eq", (number("1"), number("1E0", "double"))),
    ("percentage", "lteq", (number("2"), Literal("2"))),
    ("dateTime", "lt", (number("2027-01-01", "date"), Literal("2027-01-01"))),
]


@pytest.mark.parametrize(("left", "operator", "right"), TWICE)
def test_two_equal_values_where_one_is_taken_are_not_that_one(
    left: str, operator: str, right: tuple[Literal, Literal]
) -> None:
    twice, once = where(left, operator, *right), where(left, operator, right[0])
    assert not same_constraint(twice, once)
    assert same_constraint(twice, twice)
    assert not contains(terms(may(twice)), terms(may(once)))
    assert not contains(terms(may(once)), terms(may(twice)))
    assert contains(terms(may(once)), terms(may(once)))
    kept = tightest([twice], Proof())
    assert kept is not None
    (only,) = kept
    assert isinstance(only, Constraint)
    assert len(only.right) == len(right)


def test_a_list_may_name_a_value_twice_and_an_empty_one_proves_nothing() -> None:
    twice = where("percentage", "isAnyOf", number("2"), number("2.0"))
    assert same_constraint(twice, where("percentage", "isAnyOf", number("2")))
    assert not contains(terms(may(where("language", "isNoneOf"))), terms(may()))
    assert not contains(terms(may(where("purpose", "isNoneOf"))), terms(may(MARKETING)))


def test_a_purpose_under_two_at_once_is_not_met_with_a_list() -> None:
    two = where("purpose", "isA", *MARKETING.right, *RESEARCH.right)
    merged = greatest_common(terms(may(two)), terms(may(MARKETING)))
    assert not granted(merged, facts=for_("Marketing"))
    assert not contains(terms(may(where("purpose", "isNoneOf", *RESEARCH.right))), terms(may(two)))
    assert granted(
        greatest_common(terms(may(MARKETING)), terms(may(MARKETING))), facts=for_("Marketing")
    )


# -- writing ----------------------------------------------------------------------------------


def read_back(policy: Policy) -> Policy:
    return read(nodes(write(policy)))


def test_a_shared_asset_is_not_added_to_a_rule_that_names_its_own() -> None:
    mixed = terms(may(target=Y), may(act="play"), never(act="print"), target=X)
    found = read_back(mixed)
    for target in ("urn:x", "urn:y", "urn:z"):
        for act in ("read", "play", "print"):
            assert granted(found, target, act=act) == granted(mixed, target, act=act)
    assert granted(found, "urn:y")
    assert not granted(found, "urn:x")
    alike = terms(may(target=X), may(act="play"), target=X)
    assert write(alike)["target"] == "urn:x"


@pytest.mark.parametrize("name", ["assignee", "assigner"])
def test_a_shared_party_is_not_added_to_a_rule_that_names_its_own(name: str) -> None:
    own: dict[str, Any] = {name: BEN}
    mixed = terms(may(**own), may(act="play"), **{name: ANN})
    found = read_back(mixed)
    assert getattr(found, name) is None
    assert [getattr(rule, name) for rule in found.permissions] == [BEN, ANN]
    assert getattr(read_back(terms(may(), **{name: ANN})), name) == ANN


def test_what_inherited_rules_share_too_is_not_written_into_the_rules() -> None:
    with pytest.raises(NotWritable, match="what inherited rules share differs"):
        write(terms(may(target=Y), target=X, inherits=("urn:q",)))
    assert write(terms(may(), target=X, inherits=("urn:q",)))["target"] == "urn:x"
