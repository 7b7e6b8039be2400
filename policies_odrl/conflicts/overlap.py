"""Can conditions hold together? Values with which they do, a proof that not, or what is lacking.

Conditions on different operands never multiply: they are searched in groups. It is False only when
every way is proved impossible. The work is bounded, and there is no normal form.
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
from policies_odrl.conflicts.outcome import Outcome, all_met, excluded, settled, unknown
from policies_odrl.conflicts.times import TIMES, Chain, Judge, Times, each_alone
from policies_odrl.evaluation.clocks import DELAY
from policies_odrl.knowledge import Knowledge
from policies_odrl.logic import Truth
from policies_odrl.model import Condition, Connective, Constraint, LogicalConstraint
from policies_odrl.vocabulary import Kind

MAX_NAMED: Final = 3  # reasons that are named for one group of conditions
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
        budget: pays for the work of one question.
    """

    knowledge: Knowledge
    start: datetime | None = None
    anchors: Mapping[str, datetime] = field(default_factory=dict)
    parts_as_kinds: bool = False
    barring: bool = False
    times: Judge = each_alone
    budget: Budget = field(default_factory=Budget)

    @property
    def reading(self) -> Reading:
        """How constraints are read: only what is asserted counts."""
        return Reading(self.knowledge, True, self.parts_as_kinds, self.budget)  # noqa: FBT003


def overlap(goals: Sequence[Goal], world: World) -> Outcome:
    """Return whether all goals can be met together.

    >>> from policies_odrl.model import ODRL, XSD, Literal, Operator
    >>> def width(operator, value):
    ...     right = (Literal(value, XSD + "decimal"),)
    ...     return Goal(Constraint(ODRL + "percentage", Operator(operator), right))
    >>> world = World(Knowledge())
    >>> overlap([width("lteq", "5"), width("gteq", "6")], world).truth.value
    'false'
    >>> overlap([width("lteq", "6"), width("gteq", "6")], world).truth.value
    'true'
    """
    current = [replace(goal, item=_current(goal.item, world.knowledge)) for goal in goals]
    outcomes = []
    for group in _apart(current):
        try:
            outcomes.append(_search(group, world))
        except Exhausted as exc:
            outcomes.append(unknown(str(exc)))
        if outcomes[-1].truth is Truth.FALSE:
            break
    return all_met(outcomes)


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
    names = [{_TIME if it in TIMES else it for it in goal.operands} or {""} for goal in goals]
    using: dict[str, list[int]] = {}
    for index, named in enumerate(names):
        for name in named:
            using.setdefault(name, []).append(index)
    groups: list[list[Goal]] = []
    seen: set[int] = set()
    for first in range(len(goals)):
        stack, group = [first] if first not in seen else [], []
        while stack:
            index = stack.pop()
            if index not in seen:
                seen.add(index)
                group.append(index)
                stack.extend(near for name in names[index] for near in using.pop(name, ()))
        if group:
            groups.append([goals[index] for index in sorted(group)])
    return groups


# -- the search ----------------------------------------------------------------------------------


def _search(goals: Sequence[Goal], world: World) -> Outcome:
    reading, pending = world.reading, [Box(goals, opening=True)]
    lacking: list[str] = []
    apart: list[str] = []
    while pending:
        box = pending.pop()
        found = _judge(box, world, reading)
        if found.truth is Truth.FALSE:
            apart.append(found.why)
        elif box.choices:
            chosen = min(box.choices, key=lambda choice: len(choice.ways))
            world.budget.pay(len(chosen.ways) * (1 + sum(map(len, box.atoms.values()))))
            pending.extend(reversed(list(box.cases(chosen))))
        elif found.truth is Truth.TRUE:
            return found
        else:
            lacking.append(found.why)
    why = "; ".join(list(dict.fromkeys(lacking or apart))[:MAX_NAMED])
    return unknown(why) if lacking else Outcome(Truth.FALSE, why=why)


def _judge(box: Box, world: World, reading: Reading) -> Outcome:
    """Return whether what one way asks of each operand can hold, its choices left aside."""
    chains, strange = _chains(box)
    times = {left: atoms for left, atoms in box.atoms.items() if left in TIMES}
    outcomes = [_of_operand(box, left, reading) for left in box.atoms if left not in TIMES]
    if times or chains:
        outcomes.append(_timed(times, chains, world, reading))
    return all_met(outcomes, strange)


def _of_operand(box: Box, left: str, reading: Reading) -> Outcome:
    claims = box.claims(left, reading)
    if claims.operand is not None and claims.operand.kind is Kind.EVENT and not claims.opposed:
        found = events.judge(claims)
        return found if found.truth is not Truth.FALSE else excluded(claims.atoms)
    return settled(left, claims)


def _chains(box: Box) -> tuple[list[Chain], list[str]]:
    """Return the delays that follow one another, and what of sequences is not settled."""
    chains, strange = [], []
    for goal in box.sequences:
        item = goal.item
        shown = text.condition(item)[:200]
        if not goal.holds or not isinstance(item, LogicalConstraint) or not item.operands:
            strange.append(f"{shown}: whether the order was kept")
            continue
        links = [_link(part, goal.side) for part in item.operands if delayed(part)]
        if all(links):
            chains.append(Chain(tuple(links), goal.side))
        else:
            strange.append(f"{shown}: when each part came true")
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
        return unknown(f"{referring.text}: the value at `{referring.item.reference[0][:200]}`")
    asked = Times(times, reading, chains, world.start, world.anchors, barring=world.barring)
    found = world.times(asked)
    links = [atom for chain in chains for part in chain.parts for atom in part]
    return excluded([*atoms, *links]) if found.truth is Truth.FALSE else found


def _opposed(atoms: Iterable[Atom], world: World) -> bool:
    """Return whether one and the same constraint, with one anchor, is to hold and not to hold."""
    said = {
        (condition_form(atom.item), world.anchors.get(atom.item.id or ""), atom.holds)
        for atom in atoms
    }
    return any((form, anchor, not holds) in said for form, anchor, holds in said)
