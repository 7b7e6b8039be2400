"""Evaluation beyond the decision cases: collections, duties, events, units, modes, vocabulary."""

from __future__ import annotations

import csv
import os
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

import policies_odrl
from policies_odrl import (
    Action,
    Conflict,
    Connective,
    Constraint,
    Facts,
    Iri,
    Knowledge,
    Literal,
    LogicalConstraint,
    Mode,
    Operator,
    PartyRef,
    Policy,
    PolicyKind,
    Prohibition,
    Request,
    Truth,
    evaluate,
)
from policies_odrl.concepts import purposes, wider_concepts
from policies_odrl.evaluation.operands import check
from policies_odrl.model import ODRL, XSD
from policies_odrl.vocabulary import (
    ACTIONS,
    ALLOWED,
    INCLUDED_IN,
    OPERANDS,
    ROLES,
    SAME_ACTION,
    Kind,
    Operand,
    closure,
    implied_actions,
    wider_actions,
)
from tests.support.policies import name_is, one_rule, purpose, until

READ = one_rule("read")
RULE = READ.permissions[0]
ASK = Request(ODRL + "read", "urn:example:alice", "urn:example:a")


def granted(policy: Policy, request: Request = ASK, facts: Facts | None = None) -> bool:
    return evaluate(policy, request, facts or Facts()).granted


# -- what a policy as a whole says ----------------------------------------------------------


def test_unusable_policies_grant_nothing_and_say_why() -> None:
    for changes, part in (
        ({"profiles": ("https://example.org/p",)}, "profile"),
        ({"kind": PolicyKind.OFFER}, "Offer grants nothing"),
        ({"kind": PolicyKind.REQUEST}, "Request grants nothing"),
        ({"replaced_by": "urn:new"}, "replaced by `urn:new`"),
        ({"inherits": ("urn:parent",)}, "not resolved"),
    ):
        decision = evaluate(replace(READ, **changes), ASK)
        assert not decision.granted
        assert part in decision.reasons[0]
    assert evaluate(replace(READ, kind=PolicyKind.OFFER), ASK, tentative=True).granted
    assert granted(READ)


def test_a_profile_that_is_known_does_not_stop() -> None:
    policy = replace(READ, profiles=("https://example.org/p",))
    known = Knowledge(profiles=frozenset({"https://example.org/p"}))
    assert granted(policy, facts=Facts(knowledge=known))
    assert not granted(policy)


def test_a_rule_about_any_action_is_known_to_the_suite_alone() -> None:
    anything = replace(READ, permissions=(replace(RULE, action=Action("")),))
    decision = evaluate(anything, ASK)
    assert not decision.granted
    assert "names no action" in decision.reasons[0]
    assert evaluate(anything, ASK, mode=Mode.SUITE).granted


def test_notes_of_parts_are_told_once() -> None:
    both = LogicalConstraint(
        Connective.AND, (purpose("Marketing"), purpose("AcademicResearch"), until("2026-01-01"))
    )
    decision = evaluate(one_rule("read", both), ASK, Facts(now=datetime(2025, 1, 1, tzinfo=UTC)))
    result = decision.rules[0].constraints[0]
    assert result.note == "no value was given"
    assert result.operand == ""
    assert result.given == ""
    assert result.line.endswith(": no value was given")
    assert decision.rules[0].conditions == decision.rules[0].constraints
    assert [item.operand for item in decision.rules[0].premises] == ["action", "assignee", "target"]


def test_who_does_not_say_who_asks_is_told_so() -> None:
    decision = evaluate(replace(READ, assignee=PartyRef("urn:bob")), Request(ODRL + "read"))
    premise = decision.rules[0].premises[1]
    assert (premise.text, premise.given) == ("assignee urn:bob", "none")
    assert decision.reasons == ("assignee urn:bob: cannot tell whether this assignee is meant",)


# -- knowledge ------------------------------------------------------------------------------


