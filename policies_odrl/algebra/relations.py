"""How names stand to one another: the same, of a kind, part of, holding.

Readings share one interface: `Requests` reads a name as a request states it; another is that of a
public suite. Source: ODRL Vocabulary 2.2, constraint operators; decision records 0020, 0084.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from enum import Enum
from itertools import chain, islice
from typing import Final

from policies_odrl.algebra.extent import Reading
from policies_odrl.concepts import place
from policies_odrl.frozen import frozen
from policies_odrl.logic import Truth
from policies_odrl.model import ODRL, Literal
from policies_odrl.row_conditions import entails
from policies_odrl.values import FactValue, alike, datatype_of, in_range, name
from policies_odrl.vocabulary import Kind, Operand

LANGUAGE: Final = ODRL + "language"
MAX_TRIED: Final = 256  # names that are tried as an example
MAX_BESIDE: Final = 32  # of these, beside a name, for each one above it


class Relation(Enum):
    """What has to hold between a value given and one that is listed."""

    SAME = "same"
    KIND = "kind"  # a kind of it, or itself
    COVERED = "covered"  # of identities: the same, or a kind of it where hierarchies know one
    PART = "part"  # a part of it, or itself
    HOLDS = "holds"  # it is a part of the value, or the value itself

    __hash__ = object.__hash__  # members are single objects; the hash by name is slower


SAME, KIND, COVERED, PART, HOLDS = Relation


@frozen
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


Clause = tuple[Link, ...]  # of which one is enough


class Order(ABC):
    """What a reading knows of names; all but `implies` and `excludes` leave `Link.holds` aside."""

    def __init__(self, operand: Operand, reading: Reading, *, wholes: bool) -> None:
        self.operand = operand
        self.wholes = wholes  # whether what is asked of its parts bears on it
        self.knowledge = reading.knowledge
        self.budget = reading.budget
        self.place = operand.kind is Kind.PLACE
        self.plain = operand.kind is Kind.IDENTITY
        self.language = operand.id == LANGUAGE

    @abstractmethod
    def stands(self, value: FactValue, link: Link, *, exact: bool = False) -> Truth:
        """Return whether a value stands in a relation; an exact one means nothing below it.

        What is False of an exact one is True of no request that states it, whatever is learned of
        names that are not known.
        """

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

    def apart(self, one: Link, other: Link, *, exact: bool = True) -> bool:
        """Return whether it is proved that nothing stands in both.

        What is not exact may mean what lies below it, so that it is apart from less.
        """
        self.budget.pay()
        for first, second in ((one, other), (other, one)):
            if first.relation is SAME:
                return self.stands(first.to, second, exact=exact) is Truth.FALSE
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

    def exhausted(self, clauses: Sequence[Clause]) -> bool:
        """Return whether a relation that few names can stand in leaves none for other clauses."""
        return False

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
            return self._part_of(mine, wanted, exact=exact)
        if relation is HOLDS:
            return self._part_of(wanted, mine, exact=exact)
        if self.language and relation is not SAME and in_range(mine, wanted):
            return Truth.TRUE
        if relation is SAME or relation is COVERED:
            found = self._identical(value, link.to, exact=exact)
            kinds = relation is COVERED and any(map(self.knowledge.knows, (mine, wanted)))
            if found is not Truth.FALSE or not kinds:
                return found
        return self._under(mine, wanted, wholes=self.place, exact=exact)

    def lifts(self, one: Link, other: Link) -> bool:
        # what is clear of a part may still lie in the whole: neither holds it, nor is clear of it
        return (other.relation is not HOLDS or one == other) and super().lifts(one, other)

    def exhausted(self, clauses: Sequence[Clause]) -> bool:
        units = [clause[0] for clause in clauses if len(clause) == 1 and clause[0].holds]
        exact = (([it.to], clauses) for it in units if it.relation is SAME)
        # a whole that is not known yet holds the place, too, so that only what bears on it counts
        bearing = [it for it in clauses if not any(x.relation in {SAME, HOLDS} for x in it)]
        known = self.knowledge
        places = (it.name for it in units if self.place and it.relation is HOLDS)
        wholes = ((known.above(it, wholes=True), bearing) for it in places if known.knows(it))
        return any(
            all(any(all(self._never(x, it) for it in each) for each in asked) for x in names)
            for names, asked in chain(exact, wholes)
        )

    def _never(self, value: FactValue, link: Link) -> bool:
        """Return whether it is proved that a request that states a name never satisfies a link.

        A broad name is not under a narrower one, and not clear of it either.
        """
        self.budget.pay()
        found = self.stands(value, link, exact=True)
        if link.holds:
            return found is Truth.FALSE
        return found is not Truth.UNDETERMINED and self.stands(value, link) is not Truth.FALSE

    def around(self, listed: Iterable[str]) -> Iterator[str]:
        """Yield names below those listed, then above them, then beside them."""
        known, listed = self.knowledge, list(listed)
        below = known.parts if self.place else known.below
        yield from (it for item in listed for it in sorted(below(item)))
        above = sorted({it for item in listed for it in known.above(item, wholes=self.place)})
        yield from above
        yield from (it for item in above for it in islice(sorted(below(item)), MAX_BESIDE))

    def _identical(self, value: FactValue, other: FactValue, *, exact: bool) -> Truth:
        """Return whether two values are the same; names that are not known may be synonyms.

        Of identities equal texts are one; others may be where they are written alike, or where
        their datatypes differ, so that the texts say nothing of one another.
        """
        mine, theirs = name(value) or "", name(other) or ""
        if mine == theirs or (self.place and place(mine) == place(theirs)):
            return Truth.TRUE
        if self.language and (found := languages(mine, theirs)) is not Truth.FALSE:
            return Truth.FALSE if exact and found is not Truth.TRUE else found
        if not self.plain:
            return Truth.FALSE if self._both_known(mine, theirs) else Truth.UNDETERMINED
        clash = len({datatype_of(value), datatype_of(other)} - {""}) > 1
        return Truth.UNDETERMINED if clash or alike(value, other) else Truth.FALSE

    def _under(self, value: str, concept: str, *, wholes: bool, exact: bool) -> Truth:
        """Return whether a name that a request states is a concept or lies under it."""
        known = self.knowledge
        if value == concept or concept in known.above(value):
            return Truth.TRUE
        settled = known.lies_in(value, concept) if wholes else None
        if settled is not None:
            return settled
        if not exact and known.overlap(value, concept, wholes=wholes):
            return Truth.UNDETERMINED  # a use for any purpose, or all over the EU, may be this one
        return Truth.FALSE if self._both_known(value, concept) else Truth.UNDETERMINED

    def _both_known(self, one: str, other: str) -> bool:
        known = self.knowledge
        return known.closed or (known.knows(one) and known.knows(other))

    def _part_of(self, inner: str, outer: str, *, exact: bool) -> Truth:
        """Return whether one is part of another; a kind of it may be a part of it, or not."""
        settled = Truth.TRUE if inner == outer else self.knowledge.lies_in(inner, outer)
        if settled is not None:
            return settled
        if outer in self.knowledge.above(inner):
            return Truth.UNDETERMINED
        return self._under(inner, outer, wholes=True, exact=exact)

    def _leads(self, one: Link, other: Link) -> bool:
        """Return what `leads` does.

        A relation is handed on where no name that is known makes an exception. Places do: an
        overseas territory lies in a state that lies in a union.
        """
        known, kinds = self.knowledge, {one.relation, other.relation}
        placed = self.place and (one.relation, other.relation) == (PART, KIND)
        known_pair = placed or len(kinds) == 1 or kinds == {KIND, COVERED}
        if not (known_pair and self._one_type(one, other)):
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
            unknown = listed and not any(map(known.knows, (mine, theirs)))
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
            if datatype_of(other.to) or not self.apart(untyped, other, exact=False):
                return False
        parts = self.knowledge.parts(one.name) if self.place else ()  # one may be disputed
        self.budget.pay(len(parts))
        clear = (self.stands(it, other) is Truth.FALSE for it in (one.to, *parts))
        return self.apart(one, other, exact=False) and all(clear)


class RowConditions(Requests):
    """Conditions on rows as a request is told to meet them; a stricter one meets the wider one."""

    def stands(self, value: FactValue, link: Link, *, exact: bool = False) -> Truth:
        if link.relation is COVERED and entails(name(value) or "", link.name):
            return Truth.TRUE
        return super().stands(value, link, exact=exact)

    def _apart(self, one: Link, other: Link) -> bool:
        """No two conditions exclude one another: one that is stricter than both meets both."""
        return False


def languages(value: str, other: str) -> Truth:
    """Return whether two tags name one language; one without a region may be that of any.

    Source: RFC 5646, 2.1.1 (tags have no case).
    """
    if value.casefold() == other.casefold():
        return Truth.TRUE
    either = in_range(value, other) or in_range(other, value)
    return Truth.UNDETERMINED if either else Truth.FALSE
