"""Sets of names: what stands, or does not stand, in given relations to given names.

A set is a list of clauses, of which a name has to satisfy each; a clause is a list of links, of
which one is enough. To meet two sets is to join their clauses: nothing is multiplied out.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from itertools import chain, islice, product
from math import prod
from typing import Final

from policies_odrl.algebra import relations
from policies_odrl.algebra.domain import PARTS, TURNED, Domain, Fact
from policies_odrl.algebra.extent import Reading, TooMany
from policies_odrl.algebra.periods import Recurrence, Stretch
from policies_odrl.algebra.relations import MAX_TRIED, Clause, Link, Order, Relation
from policies_odrl.frozen import frozen
from policies_odrl.logic import Truth, all_of, any_of, negate
from policies_odrl.model import Constraint, Iri, Operator
from policies_odrl.row_conditions import ROW_CONDITION
from policies_odrl.values import FactValue, Quantity, name
from policies_odrl.vocabulary import Kind, Operand

MAX_CLAUSES: Final = 100_000  # of a complement; of what one constraint denotes it has fewer
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


@frozen
class Names:
    """A set of names, by what is known of them; without clauses it is every name."""

    order: Order
    clauses: tuple[Clause, ...] = ()

    @property
    def _asking(self) -> list[Clause]:
        """What a name has to be: links that only deny do not rule one another out."""
        return [clause for clause in self.clauses if all(it.holds for it in clause)]

    @property
    def empty(self) -> bool:
        asking = self._asking
        dead = any(all(self._dead(it, clause, asking) for it in clause) for clause in self.clauses)
        return dead or self.order.exhausted(self.clauses)

    def _dead(self, link: Link, own: Clause, asking: Sequence[Clause]) -> bool:
        """Return whether another clause rules a link out."""
        return any(
            link not in other and all(self.order.excludes(link, item) for item in other)
            for other in (self.clauses if link.holds else asking)
            if other is not own
        )

    def meet(self, other: Names) -> Names:
        return Names(self.order, tuple(dict.fromkeys((*self.clauses, *other.clauses))))

    def complement(self) -> Names:
        """Return the names that it does not hold.

        Raises:
            TooMany: it would have more than `MAX_CLAUSES` parts.
        """
        if prod(map(len, self.clauses)) > MAX_CLAUSES:
            raise TooMany
        picked = product(*self.clauses)  # by De Morgan, one link of each clause is False
        return Names(self.order, tuple(tuple(it.negated for it in pick) for pick in picked))

    def within(self, other: Names) -> bool:
        """Return whether it is proved that the other holds each name of this one."""
        asking = self._asking
        return all(
            any(self._clause_within(clause, wanted, asking) for clause in self.clauses)
            for wanted in other.clauses
        )

    def _clause_within(self, clause: Clause, wanted: Clause, asking: Sequence[Clause]) -> bool:
        listed = frozenset(wanted)
        return all(
            link in listed
            or any(self.order.implies(link, item) for item in wanted)
            or (len(clause) > 1 and self._dead(link, clause, asking))
            for link in clause
        )

    def truth(self, value: FactValue) -> Truth:
        if len(self.clauses) == 1 and len(self.clauses[0]) == 1:  # the usual case, faster
            return self._stands(value, self.clauses[0][0])
        return all_of(
            any_of(self._stands(value, item) for item in clause) for clause in self.clauses
        )

    def _stands(self, value: FactValue, link: Link) -> Truth:
        found = self.order.stands(value, link)
        return found if link.holds else negate(found)

    def samples(self) -> Iterator[FactValue]:
        """Yield names that certainly lie in it, those first that it names."""
        named = [link.to for clause in self.clauses for link in clause]
        around = self.order.around(dict.fromkeys(name(it) or "" for it in named[:MAX_TRIED]))
        another = [Iri("urn:example:another")] if self.order.plain else []
        near = chain(named, map(Iri, around), another)
        units = (clause[0] for clause in self.clauses if len(clause) == 1)
        exact = [it.to for it in units if it.holds and it.relation is Relation.SAME]
        seen: set[str | None] = set()
        for item in exact[:1] or islice(near, 4 * MAX_TRIED):
            if name(item) not in seen and all(  # less work than `truth` where one is not
                any(self._stands(item, it) is Truth.TRUE for it in clause)
                for clause in self.clauses
            ):
                yield item
            seen.add(name(item))
            if len(seen) > MAX_TRIED:
                return


class Named(Domain):
    """Names of one left operand: concepts, places or identities."""

    def __init__(self, operand: Operand, reading: Reading, *, wholes: bool = False) -> None:
        super().__init__(operand, reading)
        rows = operand.id == ROW_CONDITION
        make = reading.order or (relations.RowConditions if rows else relations.Requests)
        parts = operand.kind is Kind.PLACE or (wholes and operand.kind is not Kind.CONCEPT)
        self.order: Order = make(operand, reading, wholes=parts)

    def limit(self, item: Constraint, value: Fact) -> FactValue | None:
        return None if name(value) is None else self.point(value, "")

    def point(self, value: Fact, axis: Hashable) -> FactValue | None:
        return None if axis or isinstance(value, Quantity | Stretch | Recurrence) else value

    def universe(self, axis: Hashable) -> Names:
        return Names(self.order)

    def between(self, operator: Operator, limits: Sequence[FactValue]) -> Names:
        relation = _RELATIONS[operator]
        if relation is Relation.COVERED and not self.order.plain:
            relation = Relation.KIND
        links = tuple(Link(relation, limit) for limit in limits)
        clauses = tuple((link,) for link in links) if operator in PARTS else (links,)
        found = Names(self.order, clauses)
        return found.complement() if operator in TURNED else found

    def facts(self, region: Names, item: Constraint) -> Iterator[Fact]:
        return region.samples()
