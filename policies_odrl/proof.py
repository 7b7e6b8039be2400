"""Does one condition follow from others? Can they hold together?

Rules: True is proved, False is "not proved". Atomic constraints are compared operand by operand
(`regions.py`); `or` and `xone` among what is given are taken apart one after the other, and only
those that touch what is wanted. The work is bounded; a proof that runs out of steps proves nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from policies_odrl.forms import condition_form, flat
from policies_odrl.model import Condition, Connective, Constraint, LogicalConstraint
from policies_odrl.regions import contradictory, implied

MAX_STEPS: Final = 100_000  # comparisons of two conditions


class Proof:
    """Proofs that share one bound on their work."""

    __slots__ = ("_left",)

    def __init__(self, steps: int = MAX_STEPS) -> None:
        self._left = steps

    def follows(self, wanted: Condition, having: Sequence[Condition]) -> bool:
        """Return whether whatever satisfies `having` is proved to satisfy `wanted`."""
        return self._follows(wanted, [*flat(having), *_all_true(having)])

    def _follows(self, wanted: Condition, given: list[Condition]) -> bool:
        self._left -= 1 + len(given)
        if self._left < 0:
            return False
        form = condition_form(wanted)
        if any(condition_form(item) == form for item in given):
            return True
        if isinstance(wanted, Constraint):
            atoms = [item for item in given if isinstance(item, Constraint)]
            proved = implied(wanted, atoms)
        elif wanted.connective is Connective.AND:
            proved = all(self._follows(part, given) for part in wanted.operands)
        elif wanted.connective is Connective.OR:
            proved = any(self._follows(part, given) for part in wanted.operands)
        else:
            proved = False
        return proved or self._by_cases(wanted, given)

    def _by_cases(self, wanted: Condition, given: list[Condition]) -> bool:
        """Take the first `or` or `xone` that touches what is wanted apart, and prove each case."""
        touched = _operands(wanted)
        for index, item in enumerate(given):
            if not isinstance(item, LogicalConstraint) or not touched & _operands(item):
                continue
            if item.connective not in {Connective.OR, Connective.XONE}:
                continue
            rest = given[:index] + given[index + 1 :]
            return all(
                self._follows(wanted, [*rest, *flat([part]), *_all_true([part])])
                for part in item.operands
            )
        return False


def disjoint(items: Sequence[Condition]) -> bool:
    """Return whether it is proved that nothing satisfies all conditions."""
    groups: dict[tuple[str, str], list[Constraint]] = {}
    for item in [*flat(items), *_all_true(items)]:
        if isinstance(item, Constraint):
            groups.setdefault((item.left, item.unit), []).append(item)
    return any(contradictory(group) for group in groups.values())


def _all_true(items: Sequence[Condition]) -> list[Condition]:
    """Return what is below an `andSequence`: where it is True, each of its operands is."""
    found: list[Condition] = []
    for item in flat(items):
        if isinstance(item, LogicalConstraint) and item.connective is Connective.AND_SEQUENCE:
            found.extend((*flat(item.operands), *_all_true(item.operands)))
    return found


def _operands(item: Condition) -> frozenset[str]:
    if isinstance(item, Constraint):
        return frozenset({item.left})
    return frozenset().union(*(_operands(part) for part in item.operands))
