"""Requests and facts as people write them in JSON, and requests out of ODRL Request policies.

A request:

    {"action": "odrl:read", "assignee": "did:web:a.example", "target": "urn:example:data",
     "values": {"odrl:purpose": "dpv:AcademicResearch", "preau:epsilon": 2.5,
                "odrl:payAmount": {"value": 5, "unit": "currency:EUR"}}}

Facts, each part optional:

    {"now": "2026-12-01T10:00:00Z",
     "values": {"odrl:count": 3},
     "members": {"urn:example:class-3a": ["did:web:a.example"]},
     "performed": [{"action": "odrl:compensate", "at": "2026-11-30T09:00:00Z",
                    "party": "did:web:a.example", "target": "urn:example:data",
                    "values": {"odrl:compensatedParty": "did:web:b.example"}}],
     "usage": {"started": {"urn:example:agreement": "2026-09-01T00:00:00Z"},
               "uses": [{"rule": "/permission/0", "assignee": "did:web:a.example",
                         "target": "urn:example:data", "start": "2026-10-01T09:00:00Z",
                         "end": "2026-10-01T10:00:00Z"}]},
     "recorded": {"urn:example:duty": "fulfilled"},
     "broader": {"urn:example:thesis": ["dpv:AcademicResearch"]},
     "wholes": {"urn:example:lyon": ["urn:example:france"]},
     "events": {"urn:example:term": ["2026-09-01T00:00:00Z", "2026-12-18T00:00:00Z"]},
     "references": {"https://a.example/limit": 5}}

Rules: names are prefixed or absolute IRIs; a value is text, a number, a name, or an
object of `value` and `unit`, of `iri`, or of `value` and `type`; several values stand in an array;
times have a time zone. What was performed may state party functions. A use names its `agreement`
where several were started. A key, a name or a value that is none of these is refused with the
place where it stands; nothing is guessed and nothing dropped.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from difflib import get_close_matches
from typing import Any, Final, TypeVar

from policies_odrl.errors import IllFormed, UnknownTerm
from policies_odrl.evaluation.deontic import DutyState
from policies_odrl.evaluation.operands import Fact
from policies_odrl.evaluation.request import Facts, Performed, Request
from policies_odrl.evaluation.state import Usage, UsageKey, Use
from policies_odrl.knowledge import Knowledge
from policies_odrl.language.mistakes import cut, mistake
from policies_odrl.language.phrases import LANGUAGES, fill, table
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

_REQUEST: Final = ("action", "assignee", "target", "values")
_FACTS: Final = (
    "now",
    "values",
    "members",
    "performed",
    "recorded",
    "broader",
    "wholes",
    "events",
    "references",
    "usage",
)
_PERFORMED: Final = ("action", "at", "party", "target", "values")
_USE: Final = ("agreement", "rule", "assignee", "target", "start", "end")
_STATED: Final = tuple(OPERANDS)
_STATES: Final = frozenset(
    {
        Operator.EQ,
        Operator.IS_A,
        Operator.IS_ANY_OF,
        Operator.IS_ALL_OF,
        Operator.LTEQ,
        Operator.GTEQ,
    }
)
_MANY: Final = frozenset({Operator.IS_ALL_OF})

_T = TypeVar("_T")


def request_from(document: object) -> Request:
    """Return the request that a JSON object states.

    Raises:
        IllFormed: something is missing, or of another kind; the node says where.
        UnknownTerm: a name that is not known.

    >>> request_from({"action": "odrl:read", "values": {"odrl:count": 3}}).facts
    {'http://www.w3.org/ns/odrl/2/count': (Decimal('3'),)}
    """
    body = _object(document, "", _REQUEST)
    return Request(
        _action(body, ""),
        _iri(body["assignee"], "/assignee") if "assignee" in body else "",
        _iri(body["target"], "/target") if "target" in body else None,
        _values(body.get("values", {}), "/values"),
    )


def facts_from(document: object) -> Facts:
    """Return the facts that a JSON object states.

    Raises:
        IllFormed: something is of another kind; the node says where.
        UnknownTerm: a name that is not known.

    >>> facts_from({"now": "2026-12-01T10:00:00Z"}).now.isoformat()
    '2026-12-01T10:00:00+00:00'
    """
    body = _object(document, "", _FACTS)
    performed = _array(body.get("performed", []), "/performed")
    return Facts(
        now=_time(body["now"], "/now") if "now" in body else None,
        values=_values(body.get("values", {}), "/values"),
        members={name: frozenset(found) for name, found in _lists(body, "members", _iri).items()},
        performed=tuple(
            _performed(item, f"/performed/{index}") for index, item in enumerate(performed)
        ),
        knowledge=Knowledge(
            broader=_lists(body, "broader", _iri),
            wholes=_lists(body, "wholes", _iri),
            events=_events(body),
            references=_lists(body, "references", _plain),
        ),
        recorded={
            name: _state(value, f"/recorded/{key}")
            for key, value in _object(body.get("recorded", {}), "/recorded").items()
            if (name := _iri(key, "/recorded"))
        },
        usage=_usage(body["usage"]) if "usage" in body else None,
    )


def request_of(policy: Policy) -> Request:
    """Return the request that an ODRL Request policy states: one permission, with values.

    Raises:
        IllFormed: it asks for several things, or states conditions that are no values.

    >>> from policies_odrl.model import ODRL, Action, Permission, PolicyKind
    >>> asked = Permission(action=Action(ODRL + "read"))
    >>> request_of(Policy(kind=PolicyKind.REQUEST, permissions=(asked,))).action
    'http://www.w3.org/ns/odrl/2/read'
    """
    if len(policy.permissions) != 1 or policy.prohibitions or policy.obligations:
        raise mistake(IllFormed, "one-permission", node=policy.id)
    rule = policy.permissions[0]
    target, assignee = policy.target_of(rule), policy.assignee_of(rule)
    return Request(
        rule.action.id,
        assignee.id if assignee else "",
        target.id if target else None,
        _claims(rule),
    )


def _claims(rule: Rule) -> dict[str, tuple[Fact, ...]]:
    found: dict[str, tuple[Fact, ...]] = {}
    for item in (*rule.constraints, *rule.action.refinements):
        if not isinstance(item, Constraint):
            raise mistake(IllFormed, "values-only", node=item.id)
        single = len(item.right) == 1 or item.operator in _MANY
        if item.operator not in _STATES or not single or item.reference or item.left in found:
            raise mistake(IllFormed, "one-value", node=item.id, name=prefixed(item.left))
        found[item.left] = tuple(_claimed(value, item.unit) for value in item.right)
    return found


def _claimed(value: Iri | Literal, unit: str) -> Fact:
    amount = number(value) if unit else None
    return value if amount is None else Quantity(amount, unit)


# -- parts ------------------------------------------------------------------------------------


def _object(value: object, path: str, keys: tuple[str, ...] = ()) -> Mapping[str, Any]:
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


def _lists(
    body: Mapping[str, Any], name: str, read: Callable[[object, str], _T]
) -> dict[str, tuple[_T, ...]]:
    path = f"/{name}"
    found: dict[str, tuple[_T, ...]] = {}
    for key, value in _object(body.get(name, {}), path).items():
        items = _array(value, f"{path}/{key}") if isinstance(value, list) else [value]
        found[_iri(key, path)] = tuple(read(item, f"{path}/{key}") for item in items)
    return found


def _performed(value: object, path: str) -> Performed:
    body = _object(value, path, _PERFORMED)
    if "at" not in body:
        raise mistake(IllFormed, "act-without-time", node=path)
    return Performed(
        _action(body, path),
        _time(body["at"], f"{path}/at"),
        _iri(body["party"], f"{path}/party") if "party" in body else "",
        _iri(body["target"], f"{path}/target") if "target" in body else None,
        _values(body.get("values", {}), f"{path}/values", (*_STATED, *sorted(FUNCTIONS))),
    )


def _usage(value: object) -> Usage:
    """Return what was used so far: each use took place."""
    body = _object(value, "/usage", ("started", "uses"))
    started = {
        _iri(name, "/usage/started"): _time(at, f"/usage/started/{name}")
        for name, at in _object(body.get("started", {}), "/usage/started").items()
    }
    found: dict[UsageKey, list[Use]] = {}
    for index, item in enumerate(_array(body.get("uses", []), "/usage/uses")):
        key, use = _use(item, started, f"/usage/uses/{index}")
        found.setdefault(key, []).append(replace(use, ticket=str(index)))
    return Usage(started, {key: _in_order(uses) for key, uses in found.items()})


def _in_order(uses: Iterable[Use]) -> tuple[Use, ...]:
    return tuple(sorted(uses, key=lambda use: use.start))


def _use(value: object, started: Mapping[str, datetime], path: str) -> tuple[UsageKey, Use]:
    body = _object(value, path, _USE)
    named = body.get("agreement", next(iter(started)) if len(started) == 1 else None)
    if named is None or "rule" not in body or "start" not in body:
        raise mistake(IllFormed, "use-incomplete", node=path)
    agreement = _iri(named, f"{path}/agreement")
    if agreement not in started:
        raise mistake(IllFormed, "not-started", node=path, name=cut(agreement))
    start = _time(body["start"], f"{path}/start")
    end = _time(body["end"], f"{path}/end") if "end" in body else None
    if start < started[agreement] or (end is not None and end < start):
        raise mistake(IllFormed, "use-order", node=path)
    key = UsageKey(
        agreement,
        _rule(body["rule"], f"{path}/rule"),
        _iri(body["assignee"], f"{path}/assignee") if "assignee" in body else "",
        _iri(body["target"], f"{path}/target") if "target" in body else "",
    )
    return key, Use("", start, end, committed=True)


def _rule(value: object, path: str) -> str:
    """Return the IRI of a rule, or its JSON pointer where it has none."""
    pointer = isinstance(value, str) and value.startswith("/")
    return str(value) if pointer else _iri(value, path)


def _events(body: Mapping[str, Any]) -> dict[str, tuple[datetime, datetime]]:
    found = {}
    for key, value in _object(body.get("events", {}), "/events").items():
        path = f"/events/{key}"
        times = [_time(item, path) for item in _array(value, path)]
        if len(times) != 2 or times[0] > times[1]:  # noqa: PLR2004 - start and end
            raise mistake(IllFormed, "event-order", node=path)
        found[_iri(key, "/events")] = (times[0], times[1])
    return found


def _state(value: object, path: str) -> DutyState:
    known = {item.value: item for item in DutyState}
    if not isinstance(value, str) or value not in known:
        raise mistake(IllFormed, "one-of", node=path, names=", ".join(known))
    return known[value]


def _action(body: Mapping[str, Any], path: str) -> str:
    if "action" not in body:
        raise mistake(IllFormed, "no-action", node=path or "/")
    return _term(body["action"], f"{path}/action", (*INCLUDED_IN, *SAME_ACTION))


def _term(value: object, path: str, known: tuple[str, ...]) -> str:
    """Return a term: prefixed ones must be known, whole IRIs may be anybody's."""
    iri = _iri(value, path)
    if iri not in known and iri != value:
        names = tuple(prefixed(item) for item in known)
        raise _unknown("not-known", str(value), names, path)
    return iri


