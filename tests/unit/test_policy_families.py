"""Strategies of families, parts of concepts, several values at once."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from policies_odrl import (
    Action,
    Conflict,
    Permission,
    Policy,
    PolicyKind,
    Prohibition,
    resolve,
)
from policies_odrl.model import ODRL, Common, Duty

READ = Action(ODRL + "read")
PARENT = Policy(kind=PolicyKind.SET, id="urn:parent", prohibitions=(Prohibition(action=READ),))
CHILD = Policy(
    kind=PolicyKind.SET,
    id="urn:child",
    permissions=(Permission(action=READ),),
    conflict=Conflict.PERM,
    inherits=("urn:parent",),
)


def whole(parent: Policy, child: Policy = CHILD) -> Policy:
    return resolve(child, {parent.id: parent})


# -- inheritance never weakens -------------------------------------------------------------------


def test_a_child_without_a_strategy_does_not_take_over_that_of_its_parent() -> None:
    parent = replace(PARENT, conflict=Conflict.PERM)
    assert whole(parent, replace(CHILD, conflict=None)).conflict is Conflict.INVALID
    bare = replace(CHILD, conflict=None, permissions=())
    assert whole(parent, bare).conflict is Conflict.PERM


@pytest.mark.parametrize(
    "rules",
    [
        {"permissions": (Permission(action=READ),)},
        {"prohibitions": (Prohibition(action=READ),)},
        {"obligations": (Duty(action=READ),)},
    ],
    ids=lambda rules: next(iter(rules)),
)
def test_rules_of_any_kind_have_the_default(rules: dict[str, Any]) -> None:
    bare = Policy(kind=PolicyKind.SET, id="urn:parent")
    assert whole(replace(bare, **rules)).conflict is Conflict.INVALID


def test_a_parent_without_rules_states_nothing() -> None:
    parent = replace(PARENT, prohibitions=(), common=Common(actions=(READ,)))
    assert whole(parent).conflict is Conflict.PERM
    stated = replace(parent, conflict=Conflict.PROHIBIT)
    assert whole(stated).conflict is Conflict.INVALID
