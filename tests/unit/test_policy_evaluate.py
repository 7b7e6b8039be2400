"""What no document can state is decided too, and what parts of a decision say."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import permutations

from policies_odrl import (
    Action,
    Connective,
    Constraint,
    Duty,
    Facts,
    Iri,
    Knowledge,
    LogicalConstraint,
    Mode,
    PartyRef,
    Performed,
    Prohibition,
    Request,
    Truth,
    evaluate,
)
from policies_odrl.evaluation.clocks import ALWAYS, in_order
from policies_odrl.evaluation.duties import INVALID
from policies_odrl.evaluation.operands import check
from policies_odrl.model import ODRL
from tests.support.each import over
from tests.support.policies import name_is, one_rule, purpose, until
from tests.support.small_policies import granted, may, terms, where

READ = one_rule("read")
RULE = READ.permissions[0]
ASK = Request(ODRL + "read", "urn:example:alice", "urn:example:a")
DAY = timedelta(days=1)
NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
T, F, U = Truth.TRUE, Truth.FALSE, Truth.UNDETERMINED


def test_a_rule_about_any_action_is_known_to_the_suite_alone() -> None:
    anything = replace(READ, permissions=(replace(RULE, action=Action("")),))
    decision = evaluate(anything, ASK, tentative=True)
    assert not decision.granted
    assert "names no action" in decision.reasons[0]
    assert evaluate(anything, ASK, mode=Mode.SUITE, tentative=True).granted


def test_notes_of_parts_are_told_once() -> None:
    parts = purpose("Marketing"), purpose("AcademicResearch"), until("2026-01-01")
    both = LogicalConstraint(Connective.AND, parts)
    then = Facts(now=datetime(2025, 1, 1, tzinfo=UTC))
    decision = evaluate(one_rule("read", both), ASK, then, tentative=True)
    result = decision.rules[0].constraints[0]
    assert (result.note, result.operand, result.given) == ("no value was given", "", "")
    assert result.line.endswith(": no value was given")
    assert decision.rules[0].conditions == decision.rules[0].constraints
    assert [item.operand for item in decision.rules[0].premises] == ["action", "assignee", "target"]


def test_who_does_not_say_who_asks_is_told_so() -> None:
    bobs = replace(READ, assignee=PartyRef("urn:bob"))
    decision = evaluate(bobs, Request(ODRL + "read"), tentative=True)
    premise = decision.rules[0].premises[1]
    assert (premise.text, premise.given) == ("assignee urn:bob", "none")
    assert decision.reasons == ("assignee urn:bob: cannot tell whether this assignee is meant",)


def test_actions_that_are_given_lie_in_one_another() -> None:
    glance, skim = "urn:example:glance", "urn:example:skim"
    wider = {glance: (ODRL + "read", ODRL + "write"), ODRL + "read": (glance,)}  # a circle ends
    known = Knowledge(actions={skim: (glance,), **wider})
    assert known.wider_actions(skim) >= {ODRL + "use", ODRL + "modify"}


@over(("bound", "value"), [("", "urn:a"), ("urn:a", "")])
def test_names_that_are_no_names(bound: str, value: str) -> None:
    item = name_is(ODRL + "recipient", bound)
    assert check(item, (value,), Knowledge())[0] is U


# -- duties ---------------------------------------------------------------------------------


def test_consequences_of_consequences_are_invalid_in_every_mode() -> None:
    pay, fine = (Duty(action=Action(ODRL + name)) for name in ("compensate", "obtainConsent"))
    deep = replace(pay, consequences=(replace(fine, consequences=(fine,)),))
    acts = (Performed(ODRL + name, NOW - DAY, ASK.assignee) for name in ("compensate", "print"))
    paid, printed = (Facts(now=NOW, performed=(act,)) for act in acts)
    for mode in Mode:
        decision = evaluate(terms(may(duties=(deep,))), ASK, paid, mode=mode, tentative=True)
        assert not decision.granted
        assert decision.rules[0].duties[0].note == INVALID
        assert INVALID in decision.reasons[0]
    ban = Prohibition(action=Action(ODRL + "print"), remedies=(replace(fine, consequences=(pay,)),))
    decision = evaluate(terms(may(), ban), ASK, printed, tentative=True)
    assert decision.rules[1].violations[0].remedies[0].note == INVALID


def test_an_act_that_nobody_has_heard_of_fulfils_nothing() -> None:
    pay = terms(may(duties=(Duty(action=Action(ODRL + "compensate")),)))
    for name, answer in (("unheard-of", False), ("compensate", True)):
        act = Performed(ODRL + name, NOW - DAY, ASK.assignee)
        assert granted(pay, Facts(now=NOW, performed=(act,))) is answer


def test_a_time_without_a_zone_is_utc_in_acts_too() -> None:
    plain = NOW.replace(tzinfo=None)
    assert Performed(ODRL + "inform", plain).at == Facts(now=plain).now == NOW


# -- order and events -----------------------------------------------------------------------


def test_moments() -> None:
    a, b = NOW, NOW + DAY
    for moments, truth in (
        ([], T), ([None], T), ([ALWAYS, None], T), ([ALWAYS, a, ALWAYS, b], T),
        ([b, None, a], F), ([a, None, b], U), ([a, a], U),
    ):  # fmt: skip
        assert in_order(moments) is truth


def test_events_that_end_before_they_begin_or_are_named_twice_say_nothing() -> None:
    games, first = Iri("urn:games"), where("recipient", "eq", Iri("urn:a"))
    held = {ODRL + "recipient": (Iri("urn:a"),)}
    for begins, ends in permutations((NOW - DAY, NOW - DAY * 2)):
        known = Facts(
            now=NOW,
            values=held,
            since={ODRL + "recipient": NOW - DAY * 3},
            knowledge=Knowledge(events={"urn:games": (begins, ends)}),
        )
        after, twice = where("event", "gt", games), where("event", "eq", games, games)
        assert granted(terms(may(after)), known) is (begins < ends)
        for parts in ((after, first), (first, twice)):
            assert not granted(terms(may(ordered(*parts))), known)
        assert granted(terms(may(ordered(first, after))), known) is (begins < ends)


def ordered(*parts: Constraint) -> LogicalConstraint:
    return LogicalConstraint(Connective.AND_SEQUENCE, parts)
