"""Constraints on one left operand, taken together.

A request claims values of the operand once, so that all constraints are about the same values. What
asks for each value narrows one set; what asks for some value stands beside it. Constraints whose
values do not compare (another dimension, another start of a count) prove nothing of one another.
"""

from __future__ import annotations

import sys
from collections.abc import Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Final

from policies_odrl import text
from policies_odrl.algebra.domain import (
    Counts,
    Domain,
    Durations,
    Fact,
    Instants,
    Levels,
    Numbers,
)
from policies_odrl.algebra.extent import Budget, Exhausted, Extent, Quantifier, Reading
from policies_odrl.algebra.forms import LISTING, normal
from policies_odrl.algebra.lengths import TooMany
from policies_odrl.algebra.names import Named
from policies_odrl.knowledge import Knowledge
from policies_odrl.logic import Truth
from policies_odrl.model import ODRL, RDF_JSON, Constraint, Literal, Operator
from policies_odrl.vocabulary import ALLOWED, Kind, Operand

INTERVAL: Final = ODRL + "timeInterval"
MAX_SAMPLES: Final = 64  # points that are tried as examples
_ALL: Final = frozenset({Quantifier.ALL, Quantifier.EVERY})
_PARTS: Final = frozenset({Operator.IS_PART_OF, Operator.HAS_PART})
_DOMAINS: Final[dict[Kind, type[Domain]]] = {
    Kind.NUMBER: Numbers,
    Kind.COUNT: Counts,
    Kind.LEVEL: Levels,
    Kind.INSTANT: Instants,
    Kind.DURATION: Durations,
    Kind.CONCEPT: Named,
    Kind.PLACE: Named,
    Kind.IDENTITY: Named,
}


@dataclass(frozen=True, slots=True)
class Atom:
    """A constraint that is to be True, or False, and the policy (0 or 1) that it comes from."""

    item: Constraint
    holds: bool = True
    side: int = 0

    @property
    def text(self) -> str:
        """The constraint in one line."""
        line = text.constraint(self.item)
        return line if self.holds else f"not ({line})"


@dataclass(frozen=True, slots=True)
class Denoted:
    """What is prepared of a constraint, to be asked often.

    Attributes:
        domain: of its values.
        extent: what it denotes.
        universe: the values that there are, where the operand has natural limits.
    """

    domain: Domain
    extent: Extent
    universe: Any = None


def denoted(
    item: Constraint, operand: Operand, knowledge: Knowledge, kind: type[Domain] | None = None
) -> Denoted:
    """Return what a constraint denotes for requests; what was asked last is kept.

    Args:
        item: the constraint, whose operator has a meaning for the operand.
        operand: its left operand.
        knowledge: terms and hierarchies; it keeps the answers.
        kind: how its values are read, where that depends on what is given.
    """
    key = (id(item), kind) if kind else id(item)
    kept = knowledge.kept.get(key)
    found = kept[1] if kept is not None and kept[0] is item else None
    if not isinstance(found, Denoted):
        reading = Reading(knowledge, budget=Budget(sys.maxsize))
        domain = (kind or _DOMAINS[operand.kind])(operand, reading)
        extent = _denoted(item, domain)
        limited = operand.least is not None or operand.most is not None
        found = Denoted(domain, extent, domain.universe(extent.axis) if limited else None)
        knowledge.keep(key, item, found)
    return found


def _denoted(item: Constraint, domain: Domain) -> Extent:
    why, operand, known = "", domain.operand, ALLOWED[domain.operand.kind]
    if domain.reading.parts_as_kinds and operand.kind is Kind.CONCEPT:
        known |= _PARTS
    if item.operator not in known:
        why = "the operator has no meaning for the operand"
    elif item.reference:
        why = f"the value at `{item.reference[0][:200]}`"
    elif not item.right:
        why = "no value is given"
    elif any(isinstance(value, Literal) and value.datatype == RDF_JSON for value in item.right):
        why = "what was not understood"
    elif len(item.right) != 1 and item.operator not in LISTING:
        why = "which of its values is meant"
    return Extent(why=why) if why else domain.extent(item)


@dataclass(slots=True)
class Group:
    """Extents whose values compare.

    Attributes:
        universe: the values that there are.
        item: one of the constraints.
        each: sets that each value lies in.
        some: what some value lies in, one set for each wish.
        either: sets of which one holds all values.
    """

    universe: Any
    item: Constraint
    each: list[Any] = field(default_factory=list)
    some: list[Any] = field(default_factory=list)
    either: list[tuple[Any, ...]] = field(default_factory=list)
    _every: Any = None

    def add(self, extent: Extent) -> None:
        """Add what one constraint asks for."""
        if extent.quantifier in _ALL:
            self.each.append(extent.sets[0])
        elif extent.quantifier is Quantifier.NOT_EACH:
            self.either.append(extent.sets)
        else:
            self.some.extend(extent.sets)

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
        if wanted.quantifier in _ALL:
            return bool(self.each) and self.every.within(wanted.sets[0])
        if wanted.quantifier is Quantifier.NOT_EACH:
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
        if operand is None or kind is None:
            return None
        if kind is not Named:
            return kind(operand, self.reading)
        wholes = any(atom.item.operator in _PARTS for atom in self.atoms)
        return Named(operand, self.reading, wholes=wholes)

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
            return _denoted(item, self.domain)
        return denoted(item, self.operand, self.reading.knowledge).extent

    @property
    def empty(self) -> bool:
        """Whether it is proved that no values satisfy all constraints.

        None do where one and the same constraint is to be True and to be False.
        """
        if self._empty is None:
            no = {normal(atom.item) for atom in self.atoms if not atom.holds}
            opposed = no and any(normal(atom.item) in no for atom in self.atoms if atom.holds)
            self._empty = bool(opposed) or any(it.empty for it in self.groups.values())
        return self._empty

    def implies(self, wanted: Constraint, *, holds: bool = True) -> bool:
        """Return whether all values that satisfy the constraints are proved to satisfy another.

        What is empty proves nothing: a contradiction is a fault of its own.
        """
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
        tried = [islice(self.domain.facts(wish, group.item), MAX_SAMPLES) for wish in wishes]
        if len(tried) == 1:
            yield from ((value,) for value in tried[0] if self.hold((value,)))
            return
        found = []
        for facts, wish in zip(tried, wishes, strict=True):
            points = ((value, self.points((value,), axis)) for value in facts)
            fits = (value for value, at in points if at and wish.truth(at[0]) is Truth.TRUE)
            found.append(next(fits, None))
        values = tuple(dict.fromkeys(value for value in found if value is not None))
        if None not in found and self.hold(values):
            yield values

    def _together(self, wishes: list[Any]) -> list[Any]:
        """Return wishes as one where only what one name certainly is may be shown.

        On what is asserted alone, `isAllOf` of two names that exclude one another is not known to
        be met by a name beside another (arXiv 2602.19883 reads it as their intersection).
        """
        named = isinstance(self.domain, Named) and not self.domain.operand.evidence
        if not (named and self.reading.asserted):
            return wishes
        first, *others = wishes
        for other in others:
            first = first.meet(other)
        return [first]


def always(item: Constraint, reading: Reading) -> bool:
    """Return whether it is proved that every value that the operand can have satisfies it."""
    try:
        claims = Claims(reading.knowledge.operand(item.left), [Atom(item)], reading)
    except Exhausted:
        return False
    extent = claims.extent(item)
    return bool(extent.sets) and all(
        claims.groups[extent.axis].universe.within(it) for it in extent.sets
    )
