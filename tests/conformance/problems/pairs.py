"""The policies of a conflict problem, with what they presuppose beyond ODRL.

Rules: a left operand of another vocabulary gets its kind from the values that it is compared with
(a decimal makes a number, a duration a length of time), or from the hierarchies that hold them; the
start of a recurrence, which ODRL has no term for, is read from a property named `anchor` of the
constraint, and taken out before the policy is read.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import policies_odrl
from connector.cli.policy.files import nodes_at
from connector.errors import PolicyInvalid
from policies_odrl import Knowledge, Literal, OdrlError, Policy
from policies_odrl.model import ODRL, XSD
from policies_odrl.values import span
from policies_odrl.vocabulary import ALLOWED, Kind, Operand
from tests.conformance.cases.suite_policy import understood

_NUMBERS: Final = frozenset(
    XSD + name for name in ("decimal", "integer", "double", "float", "int", "long", "short", "byte")
)
_KINDS: Final[Mapping[str, Kind]] = {
    **dict.fromkeys(_NUMBERS, Kind.NUMBER),
    XSD + "nonNegativeInteger": Kind.NUMBER,
    XSD + "positiveInteger": Kind.NUMBER,
    XSD + "date": Kind.INSTANT,
    XSD + "dateTime": Kind.INSTANT,
    XSD + "dateTimeStamp": Kind.INSTANT,
    XSD + "duration": Kind.DURATION,
    XSD + "dayTimeDuration": Kind.DURATION,
}
_NAMED: Final = "urn:preau:node:"


@dataclass(frozen=True, slots=True)
class Problem:
    """Policies that are to be compared.

    Attributes:
        policies: one or more, in order.
        knowledge: what is known, with the operands that they bring.
        anchors: IRI of a constraint -> start of its first period, aware.
    """

    policies: tuple[Policy, ...]
    knowledge: Knowledge
    anchors: Mapping[str, datetime]


def problem_at(file: Path, knowledge: Knowledge) -> Problem:
    """Return the problem in a file.

    Raises:
        ConfigurationInvalid: it cannot be read.
        PolicyInvalid: it holds no policy, or something that is not understood.
    """
    nodes, anchors = _without_anchors(nodes_at(file))
    known = replace(knowledge, operands={**_operands(nodes, knowledge), **knowledge.operands})
    try:
        policies = policies_odrl.read_all(nodes, known)
    except OdrlError as exc:
        raise PolicyInvalid(f"`{file}`: {exc}") from exc
    for policy in policies:
        try:
            understood(policy, known)
        except PolicyInvalid as exc:
            raise PolicyInvalid(f"`{file}`: {exc.reason}") from exc
    return Problem(policies, known, anchors)


def _without_anchors(
    nodes: list[dict[str, Any]],
) -> tuple[list[dict[str, Any]], dict[str, datetime]]:
    """Return nodes without anchors, those that had one under an IRI, and the anchors."""
    anchors: dict[str, datetime] = {}
    names: dict[str, str] = {}
    kept = []
    for node in nodes:
        stated = [key for key in node if _is_anchor(key) and ODRL + "leftOperand" in node]
        moment = _moment(node[stated[0]]) if len(stated) == 1 else None
        if moment is not None:
            name = str(node["@id"])
            names[name] = _NAMED + name[2:] if name.startswith("_:") else name
            anchors[names[name]] = moment
        without = {key: value for key, value in node.items() if moment is None or key not in stated}
        kept.append(without)
    return [_renamed(node, names) for node in kept], anchors


def _is_anchor(key: str) -> bool:
    return not key.startswith(("@", ODRL)) and key.replace("/", "#").rpartition("#")[2] == "anchor"


def _moment(values: object) -> datetime | None:
    if not isinstance(values, list) or len(values) != 1 or "@value" not in values[0]:
        return None
    value = values[0]
    found = span(Literal(str(value["@value"]), str(value.get("@type", XSD + "string"))))
    return found.start if found else None


def _renamed(value: Any, names: Mapping[str, str]) -> Any:
    if isinstance(value, dict):
        return {
            key: names.get(item, item)
            if key == "@id" and isinstance(item, str)
            else _renamed(item, names)
            for key, item in value.items()
        }
    return [_renamed(item, names) for item in value] if isinstance(value, list) else value


def _operands(nodes: Iterable[Mapping[str, Any]], knowledge: Knowledge) -> dict[str, Operand]:
    """Return the left operands of other vocabularies, with the kind that their values show."""
    kinds: dict[str, set[Kind]] = {}
    for node in nodes:
        for left in node.get(ODRL + "leftOperand", ()):
            name = left.get("@id") if isinstance(left, dict) else None
            if isinstance(name, str) and knowledge.operand(name) is None:
                found = {_kind(value, knowledge) for value in _values(node)}
                kinds.setdefault(name, set()).update(found)
    return {
        name: Operand(name, kind, ALLOWED[kind])
        for name, found in kinds.items()
        for kind in [found.pop() if len(found) == 1 else Kind.IDENTITY]
    }


def _values(node: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    found: list[Mapping[str, Any]] = []
    for value in node.get(ODRL + "rightOperand", ()):
        inner = value.get("@list") if isinstance(value, dict) else None
        found.extend(inner if isinstance(inner, list) else [value])
    return [value for value in found if isinstance(value, dict)]


def _kind(value: Mapping[str, Any], knowledge: Knowledge) -> Kind:
    name = value.get("@id")
    if not isinstance(name, str):
        return _KINDS.get(str(value.get("@type")), Kind.IDENTITY)
    if name in knowledge.wholes or any(name in wholes for wholes in knowledge.wholes.values()):
        return Kind.PLACE
    return Kind.CONCEPT if knowledge.knows(name) else Kind.IDENTITY
