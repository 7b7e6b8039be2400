"""What was done, and whether it is what a duty asks for.

Only what is known to have been done by now counts. Who must act, on what and towards whom is the
duty's to say, and the permission's where the duty is silent (W3C draft, conditions).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Final

from policies_odrl.algebra.domain import Fact
from policies_odrl.evaluation import conditions as judge
from policies_odrl.evaluation.case import Case
from policies_odrl.evaluation.deadlines import Terms, operands_of, speaks_of_time
from policies_odrl.evaluation.decision import ConditionResult
from policies_odrl.evaluation.deontic import Instance
from policies_odrl.evaluation.operands import check
from policies_odrl.evaluation.request import DATE_TIME, Facts, Performed, Request
from policies_odrl.logic import Truth, all_of, any_of, unanimous
from policies_odrl.model import ODRL, Condition, Constraint, Duty, Iri, PartyRef, Rule
from policies_odrl.vocabulary import BY_ANYBODY, ROLES

COMPENSATED: Final = ODRL + "compensatedParty"
EVER: Final = datetime.min.replace(tzinfo=UTC)  # of an act that happened nobody knows when


@dataclass(frozen=True, slots=True)
class Task:
    """A duty in hand: what it says, for whom, and under which conditions.

    Attributes:
        duty: the duty.
        path: its JSON pointer.
        case: see `Case`; its rule is the one that uses are counted for.
        owner: the permission or prohibition that it hangs below; None for an obligation.
        after: acts before this do not count; None when all do.
        follows: whether it was brought about by a violation at `after`.
        terms: its constraints.
        gates: how the conditions for having to do it come out.
    """

    duty: Duty
    path: str
    case: Case
    owner: Rule | None
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

    @property
    def history(self) -> tuple[Instance, ...]:
        """What became of the occasions that the world tells of."""
        return self.case.facts.history.get(self.duty.id or self.path, ())


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


def unspent(task: Task, instances: Iterable[Instance]) -> list[Performed]:
    """Return the acts that no earlier instance was done by, in time order.

    An instance tells its last act only: where a duty says how often, those before it went with it.
    """
    ended = [(item.since, item.done) for item in instances if item.done is not None]
    spent, several = [done for _, done in ended], list[tuple[datetime, datetime]]()
    if task.terms.counts:  # what is to be done before the use may precede the occasion
        several = [(since if since and task.terms.after_use else EVER, at) for since, at in ended]
    left = []
    for act in acts_of(task.case.facts):
        gone = act.at in spent or any(since <= act.at < done for since, done in several)
        if not gone or _fulfils(task, act) is not Truth.TRUE:
            left.append(act)
        elif act.at in spent:
            spent.remove(act.at)
    return left


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
        names = [name for left in operands_of(gate) for name in facts.names_of(left)]
        stated = any(act.facts.get(name) for name in names)
        parts.append(judge.condition(gate, "", done).truth if stated else result.truth)
        if speaks_of_time(gate, facts.knowledge):  # a window, or a condition: it has to be both
            parts.append(_in_time(gate, act, task.case))
    return all_of(parts)


def _in_time(item: Condition, act: Performed, case: Case) -> Truth:
    """Return whether an act was done when it had to be; one without a date was done by now."""
    moments = [act.at, case.facts.now] if act.at == EVER else [act.at]
    return unanimous(
        Truth.UNDETERMINED
        if at is None
        else judge.condition(item, "", case_of(replace(act, at=at), case)).truth
        for at in moments
    )


def _often_enough(task: Task, item: Constraint, act: Performed, earlier: int) -> Truth:
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
    return judge.target_premise(target, "", done, asked).truth


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
        return judge.party_premise(named, "", done, binds=owner is None).truth
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
    for name, party in task.duty.functions:
        own = (Iri(by),) if by and name in ROLES and ROLES[name].acts else ()
        found.append(_all_are(party, told.get(name) or own, done))
    assigner = None if owner is None else task.case.policy.assigner_of(owner)
    named = any(name == COMPENSATED for name, _ in task.duty.functions)
    if assigner is not None and not named and told.get(COMPENSATED):
        found.append(_all_are(assigner, told[COMPENSATED], done))
    return all_of(found)


def _all_are(party: PartyRef, values: Sequence[Fact], done: Case) -> Truth:
    names = [value.value if isinstance(value, Iri) else value for value in values]
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
