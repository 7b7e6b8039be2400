"""Rules taken over from a parent: what limits them is said, and their strategy counts."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import pytest

from policies_odrl import (
    Action,
    AssetRef,
    Conflict,
    Constraint,
    Duty,
    Literal,
    NotUnderstood,
    Operator,
    PartyRef,
    Permission,
    Policy,
    PolicyKind,
    Prohibition,
    explain,
    from_sentences,
    lint,
    resolve,
    same_meaning,
)
from policies_odrl.language.explain import spelled
from policies_odrl.language.phrases import LANGUAGES
from policies_odrl.model import ODRL, XSD, Common

READ: Final = Action(ODRL + "read")
PARENT: Final = Policy(
    kind=PolicyKind.SET,
    id="urn:parent",
    permissions=(Permission(action=READ, assignee=PartyRef("urn:bob")),),
)
PAID: Final = Constraint(ODRL + "payAmount", Operator.LTEQ, (Literal("5", XSD + "integer"),))
SHARED: Final = {
    "targets": Common(targets=(AssetRef("urn:t"), AssetRef("urn:u"))),
    "one target of two rules": Common(targets=(AssetRef("urn:t"),)),
    "assigners": Common(assigners=(PartyRef("urn:a"), PartyRef("urn:b"))),
    "assignees": Common(
        assignees=(PartyRef("urn:c"), PartyRef("", True, "urn:d", (PAID,)))  # noqa: FBT003
    ),
    "actions": Common(
        actions=(
            Action(
                ODRL + "archive",
                (PAID,),
                "urn:node",
                ((ODRL + "x", Literal("why")),),
            ),
        )
    ),
    "outputs": Common(outputs=(AssetRef("urn:made"),)),
    "functions": Common(functions=((ODRL + "informedParty", PartyRef("urn:dpo")),)),
}


def child(common: Common) -> Policy:
    rule = Permission(action=Action(ODRL + "print"), target=AssetRef("urn:own"))
    return Policy(
        kind=PolicyKind.SET,
        id="urn:child",
        permissions=(rule,),
        inherits=("urn:parent",),
        common=common,
    )


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("common", SHARED.values(), ids=SHARED)
def test_what_rules_taken_over_are_limited_to_is_said_and_read_back(
    common: Common, lang: str
) -> None:
    policy = child(common)
    found = from_sentences(explain(policy, lang), lang)
    assert found.common == spelled(policy).common
    family = {"urn:parent": PARENT}
    assert same_meaning(resolve(found, family), resolve(spelled(policy), family))
    assert explain(policy, lang) != explain(child(Common()), lang)


def test_a_policy_that_takes_over_nothing_says_it_in_its_rules_only() -> None:
    policy = replace(child(SHARED["targets"]), inherits=())
    assert explain(policy) == explain(replace(policy, common=Common()))


def test_a_mistake_below_what_is_shared_is_named() -> None:
    lines = [*explain(child(SHARED["actions"]))]
    lines[lines.index("D.3. More precisely: the amount paid is at most 5.")] = "D.3. More or less."
    with pytest.raises(NotUnderstood, match=r"sentence D\.3 is not understood"):
        from_sentences(lines)


BAN: Final = Prohibition(action=Action(ODRL + "sell"))
WORK: Final = Duty(action=Action(ODRL + "inform"))


@pytest.mark.parametrize(
    ("mine", "theirs", "rules", "differ"),
    [
        (Conflict.PERM, None, True, True),
        (None, Conflict.PERM, True, True),
        (Conflict.INVALID, None, True, False),
        (None, None, True, False),
        (Conflict.PERM, None, False, False),
    ],
)
def test_a_strategy_that_is_not_stated_counts_as_invalid_in_a_family(
    mine: Conflict | None,
    theirs: Conflict | None,
    rules: bool,  # noqa: FBT001
    differ: bool,  # noqa: FBT001
) -> None:
    parent = Policy(
        kind=PolicyKind.SET,
        id="urn:parent",
        prohibitions=(BAN,) if rules else (),
        obligations=(WORK,) if rules else (),
        conflict=theirs,
    )
    mixed = replace(child(Common()), conflict=mine)
    found = {item.code for item in lint({"child": mixed, "parent": parent})["child"]}
    assert ("strategies-differ" in found) is differ
    whole = resolve(mixed, {"urn:parent": parent})
    if rules and mine is not theirs:
        assert whole.conflict is Conflict.INVALID