def test_terms_that_are_given_are_known() -> None:
    mood = Operand("urn:example:mood", Kind.IDENTITY, frozenset({Operator.EQ}))
    known = Knowledge(
        operands={"urn:example:mood": mood},
        actions={
            "urn:example:skim": ("urn:example:glance",),
            "urn:example:glance": (ODRL + "read", ODRL + "write"),
            ODRL + "read": ("urn:example:glance",),  # a circle ends
        },
    )
    happy = name_is("urn:example:mood", "urn:example:happy")
    skim = replace(ASK, action="urn:example:skim", facts={happy.left: ("urn:example:happy",)})
    policy = one_rule("use", happy)
    assert granted(policy, skim, Facts(knowledge=known))
    assert not granted(policy, skim)
    assert evaluate(policy, skim).missing == ()
    assert known.wider_actions("urn:example:skim") >= {ODRL + "use", ODRL + "modify"}
    ban = Prohibition(action=Action("urn:example:skim"))
    wide = replace(one_rule("read"), prohibitions=(ban,), conflict=Conflict.PROHIBIT)
    assert not granted(wide, ASK, Facts(knowledge=known))
    absent = evaluate(policy, replace(skim, facts={}), Facts(knowledge=known))
    assert absent.missing == ("urn:example:mood",)


# -- operands -------------------------------------------------------------------------------


def truth(constraint: Constraint, *values: object, **known: object) -> Truth:
    return check(constraint, tuple(values), Knowledge(**known))[0]  # type: ignore[arg-type]


def test_values_by_reference() -> None:
    listed = Constraint(ODRL + "purpose", Operator.IS_ANY_OF, (), reference=("urn:list",))
    research = purpose("AcademicResearch").right[0]
    assert truth(listed, research) is Truth.UNDETERMINED
    assert truth(listed, research, references={"urn:list": (research,)}) is Truth.TRUE
    two = replace(listed, reference=("urn:list", "urn:other"))
    assert truth(two, research, references={"urn:list": (research,)}) is Truth.UNDETERMINED


def test_places_lie_in_one_another() -> None:
    wholes = {"urn:paris": ("urn:france",), "urn:france": ("urn:europe",), "urn:usa": ()}
    inside = name_is(ODRL + "spatial", "urn:europe", "isPartOf")
    assert truth(inside, "urn:paris", wholes=wholes) is Truth.TRUE
    assert truth(inside, "urn:usa", wholes=wholes) is Truth.FALSE
    assert truth(inside, "urn:atlantis", wholes=wholes) is Truth.UNDETERMINED
    contains = name_is(ODRL + "spatial", "urn:paris", "hasPart")
    assert truth(contains, "urn:europe", wholes=wholes) is Truth.TRUE
    assert truth(contains, "urn:usa", wholes=wholes) is Truth.FALSE
    equal = name_is(ODRL + "spatial", "urn:france")
    assert truth(equal, "urn:usa", wholes=wholes) is Truth.FALSE
    assert truth(equal, "urn:FR", wholes=wholes) is Truth.UNDETERMINED
    assert truth(equal, "urn:FR", wholes=wholes, closed=True) is Truth.FALSE


def test_classes_of_names() -> None:
    broader = {"urn:acme": ("urn:Company",), "urn:Company": (), "urn:school": ("urn:Public",)}
    company = name_is(ODRL + "recipient", "urn:Company", "isA")
    assert truth(company, "urn:acme", broader=broader) is Truth.TRUE
    assert truth(company, "urn:school", broader=broader) is Truth.FALSE
    assert truth(company, "urn:unknown", broader=broader) is Truth.UNDETERMINED
    listed = name_is(ODRL + "recipient", "urn:Company", "isAnyOf")
    assert truth(listed, "urn:acme", broader=broader) is Truth.TRUE
    assert truth(listed, "urn:school", broader=broader) is Truth.FALSE
    assert truth(listed, "urn:unknown", broader=broader) is Truth.UNDETERMINED
    assert truth(listed, "urn:unknown") is Truth.FALSE  # no hierarchy says that it is a class


def test_a_given_hierarchy_joins_the_built_in_one() -> None:
    broader = {"urn:study": (purpose("AcademicResearch").right[0].value,)}  # type: ignore[union-attr]
    research = purpose("ResearchAndDevelopment")
    assert truth(research, "urn:study", broader=broader) is Truth.TRUE
    assert truth(purpose("Marketing"), "urn:study", broader=broader) is Truth.FALSE


def test_lists_of_numbers() -> None:
    some = Constraint(
        ODRL + "percentage",
        Operator.IS_ANY_OF,
        (Literal("1", XSD + "decimal"), Literal("2", XSD + "decimal")),
    )
    assert truth(some, 2) is Truth.TRUE
    assert truth(some, 3) is Truth.FALSE
    assert truth(replace(some, operator=Operator.IS_NONE_OF), 3) is Truth.TRUE
    assert truth(replace(some, operator=Operator.IS_NONE_OF), 2, 3) is Truth.UNDETERMINED
    assert truth(replace(some, operator=Operator.IS_ALL_OF), 1, 2, 3) is Truth.TRUE
    assert truth(replace(some, operator=Operator.IS_ALL_OF), 1) is Truth.FALSE


