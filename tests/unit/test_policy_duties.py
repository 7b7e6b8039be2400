"""Duties over time: conditions, deadlines, instances, consequences, remedies, records."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from policies_odrl import (
    Action,
    AssetRef,
    Conflict,
    Constraint,
    Decision,
    Duty,
    DutyState,
    Facts,
    Iri,
    Literal,
    Mode,
    Operator,
    PartyRef,
    Performed,
    Policy,
    Prohibition,
    Request,
    evaluate,
)
from policies_odrl.evaluation.decision import DutyResult
from policies_odrl.evaluation.duties import INVALID
from policies_odrl.model import ODRL, XSD
from tests.support.policies import amount, name_is, one_rule
from tests.support.tables import rows

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


@rows("duties", "who is paid")
def test_who_is_paid(named: str | None, paid: str | None, granted: bool) -> None:  # noqa: FBT001
    function = ODRL + "compensatedParty"
    duty = replace(PAY, functions=((function, PartyRef(named)),) if named else ())
    policy = replace(with_duty(duty), assigner=PartyRef("urn:example:provider"))
    act = done("compensate", 9, facts={function: (Iri(paid),)} if paid else {})
    assert decide(policy, act).granted is granted


# -- consequences ---------------------------------------------------------------------------

FINE = Duty(action=Action(ODRL + "obtainConsent"))


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
    plain = datetime(2026, 6, 1, 12)  # noqa: DTZ001 - the point of the test
    aware = plain.replace(tzinfo=UTC)
    assert Performed(ODRL + "inform", plain).at == Facts(now=plain).now == aware
