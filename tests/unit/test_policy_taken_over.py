"""Rules taken over from a parent: what limits them is said, and their strategy counts."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import pytest

from policies_odrl import (
    Action,
    AssetRef,
    Conflict,
    Duty,
    Literal,
    NotUnderstood,
    PartyRef,
    Policy,
    explain,
    from_sentences,
    lint,
    resolve,
    same_meaning,
)
from policies_odrl.language.explain import spelled
from policies_odrl.language.phrases import LANGUAGES
from policies_odrl.model import ODRL, Common
from tests.support.each import over
from tests.support.small_policies import may, never, terms, typed, where

PARENT: Final = terms(may(assignee=PartyRef("urn:bob")), id="urn:parent", conflict=None)
PAID: Final = where("payAmount", "lteq", typed("5", "integer"))
FEW: Final = PartyRef("", collection=True, source="urn:d", refinements=(PAID,))
KEPT: Final = Action(ODRL + "archive", (PAID,), "urn:node", ((ODRL + "x", Literal("why")),))
SHARED: Final = {
    "targets": Common(targets=(AssetRef("urn:t"), AssetRef("urn:u"))),
    "one target of two rules": Common(targets=(AssetRef("urn:t"),)),
    "assigners": Common(assigners=(PartyRef("urn:a"), PartyRef("urn:b"))),
    "assignees": Common(assignees=(PartyRef("urn:c"), FEW)),
    "actions": Common(actions=(KEPT,)),
    "outputs": Common(outputs=(AssetRef("urn:made"),)),
    "functions": Common(functions=((ODRL + "informedParty", PartyRef("urn:dpo")),)),
}


def child(common: Common, conflict: Conflict | None = None) -> Policy:
    rule = may(act="print", target=AssetRef("urn:own"))
    named = {"id": "urn:child", "inherits": ("urn:parent",)}
    return terms(rule, common=common, conflict=conflict, **named)


@over("lang", LANGUAGES)
@over("common", SHARED.values())
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


@over(
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
    mine: Conflict | None, theirs: Conflict | None, *, rules: bool, differ: bool
) -> None:
    bans = [never(act="sell")] if rules else []
    tell = (Duty(action=Action(ODRL + "inform")),) if rules else ()
    parent = replace(terms(*bans, id="urn:parent", conflict=theirs), obligations=tell)
    mixed = child(Common(), mine)
    found = {item.code for item in lint({"child": mixed, "parent": parent})["child"]}
    assert ("strategies-differ" in found) is differ
    whole = resolve(mixed, {"urn:parent": parent})
    if rules and mine is not theirs:
        assert whole.conflict is Conflict.INVALID