def _iri(value: object, path: str) -> str:
    found = expanded(value) if isinstance(value, str) else ""
    if not found:
        raise mistake(IllFormed, "no-iri", node=path, name=cut(str(value)))
    return found


def _time(value: object, path: str) -> datetime:
    found = span(value) if isinstance(value, str) else None
    if found is None or found.start != found.end or naive(value):
        raise mistake(IllFormed, "no-time", node=path, name=cut(str(value)))
    return found.start


def _values(
    value: object, path: str, known: tuple[str, ...] = _STATED
) -> dict[str, tuple[Fact, ...]]:
    found: dict[str, tuple[Fact, ...]] = {}
    for key, item in _object(value, path).items():
        items = _array(item, f"{path}/{key}") if isinstance(item, list) else [item]
        left = _term(key, path, known)
        found[left] = tuple(_fact(part, f"{path}/{key}") for part in items)
    return found


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


def _unknown(key: str, name: str, known: tuple[str, ...], path: str) -> UnknownTerm:
    """Return the error that names what is not known, and the nearest that is."""
    found = mistake(UnknownTerm, key, node=path, name=cut(name))
    close = get_close_matches(name, known, 1, 0.6)
    if not close:
        return found
    english, french = (fill(table("mistakes")["meant"], lang, name=close[0]) for lang in LANGUAGES)
    return UnknownTerm(found.reason + english, node=path, french=found.french + french)