def test_a_number_against_several_bounds_is_undetermined() -> None:
    bounds = (Literal("1", XSD + "decimal"), Literal("2", XSD + "decimal"))
    both = Constraint(ODRL + "percentage", Operator.LTEQ, bounds)
    assert truth(both, 1) is Truth.UNDETERMINED


def test_events_have_no_order_of_their_own() -> None:
    assert truth(name_is(ODRL + "event", "urn:games"), "urn:games") is Truth.TRUE
    assert truth(name_is(ODRL + "event", "urn:games", "gt"), "urn:games") is Truth.UNDETERMINED


def test_names_that_are_no_names() -> None:
    assert truth(name_is(ODRL + "recipient", ""), "urn:a") is Truth.UNDETERMINED
    assert truth(name_is(ODRL + "recipient", "urn:a"), "") is Truth.UNDETERMINED


def test_an_operand_of_nobody_is_undetermined() -> None:
    found, note = check(
        Constraint("urn:operand", Operator.EQ, (Iri("urn:a"),)), ("urn:a",), Knowledge()
    )
    assert found is Truth.UNDETERMINED
    assert "`urn:operand`" in note


def test_membership_in_one_of_several_spaces_is_enough() -> None:
    member = name_is("membership", "urn:space")
    assert truth(member, "urn:other", "urn:space") is Truth.TRUE
    assert truth(member, "urn:other") is Truth.FALSE
    assert truth(replace(member, operator=Operator.NEQ), "urn:other", "urn:space") is Truth.FALSE


# -- vocabulary -----------------------------------------------------------------------------


def test_use_includes_reading_and_not_selling() -> None:
    assert ODRL + "use" in wider_actions(ODRL + "display")
    assert ODRL + "use" not in wider_actions(ODRL + "sell")
    assert wider_actions(ODRL + "sell") <= implied_actions(ODRL + "sell")


def test_a_shared_ancestor_is_found_once() -> None:
    graph = {"a": ("b", "c"), "b": ("d",), "c": ("d",), "d": ("a",)}
    assert closure("a", graph) == frozenset("abcd")


def test_purposes_form_a_graph_without_gaps() -> None:
    for item in purposes():
        assert item in wider_concepts(item)
        assert all(parent in purposes() for parent in purposes()[item])
    assert wider_concepts("urn:x:unknown") == frozenset()


def test_operands_name_operators_that_mean_something() -> None:
    for operand in OPERANDS.values():
        assert operand.usual <= ALLOWED[operand.kind]
        assert {key.split()[0] for key in operand.sentences} <= set(ALLOWED[operand.kind])


def test_rows_refer_to_rows_and_have_french_names() -> None:
    for row in (*OPERANDS.values(), *ACTIONS.values(), *ROLES.values()):
        assert row.names["fr"]
        assert not row.replaced_by or row.replaced_by in {*OPERANDS, *ACTIONS}
    for row in ACTIONS.values():
        assert {*row.included_in, *row.implies} <= set(ACTIONS)


def test_exports_are_sorted_and_there() -> None:
    assert policies_odrl.__all__ == sorted(policies_odrl.__all__)
    assert all(hasattr(policies_odrl, name) for name in policies_odrl.__all__)


@pytest.mark.reference
def test_purposes_are_those_of_the_vocabulary() -> None:
    folder = Path(os.environ["PREAU_REFERENCE"]) / "dpv"
    for name in ("dpv_purposes.csv", "sector_education_purposes.csv"):
        with (folder / name).open(encoding="utf-8") as file:
            rows = [row for row in csv.DictReader(file) if row["dpvtype"].endswith("#Purpose")]
        assert rows
        for row in rows:
            broader = {item for item in row["hasbroader"].split(";") if item}
            assert set(purposes()[row["iri"]]) == broader


@pytest.mark.reference
def test_terms_are_those_of_the_vocabulary() -> None:
    text = (Path(os.environ["PREAU_REFERENCE"]) / "odrl" / "w3c" / "ODRL22.ttl").read_text("utf-8")
    for term in (*INCLUDED_IN, *SAME_ACTION, *OPERANDS):
        if term.startswith(ODRL):
            assert f":{term.removeprefix(ODRL)}" in text
