"""Duties over time: conditions, deadlines, instances, consequences, remedies, records."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from policies_odrl import (
    Action,
    AssetRef,
    Condition,
    Conflict,
    Connective,
    Constraint,
    Decision,
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
    evaluate,
)
from policies_odrl.evaluation.decision import DutyResult
from policies_odrl.evaluation.deontic import Instance
from policies_odrl.evaluation.duties import INVALID
from policies_odrl.evaluation.state import Usage, UsageKey, commit, open_agreement, reserve
from policies_odrl.model import ODRL, XSD
from tests.support.policies import amount, name_is, one_rule, purpose, until

S = DutyState
START = datetime(2026, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)
NOW = START + DAY * 100
ALICE, BOB, DATA = "urn:example:alice", "urn:example:bob", "urn:example:a"
ASK = Request(ODRL + "read", ALICE, DATA)
PAY = Duty(action=Action(ODRL + "compensate"))
DELETE = Duty(action=Action(ODRL + "delete"))
BASE = replace(one_rule("read"), id="urn:example:p")
RULE = BASE.permissions[0]
KEY = UsageKey("urn:example:p", "/permission/0", ALICE, DATA)


def done(
    what: str, day: float, party: str = ALICE, target: str | None = None, **more: object
) -> Performed:
    return Performed(ODRL + what, START + DAY * day, party, target, **more)  # type: ignore[arg-type]


def with_duty(*duties: Duty) -> Policy:
    return replace(BASE, permissions=(replace(RULE, duties=duties),))


def decide(policy: Policy, *acts: Performed, mode: Mode = Mode.W3C, **facts: object) -> Decision:
    known = Facts(**{"now": NOW, "performed": acts, **facts})  # type: ignore[arg-type]
    return evaluate(policy, ASK, known, mode=mode)


def first(decision: Decision) -> DutyResult:
    return decision.rules[0].duties[0]


def when(operator: str, day: float) -> Constraint:
    at = (START + DAY * day).isoformat()
    return Constraint(ODRL + "dateTime", Operator(operator), (Literal(at, XSD + "dateTime"),))


def event(operator: str, name: str = ODRL + "policyUsage") -> Constraint:
    return Constraint(ODRL + "event", Operator(operator), (Iri(name),))


def within(period: str, operator: str = "lteq") -> Constraint:
    return Constraint(
        ODRL + "elapsedTime", Operator(operator), (Literal(period, XSD + "duration"),)
    )


def under(duty: Duty, *constraints: Condition) -> Duty:
    return replace(duty, constraints=constraints)


# -- conditions of a duty -------------------------------------------------------------------

COMMERCIAL = purpose("CommercialPurpose")


@pytest.mark.parametrize(
    ("stated", "acts", "state", "granted"),
    [
        ("AcademicResearch", (), S.INACTIVE, True),
        ("CommercialPurpose", (), S.MISSING, False),
        ("CommercialPurpose", (done("compensate", 9),), S.FULFILLED, True),
        (None, (), S.UNDETERMINED, False),
        ("urn:example:unknown", (), S.UNDETERMINED, False),
    ],
)
def test_a_condition_that_does_not_hold_makes_a_duty_inactive(
    stated: str | None,
    acts: tuple[Performed, ...],
    state: DutyState,
    granted: bool,  # noqa: FBT001
) -> None:
    right = purpose(stated).right if stated else ()
    values = {ODRL + "purpose": right} if stated else {}
    decision = decide(with_duty(under(PAY, COMMERCIAL)), *acts, values=values)
    assert (first(decision).state, decision.granted) == (state, granted)
    assert first(decision).gates[0].item == COMMERCIAL
    assert all(item.state is not S.INACTIVE for item in decision.due)


def test_what_an_act_states_about_itself_counts_for_it() -> None:
    large = under(PAY, amount(ODRL + "payAmount", "5", "gteq"))
    small, enough = (
        done("compensate", 9, facts={ODRL + "payAmount": (value,)}) for value in (4, 5)
    )
    assert not decide(with_duty(large), small).granted
    assert decide(with_duty(large), enough).granted
    assert first(decide(with_duty(large), small, enough)).by == enough


def test_a_group_of_conditions_is_split_where_it_can_be() -> None:
    both = LogicalConstraint(Connective.AND, (COMMERCIAL, when("lteq", 120)))
    values = {ODRL + "purpose": COMMERCIAL.right}
    assert first(decide(with_duty(under(PAY, both)), values=values)).state is S.DUE
    either = LogicalConstraint(Connective.OR, (COMMERCIAL, purpose("Marketing")))
    free = {ODRL + "purpose": purpose("AcademicResearch").right}
    assert first(decide(with_duty(under(PAY, either)), values=free)).state is S.INACTIVE
    assert first(decide(with_duty(under(PAY, either)), values=values)).state is S.MISSING


def test_alternatives_that_speak_of_time_never_waive_a_duty() -> None:
    either = LogicalConstraint(Connective.OR, (when("lteq", 50), when("lteq", 60)))
    decision = decide(with_duty(under(PAY, either)))
    assert first(decision).state is S.UNDETERMINED
    assert not decision.granted
    soon = LogicalConstraint(Connective.OR, (when("lteq", 150), when("lteq", 60)))
    assert first(decide(with_duty(under(PAY, soon)))).state is S.MISSING


# -- time -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("constraint", "state"),
    [
        (when("lteq", 100), S.DUE),
        (when("lt", 100), S.VIOLATED),
        (when("lteq", 99), S.VIOLATED),
        (when("gteq", 100), S.MISSING),
        (when("gteq", 101), S.INACTIVE),
        (when("gt", 101), S.INACTIVE),
        (when("eq", 100), S.DUE),
        (when("eq", 99), S.VIOLATED),
        (when("eq", 101), S.INACTIVE),
        (when("neq", 99), S.UNDETERMINED),
        (until("soon"), S.UNDETERMINED),
        (within("soon"), S.UNDETERMINED),
        (within("P1D", "gt"), S.UNDETERMINED),
        (event("lt"), S.MISSING),
        (event("lteq"), S.MISSING),
        (event("gt"), S.DUE),
        (event("gteq"), S.DUE),
        (event("eq"), S.DUE),
        (event("neq"), S.UNDETERMINED),
        (event("lt", "urn:games"), S.VIOLATED),
        (event("gt", "urn:games"), S.MISSING),
        (event("gt", "urn:fair"), S.INACTIVE),
        (event("lt", "urn:fair"), S.DUE),
        (event("lt", "urn:nobody-knows"), S.UNDETERMINED),
        (replace(event("lt"), right=(Iri("urn:games"), Iri("urn:fair"))), S.UNDETERMINED),
    ],
)
def test_windows(constraint: Constraint, state: DutyState) -> None:
    events = {
        "urn:games": (START, START + DAY * 10),
        "urn:fair": (START + DAY * 150, START + DAY * 160),
    }
    decision = decide(with_duty(under(PAY, constraint)), knowledge=Knowledge(events=events))
    assert first(decision).state is state
    assert decision.granted is (state in {S.DUE, S.INACTIVE})


def test_an_act_outside_the_window_fulfils_nothing() -> None:
    framed = with_duty(under(PAY, when("gteq", 10), when("lteq", 20)))
    for day, state in ((9, S.VIOLATED), (10, S.FULFILLED), (20, S.FULFILLED), (21, S.VIOLATED)):
        assert first(decide(framed, done("compensate", day))).state is state


def test_an_act_precedes_the_use() -> None:
    assert decide(with_duty(PAY), done("compensate", 100)).granted
    assert not decide(with_duty(PAY), done("compensate", 100.1)).granted


def test_without_the_time_a_window_is_undetermined() -> None:
    for item in (when("lteq", 120), within("P30D"), event("gt")):
        assert first(decide(with_duty(under(PAY, item)), now=None)).state is S.UNDETERMINED


def used(*days: float, committed: bool = True) -> Usage:
    usage = open_agreement(Usage(), "urn:example:p", START)
    for index, day in enumerate(days):
        usage = reserve(usage, [KEY], f"t{index}", START + DAY * day)
        usage = commit(usage, f"t{index}") if committed else usage
    return usage


def test_each_use_brings_about_its_own_duty() -> None:
    policy = with_duty(under(DELETE, within("P30D")))
    fresh = decide(policy, usage=used())
    assert (fresh.granted, first(fresh).state) == (True, S.DUE)
    assert first(fresh).instances == (Instance(S.DUE, NOW, NOW + DAY * 30),)
    clean = decide(policy, done("delete", 20), usage=used(10, 90))
    assert clean.granted
    assert [item.state for item in first(clean).instances] == [S.FULFILLED, S.DUE, S.DUE]
    late = decide(policy, done("delete", 41), usage=used(10))
    assert (late.granted, first(late).state) == (False, S.VIOLATED)
    assert not decide(policy, done("delete", 9), usage=used(10)).granted  # before that use
    assert decide(policy, usage=used(10, committed=False)).granted


def test_a_limit_on_the_calendar_holds_for_a_duty_after_the_use_too() -> None:
    both = with_duty(under(DELETE, within("P30D", "lt"), when("lteq", 25)))
    assert not decide(both, done("delete", 26), usage=used(10)).granted
    assert first(decide(both, usage=used(10))).instances[0].due == START + DAY * 25
    forever = with_duty(under(DELETE, within("P9999Y")))
    assert decide(forever, usage=used(10)).granted


def test_the_history_of_a_duty_is_kept_and_a_violation_in_it_blocks() -> None:
    past = (Instance(S.VIOLATED, START, START + DAY), Instance(S.FULFILLED, START + DAY))
    named = replace(PAY, id="urn:example:duty")
    for duty, key in ((named, "urn:example:duty"), (PAY, "/permission/0/duty/0")):
        decision = decide(with_duty(duty), done("compensate", 9), history={key: past})
        assert first(decision).state is S.VIOLATED
        assert first(decision).instances[:2] == past
        assert decide(with_duty(duty), done("compensate", 9), history={key: past[1:]}).granted
    after = decide(
        with_duty(under(named, within("P30D"))), history={"urn:example:duty": past}, usage=used()
    )
    assert first(after).state is S.VIOLATED


# -- whose act, on what ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("duty", "act", "granted"),
    [
        (PAY, done("compensate", 9, BOB), True),  # anybody may do it where nobody is named
        (PAY, done("compensate", 9, ""), True),
        (PAY, done("compensate", 9, ALICE, DATA), True),
        (PAY, done("compensate", 9, ALICE, "urn:example:b"), False),
        (PAY, done("attribute", 9), False),
        (PAY, done("unheard-of", 9), False),
        (replace(PAY, assignee=PartyRef(ALICE)), done("compensate", 9, BOB), False),
        (replace(PAY, assignee=PartyRef(ALICE)), done("compensate", 9, ""), False),
        (replace(PAY, assignee=PartyRef(BOB)), done("compensate", 9, BOB), True),
        (replace(PAY, target=AssetRef(DATA)), done("compensate", 9), False),
        (replace(PAY, target=AssetRef(DATA)), done("compensate", 9, ALICE, DATA), True),
        (replace(PAY, action=Action(ODRL + "use")), done("compensate", 9), True),
    ],
)
def test_whose_act_counts(duty: Duty, act: Performed, granted: bool) -> None:  # noqa: FBT001
    policy = replace(with_duty(duty), target=AssetRef(DATA))
    assert decide(policy, act).granted is granted


@pytest.mark.parametrize(
    ("named", "paid", "granted"),
    [
        (BOB, BOB, True),
        (BOB, "urn:example:carol", False),
        (BOB, None, True),  # the act does not say
        (None, "urn:example:provider", True),
        (None, BOB, False),  # nobody named: the assigner is to be paid
    ],
)
def test_who_is_paid(named: str | None, paid: str | None, granted: bool) -> None:  # noqa: FBT001
    function = ODRL + "compensatedParty"
    duty = replace(PAY, functions=((function, PartyRef(named)),) if named else ())
    policy = replace(with_duty(duty), assigner=PartyRef("urn:example:provider"))
    act = done("compensate", 9, facts={function: (Iri(paid),)} if paid else {})
    assert decide(policy, act).granted is granted


def test_an_agreement_may_leave_open_who_pays_but_not_who_is_obliged() -> None:
    policy = replace(
        with_duty(PAY), kind=PolicyKind.AGREEMENT, assignee=PartyRef(ALICE), obligations=(PAY,)
    )
    decision = decide(policy, done("compensate", 9, BOB))
    assert decision.granted
    assert decision.obligations[0].state is S.MISSING
    assert decide(policy, done("compensate", 9)).obligations[0].state is S.FULFILLED
    nobody = replace(policy, assignee=None)
    assert decide(nobody, done("compensate", 9)).obligations[0].state is S.UNDETERMINED


def test_refinements_narrow_the_act() -> None:
    five = amount(ODRL + "payAmount", "5", "gteq")
    duty = replace(PAY, action=Action(ODRL + "compensate", (five,)))
    paid = done("compensate", 9, facts={ODRL + "payAmount": (5,)})
    assert decide(with_duty(duty), paid).granted
    assert first(decide(with_duty(duty), done("compensate", 9))).state is S.UNDETERMINED


def test_a_duty_may_have_to_be_done_several_times() -> None:
    thrice = under(PAY, Constraint(ODRL + "count", Operator.GTEQ, (Literal("3", XSD + "integer"),)))
    acts = [done("compensate", day) for day in (1, 2, 3)]
    assert not decide(with_duty(thrice), *acts[:2], usage=used()).granted
    assert decide(with_duty(thrice), *acts, usage=used()).granted
    assert not decide(with_duty(thrice), *acts).granted  # nobody keeps account
    stated = done("compensate", 9, facts={ODRL + "count": (2,)})
    assert decide(with_duty(thrice), stated).granted


# -- consequences ---------------------------------------------------------------------------

FINE = Duty(action=Action(ODRL + "obtainConsent"))
LATE = replace(under(PAY, when("lteq", 50)), consequences=(FINE,))


@pytest.mark.parametrize(
    ("acts", "granted", "due"),
    [
        ((), False, {"/permission/0/duty/0/odrl:consequence/0"}),
        ((done("compensate", 60),), False, {"/permission/0/duty/0/odrl:consequence/0"}),
        ((done("obtainConsent", 60),), False, set()),
        ((done("compensate", 60), done("obtainConsent", 61)), True, set()),
        (
            (done("compensate", 60), done("obtainConsent", 40)),
            False,
            {"/permission/0/duty/0/odrl:consequence/0"},
        ),
        ((done("compensate", 50),), True, set()),
    ],
)
def test_the_permission_comes_back_when_the_duty_and_its_consequence_are_done(
    acts: tuple[Performed, ...],
    granted: bool,  # noqa: FBT001
    due: set[str],
) -> None:
    for mode in Mode:
        decision = decide(with_duty(LATE), *acts, mode=mode)
        assert decision.granted is granted
        assert {item.path for item in first(decision).consequences if item.open} == due


def test_a_consequence_arises_only_from_a_violation() -> None:
    early = replace(LATE, constraints=(when("lteq", 150),))
    assert first(decide(with_duty(early))).consequences == ()


def test_a_violated_duty_without_a_consequence_stays_violated() -> None:
    bare = replace(LATE, consequences=())
    decision = decide(with_duty(bare), done("compensate", 60))
    assert (decision.granted, first(decision).settled) == (False, False)


def test_a_violation_made_good_leaves_the_duty_of_this_use_due() -> None:
    duty = replace(under(DELETE, within("P30D")), consequences=(FINE,))
    policy, usage = with_duty(duty), used(10)
    assert not decide(policy, done("delete", 41), usage=usage).granted
    decision = decide(policy, done("delete", 41), done("obtainConsent", 42), usage=usage)
    assert decision.granted
    assert first(decision).settled
    assert [item.path for item in decision.due] == ["/permission/0/duty/0"]


def test_consequences_of_consequences_are_invalid_in_every_mode() -> None:
    deep = replace(PAY, consequences=(replace(FINE, consequences=(FINE,)),))
    for mode in Mode:
        decision = decide(with_duty(deep), done("compensate", 9), mode=mode)
        assert not decision.granted
        assert first(decision).note == INVALID
        assert INVALID in decision.reasons[0]
    ban = Prohibition(action=Action(ODRL + "print"), remedies=(replace(FINE, consequences=(PAY,)),))
    decision = decide(replace(BASE, prohibitions=(ban,)), done("print", 9))
    assert decision.rules[1].violations[0].remedies[0].note == INVALID


def test_obligations_have_consequences_too() -> None:
    policy = replace(BASE, obligations=(LATE,))
    decision = decide(policy)
    assert decision.granted
    assert [(item.path, item.state) for item in decision.due] == [
        ("/obligation/0", S.VIOLATED),
        ("/obligation/0/odrl:consequence/0", S.MISSING),
    ]
    settled = decide(policy, done("compensate", 60), done("obtainConsent", 61))
    assert settled.due == ()
    assert settled.obligations[0].settled


def test_an_obligation_after_the_start_counts_from_the_agreement() -> None:
    yearly = replace(BASE, obligations=(under(PAY, within("P30D")),))
    dated = replace(yearly, timestamp=START.isoformat())
    assert decide(dated).obligations[0].state is S.VIOLATED
    assert decide(dated, now=START + DAY * 10).obligations[0].state is S.DUE
    fulfilled = decide(dated, done("compensate", 20)).obligations[0]
    assert fulfilled.state is S.FULFILLED
    assert fulfilled.instances == (
        Instance(S.FULFILLED, START, START + DAY * 30, START + DAY * 20),
    )
    assert decide(yearly).obligations[0].state is S.UNDETERMINED


# -- what the world records -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("state", "w3c", "suite"),
    [
        (S.FULFILLED, True, True),
        (S.INACTIVE, True, True),
        (S.MISSING, False, True),
        (S.UNDETERMINED, False, True),
        (S.VIOLATED, False, False),
    ],
)
def test_recorded_states_win(state: DutyState, w3c: bool, suite: bool) -> None:  # noqa: FBT001
    named = with_duty(replace(PAY, id="urn:example:duty"))
    for policy, key in ((named, "urn:example:duty"), (with_duty(PAY), "/permission/0/duty/0")):
        recorded = {key: state}
        assert decide(policy, recorded=recorded).granted is w3c
        assert decide(policy, recorded=recorded, mode=Mode.SUITE).granted is suite
        assert first(decide(policy, recorded=recorded)).state is state


def test_a_recorded_violation_brings_about_the_consequence() -> None:
    duty = replace(PAY, id="urn:example:duty", consequences=(replace(FINE, id="urn:example:fine"),))
    violated = {"urn:example:duty": S.VIOLATED}
    assert not decide(with_duty(duty), recorded=violated).granted
    made_good = {**violated, "urn:example:fine": S.FULFILLED}
    assert not decide(with_duty(duty), recorded=made_good).granted
    assert decide(with_duty(duty), done("compensate", 60), recorded=made_good).granted


# -- prohibitions that were violated --------------------------------------------------------

BAN = Prohibition(
    action=Action(ODRL + "distribute"),
    assignee=PartyRef(ALICE),
    constraints=(when("gteq", 10), name_is(ODRL + "recipient", "urn:example:press")),
    remedies=(DELETE,),
)


def told(day: float, recipient: str = "urn:example:press", party: str = ALICE) -> Performed:
    facts = {ODRL + "recipient": (recipient,)}
    return done("distribute", day, party, facts=facts)


def test_each_violation_is_recorded_with_its_remedy() -> None:
    policy = replace(BASE, prohibitions=(BAN,), conflict=Conflict.PROHIBIT)
    acts = (
        told(40),
        told(20),
        told(9),  # before the ban held
        told(30, "urn:example:school"),
        told(30, party=BOB),
        done("distribute", 30),  # nobody knows to whom: not certain
        told(101),  # not yet
        done("delete", 35),
    )
    found = decide(policy, *acts).rules[1].violations
    assert [item.act.at for item in found] == [START + DAY * 20, START + DAY * 40]
    assert [item.remedies[0].state for item in found] == [S.FULFILLED, S.MISSING]
    assert [item.path for item in decide(policy, *acts).due] == ["/prohibition/0/odrl:remedy/0"]
    assert decide(policy, told(20), now=None).rules[1].violations
    assert decide(policy).rules[1].violations == ()


def test_a_refined_ban_is_violated_by_what_it_refines() -> None:
    loud = replace(
        BAN, action=Action(ODRL + "distribute", (amount(ODRL + "percentage", "50", "gt"),))
    )
    policy = replace(BASE, prohibitions=(loud,))
    half = replace(told(20), facts={**told(20).facts, ODRL + "percentage": (60,)})
    assert decide(policy, half).rules[1].violations
    assert not decide(policy, told(20)).rules[1].violations


def test_a_time_without_a_zone_is_utc_in_acts_too() -> None:
    naive = Performed(ODRL + "compensate", datetime(2026, 1, 1))  # noqa: DTZ001 - the point
    assert naive.at == START
    assert decide(with_duty(PAY), naive).granted
