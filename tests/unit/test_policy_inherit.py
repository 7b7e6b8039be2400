"""Inheritance (IM 2.9): what a child takes over, and where it stops."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise, permutations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from policies_odrl import (
    Action,
    AssetRef,
    Conflict,
    Constraint,
    Duty,
    Iri,
    LimitExceeded,
    Literal,
    LogicalConstraint,
    OdrlError,
    Operator,
    PartyRef,
    Permission,
    Policy,
    PolicyKind,
    Prohibition,
    Request,
    evaluate,
    read_all,
    resolve,
)
from policies_odrl.documents.sources import nodes_of as turtle_nodes
from policies_odrl.errors import Unresolvable
from policies_odrl.model import ODRL, Common, Connective
from policies_odrl.reading.inherit import MAX_ANCESTORS, MAX_GENERATIONS
from policies_odrl.reading.nodes import Count
from policies_odrl.vocabulary import PROFILE
from tests.support.each import over
from tests.support.whole_policies import whole_policies

PREFIX = "@prefix o: <http://www.w3.org/ns/odrl/2/> . @prefix x: <urn:x:> . "
READ, SELL = Action(ODRL + "read"), Action(ODRL + "sell")


def parsed(text: str) -> dict[str, Policy]:
    return {item.id: item for item in read_all(turtle_nodes(PREFIX + text))}


def resolved(text: str, name: str = "urn:x:child") -> Policy:
    found = parsed(text)
    return resolve(found[name], found)


def make(name: str, *parents: str, **more: object) -> Policy:
    rule = Permission(action=READ, target=AssetRef(f"urn:of:{name}"))
    whole = Policy(kind=PolicyKind.SET, id=name, permissions=(rule,), inherits=parents)
    return replace(whole, **more)


def by_id(*policies: Policy) -> dict[str, Policy]:
    return {item.id: item for item in policies}


def test_the_example_of_the_recommendation() -> None:
    """IM 2.9: the child's rule gets the parent's assigner, the parent's the child's assignee."""
    found = resolved(
        "x:default a o:Policy ; o:assigner x:org ;"
        " o:obligation [ o:target x:terms ; o:action o:reviewPolicy ] ."
        " x:child a o:Agreement ; o:inheritFrom x:default ; o:assignee x:user ;"
        " o:permission [ o:target x:asset ; o:action o:display ] ."
    )
    assert found.kind is PolicyKind.AGREEMENT
    assert found.inherits == ()
    for rule in (*found.permissions, *found.obligations):
        assert found.assigner_of(rule) == PartyRef("urn:x:org")
        assert found.assignee_of(rule) == PartyRef("urn:x:user")
    assert found.obligations[0].target == AssetRef("urn:x:terms")


def test_a_policy_that_inherits_nothing_stays_as_it_is() -> None:
    alone = make("urn:a")
    assert resolve(alone, {}) is alone


def test_an_unresolved_policy_is_not_decided_and_a_resolved_one_is() -> None:
    child, parent = make("urn:a", "urn:b"), make("urn:b")
    request = Request(action=READ.id, target="urn:of:urn:b")
    assert not evaluate(child, request).granted
    assert evaluate(resolve(child, by_id(parent)), request).granted


def test_what_a_parent_states_for_all_rules_holds_for_every_rule() -> None:
    found = resolved(
        "x:parent a o:Set ; o:target x:a ; o:action o:play ; o:informedParty x:i ; o:output x:o ;"
        " o:prohibition [ o:action o:sell ] ."
        " x:child a o:Set ; o:inheritFrom x:parent ; o:target x:b ;"
        " o:permission [ o:action o:read ; o:duty [ o:action o:delete ] ] ."
    )
    pairs = {(r.action.id.rpartition("/")[2], r.target.id) for r in found.permissions if r.target}
    assert pairs == {(act, name) for act in ("read", "play") for name in ("urn:x:a", "urn:x:b")}
    assert {r.target for r in found.prohibitions} == {AssetRef("urn:x:a"), AssetRef("urn:x:b")}
    assert all(r.output == AssetRef("urn:x:o") for r in found.permissions)
    assert all(r.functions for r in found.permissions)
    assert all(r.duties[0].target == r.target for r in found.permissions)


def test_what_was_pushed_into_the_rules_of_a_parent_is_still_shared() -> None:
    found = resolved(
        "x:parent a o:Set ; o:assigner x:org ;"
        " o:permission [ o:action o:play ; o:assigner x:own ; o:target x:t ] ."
        " x:child a o:Set ; o:inheritFrom x:parent ; o:permission [ o:action o:read ] ."
    )
    read = [r for r in found.permissions if r.action.id == ODRL + "read"]
    assert {r.assigner for r in read} == {PartyRef("urn:x:org")}


def test_rules_keep_their_names_while_they_stay_one() -> None:
    one = make("urn:a", "urn:b")
    named = make("urn:b", permissions=(Permission(action=SELL, id="urn:r"),))
    assert resolve(one, by_id(named)).permissions[1].id == "urn:r"
    shared = replace(
        one, target=AssetRef("urn:t"), permissions=(), common=Common(targets=(AssetRef("urn:t"),))
    )
    both = replace(named, common=Common(targets=(AssetRef("urn:u"),)))
    found = resolve(shared, by_id(both)).permissions
    assert {(r.id, r.origin) for r in found} == {("", "urn:r")}
    assert {r.target for r in found} == {AssetRef("urn:t"), AssetRef("urn:u")}


def test_a_rule_of_child_and_parent_counts_once() -> None:
    rule = Prohibition(action=SELL)
    child = make("urn:a", "urn:b", prohibitions=(rule,))
    assert len(resolve(child, by_id(make("urn:b", prohibitions=(rule, rule)))).prohibitions) == 1


CONFLICTS = [
    ((None, None, None), None),
    ((Conflict.PERM, Conflict.PERM, Conflict.PERM), Conflict.PERM),
    ((Conflict.PROHIBIT, Conflict.PROHIBIT, Conflict.PROHIBIT), Conflict.PROHIBIT),
    ((None, Conflict.INVALID, None), Conflict.INVALID),
    # each has a rule, so that one without a strategy has the default
    ((None, Conflict.PERM, None), Conflict.INVALID),
    ((Conflict.PROHIBIT, None, Conflict.PROHIBIT), Conflict.INVALID),
    ((Conflict.PERM, Conflict.PROHIBIT, None), Conflict.INVALID),
    ((None, Conflict.PERM, Conflict.PROHIBIT), Conflict.INVALID),
    ((Conflict.PERM, Conflict.INVALID, None), Conflict.INVALID),
]


@over(("stated", "expected"), CONFLICTS)
def test_strategies_that_differ_void_what_conflicts(
    stated: tuple[Conflict | None, ...], expected: Conflict | None
) -> None:
    child, *parents = (
        make(name, conflict=conflict)
        for name, conflict in zip(("urn:a", "urn:b", "urn:c"), stated, strict=True)
    )
    child = replace(child, inherits=("urn:b", "urn:c"))
    assert resolve(child, by_id(*parents)).conflict is expected


def test_only_what_has_rules_has_the_default_strategy() -> None:
    def joined(mine: Conflict | None, **parent: object) -> Conflict | None:
        child = make("urn:a", "urn:b", conflict=mine)
        return resolve(child, by_id(make("urn:b", **parent))).conflict

    perm, ban = Conflict.PERM, {"permissions": (), "prohibitions": (Prohibition(action=READ),)}
    assert joined(None, conflict=perm, **ban) is Conflict.INVALID
    bare = make("urn:a", "urn:b", permissions=())
    parent = make("urn:b", conflict=perm, **ban)
    assert resolve(bare, by_id(parent)).conflict is perm
    for rules in ({}, ban, {"permissions": (), "obligations": (Duty(action=READ),)}):
        assert joined(perm, **rules) is Conflict.INVALID
    silent = {"permissions": (), "common": Common(actions=(READ,))}
    assert joined(perm, **silent) is perm
    assert joined(perm, conflict=Conflict.PROHIBIT, **silent) is Conflict.INVALID


def test_conflicting_rules_under_two_strategies_grant_nothing() -> None:
    child = make("urn:a", "urn:b", conflict=Conflict.PERM)
    ban = Prohibition(action=READ, target=AssetRef("urn:of:urn:a"))
    parent = make("urn:b", conflict=Conflict.PROHIBIT, permissions=(), prohibitions=(ban,))
    other = replace(parent, conflict=Conflict.PERM)
    request = Request(action=READ.id, target="urn:of:urn:a")
    assert not evaluate(resolve(child, by_id(parent)), request).granted
    assert evaluate(resolve(child, by_id(other)), request).granted


def test_profiles_are_joined_and_the_rest_is_the_childs() -> None:
    child = make("urn:a", "urn:b", profiles=(PROFILE,), timestamp="now", metadata=())
    parent = make(
        "urn:b",
        profiles=(ODRL + "core", PROFILE),
        kind=PolicyKind.OFFER,
        metadata=(("urn:title", Iri("urn:x")),),
        timestamp="then",
    )
    found = resolve(child, by_id(parent))
    assert found.profiles == (PROFILE, ODRL + "core")
    assert (found.kind, found.id, found.timestamp, found.metadata) == (
        *(PolicyKind.SET, "urn:a"),
        *("now", ()),
    )


def test_status_of_a_parent_is_not_taken_over() -> None:
    def counted(status: Literal | None) -> Constraint:
        return Constraint(ODRL + "count", Operator.LTEQ, (Literal("5"),), status=status)

    def policy(name: str, status: Literal | None) -> Policy:
        part = counted(status)
        both = LogicalConstraint(Connective.OR, (part,))
        action = Action(READ.id, (part,))
        asset = AssetRef("", source="urn:s", refinements=(both,))
        party = PartyRef("", source="urn:s", refinements=(part,))
        parts = {
            "action": action,
            "target": asset,
            "assigner": party,
            "assignee": party,
            "constraints": (part, both),
            "output": asset,
            "functions": ((ODRL + "informedParty", party),),
        }
        duty = Duty(**parts, consequences=(Duty(**parts),))
        return Policy(
            kind=PolicyKind.SET,
            id=name,
            permissions=(Permission(**parts, duties=(duty,)),),
            prohibitions=(Prohibition(**parts, remedies=(Duty(**parts),)),),
            obligations=(duty,),
        )

    parent, bare = policy("urn:b", Literal("2")), policy("urn:b", None)
    child = make("urn:a", "urn:b")
    assert parent != bare
    assert resolve(child, by_id(parent)) == resolve(child, by_id(bare))
    own = replace(policy("urn:a", Literal("2")), inherits=("urn:c",))
    assert resolve(own, by_id(make("urn:c"))).obligations == own.obligations
    shared = Policy(
        kind=PolicyKind.SET,
        id="urn:b",
        target=parent.permissions[0].target,
        assigner=parent.permissions[0].assigner,
        assignee=parent.permissions[0].assignee,
        common=Common(
            targets=(AssetRef("urn:t"),),
            assigners=(PartyRef("urn:t"),),
            assignees=(PartyRef("urn:t"),),
            actions=(parent.permissions[0].action,),
            outputs=(AssetRef("urn:t"),),
            functions=parent.permissions[0].functions,
        ),
    )
    assert repr(Literal("2")) not in repr(resolve(make("urn:a", "urn:b"), by_id(shared)))


# -- errors ---------------------------------------------------------------------------------


def test_a_missing_parent_is_named() -> None:
    with pytest.raises(Unresolvable, match="`urn:c` was not given") as caught:
        resolve(make("urn:a", "urn:b"), by_id(make("urn:b", "urn:c")))
    assert caught.value.node == "urn:b"


def test_a_replaced_parent_is_an_error_that_names_the_replacement() -> None:
    with pytest.raises(Unresolvable, match="is replaced by `urn:new`"):
        resolve(make("urn:a", "urn:b"), by_id(make("urn:b", replaced_by="urn:new")))


def test_a_parent_that_calls_itself_otherwise_is_refused() -> None:
    with pytest.raises(Unresolvable, match="calls itself `urn:c`"):
        resolve(make("urn:a", "urn:b"), {"urn:b": make("urn:c")})


@over(
    "edges",
    [
        {"urn:a": ["urn:a"]},
        {"urn:a": ["urn:b"], "urn:b": ["urn:a"]},
        {"urn:a": ["urn:b"], "urn:b": ["urn:c"], "urn:c": ["urn:b"]},
    ],
)
def test_circles_are_refused(edges: dict[str, list[str]]) -> None:
    policies = by_id(*(make(name, *parents) for name, parents in edges.items()))
    with pytest.raises(Unresolvable, match="inherits from itself"):
        resolve(policies["urn:a"], policies)


def test_a_shared_ancestor_is_no_circle_and_counts_once() -> None:
    policies = by_id(
        make("urn:a", "urn:b", "urn:c"),
        make("urn:b", "urn:d"),
        make("urn:c", "urn:d"),
        make("urn:d"),
    )
    assert len(resolve(policies["urn:a"], policies).permissions) == 4


def chain(length: int) -> dict[str, Policy]:
    names = [f"urn:{number}" for number in range(length + 1)]
    last = make(names[-1])
    return by_id(*(make(one, two) for one, two in pairwise(names)), last)


def test_generations_and_ancestors_are_bounded() -> None:
    deep = chain(MAX_GENERATIONS)
    assert len(resolve(deep["urn:0"], deep).permissions) == MAX_GENERATIONS + 1
    deeper = chain(MAX_GENERATIONS + 1)
    with pytest.raises(LimitExceeded, match="generations"):
        resolve(deeper["urn:0"], deeper)
    wide = by_id(*(make(f"urn:{number}") for number in range(MAX_ANCESTORS + 1)))
    some = list(wide)[:MAX_ANCESTORS]
    assert len(resolve(make("urn:a", *some), wide).permissions) == MAX_ANCESTORS + 1
    with pytest.raises(LimitExceeded, match="parents"):
        resolve(make("urn:a", *wide), wide)


def test_rules_cannot_multiply_past_the_limit() -> None:
    targets = tuple(AssetRef(f"urn:t:{number}") for number in range(1000))
    rules = tuple(Permission(action=READ, assignee=PartyRef(f"urn:{n}")) for n in range(100))
    parent = make("urn:b", permissions=rules, common=Common(targets=targets))
    with pytest.raises(LimitExceeded, match=str(Count.RULES.value)):
        resolve(make("urn:a", "urn:b"), by_id(parent))


# -- properties -----------------------------------------------------------------------------


@over("order", list(permutations(("urn:b", "urn:c", "urn:d"))))
def test_the_order_of_parents_means_nothing(order: tuple[str, ...]) -> None:
    parents = by_id(
        make("urn:b", "urn:c", common=Common(targets=(AssetRef("urn:x"), AssetRef("urn:y")))),
        make("urn:c", conflict=Conflict.PERM, common=Common(assignees=(PartyRef("urn:z"),))),
        make("urn:d", profiles=(PROFILE,), assigner=PartyRef("urn:o")),
    )
    child = make("urn:a", "urn:b", "urn:c", "urn:d")
    assert resolve(replace(child, inherits=order), parents) == resolve(child, parents)


@settings(max_examples=20, suppress_health_check=[HealthCheck.too_slow])
@given(whole_policies, whole_policies, whole_policies)
def test_the_child_keeps_the_rules_of_all_its_parents(
    child: Policy, first: Policy, second: Policy
) -> None:
    one = replace(first, id="urn:1", inherits=(), replaced_by="")
    two = replace(second, id="urn:2", inherits=(), replaced_by="")
    try:
        found = resolve(replace(child, id="urn:0", inherits=("urn:1", "urn:2")), by_id(one, two))
    except OdrlError as exc:
        pytest.fail(str(exc))
    acts = {(type(rule), rule.action.id) for item in (child, one, two) for _, rule in item.rules()}
    assert {(type(rule), rule.action.id) for _, rule in found.rules()} == acts
    turned = replace(child, id="urn:0", inherits=("urn:2", "urn:1"))
    assert resolve(turned, by_id(two, one)) == found


@given(st.data())
def test_random_families_end_in_an_answer(data: st.DataObject) -> None:
    names = [f"urn:{number}" for number in range(6)]
    policies = by_id(
        *(
            make(name, *data.draw(st.lists(st.sampled_from([*names, "urn:none"]), max_size=2)))
            for name in names
        )
    )
    try:
        found = resolve(policies["urn:0"], policies)
    except Unresolvable:
        return
    assert len(found.permissions) <= len(names)
    assert not found.inherits
