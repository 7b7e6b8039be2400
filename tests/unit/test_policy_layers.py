"""The greatest common policy, layers of conditions, and how two policies relate."""

from __future__ import annotations

from dataclasses import replace

import pytest

from policies_odrl import (
    Action,
    AssetRef,
    Conflict,
    Constraint,
    Duty,
    Iri,
    Knowledge,
    Layer,
    LimitExceeded,
    Operator,
    PartyRef,
    Permission,
    Policy,
    PolicyKind,
    Prohibition,
    Request,
    compare,
    evaluate,
    layer,
)
from policies_odrl.comparison.greatest import greatest_common
from policies_odrl.comparison.layers import AUTHORITY, CHARTER, OFFER, TERMS
from policies_odrl.comparison.meeting import MAX_WORK, common_actions, work
from policies_odrl.comparison.narrow import meet
from policies_odrl.comparison.relation import Relation
from policies_odrl.model import ODRL, Condition
from policies_odrl.vocabulary import DPV
from tests.support.policies import amount, name_is, one_rule, purpose, until

PERCENT = ODRL + "percentage"
BAN = Prohibition(action=Action(ODRL + "print"))
TELL = Duty(action=Action(ODRL + "inform"))
READ = Request(ODRL + "read", "urn:p", "urn:a")


def percent(value: str) -> Constraint:
    return amount(PERCENT, value)


def grants(policy: Policy | None, request: Request = READ) -> bool:
    return policy is not None and evaluate(policy, request, tentative=True).granted


# -- the greatest common policy -------------------------------------------------------------


def test_what_all_rules_name_alike_is_said_once() -> None:
    mine = replace(one_rule("read"), target=AssetRef("urn:a"), obligations=(TELL,))
    found = greatest_common(mine, replace(one_rule("use"), assignee=PartyRef("urn:p")))
    assert found is not None
    assert found.target == AssetRef("urn:a")
    assert found.permissions[0].target is None
    assert found.permissions[0].assignee == PartyRef("urn:p")  # not the obligation's
    assert found.assignee is None
    assert grants(found)
    assert not grants(found, replace(READ, target="urn:b"))
    assert not grants(found, replace(READ, assignee="urn:q"))


def test_each_policys_prohibitions_hold_unless_its_permissions_win() -> None:
    banned = replace(one_rule("use"), prohibitions=(BAN,), conflict=Conflict.PROHIBIT)
    void = replace(banned, conflict=None)
    free = replace(banned, conflict=Conflict.PERM)
    found = {
        name: greatest_common(left, right)
        for name, (left, right) in {
            "both": (banned, void),
            "one": (banned, free),
            "other": (free, banned),
            "none": (free, free),
            "no conflict": (one_rule("use"), free),
        }.items()
    }
    prints = Request(ODRL + "print", "urn:p", "urn:a")
    assert {name: grants(policy, prints) for name, policy in found.items()} == {
        "both": False,
        "one": False,
        "other": False,
        "none": True,
        "no conflict": True,
    }
    assert found["both"] is not None
    assert found["both"].conflict is None
    assert found["one"] is not None
    assert found["one"].conflict is Conflict.PROHIBIT
    assert found["none"] is not None
    assert found["none"].conflict is Conflict.PERM


def test_who_grants_plays_no_part() -> None:
    mine = replace(one_rule("read"), assigner=PartyRef("urn:authority"))
    found = greatest_common(mine, replace(one_rule("use"), assigner=PartyRef("urn:school")))
    assert found is not None
    assert found.assigner == PartyRef("urn:authority")


@pytest.mark.parametrize(
    "change", [{"inherits": ("urn:x",)}, {"replaced_by": "urn:x"}, {"profiles": ("urn:x",)}]
)
def test_what_decides_nothing_has_nothing_in_common(change: dict[str, object]) -> None:
    assert greatest_common(one_rule("use"), replace(one_rule("use"), **change)) is None
    assert greatest_common(one_rule("use"), one_rule("use")) is not None


def test_an_agreement_grants_those_that_it_names() -> None:
    nobody = replace(one_rule("read"), kind=PolicyKind.AGREEMENT)
    assert greatest_common(nobody, one_rule("use")) is None
    assert greatest_common(replace(nobody, assignee=PartyRef("urn:p")), one_rule("use")) is not None


