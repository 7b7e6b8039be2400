"""Where duties and obligations stand, from what was done.

Rules: a duty of a permission must be fulfilled before the use (IM 2.6.3), by an act that precedes
it; one that states a deadline may be done after it, and is then due; a deadline that has passed
without the act is a violation; a condition that does not hold makes a duty inactive; only what is
known to have been done fulfils; what the world records wins. A duty that was violated is made good
when it was done late and every consequence was done too (IM 2.6.4); a consequence has no
consequence. In the mode of the public test suite only a violation blocks.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from policies_odrl.evaluation.case import Case
from policies_odrl.evaluation.clocks import agreed
from policies_odrl.evaluation.conditions import (
    action_premise,
    condition,
    member,
    party_premise,
    refinements_of,
    target_premise,
)
from policies_odrl.evaluation.deadlines import Limit, Terms, operands_of, speaks_of_time, terms_of
from policies_odrl.evaluation.decision import ConditionResult, DutyResult
from policies_odrl.evaluation.deontic import DutyState, Instance
from policies_odrl.evaluation.modes import Mode
from policies_odrl.evaluation.operands import Fact, check
from policies_odrl.evaluation.request import Facts, Performed, Request
from policies_odrl.logic import Truth, all_of, any_of
from policies_odrl.model import ODRL, Condition, Constraint, Duty, Iri, Permission, Rule

COMPENSATED: Final = ODRL + "compensatedParty"
_HARMLESS: Final = frozenset({DutyState.FULFILLED, DutyState.INACTIVE, DutyState.DUE})
INVALID: Final = "a consequence or remedy has no consequence of its own"
_UNREADABLE: Final = "the time by which it must be done cannot be read"
_GATE: Final = "cannot tell whether it has to be done"
_NO_TIME: Final = "the time is not known"
_UNCLEAR: Final = "cannot tell whether it was done"


@dataclass(frozen=True, slots=True)
class _Task:
    """A duty in hand: what it says, for whom, and what was done about it."""

    duty: Duty
    path: str
    case: Case
    owner: Rule | None
    after: datetime | None
    terms: Terms
    gates: tuple[ConditionResult, ...]

    @property
    def active(self) -> Truth:
        return all_of(gate.truth for gate in self.gates)


def duty_state(
    duty: Duty,
    path: str,
    case: Case,
    owner: Rule | None = None,
    after: datetime | None = None,
) -> DutyResult:
    """Return where a duty stands, seen from a request.

    Args:
        duty: an obligation, a duty of a permission, a consequence or a remedy.
        path: its JSON pointer.
        case: see `Case`; its rule is the one that uses are counted for.
        owner: the permission or prohibition that it hangs below; None for an obligation.
        after: acts before this do not count; None when all do.
    """
    if any(item.consequences for item in _followers(duty, owner)):
        return DutyResult(path, duty, DutyState.UNDETERMINED, note=INVALID)
    terms = terms_of(duty, case.knowledge)
    gates = tuple(
        [_gate(item, f"{path}/constraint/{index}", case) for index, item in enumerate(terms.gates)]
    )
    task = _Task(duty, path, case, owner, after, terms, gates)
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
    if result.truth is Truth.FALSE and speaks_of_time(item):
        return replace(result, truth=Truth.UNDETERMINED, why="it may have held before")
    return result


def _recorded(task: _Task) -> DutyResult | None:
    state = task.case.facts.recorded.get(task.duty.id or task.path)
    if state is None:
        return None
    return DutyResult(task.path, task.duty, state, gates=task.gates, instances=_history(task))


def _history(task: _Task) -> tuple[Instance, ...]:
    return task.case.facts.history.get(task.duty.id or task.path, ())


def _judged(task: _Task) -> DutyResult:
    if task.active is Truth.FALSE:
        return _result(task, DutyState.INACTIVE)
    if not task.terms.known:
        return _result(task, DutyState.UNDETERMINED, note=_UNREADABLE)
    if task.terms.after_use:
        return _after_use(task)
    done, by = _done(task, task.after)
    if any(item.state is DutyState.VIOLATED for item in _history(task)):
        return _result(task, DutyState.VIOLATED)
    if done is Truth.TRUE:
        return _result(task, DutyState.FULFILLED, by=by)
    return _undone(task, done)


def _undone(task: _Task, done: Truth) -> DutyResult:
    """Return where a duty stands that nobody is known to have done."""
    now, terms = task.case.facts.now, task.terms
    if terms.window and now is None:
        return _result(task, DutyState.UNDETERMINED, note=_NO_TIME)
    end = terms.end
    never = end is not None and terms.opens is not None and end.passed(terms.opens)
    passed = never or (end is not None and now is not None and end.passed(now))
    if not passed and now is not None and terms.opens is not None and now < terms.opens:
        return _result(task, DutyState.INACTIVE)
    if end is not None and not passed:
        return _result(task, DutyState.DUE, end=end)
    if task.active is Truth.UNDETERMINED:
        return _result(task, DutyState.UNDETERMINED, note=_GATE)
    if end is not None:
        return _result(task, DutyState.VIOLATED, end=end)
    unclear = done is Truth.UNDETERMINED
    state = DutyState.UNDETERMINED if unclear else DutyState.MISSING
    return _result(task, state, note=_UNCLEAR if unclear else "")


def _result(
    task: _Task,
    state: DutyState,
    *,
    by: Performed | None = None,
    end: Limit | None = None,
    note: str = "",
) -> DutyResult:
    own: tuple[Instance, ...] = ()
    if state in {DutyState.FULFILLED, DutyState.DUE, DutyState.VIOLATED, DutyState.MISSING}:
        own = (Instance(state, task.after, end.at if end else None, by.at if by else None),)
    return DutyResult(
        task.path, task.duty, state, by, task.gates, (*_history(task), *own), note=note
    )


def _after_use(task: _Task) -> DutyResult:
    """Return where a duty stands that each use brings about anew, with one instance per use."""
    now = task.case.facts.now
    if now is None:
        return _result(task, DutyState.UNDETERMINED, note=_NO_TIME)
    usage = task.case.facts.usage
    uses = (usage.of(task.case.key) or ()) if usage is not None else ()
    starts = [use.start for use in uses if use.committed]
    if task.owner is None:  # an obligation counts from the agreement
        begun = agreed(task.case)
        if begun is None:
            return _result(task, DutyState.UNDETERMINED, note=_NO_TIME)
        starts = [begun]
    instances = [*_history(task), *(_instance(task, start, now) for start in starts)]
    if task.owner is not None:
        instances.append(_still_to_do(task, now, now))
    states = [item.state for item in instances]
    if DutyState.VIOLATED in states:
        state = DutyState.VIOLATED
    else:
        state = DutyState.DUE if DutyState.DUE in states else DutyState.FULFILLED
    return DutyResult(task.path, task.duty, state, gates=task.gates, instances=tuple(instances))


def _instance(task: _Task, use: datetime, now: datetime) -> Instance:
    limit = task.terms.end_after(use)
    due = limit.at if limit else None
    for act in _acts(task.case.facts, use):
        late = limit is not None and limit.passed(act.at)
        if not late and _fulfils(task, act) is Truth.TRUE:
            return Instance(DutyState.FULFILLED, use, due, act.at)
    return _still_to_do(task, use, now)


def _still_to_do(task: _Task, use: datetime, now: datetime) -> Instance:
    """Return the instance of a use for which nothing was done; it may be too late already."""
    limit = task.terms.end_after(use)
    late = limit is not None and limit.passed(now)
    state = DutyState.VIOLATED if late else DutyState.DUE
    return Instance(state, use, limit.at if limit else None)


def _with_consequences(task: _Task, result: DutyResult) -> DutyResult:
    """Add what a violation brings about (IM 2.6.4: the consequence comes on top of the duty)."""
    violated = [item for item in result.instances if item.state is DutyState.VIOLATED]
    since = min((item.due for item in violated if item.due is not None), default=task.after)
    added = tuple(
        duty_state(item, f"{task.path}/odrl:consequence/{index}", task.case, task.owner, since)
        for index, item in enumerate(task.duty.consequences)
    )
    anyway = replace(task, terms=Terms(gates=task.terms.gates, counts=task.terms.counts))
    late, by = _done(anyway, since)
    settled = bool(added) and late is Truth.TRUE and not any(item.open for item in added)
    return replace(result, by=by, consequences=added, settled=settled)


def _done(task: _Task, after: datetime | None) -> tuple[Truth, Performed | None]:
    """Return whether the duty was done, and by which act."""
    found: list[Truth] = []
    for act in _acts(task.case.facts, after):
        truth = _fulfils(task, act)
        if truth is Truth.TRUE:
            return truth, act
        found.append(truth)
    return any_of(found), None


def _acts(facts: Facts, after: datetime | None) -> Iterator[Performed]:
    """Yield what was done in time order, up to now: the future fulfils nothing."""
    for act in sorted(facts.performed, key=lambda item: item.at):
        if (after is None or act.at >= after) and (facts.now is None or act.at <= facts.now):
            yield act


def _fulfils(task: _Task, act: Performed, *, counted: bool = True) -> Truth:
    duty, facts, terms = task.duty, task.case.facts, task.terms
    done = case_of(act, task.case)
    parts = [action_premise(duty, "", done).truth, *_about(task, done), _towards(task, done)]
    if Truth.FALSE in parts:
        return Truth.FALSE
    parts += [item.truth for item in refinements_of(duty, "", done)]
    parts += [condition(item, "", done).truth for item in terms.window]
    for gate, result in zip(terms.gates, task.gates, strict=True):
        names = [name for left in operands_of(gate) for name in facts.names_of(left)]
        stated = any(act.facts.get(name) for name in names)
        parts.append(condition(gate, "", done).truth if stated else result.truth)
    if counted:
        parts += [_often_enough(task, item, act) for item in terms.counts]
    return all_of(parts)


def _often_enough(task: _Task, item: Constraint, act: Performed) -> Truth:
    """Return whether a duty was done as often as it has to be, this act included.

    Acts are counted where account is kept of them; otherwise the act itself has to say.
    """
    facts = task.case.facts
    if facts.usage is None:
        return condition(item, "", case_of(act, task.case)).truth
    earlier = [other for other in _acts(facts, task.after) if other.at < act.at]
    times = sum(_fulfils(task, other, counted=False) is Truth.TRUE for other in earlier)
    return check(item, (times,), facts.knowledge)[0]


def _about(task: _Task, done: Case) -> tuple[Truth, Truth]:
    """Return whether an act was done by whom, and on what, the duty says.

    A duty below a permission that names nobody may be done by anybody (W3C draft, conditions), and
    one that names no target is done on the permission's, or on nothing.
    """
    duty, owner, policy = task.duty, task.owner, task.case.policy
    asked = done.request.target or ""
    if owner is None:
        party = party_premise(policy.assignee_of(duty), "", done)
        return party.truth, target_premise(policy.target_of(duty), "", done, asked).truth
    target = duty.target or (policy.target_of(owner) if asked else None)
    party = party_premise(duty.assignee, "", done, binds=False)
    return party.truth, target_premise(target, "", done, asked).truth


def _towards(task: _Task, done: Case) -> Truth:
    """Return whether an act was done towards those the duty names, as far as the act says.

    Who is compensated is the permission's assigner where the duty names nobody (W3C draft,
    conditions; Vocabulary, Party Functions).
    """
    duty, owner = task.duty, task.owner
    wanted = dict(duty.functions)
    assigner = None if owner is None else task.case.policy.assigner_of(owner)
    if assigner is not None:
        wanted.setdefault(COMPENSATED, assigner)
    stated = {name: done.request.facts[name] for name in wanted if done.request.facts.get(name)}
    return all_of(
        any_of(member(wanted[name], _iri(value), done) for value in values)
        for name, values in stated.items()
    )


def _iri(value: Fact) -> str:
    name = value.value if isinstance(value, Iri) else value
    return name if isinstance(name, str) else ""


def case_of(act: Performed, case: Case) -> Case:
    """Return the case of an act that was carried out, at the time when it was."""
    request = Request(act.action, act.party, act.target, act.facts)
    facts = case.facts
    then = Facts(act.at, members=facts.members, knowledge=facts.knowledge)
    return Case.of(case.policy, request, then, case.mode)
