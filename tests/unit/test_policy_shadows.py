"""Conditions of one rule together, and rules against one another."""

from __future__ import annotations

from dataclasses import replace

import pytest

from policies_odrl import (
    Action,
    AssetRef,
    Conflict,
    Connective,
    Duty,
    LogicalConstraint,
    Operator,
    PartyRef,
    Policy,
    Prohibition,
    validate,
)
from policies_odrl.checking.satisfiability import MAX_JOINED, MAX_STEPS
from policies_odrl.model import ODRL, Condition
from policies_odrl.vocabulary import PREAU
from tests.support.policies import amount, name_is, one_rule, purpose, until

READ = one_rule("read")
RULE = READ.permissions[0]
C0 = "/permission/0/constraint/0"


def codes(policy: Policy, lang: str = "en") -> set[tuple[str, str]]:
    return {(item.code, item.path) for item in validate(policy, lang)}


OVER = amount(ODRL + "percentage", "101", "gt")
HALF = amount(ODRL + "percentage", "50", "gt")
REST = amount(ODRL + "percentage", "50")
TOGETHER: dict[str, tuple[tuple[Condition, ...], tuple[str, str] | None]] = {
    "never at all": ((OVER,), ("never-true", C0)),
    "first use counts": ((amount(ODRL + "count", "0"),), ("never-true", C0)),
    "one use is possible": ((amount(ODRL + "count", "1"),), None),
    "no alternative": ((LogicalConstraint(Connective.OR, (OVER, OVER)),), ("never-true", C0)),
    "never exactly one": ((LogicalConstraint(Connective.XONE, (HALF, HALF)),), ("never-true", C0)),
    "one of one": (
        (LogicalConstraint(Connective.XONE, (HALF,)),),
        ("needless-connective", C0),
    ),
    "either half": ((LogicalConstraint(Connective.OR, (HALF, REST)),), ("always-true", C0)),
    "exactly one half": ((LogicalConstraint(Connective.XONE, (HALF, REST)),), ("always-true", C0)),
    "halves that overlap": (
        (LogicalConstraint(Connective.XONE, (replace(HALF, operator=Operator.GTEQ), REST)),),
        None,
    ),
    "two different things": (
        (LogicalConstraint(Connective.OR, (HALF, until("2030-01-01T00:00:00Z"))),),
        None,
    ),
    "a list that is excluded": (
        (purpose("Advertising"), purpose("Marketing", operator="isNoneOf")),
        ("unsatisfiable", "/permission/0"),
    ),
    "a list that is half excluded": (
        (purpose("Advertising", "AcademicResearch"), purpose("Marketing", operator="isNoneOf")),
        None,
    ),
    "dead beside the rest": (
        (
            LogicalConstraint(Connective.OR, (HALF, until("2030-01-01T00:00:00Z"))),
            amount(ODRL + "percentage", "20"),
        ),
        ("dead-alternative", f"{C0}/or/0"),
    ),
    "all dead beside the rest": (
        (LogicalConstraint(Connective.OR, (HALF, HALF)), amount(ODRL + "percentage", "20")),
        ("unsatisfiable", "/permission/0"),
    ),
    "three that exclude one another": (
        (
            LogicalConstraint(Connective.OR, (HALF, until("2026-01-01T00:00:00Z"))),
            amount(ODRL + "percentage", "20"),
            until("2027-01-01T00:00:00Z", "gteq"),
        ),
        ("unsatisfiable", "/permission/0"),
    ),
    "within an alternative": (
        (
            LogicalConstraint(
                Connective.OR,
                (
                    LogicalConstraint(Connective.AND, (HALF, amount(ODRL + "percentage", "20"))),
                    until("2030-01-01T00:00:00Z"),
                ),
            ),
        ),
        ("dead-alternative", f"{C0}/or/0"),
    ),
    "names of one kind": (
        (name_is(ODRL + "language", "urn:fr"), name_is(ODRL + "language", "urn:en", "isAnyOf")),
        ("unsatisfiable", "/permission/0"),
    ),
    "lists of names": (
        (
            name_is(ODRL + "language", "urn:fr", "isAnyOf"),
            name_is(ODRL + "language", "urn:en", "isAnyOf"),
        ),
        ("no-common-value", "/permission/0"),
    ),
    "proofs beside one another": (
        (name_is("membership", "urn:a"), name_is("membership", "urn:b")),
        None,
    ),
    "below the lowest step": (
        (name_is("protectionLevel", PREAU + "Raw", "lt"),),
        ("never-true", C0),
    ),
    "any step": ((name_is("protectionLevel", PREAU + "Raw", "gteq"),), ("always-true", C0)),
    "a step between": ((name_is("protectionLevel", PREAU + "Anonymised", "gteq"),), None),
    "hardly anonymous": ((amount("kAnonymity", "1", "gteq"),), ("always-true", C0)),
    "unknown purposes": ((purpose("urn:x:a"), purpose("urn:x:b")), None),
}
RELATIONS = {
    "never-true", "always-true", "unsatisfiable", "dead-alternative", "no-common-value",
    "needless-connective",
}  # fmt: skip


