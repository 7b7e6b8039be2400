"""Evaluation beyond the decision cases: collections, duties, events, units, modes, vocabulary."""

from __future__ import annotations

import csv
import os
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

import policies_odrl
from policies_odrl import (
    Action,
    AssetRef,
    Behaviour,
    Conflict,
    Connective,
    Constraint,
    Duty,
    DutyState,
    Facts,
    Iri,
    Knowledge,
    Literal,
    LogicalConstraint,
    Mode,
    Operator,
    PartyRef,
    Performed,
    Policy,
    PolicyKind,
    Prohibition,
    Request,
    Truth,
    evaluate,
)
from policies_odrl.evaluation.operands import check
from policies_odrl.model import ODRL, XSD
from policies_odrl.vocabulary import (
    INCLUDED_IN,
    OPERANDS,
    SAME_ACTION,
    Kind,
    Operand,
    closure,
    implied_actions,
    known_action,
    purposes,
    wider_actions,
    wider_purposes,
)
from tests.support.policies import amount, name_is, one_rule, purpose, until

READ = one_rule("read")
RULE = READ.permissions[0]
ASK = Request(ODRL + "read", "urn:example:alice", "urn:example:a")
NOW = datetime(2026, 6, 1, tzinfo=UTC)


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


def test_the_nearest_permission_gives_the_reasons() -> None:
    far = replace(RULE, assignee=PartyRef("urn:example:bob"), constraints=(until("2020-01-01"),))
    near = replace(RULE, constraints=(purpose("AcademicResearch"),))
    decision = evaluate(replace(READ, permissions=(far, near)), ASK, Facts(now=NOW))
    assert decision.reasons == ("purpose isAnyOf AcademicResearch: no value was given",)
    assert decision.missing == (ODRL + "purpose",)


def test_missing_facts_of_rules_that_do_not_concern_the_request_are_not_asked_for() -> None:
    other = replace(RULE, action=Action(ODRL + "print"), constraints=(amount(ODRL + "count", "5"),))
    assert evaluate(replace(READ, permissions=(RULE, other)), ASK).missing == ()


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


def test_open_behaviour_has_to_be_asked_for() -> None:
    sell = Request(ODRL + "sell", "urn:example:alice", "urn:example:a")
    assert not granted(READ, sell)
    assert evaluate(READ, sell, behaviour=Behaviour.OPEN).granted
    ban = Prohibition(action=Action(ODRL + "transfer"))
    assert not evaluate(replace(READ, prohibitions=(ban,)), sell, behaviour=Behaviour.OPEN).granted
    # a permission that is about the request, and does not hold, is not nothing
    strict = one_rule("sell", purpose("AcademicResearch"))
    assert not evaluate(strict, sell, behaviour=Behaviour.OPEN).granted
    offer = replace(READ, kind=PolicyKind.OFFER)
    assert not evaluate(offer, sell, behaviour=Behaviour.OPEN).granted


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


def test_a_group_that_is_false_is_told_whole() -> None:
    neither = LogicalConstraint(
        Connective.XONE, (purpose("AcademicResearch"), purpose("AcademicResearch"))
    )
    stated = replace(ASK, facts={ODRL + "purpose": purpose("AcademicResearch").right})
    result = evaluate(one_rule("read", neither), stated).rules[0].constraints[0]
    assert result.line == result.text


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


# -- collections ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ref", "members", "truth"),
    [
        (PartyRef("urn:example:alice"), {}, True),
        (PartyRef("urn:example:team", collection=True), {}, False),
        (PartyRef("urn:example:team"), {}, False),
        (
            PartyRef("urn:example:team", collection=True),
            {"urn:example:team": frozenset({"urn:example:alice"})},
            True,
        ),
        (
            PartyRef("urn:example:team", collection=True),
            {"urn:example:team": frozenset({"urn:example:bob"})},
            False,
        ),
        (
            PartyRef("", source="urn:example:team"),
            {"urn:example:team": frozenset({"urn:example:alice"})},
            True,
        ),
        (PartyRef("urn:example:alice", source="urn:example:team"), {}, False),
        (
            PartyRef("urn:example:own", source="urn:example:team"),
            {"urn:example:own": frozenset({"urn:example:alice"})},
            True,
        ),
        (
            PartyRef("urn:example:own", source="urn:example:team"),
            {"urn:example:own": frozenset({"urn:example:bob"})},
            False,
        ),
    ],
)
def test_party_collections(ref: PartyRef, members: dict[str, frozenset[str]], truth: bool) -> None:  # noqa: FBT001
    assert granted(replace(READ, assignee=ref), facts=Facts(members=members)) is truth


