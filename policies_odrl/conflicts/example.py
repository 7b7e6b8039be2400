"""A request in which rules of two policies meet, checked by evaluating both policies on it.

It names one action that all rules cover, one asset and one party that all are about (a collection
by a member of it), and values that satisfy all conditions. Nothing that either side prohibits may
apply to it. What evaluation does not confirm is no example; duties are taken as promised.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from policies_odrl import text
from policies_odrl.algebra.boxes import Goal, operands_of
from policies_odrl.algebra.budget import Exhausted
from policies_odrl.algebra.domain import Fact
from policies_odrl.algebra.forms import flat, same_reference
from policies_odrl.algebra.periods import Stretch
from policies_odrl.comparison.bans import strange, touches
from policies_odrl.comparison.rules import conditions_of, named
from policies_odrl.conflicts.outcome import Outcome, unknown
from policies_odrl.conflicts.overlap import World, overlap
from policies_odrl.conflicts.verdict import Example
from policies_odrl.evaluation.case import Case
from policies_odrl.evaluation.clocks import DELAY
from policies_odrl.evaluation.conditions import member
from policies_odrl.evaluation.evaluate import evaluate
from policies_odrl.evaluation.request import DATE_TIME, Facts, Request, imagined
from policies_odrl.knowledge import Knowledge
from policies_odrl.logic import Truth, all_of
from policies_odrl.model import (
    XSD,
    Condition,
    Conflict,
    Connective,
    Literal,
    LogicalConstraint,
    Operator,
    Permission,
    Policy,
    Prohibition,
    Rule,
)
from policies_odrl.reading.inventory import Reference
from policies_odrl.values import span
from policies_odrl.vocabulary import INCLUDED_IN, Kind, implied_actions, same_action

MAX_ACTIONS: Final = 16  # actions that are tried, of those that differ in what prohibits them
SOMEBODY: Final = "did:example:somebody"
SOMETHING: Final = "urn:example:something"


@dataclass(frozen=True, slots=True)
class Side:
    """One of two policies.

    Attributes:
        policy: the policy.
        number: 0 or 1.
    """

    policy: Policy
    number: int

    @property
    def start(self) -> datetime | None:
        """When the agreement began, where the policy states it."""
        stated = self.policy.timestamp
        found = span(Literal(stated, XSD + "dateTime")) if stated else None
        return found.start if found else None

    def goals(self, rule: Rule) -> list[Goal]:
        """Return what must hold for a rule of the policy."""
        return [Goal(item, side=self.number) for item in conditions_of(named(self.policy, rule))]


@dataclass(frozen=True, slots=True)
class Meeting:
    """Rules that are to apply to one request.

    Attributes:
        permitted: permissions (or an obligation) that apply.
        prohibited: a prohibition that applies as well; None: no prohibition of their sides does.
        clear_of: further policies of which no prohibition applies.
    """

    permitted: tuple[tuple[Side, Rule], ...]
    prohibited: tuple[Side, Prohibition] | None = None
    clear_of: tuple[Side, ...] = ()

    @property
    def applying(self) -> tuple[tuple[Side, Rule], ...]:
        """All rules that are to apply."""
        return (*self.permitted, *([self.prohibited] if self.prohibited else []))

    def bans(self) -> Iterator[tuple[Side, Prohibition]]:
        """Yield the prohibitions that must not apply."""
        sides = [side for side, rule in self.permitted if isinstance(rule, Permission)]
        for side in dict.fromkeys((*sides, *self.clear_of)):
            itself = self.prohibited is not None and self.prohibited[0] is side
            if side.policy.conflict is Conflict.PERM and side not in self.clear_of:
                continue
            if not itself:
                yield from ((side, rule) for rule in side.policy.prohibitions)


@dataclass(frozen=True, slots=True)
class _Place:
    """Action, asset and party of a request."""

    action: str
    target: str
    assignee: str
    within: tuple[tuple[str, str], ...] = ()  # collections that hold them

    @property
    def members(self) -> dict[str, frozenset[str]]:
        """What the request has to know of collections."""
        found: dict[str, frozenset[str]] = {}
        for collection, held in self.within:
            found[collection] = found.get(collection, frozenset()) | {held}
        return found

    @property
    def request(self) -> Request:
        """The request, before it states any values."""
        return Request(self.action, self.assignee, self.target)


class _Settled(Exception):
    """The meeting is settled; the argument is what came of it."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__(outcome.why)
        self.outcome = outcome


def tried(meeting: Meeting, world: World) -> Outcome:
    """Return whether a meeting takes place."""
    try:
        return _tried(meeting, world)
    except _Settled as exc:
        return exc.outcome
    except Exhausted as exc:
        return unknown(str(exc))


def _tried(meeting: Meeting, world: World) -> Outcome:
    rules = [named(side.policy, rule) for side, rule in meeting.applying]
    target, about = _one_reference("target", SOMETHING, [rule.target for rule in rules])
    party, whose = _one_reference("assignee", SOMEBODY, [rule.assignee for rule in rules])
    bans = list(meeting.bans())
    world.budget.pay(1 + len(bans) + len(world.knowledge.actions))
    outcomes = []
    for action in _actions(meeting, bans, world.knowledge):
        found = _at(_Place(action, target, party, (*about, *whose)), meeting, bans, world)
        if found.truth is Truth.TRUE:
            return found
        outcomes.append(found)
    return next((item for item in outcomes if item.truth is Truth.UNDETERMINED), outcomes[0])


