"""Requests and facts as people write them in JSON, and requests out of ODRL Request policies.

What may be stated stands in the tables at the end; the manual shows it
(`docs/guides/policies/meaning.md`). Names are prefixed or absolute IRIs. A value is
text, a number, a name, or an object of `value` and `unit`, of `iri`, or of `value` and `type`.
Times have a time zone. A key, a name or a value that is none of these is refused with its place;
nothing is guessed and nothing dropped.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from decimal import Decimal
from difflib import get_close_matches
from typing import Any, Final, TypeVar

from policies_odrl.algebra.domain import Fact
from policies_odrl.errors import IllFormed, UnknownTerm
from policies_odrl.evaluation.deontic import DutyState
from policies_odrl.evaluation.request import Facts, Performed, Request
from policies_odrl.evaluation.state import Usage, UsageKey, Use, in_order
from policies_odrl.knowledge import Knowledge
from policies_odrl.language.mistakes import cut, mistake
from policies_odrl.model import Constraint, Iri, Literal, Operator, Policy, Rule
from policies_odrl.values import Quantity, naive, number, span
from policies_odrl.vocabulary import (
    FUNCTIONS,
    INCLUDED_IN,
    OPERANDS,
    SAME_ACTION,
    expanded,
    prefixed,
)

MAX_ENTRIES: Final = 10_000  # in one array or object
MAX_BITS: Final = 1_300  # of a whole number
_STATES: Final = frozenset(map(Operator, ("eq", "isA", "isAnyOf", "isAllOf", "lteq", "gteq")))
_ACTIONS: Final = (*INCLUDED_IN, *SAME_ACTION)

_T = TypeVar("_T")
_Read = Callable[[Any, str], _T]  # what stands there, its JSON pointer


def request_from(document: object) -> Request:
    """Return the request that a JSON object states.

    Raises:
        IllFormed: something is missing, or of another kind; the node says where.
        UnknownTerm: a name that is not known.
    """
    found = _members(document, "", _REQUEST)
    return Request(facts=found.pop("values", {}), **found)


def facts_from(document: object) -> Facts:
    """Return the facts that a JSON object states.

    Raises:
        IllFormed: something is of another kind; the node says where.
        UnknownTerm: a name that is not known.
    """
    found = _members(document, "", _FACTS)
    terms = {key: found.pop(key) for key in _KNOWLEDGE if key in found}
    return Facts(knowledge=Knowledge(**terms), **found)


def request_of(policy: Policy) -> Request:
    """Return the request that an ODRL Request policy states: one permission, with values.

    Raises:
        IllFormed: it asks for several things, or states conditions that are no values.
    """
    if len(policy.permissions) != 1 or policy.prohibitions or policy.obligations:
        raise mistake(IllFormed, "one-permission", node=policy.id)
    rule = policy.permissions[0]
    target, assignee = policy.target_of(rule), policy.assignee_of(rule)
    party = assignee.id if assignee else ""
    return Request(rule.action.id, party, target.id if target else None, _claims(rule))


def _claims(rule: Rule) -> dict[str, tuple[Fact, ...]]:
    found: dict[str, tuple[Fact, ...]] = {}
    for item in (*rule.constraints, *rule.action.refinements):
        if not isinstance(item, Constraint):
            raise mistake(IllFormed, "values-only", node=item.id)
        single = len(item.right) == 1 or item.operator is Operator.IS_ALL_OF
        if item.operator not in _STATES or not single or item.reference or item.left in found:
            raise mistake(IllFormed, "one-value", node=item.id, name=prefixed(item.left))
        amounts = [number(value) if item.unit else None for value in item.right]
        found[item.left] = tuple(
            value if amount is None else Quantity(amount, item.unit)
            for value, amount in zip(item.right, amounts, strict=True)
        )
    return found


# -- shapes -----------------------------------------------------------------------------------


def _object(value: object, path: str, keys: Iterable[str] = ()) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise mistake(IllFormed, "object", node=path or "/")
    if len(value) > MAX_ENTRIES:
        raise mistake(IllFormed, "entries", node=path or "/", limit=MAX_ENTRIES)
    for key in value:
        if keys and key not in keys:
            raise _unknown("means-nothing", key, keys, path or "/")
    return value


def _array(value: object, path: str) -> list[Any]:
    if not isinstance(value, list) or len(value) > MAX_ENTRIES:
        raise mistake(IllFormed, "array", node=path, limit=MAX_ENTRIES)
    return value


def _members(value: object, path: str, table: Mapping[str, _Read[Any]]) -> dict[str, Any]:
    """Return what an object states under the keys of a table; an act says what, and when."""
    body = _object(value, path, table)
    for key, missing in (("at", "act-without-time"), ("action", "no-action")):
        if key in table and key not in body:
            raise mistake(IllFormed, missing, node=path or "/")
    return {key: table[key](item, f"{path}/{key}") for key, item in body.items()}


def _each(read: _Read[_T]) -> _Read[tuple[_T, ...]]:
    """Return a reader of an array."""

    def array(value: object, path: str) -> tuple[_T, ...]:
        return tuple(read(it, f"{path}/{index}") for index, it in enumerate(_array(value, path)))

    return array


def _some(read: _Read[_T]) -> _Read[tuple[_T, ...]]:
    """Return a reader of one value, or of several in an array."""

    def some(value: object, path: str) -> tuple[_T, ...]:
        items = _array(value, path) if isinstance(value, list) else [value]
        return tuple(read(item, path) for item in items)

    return some


def _named(read: _Read[_T], known: Iterable[str] | None = None) -> _Read[dict[str, _T]]:
    """Return a reader of an object whose keys are IRIs, or terms that are known."""

    def named(value: object, path: str) -> dict[str, _T]:
        return {
            _iri(key, path) if known is None else _term(key, path, known): read(
                item, f"{path}/{key}"
            )
            for key, item in _object(value, path).items()
        }

    return named


# -- values -----------------------------------------------------------------------------------


def _iri(value: object, path: str) -> str:
    found = expanded(value) if isinstance(value, str) else ""
    if not found:
        raise mistake(IllFormed, "no-iri", node=path, name=cut(str(value)))
    return found


def _term(value: object, path: str, known: Iterable[str] = _ACTIONS) -> str:
    """Return a term: prefixed ones must be known, whole IRIs may be anybody's."""
    iri = _iri(value, path)
    if iri not in known and iri != value:
        raise _unknown("not-known", str(value), map(prefixed, known), path)
    return iri


