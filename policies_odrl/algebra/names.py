"""Sets of names: what stands, or does not stand, in given relations to given names.

A set is a list of clauses, of which a name has to satisfy each; a clause is a list of literals, of
which one is enough. So `isAnyOf` is one clause, `isNoneOf` one clause for each name, and to meet
two sets is to join their clauses: nothing is multiplied out.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from dataclasses import dataclass
from itertools import islice, product
from math import prod
from typing import Final

from policies_odrl.algebra.domain import Domain, Fact, Unread
from policies_odrl.algebra.extent import Extent, Quantifier, Reading
from policies_odrl.algebra.lengths import TooMany
from policies_odrl.algebra.periods import Recurrence, Stretch
from policies_odrl.algebra.relations import (
    MAX_TRIED,
    Asserted,
    Link,
    Order,
    Relation,
    Requests,
)
from policies_odrl.logic import Truth, all_of, any_of, negate
from policies_odrl.model import Constraint, Operator
from policies_odrl.values import FactValue, Quantity, name
from policies_odrl.vocabulary import Kind, Operand

MAX_CLAUSES: Final = 100_000  # of a complement; of what one constraint denotes it has fewer
_MOST: Final = 4 * MAX_TRIED  # names that are looked up


@dataclass(frozen=True, slots=True)
class Literal:
    """That a name stands in a relation, or that it does not.

    Attributes:
        link: the relation.
        holds: whether the name stands in it.
    """

    link: Link
    holds: bool = True

    @property
    def negated(self) -> Literal:
        """The opposite."""
        return Literal(self.link, not self.holds)


Clause = tuple[Literal, ...]


@dataclass(frozen=True, slots=True)
class Names:
    """A set of names.

    Attributes:
        order: what is known of names.
        clauses: see above; none: every name.
    """

    order: Order
    clauses: tuple[Clause, ...] = ()

    @property
    def empty(self) -> bool:
        """Whether it is proved that no name lies in it."""
        units = [clause[0] for clause in self.clauses if len(clause) == 1]
        pairs = ((one, two) for index, one in enumerate(units) for two in units[:index])
        if any(self._exclude(one, two) for one, two in pairs) or self._pinned(units):
            return True
        return any(
            all(self._dead(literal, clause, units) for literal in clause) for clause in self.clauses
        )

    def _dead(self, literal: Literal, own: Clause, units: list[Literal]) -> bool:
        """Return whether the other clauses rule a literal out."""
        if any(self._exclude(literal, unit) for unit in units if (unit,) != own):
            return True
        others = (clause for clause in self.clauses if clause is not own and len(clause) > 1)
        return any(
            literal not in other and all(self._exclude(literal, item) for item in other)
            for other in others
        )

    def _exclude(self, one: Literal, other: Literal) -> bool:
        if one.holds and other.holds:
            return self.order.excludes(one.link, other.link)
        if not (one.holds or other.holds):
            return False
        positive, negative = (one, other) if one.holds else (other, one)
        return self.order.implies(positive.link, negative.link)

    def _pinned(self, units: list[Literal]) -> bool:
        """Return whether a name lies under and over one that it must not be."""
        barred = [it.link for it in units if not it.holds and it.link.relation is Relation.SAME]
        if not barred:
            return False
        held = [it.link for it in units if it.holds]
        over = [it for it in held if it.relation is Relation.HOLDS]
        lower = [it for it in held if it.relation in {Relation.KIND, Relation.PART}]
        return any(
            any(self._lies_under(it.to, bar) for it in lower)
            and any(self._lies_under(bar.to, it) for it in over)
            for bar in barred
        )

    def _lies_under(self, item: FactValue, upper: Link) -> bool:
        return self.order.implies(Link(Relation.SAME, item), Link(Relation.PART, upper.to))

    def meet(self, other: Names) -> Names:
        """Return the names that both hold."""
        return Names(self.order, tuple(dict.fromkeys((*self.clauses, *other.clauses))))

    def complement(self) -> Names:
        """Return the names that it does not hold.

        Raises:
            TooMany: it would have more than `MAX_CLAUSES` parts.
        """
        if prod(map(len, self.clauses)) > MAX_CLAUSES:
            raise TooMany
        picked = product(*self.clauses)  # by De Morgan, one literal of each clause is False
        return Names(self.order, tuple(tuple(it.negated for it in pick) for pick in picked))

    def within(self, other: Names) -> bool:
        """Return whether it is proved that the other holds each name of this one.

        Each literal of some clause has to imply one of the clause that is wanted, or be ruled out.
        """
        units = [clause[0] for clause in self.clauses if len(clause) == 1]
        return all(
            any(self._clause_within(clause, wanted, units) for clause in self.clauses)
            for wanted in other.clauses
        )

    def _clause_within(self, clause: Clause, wanted: Clause, units: list[Literal]) -> bool:
        listed = frozenset(wanted)
        return all(
            literal in listed
            or any(self._implies(literal, item) for item in wanted)
            or (len(clause) > 1 and self._dead(literal, clause, units))
            for literal in clause
        )

    def _implies(self, one: Literal, other: Literal) -> bool:
        if one.holds:
            imply = self.order.implies if other.holds else self.order.denies
            return imply(one.link, other.link)
        return not other.holds and self.order.lifts(one.link, other.link)

    def truth(self, value: FactValue) -> Truth:
        """Return whether a value lies in it."""
        if len(self.clauses) == 1 and len(self.clauses[0]) == 1:  # the usual case, faster
            return self._literal(value, self.clauses[0][0])
        return all_of(
            any_of(self._literal(value, item) for item in clause) for clause in self.clauses
        )

    def _literal(self, value: FactValue, literal: Literal) -> Truth:
        found = self.order.truth(value, literal.link)
        return found if literal.holds else negate(found)

    def samples(self) -> Iterator[FactValue]:
        """Yield names that certainly lie in it, those first that it names."""
        exact = [
            clause[0].link.to
            for clause in self.clauses
            if len(clause) == 1 and clause[0].holds and clause[0].link.relation is Relation.SAME
        ]
        named = [literal.link.to for clause in self.clauses for literal in clause]
        seen: set[str | None] = set()
        for item in exact[:1] or islice(self.order.near(named), _MOST):
            if name(item) not in seen and self.truth(item) is Truth.TRUE:
                yield item
            seen.add(name(item))
            if len(seen) > MAX_TRIED:
                return


class Named(Domain[Names, FactValue]):
    """Names of one left operand: concepts, places or identities."""

    __slots__ = ("order",)

    def __init__(self, operand: Operand, reading: Reading, *, wholes: bool = False) -> None:
        super().__init__(operand, reading)
        parts = operand.kind is Kind.PLACE or (wholes and operand.kind is not Kind.CONCEPT)
        self.order: Order = (
            Asserted(operand, reading.knowledge, reading.budget, wholes=parts)
            if reading.asserted
            else Requests(operand, reading.knowledge, reading.budget)
        )

    def limit(self, item: Constraint, value: Fact) -> FactValue:
        """Return a right operand.

        Raises:
            Unread: it is no name.
        """
        found = self.point(value, "")
        if found is None or name(found) is None:
            raise Unread("it says nothing certain")
        return found

    def point(self, value: Fact, axis: Hashable) -> FactValue | None:
        """Return a value given as a name; nothing that has a unit is one."""
        return None if axis or isinstance(value, Quantity | Stretch | Recurrence) else value

    def universe(self, axis: Hashable) -> Names:
        """Return every name."""
        return Names(self.order)

    def extent(self, item: Constraint) -> Extent:
        """Return what a constraint denotes.

        Of evidence one value that fits is enough, so that its opposite asks it of every value.

        Raises:
            Unread: a right operand is no name.
        """
        links = [
            Literal(Link(_RELATIONS[item.operator], self.limit(item, value)))
            for value in item.right
        ]
        if item.operator is Operator.IS_ALL_OF:
            sets = tuple(Names(self.order, ((link,),)) for link in links)
            return Extent(item.unit, Quantifier.EACH, sets)
        clauses: tuple[Clause, ...] = tuple((link,) for link in links)
        if item.operator not in {Operator.HAS_PART, Operator.IS_PART_OF}:
            clauses = (tuple(links),)
        some = Quantifier.SOME if self.operand.evidence else Quantifier.ALL
        found = Extent(item.unit, some, (Names(self.order, clauses),))
        return found.negated() if item.operator in _TURNED else found

    def facts(self, region: Names, item: Constraint) -> Iterator[Fact]:
        """Yield names of a set."""
        return region.samples()


_RELATIONS: Final = {
    Operator.EQ: Relation.SAME,
    Operator.NEQ: Relation.SAME,
    Operator.IS_A: Relation.KIND,
    Operator.IS_PART_OF: Relation.PART,
    Operator.HAS_PART: Relation.HOLDS,
    Operator.IS_ANY_OF: Relation.COVERED,
    Operator.IS_NONE_OF: Relation.COVERED,
    Operator.IS_ALL_OF: Relation.COVERED,
}
_TURNED: Final = frozenset({Operator.NEQ, Operator.IS_NONE_OF})
