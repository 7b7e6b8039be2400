"""The conditions of one rule, put in order once: what is asked of each operand, and choices.

`and` is taken apart, and so is `or` that is not to hold; other alternatives stay whole until
somebody asks for the cases of those that touch given operands. Nothing is multiplied out.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from itertools import combinations
from typing import Final

from policies_odrl.algebra.claims import Atom, Claims, Goal
from policies_odrl.algebra.extent import Budget, Exhausted, Reading
from policies_odrl.algebra.forms import flat, operands_of
from policies_odrl.frozen import frozen
from policies_odrl.knowledge import MOST_KEPT, Knowledge
from policies_odrl.model import ODRL, Condition, Connective, Constraint, LogicalConstraint

DELAY: Final = ODRL + "delayPeriod"
MAX_PROOF: Final = 100_000  # comparisons of two values, names or constraints in one comparison
MAX_ALTERNATIVES: Final = 4_096  # ways in which one condition can come true or false


@frozen
class Choice:
    """Several ways, each of goals that are met together; one way is enough."""

    ways: tuple[tuple[Goal, ...], ...]

    @property
    def operands(self) -> frozenset[str]:
        """The left operands that it speaks of."""
        return frozenset().union(*(goal.operands for way in self.ways for goal in way))


class Box:
    """A conjunction of goals."""

    __slots__ = ("_opening", "atoms", "choices", "forms", "sequences")

    def __init__(
        self, items: Iterable[Condition | Goal | Choice] = (), *, opening: bool = False
    ) -> None:
        self._opening = opening  # whether the first delay of a sequence is one outside of it, too
        self.atoms: dict[str, list[Atom]] = {}
        self.choices: list[Choice] = []
        self.sequences: list[Goal] = []  # that time decides, or that are not to hold
        self.forms: set[Hashable] = set()
        for item in items:
            self._add(item)

    def stated(self, left: str) -> tuple[Constraint, ...]:
        """Return the constraints on one operand that are to hold."""
        return tuple(atom.item for atom in self.atoms.get(left, ()) if atom.holds)

    def claims(self, left: str, reading: Reading) -> Claims:
        """Return what is asked of one operand; boxes of one question that ask the same share it."""
        atoms, kept = self.atoms.get(left, ()), reading.budget.kept
        key = (left, *[(id(it.item), it.holds, it.side) for it in atoms])  # they live as long
        found: Claims | None = kept.get(key)
        if found is None or found.reading is not reading:
            if len(kept) >= MOST_KEPT:
                kept.clear()
            found = kept[key] = Claims(reading.knowledge.operand(left), atoms, reading)
        return found

    def touching(self, operands: frozenset[str]) -> Choice | None:
        """Return the first choice that says something about one of the operands."""
        return next((item for item in self.choices if operands & item.operands), None)

    def cases(self, choice: Choice) -> Iterator[Box]:
        """Yield the box with one of its choices decided, one way after the other."""
        for way in choice.ways:
            case = self.joined(way)
            case.choices = [item for item in case.choices if item is not choice]
            yield case

    def joined(self, items: Iterable[Condition | Goal | Choice]) -> Box:
        """Return the box with more conditions."""
        case = Box(opening=self._opening)
        case.atoms = {left: list(found) for left, found in self.atoms.items()}
        case.choices = list(self.choices)
        case.sequences = list(self.sequences)
        case.forms = set(self.forms)
        for item in items:
            case._add(item)
        return case

    def _add(self, whole: Condition | Goal | Choice) -> None:
        stack = [whole]
        while stack:
            part = stack.pop()
            if isinstance(part, Choice):
                self.choices.append(part)
                continue
            goal = part if isinstance(part, Goal) else Goal(part)
            self.forms.add(goal.form)
            if isinstance(goal.item, Constraint):
                atom = Atom(goal.item, goal.holds, goal.side)
                self.atoms.setdefault(goal.item.left, []).append(atom)
            else:
                stack.extend(reversed(self._taken_apart(goal.item, goal)))

    def _taken_apart(self, item: LogicalConstraint, goal: Goal) -> Sequence[Goal | Choice]:
        """Return what a goal asks for, as far as other goals can say it."""
        ways = _ways(item, goal)
        if ways:
            return ways[0] if len(ways) == 1 else [Choice(tuple(ways))]
        parts = _parts(item, goal)
        if goal.holds and item.connective is Connective.XONE and parts:  # too many others are False
            return [Choice(tuple((part,) for part in parts))]
        in_order = goal.holds and item.connective is Connective.AND_SEQUENCE
        later = any(delayed(part.item) for part in parts[self._opening :])
        if in_order and parts and not later:
            return parts
        self.sequences.append(goal)  # what joins nothing is never True
        return [part for part in parts if in_order and not delayed(part.item)]


def delayed(item: Condition) -> bool:
    """Return whether a member of a sequence counts from the member before it."""
    return DELAY in operands_of(item)


def _parts(item: LogicalConstraint, goal: Goal) -> tuple[Goal, ...]:
    return tuple(Goal(part, goal.holds, goal.side) for part in item.operands)


def _ways(item: LogicalConstraint, goal: Goal) -> Sequence[tuple[Goal, ...]]:
    """Return the ways to meet a goal; none where the order counts, or where there are too many."""
    parts = _parts(item, goal)
    match item.connective, goal.holds:
        case (Connective.AND, True) | (Connective.OR, False) if parts:
            return [parts]
        case (Connective.OR, True) | (Connective.AND, False):
            return [(part,) for part in parts]
        case (Connective.XONE, _) if parts and len(parts) ** 2 <= MAX_ALTERNATIVES:
            turned = tuple(part.negated for part in parts)
            if not goal.holds:  # none is True, or more than one
                return [parts, *combinations(turned, 2)]
            return [(*turned[:at], part, *turned[at + 1 :]) for at, part in enumerate(parts)]
    return []


class Proof:
    """Proofs that share one bound on their work: True is proved, False is "not proved"."""

    __slots__ = ("knowledge", "reading")

    def __init__(self, steps: int = MAX_PROOF, knowledge: Knowledge | None = None) -> None:
        self.knowledge = knowledge or Knowledge()
        self.reading = Reading(self.knowledge, budget=Budget(steps))

    @property
    def exhausted(self) -> bool:
        """Whether a proof was given up because the bound was reached."""
        return self.reading.budget.spent

    def pay(self, steps: int) -> bool:
        """Return whether so many steps are still allowed, and count them."""
        try:
            self.reading.budget.pay(steps)
        except Exhausted:
            return False
        return True

    def follows(self, wanted: Condition, having: Sequence[Condition]) -> bool:
        """Return whether whatever satisfies `having` is proved to satisfy `wanted`."""
        return self.pay(len(having)) and self.within(wanted, Box(having))

    def refuted(self, item: Condition, box: Box) -> bool:
        """Return whether whatever satisfies a box is proved to make a condition False."""
        return self.within(Goal(item, holds=False), box)

    def within(self, wanted: Condition | Goal, box: Box) -> bool:
        """Return whether whatever satisfies a box is proved to meet a goal."""
        goal = wanted if isinstance(wanted, Goal) else Goal(wanted)
        if not self.pay(1 + len(box.choices)):
            return False
        if goal.form in box.forms or self._by_kind(goal, box):
            return True
        return self.by_cases(goal.operands, box, lambda case: self.within(goal, case))

    def by_cases(self, touched: frozenset[str], box: Box, proved: Callable[[Box], bool]) -> bool:
        """Take the first choice that touches some operands apart, and prove each case."""
        choice = box.touching(touched)
        size = len(box.forms)  # each case is a copy
        return choice is not None and all(
            self.pay(size) and (self.apart(case) or proved(case)) for case in box.cases(choice)
        )

    def apart(self, box: Box) -> bool:
        """Return whether it is proved that nothing satisfies a box, its choices left aside."""
        try:
            return any(box.claims(left, self.reading).empty for left in box.atoms)
        except Exhausted:
            return False

    def void(self, box: Box) -> bool:
        """Return whether it is proved that nothing satisfies a box, whichever ways are chosen."""
        touched = frozenset().union(*(choice.operands for choice in box.choices))
        return self.apart(box) or self.by_cases(touched, box, self.void)

    def _by_kind(self, goal: Goal, box: Box) -> bool:
        item, holds = goal.item, goal.holds
        if isinstance(item, Constraint):
            try:
                return box.claims(item.left, self.reading).implies(item, holds=holds)
            except Exhausted:
                return False
        ways = _ways(item, goal)
        if item.connective is Connective.AND_SEQUENCE and not holds:  # delays begin elsewhere
            plain = (part for part in flat(item.operands) if not delayed(part))
            ways = [(Goal(part, holds=False),) for part in plain]
        return any(all(self.within(part, box) for part in way) for way in ways)
