"""The coverage table: one line per part, and nothing that nobody upholds."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from connector.bootstrap.mechanisms import MECHANISMS
from connector.enforcement import coverage
from connector.enforcement.mechanisms import train
from connector.enforcement.plan import CoverageLine, Label
from connector.errors import ConstraintUnknown
from connector.jsonld.policy import policy_document
from policies_odrl import (
    Action,
    AssetRef,
    Connective,
    Constraint,
    Duty,
    Iri,
    Literal,
    LogicalConstraint,
    Operator,
    PartyRef,
    Policy,
    Prohibition,
)
from policies_odrl.model import ODRL, Condition
from policies_odrl.vocabulary import PREAU
from tests.support.policies import (
    agreed,
    amount,
    name_is,
    one_rule,
    purpose,
    training_offer,
    training_terms,
    until,
)

OFFER = training_offer()
RULE = OFFER.permissions[0]
TRAINING = PREAU + "federatedTraining"
UPHELD = train.MECHANISM.upholds


def cover(policy: Policy) -> tuple[CoverageLine, ...]:
    return coverage.cover(policy, MECHANISMS)


def with_rule(**changes: object) -> Policy:
    return replace(OFFER, permissions=(replace(RULE, **changes),))


def with_more(*more: Condition) -> Policy:
    return with_rule(constraints=(*RULE.constraints, *more))


def test_what_was_not_understood_is_upheld_by_nobody() -> None:
    foreign = Constraint("https://others.example/onlyIf", Operator.EQ, (Literal("text"),))
    with pytest.raises(ConstraintUnknown, match="onlyIf"):
        cover(with_rule(unread=(foreign,)))
    assert cover(with_rule(unread=()))


def test_each_part_of_the_contract_has_its_line() -> None:
    lines = cover(OFFER)
    assert [(line.path, line.label) for line in lines] == [
        ("/permission/0/action", Label.ENFORCED),
        *(
            (f"/permission/0/constraint/{index}", label)
            for index, label in enumerate(
                (
                    Label.CHECKED,  # purpose
                    Label.CHECKED,  # dateTime
                    Label.CHECKED,  # membership
                    Label.ENFORCED,  # epsilon
                    Label.ENFORCED,  # delta
                    Label.ENFORCED,  # unit of privacy
                    Label.ENFORCED,  # rows per person
                    Label.CHECKED,  # sites
                )
            )
        ),
    ]
    assert all(line.by for line in lines)


def test_paths_point_into_the_written_policy() -> None:
    nested = with_more(
        LogicalConstraint(Connective.OR, (purpose("Marketing"), until("2026-01-01"))),
        LogicalConstraint(Connective.AND, (amount("epsilon", "2"),)),
    )
    document = policy_document(nested)
    for line in cover(nested):
        found = document
        for part in line.path.strip("/").split("/"):
            found = found[int(part) if part.isdigit() else part]
        assert found


def test_lines_are_json() -> None:
    line = cover(OFFER)[4]
    assert json.loads(json.dumps(line.as_json())) == {
        "path": "/permission/0/constraint/3",
        "constraint": "epsilon lteq 3",
        "label": "enforced",
        "by": "training step: privacy ledger",
    }


def test_an_agreement_is_covered_like_its_offer() -> None:
    assert cover(agreed(OFFER)) == cover(OFFER)


def test_prohibitions_of_training_are_checked() -> None:
    ban = Prohibition(action=Action(TRAINING), constraints=(purpose("Marketing", operator="isA"),))
    lines = cover(replace(OFFER, prohibitions=(ban,)))
    assert [line.label for line in lines[-2:]] == [Label.CHECKED, Label.CHECKED]


RIVALS = name_is("membership", "did:web:rivals.example")
EURO = Constraint(PREAU + "epsilon", Operator.LTEQ, (Literal("3"),), unit="urn:eur")
BAD: dict[str, tuple[Policy, str]] = {
    "an operand that nobody upholds": (with_more(name_is(ODRL + "spatial", "urn:fr")), "spatial"),
    "a count": (with_more(amount(ODRL + "count", "5")), "count"),
    "a lower bound of epsilon": (with_more(amount("epsilon", "1", "gteq")), "epsilon gteq 1"),
    "an exact number of sites": (with_more(amount("minimumSites", "3", "eq")), "minimumSites"),
    "several memberships to choose from": (
        with_more(name_is("membership", "did:web:other.example", "isAnyOf")),
        "membership isAnyOf",
    ),
    "an instant that must be hit": (with_more(until("2026-01-01T00:00:00Z", "eq")), "dateTime eq"),
    "all of several purposes": (
        with_more(purpose("AcademicResearch", "Marketing", operator="isAllOf")),
        "isAllOf",
    ),
    "more protection than training gives": (
        with_more(name_is("protectionLevel", PREAU + "Synthetic", "gteq")),
        "protectionLevel gteq Synthetic",
    ),
    "less protection than training gives": (
        with_more(name_is("protectionLevel", PREAU + "Raw")),
        "protectionLevel eq Raw",
    ),
    "no level of protection": (
        with_more(name_is("protectionLevel", PREAU + "Locked", "gteq")),
        "protectionLevel gteq",
    ),
    "a bound on protection from above": (
        with_more(name_is("protectionLevel", PREAU + "Synthetic", "lteq")),
        "protectionLevel lteq Synthetic",
    ),
    "an alternative level of protection": (
        with_more(
            LogicalConstraint(
                Connective.OR,
                (name_is("protectionLevel", PREAU + "Aggregated"), purpose("Marketing")),
            )
        ),
        "/permission/0/constraint/8/or/0",
    ),
    "a unit": (with_more(EURO), "epsilon lteq 3 urn:eur"),
    "a reference": (
        with_more(Constraint(ODRL + "purpose", Operator.IS_ANY_OF, (), reference=("urn:list",))),
        "purpose isAnyOf urn:list",
    ),
    "a status": (with_more(replace(purpose("Marketing"), status=Iri("urn:x"))), "purpose"),
    "an alternative budget": (
        with_more(LogicalConstraint(Connective.OR, (amount("epsilon", "1"), purpose("Marketing")))),
        "/permission/0/constraint/8/or/0",
    ),
    "an alternative budget below an and": (
        with_more(
            LogicalConstraint(
                Connective.XONE, (LogicalConstraint(Connective.AND, (amount("epsilon", "1"),)),)
            )
        ),
        "/xone/0/and/0",
    ),
    "a sequence": (
        with_more(LogicalConstraint(Connective.AND_SEQUENCE, (purpose("Marketing"),))),
        "andSequence",
    ),
    "another action": (one_rule("read"), "permission read"),
    "a wider action": (one_rule("use"), "permission use"),
    "a refined action": (
        with_rule(action=replace(RULE.action, refinements=(amount("epsilon", "1"),))),
        "refined action",
    ),
    "a duty": (with_rule(duties=(Duty(action=Action(ODRL + "inform")),)), "a duty"),
    "an obligation": (
        replace(OFFER, obligations=(Duty(action=Action(ODRL + "delete")),)),
        "duty delete",
    ),
    "an obligation to train": (
        replace(OFFER, obligations=(Duty(action=Action(TRAINING)),)),
        "duty federatedTraining",
    ),
    "a prohibition of what cannot be seen": (
        replace(OFFER, prohibitions=(Prohibition(action=Action(ODRL + "distribute")),)),
        "prohibition distribute",
    ),
    "a budget in a prohibition": (
        replace(
            OFFER,
            prohibitions=(
                Prohibition(action=Action(TRAINING), constraints=(amount("epsilon", "1"),)),
            ),
        ),
        "epsilon",
    ),
    "an output": (with_rule(output=AssetRef("urn:model")), "an output"),
    "a party function": (
        with_rule(functions=((ODRL + "informedParty", PartyRef("urn:a")),)),
        "a party function",
    ),
    "a collection of assets": (
        replace(OFFER, target=AssetRef("urn:a", collection=True)),
        "a collection",
    ),
    "a collection of parties": (
        replace(OFFER, assignee=PartyRef("", source="urn:a")),
        "a collection",
    ),
    "a prohibition for members of a space": (
        replace(
            OFFER,
            prohibitions=(Prohibition(action=Action(TRAINING), constraints=(RIVALS,)),),
        ),
        "membership eq did:web:rivals.example",
    ),
    "a prohibition for members, joined": (
        replace(
            OFFER,
            prohibitions=(
                Prohibition(
                    action=Action(TRAINING),
                    constraints=(LogicalConstraint(Connective.AND, (RIVALS,)),),
                ),
            ),
        ),
        "/prohibition/0/constraint/0/and/0",
    ),
    "membership of exactly one space": (
        with_more(
            LogicalConstraint(
                Connective.XONE,
                (LogicalConstraint(Connective.AND, (RIVALS,)), purpose("AcademicResearch")),
            )
        ),
        "/permission/0/constraint/8/xone/0/and/0",
    ),
    "inheritance": (replace(OFFER, inherits=("urn:parent",)), "inherits"),
    "a successor": (replace(OFFER, replaced_by="urn:later"), "replaces"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_nobody_upholds_cannot_be_agreed(name: str) -> None:
    policy, part = BAD[name]
    with pytest.raises(ConstraintUnknown) as caught:
        cover(policy)
    assert part in caught.value.reason


GOOD: dict[str, Policy] = {
    "conditions joined by and": with_rule(
        constraints=(LogicalConstraint(Connective.AND, training_terms()),)
    ),
    "alternatives of what is checked": with_more(
        LogicalConstraint(Connective.OR, (purpose("Marketing"), until("2026-01-01")))
    ),
    "membership of one of two spaces": with_more(
        LogicalConstraint(Connective.OR, (RIVALS, name_is("membership", "did:web:own.example")))
    ),
    "membership of two spaces": with_more(LogicalConstraint(Connective.AND, (RIVALS,))),
    "exactly one purpose of two": with_more(
        LogicalConstraint(Connective.XONE, (purpose("Marketing"), purpose("AcademicResearch")))
    ),
    "a start": with_more(until("2026-01-01", "gteq")),
    "the protection that training gives": with_more(
        name_is("protectionLevel", PREAU + "Aggregated")
    ),
    "less protection is enough": with_more(
        name_is("protectionLevel", PREAU + "Pseudonymised", "gteq")
    ),
    "purposes left out": with_more(purpose("Marketing", operator="isNoneOf")),
    "a single party and asset": replace(
        OFFER, target=AssetRef("urn:a"), assignee=PartyRef("urn:b")
    ),
}


@pytest.mark.parametrize("name", GOOD)
def test_what_is_upheld_is_covered_in_full(name: str) -> None:
    policy = GOOD[name]
    atoms = json.dumps(policy_document(policy)).count('"leftOperand"')
    assert len(cover(policy)) == atoms + 1


def test_every_operand_of_the_profile_is_upheld() -> None:
    assert {left for left in UPHELD if left.startswith(PREAU)} == {
        PREAU + name
        for name in (
            "membership",
            "epsilon",
            "delta",
            "unitOfPrivacy",
            "rowsPerPerson",
            "minimumSites",
            "protectionLevel",
        )
    }