def test_too_many_pairs_are_refused() -> None:
    many = replace(one_rule("read"), permissions=one_rule("read").permissions * 160)
    assert work(many, many) > MAX_WORK
    with pytest.raises(LimitExceeded):
        greatest_common(many, many)
    long = one_rule("read", *(percent(str(value)) for value in range(MAX_WORK // 2)))
    assert work(long, long) > MAX_WORK
    assert meet(long, long) is None


def test_actions_and_concepts_from_knowledge_are_met() -> None:
    known = Knowledge(actions={"urn:both": (ODRL + "play", ODRL + "print")})
    assert common_actions(ODRL + "play", ODRL + "print", known) == ("urn:both",)
    assert common_actions(ODRL + "play", ODRL + "archive", known) == ()
    found = greatest_common(one_rule("play"), one_rule("print"), known)
    assert found is not None
    assert found.permissions[0].action.id == "urn:both"
    study = Knowledge(broader={"urn:study": (DPV + "AcademicResearch", DPV + "Marketing")})
    lists = (one_rule("read", purpose("AcademicResearch")), one_rule("read", purpose("Marketing")))
    assert greatest_common(*lists) is None
    met = greatest_common(*lists, study)
    assert met is not None
    assert met.permissions[0].constraints == (purpose("urn:study"),)


def test_proofs_that_stand_beside_one_another_keep_their_own_lists() -> None:
    def measure(name: str) -> Constraint:
        return Constraint(DPV + "hasTechnicalMeasure", Operator.IS_ANY_OF, (Iri(DPV + name),))

    items = (measure("Anonymisation"), measure("Pseudonymisation"))
    found = greatest_common(one_rule("read", items[0]), one_rule("read", items[1]))
    assert found is not None
    assert found.permissions[0].constraints == items
    both = tuple(value for item in items for value in item.right)
    assert grants(found, replace(READ, facts={DPV + "hasTechnicalMeasure": both}))


# -- layers ---------------------------------------------------------------------------------


def stack(*policies: Policy) -> list[Layer]:
    return [
        Layer(name, it)
        for name, it in zip((AUTHORITY, CHARTER, OFFER, TERMS), policies, strict=False)
    ]


def test_the_strictest_wins_and_each_condition_names_its_layers() -> None:
    ruled = replace(
        one_rule("use", purpose("ResearchAndDevelopment")),
        prohibitions=(BAN,),
        conflict=Conflict.PROHIBIT,
    )
    charter = one_rule("use", percent("50"), purpose("AcademicResearch"))
    rule = Permission(action=Action(ODRL + "read"), constraints=(percent("20"),), duties=(TELL,))
    offer = replace(one_rule("read"), permissions=(rule,), obligations=(TELL,))
    found = layer(*stack(ruled, charter, offer, one_rule("read", percent("80"))))
    assert found
    assert found.empty_at == ""
    assert [item.line for item in found.stated] == [
        "/permission/0/action: read (offer, terms)",
        "/permission/0/constraint/0: purpose isAnyOf AcademicResearch (charter)",
        "/permission/0/constraint/1: percentage lteq 20 (offer)",
        "/permission/0/duty/0: inform (offer)",
        "/prohibition/0: print (authority)",
        "/obligation/0: inform (offer)",
    ]
    assert found.stated[1].said("fr") == (
        "la finalité est « recherche universitaire », cas particuliers compris "
        "(demandé par : charter)"
    )
    assert "asked for by: offer" in found.stated[2].said("en")
    assert ("terms", PERCENT) in {(name, gap.attribute) for name, gap in found.overruled}
    assert not layer(*stack(ruled)).overruled


def test_a_signed_template_is_not_weakened_by_what_comes_after() -> None:
    signed = replace(
        one_rule("use", percent("20")), prohibitions=(BAN,), conflict=Conflict.PROHIBIT
    )
    wider = replace(one_rule("use"), conflict=Conflict.PERM)
    merged = layer(*stack(signed, wider)).policy
    prints = Request(ODRL + "print", facts={PERCENT: (5,)})
    reads = Request(ODRL + "read", facts={PERCENT: (5,)})
    assert grants(wider, prints)
    assert not grants(merged, prints)
    assert grants(merged, reads)
    assert not grants(merged, replace(reads, facts={PERCENT: (21,)}))
    assert merged.conflict is Conflict.PROHIBIT


def test_layers_without_anything_in_common_grant_nothing_but_still_prohibit() -> None:
    ruled = replace(one_rule("print"), prohibitions=(BAN,), obligations=(TELL,))
    found = layer(*stack(ruled, one_rule("read"), one_rule("use")))
    assert not found
    assert found.empty_at == CHARTER
    assert found.policy.permissions == ()
    assert (found.policy.prohibitions, found.policy.obligations) == ((BAN,), (TELL,))
    assert layer(*stack(one_rule("read"), one_rule("use"), one_rule("print"))).empty_at == OFFER
    assert not layer()
    replaced = replace(one_rule("read"), replaced_by="urn:x")
    assert layer(*stack(replaced)).empty_at == AUTHORITY
    assert layer(*stack(replaced, one_rule("use"))).empty_at == AUTHORITY


def test_a_list_met_from_several_names_all_of_them() -> None:
    found = layer(
        *stack(
            one_rule("read", purpose("ResearchAndDevelopment")),
            one_rule("read", purpose("CommercialPurpose")),
        )
    )
    assert found.stated[1].layers == (AUTHORITY, CHARTER)


def test_refinements_name_their_layers() -> None:
    refined = Action(ODRL + "read", (percent("5"),))
    offer = replace(one_rule("read"), permissions=(Permission(action=refined),))
    found = layer(*stack(one_rule("use"), offer))
    assert found.stated[1].path == "/permission/0/action/odrl:refinement/0"
    assert found.stated[1].layers == (CHARTER,)


# -- how two policies relate ----------------------------------------------------------------


def rules(*items: Condition) -> Policy:
    return one_rule("read", *items)


@pytest.mark.parametrize(
    ("left", "right", "relation"),
    [
        (rules(percent("5")), rules(percent("5.0")), Relation.EQUIVALENT),
        (rules(percent("5")), rules(percent("9")), Relation.WITHIN),
        (one_rule("use"), one_rule("read"), Relation.CONTAINS),
        (rules(percent("5")), rules(name_is("dpia", "urn:d")), Relation.OVERLAPPING),
        (rules(until("2026-01-01")), rules(until("2027-01-01", "gt")), Relation.DISJOINT),
        (rules(purpose("Marketing")), rules(purpose("AcademicResearch")), Relation.DISJOINT),
        (
            replace(rules(), target=AssetRef("urn:a")),
            replace(rules(), target=AssetRef("urn:b")),
            Relation.DISJOINT,
        ),
    ],
)
def test_relations(left: Policy, right: Policy, relation: Relation) -> None:
    found = compare(left, right)
    assert found.relation is relation
    if relation is Relation.OVERLAPPING:
        assert found.shared is not None
        assert grants(left, found.shared)
        assert grants(right, found.shared)
    else:
        assert found.shared is None
    assert (found.common is None) is (relation is Relation.DISJOINT)


def test_what_cannot_be_told_is_unknown_with_the_fact() -> None:
    groups = [
        replace(rules(), target=AssetRef(name, collection=True)) for name in ("urn:a", "urn:b")
    ]
    found = compare(*groups)
    assert found.relation is Relation.UNKNOWN
    assert found.missing == ("whether `urn:a` and `urn:b` share anything",)
    parent = replace(rules(), inherits=("urn:x",))
    assert compare(parent, rules()).missing == (
        "what `urn:x` says, which `urn:example:policy` inherits",
    )
    wide = [percent(str(value)) for value in range(20)]
    many = replace(rules(), permissions=rules(*wide).permissions * 60)
    other = replace(rules(), permissions=rules(name_is("dpia", "urn:d")).permissions * 60)
    assert "pairs" in compare(many, other).missing[-1]
    never = rules(purpose("Purpose", operator="isNoneOf"), purpose("urn:study"))
    unmet = compare(never, rules(percent("5")))
    assert unmet.relation is Relation.UNKNOWN
    assert unmet.missing
