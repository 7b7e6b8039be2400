"""What is known of names: terms and hierarchies, built in and given.

Rules: hierarchies are graphs in which a node may have several parents; what is given adds to the
built-in concepts and places and takes nothing away; a name that no hierarchy holds is unknown, and
not apart from others. How that bears on a constraint is left to `relations.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache, lru_cache
from typing import Final

from policies_odrl.concepts import concepts, wider_concepts
from policies_odrl.logic import Truth
from policies_odrl.places import atlas, lies_in, place, surroundings
from policies_odrl.values import FactValue
from policies_odrl.vocabulary import (
    INCLUDED_IN,
    OPERANDS,
    Operand,
    closure,
    known_action,
    same_action,
    wider_actions,
)

MOST_KEPT: Final = 8192  # meanings of constraints and answers to values, so that memory is bounded


@dataclass(frozen=True, slots=True)
class Knowledge:
    """Terms and hierarchies beyond the built-in ones.

    Attributes:
        broader: concept IRI -> IRIs of its types, superclasses and broader concepts.
        wholes: part IRI -> IRIs of what it is part of.
        events: event IRI -> (start, end), aware.
        references: IRI of a `rightOperandReference` -> the values found there.
        operands: left operand IRI -> what it is; beyond those of the vocabulary.
        actions: action IRI -> actions that include it; adds to those of the vocabulary.
        closed: True to read an unknown name as different from every other one; unsafe for
            prohibitions, for comparisons with public suites only.
        profiles: IRIs of profiles whose terms are all known here; beyond the built-in ones.
        disjoint: sets of names of which no two have anything in common; what is not asserted here
            is unknown, not disjoint.
    """

    broader: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    wholes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    events: Mapping[str, tuple[datetime, datetime]] = field(default_factory=dict)
    references: Mapping[str, tuple[FactValue, ...]] = field(default_factory=dict)
    operands: Mapping[str, Operand] = field(default_factory=dict)
    actions: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    closed: bool = False
    profiles: frozenset[str] = frozenset()
    disjoint: tuple[frozenset[str], ...] = ()
    kept: dict[object, tuple[object, object]] = field(
        init=False, repr=False, compare=False, default_factory=dict
    )  # see `keep`
    _named: frozenset[str] = field(init=False, repr=False, compare=False, default=frozenset())
    _acts: frozenset[str] = field(init=False, repr=False, compare=False, default=frozenset())
    _parents: Mapping[str, tuple[str, ...]] = field(init=False, repr=False, compare=False)
    _places: Mapping[str, tuple[str, ...]] = field(init=False, repr=False, compare=False)
    _parts: Mapping[str, tuple[str, ...]] = field(init=False, repr=False, compare=False)
    _children: Mapping[str, tuple[str, ...]] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        named = {*self.broader, *self.wholes}
        for table in (self.broader, self.wholes):
            named.update(item for above in table.values() for item in above)
        named.update(*self.disjoint)
        acts = {*self.actions, *(item for above in self.actions.values() for item in above)}
        object.__setattr__(self, "_named", frozenset(named))
        object.__setattr__(self, "_acts", frozenset(acts))
        parents = _joined(concepts(), self.broader) if self.broader else {}
        object.__setattr__(self, "_parents", parents)
        object.__setattr__(self, "_children", _turned(parents))
        places = _placed(self.wholes) if self.wholes else {}
        object.__setattr__(self, "_places", places)
        parts = _turned(_joined(atlas().wholes, places)) if places else {}
        object.__setattr__(self, "_parts", parts)

    def keep(self, key: object, item: object, found: object) -> None:
        """Keep what was worked out of a constraint on these terms, to be found in `kept`.

        Args:
            key: its `id` and what else was asked; whoever looks it up compares the constraint.
            item: the constraint, which lives as long as what was kept.
            found: what was worked out.
        """
        if len(self.kept) >= MOST_KEPT:
            self.kept.clear()
        self.kept[key] = (item, found)

    def knows(self, concept: str) -> bool:
        """Return whether the concept stands in some hierarchy."""
        return concept in self._named or concept in concepts() or concept in atlas().names

    def operand(self, iri: str) -> Operand | None:
        """Return what a left operand is, or None for an unknown one.

        >>> Knowledge().operand("http://www.w3.org/ns/odrl/2/purpose").kind.value
        'concept'
        """
        return OPERANDS.get(iri) or self.operands.get(iri)

    def current(self, iri: str) -> str:
        """Return the left operand that stands for a deprecated one today; itself for another.

        Operands that replace one another in a circle are one.

        >>> Knowledge().current("http://www.w3.org/ns/odrl/2/device").rpartition("/")[2]
        'systemDevice'
        """
        seen = [iri]
        while (known := self.operand(seen[-1])) and known.replaced_by:
            if known.replaced_by in seen:
                return min(seen[seen.index(known.replaced_by) :])
            seen.append(known.replaced_by)
        return seen[-1]

    def known_action(self, iri: str) -> bool:
        """Return whether the action is known, from the vocabulary or from here.

        >>> Knowledge(actions={"urn:example:train": ()}).known_action("urn:example:train")
        True
        """
        return known_action(iri) or iri in self._acts

    def wider_actions(self, iri: str) -> frozenset[str]:
        """Return an action and all that include it; deprecated names give the current ones.

        >>> read = "http://www.w3.org/ns/odrl/2/read"
        >>> sorted(item.rpartition("/")[2] for item in Knowledge().wider_actions(read))
        ['read', 'use']
        """
        if not self.actions:
            return wider_actions(iri)
        start = same_action(iri)
        seen, stack = {start}, [start]
        while stack:
            item = stack.pop()
            for above in (*INCLUDED_IN.get(item, ()), *self.actions.get(item, ())):
                current = same_action(above)
                if current not in seen:
                    seen.add(current)
                    stack.append(current)
        return frozenset(seen)

    def above(self, concept: str, *, wholes: bool = False) -> frozenset[str]:
        """Return a concept and all broader ones (all wholes of it, when `wholes`)."""
        if wholes:
            return surroundings(concept, self._places)
        if not self.broader:
            return wider_concepts(concept) or frozenset({concept})
        return closure(concept, self._parents)

    def lies_in(self, inner: str, outer: str) -> Truth | None:
        """Return whether a place lies in another, or None when nothing is known about it."""
        return lies_in(inner, outer, self._places)

    def below(self, concept: str) -> frozenset[str]:
        """Return a concept and all narrower ones.

        >>> dpv = "https://w3id.org/dpv#"
        >>> dpv + "AcademicResearch" in Knowledge().below(dpv + "Purpose")
        True
        """
        return closure(concept, self._children) if self._children else _below(concept)

    def parts(self, place_: str) -> frozenset[str]:
        """Return a place, all that lies in it, and its kinds."""
        return closure(place(place_), self._parts or _parts()) | self.below(place_)

    def overlap(self, concept: str, other: str, *, wholes: bool = False) -> bool:
        """Return whether something is known to lie under both (one may lie under the other).

        >>> dpv = "https://w3id.org/dpv#"
        >>> Knowledge().overlap(dpv + "Purpose", dpv + "Marketing")
        True
        >>> Knowledge().overlap(dpv + "AcademicResearch", dpv + "Marketing")
        False
        """
        if wholes:
            parts = self._parts or _parts()
            mine, theirs = closure(place(concept), parts), closure(place(other), parts)
        elif self._children:
            mine, theirs = closure(concept, self._children), closure(other, self._children)
        else:
            mine, theirs = _below(concept), _below(other)
        return not mine.isdisjoint(theirs)


@cache
def _narrower() -> Mapping[str, tuple[str, ...]]:
    return _turned(concepts())


@lru_cache(maxsize=1024)
def _below(concept: str) -> frozenset[str]:
    return closure(concept, _narrower())


@cache
def _parts() -> Mapping[str, tuple[str, ...]]:
    return _turned(atlas().wholes)


def _joined(
    table: Mapping[str, tuple[str, ...]], more: Mapping[str, tuple[str, ...]]
) -> Mapping[str, tuple[str, ...]]:
    return {**table, **{item: (*table.get(item, ()), *above) for item, above in more.items()}}


def _placed(table: Mapping[str, tuple[str, ...]]) -> Mapping[str, tuple[str, ...]]:
    """Return the table with each place under the one IRI by which it is known."""
    found: dict[str, tuple[str, ...]] = {}
    for part, wholes in table.items():
        name = place(part)
        found[name] = (*found.get(name, ()), *(place(whole) for whole in wholes))
    return found


def _turned(table: Mapping[str, tuple[str, ...]]) -> Mapping[str, tuple[str, ...]]:
    found: dict[str, list[str]] = {}
    for part, wholes in table.items():
        for whole in wholes:
            found.setdefault(whole, []).append(part)
    return {whole: tuple(parts) for whole, parts in found.items()}


NOTHING_MORE: Final = Knowledge()  # the built-in terms and hierarchies alone
