"""What a duty asks for, and whether what was done is that.

A constraint on time (`dateTime`, `elapsedTime`, `event`) is a window for the act, never a
condition: a deadline that has passed does not make a duty go away. Whatever else a duty states is a
condition for having to do it at all (W3C draft, minutes of 24 Nov 2025). Who must act, on what and
towards whom is the duty's to say, and the permission's where the duty is silent (same, conditions).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Final, NamedTuple

from policies_odrl import model
from policies_odrl.algebra.domain import Fact
from policies_odrl.algebra.forms import flat, operands_of
from policies_odrl.algebra.periods import later
from policies_odrl.evaluation import conditions as judge
from policies_odrl.evaluation.case import Case
from policies_odrl.evaluation.clocks import COUNT, ELAPSED, EVENT, SINCE
from policies_odrl.evaluation.decision import ConditionResult
from policies_odrl.evaluation.operands import POLICY_USAGE, check
from policies_odrl.evaluation.request import DATE_TIME, Facts, Performed, Request, names_of
from policies_odrl.knowledge import Knowledge
from policies_odrl.logic import Truth, all_of, any_of, unanimous
from policies_odrl.values import Duration, Span, duration, name, span
from policies_odrl.vocabulary import BY_ANYBODY, ROLES

COMPENSATED: Final = model.ODRL + "compensatedParty"
EVER: Final = datetime.min.replace(tzinfo=UTC)  # of an act that happened nobody knows when
_TIMED: Final = frozenset({DATE_TIME, ELAPSED, EVENT, *SINCE})
_BEFORE: Final = frozenset({model.Operator.LT, model.Operator.LTEQ})
_AFTER: Final = frozenset({model.Operator.GT, model.Operator.GTEQ})
_COMPARED: Final = _BEFORE | _AFTER | {model.Operator.EQ}


class Limit(NamedTuple):
    """A moment, aware, until which something can be done; also just then when `inclusive`."""

    at: datetime
    inclusive: bool

    def passed(self, now: datetime) -> bool:
        """Return whether it is too late."""
        return now > self.at if self.inclusive else now >= self.at


@dataclass(slots=True)
class Terms:
    """The constraints of a duty, sorted by what they do.

    Attributes:
        window: constraints on the time of the act itself.
        gates: conditions for having to do it.
        counts: constraints on how often it is done.
        opens: first moment; None when there is none.
        closes: limits on the calendar; the earliest counts.
        within: (time after the use, whether the last moment is in), for a duty after the use.
        after_use: whether it may be done after the use, on account of the use.
        known: False when a window could not be read.
    """

    window: list[model.Constraint] = field(default_factory=list)
    gates: list[model.Condition] = field(default_factory=list)
    counts: list[model.Constraint] = field(default_factory=list)
    opens: datetime | None = None
    closes: list[Limit] = field(default_factory=list)
    within: list[tuple[Duration, bool]] = field(default_factory=list)
    after_use: bool = False
    known: bool = True

    @property
    def end(self) -> Limit | None:
        """The earliest limit on the calendar."""
        return min(self.closes, default=None)

    def end_after(self, use: datetime) -> Limit | None:
        """Return the earliest limit for a duty on account of a use."""
        moments = [(later(use, by), inclusive) for by, inclusive in self.within]
        limits = [Limit(at, inclusive) for at, inclusive in moments if at is not None]
        return min([*limits, *self.closes], default=None)


def terms_of(duty: model.Duty, knowledge: Knowledge) -> Terms:
    """Return the constraints of a duty, sorted by what they do."""
    terms = Terms()
    for item in flat(duty.constraints):
        left = knowledge.current(item.left) if isinstance(item, model.Constraint) else ""
        if isinstance(item, model.LogicalConstraint) or left not in {COUNT, *_TIMED}:
            terms.gates.append(item)
        elif left == COUNT:
            terms.counts.append(item)
        else:
            _timed(terms, left, item, knowledge)
    return terms


def speaks_of_time(item: model.Condition, knowledge: Knowledge) -> bool:
    """Return whether a condition, or a part of it, is about time, under whatever name."""
    return any(knowledge.current(left) in _TIMED for left in operands_of(item))


def _timed(terms: Terms, left: str, item: model.Constraint, knowledge: Knowledge) -> None:
    """Note a limit on time; several values, or one that cannot be read, make the terms unknown."""
    value = item.right[0] if len(item.right) == 1 else model.Literal("")
    if left == DATE_TIME:
        _calendar(terms, item, span(value))
    elif left == EVENT and name(value) == POLICY_USAGE:  # the use itself is an event (Vocabulary)
        terms.after_use = terms.after_use or item.operator in _AFTER | {model.Operator.EQ}
        terms.known = terms.known and item.operator in _COMPARED
    elif left == EVENT:
        known = knowledge.events.get(name(value) or "")
        _calendar(terms, item, None if known is None else Span(*known))
    elif left == ELAPSED:
        _elapsed(terms, item, duration(value))
    else:
        _since(terms, item, duration(value), knowledge.events.get(SINCE[left]))


def _calendar(terms: Terms, item: model.Constraint, when: Span | None) -> None:
    """Note a window on the calendar; a day ends with its last moment."""
    terms.window.append(item)
    if when is None or item.operator not in _COMPARED:
        terms.known = False
        return
    if item.operator is model.Operator.LT:
        terms.closes.append(Limit(when.start, inclusive=False))
    elif item.operator not in _AFTER:
        terms.closes.append(Limit(when.end, inclusive=when.start == when.end))
    if item.operator not in _BEFORE:
        start = when.end if item.operator is model.Operator.GT else when.start
        terms.opens = max(start, terms.opens or start)


def _elapsed(terms: Terms, item: model.Constraint, by: Duration | None) -> None:
    timely = item.operator in _BEFORE | {model.Operator.EQ}
    if by is None or not timely or by.months < 0 or by.seconds < 0:
        terms.known = False
        return
    terms.after_use = True
    terms.within.append((by, item.operator is not model.Operator.LT))


def _since(
    terms: Terms,
    item: model.Constraint,
    by: Duration | None,
    event: tuple[datetime, datetime] | None,
) -> None:
    """Note a limit that runs from an event; it cannot be read until the event has a date."""
    end = later(event[1], by) if event and by is not None else None
    if end is None or item.operator not in _BEFORE:
        terms.known = False
        return
    limit = model.Literal(end.isoformat(), model.XSD + "dateTime")
    _calendar(terms, model.Constraint(DATE_TIME, item.operator, (limit,)), Span(end, end))


# -- acts --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Task:
    """A duty in hand: what it says, for whom, and under which conditions.

    Attributes:
        duty, path: the duty, and its JSON pointer.
        case: see `Case`; its rule is the one that uses are counted for.
        owner: the permission or prohibition that it hangs below; None for an obligation.
        after: acts before this do not count; None when all do.
        follows: whether it was brought about by a violation at `after`.
        terms: its constraints.
        gates: how the conditions for having to do it come out.
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


