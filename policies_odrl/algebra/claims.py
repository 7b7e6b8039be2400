"""Constraints on one left operand, taken together.

A request claims values of the operand once, so that all constraints are about the same values. What
asks for each value narrows one set; what asks for some value stands beside it. Constraints whose
values do not compare (another dimension, another start of a count) prove nothing of one another.
"""

from __future__ import annotations

import sys
from collections.abc import Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import reduce
from itertools import islice
from typing import Any, Final

from policies_odrl import text
from policies_odrl.algebra import domain as domains
from policies_odrl.algebra.domain import PARTS, Domain, Fact
from policies_odrl.algebra.extent import Budget, Exhausted, Extent, Quantifier, Reading, TooMany
from policies_odrl.algebra.forms import condition_form, normal, operands_of
from policies_odrl.algebra.names import Named, Names
from policies_odrl.frozen import frozen
from policies_odrl.knowledge import Knowledge
from policies_odrl.logic import Truth
from policies_odrl.model import ODRL, Condition, Constraint
from policies_odrl.vocabulary import Kind, Operand

INTERVAL: Final = ODRL + "timeInterval"
MAX_SAMPLES: Final = 64  # points that are tried as examples
_DOMAINS: Final[dict[Kind, type[Domain]]] = {
    Kind.NUMBER: domains.Numbers,
    Kind.COUNT: domains.Counts,
    Kind.LEVEL: domains.Levels,
    Kind.INSTANT: domains.Instants,
    Kind.DURATION: domains.Durations,
    Kind.CONCEPT: Named,
    Kind.PLACE: Named,
    Kind.IDENTITY: Named,
}


@frozen
class Goal:
    """A condition that is to be True, or False, and the policy (0 or 1) that it comes from."""

    item: Condition
    holds: bool = True
    side: int = 0

    @property
    def form(self) -> Hashable:
        """A form that is equal for goals that say the same."""
        return (condition_form(self.item), self.holds)

    @property
    def operands(self) -> frozenset[str]:
        """The left operands that it speaks of."""
        return operands_of(self.item)

    @property
    def text(self) -> str:
        """The condition in one line."""
        line = text.condition(self.item)
        return line if self.holds else f"not ({line})"

    @property
    def negated(self) -> Goal:
        """The opposite."""
        return Goal(self.item, not self.holds, self.side)


@frozen
class Atom(Goal):
    """A goal about one constraint."""

    item: Constraint


@frozen
class Denoted:
    """What is prepared of a constraint, to be asked often."""

    domain: Domain
    extent: Extent
    universe: Any = None  # the values that there are, where the operand has natural limits


def denoted(
    item: Constraint, operand: Operand, knowledge: Knowledge, kind: type[Domain] | None = None
) -> Denoted:
    """Return what a constraint denotes, of its operand's domain or of `kind`; it is kept."""
    key = (id(item), kind) if kind else id(item)
    kept = knowledge.kept.get(key)
    found = kept[1] if kept is not None and kept[0] is item else None
    if not isinstance(found, Denoted):
        reading = Reading(knowledge, budget=Budget(sys.maxsize))
        domain = (kind or _DOMAINS[operand.kind])(operand, reading)
        extent = domain.extent(item)
        limited = operand.least is not None or operand.most is not None
        found = Denoted(domain, extent, domain.universe(extent.axis) if limited else None)
        knowledge.keep(key, item, found)
    return found


