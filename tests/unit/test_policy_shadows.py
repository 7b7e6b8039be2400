"""Conditions of one rule together, and rules against one another."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from policies_odrl import (
    Action,
    AssetRef,
    Connective,
    Constraint,
    Duty,
    LogicalConstraint,
    Policy,
    Prohibition,
    load,
    validate,
)
from policies_odrl.checking.satisfiability import MAX_JOINED, MAX_STEPS
from policies_odrl.model import ODRL
from policies_odrl.reading.writer import CONTEXTS
from tests.support.policies import amount, one_rule, purpose, until

READ = one_rule("read")
RULE = READ.permissions[0]
C0 = "/permission/0/constraint/0"


CASES = json.loads((Path(__file__).parent / "data" / "shadows.json").read_text("utf-8"))


def read_row(row: dict[str, Any]) -> tuple[Policy, set[tuple[str, str]]]:
    policy = load({"@context": list(CONTEXTS), **row["policy"]})
    return policy, {(code, path) for code, path in row["finds"]}


def codes(policy: Policy, lang: str = "en") -> set[tuple[str, str]]:
    return {(item.code, item.path) for item in validate(policy, lang)}


OVER = amount(ODRL + "percentage", "101", "gt")
HALF = amount(ODRL + "percentage", "50", "gt")
REST = amount(ODRL + "percentage", "50")
RELATIONS = {
    "never-true", "always-true", "unsatisfiable", "dead-alternative", "no-common-value",
    "needless-connective",
}  # fmt: skip


@pytest.mark.parametrize("row", CASES["conditions"], ids=lambda row: str(row["name"]))
def test_what_holds_never_and_always(row: dict[str, Any]) -> None:
    policy, expected = read_row(row)
    found = {item for item in codes(policy) if item[0] in RELATIONS}
    assert found >= expected
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
BETWEEN_CODES = {
    "shadowed", "ban-shadowed", "never-usable", "may-conflict", "duty-prohibited", "repeated-duty",
}  # fmt: skip


@pytest.mark.parametrize("row", CASES["rules"], ids=lambda row: str(row["name"]))
def test_rules_against_one_another(row: dict[str, Any]) -> None:
    policy, expected = read_row(row)
    assert {item for item in codes(policy) if item[0] in BETWEEN_CODES} == expected


@pytest.mark.parametrize("unread", [(), (amount("urn:example:unless", "1", "eq"),)])
def test_a_ban_that_may_reach_further_than_is_read_is_not_covered(
    unread: tuple[Constraint, ...],
) -> None:
    wide, narrow = (amount(ODRL + "resolution", value, "gt") for value in ("5", "7"))
    ban = Prohibition(action=RULE.action, target=RULE.target, constraints=(narrow,), unread=unread)
    both = (replace(ban, constraints=(wide,), unread=()), ban)
    found = codes(replace(READ, permissions=(), prohibitions=both))
    assert (("ban-shadowed", "/prohibition/1") in found) is not bool(unread)


def test_rules_with_very_many_conditions_are_not_compared() -> None:
    wide = one_rule("read", *(until(f"{year}-01-01") for year in range(1000, 1001 + MAX_JOINED)))
    assert "shadowed" not in {code for code, _ in codes(rules(wide, RESEARCH))}
    assert ("too-many-conditions", "/permission/1") in codes(rules(READ, wide))
