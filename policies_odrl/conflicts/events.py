"""Before, during or after an event: what several constraints on events leave.

Where it is known when an event takes place it is a moment like any other; where it is not, being
before, during and after it exclude one another and nothing else is known.
Source: ODRL Vocabulary 2.2, `event`.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from policies_odrl import text
from policies_odrl.algebra.claims import Claims
from policies_odrl.conflicts.outcome import Outcome, settled, unknown
from policies_odrl.logic import Truth
from policies_odrl.model import XSD, Literal, Operator
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


def judge(claims: Claims) -> Outcome:
    """Return whether a moment can satisfy all constraints on events."""
    atoms, known = claims.atoms, claims.reading.knowledge.events
    left = atoms[0].item.left
    referring = next((atom for atom in atoms if atom.item.reference), None)
    if referring is not None:
        return unknown(f"{referring.text}: the value at `{referring.item.reference[0][:200]}`")
    names = [name(value) or "" for atom in atoms for value in atom.item.right]
    if all(item in known for item in names):
        return _dated(left, claims)
    zones: dict[str, frozenset[str]] = {}
    for atom in atoms:
        when = _WHEN.get(atom.item.operator)
        if when is not None and len(atom.item.right) == 1:
            event = name(atom.item.right[0]) or ""
            zones[event] = zones.get(event, _ALWAYS) & (when if atom.holds else _ALWAYS - when)
    if not all(zones.values()):
        return Outcome(Truth.FALSE)
    during = next((item for item in atoms if item.item.operator is Operator.EQ), None)
    if during is not None and len({(atom.item.right, atom.item.operator) for atom in atoms}) == 1:
        return Outcome(Truth.TRUE, {left: during.item.right})
    return unknown(f"{text.term(left)}: when `{names[0]}` takes place")


def _dated(left: str, claims: Claims) -> Outcome:
    """Return the same for events whose times are known, as a limit at each of their ends."""
    found = []
    for atom in claims.atoms:
        known = claims.reading.knowledge.events
        spans = [known[name(value) or ""] for value in atom.item.right]
        if len(spans) != 1 or spans[0][0] != spans[0][1]:
            return unknown(f"{atom.text}: at what moment of the event")
        moment = Literal(spans[0][0].isoformat(), XSD + "dateTime")
        limit = replace(atom.item, right=(moment,))
        found.append(replace(atom, item=limit))
    moments = Operand(left, Kind.INSTANT, frozenset())
    return settled(left, Claims(moments, found, claims.reading))
