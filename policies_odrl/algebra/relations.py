"""How names stand to one another: the same, of a kind, part of, holding.

Two readings share one interface. `Requests` reads a name as a request states it: a concept that is
known and not under the one wanted is another one. `Asserted` reads it as arXiv 2602.19883 does:
what is not asserted is unknown, so that only declared disjointness keeps two concepts apart.
Source: ODRL Vocabulary 2.2, constraint operators; decision record 0020.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Final

from policies_odrl.algebra.extent import Reading
from policies_odrl.concepts import atlas, place
from policies_odrl.logic import Truth
from policies_odrl.model import ODRL, Literal
from policies_odrl.values import FactValue, alike, datatype_of, in_range, name
from policies_odrl.vocabulary import Kind, Operand

LANGUAGE: Final = ODRL + "language"
MAX_TRIED: Final = 256  # names that are tried as an example


class Relation(Enum):
    """What has to hold between a value given and one that is listed."""

    SAME = "same"
    KIND = "kind"  # a kind of it, or itself
    COVERED = "covered"  # of identities: the same, or a kind of it where hierarchies know one
    PART = "part"  # a part of it, or itself
    HOLDS = "holds"  # it is a part of the value, or the value itself

    __hash__ = object.__hash__  # members are single objects; the hash by name is slower


SAME, KIND, COVERED, PART, HOLDS = Relation


@dataclass(frozen=True, slots=True)
class Link:
    """That a name stands in a relation to a given one, or (not `holds`) that it does not."""

    relation: Relation
    to: FactValue
    holds: bool = True

    @property
    def name(self) -> str:
        """The text of the name given."""
        return name(self.to) or ""

    @property
    def negated(self) -> Link:
        """The opposite."""
        return Link(self.relation, self.to, not self.holds)


class Order(ABC):
    """What a reading knows of names; all but `implies` and `excludes` leave `Link.holds` aside."""

    def __init__(self, operand: Operand, reading: Reading) -> None:
        self.operand = operand
        self.knowledge = reading.knowledge
        self.budget = reading.budget
        self.place = operand.kind is Kind.PLACE
        self.plain = operand.kind is Kind.IDENTITY
        self.language = operand.id == LANGUAGE

    @abstractmethod
    def stands(self, value: FactValue, link: Link, *, exact: bool = False) -> Truth:
        """Return whether a value stands in a relation; an exact one means nothing below it."""

    @abstractmethod
    def _leads(self, one: Link, other: Link) -> bool:
        """Return what `leads` does, of two relations that are not the same name."""

    @abstractmethod
    def _apart(self, one: Link, other: Link) -> bool:
        """Return what `apart` does, of two relations to names."""

    def leads(self, one: Link, other: Link) -> bool:
        """Return whether it is proved that what stands in the first stands in the second."""
        self.budget.pay()
        if one.relation is SAME:
            return self.stands(one.to, other, exact=True) is Truth.TRUE
        same = one.relation is other.relation and one.to == other.to
        return same or self._leads(one, other)

    def apart(self, one: Link, other: Link) -> bool:
        """Return whether it is proved that nothing stands in both."""
        self.budget.pay()
        for first, second in ((one, other), (other, one)):
            if first.relation is SAME:
                return self.stands(first.to, second, exact=True) is Truth.FALSE
        return self._apart(one, other)

    @abstractmethod
    def denies(self, one: Link, other: Link) -> bool:
        """Return whether what is True of the first is proved to be False of the second."""

    def lifts(self, one: Link, other: Link) -> bool:
        """Return whether what is False of the first is proved to be False of the second."""
        return self._one_type(one, other) and self.leads(other, one)

    def _one_type(self, one: Link, other: Link) -> bool:
        """Return whether no datatype keeps what is said of one name from being said of another."""
        return not self.plain or datatype_of(other.to) in {"", datatype_of(one.to)}

    def implies(self, one: Link, other: Link) -> bool:
        """Return whether a name that satisfies the first is proved to satisfy the second."""
        if one.holds:
            return self.leads(one, other) if other.holds else self.denies(one, other)
        return not other.holds and self.lifts(one, other)

    def excludes(self, one: Link, other: Link) -> bool:
        """Return whether it is proved that no name satisfies both."""
        if one.holds and other.holds:
            return self.apart(one, other)
        if one.holds:
            return self.leads(one, other)
        return other.holds and self.leads(other, one)

    def around(self, listed: Iterable[str]) -> Iterator[str]:
        """Yield names that stand in some relation to those listed."""
        for item in listed:
            yield from sorted(self.knowledge.below(item))


class Requests(Order):
    """Names as a request states them."""

    def stands(self, value: FactValue, link: Link, *, exact: bool = False) -> Truth:
        mine, wanted, relation = name(value), link.name, link.relation
        if mine is None:
            return Truth.UNDETERMINED
        if relation is PART:
            return self._part_of(mine, wanted)
        if relation is HOLDS:
            return self._part_of(wanted, mine)
        if self.language and relation is not SAME and in_range(mine, wanted):
            return Truth.TRUE
        if relation is SAME or relation is COVERED:
            found = self._identical(value, link.to)
            kinds = relation is COVERED and self._in_hierarchy(mine, wanted)
            if found is not Truth.FALSE or not kinds:
                return found
        return self._under(mine, wanted, wholes=self.place)

    def _identical(self, value: FactValue, other: FactValue) -> Truth:
        """Return whether two values are the same; names that are not known may be synonyms.

        Of identities equal texts are one; others may be where they are written alike, or where
        their datatypes differ, so that the texts say nothing of one another.
        """
        mine, theirs = name(value) or "", name(other) or ""
        if mine == theirs or (self.place and place(mine) == place(theirs)):
            return Truth.TRUE
        if self.language and (found := languages(mine, theirs)) is not Truth.FALSE:
            return found
        if not self.plain:
            return Truth.FALSE if self._both_known(mine, theirs) else Truth.UNDETERMINED
        clash = len({datatype_of(value), datatype_of(other)} - {""}) > 1
        return Truth.UNDETERMINED if clash or alike(value, other) else Truth.FALSE

    def _under(self, value: str, concept: str, *, wholes: bool) -> Truth:
        """Return whether a name that a request states is a concept or lies under it."""
        known = self.knowledge
        if value == concept or concept in known.above(value):
            return Truth.TRUE
        settled = known.lies_in(value, concept) if wholes else None
        if settled is not None:
            return settled
        if known.overlap(value, concept, wholes=wholes):
            return Truth.UNDETERMINED  # a use for any purpose, or all over the EU, may be this one
        return Truth.FALSE if self._both_known(value, concept) else Truth.UNDETERMINED

    def _both_known(self, one: str, other: str) -> bool:
        known = self.knowledge
        return known.closed or (known.knows(one) and known.knows(other))

    def _in_hierarchy(self, mine: str, wanted: str) -> bool:
        return self.knowledge.knows(mine) or self.knowledge.knows(wanted)

    def _part_of(self, inner: str, outer: str) -> Truth:
        """Return whether one is part of another; a kind of it may be a part of it, or not."""
        settled = Truth.TRUE if inner == outer else self.knowledge.lies_in(inner, outer)
        if settled is not None:
            return settled
        if outer in self.knowledge.above(inner):
            return Truth.UNDETERMINED
        return self._under(inner, outer, wholes=True)

    def _leads(self, one: Link, other: Link) -> bool:
        """Return what `leads` does.

        A relation is handed on where no name that is known makes an exception. Places do: an
        overseas territory lies in a state that lies in a union.
        """
        known, kinds = self.knowledge, {one.relation, other.relation}
        if not self._one_type(one, other) or not (len(kinds) == 1 or kinds == {KIND, COVERED}):
            return False
        if one.relation is KIND and other.relation is COVERED and not known.knows(other.name):
            return False
        if other.relation is HOLDS:
            between: Iterable[FactValue] = known.above(one.name, wholes=True)
        else:
            between = [one.to]
            if self.place or other.relation is PART:
                between = [one.to, *known.parts(one.name)]
                self.budget.pay(len(between))
        return all(self.stands(item, other) is Truth.TRUE for item in between)

    def _apart(self, one: Link, other: Link) -> bool:
        if HOLDS in {one.relation, other.relation}:
            return False
        mine, theirs, known = one.name, other.name, self.knowledge
        if not self._both_known(mine, theirs):
            listed = one.relation is other.relation is COVERED
            unknown = listed and not self._in_hierarchy(mine, theirs)
            return unknown and self.stands(one.to, other) is Truth.FALSE
        return not known.overlap(mine, theirs) and not known.overlap(mine, theirs, wholes=True)

    def denies(self, one: Link, other: Link) -> bool:
        """Return whether what is True of the first is proved to be False of the second.

        What equals a name may be given in any datatype, and texts of two datatypes say nothing
        about one another (`_identical`).
        """
        if other.relation is SAME and one.relation is not SAME:
            known = self.knowledge.knows(one.name) and self.knowledge.knows(other.name)
            hierarchic = one.relation is not HOLDS
            return known and hierarchic and self.stands(other.to, one) is not Truth.TRUE
        if self.plain and other.relation is not KIND:
            untyped = Link(one.relation, Literal(one.name))
            if datatype_of(other.to) or not self.apart(untyped, other):
                return False
        return self.apart(one, other)


class Asserted(Order):
    """Names on what hierarchies assert, and nothing else."""

    def __init__(self, operand: Operand, reading: Reading, *, wholes: bool) -> None:
        super().__init__(operand, reading)
        self._wholes = wholes
        self._kept: dict[str, frozenset[str]] = {}  # see `_above`

    def stands(self, value: FactValue, link: Link, *, exact: bool = False) -> Truth:
        """Return whether a value stands in a relation.

        What holds the other strictly is not yet clear of it: a use for research as a whole may be
        one for commercial research.
        """
        item = name(value) or ""
        if link.relation is HOLDS:
            return self._under(link.name, item, vague=not exact)
        if link.relation is SAME or (link.relation is COVERED and not self.knowledge.knows(item)):
            return self._same(item, link.name)
        return self._under(item, link.name, vague=not exact)

    def _leads(self, one: Link, other: Link) -> bool:
        mine, theirs = one.name, other.name
        if HOLDS in {one.relation, other.relation}:
            return one.relation is other.relation and self._under(theirs, mine) is Truth.TRUE
        if other.relation is SAME:
            return False
        lower = self.knowledge.parts(mine) if self._wholes else ()  # places have exceptions
        return all(self._under(part, theirs) is Truth.TRUE for part in (mine, *lower))

    def denies(self, one: Link, other: Link) -> bool:
        return self.apart(one, other)

    def _apart(self, one: Link, other: Link) -> bool:
        if one.relation is HOLDS:
            one, other = other, one
        mine, theirs = one.name, other.name
        if other.relation is HOLDS:  # a place that holds it may lie there although it does not
            return (
                one.relation is not HOLDS
                and self._under(theirs, mine) is Truth.FALSE
                and all(self._under(it, mine) is not Truth.TRUE for it in self._above(theirs))
            )
        listed = one.relation is other.relation is COVERED and not self.knowledge.knows(mine)
        return self._disjoint(mine, theirs) or (listed and self._same(mine, theirs) is Truth.FALSE)

    def around(self, listed: Iterable[str]) -> Iterator[str]:
        known = self.knowledge
        for item in listed:
            yield from sorted(known.below(item))
            yield from sorted(self._above(item))
        for group in known.disjoint:
            if not group.isdisjoint(listed):
                yield from sorted(group)
        if self.place:
            inside = frozenset[str]().union(*map(known.parts, listed))
            places = (*known.wholes, *atlas().wholes)
            yield from (it for it in places if not inside.isdisjoint((it, place(it))))

    def _above(self, item: str) -> frozenset[str]:
        """Return a name and all that it is asserted to lie under; kept for the next question."""
        found = self._kept.get(item)
        if found is None:
            found = self.knowledge.above(item)
            if self._wholes:
                found |= self.knowledge.above(item, wholes=True)
            self._kept[item] = found
        return found

    def _same(self, item: str, other: str) -> Truth:
        self.budget.pay()
        if item == other or (self.place and place(item) == place(other)):
            return Truth.TRUE
        if other in self._above(item) and item in self._above(other):
            return Truth.TRUE
        if self.language:
            return languages(item, other)
        if self.plain or self._disjoint(item, other):
            return Truth.FALSE
        known = self.knowledge.knows(item) and self.knowledge.knows(other)
        return Truth.FALSE if known and _space(item) == _space(other) else Truth.UNDETERMINED

    def _under(self, item: str, other: str, *, vague: bool = False) -> Truth:
        self.budget.pay()
        settled = self.knowledge.lies_in(item, other) if self._wholes else None
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
        clear = [group - mine for group, mine in self._groups(other)]
        self.budget.pay(sum(map(len, clear)))
        return any(item in self._above(it) for members in clear for it in members)

    def _disjoint(self, item: str, other: str) -> bool:
        theirs = self._above(other)
        return any(
            mine.isdisjoint(theirs) and not group.isdisjoint(theirs)
            for group, mine in self._groups(item)
        )

    def _groups(self, item: str) -> Iterator[tuple[frozenset[str], frozenset[str]]]:
        """Yield the groups of disjoint names that a name lies in, and its side of each."""
        above = self._above(item)
        return ((it, it & above) for it in self.knowledge.disjoint if not it.isdisjoint(above))


def languages(value: str, other: str) -> Truth:
    """Return whether two tags name one language; one without a region may be that of any.

    Source: RFC 5646, 2.1.1 (tags have no case).
    """
    if value.casefold() == other.casefold():
        return Truth.TRUE
    either = in_range(value, other) or in_range(other, value)
    return Truth.UNDETERMINED if either else Truth.FALSE


def _space(item: str) -> str:
    """Return the vocabulary that a name belongs to: what stands before its last part."""
    head, _, _ = item.rstrip("/#").rpartition("#" if "#" in item.rstrip("#") else "/")
    return head
