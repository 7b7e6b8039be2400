"""A request in which rules of two policies meet, checked by evaluating both policies on it.

Rules: the request names one action that all rules cover, one asset and one party that all are about
(a collection by a member of it), and values that satisfy all conditions (`overlap.py`); nothing
that either side prohibits may apply to it. What evaluation does not confirm is not an example. The
delays of an `andSequence` have each their own moment, so that one request cannot show them: they
are checked part by part. Duties are taken as promised.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from policies_odrl import text
from policies_odrl.algebra.boxes import Goal
from policies_odrl.algebra.budget import Budget, Exhausted
from policies_odrl.algebra.forms import same_reference
from policies_odrl.conflicts.confirm import shown, stated_by
from policies_odrl.conflicts.outcome import Outcome
from policies_odrl.conflicts.overlap import World, overlap
from policies_odrl.conflicts.verdict import Example
from policies_odrl.evaluation.evaluate import evaluate
from policies_odrl.evaluation.operands import Fact
from policies_odrl.evaluation.request import Facts, Request, imagined
from policies_odrl.knowledge import Knowledge
from policies_odrl.logic import Truth
from policies_odrl.model import (
    XSD,
    AssetRef,
    Condition,
    Conflict,
    Connective,
    Literal,
    LogicalConstraint,
    PartyRef,
    Permission,
    Policy,
    Prohibition,
    Rule,
)
from policies_odrl.values import span
from policies_odrl.vocabulary import INCLUDED_IN, implied_actions, same_action

MAX_ACTIONS: Final = 16  # actions that are tried, of those that differ in what prohibits them
SOMEBODY: Final = "did:example:somebody"
SOMETHING: Final = "urn:example:something"

_Reference = AssetRef | PartyRef


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


Ruled = tuple[Side, Rule]


@dataclass(frozen=True, slots=True)
class Meeting:
    """Rules that are to apply to one request.

    Attributes:
        permitted: permissions (or an obligation) that apply.
        prohibited: a prohibition that applies as well; None: no prohibition of their sides does.
        clear_of: further policies of which no prohibition applies.
    """

    permitted: tuple[Ruled, ...]
    prohibited: tuple[Side, Prohibition] | None = None
    clear_of: tuple[Side, ...] = ()

    @property
    def applying(self) -> tuple[Ruled, ...]:
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
class Tried:
    """What came of a meeting.

    Attributes:
        truth: True: it takes place; False: it is proved that it cannot.
        example: with True.
        why: with False, why not; with Undetermined, the fact that is lacking.
    """

    truth: Truth
    example: Example | None = None
    why: str = ""


@dataclass(frozen=True, slots=True)
class _Place:
    """Action, asset and party of a request."""

    action: str
    target: str | None
    assignee: str
    members: tuple[tuple[str, str], ...] = ()


class _Settled(Exception):
    """The meeting is settled; the argument is what came of it."""

    def __init__(self, tried: Tried) -> None:
        super().__init__(tried.why)
        self.tried = tried


def tried(meeting: Meeting, world: World, budget: Budget) -> Tried:
    """Return whether a meeting takes place."""
    try:
        return _tried(meeting, world, budget)
    except _Settled as exc:
        return exc.tried
    except Exhausted as exc:
        return Tried(Truth.UNDETERMINED, why=str(exc))


def _tried(meeting: Meeting, world: World, budget: Budget) -> Tried:
    target, about = _one_reference("target", [s.policy.target_of(r) for s, r in meeting.applying])
    party, whose = _one_reference(
        "assignee", [s.policy.assignee_of(r) for s, r in meeting.applying]
    )
    bans = list(meeting.bans())
    budget.pay(1 + len(bans) + len(world.knowledge.actions))
    outcomes = []
    for action in _actions(meeting, bans, world.knowledge):
        place = _Place(action, target, party, (*about, *whose))
        found = _at(place, meeting, bans, world, budget)
        if found.truth is Truth.TRUE:
            return found
        outcomes.append(found)
    return next((item for item in outcomes if item.truth is Truth.UNDETERMINED), outcomes[0])


# -- action, asset, party ------------------------------------------------------------------------


def _actions(
    meeting: Meeting, bans: Sequence[tuple[Side, Prohibition]], knowledge: Knowledge
) -> list[str]:
    """Return actions that all rules cover, one for each way in which prohibitions touch them."""
    named = [same_action(rule.action.id) for _, rule in meeting.applying]
    universe = dict.fromkeys((*named, *INCLUDED_IN, *sorted(knowledge.actions)))
    fitting = [item for item in universe if _covered(item, meeting, knowledge)]
    if not fitting:
        if len({*named}) > 1 and not all(map(knowledge.known_action, named)):
            why = f"what `{text.term(next(_strange(named, knowledge)))}` includes is not known"
            raise _Settled(Tried(Truth.UNDETERMINED, why=why))
        both = " and ".join(f"`{text.term(item)}`" for item in dict.fromkeys(named))
        raise _Settled(Tried(Truth.FALSE, why=f"no action is included in both {both}"))
    ways: dict[frozenset[int], str] = {}
    for action in fitting:
        touched = frozenset(
            index for index, (_, ban) in enumerate(bans) if _touches(ban, action, knowledge)
        )
        ways.setdefault(touched, action)
    if len(ways) > MAX_ACTIONS:
        raise _Settled(
            Tried(Truth.UNDETERMINED, why=f"more than {MAX_ACTIONS} kinds of action to try")
        )
    return [ways[way] for way in sorted(ways, key=len)]


def _covered(action: str, meeting: Meeting, knowledge: Knowledge) -> bool:
    wider = knowledge.wider_actions(action)
    return all(
        same_action(rule.action.id) in (wider | implied_actions(action) if ban else wider)
        for rule, ban in [(rule, isinstance(rule, Prohibition)) for _, rule in meeting.applying]
    )


def _touches(ban: Prohibition, action: str, knowledge: Knowledge) -> bool:
    ruled = same_action(ban.action.id)
    return (
        _foreign(ban, action, knowledge)
        or ruled in knowledge.wider_actions(action) | implied_actions(action)
        or action in knowledge.wider_actions(ruled)
    )


def _foreign(ban: Prohibition, action: str, knowledge: Knowledge) -> bool:
    """Return whether it is not known how an action stands to the one that is prohibited."""
    ruled = same_action(ban.action.id)
    return ruled != action and any(True for _ in _strange((ruled, action), knowledge))


def _strange(actions: Sequence[str], knowledge: Knowledge) -> Iterator[str]:
    return (item for item in actions if not knowledge.known_action(item))


def _one_reference(
    name: str, references: Sequence[_Reference | None]
) -> tuple[str, tuple[tuple[str, str], ...]]:
    """Return what a request names so that all references mean it, and the membership it needs."""
    given = [item for item in references if item is not None]
    usual = SOMETHING if name == "target" else SOMEBODY
    if not given:
        return usual, ()
    first = given[0]
    strange = next((item for item in given if not same_reference(first, item)), None)
    if strange is not None and (first.id, first.source) != (strange.id, strange.source):
        one, other = first.id or first.source, strange.id or strange.source
        if any(item.collection or item.source for item in (first, strange)):
            why = f"whether `{one}` and `{other}` have a {name} in common"
            raise _Settled(Tried(Truth.UNDETERMINED, why=why))
        why = f"the {name}s differ: `{one}` and `{other}`"
        raise _Settled(Tried(Truth.FALSE, why=why))
    if first.source or first.collection:
        return usual, ((first.source or first.id, usual),)
    return first.id, ()


# -- conditions ----------------------------------------------------------------------------------


def _at(
    place: _Place,
    meeting: Meeting,
    bans: Sequence[tuple[Side, Prohibition]],
    world: World,
    budget: Budget,
) -> Tried:
    goals = [
        Goal(item, side=side.number)
        for side, rule in meeting.applying
        for item in _conditions(side, rule)
    ]
    barred = [item for item in bans if _concerned(*item, place, world.knowledge)]
    found = _clear_of(
        [item for item in barred if not _in_doubt(*item, place, world)], goals, world, budget
    )
    doubtful = next((ban for side, ban in barred if _in_doubt(side, ban, place, world)), None)
    if found.truth is Truth.TRUE and doubtful is not None:
        found = _clear_of(barred, goals, world, budget)
        if found.truth is Truth.FALSE:  # whoever is no member is not concerned
            action = text.term(doubtful.action.id)
            why = f"whom or what the prohibition of {action} concerns"
            return Tried(Truth.UNDETERMINED, why=why)
    if found.truth is not Truth.TRUE:
        return Tried(found.truth, why=found.why)
    example = _example(place, found.facts, world)
    refusal = _refuted(example, meeting, barred, world)
    if refusal:
        return Tried(Truth.UNDETERMINED, why=refusal)
    return Tried(Truth.TRUE, example)


def _conditions(side: Side, rule: Rule) -> tuple[Condition, ...]:
    target, party = side.policy.target_of(rule), side.policy.assignee_of(rule)
    return (
        *rule.constraints,
        *rule.action.refinements,
        *(target.refinements if target else ()),
        *(party.refinements if party else ()),
    )


def _concerned(side: Side, ban: Prohibition, place: _Place, knowledge: Knowledge) -> bool:
    """Return whether a prohibition may be about the request, its conditions left aside."""
    pairs = (
        (side.policy.target_of(ban), place.target),
        (side.policy.assignee_of(ban), place.assignee),
    )
    apart = any(
        item is not None and not (item.collection or item.source) and item.id != asked
        for item, asked in pairs
    )
    return not apart and _touches(ban, place.action, knowledge)


def _in_doubt(side: Side, ban: Prohibition, place: _Place, world: World) -> bool:
    """Return whether a prohibition that may be about the request may as well not be.

    So it is of collections that the request may be outside of, and of actions that are not known.
    """
    if _foreign(ban, place.action, world.knowledge):
        return True
    pairs = (
        (side.policy.target_of(ban), place.target),
        (side.policy.assignee_of(ban), place.assignee),
    )
    return any(
        item is not None
        and bool(item.collection or item.source)
        and (item.source or item.id, asked) not in place.members
        for item, asked in pairs
    )


def _clear_of(
    bans: Sequence[tuple[Side, Prohibition]], goals: Sequence[Goal], world: World, budget: Budget
) -> Outcome:
    """Return whether goals can be met while no prohibition applies."""
    clear = list(goals)
    for side, ban in bans:
        items = _conditions(side, ban)
        if not items:
            return Outcome(Truth.FALSE, why=f"{text.term(ban.action.id)} is prohibited")
        both = LogicalConstraint(Connective.AND, items)
        clear.append(Goal(both, holds=False, side=side.number))
    return overlap(clear, world, budget)


# -- the example ---------------------------------------------------------------------------------


def _example(place: _Place, found: Mapping[str, tuple[Fact, ...]], world: World) -> Example:
    stated, now = stated_by(found)
    members: dict[str, frozenset[str]] = {}
    for collection, member in place.members:
        members[collection] = members.get(collection, frozenset()) | {member}
    asked = Request(place.action, place.assignee, place.target, stated)
    facts = Facts(now=now, members=members, knowledge=world.knowledge)
    return Example(asked, imagined(asked, facts))


def _refuted(
    example: Example,
    meeting: Meeting,
    barred: Sequence[tuple[Side, Prohibition]],
    world: World,
) -> str:
    """Return why evaluation does not confirm an example; empty when it does."""
    for side, rule in meeting.permitted:
        conditions = shown(rule.constraints, world.knowledge, parts_as_kinds=world.parts_as_kinds)
        granting = Permission(
            action=rule.action,
            target=rule.target,
            assignee=rule.assignee,
            constraints=tuple(conditions),
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
        applies = [item.applies for item in decision.rules]
        if applies != [wanted]:
            return f"no example could be checked: prohibition of {text.term(ban.action.id)}"
    return ""