# -- action, asset, party ------------------------------------------------------------------------


def _actions(
    meeting: Meeting, bans: Sequence[tuple[Side, Prohibition]], knowledge: Knowledge
) -> list[str]:
    """Return actions that all rules cover, one for each way in which prohibitions touch them."""
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
        ways.setdefault(tuple(touches(ban.action.id, action, knowledge) for _, ban in bans), action)
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
) -> tuple[str, tuple[tuple[str, str], ...]]:
    """Return what a request names so that all references mean it, and the membership it needs."""
    given = [item for item in references if item is not None]
    if not given:
        return usual, ()
    first = given[0]
    other = next((item for item in given if not same_reference(first, item)), first)
    if (first.id, first.source) != (other.id, other.source):
        one, two = first.id or first.source, other.id or other.source
        if any(item.collection or item.source for item in (first, other)):
            raise _Settled(unknown(f"whether `{one}` and `{two}` have a {name} in common"))
        raise _Settled(Outcome(Truth.FALSE, why=f"the {name}s differ: `{one}` and `{two}`"))
    if first.source or first.collection:
        return usual, ((first.source or first.id, usual),)
    return first.id, ()


# -- conditions ----------------------------------------------------------------------------------


def _at(
    place: _Place, meeting: Meeting, bans: Sequence[tuple[Side, Prohibition]], world: World
) -> Outcome:
    goals = [goal for side, rule in meeting.applying for goal in side.goals(rule)]
    about = [(item, _meant(*item, place, world.knowledge)) for item in bans]
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
    example = _example(place, found.facts, world)
    refusal = _refuted(example, meeting, barred, world)
    return unknown(refusal) if refusal else Outcome(Truth.TRUE, example=example)


def _meant(side: Side, ban: Prohibition, place: _Place, knowledge: Knowledge) -> Truth:
    """Return whether a prohibition is about the request, its conditions left aside.

    It may as well not be where the request may be outside of a collection, or where it is not known
    how the actions stand to each other.
    """
    if not touches(ban.action.id, place.action, knowledge):
        return Truth.FALSE
    found = [Truth.UNDETERMINED if strange(ban.action.id, place.action, knowledge) else Truth.TRUE]
    whole = named(side.policy, ban)
    for item, asked in ((whole.target, place.target), (whole.assignee, place.assignee)):
        members = {name: frozenset({held}) for name, held in place.within if held == asked}
        facts = Facts(members=members, knowledge=knowledge)
        case = Case.of(side.policy, place.request, facts).under(ban, "")
        found.append(member(item, asked, case))
    return all_of(found)


def _clear_of(
    bans: Sequence[tuple[Side, Prohibition]], goals: Sequence[Goal], world: World
) -> Outcome:
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


def _example(place: _Place, found: Mapping[str, tuple[Fact, ...]], world: World) -> Example:
    stated = {left: values for left, values in found.items() if left != DATE_TIME}
    asked = replace(place.request, facts=stated)
    now = next(_moments((*found.get(DATE_TIME, ()), *found.get(DELAY, ()))), None)
    facts = Facts(now=now, members=place.members, knowledge=world.knowledge)
    return Example(asked, imagined(asked, facts))


def _moments(values: Sequence[Fact]) -> Iterator[datetime]:
    for value in values:
        if isinstance(value, datetime | Stretch):
            yield value.end if isinstance(value, Stretch) else value


def _refuted(
    example: Example,
    meeting: Meeting,
    barred: Sequence[tuple[Side, Prohibition]],
    world: World,
) -> str:
    """Return why evaluation does not confirm an example; empty when it does."""
    for side, rule in meeting.permitted:
        granting = Permission(
            action=rule.action,
            target=rule.target,
            assignee=rule.assignee,
            constraints=tuple(_shown(rule.constraints, world)),
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


def _shown(items: Sequence[Condition], world: World) -> Iterator[Condition]:
    """Yield the conditions that one request can show, as evaluation is to read them.

    The delays of an `andSequence` have each their own moment. Evaluation gives no meaning to parts
    of a concept: where they are read as its kinds, `isPartOf` is `isA`, and `hasPart` is left out.
    """
    for item in flat(items):
        read = _as_kinds(item, world.knowledge) if world.parts_as_kinds else item
        if read is not None and not _is_chain(item):
            yield read


def _is_chain(item: Condition) -> bool:
    return (
        isinstance(item, LogicalConstraint)
        and item.connective is Connective.AND_SEQUENCE
        and len(item.operands) > 1
        and operands_of(item) == {DELAY}
    )


def _as_kinds(item: Condition, knowledge: Knowledge) -> Condition | None:
    if isinstance(item, LogicalConstraint):
        parts = (_as_kinds(part, knowledge) or part for part in item.operands)
        return replace(item, operands=tuple(parts))
    operand = knowledge.operand(item.left)
    if operand is None or operand.kind is not Kind.CONCEPT:
        return item
    if item.operator is Operator.HAS_PART:
        return None
    return replace(item, operator=Operator.IS_A) if item.operator is Operator.IS_PART_OF else item