def _unknown(key: str, name: str, known: Iterable[str], path: str) -> UnknownTerm:
    """Return the error that names what is not known, and the nearest that is."""
    found = mistake(UnknownTerm, key, node=path, name=cut(name))
    close = get_close_matches(name, list(known), 1, 0.6)
    if not close:
        return found
    meant = mistake(UnknownTerm, "meant", name=close[0])
    return UnknownTerm(found.reason + meant.reason, node=path, french=found.french + meant.french)


def _rule(value: object, path: str) -> str:
    """Return the IRI of a rule, or its JSON pointer where it has none."""
    pointer = isinstance(value, str) and value.startswith("/")
    return str(value) if pointer else _iri(value, path)


def _time(value: object, path: str) -> datetime:
    found = span(value) if isinstance(value, str) else None
    if found is None or found.start != found.end or naive(value):
        raise mistake(IllFormed, "no-time", node=path, name=cut(str(value)))
    return found.start


def _state(value: object, path: str) -> DutyState:
    known = {item.value: item for item in DutyState}
    if not isinstance(value, str) or value not in known:
        raise mistake(IllFormed, "one-of", node=path, names=", ".join(known))
    return known[value]


def _event(value: object, path: str) -> tuple[datetime, datetime]:
    times = [_time(item, path) for item in _array(value, path)]
    if len(times) != 2 or times[0] > times[1]:  # noqa: PLR2004 - start and end
        raise mistake(IllFormed, "event-order", node=path)
    return times[0], times[1]