def test_a_collection_has_the_members_of_its_own_iri_in_the_mode_of_the_suite() -> None:
    ref = PartyRef("urn:example:own", collection=True, source="urn:example:team")
    policy = replace(READ, assignee=ref)
    alice = frozenset({"urn:example:alice"})
    own, team = (
        Facts(members={"urn:example:own": alice}),
        Facts(members={"urn:example:team": alice}),
    )
    assert evaluate(policy, ASK, own, mode=Mode.SUITE).granted
    assert not evaluate(policy, ASK, team, mode=Mode.SUITE).granted
    assert evaluate(policy, ASK, team).granted
    # what refinements select from is the source, never the selection (IM 2.2.2)
    narrow = replace(ref, refinements=(name_is(ODRL + "recipient", "urn:example:x"),))
    stated = replace(ASK, facts={ODRL + "recipient": ("urn:example:x",)})
    assert evaluate(replace(READ, assignee=narrow), stated, team).granted
    assert not evaluate(replace(READ, assignee=narrow), stated, own).granted
    assert not evaluate(replace(READ, assignee=narrow), ASK, team).granted


def test_a_ban_for_a_collection_of_unknown_members_holds() -> None:
    team = PartyRef("urn:example:team", collection=True)
    ban = Prohibition(action=Action(ODRL + "read"), assignee=team)
    banned = replace(READ, prohibitions=(ban,), conflict=Conflict.PROHIBIT)
    assert not granted(banned)
    others = {"urn:example:team": frozenset({"urn:example:bob"})}
    assert granted(banned, facts=Facts(members=others))


def test_refinements_of_a_collection_are_conditions() -> None:
    adult = PartyRef(
        "", source="urn:example:team", refinements=(name_is(ODRL + "recipient", "urn:example:x"),)
    )
    known = Facts(members={"urn:example:team": frozenset({"urn:example:alice"})})
    policy = replace(READ, assignee=adult)
    assert not granted(policy, facts=known)
    stated = replace(ASK, facts={ODRL + "recipient": ("urn:example:x",)})
    assert granted(policy, stated, known)


def test_assets_are_matched_like_parties() -> None:
    shelf = replace(READ, target=AssetRef("urn:example:shelf", collection=True))
    assert not granted(shelf)
    assert granted(shelf, facts=Facts(members={"urn:example:shelf": frozenset({"urn:example:a"})}))
    assert not granted(shelf, replace(ASK, target=None))
    assert granted(shelf, replace(ASK, target="urn:example:shelf"))


# -- duties ---------------------------------------------------------------------------------


def with_duty(duty: Duty) -> Policy:
    return replace(READ, permissions=(replace(RULE, duties=(duty,)),))


PAY = Duty(action=Action(ODRL + "compensate"))
PAID = Performed(ODRL + "compensate", NOW, "urn:example:alice")


def test_states_of_a_duty() -> None:
    def state(duty: Duty, facts: Facts) -> tuple[DutyState | None, bool]:
        decision = evaluate(with_duty(duty), ASK, facts)
        result = decision.rules[0].duties[0]
        return result.state, decision.granted

    dated = replace(PAY, constraints=(until("2026-06-30T00:00:00Z"),))
    before = Facts(now=NOW)
    after = Facts(now=datetime(2026, 7, 1, tzinfo=UTC))
    assert state(PAY, before) == (DutyState.MISSING, False)
    assert state(PAY, Facts(now=NOW, performed=(PAID,))) == (DutyState.FULFILLED, True)
    assert state(dated, before) == (DutyState.DUE, True)
    assert state(dated, after) == (DutyState.VIOLATED, False)
    assert state(dated, Facts()) == (DutyState.UNDETERMINED, False)
    assert state(dated, replace(after, performed=(PAID,))) == (DutyState.FULFILLED, True)
    late = replace(PAID, at=datetime(2026, 6, 30, 1, tzinfo=UTC))
    assert state(dated, replace(after, performed=(late,))) == (DutyState.VIOLATED, False)
    broken = replace(PAY, constraints=(until("soon"),))
    assert state(broken, before) == (DutyState.UNDETERMINED, False)
    several = replace(
        PAY,
        constraints=(
            Constraint(
                ODRL + "dateTime",
                Operator.LTEQ,
                (Literal("2026-07-01", XSD + "date"), Literal("2026-08-01", XSD + "date")),
            ),
        ),
    )
    assert state(several, before) == (DutyState.UNDETERMINED, False)
    strict = replace(PAY, constraints=(until("2026-06-02", "lt"),))
    assert state(strict, Facts(now=datetime(2026, 6, 2, 1, tzinfo=UTC)))[0] is DutyState.VIOLATED


