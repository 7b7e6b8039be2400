"""What is known of names: terms and hierarchies, built in and given.

Rules: hierarchies are graphs in which a node may have several parents; what is given adds to the
built-in concepts and places and takes nothing away; a name that no hierarchy holds is unknown, and
not apart from others. How that bears on a constraint is left to `relations.py`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache, lru_cache
from typing import Final, cast

from policies_odrl.concepts import atlas, concepts, place
from policies_odrl.logic import Truth
from policies_odrl.values import FactValue
from policies_odrl.vocabulary import (
    ACTIONS,
    INCLUDED_IN,
    OPERANDS,
    Operand,
    closure,
    same_action,
    wider_actions,
)

MOST_KEPT: Final = 8192  # meanings of constraints and answers to values, so that memory is bounded
Above = Mapping[str, tuple[str, ...]]


class Graph:
    """Names, and those that each lies under; the closures that were asked last are kept."""

    __slots__ = ("above", "below")

    def __init__(self, up: Above) -> None:
        down: dict[str, list[str]] = {}
        for part, wholes in up.items():
            for whole in wholes:
                down.setdefault(whole, []).append(part)
        self.above = lru_cache(maxsize=1024)(lambda name: closure(name, up))
        self.below = lru_cache(maxsize=1024)(lambda name: closure(name, down))


@dataclass(frozen=True, slots=True)
class Knowledge:
    """Terms and hierarchies beyond the built-in ones; each concerns what its IRI names."""

    broader: Above = field(default_factory=dict)  # concept -> types, superclasses, broader ones
    wholes: Above = field(default_factory=dict)  # part -> what it is part of
    events: Mapping[str, tuple[datetime, datetime]] = field(default_factory=dict)  # aware
    references: Mapping[str, tuple[FactValue, ...]] = field(default_factory=dict)  # values there
    operands: Mapping[str, Operand] = field(default_factory=dict)  # beyond the vocabulary's
    actions: Above = field(default_factory=dict)  # action -> those that include it, likewise
    # Whether an unknown name differs from every other one: unsafe for prohibitions, for comparisons
    # with public suites only.
    closed: bool = False
    profiles: frozenset[str] = frozenset()  # whose terms are all known here
    disjoint: tuple[frozenset[str], ...] = ()  # names of which no two have anything in common
    # Term of a profile -> language -> label.
    labels: Mapping[str, Mapping[str, str]] = field(default_factory=dict, repr=False)
    kept: dict[object, tuple[object, object]] = field(
        init=False, repr=False, compare=False, default_factory=dict
    )  # see `keep`
    _named: frozenset[str] = field(init=False, repr=False, compare=False)
    _acts: frozenset[str] = field(init=False, repr=False, compare=False)
    _wider: Above = field(init=False, repr=False, compare=False)
    _kinds: Graph | None = field(init=False, repr=False, compare=False)
    _places: Graph | None = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        places = [(place(part), tuple(map(place, above))) for part, above in self.wholes.items()]
        wider = merged(INCLUDED_IN, self.actions.items()) if self.actions else {}
        for name, found in {  # what is built in is read on first use
            "_named": frozenset(_mentioned(self.broader, self.wholes)).union(*self.disjoint),
            "_acts": frozenset(_mentioned(self.actions)),
            "_wider": {item: tuple(map(same_action, above)) for item, above in wider.items()},
            "_kinds": Graph(merged(concepts(), self.broader.items())) if self.broader else None,
            "_places": Graph(merged(atlas().wholes, places)) if places else None,
        }.items():
            object.__setattr__(self, name, found)

    def keep(self, key: object, item: object, found: object) -> None:
        """Keep what was found of a constraint, which lives as long and is compared when asked.

        The key is its `id` and what else was asked; that of an operand is its name.
        """
        if len(self.kept) >= MOST_KEPT:
            self.kept.clear()
        self.kept[key] = (item, found)

    def knows(self, concept: str) -> bool:
        """Return whether the concept stands in some hierarchy."""
        return concept in self._named or concept in concepts() or concept in atlas().names

    def operand(self, iri: str) -> Operand | None:
        """Return what a left operand is, or None for an unknown one."""
        return OPERANDS.get(iri) or self.operands.get(iri)

    def current(self, iri: str) -> str:
        """Return the left operand that replaces a deprecated one; of a circle always the same."""
        seen = [iri]
        while (known := self.operand(seen[-1])) and known.replaced_by:
            if known.replaced_by in seen:
                return min(seen[seen.index(known.replaced_by) :])
            seen.append(known.replaced_by)
        return seen[-1]

    def names(self, left: str) -> tuple[str, ...]:
        """Return a left operand, the one that replaces it, and the deprecated ones it replaces."""
        kept = self.kept.get(left)
        if kept is not None:
            return cast("tuple[str, ...]", kept[1])
        current, known = self.current(left), (*OPERANDS, *self.operands)
        older = (name for name in known if self.current(name) == current)
        found = tuple(dict.fromkeys((left, current, *older)))
        self.keep(left, left, found)
        return found

    def known_action(self, iri: str) -> bool:
        """Return whether the action is known, from the vocabulary or from here."""
        return iri in ACTIONS or iri in self._acts

    def wider_actions(self, iri: str) -> frozenset[str]:
        """Return an action and all that include it; deprecated names give the current ones."""
        if not self.actions:
            return wider_actions(iri)
        return closure(same_action(iri), self._wider)

    def _graph(self, *, wholes: bool) -> Graph:
        """Return the places by what they lie in, or the concepts by their kinds."""
        given = self._places if wholes else self._kinds
        return given or _built_in(wholes=wholes)

    def above(self, concept: str, *, wholes: bool = False) -> frozenset[str]:
        """Return a concept and all broader ones (all wholes of it, when `wholes`)."""
        graph = self._graph(wholes=wholes)
        return graph.above(place(concept)) | {concept} if wholes else graph.above(concept)

    def below(self, concept: str) -> frozenset[str]:
        """Return a concept and all narrower ones."""
        return self._graph(wholes=False).below(concept)

    def parts(self, place_: str) -> frozenset[str]:
        """Return a place, all that lies in it, and its kinds."""
        return self._graph(wholes=True).below(place(place_)) | self.below(place_)

    def overlap(self, concept: str, other: str, *, wholes: bool = False) -> bool:
        """Return whether something is known to lie under both (one may lie under the other)."""
        below = self._graph(wholes=wholes).below
        mine, theirs = (place(it) if wholes else it for it in (concept, other))
        return not below(mine).isdisjoint(below(theirs))

    def lies_in(self, inner: str, outer: str) -> Truth | None:
        """Return whether a place lies in another, or None when nothing is known about it."""
        known, around, wanted = atlas(), self.above(inner, wholes=True), place(outer)
        if any(wanted in known.outside.get(item, ()) for item in around):
            return Truth.FALSE
        if wanted in around:
            return Truth.TRUE
        open_ = any(wanted in known.unsettled.get(item, ()) for item in around)
        return Truth.UNDETERMINED if open_ else None


@cache
def _built_in(*, wholes: bool) -> Graph:
    return Graph(atlas().wholes if wholes else concepts())


def _mentioned(*tables: Above) -> set[str]:
    return {name for table in tables for item, above in table.items() for name in (item, *above)}


def merged(table: Mapping[str, Iterable[str]], more: Iterable[tuple[str, Iterable[str]]]) -> Above:
    """Return a table with more rows, of which several may be about one name."""
    found = {item: tuple(above) for item, above in table.items()}
    for item, above in more:
        found[item] = tuple(dict.fromkeys((*found.get(item, ()), *above)))
    return found


NOTHING_MORE: Final = Knowledge()  # the built-in terms and hierarchies alone
