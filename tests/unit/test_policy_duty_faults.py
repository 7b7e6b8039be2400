"""Answers about duties, counts and clocks that once let too much through, each with a good twin."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest

from policies_odrl import (
    Action,
    Connective,
    Constraint,
    Decision,
    Duty,
    DutyState,
    Facts,
    Iri,
    Literal,
    LogicalConstraint,
    Mode,
    Operator,
    Performed,
    Permission,
    Policy,
    PolicyKind,
    Prohibition,
    Request,
    evaluate,
)
from policies_odrl.algebra.periods import instant
from policies_odrl.evaluation.acts import EVER
from policies_odrl.evaluation.case import key_of
from policies_odrl.evaluation.deontic import Instance
from policies_odrl.evaluation.reservation import reserve_use
from policies_odrl.evaluation.state import (
    Usage,
    commit,
    finish,
    open_agreement,
    release,
    reserve,
)
from policies_odrl.knowledge import Knowledge
from policies_odrl.model import ODRL, XSD, Condition
from policies_odrl.vocabulary import Kind, Operand

S = DutyState
READ, PAY, INFORM = ODRL + "read", ODRL + "compensate", ODRL + "inform"
START = datetime(2026, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)
NOW = START + DAY * 100
ALICE, X, Y, WHOLE = (f"urn:example:{name}" for name in ("alice", "x", "y", "whole"))
ASK = Request(READ, ALICE, X)
HOLDS = {WHOLE: frozenset({X, Y})}


def limit(name: str, operator: str, value: str, kind: str = "duration") -> Constraint:
    return Constraint(ODRL + name, Operator(operator), (Literal(value, XSD + kind),))


def until(day: float, operator: str = "lteq") -> Constraint:
    return limit("dateTime", operator, (START + DAY * day).isoformat(), "dateTime")


def pay(*items: Condition, **more: object) -> Duty:
    return Duty(action=Action(PAY), constraints=items, **more)  # type: ignore[arg-type]  # fields of a duty


def policy(*duties: Duty, constraints: tuple[Condition, ...] = ()) -> Policy:
    rule = Permission(action=Action(READ), constraints=constraints, duties=duties)
    return Policy(kind=PolicyKind.SET, id="urn:example:p", permissions=(rule,))


def paid(day: float, action: str = PAY) -> Performed:
    return Performed(action, START + DAY * day)


def used(*days: float, target: str = X) -> Usage:
    usage = open_agreement(Usage(), "urn:example:p", START)
    item = policy()
    key = key_of(item, item.permissions[0], "/permission/0", replace(ASK, target=target))
    for index, day in enumerate(days):
        usage = commit(reserve(usage, [key], f"t{index}", START + DAY * day), f"t{index}")
    return usage


def decide(item: Policy, *acts: Performed, **facts: object) -> Decision:
    known = Facts(**{"now": NOW, "performed": acts, **facts})  # type: ignore[arg-type]  # fields of facts
    return evaluate(item, ASK, known)


def states(decision: Decision) -> list[DutyState]:
    return [item.state for item in decision.rules[0].duties[0].instances]


# -- one act is one instance ------------------------------------------------------------------


def test_without_the_time_a_dated_act_fulfils_nothing() -> None:
    item = policy(pay())
    blind = decide(item, paid(9), now=None)
    assert not blind.granted
    assert blind.rules[0].duties[0].line.endswith("undetermined: the time is not known")
    assert decide(item, paid(9)).granted
    undated = Performed(PAY, EVER)
    assert decide(item, undated, now=None).granted
    assert not decide(policy(pay(until(50))), undated, now=None).granted


@pytest.mark.parametrize(
    ("item", "answer"), [(until(50), False), (until(50, "gteq"), False), (until(150), True)]
)
def test_an_act_without_a_date_was_done_at_any_time_until_now(
    item: Constraint,
    answer: bool,  # noqa: FBT001
) -> None:
    either = LogicalConstraint(Connective.OR, (item, item))
    for condition in (item, either):
        assert decide(policy(pay(condition)), Performed(PAY, EVER)).granted is answer
    assert decide(policy(pay(until(50))), paid(40)).granted


def test_alternatives_do_not_make_a_duty_go_away() -> None:
    def either(*items: Condition) -> Policy:
        return policy(pay(LogicalConstraint(Connective.OR, items)))

    acts = [paid(day) for day in (10, 60, 95)]
    times = limit("count", "gteq", "2", "integer"), limit("count", "gteq", "3", "integer")
    for done in ((), acts):  # how often it was used is not how often it was paid for
        assert not decide(either(*times), *done, usage=used(1, 2)).granted
        assert not decide(either(*times), *done, usage=used()).granted
    assert decide(policy(pay(*times)), *acts, usage=used()).granted
    windows = either(until(20), until(90, "gteq"))
    assert [decide(windows, act).granted for act in acts] == [True, False, True]


@pytest.mark.parametrize(
    ("acts", "wanted"),
    [
        ((20,), [S.FULFILLED, S.VIOLATED, S.DUE]),
        ((20, 20), [S.FULFILLED, S.VIOLATED, S.DUE]),  # told twice, done once
        ((20, 21), [S.FULFILLED, S.FULFILLED, S.DUE]),
        ((12, 20), [S.FULFILLED, S.FULFILLED, S.DUE]),
        ((11, 12), [S.FULFILLED, S.VIOLATED, S.DUE]),
    ],
)
def test_one_act_fulfils_the_duty_of_one_use(acts: tuple[int, ...], wanted: list[S]) -> None:
    decision = decide(
        policy(pay(limit("elapsedTime", "lteq", "P30D"))), *map(paid, acts), usage=used(10, 15)
    )
    assert states(decision) == wanted
    assert decision.granted is (S.VIOLATED not in wanted)


def test_how_often_counts_for_each_use_alone() -> None:
    twice = pay(limit("elapsedTime", "lteq", "P30D"), limit("count", "gteq", "2", "integer"))
    usage = used(10)
    assert not decide(policy(twice), paid(5), paid(11), usage=usage).granted
    assert decide(policy(twice), paid(11), paid(12), usage=usage).granted


def test_an_act_is_told_twice_in_whatever_order_its_values_are() -> None:
    twice = policy(pay(limit("count", "gteq", "2", "integer")))
    one, two = Iri("urn:example:1"), Iri("urn:example:2")
    for values, answer in (((two, one), False), ((two,), True)):
        acts = [replace(paid(5), facts={PAY: held}) for held in ((one, two), values)]
        assert decide(twice, *acts, usage=used()).granted is answer


def test_an_act_that_the_history_names_is_spent() -> None:
    after = replace(pay(limit("elapsedTime", "lteq", "P30D")), id="urn:example:duty")
    told = {"urn:example:duty": (Instance(S.FULFILLED, START + DAY * 10, None, START + DAY * 20),)}
    spent = decide(policy(after), paid(20), usage=used(10, 15), history=told)
    assert states(spent) == [S.FULFILLED, S.VIOLATED, S.DUE]
    both = decide(policy(after), paid(20), paid(21), usage=used(10, 15), history=told)
    assert states(both) == [S.FULFILLED, S.FULFILLED, S.DUE]


def test_a_past_of_an_agreement_that_nobody_opened_is_unknown() -> None:
    after = policy(pay(limit("elapsedTime", "lteq", "P30D")))
    assert not decide(after, usage=Usage()).granted
    assert decide(after, usage=used()).granted


def test_a_duty_that_comes_back_is_done_anew() -> None:
    weekly = policy(pay(limit("timeInterval", "eq", "P7D")))
    assert not decide(weekly, paid(5), usage=used(10)).granted
    assert not decide(weekly, paid(10), usage=used(10)).granted
    assert decide(weekly, paid(11), usage=used(10)).granted
    assert decide(weekly, usage=used(99)).granted  # within the week of a use
    assert decide(weekly, paid(5), usage=used()).granted


# -- what the world records -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("items", "wanted"),
    [
        ((), S.MISSING),
        ((until(150),), S.DUE),
        ((until(50),), S.VIOLATED),
        ((limit("elapsedTime", "lteq", "P30D"),), S.DUE),
        ((limit("elapsedTime", "lteq", "-P9999Y"),), S.UNDETERMINED),
    ],
)
def test_a_duty_recorded_as_due_may_wait_only_where_it_says_so(
    items: tuple[Condition, ...], wanted: DutyState
) -> None:
    recorded = {"/permission/0/duty/0": S.DUE}
    decision = decide(policy(pay(*items)), recorded=recorded)
    assert decision.rules[0].duties[0].state is wanted
    assert decision.granted is (wanted is S.DUE)
    loose = Facts(now=NOW, recorded=recorded)
    assert evaluate(policy(pay(*items)), ASK, loose, mode=Mode.SUITE).granted is (
        wanted is not S.VIOLATED
    )


@pytest.mark.parametrize("state", [S.DUE, S.VIOLATED])
def test_a_record_does_not_make_good_what_the_uses_tell(state: DutyState) -> None:
    recorded = {"/permission/0/duty/0": state}
    month = limit("elapsedTime", "lteq", "P30D")
    item, usage = policy(pay(month, consequences=(Duty(action=Action(INFORM)),))), used(10, 20)
    acts = (paid(60), paid(61, INFORM), paid(62), paid(63, INFORM))
    assert not decide(item, usage=usage, recorded=recorded).granted
    assert not decide(item, *acts[:2], usage=usage, recorded=recorded).granted
    assert decide(item, *acts, usage=usage, recorded=recorded).granted
    lasting = decide(item, usage=used(99), recorded=recorded)  # there is time left
    assert lasting.granted is (state is S.DUE)


# -- consequences and remedies ----------------------------------------------------------------


def test_a_late_act_is_not_its_own_consequence() -> None:
    fined = policy(pay(until(50), consequences=(pay(),)))
    assert not decide(fined, paid(60)).granted
    assert decide(fined, paid(60), paid(61)).granted


def test_each_violation_is_made_good_for_itself() -> None:
    after = pay(
        limit("elapsedTime", "lteq", "P10D"), consequences=(Duty(action=Action(ODRL + "inform")),)
    )
    item, usage = policy(after), used(10, 40)
    told = [paid(day, ODRL + "inform") for day in (60, 61)]
    assert not decide(item, paid(60), told[0], usage=usage).granted
    assert not decide(item, paid(60), paid(61), told[0], usage=usage).granted
    assert not decide(item, paid(60), *told, usage=usage).granted
    assert decide(item, paid(60), paid(61), *told, usage=usage).granted


def test_the_period_of_a_consequence_runs_from_the_violation() -> None:
    inform = Duty(
        action=Action(ODRL + "inform"), constraints=(limit("elapsedTime", "lteq", "P10D"),)
    )
    item = policy(pay(until(50), consequences=(inform,)))
    for day, answer in ((45, False), (55, True), (60, True), (60.1, False)):
        acts = (paid(52), paid(day, ODRL + "inform"))
        assert decide(item, *acts, usage=used(20)).granted is answer
    unknown = {"/permission/0/duty/0": S.VIOLATED}
    told = decide(item, paid(52), paid(55, ODRL + "inform"), recorded=unknown)
    assert not told.granted
    assert told.rules[0].duties[0].consequences[0].state is S.UNDETERMINED


def test_a_remedy_makes_good_one_violation() -> None:
    ban = Prohibition(action=Action(ODRL + "distribute"), remedies=(pay(),))
    item = replace(policy(), prohibitions=(ban,))
    acts = [paid(day, ODRL + "distribute") for day in (10, 20)]
    assert [due.path for due in decide(item, *acts, paid(30)).due] == [
        "/prohibition/0/odrl:remedy/0"
    ]
    assert decide(item, *acts, paid(30), paid(31)).due == ()


@pytest.mark.parametrize(
    ("acts", "answer"),
    [
        ((paid(60), paid(61, INFORM)), False),
        ((paid(60), paid(61, INFORM), paid(61, INFORM)), False),  # told twice
        ((paid(60), paid(61, INFORM), paid(70, INFORM)), True),
        ((paid(61, INFORM), paid(70, INFORM)), False),
    ],
)
def test_each_consequence_of_a_violation_is_an_act_of_its_own(
    acts: tuple[Performed, ...],
    answer: bool,  # noqa: FBT001
) -> None:
    inform = Duty(action=Action(INFORM))
    item = policy(pay(until(50), consequences=(inform, inform)))
    for mode in Mode:
        known = Facts(now=NOW, performed=acts)
        assert evaluate(item, ASK, known, mode=mode).granted is answer
    ban = Prohibition(action=Action(PAY), remedies=(inform, inform))
    owed = decide(replace(policy(), prohibitions=(ban,)), *acts).due
    assert (len(owed) == 0) is (answer or paid(60) not in acts)


@pytest.mark.parametrize(("days", "answer"), [((51, 60), True), ((60, 61), False), ((51,), False)])
def test_an_act_serves_what_has_to_be_done_soonest(days: tuple[int, ...], answer: bool) -> None:  # noqa: FBT001
    soon = limit("elapsedTime", "lteq", "P5D")
    again = policy(pay(until(50), consequences=(pay(soon),)))  # to pay late, and once more soon
    assert decide(again, *map(paid, days)).granted is answer
    inform = Duty(action=Action(INFORM))
    both = policy(pay(until(50), consequences=(inform, replace(inform, constraints=(soon,)))))
    acts = [paid(day, INFORM) for day in days]
    decision = decide(both, paid(90), *acts)
    assert decision.granted is answer
    paths = [item.path[-1] for item in decision.rules[0].duties[0].consequences]
    assert paths == ["0", "1"]


def test_an_act_in_time_for_one_use_is_no_consequence_of_another() -> None:
    monthly = limit("elapsedTime", "lteq", "P30D")
    item = policy(pay(monthly, consequences=(pay(),)))
    usage = used(10, 60)  # the first one was violated on day 40
    assert not decide(item, paid(70), paid(71), usage=usage).granted
    assert decide(item, paid(70), paid(71), paid(72), usage=usage).granted


def test_a_violation_that_the_history_tells_is_made_good_once() -> None:
    told = {"/permission/0/duty/0": (Instance(S.VIOLATED, due=START + DAY * 50),)}
    inform = (Duty(action=Action(INFORM)),)
    weekly = limit("timeInterval", "eq", "P7D")
    for items in ((), (until(50),)):
        item = policy(pay(*items, consequences=inform))
        assert decide(item, paid(60), paid(61, INFORM), history=told).granted
        assert not decide(item, paid(60), history=told).granted
        assert not decide(item, paid(40), paid(61, INFORM), history=told).granted
    back = policy(pay(weekly, consequences=inform))  # comes back, and is due anew
    once = (paid(60), paid(61, INFORM))
    assert not decide(back, *once, history=told, usage=used()).granted
    more = (paid(70), paid(71, INFORM))
    assert decide(back, *once, *more, history=told, usage=used()).granted


@pytest.mark.parametrize("joined", [False, True])
def test_a_deadline_under_another_name_is_a_deadline(joined: bool) -> None:  # noqa: FBT001
    when = "urn:example:when"
    known = Operand(when, Kind.INSTANT, frozenset(), replaced_by=ODRL + "dateTime")
    knowledge = Knowledge(operands={when: known})
    end: Condition = replace(until(50), left=when)
    if joined:
        end = LogicalConstraint(Connective.OR, (end, end))
    item = policy(pay(end))
    assert not decide(item, knowledge=knowledge).granted
    assert decide(item, paid(40), now=START + DAY * 45, knowledge=knowledge).granted
    if not joined:
        assert decide(item, paid(40), knowledge=knowledge).granted
        assert decide(item, now=START, knowledge=knowledge).granted  # and may be done later


# -- counts and clocks ------------------------------------------------------------------------

ONCE = policy(constraints=(limit("count", "lteq", "1", "integer"),))


def may(target: str, usage: Usage, **facts: object) -> bool:
    known = Facts(now=NOW, usage=usage, members=HOLDS, **facts)  # type: ignore[arg-type]  # fields of facts
    return evaluate(ONCE, replace(ASK, target=target), known).granted


@pytest.mark.parametrize(
    ("before", "then", "answer"),
    [
        (WHOLE, X, False),
        (X, WHOLE, False),
        (WHOLE, WHOLE, False),
        (X, X, False),
        (X, Y, True),
        ("urn:example:z", WHOLE, True),
        (WHOLE, "urn:example:z", True),
    ],
)
def test_a_use_of_a_collection_is_one_of_each_member(before: str, then: str, answer: bool) -> None:  # noqa: FBT001
    assert may(then, used(9, target=before)) is answer
    facts = Facts(now=NOW, usage=used(), members=HOLDS)
    decision, usage = reserve_use(ONCE, replace(ASK, target=before), facts, "t")
    assert decision.granted
    assert may(then, usage) is answer
    assert may(then, release(usage, "t"))


def test_what_was_used_as_a_collection_stays_used_when_it_changes() -> None:
    facts = Facts(now=NOW, usage=used(), members=HOLDS)
    _, usage = reserve_use(ONCE, replace(ASK, target=WHOLE), facts, "t")
    later = Facts(now=NOW, usage=usage)
    assert not evaluate(ONCE, ASK, later).granted
    assert evaluate(ONCE, replace(ASK, target="urn:example:z"), later).granted


@pytest.mark.parametrize(("status", "answer"), [("0.5", False), ("-1", False), ("1.0", True)])
def test_a_count_starts_from_a_whole_number(status: str, answer: bool) -> None:  # noqa: FBT001
    seeded = replace(
        limit("count", "lteq", "5", "integer"), status=Literal(status, XSD + "decimal")
    )
    assert decide(policy(constraints=(seeded,)), usage=used()).granted is answer


def test_a_clock_that_goes_back_leaves_meters_and_periods_unknown() -> None:
    hour = policy(constraints=(limit("meteredTime", "lteq", "P1D"),))
    assert not decide(hour, usage=used(100.5)).granted
    assert decide(hour, usage=used(99.5)).granted
    ended = finish(used(96), "t0", START + DAY * 101)
    assert not decide(hour, usage=ended).granted
    weekly = limit("timeInterval", "eq", "P7D")
    ban = Prohibition(action=Action(READ), constraints=(weekly,))
    banned = replace(policy(), prohibitions=(ban,))
    key = key_of(banned, ban, "/prohibition/0", ASK)
    for day, answer in ((101, False), (99, True)):
        usage = reserve(used(), [key], "t", START + DAY * day)
        assert decide(banned, usage=usage).granted is answer


def test_an_hour_that_the_wall_clock_repeats_has_passed() -> None:
    paris = ZoneInfo("Europe/Paris")
    begun = datetime(2026, 10, 25, 1, 30, tzinfo=paris)
    item = policy(constraints=(limit("elapsedTime", "lteq", "PT60M"),))
    usage = open_agreement(Usage(), "urn:example:p", begun)
    soon, late = (datetime(2026, 10, 25, 2, 0, tzinfo=paris, fold=fold) for fold in (0, 1))
    assert decide(item, now=soon, usage=usage).granted
    assert not decide(item, now=late, usage=usage).granted
    assert instant(late) == late.astimezone(UTC)
    assert instant(START) is START


def test_an_interval_with_an_anchor_came_true_with_it() -> None:
    first = Constraint(ODRL + "recipient", Operator.EQ, (Iri("urn:example:r"),))
    weekly = limit("timeInterval", "eq", "P7D")
    item = policy(constraints=(LogicalConstraint(Connective.AND_SEQUENCE, (first, weekly)),))
    for anchor, answer in ((1, False), (9, True)):
        decision = decide(
            item,
            usage=used(),
            values={first.left: first.right},
            since={first.left: START + DAY * 5},
            anchors={weekly.left: START + DAY * anchor},
        )
        assert decision.granted is answer


def test_many_collections_in_one_another_are_looked_through_once() -> None:
    names = [f"urn:example:c{index}" for index in range(600)]
    members = {outer: frozenset({inner}) for outer, inner in pairwise(names)}
    for usage, answer in ((used(), True), (used(9, target=names[300]), False)):
        known = Facts(now=NOW, usage=usage, members=members)
        assert evaluate(ONCE, replace(ASK, target=names[0]), known).granted is answer


@pytest.mark.parametrize("name", ["consequence", "history", "history of a use"])
def test_what_is_done_several_times_spends_all_of_its_acts(name: str) -> None:
    twice = limit("count", "gteq", "2", "integer")
    inform = Duty(action=Action(INFORM), constraints=(twice,), id="urn:example:inform")
    told = [paid(day, INFORM) for day in (20, 21, 22, 23)]
    if name == "consequence":  # twice for the one, and once for the other
        once = Duty(action=Action(INFORM))
        item, least = policy(pay(until(5), consequences=(inform, once))), 3
        history: dict[str, tuple[Instance, ...]] = {}
    else:  # the first two went with an earlier occasion
        item, least = policy(inform), 4
        since = None if name == "history" else START + DAY * 30
        history = {inform.id: (Instance(S.FULFILLED, since, done=told[1].at),)}
    granted = [
        decide(item, paid(9), *told[:count], usage=used(), history=history).granted
        for count in range(1, 5)
    ]
    assert granted == [count >= least for count in range(1, 5)]


# -- when a violation was, and what makes it good ----------------------------------------------


@pytest.mark.parametrize("told", ["recorded", "no moment", "since"])
@pytest.mark.parametrize(("days", "answer"), [((15, 16), False), ((41, 42), True)])
def test_what_was_done_in_time_does_not_make_a_violation_good(
    told: str,
    days: tuple[int, int],
    answer: bool,  # noqa: FBT001
) -> None:
    key, inform = "/permission/0/duty/0", (Duty(action=Action(INFORM)),)
    end = limit("elapsedTime", "lteq", "P30D") if told == "since" else until(40)
    facts: dict[str, object] = {"recorded": {key: S.VIOLATED}}
    if told != "recorded":
        since = START + DAY * 10 if told == "since" else None
        facts = {"history": {key: (Instance(S.VIOLATED, since),)}}
    acts = (paid(days[0]), paid(days[1], INFORM))
    item = policy(pay(end, consequences=inform))
    assert decide(item, *acts, usage=used(), **facts).granted is answer


@pytest.mark.parametrize(("opens", "answer"), [(150, False), (60, True)])
def test_a_consequence_that_has_to_wait_is_owed(opens: int, answer: bool) -> None:  # noqa: FBT001
    later = Duty(action=Action(INFORM), constraints=(until(opens, "gteq"),))
    decision = decide(policy(pay(until(50), consequences=(later,))), paid(60), paid(61, INFORM))
    assert decision.granted is answer
    state = decision.rules[0].duties[0].consequences[0].state
    assert state is (S.FULFILLED if answer else S.DUE)
    assert decide(policy(pay(until(150, "gteq")))).granted  # a duty of its own may wait


def test_the_history_tells_of_one_use_at_a_time() -> None:
    after = policy(pay(limit("elapsedTime", "lteq", "P30D")))
    told = Instance(S.FULFILLED, START + DAY * 10, None, START + DAY * 20)
    for instances, answer in (((told,), False), ((told, told), True)):
        history = {"/permission/0/duty/0": instances}  # two uses began at the same time
        assert decide(after, paid(20), usage=used(10, 10), history=history).granted is answer


def test_an_obligation_that_the_history_tells_of_is_not_asked_for_again() -> None:
    owed = pay(limit("elapsedTime", "lteq", "P30D"))
    item = replace(policy(), obligations=(owed,))
    told = Instance(S.FULFILLED, START, None, START + DAY * 20)
    history = {"/obligation/0": (told,)}
    for known, states_ in ((history, [S.FULFILLED]), ({}, [S.VIOLATED])):
        found = decide(item, usage=used(), history=known).obligations[0]
        assert [instance.state for instance in found.instances] == states_
    assert decide(item, paid(20), usage=used(), history=history).due == ()


@pytest.mark.parametrize(("count", "answer"), [(4, False), (5, True)])
def test_all_acts_of_a_use_in_time_are_spent(count: int, answer: bool) -> None:  # noqa: FBT001
    twice = limit("count", "gteq", "2", "integer")
    month = limit("elapsedTime", "lteq", "P30D")
    item = policy(pay(month, twice, consequences=(pay(),)))
    usage = used(10, 50)  # two for the second use, two late, one for the consequence
    acts = [paid(day) for day in (60, 61, 62, 63, 64)[:count]]
    assert decide(item, *acts, usage=usage).granted is answer


def test_what_comes_back_is_violated_as_often_as_it_was() -> None:
    told = {"/permission/0/duty/0": (Instance(S.VIOLATED, due=START + DAY * 50),)}
    weekly = limit("timeInterval", "eq", "P7D")
    item = policy(pay(weekly, consequences=(Duty(action=Action(INFORM)),)))
    both = (paid(60), paid(70))  # this week's, and the late one
    decision = decide(item, *both, paid(71, INFORM), history=told, usage=used())
    assert decision.granted
    assert states(decision) == [S.VIOLATED, S.FULFILLED]
    assert not decide(item, *both, history=told, usage=used()).granted
    old = (paid(55), paid(60), paid(61, INFORM), paid(62, INFORM))
    missed = decide(item, *old, history=told, usage=used(80))  # nothing since the last use
    assert not missed.granted
    assert states(missed) == [S.VIOLATED, S.MISSING]
    assert decide(item, *old, paid(81), history=told, usage=used(80)).granted


def test_a_prohibited_act_is_not_its_own_remedy() -> None:
    ban = Prohibition(action=Action(PAY), remedies=(pay(),))
    item = replace(policy(), prohibitions=(ban,))
    found = decide(item, paid(60), paid(60)).rules[-1].violations  # told twice, done once
    assert [[due.state for due in one.remedies] for one in found] == [[S.MISSING]]
    ban = Prohibition(action=Action(PAY), remedies=(Duty(action=Action(INFORM)),))
    item = replace(policy(), prohibitions=(ban,))
    assert decide(item, paid(60), paid(60), paid(61, INFORM)).due == ()
