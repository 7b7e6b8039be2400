"""How names stand to one another: the same, of a kind, part of, holding.

Two readings share one interface. `Requests` reads a name as a request states it: a concept that is
known and not under the one wanted is another one. `Asserted` reads it as arXiv 2602.19883 does:
what is not asserted is unknown, so that only declared disjointness keeps two concepts apart.
Source: ODRL Vocabulary 2.2, constraint operators; decision record 0020.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Final, Protocol

from policies_odrl.algebra.budget import Budget
from policies_odrl.algebra.identity import LANGUAGE, datatype_of, identical, in_range, languages
from policies_odrl.knowledge import Knowledge
from policies_odrl.logic import Truth
from policies_odrl.model import Iri, Literal
from policies_odrl.places import atlas, place
from policies_odrl.values import FactValue, name
from policies_odrl.vocabulary import Kind, Operand

MAX_TRIED: Final = 256  # names that are tried as an example


class Relation(Enum):
    """What has to hold between a value given and one that is listed."""

    SAME = "same"
    KIND = "kind"  # a kind of it, or itself
    COVERED = "covered"  # listed: the same, or under it where hierarchies know one of the two
    PART = "part"  # a part of it, or itself
    HOLDS = "holds"  # it is a part of the value, or the value itself

    __hash__ = object.__hash__  # members are single objects; the hash by name is slower


@dataclass(frozen=True, slots=True)
class Link:
    """The names that stand in a relation to one name.

    Attributes:
        relation: see `Relation`.
        to: the name.
    """

    relation: Relation
    to: FactValue

    @property
    def name(self) -> str:
        """The text of the name."""
        return name(self.to) or ""


class Order(Protocol):
    """What a reading knows of names."""

    def truth(self, value: FactValue, link: Link) -> Truth:
        """Return whether a value stands in a relation."""

    def implies(self, one: Link, other: Link) -> bool:
        """Return whether it is proved that what stands in the first stands in the second."""

    def excludes(self, one: Link, other: Link) -> bool:
        """Return whether it is proved that nothing stands in both."""

    def denies(self, one: Link, other: Link) -> bool:
        """Return whether what is True of the first is proved to be False of the second."""

    def lifts(self, one: Link, other: Link) -> bool:
        """Return whether what is False of the first is proved to be False of the second."""

    def near(self, named: Iterable[FactValue]) -> Iterator[FactValue]:
        """Yield names worth trying, those given first."""


def under(value: str, concept: str, kind: Kind, knowledge: Knowledge) -> Truth:
    """Return whether a name that a request states is a concept or lies under it."""
    if value == concept or concept in knowledge.above(value):
        return Truth.TRUE
    if kind is Kind.PLACE:
        settled = knowledge.lies_in(value, concept)
        if settled is not None:
            return settled
        if knowledge.overlap(value, concept, wholes=True):
            return Truth.UNDETERMINED  # a use all over the EU may be one in France
    elif knowledge.overlap(value, concept):
        return Truth.UNDETERMINED  # a use for any purpose may be one for marketing
    known = knowledge.closed or (knowledge.knows(value) and knowledge.knows(concept))
    return Truth.FALSE if known else Truth.UNDETERMINED


class Requests:
    """Names as a request states them."""

    __slots__ = ("_budget", "_knowledge", "_operand")

    def __init__(self, operand: Operand, knowledge: Knowledge, budget: Budget) -> None:
        self._operand = operand
        self._knowledge = knowledge
        self._budget = budget

    def truth(self, value: FactValue, link: Link) -> Truth:
        """Return whether a value stands in a relation."""
        mine, wanted = name(value), name(link.to)
        if mine is None or wanted is None:
            return Truth.UNDETERMINED
        if link.relation is Relation.PART:
            return self._part_of(mine, wanted)
        if link.relation is Relation.HOLDS:
            return self._part_of(wanted, mine)
        listed = link.relation is Relation.COVERED
        ranged = listed or link.relation is Relation.KIND
        if ranged and self._operand.id == LANGUAGE and in_range(mine, wanted):
            return Truth.TRUE
        if link.relation is Relation.SAME or (listed and self._operand.kind is Kind.IDENTITY):
            found = identical(value, link.to, self._operand, self._knowledge)
            if found is not Truth.FALSE or not (listed and self._in_hierarchy(mine, wanted)):
                return found
        sort = Kind.PLACE if self._operand.kind is Kind.PLACE else Kind.CONCEPT
        return under(mine, wanted, sort, self._knowledge)

    def _in_hierarchy(self, mine: str, wanted: str) -> bool:
        return self._knowledge.knows(mine) or self._knowledge.knows(wanted)

    def _part_of(self, inner: str, outer: str) -> Truth:
        """Return whether one is part of another; a kind of it may be a part of it, or not."""
        settled = Truth.TRUE if inner == outer else self._knowledge.lies_in(inner, outer)
        if settled is not None:
            return settled
        if outer in self._knowledge.above(inner):
            return Truth.UNDETERMINED
        return under(inner, outer, Kind.PLACE, self._knowledge)

    def implies(self, one: Link, other: Link) -> bool:
        """Return whether it is proved that what stands in the first stands in the second."""
        self._budget.pay()
        if one == other or (one.to == other.to and self._alike(one, other)):
            return True
        if one.relation is Relation.SAME:
            return self.truth(one.to, other) is Truth.TRUE
        if not self._one_type(one, other):
            return False
        if {one.relation, other.relation} == {Relation.KIND, Relation.COVERED}:
            if self._operand.kind is Kind.IDENTITY and other.relation is Relation.COVERED:
                return self._knowledge.knows(other.name) and self._passes(one, other)
            return self._passes(one, Link(Relation.KIND, other.to))
        return one.relation is other.relation and self._passes(one, other)

    def _alike(self, one: Link, other: Link) -> bool:
        """Return whether being listed is being of a kind."""
        kinds = {one.relation, other.relation} <= {Relation.KIND, Relation.COVERED}
        return kinds and self._operand.kind is not Kind.IDENTITY

    def _passes(self, one: Link, other: Link) -> bool:
        """Return whether a relation is handed on, with no exception among the names that are known.

        Places have exceptions: an overseas territory lies in a state that lies in a union.
        """
        if other.relation is Relation.HOLDS:
            between = self._knowledge.above(one.name, wholes=True)
            return all(self.truth(item, other) is Truth.TRUE for item in between)
        if self.truth(one.to, other) is not Truth.TRUE:
            return False
        if self._operand.kind is not Kind.PLACE and other.relation is not Relation.PART:
            return True
        lower = self._knowledge.parts(one.name)
        self._budget.pay(len(lower))
        return all(self.truth(item, other) is Truth.TRUE for item in lower)

    def excludes(self, one: Link, other: Link) -> bool:
        """Return whether it is proved that nothing stands in both."""
        self._budget.pay()
        for first, second in ((one, other), (other, one)):
            if first.relation is Relation.SAME:
                return self.truth(first.to, second) is Truth.FALSE
        if Relation.HOLDS in {one.relation, other.relation}:
            return False
        mine, theirs = one.name, other.name
        known = self._knowledge.closed or (
            self._knowledge.knows(mine) and self._knowledge.knows(theirs)
        )
        if not known:
            plain = one.relation is other.relation is Relation.COVERED
            return (
                plain
                and self._operand.kind is Kind.IDENTITY
                and not self._in_hierarchy(mine, theirs)
                and self.truth(one.to, other) is Truth.FALSE
            )
        overlap = self._knowledge.overlap
        return not overlap(mine, theirs) and not overlap(mine, theirs, wholes=True)

    def denies(self, one: Link, other: Link) -> bool:
        """Return whether what is True of the first is proved to be False of the second.

        What equals a name may be given in any datatype, and texts of two datatypes say nothing
        about one another (`identity.py`).
        """
        if other.relation is Relation.SAME and one.relation is not Relation.SAME:
            known = self._knowledge.knows(one.name) and self._knowledge.knows(other.name)
            hierarchic = one.relation in {Relation.KIND, Relation.COVERED, Relation.PART}
            return known and hierarchic and self.truth(other.to, one) is not Truth.TRUE
        if self._operand.kind is Kind.IDENTITY and other.relation is not Relation.KIND:
            plain = Link(one.relation, Literal(one.name))
            if datatype_of(other.to) or not self.excludes(plain, other):
                return False
        return self.excludes(one, other)

    def lifts(self, one: Link, other: Link) -> bool:
        """Return whether what is False of the first is proved to be False of the second."""
        return self._one_type(one, other) and self.implies(other, one)

    def _one_type(self, one: Link, other: Link) -> bool:
        """Return whether no datatype keeps what is said of one name from being said of another."""
        named = self._operand.kind is not Kind.IDENTITY
        return named or datatype_of(other.to) in {"", datatype_of(one.to)}

    def near(self, named: Iterable[FactValue]) -> Iterator[FactValue]:
        """Yield names worth trying, those given first."""
        listed = list(named)[:MAX_TRIED]
        yield from listed
        for item in listed:
            yield from map(Iri, sorted(self._knowledge.below(name(item) or "")))
        yield from _others(self._operand.kind)


class Asserted:
    """Names on what hierarchies assert, and nothing else."""

    __slots__ = ("_apart", "_budget", "_held", "_kind", "_knowledge", "_languages", "_wholes")

    def __init__(
        self, operand: Operand, knowledge: Knowledge, budget: Budget, *, wholes: bool
    ) -> None:
        self._kind = operand.kind
        self._languages = operand.id == LANGUAGE
        self._knowledge = knowledge
        self._budget = budget
        self._wholes = wholes
        self._held: dict[str, dict[int, set[str]]] = {}
        self._apart: dict[str, set[int]] = {}
        for index, group in enumerate(knowledge.disjoint):
            for member in group:
                self._apart.setdefault(member, set()).add(index)

    def truth(self, value: FactValue, link: Link) -> Truth:
        """Return whether a name stands in a relation.

        What holds the other strictly is not yet clear of it: a use for research as a whole may be
        one for commercial research.
        """
        item = name(value) or ""
        if link.relation is Relation.HOLDS:
            return self._under(link.name, item, vague=True)
        if link.relation is Relation.SAME or self._is_plain(item, link):
            return self._same(item, link.name)
        return self._under(item, link.name, vague=True)

    def implies(self, one: Link, other: Link) -> bool:
        """Return whether it is proved that what stands in the first stands in the second."""
        mine, theirs = one.name, other.name
        if one == other:
            return True
        if one.relation is Relation.SAME:
            if other.relation is Relation.SAME:
                return self._same(mine, theirs) is Truth.TRUE
            pair = (theirs, mine) if other.relation is Relation.HOLDS else (mine, theirs)
            return self._under(*pair) is Truth.TRUE
        if Relation.HOLDS in {one.relation, other.relation}:
            return one.relation is other.relation and self._under(theirs, mine) is Truth.TRUE
        return other.relation is not Relation.SAME and self._passes(mine, theirs)

    def _passes(self, item: str, other: str) -> bool:
        """Return whether all under a name lies under another; places have exceptions."""
        if self._under(item, other) is not Truth.TRUE:
            return False
        lower = self._knowledge.parts(item) if self._wholes else ()
        return all(self._under(part, other) is Truth.TRUE for part in lower)

    def excludes(self, one: Link, other: Link) -> bool:
        """Return whether it is proved that nothing stands in both."""
        if other.relation is Relation.SAME or one.relation is Relation.HOLDS:
            one, other = other, one
        mine, theirs = one.name, other.name
        if one.relation is Relation.SAME:
            return self._other_than(mine, other)
        if other.relation is Relation.HOLDS:
            return one.relation is not Relation.HOLDS and self._out_of_reach(theirs, mine)
        plain = self._is_plain(mine, other) and one.relation is other.relation is Relation.COVERED
        return self._disjoint(mine, theirs) or (plain and self._same(mine, theirs) is Truth.FALSE)

    def _out_of_reach(self, held: str, whole: str) -> bool:
        """Return whether nothing that holds a name lies under another; a place has exceptions."""
        return self._under(held, whole) is Truth.FALSE and all(
            self._under(item, whole) is not Truth.TRUE for item in self._above(held)
        )

    def _other_than(self, item: str, link: Link) -> bool:
        if link.relation is Relation.SAME or self._is_plain(item, link):
            return self._same(item, link.name) is Truth.FALSE
        pair = (link.name, item) if link.relation is Relation.HOLDS else (item, link.name)
        return self._under(*pair) is Truth.FALSE

    def denies(self, one: Link, other: Link) -> bool:
        """Return whether what is True of the first is proved to be False of the second."""
        return self.excludes(one, other)

    def lifts(self, one: Link, other: Link) -> bool:
        """Return whether what is False of the first is proved to be False of the second."""
        return self.implies(other, one)

    def near(self, named: Iterable[FactValue]) -> Iterator[FactValue]:
        """Yield names worth trying, those given first."""
        given = list(named)
        yield from given
        listed = dict.fromkeys((name(item) or "") for item in given[:MAX_TRIED])
        for item in listed:
            yield from map(Iri, sorted(self._knowledge.below(item)))
            yield from map(Iri, sorted(self._above(item)))
        for group in self._knowledge.disjoint:
            if not group.isdisjoint(listed):
                yield from map(Iri, sorted(group))
        if self._kind is Kind.PLACE:
            known = (*self._knowledge.wholes, *atlas().wholes)
            yield from (Iri(it) for it in known if not self._above(it).isdisjoint(listed))
        yield from _others(self._kind)

    def _above(self, item: str) -> frozenset[str]:
        broader = self._knowledge.above(item)
        return broader | self._knowledge.above(item, wholes=True) if self._wholes else broader

    def _is_plain(self, item: str, link: Link) -> bool:
        """Return whether a listed name that no hierarchy knows covers itself alone."""
        plain = link.relation is Relation.COVERED and self._kind is Kind.IDENTITY
        return plain and not self._knowledge.knows(item)

    def _same(self, item: str, other: str) -> Truth:
        self._budget.pay()
        if item == other or (self._kind is Kind.PLACE and place(item) == place(other)):
            return Truth.TRUE
        if other in self._above(item) and item in self._above(other):
            return Truth.TRUE
        if self._languages:
            return languages(item, other)
        if self._kind is Kind.IDENTITY or self._disjoint(item, other):
            return Truth.FALSE
        known = self._knowledge.knows(item) and self._knowledge.knows(other)
        return Truth.FALSE if known and _space(item) == _space(other) else Truth.UNDETERMINED

    def _under(self, item: str, other: str, *, vague: bool = False) -> Truth:
        self._budget.pay()
        if self._wholes:
            settled = self._knowledge.lies_in(item, other)
            if settled is not None:
                return settled
        if self._same(item, other) is Truth.TRUE or other in self._above(item):
            return Truth.TRUE
        if self._disjoint(item, other) or (not vague and self._too_wide(item, other)):
            return Truth.FALSE
        return Truth.UNDETERMINED

    def _too_wide(self, item: str, other: str) -> bool:
        """Return whether a name holds the other strictly, or something disjoint from it."""
        if item in self._above(other) and self._same(other, item) is Truth.FALSE:
            return True
        theirs = self._groups(other)
        held = self._holding(item) if theirs else {}
        return any(not held.get(index, set()) <= members for index, members in theirs.items())

    def _holding(self, item: str) -> dict[int, set[str]]:
        """Return the names that are asserted to be disjoint and lie under an item, by group."""
        if not self._held:
            for member, indexes in self._apart.items():
                self._budget.pay()
                for upper in self._above(member):
                    below = self._held.setdefault(upper, {})
                    for index in indexes:
                        below.setdefault(index, set()).add(member)
        return self._held.get(item, {})

    def _disjoint(self, item: str, other: str) -> bool:
        mine, theirs = self._groups(item), self._groups(other)
        return any(
            index in theirs and members.isdisjoint(theirs[index]) for index, members in mine.items()
        )

    def _groups(self, item: str) -> dict[int, set[str]]:
        found: dict[int, set[str]] = {}
        if self._apart:
            for upper in self._above(item):
                for index in self._apart.get(upper, ()):
                    found.setdefault(index, set()).add(upper)
        return found


def _others(kind: Kind) -> Iterator[FactValue]:
    if kind is Kind.IDENTITY:
        yield Iri("urn:example:another")


def _space(item: str) -> str:
    """Return the vocabulary that a name belongs to: what stands before its last part."""
    head, _, _ = item.rstrip("/#").rpartition("#" if "#" in item.rstrip("#") else "/")
    return head
