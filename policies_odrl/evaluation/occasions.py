"""The occasions from each of which a duty has to be done, and what became of them.

A duty after the use has one for each use on record and one for the use asked for; an obligation,
one from the agreement; what a violation brings about, one from the violation. One act is done on
account of one of them, the earliest first.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Final

from policies_odrl.evaluation.acts import Task, acts_since, first_done, left_of, unspent
from policies_odrl.evaluation.case import Case
from policies_odrl.evaluation.clocks import agreed, used_before
from policies_odrl.evaluation.deadlines import Limit
from policies_odrl.evaluation.decision import DutyResult
from policies_odrl.evaluation.deontic import DutyState, Event, Instance, outcome
from policies_odrl.evaluation.request import Performed
from policies_odrl.logic import Truth

NO_TIME: Final = "the time is not known"
NO_START: Final = "since when it has to be done is not known"
_TOLD: Final = frozenset(
    {DutyState.FULFILLED, DutyState.DUE, DutyState.VIOLATED, DutyState.MISSING}
)


def history(task: Task) -> tuple[Instance, ...]:
    """Return what became of the occasions that the world tells of."""
    return task.case.facts.history.get(task.duty.id or task.path, ())


def result_of(
    task: Task,
    state: DutyState,
    *,
    acts: tuple[Performed, ...] = (),
    end: Limit | None = None,
    note: str = "",
) -> DutyResult:
    """Return where a duty with one occasion stands.

    Args:
        task: the duty.
        state: see `DutyState`.
        acts: what fulfilled it, in time order.
        end: until when it can be done in time.
        note: why it is Undetermined.
    """
    own: tuple[Instance, ...] = ()
    if state in _TOLD:
        done = acts[-1].at if acts else None
        own = (Instance(state, task.after, end.at if end else None, done),)
    return DutyResult(
        task.path, task.duty, state, acts, task.gates, (*history(task), *own), note=note
    )


def last_use(case: Case) -> datetime | None:
    """Return when it was used last, or else agreed; None when neither is known."""
    uses = [use.start for held in used_before(case) or () for use in held if use.committed]
    return max(uses, default=None) or agreed(case)


def after_use(task: Task) -> DutyResult:
    """Return where a duty stands that each use brings about anew, with one instance per use."""
    now = task.case.facts.now
    if now is None:
        return result_of(task, DutyState.UNDETERMINED, note=NO_TIME)
    starts = _starts(task)
    if starts is None:
        return result_of(task, DutyState.UNDETERMINED, note=NO_START)
    found = list(_instances(task, starts, now))
    instances = [*history(task), *(instance for instance, _ in found)]
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
        return _unrecorded(task)
    uses = {use.ticket: use.start for held in used for use in held if use.committed}
    return _untold(task, uses.values())


def _unrecorded(task: Task) -> list[datetime] | None:
    """Return from when a duty after the use counts where no use is on record.

    A period that would run from a use runs from the agreement, which no use precedes.
    """
    if task.case.facts.usage is not None:  # the agreement was never opened in it
        return None
    if not task.terms.within:
        return []
    begun = agreed(task.case)
    return None if begun is None else _untold(task, [begun])


def _untold(task: Task, starts: Iterable[datetime]) -> list[datetime]:
    """Return the occasions that the history does not tell of; it tells of each once."""
    told = Counter(item.since for item in history(task) if item.since is not None)
    return sorted((Counter(starts) - told).elements())


def _instances(
    task: Task, starts: Iterable[datetime], now: datetime
) -> Iterator[tuple[Instance, tuple[Performed, ...]]]:
    """Yield what became of each occasion, the first come first served: one act is one instance."""
    left = unspent(task, history(task))
    for start in starts:
        limit = task.terms.end_after(start)
        timely = [
            act for act in acts_since(left, start) if limit is None or not limit.passed(act.at)
        ]
        done, acts = first_done(task, timely)
        if done is Truth.TRUE:
            left = left_of(left, acts)
            state = outcome([Event.OWED_LATER, Event.DONE])
            yield Instance(state, start, limit.at if limit else None, acts[-1].at), acts
        else:
            yield _still_to_do(task, start, now), ()


def _still_to_do(task: Task, use: datetime, now: datetime) -> Instance:
    """Return the instance of a use for which nothing was done; it may be too late already."""
    limit = task.terms.end_after(use)
    late = [Event.TOO_LATE] if limit is not None and limit.passed(now) else []
    state = outcome([Event.OWED_LATER, *late])
    return Instance(state, use, limit.at if limit else None)
