"""A request in which rules of two policies meet, checked by evaluating both policies on it.

It names one action that all rules cover, one asset and one party that all are about (a collection
by a member of it), and values that satisfy all conditions. Nothing that either side prohibits may
apply to it. What evaluation does not confirm is no example; duties are taken as promised.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final

from policies_odrl import text
from policies_odrl.algebra.claims import Goal
from policies_odrl.algebra.extent import Exhausted
from policies_odrl.algebra.forms import flat, same_reference
from policies_odrl.algebra.periods import Stretch
from policies_odrl.comparison.bans import strange, touches
from policies_odrl.comparison.rules import conditions_of, named
from policies_odrl.conflicts.overlap import Outcome, World, overlap, unknown
from policies_odrl.evaluation.case import Case
from policies_odrl.evaluation.clocks import DELAY
from policies_odrl.evaluation.conditions import member
from policies_odrl.evaluation.evaluate import evaluate
from policies_odrl.evaluation.request import DATE_TIME, Facts, Request, imagined
from policies_odrl.knowledge import Knowledge
from policies_odrl.logic import Truth, all_of
from policies_odrl.model import (
    Conflict,
    Connective,
    LogicalConstraint,
    Permission,
    Policy,
    Prohibition,
    Rule,
)
from policies_odrl.reading.inventory import Reference
from policies_odrl.vocabulary import INCLUDED_IN, implied_actions, same_action

MAX_ACTIONS: Final = 16  # actions that are tried, of those that differ in what prohibits them
SOMEBODY: Final = "did:example:somebody"
SOMETHING: Final = "urn:example:something"


@dataclass(frozen=True, slots=True)
class Example:
    """A request and the state of the world in which it was tried.

    Attributes:
        request: action, parties, and a value for each left operand.
        facts: what the evaluation that checked it knew.
    """

    request: Request
    facts: Facts = field(default_factory=Facts)


@dataclass(frozen=True, slots=True)
class Side:
    """One of two policies, number 0 or 1."""

    policy: Policy
    number: int

    def goals(self, rule: Rule) -> list[Goal]:
        """Return what must hold for a rule of the policy."""
        return [Goal(item, side=self.number) for item in conditions_of(named(self.policy, rule))]


Ban = tuple[Side, Prohibition]


@dataclass(frozen=True, slots=True)
class Meeting:
    """Rules that are to apply to one request.

    Attributes:
        permitted: permissions (or an obligation) that apply.
        prohibited: a prohibition that applies as well; None: no prohibition of their sides does.
        clear_of: further policies of which no prohibition applies.
    """

    permitted: tuple[tuple[Side, Rule], ...]
    prohibited: Ban | None = None
    clear_of: tuple[Side, ...] = ()

    @property
    def applying(self) -> tuple[tuple[Side, Rule], ...]:
        """All rules that are to apply."""
        return (*self.permitted, *([self.prohibited] if self.prohibited else []))

    @property
    def bans(self) -> list[Ban]:
        """The prohibitions that must not apply; under `perm` a permission stands beside them."""
        sides = [
            side
            for side, rule in self.permitted
            if isinstance(rule, Permission) and side.policy.conflict is not Conflict.PERM
        ]
        itself = self.prohibited[0] if self.prohibited else None
        found = {side.number: side for side in (*sides, *self.clear_of) if side is not itself}
        return [(side, rule) for side in found.values() for rule in side.policy.prohibitions]


def tried(meeting: Meeting, world: World) -> Outcome:
    """Return whether a meeting takes place."""
    try:
        return _tried(meeting, world)
    except _Settled as exc:
        return exc.outcome
    except Exhausted as exc:
        return unknown(str(exc))


class _Settled(Exception):
    """The meeting is settled before its conditions are looked at."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__(outcome.why)
        self.outcome = outcome


def _tried(meeting: Meeting, world: World) -> Outcome:
    rules = [named(side.policy, rule) for side, rule in meeting.applying]
    target, whole = _one_reference("target", SOMETHING, [rule.target for rule in rules])
    party, group = _one_reference("assignee", SOMEBODY, [rule.assignee for rule in rules])
    both = frozenset({target, party}) if whole == group else frozenset({target})
    members = {group: frozenset({party}), whole: both}
    facts = Facts(
        members={name: held for name, held in members.items() if name},
        knowledge=world.reading.knowledge,
    )
    world.reading.budget.pay(1 + len(meeting.bans) + len(world.reading.knowledge.actions))
    undecided = last = None
    for action in _actions(meeting, world.reading.knowledge):
        last = _at(Example(Request(action, party, target), facts), meeting, world)
        if last.truth is Truth.TRUE:
            return last
        if last.truth is Truth.UNDETERMINED:
            undecided = undecided or last
    return undecided or last or unknown("")


# -- action, asset, party ------------------------------------------------------------------------


def _actions(meeting: Meeting, knowledge: Knowledge) -> list[str]:
    """Return actions that all rules cover, one for each way in which prohibitions touch them.

    An action that is not known may be included in another, as evaluation reads it.
    """
    acts = [same_action(rule.action.id) for _, rule in meeting.applying]
    universe = dict.fromkeys((*acts, *INCLUDED_IN, *sorted(knowledge.actions)))
    fitting = [item for item in universe if _covered(item, meeting, knowledge)]
    if not fitting:
        other = next((item for item in acts if not knowledge.known_action(item)), None)
        if len({*acts}) > 1 and other is not None:
            raise _Settled(unknown(f"what `{text.term(other)}` includes is not known"))
        both = " and ".join(f"`{text.term(item)}`" for item in dict.fromkeys(acts))
        raise _Settled(Outcome(Truth.FALSE, why=f"no action is included in both {both}"))
    ways: dict[tuple[bool, ...], str] = {}
    for action in fitting:
        way = tuple(touches(ban.action.id, action, knowledge) for _, ban in meeting.bans)
        ways.setdefault(way, action)
    if len(ways) > MAX_ACTIONS:
        raise _Settled(unknown(f"more than {MAX_ACTIONS} kinds of action to try"))
    return [ways[way] for way in sorted(ways, key=sum)]