@pytest.mark.parametrize("case", TOGETHER)
def test_what_holds_never_and_always(case: str) -> None:
    items, expected = TOGETHER[case]
    found = {item for item in codes(one_rule("read", *items)) if item[0] in RELATIONS}
    assert found >= ({expected} if expected else set())
    assert expected or not found


def test_the_two_that_exclude_one_another_are_named() -> None:
    policy = one_rule("read", purpose("Marketing"), HALF, amount(ODRL + "percentage", "20"))
    (found,) = (item for item in validate(policy) if item.code == "unsatisfiable")
    assert found.fix.endswith("percentage gt 50; percentage lteq 20")


def test_of_equal_conditions_one_is_redundant() -> None:
    found = codes(one_rule("read", HALF, HALF, HALF))
    assert {path for code, path in found if code == "redundant"} == {
        "/permission/0/constraint/1",
        "/permission/0/constraint/2",
    }


def test_what_a_check_leaves_out_is_said() -> None:
    rule = replace(RULE, constraints=(LogicalConstraint(Connective.OR, (HALF, REST) * 100),))
    enough = MAX_STEPS // 200**2
    assert ("too-large", "") not in codes(replace(READ, permissions=(rule,)))
    assert ("too-large", "") in codes(replace(READ, permissions=(rule,) * (enough + 2)))


def rules(*permissions: Policy, bans: tuple[Policy, ...] = (), **more: object) -> Policy:
    return replace(
        READ,
        target=AssetRef("urn:a"),
        permissions=tuple(rule for policy in permissions for rule in policy.permissions),
        prohibitions=tuple(
            Prohibition(
                action=rule.action,
                target=rule.target,
                assignee=rule.assignee,
                constraints=rule.constraints,
            )
            for policy in bans
            for rule in policy.permissions
        ),
        **more,
    )


def aimed(policy: Policy, **more: object) -> Policy:
    return replace(policy, permissions=tuple(replace(r, **more) for r in policy.permissions))


def test_a_check_that_ran_out_of_steps_proves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    policy = one_rule("read", HALF, amount(ODRL + "percentage", "20"))
    assert ("unsatisfiable", "/permission/0") in codes(policy)
    monkeypatch.setattr("policies_odrl.checking.satisfiability.MAX_STEPS", 3)
    assert ("unsatisfiable", "/permission/0") not in codes(policy)
    assert ("too-large", "") in codes(policy)


