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

from policies_odrl import model, text
from policies_odrl.algebra.claims import Goal
from policies_odrl.algebra.extent import Exhausted
from policies_odrl.algebra.forms import flat, same_reference
from policies_odrl.algebra.periods import Stretch
from policies_odrl.comparison import bans, rules
from policies_odrl.conflicts.overlap import Outcome, World, overlap, unknown
from policies_odrl.evaluation.case import Case
from policies_odrl.evaluation.clocks import DELAY
from policies_odrl.evaluation.conditions import member
from policies_odrl.evaluation.evaluate import evaluate
from policies_odrl.evaluation.request import DATE_TIME, Facts, Request, imagined
from policies_odrl.knowledge import Knowledge
from policies_odrl.logic import Truth, all_of
from policies_odrl.model import Permission, Prohibition, Rule
from policies_odrl.reading.inventory import Reference
from policies_odrl.vocabulary import INCLUDED_IN, implied_actions, same_action

MAX_ACTIONS: Final = 16  # actions that are tried, of those that differ in what prohibits them


@dataclass(frozen=True, slots=True)
class Example:
    """A request, and the facts with which the evaluation that checked it was asked."""

    request: Request
    facts: Facts = field(default_factory=Facts)


@dataclass(frozen=True, slots=True)
class Side:
    """One of two policies, number 0 or 1."""

    policy: model.Policy
    number: int

    def goals(self, rule: Rule) -> list[Goal]:
        """Return what must hold for a rule of the policy."""
        items = rules.conditions_of(rules.named(self.policy, rule))
        return [Goal(item, side=self.number) for item in items]


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
            if isinstance(rule, Permission) and side.policy.conflict is not model.Conflict.PERM
        ]
        itself = self.prohibited[0] if self.prohibited else None
        found = {side.number: side for side in (*sides, *self.clear_of) if side is not itself}
        return [(side, rule) for side in found.values() for rule in side.policy.prohibitions]


class _Settled(Exception):
    """The meeting is settled before its conditions are looked at."""

    def __init__(self, truth: Truth, why: str) -> None:
        super().__init__(why)
        self.outcome = Outcome(truth, why=why)


def tried(meeting: Meeting, world: World) -> Outcome:
    """Return whether a meeting takes place."""
    knowledge, outcomes = world.reading.knowledge, []
    try:
        named = [rules.named(side.policy, rule) for side, rule in meeting.applying]
        target, whole = _one_reference("target", rules.SOMETHING, [it.target for it in named])
        party, group = _one_reference("assignee", rules.SOMEBODY, [it.assignee for it in named])
        both = frozenset({target, party} if whole == group else {target})
        members = {group: frozenset({party}), whole: both}
        facts = Facts(members={it: members[it] for it in members if it}, knowledge=knowledge)
        world.reading.budget.pay(1 + len(meeting.bans) + len(knowledge.actions))
        for action in _actions(meeting, knowledge):
            place = Example(Request(action, party, target), facts)
            outcomes.append(_at(place, meeting, world))
            if outcomes[-1].truth is Truth.TRUE:
                return outcomes[-1]
    except _Settled as exc:
        return exc.outcome
    except Exhausted as exc:
        return unknown(str(exc))
    return next((it for it in outcomes if it.truth is Truth.UNDETERMINED), outcomes[-1])


# -- action, asset, party ------------------------------------------------------------------------


