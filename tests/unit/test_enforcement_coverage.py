"""The coverage table: one line per part, and nothing that nobody upholds."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from connector.bootstrap.mechanisms import MECHANISMS
from connector.enforcement import coverage
from connector.enforcement.compile import compile_agreement
from connector.enforcement.ground import Ground
from connector.enforcement.mechanism import Mechanism, Mechanisms, Upheld
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
from tests.support.each import over
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
        assert part_of(document, line.path)


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
    "another action": (one_rule("execute"), "permission execute"),
    "a wider action": (one_rule("transfer"), "permission transfer"),
    "a refined action": (
        with_rule(action=replace(RULE.action, refinements=(amount("epsilon", "1"),))),
        "refined action",
    ),
    "a duty": (with_rule(duties=(Duty(action=Action(ODRL + "translate")),)), "duty translate"),
    "an obligation": (
        replace(OFFER, obligations=(Duty(action=Action(ODRL + "archive")),)),
        "duty archive",
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


@over("name", BAD)
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


@over("name", GOOD)
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
            "rowCondition",
        )
    }


# -- several mechanisms, duties, and what is forbidden with what was received ---------------------

DAY = frozenset({Operator.LTEQ})
SEEN = Mechanism(
    name="read",
    actions=frozenset({ODRL + "read", ODRL + "reproduce"}),
    by="reading step",
    upholds={ODRL + "purpose": Upheld(Label.CHECKED, "the request", frozenset({Operator.IS_A}))},
    compile=lambda _rule, _ground: (),
    codes={},
    refused="JOB_REFUSED",
    duties={
        ODRL + "delete": Upheld(Label.AUDITED, "receipt of the deletion"),
        ODRL + "inform": Upheld(Label.CHECKED, "clock of the duties"),
    },
    deadlines={ODRL + "dateTime": Upheld(Label.AUDITED, "clock of the duties", DAY)},
    forbids={ODRL + "sell": Upheld(Label.AUDITED, "deliveries in the log")},
)
COUNTED = replace(
    SEEN,
    name="count",
    actions=frozenset({ODRL + "aggregate"}),
    by="counting step",
    forbids={ODRL + "sell": Upheld(Label.CHECKED, "no row leaves")},
    duties={},
)
BOTH = Mechanisms((SEEN, COUNTED))
DELETE = Duty(action=Action(ODRL + "delete"), constraints=(until("2027-01-01"),))
INFORM = Duty(
    action=Action(ODRL + "inform"), functions=((ODRL + "informedParty", PartyRef("urn:a")),)
)
SELL = Prohibition(action=Action(ODRL + "sell"), constraints=(purpose("Advertising"),))


def of_actions(*names: str, **changes: Any) -> Policy:
    rules = tuple(one_rule(name, purpose("Marketing", operator="isA")) for name in names)
    permissions = tuple(rule.permissions[0] for rule in rules)
    return replace(rules[0], permissions=permissions, **changes)


def lines(policy: Policy) -> list[tuple[str, str, str]]:
    return [(it.path, it.label.value, it.by) for it in coverage.cover(policy, BOTH)]


def owing(policy: Policy, *duties: Duty) -> Policy:
    first, *others = policy.permissions
    return replace(policy, permissions=(replace(first, duties=duties), *others))


def part_of(document: Any, path: str) -> Any:
    for part in path.strip("/").split("/"):
        document = document[int(part) if part.isdigit() else part]
    return document


def test_a_duty_and_its_constraints_have_their_lines() -> None:
    clock = "clock of the duties"
    late = replace(DELETE, consequences=(INFORM,))
    policy = owing(of_actions("read"), late)
    assert all(part_of(policy_document(policy), path) for path, _, _ in lines(policy))
    assert lines(policy)[2:] == [
        ("/permission/0/duty/0/action", "audited", "receipt of the deletion"),
        ("/permission/0/duty/0/constraint/0", "audited", clock),
        ("/permission/0/duty/0/odrl:consequence/0/action", "checked", clock),
        ("/permission/0/duty/0/odrl:consequence/0/odrl:informedParty/0", "checked", clock),
    ]
    assert lines(of_actions("read", obligations=(DELETE,)))[2:] == [
        ("/obligation/0/action", "audited", "receipt of the deletion"),
        ("/obligation/0/constraint/0", "audited", clock),
    ]


def test_what_the_consumer_may_not_do_is_as_sure_as_its_weakest_part() -> None:
    found = lines(of_actions("read", "aggregate", prohibitions=(SELL,)))
    both = "deliveries in the log; no row leaves"
    assert found[4:] == [
        ("/prohibition/0/action", "audited", both),
        ("/prohibition/0/constraint/0", "audited", both),
    ]
    assert [label for _, label, _ in lines(of_actions("aggregate", prohibitions=(SELL,)))[2:]] == [
        "checked",
        "checked",
    ]


def test_each_action_has_its_use_whatever_mechanism_carries_it_out() -> None:
    policy = agreed(of_actions("read", "aggregate", "reproduce"))
    plan = compile_agreement(policy, BOTH, Ground((), "", 1))
    assert [use.mechanism for use in plan.uses] == ["read", "count", "read"]
    assert plan.of(ODRL + "aggregate") == plan.uses[1]
    assert plan.of(ODRL + "derive") is None


UNSEEN: dict[str, tuple[Policy, str]] = {
    "a duty that one of two mechanisms cannot have done": (
        owing(of_actions("aggregate"), DELETE),
        "/permission/0/duty/0",
    ),
    "an obligation that one of two cannot have done": (
        of_actions("read", "aggregate", obligations=(DELETE,)),
        "/obligation/0",
    ),
    "an operand of requests in a duty": (
        owing(of_actions("read"), replace(DELETE, constraints=(purpose("Marketing"),))),
        "/permission/0/duty/0/constraint/0",
    ),
    "an operand of duties in a permission": (
        owing(one_rule("read", until("2027-01-01"))),
        "/permission/0/constraint/0",
    ),
    "a refined duty": (
        owing(
            of_actions("read"),
            Duty(action=Action(ODRL + "delete", refinements=(until("2027-01-01"),))),
        ),
        "a refined action",
    ),
    "a consequence that nobody sees done": (
        owing(
            of_actions("read"),
            replace(DELETE, consequences=(Duty(action=Action(ODRL + "compensate")),)),
        ),
        "/permission/0/duty/0/odrl:consequence/0",
    ),
    "a remedy that nobody sees done": (
        of_actions(
            "read",
            prohibitions=(replace(SELL, remedies=(Duty(action=Action(ODRL + "compensate")),)),),
        ),
        "/prohibition/0/odrl:remedy/0",
    ),
    "a prohibition that was not understood": (
        of_actions("read", prohibitions=(replace(SELL, unread=(purpose("Marketing"),)),)),
        "prohibition sell",
    ),
    "what nobody sees": (
        of_actions("read", prohibitions=(Prohibition(action=Action(ODRL + "archive")),)),
        "prohibition archive",
    ),
}


@over("name", UNSEEN)
def test_what_nobody_sees_done_cannot_be_agreed(name: str) -> None:
    policy, part = UNSEEN[name]
    with pytest.raises(ConstraintUnknown) as caught:
        lines(policy)
    assert part in caught.value.reason