def first_done(task: Task, acts: Iterable[Performed]) -> tuple[Truth, tuple[Performed, ...]]:
    """Return whether a duty was done, and by which acts: several where it says how often."""
    found: list[Truth] = []
    counted: list[Performed] = []
    for act in acts:
        one = _fulfils(task, act)
        often = (_often_enough(task, item, act, len(counted)) for item in task.terms.counts)
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


def acts_of(facts: Facts) -> list[Performed]:
    """Return what was done in time order, up to now: the future fulfils nothing.

    What is told twice, the same in all respects, was done once.
    """
    found: dict[tuple[object, ...], Performed] = {}
    for act in sorted(facts.performed, key=lambda item: item.at):
        stated = frozenset((name, *sorted(map(repr, held))) for name, held in act.facts.items())
        if facts.now is None or act.at <= facts.now:
            found.setdefault((act.at, act.action, act.party, act.target, stated), act)
    return list(found.values())


def acts_since(acts: Iterable[Performed], after: datetime | None) -> list[Performed]:
    """Return the acts from a moment on; all of them without one."""
    return [act for act in acts if after is None or act.at >= after]


def left_of(acts: Iterable[Performed], spent: Iterable[Performed]) -> list[Performed]:
    """Return the acts but those that were spent on something: one act is done for one thing."""
    gone = {id(act) for act in spent}
    return [act for act in acts if id(act) not in gone]


def with_acts(case: Case, acts: Sequence[Performed]) -> Case:
    """Return the case of a world in which these acts alone were done."""
    return replace(case, facts=replace(case.facts, performed=tuple(acts)))


