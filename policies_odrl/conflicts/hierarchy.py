"""Whether one name lies under another, on what hierarchies assert: yes, no, or not to be told.

Rules: a hierarchy is a partial order that may be incomplete. A name lies under another where that
is asserted; it does not where the two, or anything above them, are asserted to be disjoint, or
where it holds the other strictly or something disjoint from it; all else is not known. Names of one
vocabulary that it keeps apart are different things; names of different vocabularies may be
synonyms.
Source: arXiv 2602.19883 (knowledge bases as partial orders; soundness under incompleteness).
"""

from __future__ import annotations

from policies_odrl.comparison.budget import Budget
from policies_odrl.knowledge import Knowledge
from policies_odrl.logic import Truth
from policies_odrl.places import place
from policies_odrl.vocabulary import Kind


class Order:
    """The hierarchies as one kind of operand reads them; pays for what it compares."""

    __slots__ = ("_apart", "_budget", "_held", "_wholes", "kind", "knowledge")

    def __init__(
        self, kind: Kind, knowledge: Knowledge, budget: Budget, *, wholes: bool = False
    ) -> None:
        self.kind = kind
        self.knowledge = knowledge
        self._wholes = wholes
        self._budget = budget
        self._held: dict[str, dict[int, set[str]]] = {}
        self._apart: dict[str, set[int]] = {}
        for index, group in enumerate(knowledge.disjoint):
            for member in group:
                self._apart.setdefault(member, set()).add(index)

    def above(self, item: str) -> frozenset[str]:
        """Return a name and all that it is asserted to lie under."""
        broader = self.knowledge.above(item)
        return broader | self.knowledge.above(item, wholes=True) if self._wholes else broader

    def same(self, item: str, other: str) -> Truth:
        """Return whether two names mean the same."""
        self._budget.pay()
        if item == other or (self.kind is Kind.PLACE and place(item) == place(other)):
            return Truth.TRUE
        if other in self.above(item) and item in self.above(other):
            return Truth.TRUE
        if self.kind is Kind.IDENTITY or self.disjoint(item, other):
            return Truth.FALSE
        known = self.knowledge.knows(item) and self.knowledge.knows(other)
        return Truth.FALSE if known and _space(item) == _space(other) else Truth.UNDETERMINED

    def under(self, item: str, other: str, *, certain: bool = False) -> Truth:
        """Return whether a name lies under another, or is the same.

        Args:
            item: the name.
            other: what it may lie under.
            certain: True where something that holds the other strictly is not yet clear of it: a
                use for research as a whole may be one for commercial research.
        """
        self._budget.pay()
        if self._wholes:
            settled = self.knowledge.lies_in(item, other)
            if settled is not None:
                return settled
        if self.same(item, other) is Truth.TRUE or other in self.above(item):
            return Truth.TRUE
        if self.disjoint(item, other) or (not certain and self._too_wide(item, other)):
            return Truth.FALSE
        return Truth.UNDETERMINED

    def _too_wide(self, item: str, other: str) -> bool:
        """Return whether a name holds the other strictly, or something disjoint from it."""
        if self.strictly(other, item):
            return True
        theirs = self._groups(other)
        held = self._holding(item) if theirs else {}
        return any(not held.get(index, set()) <= members for index, members in theirs.items())

    def _holding(self, item: str) -> dict[int, set[str]]:
        """Return the names that are asserted to be disjoint and lie under an item, by group."""
        if not self._held:
            for member, indexes in self._apart.items():
                self._budget.pay()
                for upper in self.above(member):
                    below = self._held.setdefault(upper, {})
                    for index in indexes:
                        below.setdefault(index, set()).add(member)
        return self._held.get(item, {})

    def covers(self, item: str, other: str, *, certain: bool = False) -> Truth:
        """Return whether a name is listed by another: names in no hierarchy only by themselves."""
        if self._plain(item):
            return self.same(item, other)
        return self.under(item, other, certain=certain)

    def exclusive(self, item: str, other: str) -> bool:
        """Return whether nothing is listed by both."""
        plain = self._plain(item) and self._plain(other)
        return self.disjoint(item, other) or (plain and self.same(item, other) is Truth.FALSE)

    def _plain(self, item: str) -> bool:
        return self.kind is Kind.IDENTITY and not self.knowledge.knows(item)

    def strictly(self, item: str, other: str) -> bool:
        """Return whether a name is proved to lie under another that is not the same."""
        return other in self.above(item) and self.same(item, other) is Truth.FALSE

    def disjoint(self, item: str, other: str) -> bool:
        """Return whether nothing can lie under both."""
        mine, theirs = self._groups(item), self._groups(other)
        return any(
            index in theirs and members.isdisjoint(theirs[index]) for index, members in mine.items()
        )

    def _groups(self, item: str) -> dict[int, set[str]]:
        found: dict[int, set[str]] = {}
        if self._apart:
            for upper in self.above(item):
                for index in self._apart.get(upper, ()):
                    found.setdefault(index, set()).add(upper)
        return found


def _space(item: str) -> str:
    """Return the vocabulary that a name belongs to: what stands before its last part."""
    head, _, _ = item.rstrip("/#").rpartition("#" if "#" in item.rstrip("#") else "/")
    return head
