"""Before, during or after an event: what several constraints on events leave.

Rules: where it is known when an event takes place it is a stretch of time like any other; where it
is not, being before, during and after it exclude one another and nothing else is known.
Source: ODRL Vocabulary 2.2, `event`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from policies_odrl import text
from policies_odrl.conflicts import axes
from policies_odrl.conflicts.axes import EMPTY, Atom, Extent, State
from policies_odrl.knowledge import Knowledge
from policies_odrl.model import Operator, Value
from policies_odrl.reading.literals import instant
from policies_odrl.values import name
from policies_odrl.vocabulary import Kind, Operand

_BEFORE, _DURING, _AFTER = "before", "during", "after"
_WHEN: Final = {
    Operator.LT: frozenset({_BEFORE}),
    Operator.LTEQ: frozenset({_BEFORE, _DURING}),
    Operator.EQ: frozenset({_DURING}),
    Operator.GTEQ: frozenset({_DURING, _AFTER}),
    Operator.GT: frozenset({_AFTER}),
    Operator.NEQ: frozenset({_BEFORE, _AFTER}),
}
_ALWAYS: Final = frozenset({_BEFORE, _DURING, _AFTER})


def extent(operand: Operand, atoms: Sequence[Atom], knowledge: Knowledge) -> Extent:
    """Return what is known of the moments that satisfy all atoms on events."""
    names = [name(value) or "" for atom in atoms for value in atom.item.right]
    if all(item in knowledge.events for item in names):
        return _dated(operand, atoms, knowledge)
    left: dict[str, frozenset[str]] = {}
    for atom in atoms:
        when = _WHEN.get(atom.item.operator)
        if when is None or len(atom.item.right) != 1:
            continue
        event = name(atom.item.right[0]) or ""
        left[event] = left.get(event, _ALWAYS) & (when if atom.holds else _ALWAYS - when)
    if not all(left.values()):
        return EMPTY
    during = next((item for item in atoms if item.item.operator is Operator.EQ), None)
    if during is not None and len({(atom.item.right, atom.item.operator) for atom in atoms}) == 1:
        return Extent(State.FILLED, during.item.right)
    return Extent(State.OPEN, why=f"{text.term(operand.id)}: when `{names[0]}` takes place")


def _dated(operand: Operand, atoms: Sequence[Atom], knowledge: Knowledge) -> Extent:
    """Return the same for events whose times are known, as a limit at each of their ends."""
    moments = Operand(operand.id, Kind.INSTANT, operand.usual)
    found = []
    for atom in atoms:
        spans = [knowledge.events[name(value) or ""] for value in atom.item.right]
        if len(spans) != 1 or spans[0][0] != spans[0][1]:
            return Extent(State.OPEN, why=f"{atom.text}: at what moment of the event")
        right: tuple[Value, ...] = (instant(spans[0][0]),)
        found.append(replace(atom, item=replace(atom.item, right=right)))
    return axes.extent(moments, found)