def _fact(value: object, path: str) -> Fact:
    if isinstance(value, Mapping) and "unit" in value:
        body = _object(value, path, ("value", "unit"))
        amount = number(_plain(body.get("value", ""), path))
        if amount is None:
            raise mistake(IllFormed, "unit-without-number", node=path)
        return Quantity(amount, _iri(body["unit"], path))
    return _plain(value, path)


def _plain(value: object, path: str) -> str | Decimal | Iri | Literal:
    if isinstance(value, Mapping):
        return _typed(value, path)
    if isinstance(value, str):
        iri = expanded(value)
        return Iri(iri) if iri else value
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise mistake(IllFormed, "no-value", node=path)
    large = isinstance(value, int) and value.bit_length() > MAX_BITS
    found = None if large else number(value)
    if found is None:
        raise mistake(IllFormed, "no-number-there", node=path)
    return found


def _typed(value: Mapping[str, Any], path: str) -> Iri | Literal:
    body = _object(value, path, ("iri", "value", "type"))
    if set(body) == {"iri"}:
        return Iri(_iri(body["iri"], path))
    if set(body) != {"value", "type"} or not isinstance(body["value"], str):
        raise mistake(IllFormed, "typed-value", node=path)
    return Literal(body["value"], _iri(body["type"], path))


# -- what may be stated -----------------------------------------------------------------------


def _performed(value: object, path: str) -> Performed:
    found = _members(value, path, _PERFORMED)
    return Performed(facts=found.pop("values", {}), **found)


def _usage(value: object, path: str) -> Usage:
    """Return what was used so far: each use took place."""
    body = _object(value, path, ("started", "uses"))
    started = _named(_time)(body.get("started", {}), f"{path}/started")
    found: dict[UsageKey, list[Use]] = {}
    for index, item in enumerate(_array(body.get("uses", []), f"{path}/uses")):
        place = f"{path}/uses/{index}"
        use = _members(item, place, _USE)
        agreement = use.get("agreement", next(iter(started)) if len(started) == 1 else None)
        if agreement is None or "rule" not in use or "start" not in use:
            raise mistake(IllFormed, "use-incomplete", node=place)
        if agreement not in started:
            raise mistake(IllFormed, "not-started", node=place, name=cut(agreement))
        start, end = use["start"], use.get("end")
        if start < started[agreement] or (end is not None and end < start):
            raise mistake(IllFormed, "use-order", node=place)
        key = UsageKey(agreement, use["rule"], use.get("assignee", ""), use.get("target", ""))
        found.setdefault(key, []).append(Use(str(index), start, end, committed=True))
    return Usage(started, {key: in_order(uses) for key, uses in found.items()})


_REQUEST: Final[Mapping[str, _Read[Any]]] = {
    "action": _term,
    "assignee": _iri,
    "target": _iri,
    "values": _named(_some(_fact), tuple(OPERANDS)),
}
_PERFORMED: Final[Mapping[str, _Read[Any]]] = {
    "action": _term,
    "at": _time,
    "party": _iri,
    "target": _iri,
    "values": _named(_some(_fact), (*OPERANDS, *sorted(FUNCTIONS))),
}
_USE: Final[Mapping[str, _Read[Any]]] = {
    "agreement": _iri,
    "rule": _rule,
    "assignee": _iri,
    "target": _iri,
    "start": _time,
    "end": _time,
}
_KNOWLEDGE: Final[Mapping[str, _Read[Any]]] = {
    "broader": _named(_some(_iri)),
    "wholes": _named(_some(_iri)),
    "events": _named(_event),
    "references": _named(_some(_plain)),
}
_FACTS: Final[Mapping[str, _Read[Any]]] = {
    "now": _time,
    "values": _REQUEST["values"],
    "members": _named(lambda value, path: frozenset(_some(_iri)(value, path))),
    "performed": _each(_performed),
    "recorded": _named(_state),
    "usage": _usage,
    **_KNOWLEDGE,
}
