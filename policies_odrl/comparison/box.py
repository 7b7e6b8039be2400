"""The conditions of one rule, put in order once: what is asked of each left operand, and choices.

Rules: a box is the conjunction of its conditions; `and` and `andSequence` are taken apart (a
sequence that is True has each of its parts True), `or` and `xone` stay whole until somebody asks
for the cases of those that touch given operands. Nothing is multiplied out here. A `delayPeriod`
within a sequence starts with the part before it (Vocabulary, `delayPeriod`), so that it says
nothing about one outside.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from policies_odrl.comparison.forms import condition_form, flat
from policies_odrl.model import ODRL, Condition, Connective, Constraint, LogicalConstraint

DELAY: Final = ODRL + "delayPeriod"
_CHOICES: Final = frozenset({Connective.OR, Connective.XONE})


class Box:
    """A conjunction of conditions."""

    __slots__ = ("atoms", "choices", "forms")

    def __init__(self, items: Sequence[Condition] = ()) -> None:
        self.atoms: dict[str, list[Constraint]] = {}
        self.choices: list[LogicalConstraint] = []
        self.forms: set[tuple[object, ...]] = set()
        for item in items:
            self._add(item)

    def touching(self, operands: frozenset[str]) -> LogicalConstraint | None:
        """Return the first choice that says something about one of the operands."""
        return next((item for item in self.choices if operands & operands_of(item)), None)

    def cases(self, choice: LogicalConstraint) -> Iterator[Box]:
        """Yield the box with one of its choices decided, one way after the other."""
        for part in choice.operands:
            case = Box()
            case.atoms = {left: list(items) for left, items in self.atoms.items()}
            case.choices = [item for item in self.choices if item is not choice]
            case.forms = set(self.forms)
            case._add(part)
            yield case

    def joined(self, items: Iterable[Condition]) -> Box:
        """Return the box with more conditions."""
        case = Box()
        case.atoms = {left: list(found) for left, found in self.atoms.items()}
        case.choices = list(self.choices)
        case.forms = set(self.forms)
        for item in items:
            case._add(item)
        return case

    def _add(self, whole: Condition) -> None:
        for item in flat([whole]):
            self.forms.add(condition_form(item))
            if isinstance(item, Constraint):
                self.atoms.setdefault(item.left, []).append(item)
            elif item.connective in _CHOICES:
                self.choices.append(item)
            else:
                self._add_sequence(item)

    def _add_sequence(self, whole: LogicalConstraint) -> None:
        for item in flat(whole.operands):
            if DELAY not in operands_of(item):
                self._add(item)


def operands_of(item: Condition) -> frozenset[str]:
    """Return the left operands that a condition speaks of."""
    if isinstance(item, Constraint):
        return frozenset({item.left})
    return frozenset().union(*(operands_of(part) for part in item.operands))
