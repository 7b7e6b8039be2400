"""Where duties and obligations stand, from what was done (at length: `docs/reference/duties.md`).

A duty has *occasions*, from each of which it has to be done: the use asked for, each use on record,
the agreement, a violation. The acts that count for one are those since it began, by whom the duty
binds, that nothing else has taken. What came is told as events to the table of `deontic.py`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Final

from policies_odrl.algebra.periods import Recurrence
from policies_odrl.evaluation import acts as deeds
from policies_odrl.evaluation import conditions as judge
from policies_odrl.evaluation.acts import Gate, Task, Terms, first_done, left_of
from policies_odrl.evaluation.clocks import agreed, used_before
from policies_odrl.evaluation.decision import ConditionResult, DutyResult, Violation
from policies_odrl.evaluation.deontic import DutyState, Event, Instance, outcome
from policies_odrl.evaluation.request import Case, Mode, Performed
from policies_odrl.logic import Truth
from policies_odrl.model import Duty, Prohibition, Rule
from policies_odrl.vocabulary import AFTER_USE

_S: Final = DutyState
_UNDONE: Final = frozenset({_S.DUE, _S.VIOLATED})
_TOLD: Final = _UNDONE | {_S.FULFILLED, _S.MISSING}
NOT_UNDERSTOOD: Final = "what is said of it was not understood"
INVALID: Final = "a consequence or remedy has no consequence of its own"
_NO_TIME: Final = "the time is not known"
_NO_START: Final = "since when it has to be done is not known"


def duty_state(
    duty: Duty,
    path: str,
    case: Case,
    owner: Rule | None = None,
    after: datetime | None = None,
    *,
    follows: bool = False,
) -> DutyResult:
    """Return where a duty stands, seen from a request; the arguments are as in `Task`."""
    below = (duty, *duty.consequences) if isinstance(owner, Prohibition) else duty.consequences
    if duty.unread or any(item.consequences for item in below):
        note = NOT_UNDERSTOOD if duty.unread else INVALID
        return DutyResult(path, duty, _S.UNDETERMINED, note=note)
    terms = deeds.terms_of(duty, case.facts.knowledge)
    gates = tuple(
        [_gate(item, f"{path}/constraint/{index}", case) for index, item in enumerate(terms.gates)]
    )
    task = Task(duty, path, case, owner, after, follows, terms, gates)
    result = _recorded(task) or _judged(task)
    return _with_consequences(task, result) if result.state is _S.VIOLATED else result


def blocks(result: DutyResult, mode: Mode) -> bool:
    """Return whether the state of a duty keeps its permission from granting."""
    if result.note in {INVALID, NOT_UNDERSTOOD}:
        return True
    if result.settled:
        return False
    if mode is Mode.SUITE:
        return result.state is _S.VIOLATED
    return result.state not in {_S.FULFILLED, _S.INACTIVE, _S.DUE}


def _gate(gate: Gate, path: str, case: Case) -> ConditionResult:
    result, why = judge.condition(gate.item, path, case), ""
    if result.truth is Truth.FALSE and gate.timed:
        why = "it may have held before"
    elif gate.counted:
        why = "how often it has to be done is one of several alternatives"
    return replace(result, truth=Truth.UNDETERMINED, why=why) if why else result


def _recorded(task: Task) -> DutyResult | None:
    terms, end = task.terms, task.terms.end()
    state = task.case.facts.recorded.get(task.duty.id or task.path)
    if state is None:
        return None
    if state in _UNDONE and terms.known and terms.after_use and task.active is not Truth.FALSE:
        result = _after_use(task)
        if result.state is _S.VIOLATED:  # no record of the whole makes good what the uses tell
            return result
    if state is _S.DUE:
        if not terms.known:
            state = _S.UNDETERMINED
        elif end is not None:
            state = _S.VIOLATED if end.passed(task.now) else state
        elif not terms.after_use:  # a later time needs an explicit deadline
            state = _S.MISSING
    return DutyResult(task.path, task.duty, state, gates=task.gates)


def _judged(task: Task) -> DutyResult:
    if task.active is Truth.FALSE:
        return _result(task, _S.INACTIVE)
    if not task.terms.known:
        note = "the time by which it must be done cannot be read"
        return _result(task, _S.UNDETERMINED, note=note)
    if task.terms.after_use:
        return _after_use(task)
    wider = task.case.facts.knowledge.wider_actions(task.duty.action.id)
    if AFTER_USE & wider and not task.follows:
        return _aftercare(task)
    return _once(task, _anew(task))


def _result(
    task: Task, state: DutyState, acts: tuple[Performed, ...] = (), note: str = ""
) -> DutyResult:
    end = task.terms.end() if state in _UNDONE else None
    done = acts[-1].at if acts else None
    own = (Instance(state, task.after, end.at if end else None, done),) if state in _TOLD else ()
    return DutyResult(task.path, task.duty, state, acts, task.gates, own, note=note)


def _aftercare(task: Task) -> DutyResult:
    """Return where a duty stands that can only be done after the use (`delete`).

    What was done before the last use, or before the agreement, leaves it undone; a use that is
    asked for brings it about anew (W3C minutes of 24 Nov 2025: a later duty states its deadline).
    """
    now, opens, end = task.now, task.terms.opens, task.terms.end()
    if now is not None and opens is not None and now < opens:
        return _once(task, opens)
    if task.owner is not None and end is None:
        note = "it can only be done after the use, and no deadline is stated"
        return _result(task, _S.UNDETERMINED, note=note)
    asked = task.owner is not None and task.case.asked
    if asked and end and now is not None and not end.passed(now):
        return _result(task, outcome([Event.OWED_LATER]))
    uses = [use.start for held in used_before(task.case) or () for use in held if use.committed]
    since = max(uses, default=None) or agreed(task.case)
    if since is not None:
        return _once(task, max(since, _anew(task) or since))
    done, _ = first_done(task, deeds.acts_of(task.case))
    if done is not Truth.FALSE:  # whether that was after the use, nobody knows
        return _result(task, _S.UNDETERMINED, note=_NO_START)
    return _once(task, None)


def _once(task: Task, since: datetime | None) -> DutyResult:
    done, acts = first_done(task, deeds.acts_of(task.case), since)
    if task.terms.window and task.now is None and done is not Truth.TRUE:
        return _result(task, _S.UNDETERMINED, note=_NO_TIME)
    events, note = list(_events(task, done)), ""
    if Event.UNCLEAR in events:
        note = _NO_TIME if task.now is None else "cannot tell whether it was done"
        if task.active is Truth.UNDETERMINED:
            note = "cannot tell whether it has to be done"
    return _result(task, outcome(events), acts, note)


def _events(task: Task, done: Truth) -> Iterator[Event]:
    now, opens, end = task.now, task.terms.opens, task.terms.end()
    passed = end is not None and (end.passed(opens) or end.passed(now))  # or there is no time
    waiting = not passed and now is not None and opens is not None and now < opens
    if waiting and done is not Truth.TRUE:
        if task.follows:  # what a violation brought about is owed already, and has to wait
            yield Event.OWED_LATER
        return
    yield Event.OWED_FIRST if end is None else Event.OWED_LATER
    if done is Truth.TRUE:
        yield Event.DONE
    elif task.active is Truth.UNDETERMINED and (passed or end is None):
        yield Event.UNCLEAR
    elif passed:
        yield Event.TOO_LATE
    elif end is None and done is Truth.UNDETERMINED:
        yield Event.UNCLEAR


def _anew(task: Task) -> datetime | None:
    """Return since when acts count: what comes back after each use is done after the last one."""
    leaves = [leaf for gate in task.gates for leaf in gate.leaves()]
    clocks = [value for leaf in leaves for value in leaf.values if isinstance(value, Recurrence)]
    lasts = [clock.last + timedelta.resolution for clock in clocks if clock.last is not None]
    return max([*lasts, *([] if task.after is None else [task.after])], default=None)


def _after_use(task: Task) -> DutyResult:
    """Return where a duty stands that each use brings about anew; first come, first served."""
    now, starts = task.now, _starts(task)
    if now is None or starts is None:
        return _result(task, _S.UNDETERMINED, note=_NO_TIME if now is None else _NO_START)
    left, instances = list(deeds.acts_of(task.case)), list[Instance]()
    spent: list[Performed] = []
    for start in starts:
        _, acts = first_done(task, left, start, task.terms.end(start))
        left = left_of(left, acts)
        spent += acts
        instances.append(_instance(task, start, acts, now))
    if task.owner is not None and not task.follows and task.case.asked:  # the use asked for
        instances.append(_instance(task, now, (), now))
    states = {item.state for item in instances}
    rest = _S.FULFILLED if instances else _S.INACTIVE  # nothing was used yet
    state = next((item for item in (_S.VIOLATED, _S.DUE) if item in states), rest)
    told = task.follows or state is _S.VIOLATED  # what is late takes other acts
    by = tuple(spent) if told else ()
    return DutyResult(task.path, task.duty, state, by, task.gates, tuple(instances))


def _instance(task: Task, start: datetime, acts: Sequence[Performed], now: datetime) -> Instance:
    """Return what became of one occasion, of which acts were done in time."""
    limit, events = task.terms.end(start), [Event.OWED_LATER]
    if acts:
        events.append(Event.DONE)
    elif limit is not None and limit.passed(now):
        events.append(Event.TOO_LATE)
    done = acts[-1].at if acts else None
    return Instance(outcome(events), start, limit.at if limit else None, done)


def _starts(task: Task) -> list[datetime] | None:
    """Return from when a duty counts, once for each occasion; None when that is not known.

    A period that would run from a use runs from the agreement where no use is on record: no use
    precedes it.
    """
    if task.follows:
        return None if task.after is None else [task.after]
    used = None if task.owner is None else used_before(task.case)
    if used is not None:
        uses = {(use.start, use.ticket) for held in used for use in held if use.committed}
        return [start for start, _ in sorted(uses)]
    if task.owner is not None and task.case.facts.usage is not None:  # it was never opened in it
        return None
    if task.owner is not None and not task.terms.within:
        return []
    begun = agreed(task.case)
    return None if begun is None else [begun]


def _with_consequences(task: Task, result: DutyResult) -> DutyResult:
    """Add what a violation brings about (IM 2.6.6: the consequence comes on top of the duty).

    What is late can be done at any time, so that it takes an act that nothing else needs.
    """
    late_from = (item.due for item in result.instances if item.state is _S.VIOLATED)
    known, end = sorted(at for at in late_from if at is not None), task.terms.end()
    moments: list[datetime | None] = [*known] if known else [task.after]
    left = left_of(deeds.acts_of(task.case), result.acts)
    if None in moments and end is not None:  # whenever it was, what was in time is not late
        left = [act for act in left if end.passed(act.at)]
    added: list[DutyResult] = []
    for since in moments:
        path = f"{task.path}/odrl:consequence"
        found, left = _followed(task.duty.consequences, path, task.case, task.owner, since, left)
        added += found
    anyway = replace(task, terms=Terms(gates=task.terms.gates, counts=task.terms.counts))
    late: list[tuple[Performed, ...]] = []
    for since in moments:
        late.append(first_done(anyway, left, since)[1])
        left = left_of(left, late[-1])
    settled = bool(added) and all(late) and not any(item.open for item in added)
    by = late[-1] if all(late) else ()
    return replace(result, acts=by, consequences=tuple(added), settled=settled)


def _followed(
    duties: Sequence[Duty],
    path: str,
    case: Case,
    owner: Rule | None,
    since: datetime | None,
    left: Iterable[Performed],
) -> tuple[list[DutyResult], list[Performed]]:
    """Return where all stands that a violation brings about, and acts left; urgent ones first."""

    def latest(index: int) -> datetime:
        limit = deeds.terms_of(duties[index], case.facts.knowledge).end(since)
        return datetime.max.replace(tzinfo=UTC) if limit is None else limit.at

    found: dict[int, DutyResult] = {}
    for index in sorted(range(len(duties)), key=latest):
        then = replace(case, facts=replace(case.facts, performed=tuple(left)), kept={})
        found[index] = duty_state(
            duties[index], f"{path}/{index}", then, owner, since, follows=True
        )
        left = left_of(left, found[index].acts)
    return [found[index] for index in range(len(duties))], list(left)


def violations_of(rule: Prohibition, path: str, case: Case) -> tuple[Violation, ...]:
    """Return the acts known to have violated a prohibition, in time order, with their remedies.

    An act violates it when it is certain that it was about the act and held at that time. A remedy
    is done after the act that it makes good, and makes good that one alone (IM 2.6.7).
    """
    found: list[Violation] = []
    left = list(deeds.acts_of(case))
    for act in [] if rule.unread else left:  # what was not understood is never certain
        done = deeds.case_of(act, case)
        parts = (
            *judge.premises_of(rule, path, done),
            *judge.conditions(rule.constraints, f"{path}/constraint", done),
            *judge.refinements_of(rule, path, done),
        )
        if any(item.truth is not Truth.TRUE for item in parts):
            continue
        left = left_of(left, [act])  # what was wrong does not make itself good
        his = replace(case, request=replace(case.request, assignee=act.party), kept={})
        place = f"{path}/odrl:remedy"
        remedies, left = _followed(rule.remedies, place, his, rule, act.at, left)
        found.append(Violation(act, tuple(remedies)))
    return tuple(found)