def test_a_duty_after_the_use_is_due() -> None:
    soon = Duty(
        action=Action(ODRL + "delete"),
        constraints=(
            Constraint(ODRL + "elapsedTime", Operator.LTEQ, (Literal("P30D", XSD + "duration"),)),
        ),
    )
    decision = evaluate(with_duty(soon), ASK, Facts(now=NOW))
    assert decision.granted
    assert [item.path for item in decision.due] == ["/permission/0/duty/0"]
    assert not granted(with_duty(soon))


def test_an_act_of_another_party_or_of_unknown_party_does_not_pay_for_alice() -> None:
    bob = replace(PAID, party="urn:example:bob")
    named = replace(PAY, assignee=PartyRef("urn:example:alice"))
    assert not granted(with_duty(named), facts=Facts(now=NOW, performed=(bob,)))
    assert granted(with_duty(named), facts=Facts(now=NOW, performed=(PAID,)))


def test_a_duty_that_cannot_be_judged_blocks() -> None:
    judged = replace(PAY, constraints=(amount(ODRL + "percentage", "5", "gteq"),))
    facts = Facts(now=NOW, performed=(PAID,))
    decision = evaluate(with_duty(judged), ASK, facts)
    assert not decision.granted
    assert decision.rules[0].duties[0].state is DutyState.UNDETERMINED
    stated = replace(PAID, facts={ODRL + "percentage": (Decimal(5),)})
    assert granted(with_duty(judged), facts=replace(facts, performed=(stated,)))


def test_only_a_violation_blocks_in_the_mode_of_the_suite() -> None:
    dated = replace(PAY, constraints=(until("2026-06-30T00:00:00Z"),))
    assert evaluate(with_duty(PAY), ASK, mode=Mode.SUITE).granted
    late = Facts(now=datetime(2026, 7, 1, tzinfo=UTC))
    assert not evaluate(with_duty(dated), ASK, late, mode=Mode.SUITE).granted


def test_obligations_are_reported_and_do_not_block() -> None:
    policy = replace(READ, obligations=(PAY,))
    decision = evaluate(policy, ASK, Facts(now=NOW))
    assert decision.granted
    assert [(item.path, item.state) for item in decision.due] == [
        ("/obligation/0", DutyState.MISSING)
    ]
    assert evaluate(policy, ASK, Facts(now=NOW, performed=(PAID,))).due == ()


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


def test_a_deprecated_operand_takes_the_value_of_its_successor() -> None:
    policy = one_rule("read", name_is(ODRL + "device", "urn:a"))
    assert granted(policy, replace(ASK, facts={ODRL + "systemDevice": ("urn:a",)}))
    assert granted(policy, replace(ASK, facts={ODRL + "device": ("urn:a",)}))


def test_a_logical_constraint_that_fails_as_a_whole_is_named() -> None:
    both = LogicalConstraint(
        Connective.XONE, (purpose("AcademicResearch"), purpose("ResearchAndDevelopment"))
    )
    stated = replace(ASK, facts={ODRL + "purpose": purpose("AcademicResearch").right})
    decision = evaluate(one_rule("read", both), stated)
    assert not decision.granted
    assert decision.reasons[0].startswith("xone(")


def test_a_sequence_of_one_is_just_that() -> None:
    one = LogicalConstraint(Connective.AND_SEQUENCE, (purpose("AcademicResearch"),))
    stated = replace(ASK, facts={ODRL + "purpose": purpose("AcademicResearch").right})
    assert granted(one_rule("read", one), stated)


# -- vocabulary -----------------------------------------------------------------------------


def test_deprecated_actions_are_what_replaces_them() -> None:
    for old, new in SAME_ACTION.items():
        assert known_action(old)
        assert known_action(new)
        assert granted(one_rule(new), Request(old))
        assert granted(one_rule(old), Request(new))


def test_use_includes_reading_and_not_selling() -> None:
    assert ODRL + "use" in wider_actions(ODRL + "display")
    assert ODRL + "use" not in wider_actions(ODRL + "sell")
    assert wider_actions(ODRL + "sell") <= implied_actions(ODRL + "sell")


def test_a_shared_ancestor_is_found_once() -> None:
    graph = {"a": ("b", "c"), "b": ("d",), "c": ("d",), "d": ("a",)}
    assert closure("a", graph) == frozenset("abcd")


def test_purposes_form_a_graph_without_gaps() -> None:
    for item in purposes():
        assert item in wider_purposes(item)
        assert all(parent in purposes() for parent in purposes()[item])
    assert wider_purposes("urn:x:unknown") == frozenset()


def test_operands_name_operators_that_mean_something() -> None:
    for operand in OPERANDS.values():
        assert operand.usual <= policies_odrl.vocabulary.ALLOWED[operand.kind]


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
