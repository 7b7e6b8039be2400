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
    Layer,
    LimitExceeded,
    Operator,
    Permission,
    Policy,
    Prohibition,
    Request,
    compare,
    evaluate,
    layer,
)
from policies_odrl.comparison.layers import AUTHORITY, CHARTER, OFFER, TERMS
from policies_odrl.comparison.meet import MAX_WORK, meet, work
from policies_odrl.comparison.relation import Relation
from policies_odrl.model import ODRL, Condition
from policies_odrl.vocabulary import DPV
from tests.support.policies import amount, name_is, one_rule, purpose

PERCENT = ODRL + "percentage"
BAN = Prohibition(action=Action(ODRL + "print"))
TELL = Duty(action=Action(ODRL + "inform"))
READ = Request(ODRL + "read", "urn:p", "urn:a")


def percent(value: str) -> Constraint:
    return amount(PERCENT, value)


def grants(policy: Policy | None, request: Request = READ) -> bool:
    return policy is not None and evaluate(policy, request, tentative=True).granted


# -- the greatest common policy -------------------------------------------------------------


@pytest.mark.parametrize(
    "change", [{"inherits": ("urn:x",)}, {"replaced_by": "urn:x"}, {"profiles": ("urn:x",)}]
)
def test_what_decides_nothing_has_nothing_in_common(change: dict[str, object]) -> None:
    assert meet(one_rule("use"), replace(one_rule("use"), **change)) is None
    assert meet(one_rule("use"), one_rule("use")) is not None


def test_too_many_pairs_are_refused() -> None:
    many = replace(one_rule("read"), permissions=one_rule("read").permissions * 160)
    assert work(many, many) > MAX_WORK
    with pytest.raises(LimitExceeded):
        meet(many, many)
    long = one_rule("read", *(percent(str(value)) for value in range(MAX_WORK // 2)))
    assert work(long, long) > MAX_WORK
    with pytest.raises(LimitExceeded):
        meet(long, long)


def test_proofs_that_stand_beside_one_another_keep_their_own_lists() -> None:
    def measure(name: str) -> Constraint:
        return Constraint(DPV + "hasTechnicalMeasure", Operator.IS_ANY_OF, (Iri(DPV + name),))

    items = (measure("Anonymisation"), measure("Pseudonymisation"))
    found = meet(one_rule("read", items[0]), one_rule("read", items[1]))
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
