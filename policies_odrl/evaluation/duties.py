"""Where duties and obligations stand, from what was done.

How it works (the manual has it at length, `docs/reference/duties.md`): a duty has *occasions*, from
each of which it has to be done: the use asked for, each use on record, the agreement, a violation.
The acts that count for an occasion are those since it began, by whom the duty binds, that nothing
else has taken. What came is told as events to the table of `deontic.py`, which says the state.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Final

from policies_odrl.algebra.periods import Recurrence
from policies_odrl.evaluation.acts import Task, acts_since, first_done, left_of, unspent, without
from policies_odrl.evaluation.case import Case
from policies_odrl.evaluation.clocks import COUNT, INTERVAL
from policies_odrl.evaluation.conditions import condition
from policies_odrl.evaluation.deadlines import Terms, operands_of, speaks_of_time, terms_of
from policies_odrl.evaluation.decision import ConditionResult, DutyResult
from policies_odrl.evaluation.deontic import DutyState, Event, Instance, outcome
from policies_odrl.evaluation.modes import Mode
from policies_odrl.evaluation.occasions import (
    NO_START,
    NO_TIME,
    after_use,
    history,
    last_use,
    result_of,
)
from policies_odrl.evaluation.request import Performed
from policies_odrl.logic import Truth, all_of
from policies_odrl.model import Condition, Duty, Permission, Rule
from policies_odrl.vocabulary import AFTER_USE

_HARMLESS: Final = frozenset({DutyState.FULFILLED, DutyState.INACTIVE, DutyState.DUE})
_UNDONE: Final = frozenset({DutyState.DUE, DutyState.VIOLATED})
NOT_UNDERSTOOD: Final = "what is said of it was not understood"
INVALID: Final = "a consequence or remedy has no consequence of its own"
_UNREADABLE: Final = "the time by which it must be done cannot be read"
_GATE: Final = "cannot tell whether it has to be done"
_HOW_OFTEN: Final = "how often it has to be done is one of several alternatives"
_FOREVER: Final = datetime.max.replace(tzinfo=UTC)
_NO_DEADLINE: Final = "it can only be done after the use, and no deadline is stated"
_UNCLEAR: Final = "cannot tell whether it was done"


def duty_state(
    duty: Duty,
    path: str,
    case: Case,
    owner: Rule | None = None,
    after: datetime | None = None,
    *,
    follows: bool = False,
) -> DutyResult:
    """Return where a duty stands, seen from a request.

    Args:
        duty: an obligation, a duty of a permission, a consequence or a remedy.
        path: its JSON pointer.
        case: see `Case`; its rule is the one that uses are counted for.
        owner: the permission or prohibition that it hangs below; None for an obligation.
        after: acts before this do not count; None when all do.
        follows: whether it is a consequence or a remedy, brought about by a violation at `after`.
    """
    if any(item.consequences for item in _followers(duty, owner)):
        return DutyResult(path, duty, DutyState.UNDETERMINED, note=INVALID)
    if duty.unread:
        return DutyResult(path, duty, DutyState.UNDETERMINED, note=NOT_UNDERSTOOD)
    terms = terms_of(duty, case.knowledge)
    gates = tuple(
        [_gate(item, f"{path}/constraint/{index}", case) for index, item in enumerate(terms.gates)]
    )
    task = Task(duty, path, case, owner, after, terms, gates, follows)
    result = _recorded(task) or _judged(task)
    return _with_consequences(task, result) if result.state is DutyState.VIOLATED else result


def blocks(result: DutyResult, mode: Mode) -> bool:
    """Return whether the state of a duty keeps its permission from granting."""
    if result.note in {INVALID, NOT_UNDERSTOOD}:
        return True
    if result.settled:
        return False
    if mode is Mode.SUITE:
        return result.state is DutyState.VIOLATED
    return result.state not in _HARMLESS


def _followers(duty: Duty, owner: Rule | None) -> tuple[Duty, ...]:
    remedy = owner is not None and not isinstance(owner, Permission)
    return (duty, *duty.consequences) if remedy else duty.consequences


def _gate(item: Condition, path: str, case: Case) -> ConditionResult:
    result = condition(item, path, case)
    if result.truth is Truth.FALSE and speaks_of_time(item, case.knowledge):
        return replace(result, truth=Truth.UNDETERMINED, why="it may have held before")
    if any(case.knowledge.current(left) == COUNT for left in operands_of(item)):
        return replace(result, truth=Truth.UNDETERMINED, why=_HOW_OFTEN)
    return result


def _recorded(task: Task) -> DutyResult | None:
    state = task.case.facts.recorded.get(task.duty.id or task.path)
    if state is None:
        return None
    if state in _UNDONE and _too_late_for_a_use(task):
        return after_use(task)
    if state is DutyState.DUE:
        state = _recorded_due(task)
    return DutyResult(task.path, task.duty, state, gates=task.gates, instances=history(task))


def _too_late_for_a_use(task: Task) -> bool:
    """Return whether the uses tell of a violation: no record of the whole makes one good."""
    asked = task.terms.known and task.terms.after_use and task.active is not Truth.FALSE
    return asked and after_use(task).state is DutyState.VIOLATED


def _recorded_due(task: Task) -> DutyState:
    """Return where a duty stands that was not done yet: a later time needs an explicit deadline."""
    terms, now = task.terms, task.case.facts.now
    if not terms.known:
        return DutyState.UNDETERMINED
    if terms.end is not None and now is not None and terms.end.passed(now):
        return DutyState.VIOLATED
    later = terms.after_use or terms.end is not None
    return DutyState.DUE if later else DutyState.MISSING


def _judged(task: Task) -> DutyResult:
    if task.active is Truth.FALSE:
        return result_of(task, DutyState.INACTIVE)
    if not task.terms.known:
        return result_of(task, DutyState.UNDETERMINED, note=_UNREADABLE)
    if task.terms.after_use:
        return after_use(task)
    if AFTER_USE & task.case.knowledge.wider_actions(task.duty.action.id) and not task.follows:
        return _aftercare(task)
    return _once(task, _anew(task))


def _aftercare(task: Task) -> DutyResult:
    """Return where a duty stands that can only be done after the use (`delete`).

    What was done before the last use, or before the agreement, leaves it undone; the use that is
    asked for brings it about anew (W3C minutes of 24 Nov 2025: a later duty states its deadline).
    """
    now, opens, end = task.case.facts.now, task.terms.opens, task.terms.end
    if now is not None and opens is not None and now < opens:
        return _once(task, opens)
    if task.owner is not None and end is None:
        return result_of(task, DutyState.UNDETERMINED, note=_NO_DEADLINE)
    if task.owner is not None and end is not None and now is not None and not end.passed(now):
        return result_of(task, outcome([Event.OWED_LATER]), end=end)
    since = last_use(task.case)
    if since is None:
        done, _ = first_done(task, unspent(task, history(task)))
        if done is not Truth.FALSE:  # whether that was after the use, nobody knows
            return result_of(task, DutyState.UNDETERMINED, note=NO_START)
        return _once(task, None)
    return _once(task, max(since, _anew(task) or since))


def _once(task: Task, since: datetime | None) -> DutyResult:
    """Return where a duty stands that has one occasion, from a moment on."""
    done, acts = first_done(task, acts_since(unspent(task, history(task)), since))
    if any(item.state is DutyState.VIOLATED for item in history(task)):
        return _violated_before(task, acts)
    now, terms = task.case.facts.now, task.terms
    if terms.window and now is None and done is not Truth.TRUE:
        return result_of(task, DutyState.UNDETERMINED, note=NO_TIME)
    events = list(_events(task, done))
    state = outcome(events)
    end = terms.end if state in _UNDONE or state is DutyState.INACTIVE else None
    return result_of(task, state, acts=acts, end=end, note=_why(task, events))


def _events(task: Task, done: Truth) -> Iterator[Event]:
    """Yield what happened to a duty with one occasion, in order."""
    now, opens, end = task.case.facts.now, task.terms.opens, task.terms.end
    never = end is not None and opens is not None and end.passed(opens)
    passed = never or (end is not None and now is not None and end.passed(now))
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


def _why(task: Task, events: Sequence[Event]) -> str:
    if Event.UNCLEAR not in events:
        return ""
    if task.active is Truth.UNDETERMINED:
        return _GATE
    return NO_TIME if task.case.facts.now is None else _UNCLEAR


def _violated_before(task: Task, acts: tuple[Performed, ...]) -> DutyResult:
    """Return where a duty stands that the history tells was violated, and what became of it now."""
    if not _comes_back(task):
        return replace(result_of(task, DutyState.VIOLATED), instances=history(task))
    now = DutyState.FULFILLED if acts else DutyState.MISSING
    return replace(result_of(task, now, acts=acts), state=DutyState.VIOLATED)


def _comes_back(task: Task) -> bool:
    """Return whether there is more than one occasion; else the history tells of the only one."""
    known = task.case.knowledge
    return any(
        known.current(left) == INTERVAL for gate in task.terms.gates for left in operands_of(gate)
    )


def _anew(task: Task) -> datetime | None:
    """Return since when acts count: what comes back after each use is done after the last one."""
    leaves = [leaf for gate in task.gates for leaf in gate.leaves()]
    clocks = [value for leaf in leaves for value in leaf.values if isinstance(value, Recurrence)]
    lasts = [clock.last for clock in clocks if clock.last is not None]
    if not lasts:
        return task.after
    last = max(lasts) + timedelta.resolution
    return last if task.after is None else max(last, task.after)


def _with_consequences(task: Task, result: DutyResult) -> DutyResult:
    """Add what a violation brings about (IM 2.6.6: the consequence comes on top of the duty).

    What is late can be done at any time, so that it takes an act that nothing else needs.
    """
    moments = _violated_at(task, result)
    acts = unspent(task, result.instances)
    end = task.terms.end
    if None in moments and end is not None:  # whenever it was, what was in time is not late
        acts = [act for act in acts if end.passed(act.at)]
    facts = replace(task.case.facts, performed=tuple(acts))
    case, added = replace(task.case, facts=facts), list[DutyResult]()
    for since in moments:
        path = f"{task.path}/odrl:consequence"
        found, case = followed(task.duty.consequences, path, case, task.owner, since)
        added += found
    anyway = replace(task, terms=Terms(gates=task.terms.gates, counts=task.terms.counts))
    left, late = case.facts.performed, list[tuple[Truth, tuple[Performed, ...]]]()
    for since in moments:
        late.append(first_done(anyway, acts_since(left, since)))
        left = tuple(left_of(left, late[-1][1]))
    done = all_of(truth for truth, _ in late)
    present = result.instances[len(history(task)) :]
    missing = any(item.state is DutyState.MISSING for item in present)
    owed = missing or done is not Truth.TRUE or any(item.open for item in added)
    settled = bool(added) and not owed
    by = late[-1][1] if done is Truth.TRUE else ()
    return replace(result, acts=by, consequences=tuple(added), settled=settled)


def followed(
    duties: Sequence[Duty], path: str, case: Case, owner: Rule | None, since: datetime | None
) -> tuple[list[DutyResult], Case]:
    """Return where all stands that one violation brings about, and the case without its acts.

    What was done for one of them is not done for another; the most urgent is served first.

    Args:
        duties: consequences of a duty, or remedies of a prohibition.
        path: their JSON pointer.
        case: what is known, without the acts that were done for something else.
        owner: the permission or prohibition that they hang below; None for an obligation.
        since: when the violation was; None when nobody knows.
    """
    found: dict[int, DutyResult] = {}
    for index in sorted(range(len(duties)), key=lambda it: _latest(duties[it], case, since)):
        place = f"{path}/{index}"
        found[index] = duty_state(duties[index], place, case, owner, since, follows=True)
        case = without(case, found[index].acts)
    return [found[index] for index in range(len(duties))], case


def _latest(duty: Duty, case: Case, since: datetime | None) -> datetime:
    terms = terms_of(duty, case.knowledge)
    limit = terms.end if since is None else terms.end_after(since)
    return _FOREVER if limit is None else limit.at


def _violated_at(task: Task, result: DutyResult) -> list[datetime | None]:
    """Return when a duty was violated, once for each violation; None when nobody knows."""
    violated = [item for item in result.instances if item.state is DutyState.VIOLATED]
    moments = [item.due or _too_late(task, item) or task.after for item in violated]
    known = sorted(moment for moment in moments if moment is not None)
    return [*(None for moment in moments if moment is None), *known] or [task.after]


def _too_late(task: Task, item: Instance) -> datetime | None:
    """Return when it was too late for an instance that does not say until when it was in time."""
    limit = None if item.since is None else task.terms.end_after(item.since)
    return item.since if limit is None else limit.at