RESEARCH = one_rule("read", purpose("AcademicResearch"))
DUTY = (Duty(action=Action(ODRL + "inform")),)
BETWEEN: dict[str, tuple[Policy, set[tuple[str, str]]]] = {
    "wider action": (
        rules(one_rule("read"), one_rule("use")),
        {("shadowed", "/permission/0")},
    ),
    "another target": (rules(one_rule("use"), aimed(READ, target=AssetRef("urn:b"))), set()),
    "for everybody": (
        rules(READ, aimed(READ, assignee=PartyRef("urn:p"))),
        {("shadowed", "/permission/1")},
    ),
    "with duty beside without": (
        rules(aimed(READ, duties=DUTY), READ),
        {("shadowed", "/permission/0")},
    ),
    "both with duty": (
        rules(aimed(READ, duties=DUTY), aimed(RESEARCH, duties=DUTY)),
        {("shadowed", "/permission/1")},
    ),
    "only the wider with duty": (rules(aimed(READ, duties=DUTY), RESEARCH), set()),
    "with an output": (rules(aimed(READ, output=AssetRef("urn:out")), RESEARCH), set()),
    "equal in other words": (
        rules(
            one_rule("read", HALF),
            one_rule("read", LogicalConstraint(Connective.AND, (HALF, HALF))),
        ),
        {("shadowed", "/permission/1")},
    ),
    "the same by another way": (
        rules(
            one_rule("read", purpose("Marketing")),
            one_rule("read", purpose("Marketing"), purpose("Marketing", "Advertising")),
        ),
        {("shadowed", "/permission/1")},
    ),
    "ban with a wider one": (
        rules(READ, bans=(one_rule("sell"), one_rule("transfer")), conflict=Conflict.PROHIBIT),
        {("ban-shadowed", "/prohibition/0")},
    ),
    "overlap voids": (
        rules(READ, bans=(RESEARCH,), conflict=Conflict.INVALID),
        {("may-conflict", "/permission/0")},
    ),
    "overlap that is settled": (rules(READ, bans=(RESEARCH,), conflict=Conflict.PROHIBIT), set()),
    "conditions apart": (
        rules(one_rule("read", HALF), bans=(one_rule("read", REST),), conflict=Conflict.INVALID),
        set(),
    ),
    "conditions that may meet": (
        rules(
            one_rule("read", purpose("urn:x:a")),
            bans=(one_rule("read", purpose("urn:x:b")),),
            conflict=Conflict.INVALID,
        ),
        set(),
    ),
    "parties apart": (
        rules(
            aimed(READ, assignee=PartyRef("urn:p")),
            bans=(aimed(RESEARCH, assignee=PartyRef("urn:q")),),
            conflict=Conflict.INVALID,
        ),
        set(),
    ),
    "alternatives are not judged": (
        rules(
            one_rule("read", LogicalConstraint(Connective.OR, (HALF, purpose("Marketing")))),
            bans=(RESEARCH,),
            conflict=Conflict.INVALID,
        ),
        set(),
    ),
    "duty of a permission that is banned": (
        rules(aimed(READ, duties=DUTY), bans=(one_rule("inform"),), conflict=Conflict.PROHIBIT),
        {("duty-prohibited", "/permission/0/duty/0")},
    ),
    "duty elsewhere": (
        rules(
            aimed(READ, duties=(Duty(action=Action(ODRL + "inform"), target=AssetRef("urn:b")),)),
            bans=(one_rule("inform"),),
            conflict=Conflict.PROHIBIT,
        ),
        set(),
    ),
}
BETWEEN_CODES = {
    "shadowed", "ban-shadowed", "never-usable", "may-conflict", "duty-prohibited", "repeated-duty",
}  # fmt: skip


@pytest.mark.parametrize("case", BETWEEN)
def test_rules_against_one_another(case: str) -> None:
    policy, expected = BETWEEN[case]
    assert {item for item in codes(policy) if item[0] in BETWEEN_CODES} == expected


def test_rules_with_very_many_conditions_are_not_compared() -> None:
    wide = one_rule("read", *(until(f"{year}-01-01") for year in range(1000, 1001 + MAX_JOINED)))
    assert "shadowed" not in {code for code, _ in codes(rules(wide, RESEARCH))}
    assert ("too-many-conditions", "/permission/1") in codes(rules(READ, wide))
