"""Does one condition follow from others? Is one ruled out by others? Can they hold together?

Rules: True is proved, False is "not proved". Atomic constraints are compared operand by operand
(`regions.py`); `or` and `xone` among what is given are taken apart one after the other, and only
those that touch what is wanted. The work is bounded; a proof that runs out of steps proves nothing,
and says so. "Ruled out" is stronger than "cannot hold too": a prohibition is lifted only by False,
not by Undetermined, so that a condition whose operand nobody stated is never ruled out.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final

from policies_odrl.comparison.box import DELAY, Box, operands_of
from policies_odrl.comparison.forms import condition_form, flat
from policies_odrl.comparison.regions import (
    NOTHING_MORE,
    POSITIVE,
    contradictory,
    has_meaning,
    implied,
)
from policies_odrl.knowledge import Knowledge
from policies_odrl.model import (
    Condition,
    Connective,
    Constraint,
    LogicalConstraint,
    Operator,
    Value,
)
from policies_odrl.values import name
from policies_odrl.vocabulary import Kind

MAX_STEPS: Final = 100_000  # comparisons of two conditions

_OPPOSITE: Final = {
    Operator.EQ: Operator.NEQ,
    Operator.NEQ: Operator.EQ,
    Operator.LT: Operator.GTEQ,
    Operator.GTEQ: Operator.LT,
    Operator.GT: Operator.LTEQ,
    Operator.LTEQ: Operator.GT,
    Operator.IS_ANY_OF: Operator.IS_NONE_OF,
    Operator.IS_NONE_OF: Operator.IS_ANY_OF,
    Operator.IS_A: Operator.IS_NONE_OF,
}
_VALUES: Final = 32  # comparisons of two names that count as one step


class Proof:
    """Proofs that share one bound on their work, and what is known of names."""

    __slots__ = ("_left", "knowledge")

    def __init__(self, steps: int = MAX_STEPS, knowledge: Knowledge = NOTHING_MORE) -> None:
        self._left = steps
        self.knowledge = knowledge

    @property
    def exhausted(self) -> bool:
        """Whether a proof was given up because the bound was reached."""
        return self._left < 0

    def pay(self, steps: int) -> bool:
        """Return whether so many steps are still allowed, and count them."""
        self._left -= steps
        return self._left >= 0

    def follows(self, wanted: Condition, having: Sequence[Condition]) -> bool:
        """Return whether whatever satisfies `having` is proved to satisfy `wanted`."""
        return self.pay(len(having)) and self.within(wanted, Box(having))

    def within(self, wanted: Condition, box: Box) -> bool:
        """Return whether whatever satisfies a box is proved to satisfy `wanted`."""
        if not self.pay(1 + len(box.choices)):
            return False
        if condition_form(wanted) in box.forms:
            return True
        proved = self._by_kind(wanted, box)
        return proved or self.by_cases(operands_of(wanted), box, lambda it: self.within(wanted, it))

    def refuted(self, item: Condition, box: Box) -> bool:
        """Return whether whatever satisfies a box is proved to make `item` False."""
        if not self.pay(1 + len(box.choices)):
            return False
        if isinstance(item, Constraint):
            proved = self._atom_refuted(item, box)
        elif item.connective in {Connective.AND, Connective.AND_SEQUENCE}:
            proved = any(self.refuted(part, box) for part in _plain(item))
        else:
            parts = item.operands  # what joins nothing is Undetermined
            proved = bool(parts) and all(self.refuted(part, box) for part in parts)
        return proved or self.by_cases(operands_of(item), box, lambda it: self.refuted(item, it))

    def by_cases(self, touched: frozenset[str], box: Box, proved: Callable[[Box], bool]) -> bool:
        """Take the first choice that touches some operands apart, and prove each case."""
        choice = box.touching(touched)
        size = len(box.forms)  # each case is a copy
        return choice is not None and all(
            self.pay(size) and proved(case) for case in box.cases(choice)
        )

    def apart(self, box: Box) -> bool:
        """Return whether it is proved that nothing satisfies a box, its choices left aside."""
        return any(self._atoms_apart(items) for items in box.atoms.values())

    def _by_kind(self, wanted: Condition, box: Box) -> bool:
        if isinstance(wanted, Constraint):
            return self._atom_within(wanted, box)
        parts = wanted.operands
        match wanted.connective:
            case Connective.AND:
                return bool(parts) and all(self.within(part, box) for part in parts)
            case Connective.OR:
                return any(self.within(part, box) for part in parts)
            case Connective.XONE:
                return self._one_within(parts, box)
            case _:
                return False

    def _one_within(self, parts: tuple[Condition, ...], box: Box) -> bool:
        held = [self.within(part, box) for part in parts]
        return held.count(True) == 1 and all(
            self.refuted(part, box) for part, yes in zip(parts, held, strict=True) if not yes
        )

    def _atom_within(self, wanted: Constraint, box: Box) -> bool:
        operand = self.knowledge.operand(wanted.left)
        having = _alike(wanted, box.atoms.get(wanted.left, ()))
        if operand is None or operand.kind is Kind.EVENT:  # when it takes place is not known here
            return False
        values = sum(len(item.right) for item in having) * len(wanted.right)
        if not self.pay(len(having) + values // _VALUES):
            return False
        return implied(wanted, having, self.knowledge) or self._concepts_clear(wanted, having)

    def _atom_refuted(self, item: Constraint, box: Box) -> bool:
        opposite = opposite_of(item, self.knowledge)
        return opposite is not None and self._atom_within(opposite, box)

    def _concepts_clear(self, wanted: Constraint, having: list[Constraint]) -> bool:
        """Return whether nothing known lies both under what is asked and what is excluded."""
        operand = self.knowledge.operand(wanted.left)
        if operand is None or operand.kind is not Kind.CONCEPT or operand.evidence:
            return False
        if wanted.operator is not Operator.IS_NONE_OF or not has_meaning(operand, wanted):
            return False
        if wanted.reference or wanted.unit:
            return False
        return any(
            item.operator in POSITIVE
            and not item.reference
            and has_meaning(operand, item)
            and self._clear(item.right, wanted.right)
            for item in having
        )

    def _clear(self, asked: tuple[Value, ...], excluded: tuple[Value, ...]) -> bool:
        names = [name(value) or "" for value in asked]
        others = [name(value) or "" for value in excluded]
        known = all(self.knowledge.knows(item) for item in (*names, *others))
        return (
            bool(names)
            and known
            and self.pay(len(names) * len(others))
            and not any(self.knowledge.overlap(mine, other) for mine in names for other in others)
        )

    def _atoms_apart(self, items: list[Constraint]) -> bool:
        if len(items) < 2:  # noqa: PLR2004 - one constraint contradicts nothing
            return bool(items) and contradictory(items, self.knowledge)
        groups: dict[tuple[str, object], list[Constraint]] = {}
        for item in items:
            groups.setdefault((item.unit, item.status), []).append(item)
        return any(
            self.pay(len(group)) and contradictory(group, self.knowledge)
            for group in groups.values()
        )


def opposite_of(item: Constraint, knowledge: Knowledge = NOTHING_MORE) -> Constraint | None:
    """Return the constraint that is True exactly where this one is False, or None.

    The values of one operand must agree (`operands.py`), so that a constraint is False where each
    value makes its opposite True; of proofs that stand beside one another one is enough, so that
    only the opposites of equality and of being in a list are known.
    """
    operator = _OPPOSITE.get(item.operator)
    operand = knowledge.operand(item.left)
    if operator is None or operand is None or item.reference:
        return None
    if not has_meaning(operand, item):
        return None
    if item.operator is Operator.IS_A and operand.kind is not Kind.CONCEPT:
        return None
    return replace(item, operator=operator, id="")


def disjoint(items: Sequence[Condition], knowledge: Knowledge = NOTHING_MORE) -> bool:
    """Return whether it is proved that nothing satisfies all conditions."""
    return Proof(knowledge=knowledge).apart(Box(items))


def _alike(wanted: Constraint, having: Sequence[Constraint]) -> list[Constraint]:
    """Return constraints on the same thing: a count that starts elsewhere is another count."""
    return [item for item in having if item.status == wanted.status]


def _plain(item: LogicalConstraint) -> list[Condition]:
    """Return the parts of a conjunction; within a sequence a delay has another beginning."""
    parts = list(flat(item.operands))
    if item.connective is Connective.AND_SEQUENCE:
        return [part for part in parts if DELAY not in operands_of(part)]
    return parts
