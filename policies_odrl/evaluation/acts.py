"""What a duty asks for, and whether what was done is that.

A constraint on time is a window for the act, never a condition: a deadline that has passed does not
make a duty go away. Whatever else a duty states is a condition for having to do it at all. Source:
W3C draft on formal semantics, conditions; minutes of 24 November 2025.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from itertools import chain
from typing import Final, NamedTuple, cast

from policies_odrl import model
from policies_odrl.algebra.domain import Fact
from policies_odrl.algebra.forms import flat, operands_of
from policies_odrl.algebra.periods import later
from policies_odrl.evaluation import conditions as judge
from policies_odrl.evaluation.clocks import COUNT, ELAPSED, EVENT, SINCE
from policies_odrl.evaluation.decision import ConditionResult
from policies_odrl.evaluation.operands import POLICY_USAGE, check
from policies_odrl.evaluation.request import DATE_TIME, Case, Facts, Performed, Request
from policies_odrl.frozen import frozen
from policies_odrl.knowledge import Knowledge
from policies_odrl.logic import Truth, all_of, any_of, unanimous
from policies_odrl.model import Operator
from policies_odrl.values import Duration, Span, duration, name, span
from policies_odrl.vocabulary import BY_ANYBODY, ROLES

COMPENSATED: Final = model.ODRL + "compensatedParty"
EVER: Final = datetime.min.replace(tzinfo=UTC)  # of an act that happened nobody knows when
_TIMED: Final = frozenset({DATE_TIME, ELAPSED, EVENT, *SINCE})
_UNTIL: Final = frozenset({Operator.LT, Operator.LTEQ, Operator.EQ})
_FROM: Final = frozenset({Operator.GT, Operator.GTEQ, Operator.EQ})


class Limit(NamedTuple):
    """An aware moment until which something can be done; also just then when `inclusive`."""

    at: datetime
    inclusive: bool

    def passed(self, now: datetime | None) -> bool:
        """Return whether it is known to be too late."""
        return now is not None and (now > self.at or (now == self.at and not self.inclusive))


class Gate(NamedTuple):
    """A condition for having to do a duty, under which names it is stated, and what it is about."""

    item: model.Condition
    names: frozenset[str]
    timed: bool
    counted: bool


@dataclass(slots=True)
class Terms:
    """The constraints of a duty, sorted by what they do; nobody changes them once they are made.

    `window` is about the time of the act itself, `gates` about having to do it, `counts` about how
    often. It may be done from `opens`, and until the earliest of `closes` and of the times `within`
    which it has to follow a use (and whether their last moment is in); `after_use`: on account of
    the use. `known` is False when a window could not be read.
    """

    window: list[model.Constraint] = field(default_factory=list)
    gates: list[Gate] = field(default_factory=list)
    counts: list[model.Constraint] = field(default_factory=list)
    opens: datetime | None = None
    closes: list[Limit] = field(default_factory=list)
    within: list[tuple[Duration, bool]] = field(default_factory=list)
    after_use: bool = False
    known: bool = True

    def end(self, since: datetime | None = None) -> Limit | None:
        """Return the earliest limit; periods run from an occasion, where it is given."""
        limits = list(self.closes)
        if since is not None:
            ends = [(later(since, by), inclusive) for by, inclusive in self.within]
            limits += [Limit(at, inclusive) for at, inclusive in ends if at is not None]
        return min(limits, default=None)


def terms_of(duty: model.Duty, knowledge: Knowledge) -> Terms:
    """Return the constraints of a duty, sorted by what they do; the knowledge keeps them."""
    kept = knowledge.kept.get(("terms", id(duty)))
    if kept is not None and kept[0] is duty:
        return cast("Terms", kept[1])
    terms = Terms()
    for item in flat(duty.constraints):
        left = knowledge.current(item.left) if isinstance(item, model.Constraint) else ""
        if isinstance(item, model.LogicalConstraint) or left not in {COUNT, *_TIMED}:
            names = {it: knowledge.names(it) for it in operands_of(item)}
            now = {knowledge.current(it) for it in names}
            about = frozenset(chain(*names.values())), not _TIMED.isdisjoint(now), COUNT in now
            terms.gates.append(Gate(item, *about))
        elif left == COUNT:
            terms.counts.append(item)
        elif not _timed(terms, left, item, knowledge):
            terms.known = False
    knowledge.keep(("terms", id(duty)), duty, terms)
    return terms


def _timed(terms: Terms, left: str, item: model.Constraint, knowledge: Knowledge) -> bool:
    """Note a limit on time, and return whether it can be read; several values cannot."""
    value = item.right[0] if len(item.right) == 1 else model.Literal("")
    event = knowledge.events.get(SINCE.get(left) or name(value) or "")
    if left == DATE_TIME:
        return _calendar(terms, item, span(value))
    if left == EVENT and name(value) == POLICY_USAGE:  # the use itself is an event (Vocabulary)
        terms.after_use = terms.after_use or item.operator in _FROM
        return item.operator in _FROM | _UNTIL
    if left == EVENT:
        return _calendar(terms, item, Span(*event) if event else None)
    if left == ELAPSED:
        return _elapsed(terms, item, duration(value))
    by = duration(value)
    end = later(event[1], by) if event and by else None  # since an event: once it has a date
    if end is None or item.operator not in _UNTIL - _FROM:
        return False
    limit = model.Literal(end.isoformat(), model.XSD + "dateTime")
    return _calendar(terms, model.Constraint(DATE_TIME, item.operator, (limit,)), Span(end, end))


def _elapsed(terms: Terms, item: model.Constraint, by: Duration | None) -> bool:
    if by is None or item.operator not in _UNTIL or by.months < 0 or by.seconds < 0:
        return False
    terms.after_use = True
    terms.within.append((by, item.operator is not Operator.LT))
    return True


def _calendar(terms: Terms, item: model.Constraint, when: Span | None) -> bool:
    """Note a window on the calendar, where it can be read; a day ends with its last moment."""
    terms.window.append(item)
    if when is None or item.operator not in _FROM | _UNTIL:
        return False
    if item.operator is Operator.LT:
        terms.closes.append(Limit(when.start, inclusive=False))
    elif item.operator in _UNTIL:
        terms.closes.append(Limit(when.end, inclusive=when.start == when.end))
    if item.operator in _FROM:
        start = when.end if item.operator is Operator.GT else when.start
        terms.opens = max(start, terms.opens or start)
    return True


@frozen
class Task:
    """A duty in hand: what it says, for whom, and under which conditions.

    The rule of the case is the one that uses are counted for; `owner` is the rule that the duty
    hangs below, None for an obligation. Acts before `after` do not count; where it `follows`, a
    violation brought it about then. `gates` are how the conditions for having to do it come out.
    """

    duty: model.Duty
    path: str
    case: Case
    owner: model.Rule | None
    after: datetime | None
    follows: bool
    terms: Terms
    gates: tuple[ConditionResult, ...]

    @property
    def active(self) -> Truth:
        """Whether the conditions hold under which it has to be done."""
        return all_of(gate.truth for gate in self.gates)

    @property
    def now(self) -> datetime | None:
        """The time of the evaluation."""
        return self.case.facts.now


def first_done(
    task: Task,
    acts: Iterable[Performed],
    since: datetime | None = None,
    limit: Limit | None = None,
) -> tuple[Truth, tuple[Performed, ...]]:
    """Return whether a duty was done in time, and by which acts: several where it says how often.

    Acts count from a moment on, and until a limit; all of them where there is none.
    """
    found: list[Truth] = []
    counted: list[Performed] = []
    for act in acts:
        if (since is not None and act.at < since) or (limit is not None and limit.passed(act.at)):
            continue
        one = _fulfils(task, act)
        often = (  # counted where account is kept of acts; otherwise the act itself has to say
            judge.condition(item, "", case_of(act, task.case)).truth
            if task.case.facts.usage is None
            else check(item, (len(counted),), task.case.facts.knowledge)[0]
            for item in task.terms.counts
        )
        truth = all_of((one, *often))
        dated = act.at != EVER or task.terms.window
        if truth is Truth.TRUE and task.now is None and dated:  # it may lie in the future
            truth = Truth.UNDETERMINED
        if truth is Truth.TRUE:
            return truth, (*counted, act) if task.terms.counts else (act,)
        if one is Truth.TRUE:
            counted.append(act)
        found.append(truth)
    return any_of(found), ()


def acts_of(case: Case) -> tuple[Performed, ...]:
    """Return what was done in time order, up to now: the future fulfils nothing.

    What is told twice, the same in all respects, was done once.
    """
    kept: tuple[Performed, ...] | None = case.kept.get("acts")
    if kept is None:
        found: dict[tuple[object, ...], Performed] = {}
        for act in sorted(case.facts.performed, key=lambda item: item.at):
            stated = frozenset((name, *sorted(map(repr, held))) for name, held in act.facts.items())
            if case.facts.now is None or act.at <= case.facts.now:
                found.setdefault((act.at, act.action, act.party, act.target, stated), act)
        kept = case.kept["acts"] = tuple(found.values())
    return kept


def left_of(acts: Iterable[Performed], spent: Iterable[Performed]) -> list[Performed]:
    """Return the acts but those that were spent on something: one act is done for one thing."""
    gone = {id(act) for act in spent}
    return [act for act in acts if id(act) not in gone]


def case_of(act: Performed, case: Case) -> Case:
    """Return the case of an act that was carried out, at the time when it was."""
    kept = case.kept.get(("act", id(act)))
    if kept is not None:
        return cast("Case", kept[1])
    request = Request(act.action, act.party, act.target, act.facts)
    facts = case.facts
    known = {left: held for left, held in act.facts.items() if left != DATE_TIME}
    then = Facts(act.at, known, members=facts.members, knowledge=facts.knowledge)
    found = Case.of(case.policy, request, then, case.mode)
    case.kept["act", id(act)] = (act, found)  # which lives as long
    return found


def _fulfils(task: Task, act: Performed) -> Truth:
    """Return whether an act is what a duty asks for, however often it asks for it."""
    duty, done = task.duty, case_of(act, task.case)
    target, on = duty.target, act.target or ""
    if target is None and (task.owner is None or on):  # on nothing, or on what the permission names
        target = task.case.policy.target_of(task.owner or duty)
    parts = [
        judge.action_premise(duty, "", done).truth,
        _by_whom(task, act.party, done),
        judge.member(target, on, done),
        _towards(task, act, done),
    ]
    if Truth.FALSE in parts:
        return Truth.FALSE
    parts += [item.truth for item in judge.refinements_of(duty, "", done)]
    parts += [_in_time(item, act, task.case) for item in task.terms.window]
    for gate, result in zip(task.terms.gates, task.gates, strict=True):
        stated = any(map(act.facts.get, gate.names))
        parts.append(judge.condition(gate.item, "", done).truth if stated else result.truth)
        if gate.timed:  # a window, or a condition: it has to be both
            parts.append(_in_time(gate.item, act, task.case))
    return all_of(parts)


def _in_time(item: model.Condition, act: Performed, case: Case) -> Truth:
    """Return whether an act was done when it had to be; one without a date was done by now."""
    truths, now = [judge.condition(item, "", case_of(act, case)).truth], case.facts.now
    if act.at == EVER:
        then = None if now is None else case_of(replace(act, at=now), case)
        truths.append(judge.condition(item, "", then).truth if then else Truth.UNDETERMINED)
    return unanimous(truths)


def _by_whom(task: Task, by: str, done: Case) -> Truth:
    """Return whether an act is that of the one whom the duty binds.

    A payment may come from others where the duty names nobody (W3C draft, conditions: a company
    pays for its employees). Any other act is the assignee's own, and of whoever asks where the
    permission is good for several.
    """
    duty, owner, policy = task.duty, task.owner, task.case.policy
    named = policy.assignee_of(duty) if owner is None else duty.assignee
    if named is not None or BY_ANYBODY & task.case.facts.knowledge.wider_actions(duty.action.id):
        return judge.member(named, by, done)
    bound = None if owner is None else policy.assignee_of(owner)
    asked = task.case.request.assignee
    if not asked or not by:
        return Truth.UNDETERMINED
    return Truth.of(by == asked or (bound is not None and by == bound.id))


def _towards(task: Task, act: Performed, done: Case) -> Truth:
    """Return whether an act was done towards those the duty names.

    An act that does not say towards whom is Undetermined, and one towards several parties at once
    is an act towards none of them. Who is compensated is the permission's assigner where the duty
    names nobody (W3C draft, conditions; Vocabulary, Party Functions), and need not be said.
    """
    named: list[tuple[model.PartyRef, Sequence[Fact]]] = []
    for function, party in task.duty.functions:
        acts = act.party and function in ROLES and ROLES[function].acts
        named.append((party, act.facts.get(function) or ((act.party,) if acts else ())))
    paid = act.facts.get(COMPENSATED)
    assigner = None if task.owner is None else task.case.policy.assigner_of(task.owner)
    if assigner and paid and all(function != COMPENSATED for function, _ in task.duty.functions):
        named.append((assigner, paid))
    each = ([judge.member(party, name(it) or "", done) for it in values] for party, values in named)
    return all_of(map(unanimous, each))