def _covered(action: str, meeting: Meeting, knowledge: Knowledge) -> bool:
    wider = knowledge.wider_actions(action)
    implied = wider | implied_actions(action)
    return all(
        same_action(rule.action.id) in (implied if isinstance(rule, Prohibition) else wider)
        for _, rule in meeting.applying
    )


def _one_reference(
    name: str, usual: str, references: Sequence[Reference | None]
) -> tuple[str, str]:
    """Return what a request names so that all references mean it, and the collection it is in."""
    given = [item for item in references if item is not None]
    if not given:
        return usual, ""
    first = given[0]
    other = next((item for item in given if not same_reference(first, item)), first)
    if (first.id, first.source) != (other.id, other.source):
        one, two = first.id or first.source, other.id or other.source
        if any(item.collection or item.source for item in (first, other)):
            raise _Settled(unknown(f"whether `{one}` and `{two}` have a {name} in common"))
        raise _Settled(Outcome(Truth.FALSE, why=f"the {name}s differ: `{one}` and `{two}`"))
    if first.source or first.collection:
        return usual, first.source or first.id
    return first.id, ""


# -- conditions ----------------------------------------------------------------------------------


def _at(place: Example, meeting: Meeting, world: World) -> Outcome:
    goals = [goal for side, rule in meeting.applying for goal in side.goals(rule)]
    about = [(item, _meant(*item, place)) for item in meeting.bans]
    barred = [item for item, meant in about if meant is not Truth.FALSE]
    doubtful = [item for item, meant in about if meant is Truth.UNDETERMINED]
    found = _clear_of([item for item, meant in about if meant is Truth.TRUE], goals, world)
    if found.truth is Truth.TRUE and doubtful:
        found = _clear_of(barred, goals, world)
        if found.truth is Truth.FALSE:  # whoever is no member is not concerned
            action = text.term(doubtful[0][1].action.id)
            return unknown(f"whom or what the prohibition of {action} concerns")
    if found.truth is not Truth.TRUE:
        return found
    example = _with_values(place, found)
    refusal = _refuted(example, meeting, barred, world)
    return unknown(refusal) if refusal else Outcome(Truth.TRUE, example=example)


def _meant(side: Side, ban: Prohibition, place: Example) -> Truth:
    """Return whether a prohibition is about the request, its conditions left aside.

    It may as well not be where the request may be outside of a collection, or where it is not known
    how the actions stand to each other.
    """
    action, knowledge = place.request.action, place.facts.knowledge
    if not touches(ban.action.id, action, knowledge):
        return Truth.FALSE
    found = [Truth.UNDETERMINED if strange(ban.action.id, action, knowledge) else Truth.TRUE]
    whole = named(side.policy, ban)
    for item, asked in (
        (whole.target, place.request.target or ""),
        (whole.assignee, place.request.assignee or ""),
    ):
        holding = {it: held & {asked} for it, held in place.facts.members.items() if asked in held}
        facts = Facts(members=holding, knowledge=knowledge)
        case = Case.of(side.policy, place.request, facts).under(ban, "")
        found.append(member(item, asked, case))
    return all_of(found)


def _clear_of(bans: Sequence[Ban], goals: Sequence[Goal], world: World) -> Outcome:
    """Return whether goals can be met while no prohibition applies."""
    clear = list(goals)
    for side, ban in bans:
        items = tuple(goal.item for goal in side.goals(ban))
        if not items:
            return Outcome(Truth.FALSE, why=f"{text.term(ban.action.id)} is prohibited")
        both = LogicalConstraint(Connective.AND, items)
        clear.append(Goal(both, holds=False, side=side.number))
    return overlap(clear, world)


# -- the example ---------------------------------------------------------------------------------


def _with_values(place: Example, found: Outcome) -> Example:
    stated = {left: values for left, values in found.facts.items() if left != DATE_TIME}
    asked = replace(place.request, facts=stated)
    times = (*found.facts.get(DATE_TIME, ()), *found.facts.get(DELAY, ()))
    moments = (it.end if isinstance(it, Stretch) else it for it in times)
    now = next((it for it in moments if isinstance(it, datetime)), None)
    return Example(asked, imagined(asked, replace(place.facts, now=now)))


def _refuted(example: Example, meeting: Meeting, barred: Sequence[Ban], world: World) -> str:
    """Return why evaluation does not confirm an example; empty when it does."""
    for side, rule in meeting.permitted:
        shown = tuple(world.shown(tuple(flat(rule.constraints)), world.reading.knowledge))
        granting = Permission(
            action=rule.action, target=rule.target, assignee=rule.assignee, constraints=shown
        )
        policy = replace(
            side.policy, permissions=(granting,), prohibitions=(), obligations=(), conflict=None
        )
        decision = evaluate(policy, example.request, example.facts, tentative=True)
        if not decision.granted:
            return f"no example could be checked: {decision.reasons[0]}"
    bans = [(*item, Truth.FALSE) for item in barred]
    if meeting.prohibited is not None:
        bans.append((*meeting.prohibited, Truth.TRUE))
    for side, ban, wanted in bans:
        policy = replace(side.policy, permissions=(), prohibitions=(ban,), obligations=())
        decision = evaluate(policy, example.request, example.facts, tentative=True)
        if [item.applies for item in decision.rules] != [wanted]:
            return f"no example could be checked: prohibition of {text.term(ban.action.id)}"
    return ""