@dataclass(slots=True)
class Group:
    """Extents whose values compare."""

    universe: Any  # the values that there are
    item: Constraint  # one of them
    each: list[Any] = field(default_factory=list)  # sets that each value lies in
    some: list[Any] = field(default_factory=list)  # sets that one of the values lies in
    either: list[tuple[Any, ...]] = field(default_factory=list)  # sets; one of each holds them all
    _every: Any = None

    def add(self, extent: Extent) -> None:
        """Add what one constraint asks for."""
        if extent.quantifier is Quantifier.SOME:
            self.some.extend(extent.sets)
        elif len(extent.sets) == 1:
            self.each.append(extent.sets[0])
        else:
            self.either.append(extent.sets)

    @property
    def every(self) -> Any:
        """What each value lies in; met two by two, so that many holes are no burden."""
        if self._every is None:
            found = [self.universe, *self.each]
            while len(found) > 1:
                pairs = zip(found[::2], found[1::2], strict=False)
                found = [one.meet(two) for one, two in pairs] + found[len(found) // 2 * 2 :]
            self._every = found[0]
        return self._every

    @property
    def wishes(self) -> list[Any]:
        """Sets of which each has one of the values."""
        return [item.meet(self.every) for item in self.some] or [self.every]

    @property
    def empty(self) -> bool:
        """Whether it is proved that no values satisfy it."""
        try:
            wishes = self.wishes
            return any(item.empty for item in wishes) or any(
                all(item.meet(wish).empty for item in sets)
                for sets in self.either
                for wish in wishes
            )
        except TooMany:
            return False

    def within(self, wanted: Extent) -> bool:
        """Return whether all values that satisfy it are proved to satisfy what is wanted."""
        if wanted.quantifier is not Quantifier.SOME:
            return bool(self.each) and any(self.every.within(item) for item in wanted.sets)
        having = self.wishes if self.some or self.each else []
        return all(any(item.within(want) for item in having) for want in wanted.sets)


class Claims:
    """Constraints on one operand that are to be True, or False, of the same values."""

    __slots__ = ("_empty", "_extents", "atoms", "domain", "groups", "opaque", "operand", "reading")

    def __init__(self, operand: Operand | None, atoms: Sequence[Atom], reading: Reading) -> None:
        self.operand = operand
        self.atoms = atoms
        self.reading = reading
        self.domain = self._domain()
        self.groups: dict[Hashable, Group] = {}
        self.opaque: list[tuple[Atom, str]] = []
        reading.budget.pay(len(atoms))
        self._empty: bool | None = None
        self._extents = [self.extent(atom.item) for atom in atoms]
        for atom, extent in zip(atoms, self._extents, strict=True):
            self._add(atom, extent)

    def _domain(self) -> Domain | None:
        """Return the domain, or None where values are no points (events, what recurs)."""
        operand = self.operand
        kind = _DOMAINS.get(operand.kind) if operand and operand.id != INTERVAL else None
        if operand and kind is Named:
            wholes = any(atom.item.operator in PARTS for atom in self.atoms)
            return Named(operand, self.reading, wholes=wholes)
        return kind(operand, self.reading) if operand and kind else None

    def _add(self, atom: Atom, found: Extent) -> None:
        if found.opaque or self.domain is None:
            self.opaque.append((atom, found.why))
            return
        try:
            if found.axis not in self.groups:
                self.groups[found.axis] = Group(self.domain.universe(found.axis), atom.item)
            self.groups[found.axis].add(found if atom.holds else found.negated())
        except TooMany:
            self.opaque.append((atom, "it has too many parts"))

    def extent(self, item: Constraint) -> Extent:
        """Return what a constraint on the operand denotes."""
        if self.operand is None:
            return Extent(why="is not a known left operand")
        if self.domain is None:
            return Extent(why="it depends on more than the values of one request")
        if isinstance(self.domain, Named):  # what is known of names is paid for by each question
            return self.domain.extent(item)
        return denoted(item, self.operand, self.reading.knowledge).extent

    @property
    def empty(self) -> bool:
        """Whether it is proved that no values satisfy all; none do what is to be True and False."""
        if self._empty is None:
            no = {normal(atom.item) for atom in self.atoms if not atom.holds}
            opposed = no and any(normal(atom.item) in no for atom in self.atoms if atom.holds)
            self._empty = bool(opposed) or any(it.empty for it in self.groups.values())
        return self._empty

    def implies(self, wanted: Constraint, *, holds: bool = True) -> bool:
        """Return whether all that satisfies this certainly satisfies another; False where empty."""
        extent = self.extent(wanted)
        group = None if extent.opaque else self.groups.get(extent.axis)
        if group is None or self.empty:
            return False
        try:
            return group.within(extent if holds else extent.negated())
        except TooMany:
            return False

    def points(self, values: Iterable[Fact], axis: Hashable) -> list[Any]:
        """Return values given as points of an axis; empty where one of them has none."""
        if self.domain is None:
            return []
        found = [self.domain.point(value, axis) for value in values]
        return [] if any(point is None for point in found) else found

    def hold(self, values: Sequence[Fact]) -> bool:
        """Return whether values certainly satisfy all constraints."""
        return all(
            extent.truth(self.points(values, extent.axis)) is Truth.of(atom.holds)
            for atom, extent in zip(self.atoms, self._extents, strict=True)
        )

    def samples(self) -> Iterator[tuple[Fact, ...]]:
        """Yield values that certainly satisfy all constraints."""
        if self.opaque or len(self.groups) != 1 or self.domain is None:
            return
        ((axis, group),) = self.groups.items()
        try:
            wishes = self._together(group.wishes)
        except TooMany:
            return
        fitting = (self._fitting(wish, group.item, axis) for wish in wishes)
        for found in zip(*fitting, strict=False):
            values = tuple(dict.fromkeys(found))
            if self.hold(values):
                yield values

    def _fitting(self, wish: Any, item: Constraint, axis: Hashable) -> Iterator[Fact]:
        """Yield some of the values that certainly lie in a set."""
        tried = isinstance(self.domain, Named)  # whose samples certainly lie in their set
        for value in islice(self.domain.facts(wish, item), MAX_SAMPLES) if self.domain else ():
            point = self.points((value,), axis)
            if point and (tried or wish.truth(point[0]) is Truth.TRUE):
                yield value

    def _together(self, wishes: list[Any]) -> list[Any]:
        """Return wishes as one where only what one name certainly is may be shown.

        On what is asserted alone, `isAllOf` of two names that exclude one another is not known to
        be met by a name beside another (arXiv 2602.19883 reads it as their intersection).
        """
        named = isinstance(self.domain, Named) and not self.domain.operand.evidence
        return [reduce(Names.meet, wishes)] if named and self.reading.order else wishes


def always(item: Constraint, reading: Reading) -> bool:
    """Return whether it is proved that every value that the operand can have satisfies it."""
    try:
        claims = Claims(reading.knowledge.operand(item.left), [Atom(item)], reading)
        extent = claims.extent(item)
        wanted = [claims.groups[extent.axis].universe.within(it) for it in extent.sets]
    except Exhausted:
        return False
    return bool(wanted) and all(wanted)