def _fulfils(task: Task, act: Performed) -> Truth:
    """Return whether an act is what a duty asks for, however often it asks for it."""
    duty, facts, terms = task.duty, task.case.facts, task.terms
    done = case_of(act, task.case)
    parts = [
        judge.action_premise(duty, "", done).truth,
        _by_whom(task, done),
        _on_what(task, done),
        _towards(task, done),
    ]
    if Truth.FALSE in parts:
        return Truth.FALSE
    parts += [item.truth for item in judge.refinements_of(duty, "", done)]
    parts += [_in_time(item, act, task.case) for item in terms.window]
    for gate, result in zip(terms.gates, task.gates, strict=True):
        names = [name for left in operands_of(gate) for name in names_of(left, facts.knowledge)]
        stated = any(act.facts.get(name) for name in names)
        parts.append(judge.condition(gate, "", done).truth if stated else result.truth)
        if speaks_of_time(gate, facts.knowledge):  # a window, or a condition: it has to be both
            parts.append(_in_time(gate, act, task.case))
    return all_of(parts)


def _in_time(item: model.Condition, act: Performed, case: Case) -> Truth:
    """Return whether an act was done when it had to be; one without a date was done by now."""
    moments = [act.at, case.facts.now] if act.at == EVER else [act.at]
    return unanimous(
        Truth.UNDETERMINED
        if at is None
        else judge.condition(item, "", case_of(replace(act, at=at), case)).truth
        for at in moments
    )


def _often_enough(task: Task, item: model.Constraint, act: Performed, earlier: int) -> Truth:
    """Return whether a duty was done as often as it has to be, this act included.

    Acts are counted where account is kept of them; otherwise the act itself has to say.
    """
    facts = task.case.facts
    if facts.usage is None:
        return judge.condition(item, "", case_of(act, task.case)).truth
    return check(item, (earlier,), facts.knowledge)[0]


def _on_what(task: Task, done: Case) -> Truth:
    """Return whether an act was done on what a duty names, or the permission, or on nothing."""
    policy, asked = task.case.policy, done.request.target or ""
    target = policy.target_of(task.duty)
    if task.owner is not None:
        target = task.duty.target or (policy.target_of(task.owner) if asked else None)
    return judge.member(target, asked, done)


def _by_whom(task: Task, done: Case) -> Truth:
    """Return whether an act is that of the one whom the duty binds.

    A payment may come from others where the duty names nobody (W3C draft, conditions: a company
    pays for its employees). Any other act is the assignee's own, and of whoever asks where the
    permission is good for several.
    """
    duty, owner, policy = task.duty, task.owner, task.case.policy
    named = policy.assignee_of(duty) if owner is None else duty.assignee
    paying = bool(BY_ANYBODY & task.case.knowledge.wider_actions(duty.action.id))
    if named is not None or paying:
        asks = judge.addressed if owner is None else judge.member
        return asks(named, done.request.assignee, done)
    bound = None if owner is None else policy.assignee_of(owner)
    asked, by = task.case.request.assignee, done.request.assignee
    if not asked or not by:
        return Truth.UNDETERMINED
    return Truth.of(by == asked or (bound is not None and by == bound.id))


def _towards(task: Task, done: Case) -> Truth:
    """Return whether an act was done towards those the duty names.

    An act that does not say towards whom is Undetermined, and one towards several parties at once
    is an act towards none of them. Who is compensated is the permission's assigner where the duty
    names nobody (W3C draft, conditions; Vocabulary, Party Functions), and need not be said.
    """
    owner, told, by = task.owner, done.request.facts, done.request.assignee
    found = []
    for function, party in task.duty.functions:
        own = (model.Iri(by),) if by and function in ROLES and ROLES[function].acts else ()
        found.append(_all_are(party, told.get(function) or own, done))
    assigner = None if owner is None else task.case.policy.assigner_of(owner)
    named = any(function == COMPENSATED for function, _ in task.duty.functions)
    if assigner is not None and not named and told.get(COMPENSATED):
        found.append(_all_are(assigner, told[COMPENSATED], done))
    return all_of(found)


def _all_are(party: model.PartyRef, values: Sequence[Fact], done: Case) -> Truth:
    names = [value.value if isinstance(value, model.Iri) else value for value in values]
    return unanimous(
        judge.member(party, name if isinstance(name, str) else "", done) for name in names
    )


def case_of(act: Performed, case: Case) -> Case:
    """Return the case of an act that was carried out, at the time when it was."""
    request = Request(act.action, act.party, act.target, act.facts)
    facts = case.facts
    known = {left: held for left, held in act.facts.items() if left != DATE_TIME}
    then = Facts(act.at, known, members=facts.members, knowledge=facts.knowledge)
    return Case.of(case.policy, request, then, case.mode)
