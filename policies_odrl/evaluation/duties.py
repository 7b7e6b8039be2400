"""Where duties and obligations stand, from what was done.

Rules: a duty of a permission must be fulfilled before the use (IM 2.6.5), by an act that precedes
it; one that states a deadline may be done after it, and is then due; a deadline that has passed
without the act is a violation; a condition that does not hold makes a duty inactive; only what is
known to have been done by now fulfils, and where the time is not known, nothing is; what the world
records wins, but a duty recorded as due may wait only where the duty itself says so, and makes good
no use that is too late. What was in time is not late, whenever a violation was. One act is one
instance: it fulfils a duty on account of one use, and an act that is told twice is one act. A duty
that was violated is made good when it was done late, and every consequence was done too by another
act, once for each violation (IM 2.6.6); a consequence counts from the violation, and has no
consequence. In the mode of the public test suite only a violation blocks.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Final

from policies_odrl.algebra.periods import Recurrence
from policies_odrl.evaluation.acts import Task, acts_since, first_done, left_of, unspent, without
from policies_odrl.evaluation.case import Case
from policies_odrl.evaluation.clocks import COUNT, INTERVAL, agreed, used_before
from policies_odrl.evaluation.conditions import (
    condition,
)
from policies_odrl.evaluation.deadlines import Limit, Terms, operands_of, speaks_of_time, terms_of
from policies_odrl.evaluation.decision import ConditionResult, DutyResult
from policies_odrl.evaluation.deontic import DutyState, Instance
from policies_odrl.evaluation.modes import Mode
from policies_odrl.evaluation.request import Performed
from policies_odrl.logic import Truth, all_of
from policies_odrl.model import Condition, Duty, Permission, Rule

_HARMLESS: Final = frozenset({DutyState.FULFILLED, DutyState.INACTIVE, DutyState.DUE})
_UNDONE: Final = frozenset({DutyState.DUE, DutyState.VIOLATED})
INVALID: Final = "a consequence or remedy has no consequence of its own"
_UNREADABLE: Final = "the time by which it must be done cannot be read"
_GATE: Final = "cannot tell whether it has to be done"
_HOW_OFTEN: Final = "how often it has to be done is one of several alternatives"
_FOREVER: Final = datetime.max.replace(tzinfo=UTC)
_NO_TIME: Final = "the time is not known"
_NO_START: Final = "since when it has to be done is not known"
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
    terms = terms_of(duty, case.knowledge)
    gates = tuple(
        [_gate(item, f"{path}/constraint/{index}", case) for index, item in enumerate(terms.gates)]
    )
    task = Task(duty, path, case, owner, after, terms, gates, follows)
    result = _recorded(task) or _judged(task)
    return _with_consequences(task, result) if result.state is DutyState.VIOLATED else result


def blocks(result: DutyResult, mode: Mode) -> bool:
    """Return whether the state of a duty keeps its permission from granting."""
    if result.note == INVALID:
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
        return _after_use(task)
    if state is DutyState.DUE:
        state = _recorded_due(task)
    return DutyResult(task.path, task.duty, state, gates=task.gates, instances=_history(task))


def _too_late_for_a_use(task: Task) -> bool:
    """Return whether the uses tell of a violation: no record of the whole makes one good."""
    asked = task.terms.known and task.terms.after_use and task.active is not Truth.FALSE
    return asked and _after_use(task).state is DutyState.VIOLATED


def _recorded_due(task: Task) -> DutyState:
    """Return where a duty stands that was not done yet: a later time needs an explicit deadline."""
    terms, now = task.terms, task.case.facts.now
    if not terms.known:
        return DutyState.UNDETERMINED
    if terms.end is not None and now is not None and terms.end.passed(now):
        return DutyState.VIOLATED
    later = terms.after_use or terms.end is not None
    return DutyState.DUE if later else DutyState.MISSING


def _history(task: Task) -> tuple[Instance, ...]:
    return task.case.facts.history.get(task.duty.id or task.path, ())


def _judged(task: Task) -> DutyResult:
    if task.active is Truth.FALSE:
        return _result(task, DutyState.INACTIVE)
    if not task.terms.known:
        return _result(task, DutyState.UNDETERMINED, note=_UNREADABLE)
    if task.terms.after_use:
        return _after_use(task)
    done, acts = first_done(task, acts_since(unspent(task, _history(task)), _anew(task)))
    if any(item.state is DutyState.VIOLATED for item in _history(task)):
        return _violated_before(task, acts)
    if done is Truth.TRUE:
        return _result(task, DutyState.FULFILLED, acts=acts)
    return _undone(task, done)


def _violated_before(task: Task, acts: tuple[Performed, ...]) -> DutyResult:
    """Return where a duty stands that the history tells was violated, and what became of it now."""
    if not _comes_back(task):
        return replace(_result(task, DutyState.VIOLATED), instances=_history(task))
    now = DutyState.FULFILLED if acts else DutyState.MISSING
    return replace(_result(task, now, acts=acts), state=DutyState.VIOLATED)


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


def _undone(task: Task, done: Truth) -> DutyResult:
    """Return where a duty stands that nobody is known to have done."""
    now, terms = task.case.facts.now, task.terms
    if terms.window and now is None:
        return _result(task, DutyState.UNDETERMINED, note=_NO_TIME)
    end = terms.end
    never = end is not None and terms.opens is not None and end.passed(terms.opens)
    passed = never or (end is not None and now is not None and end.passed(now))
    if not passed and now is not None and terms.opens is not None and now < terms.opens:
        # what a violation brought about is owed already, and has to wait
        return _result(task, DutyState.DUE if task.follows else DutyState.INACTIVE, end=end)
    if end is not None and not passed:
        return _result(task, DutyState.DUE, end=end)
    if task.active is Truth.UNDETERMINED:
        return _result(task, DutyState.UNDETERMINED, note=_GATE)
    if end is not None:
        return _result(task, DutyState.VIOLATED, end=end)
    unclear = done is Truth.UNDETERMINED
    state = DutyState.UNDETERMINED if unclear else DutyState.MISSING
    why = _NO_TIME if now is None else _UNCLEAR
    return _result(task, state, note=why if unclear else "")


def _result(
    task: Task,
    state: DutyState,
    *,
    acts: tuple[Performed, ...] = (),
    end: Limit | None = None,
    note: str = "",
) -> DutyResult:
    own: tuple[Instance, ...] = ()
    if state in {DutyState.FULFILLED, DutyState.DUE, DutyState.VIOLATED, DutyState.MISSING}:
        done = acts[-1].at if acts else None
        own = (Instance(state, task.after, end.at if end else None, done),)
    return DutyResult(
        task.path, task.duty, state, acts, task.gates, (*_history(task), *own), note=note
    )


def _after_use(task: Task) -> DutyResult:
    """Return where a duty stands that each use brings about anew, with one instance per use."""
    now = task.case.facts.now
    if now is None:
        return _result(task, DutyState.UNDETERMINED, note=_NO_TIME)
    starts = _starts(task)
    if starts is None:
        return _result(task, DutyState.UNDETERMINED, note=_NO_START)
    found = list(_instances(task, starts, now))
    instances = [*_history(task), *(instance for instance, _ in found)]
    if task.owner is not None and not task.follows:
        instances.append(_still_to_do(task, now, now))
    states = [item.state for item in instances]
    if DutyState.VIOLATED in states:
        state = DutyState.VIOLATED
    else:
        state = DutyState.DUE if DutyState.DUE in states else DutyState.FULFILLED
    acts = next((acts for _, acts in found if acts), ()) if task.follows else ()
    return DutyResult(task.path, task.duty, state, acts, task.gates, tuple(instances))


def _starts(task: Task) -> list[datetime] | None:
    """Return from when a duty counts, once for each occasion; None when that is not known."""
    if task.follows:
        return None if task.after is None else [task.after]
    if task.owner is None:  # an obligation counts from the agreement
        begun = agreed(task.case)
        return None if begun is None else _untold(task, [begun])
    used = used_before(task.case)
    if used is None:
        return [] if task.case.facts.usage is None else None
    uses = {use.ticket: use.start for held in used for use in held if use.committed}
    return _untold(task, uses.values())


def _untold(task: Task, starts: Iterable[datetime]) -> list[datetime]:
    """Return the occasions that the history does not tell of; it tells of each once."""
    told = Counter(item.since for item in _history(task) if item.since is not None)
    return sorted((Counter(starts) - told).elements())


def _instances(
    task: Task, starts: Iterable[datetime], now: datetime
) -> Iterator[tuple[Instance, tuple[Performed, ...]]]:
    """Yield what became of each occasion, the first come first served: one act is one instance."""
    left = unspent(task, _history(task))
    for start in starts:
        limit = task.terms.end_after(start)
        timely = [
            act for act in acts_since(left, start) if limit is None or not limit.passed(act.at)
        ]
        done, acts = first_done(task, timely)
        if done is Truth.TRUE:
            left = left_of(left, acts)
            due = limit.at if limit else None
            yield Instance(DutyState.FULFILLED, start, due, acts[-1].at), acts
        else:
            yield _still_to_do(task, start, now), ()


def _still_to_do(task: Task, use: datetime, now: datetime) -> Instance:
    """Return the instance of a use for which nothing was done; it may be too late already."""
    limit = task.terms.end_after(use)
    late = limit is not None and limit.passed(now)
    state = DutyState.VIOLATED if late else DutyState.DUE
    return Instance(state, use, limit.at if limit else None)


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
    present = result.instances[len(_history(task)) :]
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
