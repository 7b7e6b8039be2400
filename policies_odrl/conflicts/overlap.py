"""Can conditions hold together? Values with which they do, a proof that not, or what is lacking.

Rules: `and` and `andSequence` are taken apart, `or` and `xone` are tried one way after the other,
and only together with what speaks of the same operands: conditions on different operands never
multiply, and a deprecated operand is the one that replaces it. What is not to hold is turned round
by the strong negation, so that `xone` asks for proof that its other parts are False. Conflict is
answered only when every way is proved impossible. The work is bounded (`budget.py`); there is no
normal form.
Source: arXiv 2602.19883 (composition of verdicts).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import combinations
from typing import Final

from policies_odrl import text
from policies_odrl.comparison.box import operands_of
from policies_odrl.comparison.budget import Budget, Exhausted
from policies_odrl.comparison.forms import condition_form
from policies_odrl.comparison.regions import SCALARS
from policies_odrl.conflicts import axes, denote, events, timeline
from policies_odrl.conflicts.axes import Atom, Extent, State
from policies_odrl.conflicts.confirm import Goal, confirmed
from policies_odrl.conflicts.timeline import TIMES, Chain, Outcome, Times
from policies_odrl.evaluation.clocks import DELAY
from policies_odrl.evaluation.operands import Fact
from policies_odrl.knowledge import Knowledge
from policies_odrl.model import Condition, Connective, Constraint, LogicalConstraint
from policies_odrl.vocabulary import Kind

MAX_ALTERNATIVES: Final = 4_096  # ways in which one condition can come true or false
MAX_NAMED: Final = 3  # reasons that are named for one group of conditions

_UNCONFIRMED: Final = "no example could be checked"
_TIME: Final = "time"  # the operands of time belong together


@dataclass(frozen=True, slots=True)
class Choice:
    """Several ways, of which one is enough.

    Attributes:
        ways: goals that are met together, for each way.
    """

    ways: tuple[tuple[Goal, ...], ...]


Part = Goal | Choice


@dataclass(frozen=True, slots=True)
class World:
    """What the search may rely on.

    Attributes:
        knowledge: terms and hierarchies.
        start: when the agreement began, aware; None when nobody says.
        anchors: IRI of a constraint -> start of its first period, aware.
        parts_as_kinds: see `compatibility.conflict_between`.
        barring: whether a meeting is what must not be, so that none may be overlooked.
    """

    knowledge: Knowledge
    start: datetime | None = None
    anchors: Mapping[str, datetime] = field(default_factory=dict)
    parts_as_kinds: bool = False
    barring: bool = False


def overlap(goals: Sequence[Goal], world: World, budget: Budget) -> Outcome:
    """Return whether all goals can be met together.

    >>> from policies_odrl.model import ODRL, XSD, Literal, Operator
    >>> def width(operator, value):
    ...     right = (Literal(value, XSD + "decimal"),)
    ...     return Goal(Constraint(ODRL + "percentage", Operator(operator), right))
    >>> world = World(Knowledge())
    >>> overlap([width("lteq", "5"), width("gteq", "6")], world, Budget()).state.value
    'empty'
    >>> overlap([width("lteq", "6"), width("gteq", "6")], world, Budget()).state.value
    'filled'
    """
    facts: dict[str, tuple[Fact, ...]] = {}
    lacking: list[str] = []
    current = [replace(goal, item=_current(goal.item, world.knowledge)) for goal in goals]
    for group in _apart(current):
        try:
            found = _search(group, world, budget)
        except Exhausted as exc:
            found = Outcome(State.OPEN, why=str(exc))
        if found.state is State.EMPTY:
            return found
        if found.state is State.OPEN:
            lacking.append(found.why)
        facts.update(found.facts)
    if lacking:
        return Outcome(State.OPEN, why="; ".join(dict.fromkeys(lacking)))
    return Outcome(State.FILLED, facts)


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
        named = sorted(operands_of(goal.item)) or [""]
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


class _Node:
    """What is settled on one way, and what is still to be chosen."""

    __slots__ = ("atoms", "chains", "choices", "strange")

    def __init__(self) -> None:
        self.atoms: dict[str, list[Atom]] = {}
        self.chains: list[Chain] = []
        self.choices: list[Choice] = []
        self.strange = ""

    def copy(self) -> _Node:
        node = _Node()
        node.atoms = {left: list(items) for left, items in self.atoms.items()}
        node.chains = list(self.chains)
        node.choices = list(self.choices)
        node.strange = self.strange
        return node

    def add(self, parts: Iterable[Part], budget: Budget) -> None:
        stack = list(parts)
        stack.reverse()
        while stack:
            budget.pay()
            part = stack.pop()
            if isinstance(part, Choice):
                self.choices.append(part)
            elif isinstance(part.item, Constraint):
                atom = Atom(part.item, part.holds, part.side)
                self.atoms.setdefault(part.item.left, []).append(atom)
            else:
                stack.extend(self._taken_apart(part.item, part))

    def _taken_apart(self, item: LogicalConstraint, goal: Goal) -> Iterable[Part]:
        inner = [Goal(part, goal.holds, goal.side) for part in item.operands]
        match item.connective, goal.holds:
            case (Connective.AND, True) | (Connective.OR, False):
                return reversed(inner)
            case (Connective.OR, True) | (Connective.AND, False):
                return [Choice(tuple((part,) for part in inner))]
            case (Connective.XONE, _):
                return [_exactly_one(item, goal)]
            case (_, True):
                return self._in_order(item, goal)
            case _:
                self.strange = f"{text.condition(item)[:200]}: whether the order was kept"
                return []

    def _in_order(self, item: LogicalConstraint, goal: Goal) -> Iterable[Part]:
        delays = [DELAY in operands_of(part) for part in item.operands]
        if delays.count(True) == int(delays[0]):
            return [Goal(part, side=goal.side) for part in reversed(item.operands)]
        timed = [part for part, is_delay in zip(item.operands, delays, strict=True) if is_delay]
        links = [_link(part, goal.side) for part in timed]
        if all(links):
            self.chains.append(Chain(tuple(links), goal.side))
        else:
            self.strange = f"{text.condition(item)[:200]}: when each part came true"
        rest = [part for part, is_delay in zip(item.operands, delays, strict=True) if not is_delay]
        return [Goal(part, side=goal.side) for part in rest]


def _link(part: Condition, side: int) -> tuple[Atom, ...]:
    """Return what a member of a sequence asks of its delay; empty where it asks for more."""
    if isinstance(part, Constraint):
        return (Atom(part, side=side),)
    links = [_link(item, side) for item in part.operands]
    if part.connective is not Connective.AND or not all(links):
        return ()
    atoms = tuple(atom for link in links for atom in link)
    return atoms if all(atom.item.left == DELAY for atom in atoms) else ()


def _exactly_one(item: LogicalConstraint, goal: Goal) -> Choice:
    """Return the ways in which one of several is True, or in which not exactly one is."""
    parts, side = item.operands, goal.side
    count = len(parts)
    if goal.holds:
        ways = [[(index, index == one) for index in range(count)] for one in range(count)]
    else:
        ways = [[(index, False) for index in range(count)]]
        ways += [[(one, True), (two, True)] for one, two in combinations(range(count), 2)]
    if sum(len(way) for way in ways) > MAX_ALTERNATIVES:
        raise Exhausted(f"`xone` of {count} parts has too many ways to try")
    return Choice(
        tuple(tuple(Goal(parts[index], holds, side) for index, holds in way) for way in ways)
    )


def _search(goals: Sequence[Goal], world: World, budget: Budget) -> Outcome:
    first = _Node()
    first.add(goals, budget)
    pending = [first]
    lacking: list[str] = []
    apart: list[str] = []
    while pending:
        node = pending.pop()
        found = _judge(node, world, budget)
        if found.state is State.EMPTY:
            apart.append(found.why)
            continue
        if not node.choices:
            if found.state is State.FILLED and confirmed(
                goals, found.facts, world.knowledge, parts_as_kinds=world.parts_as_kinds
            ):
                return found
            lacking.append(found.why or _UNCONFIRMED)
            continue
        pending.extend(reversed(list(_ways(node, budget))))
    if lacking:
        return Outcome(State.OPEN, why="; ".join(list(dict.fromkeys(lacking))[:MAX_NAMED]))
    return Outcome(State.EMPTY, why="; ".join(list(dict.fromkeys(apart))[:MAX_NAMED]))


def _ways(node: _Node, budget: Budget) -> Iterator[_Node]:
    """Yield the node with its smallest choice decided, one way after the other."""
    chosen = min(node.choices, key=lambda choice: len(choice.ways))
    rest = [choice for choice in node.choices if choice is not chosen]
    for way in chosen.ways:
        budget.pay(1 + sum(len(items) for items in node.atoms.values()))
        case = node.copy()
        case.choices = list(rest)
        case.add(way, budget)
        yield case


# -- one way -------------------------------------------------------------------------------------


def _judge(node: _Node, world: World, budget: Budget) -> Outcome:
    facts: dict[str, tuple[Fact, ...]] = {}
    lacking = [node.strange] if node.strange else []
    times = {left: atoms for left, atoms in node.atoms.items() if left in TIMES}
    outcomes = [
        _as_outcome(left, atoms, _extent(left, atoms, world, budget))
        for left, atoms in node.atoms.items()
        if left not in TIMES
    ]
    if times or node.chains:
        outcomes.append(_timed(times, node.chains, world, budget))
    for found in outcomes:
        if found.state is State.EMPTY:
            return found
        if found.state is State.OPEN:
            lacking.append(found.why)
        facts.update(found.facts)
    if lacking:
        return Outcome(State.OPEN, why="; ".join(dict.fromkeys(lacking)))
    return Outcome(State.FILLED, facts)


def _as_outcome(left: str, atoms: Sequence[Atom], found: Extent) -> Outcome:
    facts = {left: found.values} if found.state is State.FILLED else {}
    why = _excluded(atoms) if found.state is State.EMPTY else found.why
    return Outcome(found.state, facts, why)


def _excluded(atoms: Sequence[Atom]) -> str:
    lines = list(dict.fromkeys(atom.text for atom in atoms))
    more = f" and {len(lines) - MAX_NAMED} more" if len(lines) > MAX_NAMED else ""
    return f"nothing satisfies {' and '.join(lines[:MAX_NAMED])}{more}"


def _extent(left: str, atoms: Sequence[Atom], world: World, budget: Budget) -> Extent:
    operand = world.knowledge.operand(left)
    budget.pay(len(atoms))
    if operand is None:
        return Extent(State.OPEN, why=f"`{text.term(left)}` is not a known left operand")
    settled = _opposed(atoms, world)
    obstacle = _obstacle(atoms)
    if settled or obstacle:
        return axes.EMPTY if settled else Extent(State.OPEN, why=obstacle)
    if operand.kind in SCALARS:
        return axes.extent(operand, atoms)
    if operand.kind is Kind.EVENT:
        return events.extent(operand, atoms, world.knowledge)
    return denote.extent(
        operand, atoms, world.knowledge, budget, parts_as_kinds=world.parts_as_kinds
    )


def _timed(
    times: Mapping[str, Sequence[Atom]], chains: Sequence[Chain], world: World, budget: Budget
) -> Outcome:
    atoms = [atom for items in times.values() for atom in items]
    budget.pay(len(atoms) + sum(len(chain.parts) for chain in chains))
    if any(_opposed(items, world) for items in times.values()):
        return Outcome(State.EMPTY, why=_excluded(atoms))
    obstacle = next((why for items in times.values() if (why := _obstacle(items))), "")
    if obstacle:
        return Outcome(State.OPEN, why=obstacle)
    found = timeline.judge(Times(times, chains, world.start, world.anchors, barring=world.barring))
    links = [atom for chain in chains for part in chain.parts for atom in part]
    return replace(found, why=_excluded([*atoms, *links])) if found.state is State.EMPTY else found


def _opposed(atoms: Sequence[Atom], world: World) -> bool:
    """Return whether one and the same constraint is to hold and not to hold."""

    def said(atom: Atom) -> tuple[object, ...]:
        anchor = world.anchors.get(atom.item.id) if atom.item.id else None
        return (condition_form(atom.item), anchor)

    no = {said(atom) for atom in atoms if not atom.holds}
    return bool(no) and any(said(atom) in no for atom in atoms if atom.holds)


def _obstacle(atoms: Sequence[Atom]) -> str:
    """Return what keeps the values of atoms from being compared; empty when nothing does."""
    for atom in atoms:
        if atom.item.reference:
            return f"{atom.text}: the value at `{atom.item.reference[0][:200]}`"
    if len({atom.item.status for atom in atoms}) > 1:
        return f"{text.term(atoms[0].item.left)}: where each count starts"
    return ""
