"""Full reports: every state of the Compliance Report Model, what we add to it, and the way down."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

import pytest

from connector.jsonld.turtle import turtle_bytes
from policies_odrl import (
    Action,
    AssetRef,
    Conflict,
    Connective,
    Constraint,
    Duty,
    DutyState,
    Facts,
    Iri,
    Literal,
    LogicalConstraint,
    Mode,
    Operator,
    PartyRef,
    Performed,
    Permission,
    Policy,
    PolicyKind,
    Prohibition,
    Quantity,
    Request,
    evaluate,
)
from policies_odrl.documents.sources import nodes_of as turtle_nodes
from policies_odrl.evaluation.acts import EVER
from policies_odrl.model import ODRL, XSD
from policies_odrl.vocabulary import DPV, PREAU
from tests.conformance.reports.down import down
from tests.conformance.reports.literals import instant
from tests.conformance.reports.nodes import PREFIXES, REPORT, report_nodes
from tests.conformance.reports.report import (
    Activation,
    Attempt,
    Control,
    Deontic,
    Performance,
    PolicyReport,
    PremiseKind,
    PremiseReport,
    ReportNames,
    RuleKind,
    RuleReport,
    Satisfaction,
)
from tests.conformance.reports.report_of import report, report_of
from tests.support.policies import purpose, until

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
ALICE, MARKS = "urn:example:alice", "urn:example:marks"
ASK = Request(ODRL + "read", ALICE, MARKS)
FACTS = Facts(now=NOW)
RESEARCH = replace(ASK, facts={ODRL + "purpose": (Iri(DPV + "AcademicResearch"),)})


def permission(**parts: object) -> Permission:
    whole = {
        "id": "urn:example:may",
        "action": Action(ODRL + "read"),
        "target": AssetRef(MARKS),
        "assignee": PartyRef(ALICE),
        **parts,
    }
    return Permission(**whole)  # type: ignore[arg-type]


def policy(*given: Permission | Prohibition | Duty, conflict: Conflict | None = None) -> Policy:
    about = AssetRef(MARKS)
    rules = [it if isinstance(it, Duty) else replace(it, target=it.target or about) for it in given]
    return Policy(
        kind=PolicyKind.SET,
        id="urn:example:policy",
        permissions=tuple(rule for rule in rules if isinstance(rule, Permission)),
        prohibitions=tuple(rule for rule in rules if isinstance(rule, Prohibition)),
        obligations=tuple(rule for rule in rules if isinstance(rule, Duty)),
        conflict=conflict,
    )


def only(found: PolicyReport) -> RuleReport:
    assert len(found.rules) == 1
    return found.rules[0]


def kinds(rule: RuleReport) -> list[tuple[PremiseKind, Satisfaction]]:
    return [(item.kind, item.satisfaction) for item in rule.premises]


def test_a_permission_that_grants_is_active_and_permits() -> None:
    found = report(policy(permission()), ASK, FACTS)
    rule = only(found)
    assert (rule.kind, rule.rule, rule.path) == (
        RuleKind.PERMISSION,
        "urn:example:may",
        "/permission/0",
    )
    assert (rule.activation, rule.attempt) == (Activation.ACTIVE, Attempt.ATTEMPTED)
    assert (rule.control, rule.deontic, rule.performance) == (Control.PERMIT, None, None)
    assert kinds(rule) == [
        (PremiseKind.TARGET, Satisfaction.SATISFIED),
        (PremiseKind.PARTY, Satisfaction.SATISFIED),
        (PremiseKind.ACTION, Satisfaction.SATISFIED),
    ]
    assert rule.premises[1].left == rule.premises[1].right == (Iri(ALICE),)
    assert found.verdict is not None
    assert found.verdict.control is Control.PERMIT
    assert found.created == Literal("2026-06-01T12:00:00Z", XSD + "dateTime")


def test_another_action_leaves_a_permission_active_in_the_draft_and_inactive_in_the_suite() -> None:
    asked = replace(ASK, action=ODRL + "print")
    draft = only(report(policy(permission()), asked, FACTS))
    suite = only(report(policy(permission()), asked, FACTS, mode=Mode.SUITE))
    assert (draft.activation, suite.activation) == (Activation.ACTIVE, Activation.INACTIVE)
    assert draft.control is suite.control is Control.DENY
    assert kinds(suite)[2] == (PremiseKind.ACTION, Satisfaction.UNSATISFIED)


def test_what_a_rule_does_not_name_is_not_reported() -> None:
    bare = permission(target=None, assignee=None)
    offer = Policy(kind=PolicyKind.OFFER, permissions=(bare,))
    found = only(report(offer, ASK, tentative=True))
    assert kinds(found) == [(PremiseKind.ACTION, Satisfaction.SATISFIED)]


def test_an_agreement_with_nobody_reports_that_it_binds_nobody() -> None:
    nobody = replace(policy(permission(assignee=None)), kind=PolicyKind.AGREEMENT)
    found = report(nobody, ASK)
    assert found.verdict is not None
    assert found.verdict.control is Control.DENY
    assert "must name" in found.verdict.reasons[0]


def test_a_missing_value_is_undetermined_and_named() -> None:
    ruled = policy(permission(constraints=(purpose("AcademicResearch"),)))
    missing = report(ruled, ASK, FACTS)
    given = report(ruled, RESEARCH, FACTS)
    constraint = only(missing).premises[-1]
    assert constraint.satisfaction is Satisfaction.UNDETERMINED
    assert (constraint.operand, constraint.left) == (ODRL + "purpose", ())
    assert constraint.missing
    assert only(missing).activation is Activation.INACTIVE
    assert missing.verdict is not None
    assert missing.verdict.missing == (ODRL + "purpose",)
    assert only(given).premises[-1].satisfaction is Satisfaction.SATISFIED
    assert only(given).premises[-1].left == (Iri(DPV + "AcademicResearch"),)
    assert only(given).premises[-1].missing == ""


@pytest.mark.parametrize("mode", list(Mode))
def test_a_prohibition_that_cannot_be_ruled_out_stays_active_and_one_that_can_does_not(
    mode: Mode,
) -> None:
    ban = Prohibition(action=Action(ODRL + "read"), constraints=(purpose("Marketing"),))
    unknown = only(report(policy(ban), ASK, FACTS, mode=mode))
    apart = only(report(policy(ban), RESEARCH, FACTS, mode=mode))
    assert (unknown.activation, unknown.deontic) == (Activation.ACTIVE, Deontic.NON_SET)
    assert apart.activation is Activation.INACTIVE
    assert (unknown.control, apart.control) == (Control.DENY, None)


def test_a_refinement_is_reported_below_what_it_refines_and_leaves_activation_alone() -> None:
    fine = Constraint(
        ODRL + "resolution",
        Operator.LTEQ,
        (Literal("300", XSD + "integer"),),
        unit="urn:example:dpi",
        id="urn:example:fine",
    )
    ruled = policy(permission(action=Action(ODRL + "print", (fine,))))

    def asked(value: str) -> Request:
        given = (Quantity(Decimal(value), "urn:example:dpi"),)
        return replace(ASK, action=ODRL + "print", facts={ODRL + "resolution": given})

    good, bad = only(report(ruled, asked("150"), FACTS)), only(report(ruled, asked("600"), FACTS))
    assert (good.activation, good.control) == (Activation.ACTIVE, Control.PERMIT)
    assert (bad.activation, bad.control) == (Activation.ACTIVE, Control.DENY)
    action = bad.premises[-1]
    assert (action.kind, action.satisfaction) == (PremiseKind.ACTION, Satisfaction.UNSATISFIED)
    assert [(item.constraint, item.satisfaction) for item in action.premises] == [
        ("urn:example:fine", Satisfaction.UNSATISFIED)
    ]
    unsaid = only(report(ruled, replace(ASK, action=ODRL + "print"), FACTS))
    assert unsaid.premises[-1].satisfaction is Satisfaction.UNDETERMINED


def test_a_logical_constraint_is_reported_with_all_its_parts() -> None:
    either = LogicalConstraint(
        Connective.OR, (until("2026-01-01T00:00:00Z"), until("2027-01-01T00:00:00Z"))
    )
    found = only(report(policy(permission(constraints=(either,))), ASK, FACTS)).premises[-1]
    assert (found.connective, found.operator, found.operand) == (Connective.OR, None, "")
    assert [item.satisfaction for item in found.premises] == [
        Satisfaction.UNSATISFIED,
        Satisfaction.SATISFIED,
    ]
    assert [item.path for item in found.all()] == [
        "/permission/0/constraint/0",
        "/permission/0/constraint/0/or/0",
        "/permission/0/constraint/0/or/1",
    ]


def test_a_reference_to_a_right_operand_is_what_is_compared_with() -> None:
    item = Constraint(ODRL + "purpose", Operator.EQ, (), reference=("urn:example:list",))
    found = only(report(policy(permission(constraints=(item,))), RESEARCH, FACTS))
    assert found.premises[-1].right == (Iri("urn:example:list"),)


# -- duties ----------------------------------------------------------------------

PAY = Duty(
    id="urn:example:pay",
    action=Action(
        ODRL + "compensate",
        (
            Constraint(
                ODRL + "payAmount", Operator.GTEQ, (Literal("5", XSD + "decimal"),), id="urn:e:fee"
            ),
        ),
    ),
)


def paid(amount: str, at: datetime = NOW - timedelta(hours=1)) -> Performed:
    return Performed(ODRL + "compensate", at, facts={ODRL + "payAmount": (Decimal(amount),)})


def duty_of(facts: Facts, duty: Duty = PAY, mode: Mode = Mode.W3C) -> RuleReport:
    rule = only(report(policy(permission(duties=(duty,))), ASK, facts, mode=mode))
    assert len(rule.conditions) == 1
    return rule.conditions[0]


def test_a_duty_that_was_done_is_fulfilled_and_lets_its_permission_be_active() -> None:
    facts = replace(FACTS, performed=(paid("5"),))
    rule = only(report(policy(permission(duties=(PAY,))), ASK, facts))
    duty = rule.conditions[0]
    assert (rule.activation, rule.control) == (Activation.ACTIVE, Control.PERMIT)
    assert (duty.activation, duty.performance, duty.deontic) == (
        Activation.ACTIVE,
        Performance.PERFORMED,
        Deontic.FULFILLED,
    )
    assert kinds(duty) == [(PremiseKind.ACTION, Satisfaction.SATISFIED)]
    assert duty.premises[0].premises[0].left == (Literal("5", XSD + "decimal"),)


def test_a_duty_of_which_nothing_is_known_is_not_set_and_its_action_unsatisfied() -> None:
    rule = only(report(policy(permission(duties=(PAY,))), ASK, FACTS))
    duty = rule.conditions[0]
    assert (rule.activation, rule.control) == (Activation.INACTIVE, Control.DENY)
    assert (duty.activation, duty.performance, duty.deontic) == (
        Activation.ACTIVE,
        Performance.UNKNOWN,
        Deontic.NON_SET,
    )
    action = duty.premises[0]
    assert action.satisfaction is Satisfaction.UNSATISFIED
    assert [(item.constraint, item.left) for item in action.premises] == [("urn:e:fee", ())]


def test_the_act_that_comes_nearest_is_shown_and_the_future_is_not() -> None:
    acts = (
        Performed(ODRL + "inform", NOW - timedelta(hours=3)),
        paid("2", NOW - timedelta(hours=2)),
        paid("1"),
        paid("9", NOW + timedelta(hours=1)),
    )
    duty = duty_of(replace(FACTS, performed=acts))
    assert duty.deontic is Deontic.NON_SET
    assert duty.premises[0].premises[0].left == (Literal("2", XSD + "decimal"),)


def test_without_a_time_every_act_is_looked_at_and_none_with_a_date_is_past() -> None:
    duty = duty_of(Facts(performed=(paid("9"),)))
    assert (duty.deontic, duty.missing) == (Deontic.NON_SET, "the time is not known")
    assert duty.premises[0].premises[0].left == (Literal("9", XSD + "decimal"),)
    whenever = paid("9", datetime.min.replace(tzinfo=UTC))
    assert duty_of(Facts(performed=(whenever,))).deontic is Deontic.FULFILLED


@pytest.mark.parametrize(
    ("state", "performance", "deontic"),
    [
        (DutyState.FULFILLED, Performance.PERFORMED, Deontic.FULFILLED),
        (DutyState.VIOLATED, Performance.UNPERFORMED, Deontic.VIOLATED),
        (DutyState.DUE, Performance.UNKNOWN, Deontic.NON_SET),
    ],
)
def test_what_the_world_records_is_the_outcome(
    state: DutyState, performance: Performance, deontic: Deontic
) -> None:
    facts = replace(FACTS, recorded={PAY.id: state}, performed=(paid("1"),))
    duty = duty_of(facts)
    assert (duty.performance, duty.deontic) == (performance, deontic)
    expected = Satisfaction.SATISFIED if state is DutyState.FULFILLED else Satisfaction.UNSATISFIED
    assert duty.premises[0].satisfaction is expected


def test_a_duty_whose_condition_does_not_hold_is_inactive_and_does_not_block() -> None:
    gated = replace(PAY, constraints=(purpose("Marketing"),))
    rule = only(report(policy(permission(duties=(gated,))), RESEARCH, FACTS))
    duty = rule.conditions[0]
    assert (duty.activation, duty.deontic) == (Activation.INACTIVE, Deontic.NON_SET)
    assert duty.premises[-1].satisfaction is Satisfaction.UNSATISFIED
    assert (rule.activation, rule.control) == (Activation.ACTIVE, Control.PERMIT)
    unknown = only(report(policy(permission(duties=(gated,))), ASK, FACTS))
    assert unknown.conditions[0].activation is Activation.ACTIVE
    assert unknown.conditions[0].missing
    assert unknown.control is Control.DENY


def test_only_a_violation_blocks_in_the_reading_of_the_suite() -> None:
    ruled = policy(permission(duties=(PAY,)))
    open_ = only(report(ruled, ASK, FACTS, mode=Mode.SUITE))
    broken = replace(FACTS, recorded={PAY.id: DutyState.VIOLATED})
    shut = only(report(ruled, ASK, broken, mode=Mode.SUITE))
    assert (open_.activation, shut.activation) == (Activation.ACTIVE, Activation.INACTIVE)


def test_a_consequence_is_active_once_its_duty_is_violated() -> None:
    late = Duty(id="urn:example:late-fee", action=Action(ODRL + "compensate"))
    duty = replace(PAY, constraints=(until("2026-05-01T00:00:00Z"),), consequences=(late,))
    due = duty_of(FACTS, duty)
    assert due.deontic is Deontic.VIOLATED
    assert [item.activation for item in due.consequences] == [Activation.ACTIVE]
    early = duty_of(Facts(now=datetime(2026, 4, 1, tzinfo=UTC)), duty)
    assert early.deontic is Deontic.NON_SET
    assert [item.activation for item in early.consequences] == [Activation.INACTIVE]


def test_obligations_are_reported_whatever_their_state() -> None:
    ruled = policy(permission(), replace(PAY, assignee=PartyRef(ALICE)))
    act = replace(paid("5"), party=ALICE)
    done = report(ruled, ASK, replace(FACTS, performed=(act,)))
    open_ = report(ruled, ASK, FACTS)
    assert [rule.kind for rule in done.rules] == [RuleKind.PERMISSION, RuleKind.DUTY]
    assert (done.rules[1].deontic, open_.rules[1].deontic) == (Deontic.FULFILLED, Deontic.NON_SET)
    assert done.rules[1].path == "/obligation/0"


def test_an_unseen_logical_refinement_is_reported_by_its_connective() -> None:
    either = LogicalConstraint(Connective.OR, (purpose("Marketing"), purpose("Advertising")))
    duty = duty_of(FACTS, Duty(action=Action(ODRL + "inform", (either,))))
    refined = duty.premises[0].premises[0]
    assert (refined.connective, refined.operator, refined.right) == (Connective.OR, None, ())


# -- prohibitions that were violated ---------------------------------------------


def test_an_act_against_a_prohibition_violates_it_and_calls_for_the_remedy() -> None:
    remedy = Duty(id="urn:example:undo", action=Action(ODRL + "delete"))
    ban = Prohibition(action=Action(ODRL + "archive"), assignee=PartyRef(ALICE), remedies=(remedy,))
    act = Performed(ODRL + "archive", NOW - timedelta(days=1), ALICE, MARKS)
    broken = only(report(policy(ban), ASK, replace(FACTS, performed=(act,))))
    kept = only(report(policy(ban), ASK, FACTS))
    assert (broken.performance, broken.deontic) == (Performance.PERFORMED, Deontic.VIOLATED)
    assert [item.activation for item in broken.consequences] == [Activation.ACTIVE]
    assert (kept.performance, kept.deontic) == (Performance.UNKNOWN, Deontic.NON_SET)
    assert [item.activation for item in kept.consequences] == [Activation.INACTIVE]


# -- verdict ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("conflict", "control", "void"),
    [
        (None, Control.DENY, True),
        (Conflict.PROHIBIT, Control.DENY, False),
        (Conflict.PERM, Control.PERMIT, False),
    ],
)
def test_the_verdict_names_the_conflict_and_the_strategy(
    conflict: Conflict | None, control: Control, *, void: bool
) -> None:
    ban = Prohibition(action=Action(ODRL + "read"))
    found = report(policy(permission(), ban, conflict=conflict), ASK, FACTS).verdict
    assert found is not None
    assert (found.control, found.void, found.contested) == (control, void, True)
    assert found.conflict is (conflict or Conflict.INVALID)
    assert found.reasons


def test_a_policy_that_decides_nothing_has_a_verdict_and_no_rules() -> None:
    offer = replace(policy(permission()), kind=PolicyKind.OFFER)
    refused = report(offer, ASK, FACTS)
    asked = report(offer, ASK, FACTS, tentative=True)
    assert refused.rules == ()
    assert refused.verdict is not None
    assert refused.verdict.reasons == ("a policy of class Offer grants nothing until it is agreed",)
    assert [rule.control for rule in asked.rules] == [Control.PERMIT]


def test_the_report_of_a_decision_is_the_report_of_its_request() -> None:
    ruled = policy(permission(constraints=(purpose("AcademicResearch"),)))
    decision = evaluate(ruled, RESEARCH, FACTS)
    assert report_of(decision, ruled, RESEARCH, FACTS) == report(ruled, RESEARCH, FACTS)


def test_the_time_is_kept_as_the_world_writes_it() -> None:
    written = Literal("2026-06-01T14:00:00.500+02:00", XSD + "dateTime")
    facts = replace(FACTS, values={ODRL + "dateTime": (written,)})
    assert report(policy(permission()), ASK, facts).created == written
    other = replace(FACTS, values={ODRL + "dateTime": (NOW,)})
    assert report(policy(permission()), ASK, other).created == instant(NOW)
    assert report(policy(permission()), ASK).created is None


def test_a_rule_expanded_from_a_compact_one_is_reported_by_the_name_of_that() -> None:
    expanded = permission(id="", origin="urn:example:compact")
    assert only(report(policy(expanded), ASK)).rule == "urn:example:compact"


# -- the plain model -------------------------------------------------------------


def full() -> PolicyReport:
    late = Duty(action=Action(ODRL + "compensate"))
    duty = replace(PAY, consequences=(late,))
    either = LogicalConstraint(Connective.XONE, (purpose("Marketing"), until()), id="urn:e:either")
    rules = (
        permission(constraints=(either, purpose("AcademicResearch"), until()), duties=(duty,)),
        Prohibition(action=Action(ODRL + "read"), constraints=(purpose("Marketing"),)),
        PAY,
    )
    return report(policy(*rules), ASK, FACTS, names=ReportNames("urn:e:ask", "urn:e:wish"))


def test_the_plain_model_has_two_outcomes_and_none_of_our_terms() -> None:
    found, plain = full(), down(full())
    assert Satisfaction.UNDETERMINED in {item.satisfaction for item in found.premises()}
    assert {item.satisfaction for item in plain.premises()} == {
        Satisfaction.SATISFIED,
        Satisfaction.UNSATISFIED,
    }
    text = turtle_bytes(report_nodes(plain), PREFIXES)
    assert PREAU.encode() not in text
    assert b"preau:" not in text
    assert b"preau:" in turtle_bytes(report_nodes(found), PREFIXES)
    assert down(plain) == plain


def test_each_occasion_of_a_duty_is_reported_with_its_times() -> None:
    found = duty_of(Facts(now=NOW, performed=(paid("10"),)))
    assert found.state is DutyState.FULFILLED
    (occasion,) = found.instances
    assert occasion.done == NOW - timedelta(hours=1)
    whole = PolicyReport("urn:p", rules=(found,))
    (node,) = [item for item in report_nodes(whole) if item["@type"] == [PREAU + "Instance"]]
    assert node[PREAU + "done"][0]["@value"] == occasion.done.isoformat()
    assert node[PREAU + "dutyState"] == [{"@id": PREAU + "Fulfilled"}]
    unknown = replace(occasion, done=EVER)
    (node,) = [
        item
        for item in report_nodes(replace(whole, rules=(replace(found, instances=(unknown,)),)))
        if item["@type"] == [PREAU + "Instance"]
    ]
    assert PREAU + "done" not in node
    assert duty_of(Facts(now=NOW)).state is DutyState.MISSING


def test_a_violation_that_was_made_good_says_so() -> None:
    found = replace(duty_of(Facts(now=NOW)), state=DutyState.VIOLATED, settled=True)
    made_good, not_yet = (
        report_nodes(PolicyReport("urn:p", rules=(item,)))[1]
        for item in (found, replace(found, settled=False))
    )
    assert made_good[PREAU + "settled"][0]["@value"] == "true"
    assert PREAU + "settled" not in not_yet


def test_the_plain_model_keeps_a_ban_that_cannot_be_ruled_out() -> None:
    ban = down(full()).rules[1]
    assert (ban.kind, ban.activation) == (RuleKind.PROHIBITION, Activation.ACTIVE)
    assert ban.premises[-1].satisfaction is Satisfaction.UNSATISFIED
    assert ban.deontic is None


def test_an_unsatisfied_constraint_states_what_was_given_and_no_more() -> None:
    premises = down(full()).rules[0].premises
    unmet, met = premises[-2], premises[-1]
    assert (unmet.operator, unmet.right) == (None, ())
    assert (met.operator, met.left) == (Operator.LTEQ, (instant(NOW),))
    assert all(item.left == item.right == () for item in premises[:-2])
    assert (premises[-3].connective, premises[-3].constraint) == (Connective.XONE, "urn:e:either")


def test_a_violated_prohibition_keeps_its_state_in_the_plain_model() -> None:
    act = Performed(ODRL + "read", NOW, ALICE, MARKS)
    ban = Prohibition(action=Action(ODRL + "read"), assignee=PartyRef(ALICE))
    plain = only(down(report(policy(ban), ASK, replace(FACTS, performed=(act,)))))
    assert (plain.performance, plain.deontic) == (Performance.PERFORMED, Deontic.VIOLATED)


# -- nodes -----------------------------------------------------------------------


def test_nodes_are_the_same_for_the_same_evaluation_and_differ_for_another() -> None:
    one, two = report_nodes(full()), report_nodes(full())
    other = report_nodes(replace(full(), created=instant(NOW + timedelta(days=1))))
    assert one == two
    assert {node["@id"] for node in one}.isdisjoint({node["@id"] for node in other})
    assert len({node["@id"] for node in one}) == len(one)


def test_nodes_survive_turtle() -> None:
    nodes = report_nodes(full())
    back = {node["@id"]: node for node in turtle_nodes(turtle_bytes(nodes, PREFIXES))}
    assert back.keys() == {node["@id"] for node in nodes}
    root = back[nodes[0]["@id"]]
    assert root[REPORT + "policyRequest"] == [{"@id": "urn:e:ask"}]
    assert len(root[REPORT + "ruleReport"]) == 3


def test_what_the_world_reports_already_is_referred_to_and_not_repeated() -> None:
    names = ReportNames(duties={PAY.id: ("urn:e:report-1", "urn:e:report-2")})
    found = report(policy(permission(duties=(PAY,))), ASK, FACTS, names=names)
    nodes = report_nodes(found)
    rule = next(node for node in nodes if node["@type"] == [REPORT + "PermissionReport"])
    assert rule[REPORT + "conditionReport"] == [
        {"@id": "urn:e:report-1"},
        {"@id": "urn:e:report-2"},
    ]
    assert not [node for node in nodes if node["@type"] == [REPORT + "DutyReport"]]


def test_remedies_and_consequences_have_names_of_their_own() -> None:
    remedy = Duty(action=Action(ODRL + "delete"))
    ban = Prohibition(action=Action(ODRL + "read"), remedies=(remedy,))
    late = replace(PAY, consequences=(remedy,))
    nodes = report_nodes(report(policy(permission(duties=(late,)), ban), ASK, FACTS))
    names = {name for node in nodes for name in node}
    assert {PREAU + "remedyReport", PREAU + "consequenceReport"} <= names


def test_premises_of_duties_and_consequences_are_found_too() -> None:
    found = {item.path for item in full().premises()}
    assert "/permission/0/duty/0/action/odrl:refinement/0" in found
    assert "/permission/0/duty/0/odrl:consequence/0/action" in found


def test_values_of_every_kind_have_a_written_form() -> None:
    texts = Literal("à l'école", language="fr"), Literal("plain"), Iri("urn:e:thing")
    premise = PremiseReport(PremiseKind.CONSTRAINT, Satisfaction.SATISFIED, left=texts)
    rule = RuleReport(RuleKind.PERMISSION, premises=(premise,))
    node = report_nodes(PolicyReport("urn:p", rules=(rule,)))[-1]
    assert node[REPORT + "constraintLeftOperand"] == [
        {"@value": "à l'école", "@language": "fr"},
        {"@value": "plain"},
        {"@id": "urn:e:thing"},
    ]


@pytest.mark.parametrize(
    "now",
    [
        datetime.min.replace(tzinfo=UTC),
        datetime.min.replace(tzinfo=timezone(timedelta(hours=14))),
        datetime.max.replace(tzinfo=timezone(timedelta(hours=-14))),
    ],
)
def test_the_ends_of_time_are_reported(now: datetime) -> None:
    made = report(policy(permission()), ASK, Facts(now=now)).created
    assert made is None or made.lexical.endswith(("Z", "+14:00", "-14:00"))
