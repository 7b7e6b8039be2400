"""Comparison and writing never widen: each bad case has a twin that is still granted."""

from __future__ import annotations

from typing import Any

import pytest

from policies_odrl import (
    Action,
    AssetRef,
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
from policies_odrl.algebra.forms import same_constraint
from policies_odrl.errors import NotWritable
from policies_odrl.model import ODRL, XSD
from policies_odrl.vocabulary import DPV
from tests.support.policies import nodes

X, Y = AssetRef("urn:x"), AssetRef("urn:y")
ANN, BEN = PartyRef("urn:ann"), PartyRef("urn:ben")


def number(value: str, kind: str = "decimal") -> Literal:
    return Literal(value, XSD + kind)


def where(left: str, operator: str, *right: Any) -> Constraint:
    return Constraint(ODRL + left, Operator(operator), right)


MARKETING = where("purpose", "isA", Iri(DPV + "Marketing"))


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


# -- constraints that are always Undetermined -------------------------------------------------


def test_a_list_may_name_a_value_twice_and_an_empty_one_proves_nothing() -> None:
    twice = where("percentage", "isAnyOf", number("2"), number("2.0"))
    assert same_constraint(twice, where("percentage", "isAnyOf", number("2")))
    assert not contains(terms(may(where("language", "isNoneOf"))), terms(may()))
    assert not contains(terms(may(where("purpose", "isNoneOf"))), terms(may(MARKETING)))


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
