"""Requests of the public suites, read as requests of the library.

Two forms are read: an `odrl:Request`, whose permissions say what is wished for (ODRL test suite),
and an evaluation request (W3C draft, and the suite's newer form). What either adds about its
circumstances (`context`, `requestParameter`, a constraint with `eq`) becomes facts that the
request states; those of the world win over them. A request that names no action, or anything
twice, is refused: what is asked must be certain.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from connector.errors import PolicyInvalid
from policies_odrl import Iri, Request
from policies_odrl.algebra.domain import Fact
from policies_odrl.model import ODRL, Value
from policies_odrl.vocabulary import ACTIONS
from tests.conformance.cases.features import Features
from tests.conformance.cases.graph import Graph, local, named

CLASSES: Final = ("Request", "EvaluationRequest")
MAX_WISHES: Final = 64  # permissions of one request
_ACTION: Final = ("action", "evaluatedAction", "requestedAction")
_PARTY: Final = ("assignee", "evaluatedParty", "requestingParty", "requestedParty")
_TARGET: Final = ("target", "evaluatedTarget", "requestedTarget")
_CIRCUMSTANCES: Final = (
    "context",
    "requestParameter",
    "requestParameters",
    "parameter",
    "constraint",
    "refinement",
)
_AMOUNTS: Final = ("value", "rightOperand", "amount")
_UNITS: Final = ("unit", "currency")


@dataclass(frozen=True, slots=True)
class Asked:
    """One wish of a request.

    Attributes:
        id: IRI of the rule that utters it; empty for a blank node.
        request: what is asked.
    """

    id: str
    request: Request


def wishes(graph: Graph, name: str, features: Features) -> tuple[Asked, ...]:
    """Return what a request asks for, in order.

    Args:
        graph: what its document says.
        name: the request.
        features: what the policy compares.

    Raises:
        PolicyInvalid: it does not say what is asked, or not clearly.
    """
    rules = graph.iris(name, "permission") or [name]
    if len(rules) > MAX_WISHES:
        raise PolicyInvalid(f"request `{name}` has more than {MAX_WISHES} permissions")
    return tuple(_wish(graph, name, rule, features) for rule in rules)


def _wish(graph: Graph, name: str, rule: str, features: Features) -> Asked:
    action, about = _action(graph, name, rule)
    return Asked(
        "" if rule.startswith("_:") else rule,
        Request(
            action=action,
            assignee=_one(graph, name, rule, _PARTY),
            target=_one(graph, name, rule, _TARGET) or None,
            facts=circumstances(graph, dict.fromkeys((name, rule, about)), features),
        ),
    )


def _action(graph: Graph, name: str, rule: str) -> tuple[str, str]:
    """Return the action asked for, and the thing that may refine it."""
    stated = _one(graph, name, rule, _ACTION)
    if not stated:
        raise PolicyInvalid(f"request `{name}` names no action")
    plain = graph.one(stated, "value") or stated
    return (plain if plain in ACTIONS or ":" in plain else ODRL + plain), stated


def _one(graph: Graph, name: str, rule: str, properties: tuple[str, ...]) -> str:
    found = dict.fromkeys(graph.iris(rule, *properties) or graph.iris(name, *properties))
    if len(found) > 1:
        raise PolicyInvalid(f"request `{name}` names more than one {local(properties[0])}")
    return next(iter(found), "")


def circumstances(
    graph: Graph, things: Iterable[str], features: Features
) -> dict[str, tuple[Fact, ...]]:
    """Return left operand -> values, from all circumstances that things state.

    Raises:
        PolicyInvalid: one compares instead of stating.
    """
    facts: dict[str, tuple[Fact, ...]] = {}
    for thing in things:
        for circumstance in graph.iris(thing, *_CIRCUMSTANCES):
            left, values = _circumstance(graph, circumstance, features)
            if values:
                facts[left] = (*facts.get(left, ()), *values)
    return facts


def _circumstance(graph: Graph, thing: str, features: Features) -> tuple[str, tuple[Fact, ...]]:
    feature = graph.one(thing, "leftOperand", "describesFeature", "conditionId")
    operator = local(graph.one(thing, "operator"))
    if operator not in {"", "eq", "isA"}:
        raise PolicyInvalid(f"a request states values with `eq`, not with `{operator}`")
    left = features.left_of(feature)
    values = graph.values(thing, "rightOperand", "value")
    return left, features.facts(left, values, graph.one(thing, *_UNITS))


def stated_by(graph: Graph, thing: str, features: Features) -> Mapping[str, tuple[Fact, ...]]:
    """Return what the properties of a thing say about features that the policy compares."""
    known = graph.things.get(thing)
    found: dict[str, tuple[Fact, ...]] = {}
    for name, values in (known.values if known else {}).items():
        if features.means(name):
            left = features.left_of(name)
            facts = [
                fact for value in values for fact in _amount(graph, thing, value, left, features)
            ]
            found[left] = (*found.get(left, ()), *facts)
    return found


def _amount(
    graph: Graph, thing: str, value: Value, left: str, features: Features
) -> tuple[Fact, ...]:
    """Return a value that is stated plainly, or as a thing with a value and a unit."""
    inner = graph.values(named(value), *_AMOUNTS) if isinstance(value, Iri) else []
    holder = named(value) if inner else thing
    return features.facts(left, inner or [value], graph.one(holder, *_UNITS))
