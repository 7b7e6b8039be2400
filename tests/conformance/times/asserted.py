"""Names on what is asserted alone, as the public tables of conflicts read them (open world).

What is not asserted is unknown, so that only declared disjointness keeps two concepts apart. The
verbs of the engine read names as requests state them (decision record 0084).
Source: arXiv 2602.19883.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from policies_odrl.algebra.extent import Reading
from policies_odrl.algebra.relations import (
    COVERED,
    HOLDS,
    PART,
    SAME,
    Clause,
    Link,
    Order,
    languages,
)
from policies_odrl.concepts import atlas, place
from policies_odrl.logic import Truth
from policies_odrl.values import FactValue, name
from policies_odrl.vocabulary import Operand


class Asserted(Order):
    """Names on what hierarchies assert, and nothing else."""

    def __init__(self, operand: Operand, reading: Reading, *, wholes: bool) -> None:
        super().__init__(operand, reading, wholes=wholes)
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
        lower = self.knowledge.parts(mine) if self.wholes else ()  # places have exceptions
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

    def exhausted(self, clauses: Sequence[Clause]) -> bool:
        """Return whether a name lies under and over one that it must not be."""
        units = [clause[0] for clause in clauses if len(clause) == 1]
        barred = [it.to for it in units if not it.holds and it.relation is SAME]
        under = [it for it in units if it.holds and it.relation is not HOLDS]
        over = [it for it in units if it.holds and it.relation is HOLDS]
        return any(
            any(self.leads(it, Link(HOLDS, bar)) for it in over)
            and any(self.leads(it, Link(PART, bar)) for it in under)
            for bar in barred
        )

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
            if self.wholes:
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
        settled = self.knowledge.lies_in(item, other) if self.wholes else None
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


def _space(item: str) -> str:
    """Return the vocabulary that a name belongs to: what stands before its last part."""
    head, _, _ = item.rstrip("/#").rpartition("#" if "#" in item.rstrip("#") else "/")
    return head
