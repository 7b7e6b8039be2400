"""Conflict problems in a short notation: `width lteq 5`, `{"or": [...]}`."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from policies_odrl import (
    Action,
    Connective,
    Constraint,
    Iri,
    Knowledge,
    Literal,
    LogicalConstraint,
    Operator,
    Permission,
    Policy,
    PolicyKind,
)
from policies_odrl.conflicts.compatibility import ConflictVerdict
from policies_odrl.knowledge import NOTHING_MORE
from policies_odrl.model import ODRL, XSD, Condition, Value
from policies_odrl.units import QUDT
from policies_odrl.vocabulary import ALLOWED, PREAU, Kind, Operand
from tests.conformance.times.asked import verdict

VECTORS: Final = Path(__file__).parents[1] / "conformance" / "policies" / "conflicts"
NAMES: Final = "urn:vector:"
AXES: Final = ("width", "height", "depth")
_DATA: Final = json.loads((VECTORS / "vectors.json").read_text("utf-8"))
_TYPES: Final = {
    "dateTime": "dateTime",
    **dict.fromkeys(["elapsedTime", "meteredTime", "delayPeriod", "timeInterval"], "duration"),
    **dict.fromkeys([*AXES, "count", "absoluteSize"], "decimal"),
}


def conflict_between(
    left: Policy, right: Policy, knowledge: Knowledge = NOTHING_MORE, **more: Any
) -> ConflictVerdict:
    """Return whether two policies conflict, their times taken together."""
    return verdict((left, right), knowledge, **more)


def conflict_within(
    policy: Policy, knowledge: Knowledge = NOTHING_MORE, **more: Any
) -> ConflictVerdict:
    """Return whether a policy conflicts with itself, its times taken together."""
    return verdict((policy,), knowledge, **more)


def problems() -> list[dict[str, Any]]:
    """Return the vectors."""
    return list(_DATA["problems"])


def _name(word: str) -> str:
    return word if ":" in word else NAMES + word


def _table(table: Mapping[str, Sequence[str]]) -> dict[str, tuple[str, ...]]:
    return {_name(key): tuple(_name(item) for item in above) for key, above in table.items()}


def _knowledge(data: Mapping[str, Any]) -> Knowledge:
    return Knowledge(
        broader=_table(data["broader"]),
        wholes=_table(data["wholes"]),
        disjoint=tuple(frozenset(map(_name, group)) for group in data["disjoint"]),
        events={
            key: (datetime.fromisoformat(first), datetime.fromisoformat(last))
            for key, (first, last) in data["events"].items()
        },
        operands={
            NAMES + axis: Operand(NAMES + axis, Kind.NUMBER, ALLOWED[Kind.NUMBER]) for axis in AXES
        },
    )


KNOWN: Final = _knowledge(_DATA["knowledge"])


def condition(stated: str | Mapping[str, Sequence[Any]]) -> Condition:
    """Return a condition in the short notation."""
    if not isinstance(stated, str):
        [(connective, parts)] = stated.items()
        return LogicalConstraint(Connective(connective), tuple(map(condition, parts)))
    word, operator, *values = stated.split()
    unit = QUDT + values.pop() if word == "absoluteSize" else ""
    left = NAMES + word if word in AXES else word if ":" in word else ODRL + word
    left = PREAU + word if word == "protectionLevel" else left
    right = tuple(_value(word, value) for value in values)
    return Constraint(left, Operator(operator), right, unit=unit)


def _value(word: str, value: str) -> Value:
    if word == "protectionLevel":
        return Iri(PREAU + value)
    kind = _TYPES.get(word)
    if kind is None:
        return Iri(_name(value))
    if kind == "dateTime" and "T" not in value:
        kind = "date"
    if kind == "decimal" and "e" in value:
        kind = "double"
    return Literal(value, XSD + kind)


def permitting(*stated: str | Mapping[str, Sequence[Any]], start: str = "") -> Policy:
    """Return a policy with one permission to use."""
    rule = Permission(action=Action(ODRL + "use"), constraints=tuple(map(condition, stated)))
    return Policy(kind=PolicyKind.OFFER, permissions=(rule,), timestamp=start)
