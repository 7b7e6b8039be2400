"""Can conditions hold together? Values with which they do, a proof that not, or what is lacking.

Conditions on different operands never multiply, and a deprecated operand is the one that replaces
it. Conflict is answered only when every way is proved impossible; an example is confirmed by
evaluation. The work is bounded, and there is no normal form.
Source: arXiv 2602.19883 (composition of verdicts).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final

from policies_odrl import text
from policies_odrl.algebra.boxes import Box, Goal, delayed
from policies_odrl.algebra.budget import Budget, Exhausted
from policies_odrl.algebra.claims import Atom
from policies_odrl.algebra.extent import Reading
from policies_odrl.algebra.forms import condition_form
from policies_odrl.conflicts import events
from policies_odrl.conflicts.confirm import confirmed
from policies_odrl.conflicts.outcome import Outcome, excluded, settled
from policies_odrl.conflicts.times import TIMES, Chain, Judge, Times, each_alone
from policies_odrl.evaluation.clocks import DELAY
from policies_odrl.evaluation.operands import Fact
from policies_odrl.knowledge import Knowledge
from policies_odrl.logic import Truth
from policies_odrl.model import Condition, Connective, Constraint, LogicalConstraint
from policies_odrl.vocabulary import Kind

MAX_NAMED: Final = 3  # reasons that are named for one group of conditions

_UNCONFIRMED: Final = "no example could be checked"
_TIME: Final = "time"  # the operands of time belong together


@dataclass(frozen=True, slots=True)
class World:
    """What the search may rely on.

    Attributes:
        knowledge: terms and hierarchies.
        start: when the agreement began, aware; None when nobody says.
        anchors: IRI of a constraint -> start of its first period, aware.
        parts_as_kinds: see `compatibility.conflict_between`.
        barring: whether a meeting is what must not be, so that none may be overlooked.
        times: what judges the operands of time together.
    """

    knowledge: Knowledge
    start: datetime | None = None
    anchors: Mapping[str, datetime] = field(default_factory=dict)
    parts_as_kinds: bool = False
    barring: bool = False
    times: Judge = each_alone


def overlap(goals: Sequence[Goal], world: World, budget: Budget) -> Outcome:
    """Return whether all goals can be met together.

    >>> from policies_odrl.model import ODRL, XSD, Literal, Operator
    >>> def width(operator, value):
    ...     right = (Literal(value, XSD + "decimal"),)
    ...     return Goal(Constraint(ODRL + "percentage", Operator(operator), right))
    >>> world = World(Knowledge())
    >>> overlap([width("lteq", "5"), width("gteq", "6")], world, Budget()).truth.value
    'false'
    >>> overlap([width("lteq", "6"), width("gteq", "6")], world, Budget()).truth.value
    'true'
    """
    facts: dict[str, tuple[Fact, ...]] = {}
    lacking: list[str] = []
    current = [replace(goal, item=_current(goal.item, world.knowledge)) for goal in goals]
    for group in _apart(current):
        try:
            found = _search(group, world, budget)
        except Exhausted as exc:
            found = Outcome(Truth.UNDETERMINED, why=str(exc))
        if found.truth is Truth.FALSE:
            return found
        if found.truth is Truth.UNDETERMINED:
            lacking.append(found.why)
        facts.update(found.facts)
    if lacking:
        return Outcome(Truth.UNDETERMINED, why="; ".join(dict.fromkeys(lacking)))
    return Outcome(Truth.TRUE, facts)


# -- what belongs together -----------------------------------------------------------------------


def _current(item: Condition, knowledge: Knowledge) -> Condition:
    """Return a condition with the operands that replace deprecated ones: a request has one value.

    Source: `request.names_of`, by which evaluation finds a value under any of these names.
    """
    if isinstance(item, LogicalConstraint):
        return replace(item, operands=tuple(_current(part, knowledge) for part in item.operands))
    newer = knowledge.current(item.left)
    return item if newer == item.left else replace(item, left=newer)


def _apart(goals: Sequence[Goal]) -> list[list[Goal]]:
    """Return goals in groups that have no operand in common."""
    home: dict[str, str] = {}

    def root(item: str) -> str:
        while home[item] != item:
            home[item] = home[home[item]]
            item = home[item]
        return item

    firsts = []
    for goal in goals:
        named = sorted(goal.operands) or [""]
        names = [_TIME if item in TIMES else item for item in named]
        for item in names:
            home.setdefault(item, item)
            home[root(item)] = root(names[0])
        firsts.append(names[0])
    groups: dict[str, list[Goal]] = {}
    for goal, first in zip(goals, firsts, strict=True):
        groups.setdefault(root(first), []).append(goal)
    return list(groups.values())


# -- the search ----------------------------------------------------------------------------------


def _search(goals: Sequence[Goal], world: World, budget: Budget) -> Outcome:
    reading = Reading(world.knowledge, True, world.parts_as_kinds, budget)  # noqa: FBT003 - asserted
    pending = [Box(goals, opening=True)]
    lacking: list[str] = []
    apart: list[str] = []
    while pending:
        box = pending.pop()
        found = _judge(box, world, reading)
        if found.truth is Truth.FALSE:
            apart.append(found.why)
        elif box.choices:
            chosen = min(box.choices, key=lambda choice: len(choice.ways))
            budget.pay(len(chosen.ways) * (1 + sum(map(len, box.atoms.values()))))
            pending.extend(reversed(list(box.cases(chosen))))
        elif found.truth is Truth.TRUE and confirmed(
            goals, found.facts, world.knowledge, parts_as_kinds=world.parts_as_kinds
        ):
            return found
        else:
            lacking.append(found.why or _UNCONFIRMED)
    if lacking:
        return Outcome(Truth.UNDETERMINED, why=_first_of(lacking))
    return Outcome(Truth.FALSE, why=_first_of(apart))


def _first_of(reasons: Sequence[str]) -> str:
    return "; ".join(list(dict.fromkeys(reasons))[:MAX_NAMED])


def _judge(box: Box, world: World, reading: Reading) -> Outcome:
    """Return whether what one way asks of each operand can hold, its choices left aside."""
    facts: dict[str, tuple[Fact, ...]] = {}
    chains, strange = _chains(box)
    lacking = [strange] if strange else []
    times = {left: atoms for left, atoms in box.atoms.items() if left in TIMES}
    outcomes = [_of_operand(box, left, reading) for left in box.atoms if left not in TIMES]
    if times or chains:
        outcomes.append(_timed(times, chains, world, reading))
    for found in outcomes:
        if found.truth is Truth.FALSE:
            return found
        if found.truth is Truth.UNDETERMINED:
            lacking.append(found.why)
        facts.update(found.facts)
    if lacking:
        return Outcome(Truth.UNDETERMINED, why="; ".join(dict.fromkeys(lacking)))
    return Outcome(Truth.TRUE, facts)


def _of_operand(box: Box, left: str, reading: Reading) -> Outcome:
    claims = box.claims(left, reading)
    if claims.operand is not None and claims.operand.kind is Kind.EVENT and not claims.opposed:
        found = events.judge(claims)
        return found if found.truth is not Truth.FALSE else excluded(claims.atoms)
    return settled(left, claims)


def _chains(box: Box) -> tuple[list[Chain], str]:
    """Return the delays that follow one another, and what of a sequence is not settled."""
    chains, strange = [], ""
    for goal in box.sequences:
        item = goal.item
        shown = text.condition(item)[:200]
        if not goal.holds or not isinstance(item, LogicalConstraint) or not item.operands:
            strange = f"{shown}: whether the order was kept"
            continue
        links = [_link(part, goal.side) for part in item.operands if delayed(part)]
        if all(links):
            chains.append(Chain(tuple(links), goal.side))
        else:
            strange = f"{shown}: when each part came true"
    return chains, strange


def _link(part: Condition, side: int) -> tuple[Atom, ...]:
    """Return what a member of a sequence asks of its delay; empty where it asks for more."""
    if isinstance(part, Constraint):
        return (Atom(part, side=side),)
    links = [_link(item, side) for item in part.operands]
    if part.connective is not Connective.AND or not all(links):
        return ()
    atoms = tuple(atom for link in links for atom in link)
    return atoms if all(atom.item.left == DELAY for atom in atoms) else ()


def _timed(
    times: Mapping[str, Sequence[Atom]],
    chains: Sequence[Chain],
    world: World,
    reading: Reading,
) -> Outcome:
    atoms = [atom for items in times.values() for atom in items]
    reading.budget.pay(len(atoms) + sum(len(chain.parts) for chain in chains))
    if any(_opposed(items, world) for items in times.values()):
        return excluded(atoms)
    referring = next((atom for atom in atoms if atom.item.reference), None)
    if referring is not None:
        why = f"{referring.text}: the value at `{referring.item.reference[0][:200]}`"
        return Outcome(Truth.UNDETERMINED, why=why)
    asked = Times(times, reading, chains, world.start, world.anchors, barring=world.barring)
    found = world.times(asked)
    links = [atom for chain in chains for part in chain.parts for atom in part]
    return excluded([*atoms, *links]) if found.truth is Truth.FALSE else found


def _opposed(atoms: Iterable[Atom], world: World) -> bool:
    """Return whether one and the same constraint, with one anchor, is to hold and not to hold."""

    def said(atom: Atom) -> tuple[object, ...]:
        anchor = world.anchors.get(atom.item.id) if atom.item.id else None
        return (condition_form(atom.item), anchor)

    no = {said(atom) for atom in atoms if not atom.holds}
    return bool(no) and any(said(atom) in no for atom in atoms if atom.holds)