def _actions(meeting: Meeting, knowledge: Knowledge) -> list[str]:
    """Return actions that all rules cover, one for each way in which prohibitions touch them.

    An action that is not known may be included in another, as evaluation reads it.
    """
    acts = list(dict.fromkeys(same_action(rule.action.id) for _, rule in meeting.applying))
    universe = dict.fromkeys((*acts, *INCLUDED_IN, *sorted(knowledge.actions)))
    fitting = [item for item in universe if _covered(item, meeting, knowledge)]
    if not fitting:
        other = next((item for item in acts if not knowledge.known_action(item)), None)
        if len(acts) > 1 and other is not None:
            raise _Settled(Truth.UNDETERMINED, f"what `{text.term(other)}` includes is not known")
        both = " and ".join(f"`{text.term(item)}`" for item in acts)
        raise _Settled(Truth.FALSE, f"no action is included in both {both}")
    ways: dict[tuple[bool, ...], str] = {}
    for action in fitting:
        way = tuple(bans.touches(ban.action.id, action, knowledge) for _, ban in meeting.bans)
        ways.setdefault(way, action)
    if len(ways) > MAX_ACTIONS:
        raise _Settled(Truth.UNDETERMINED, f"more than {MAX_ACTIONS} kinds of action to try")
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
            why = f"whether `{one}` and `{two}` have a {name} in common"
            raise _Settled(Truth.UNDETERMINED, why)
        raise _Settled(Truth.FALSE, f"the {name}s differ: `{one}` and `{two}`")
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
    request, knowledge = place.request, place.facts.knowledge
    if not bans.touches(ban.action.id, request.action, knowledge):
        return Truth.FALSE
    strange = bans.strange(ban.action.id, request.action, knowledge)
    found = [Truth.UNDETERMINED if strange else Truth.TRUE]
    whole, members = rules.named(side.policy, ban), place.facts.members
    about = ((whole.target, request.target or ""), (whole.assignee, request.assignee))
    for item, asked in about:
        holding = {it: held & {asked} for it, held in members.items() if asked in held}
        case = Case.of(side.policy, request, Facts(members=holding, knowledge=knowledge))
        found.append(member(item, asked, case.under(ban, "")))
    return all_of(found)


def _clear_of(barring: Sequence[Ban], goals: Sequence[Goal], world: World) -> Outcome:
    """Return whether goals can be met while no prohibition applies."""
    clear = list(goals)
    for side, ban in barring:
        items = tuple(goal.item for goal in side.goals(ban))
        if not items:
            return Outcome(Truth.FALSE, why=f"{text.term(ban.action.id)} is prohibited")
        both = model.LogicalConstraint(model.Connective.AND, items)
        clear.append(Goal(both, holds=False, side=side.number))
    return overlap(clear, world)


def _with_values(place: Example, found: Outcome) -> Example:
    stated = {left: values for left, values in found.facts.items() if left != DATE_TIME}
    asked = replace(place.request, facts=stated)
    times = (*found.facts.get(DATE_TIME, ()), *found.facts.get(DELAY, ()))
    moments = (it.end if isinstance(it, Stretch) else it for it in times)
    now = next((it for it in moments if isinstance(it, datetime)), None)
    return Example(asked, imagined(asked, replace(place.facts, now=now)))


def _refuted(example: Example, meeting: Meeting, barred: Sequence[Ban], world: World) -> str:
    """Return why evaluation does not confirm an example; empty when it does."""
    checks: list[tuple[Side, Rule, Truth]] = []
    for side, rule in meeting.permitted:
        shown = tuple(world.shown(tuple(flat(rule.constraints)), world.reading.knowledge))
        stated = {name: getattr(rule, name) for name in ("action", "target", "assignee")}
        checks.append((side, Permission(**stated, constraints=shown), Truth.TRUE))
    checks += [(side, ban, Truth.FALSE) for side, ban in barred]
    checks += [(*meeting.prohibited, Truth.TRUE)] if meeting.prohibited else []
    for side, rule, wanted in checks:
        policy = replace(side.policy, permissions=(), prohibitions=(), obligations=())
        why = f"prohibition of {text.term(rule.action.id)}"
        if isinstance(rule, Permission):
            policy = replace(policy, permissions=(rule,))
        elif isinstance(rule, Prohibition):
            policy = replace(policy, prohibitions=(rule,))
        decision = evaluate(policy, example.request, example.facts, tentative=True)
        if [item.applies for item in decision.rules] != [wanted]:
            why = decision.reasons[0] if isinstance(rule, Permission) else why
            return f"no example could be checked: {why}"
    return ""
