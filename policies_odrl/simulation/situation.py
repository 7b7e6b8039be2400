"""Requests and facts as people write them in JSON, and requests out of ODRL Request policies.

What may be stated stands in the tables at the end and in `docs/guides/policies/meaning.md`. A
value is text, a number, a name, or an object of `value` and `unit`, of `iri`, or of `value` and
`type`. What is none of these is refused with its place; nothing is guessed and nothing dropped.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from datetime import datetime
from functools import partial
from typing import Any, Final, NamedTuple, TypeVar

from policies_odrl.algebra.domain import Fact
from policies_odrl.errors import IllFormed
from policies_odrl.evaluation.deontic import DutyState
from policies_odrl.evaluation.request import Facts, Performed, Request, Usage, UsageKey, Use
from policies_odrl.knowledge import Knowledge
from policies_odrl.language.phrases import cut, meant, mistake
from policies_odrl.model import Constraint, Iri, Literal, Operator, Policy
from policies_odrl.values import FactValue, Quantity, naive, number, span
from policies_odrl.vocabulary import ACTIONS, FUNCTIONS, OPERANDS, expanded, prefixed

MAX_ENTRIES: Final = 10_000  # in one array or object
MAX_BITS: Final = 1_300  # of a whole number
_STATES: Final = frozenset(map(Operator, ("eq", "isA", "isAnyOf", "isAllOf", "lteq", "gteq")))

_T = TypeVar("_T")


def request_from(document: object) -> Request:
    """Return the request that a JSON object states.

    Raises:
        IllFormed: something is missing, not known or of another kind; the node says where.
    """
    found = _members(_At(document), _REQUEST)
    return Request(facts=found.pop("values", {}), **found)


def facts_from(document: object) -> Facts:
    """Return the facts that a JSON object states.

    Raises:
        IllFormed: something is not known, or of another kind; the node says where.
    """
    found = _members(_At(document), _FACTS)
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
    claims: dict[str, tuple[Fact, ...]] = {}
    for item in (*rule.constraints, *rule.action.refinements):
        if not isinstance(item, Constraint):
            raise mistake(IllFormed, "values-only", node=item.id)
        single = len(item.right) == 1 or item.operator is Operator.IS_ALL_OF
        if item.operator not in _STATES or not single or item.reference or item.left in claims:
            raise mistake(IllFormed, "one-value", node=item.id, name=prefixed(item.left))
        amounts = [number(value) if item.unit else None for value in item.right]
        claims[item.left] = tuple(
            value if amount is None else Quantity(amount, item.unit)
            for value, amount in zip(item.right, amounts, strict=True)
        )
    party = assignee.id if assignee else ""
    return Request(rule.action.id, party, target.id if target else None, claims)


class _At(NamedTuple):
    """What stands in the document, and its JSON pointer."""

    value: Any
    path: str = ""

    def wrong(self, key: str, name: str = "", known: Collection[str] = ()) -> IllFormed:
        """Return the error that says what is wrong; of a name, which known one is the nearest."""
        node, near = self.path or "/", meant(name, known)
        return mistake(IllFormed, key, near, node=node, name=cut(name), limit=MAX_ENTRIES)

    def members(self, keys: Collection[str] = ()) -> dict[str, _At]:
        """Return what an object holds; only what is among the keys, where there are any."""
        if not isinstance(self.value, Mapping):
            raise self.wrong("object")
        if len(self.value) > MAX_ENTRIES:
            raise self.wrong("entries")
        for key in self.value if keys else ():
            if key not in keys:
                raise self.wrong("means-nothing", str(key), keys)
        return {key: _At(item, f"{self.path}/{key}") for key, item in self.value.items()}

    def items(self) -> list[_At]:
        if not isinstance(self.value, list) or len(self.value) > MAX_ENTRIES:
            raise self.wrong("array")
        return [_At(item, f"{self.path}/{index}") for index, item in enumerate(self.value)]


_Read = Callable[[_At], _T]


def _members(at: _At, table: Mapping[str, _Read[Any]]) -> dict[str, Any]:
    """Return what an object states under the keys of a table; an act says what, and when."""
    body = at.members(table)
    for key, missing in (("at", "act-without-time"), ("action", "no-action")):
        if key in table and key not in body:
            raise at.wrong(missing)
    return {key: table[key](item) for key, item in body.items()}


def _some(at: _At, read: _Read[_T]) -> tuple[_T, ...]:
    several = at.items() if isinstance(at.value, list) else (at,)
    return tuple(read(_At(item.value, at.path)) for item in several)


def _named(at: _At, read: _Read[_T], known: Collection[str] = ()) -> dict[str, _T]:
    """Return an object whose keys are IRIs, or terms that are known."""
    members = at.members()
    return {_term(_At(key, at.path), known): read(item) for key, item in members.items()}


def _term(at: _At, known: Collection[str] = ()) -> str:
    """Return an IRI; of prefixed names only known ones, where any are."""
    iri = expanded(at.value) if isinstance(at.value, str) else ""
    if not iri:
        raise at.wrong("no-iri", str(at.value))
    if known and iri not in known and iri != at.value:
        raise at.wrong("not-known", str(at.value), [prefixed(name) for name in known])
    return iri


def _rule(at: _At) -> str:
    """Return the IRI of a rule, or its JSON pointer where it has none."""
    return str(at.value) if str(at.value).startswith("/") else _term(at)


def _time(at: _At) -> datetime:
    found = span(at.value) if isinstance(at.value, str) else None
    if found is None or found.start != found.end or naive(at.value):
        raise at.wrong("no-time", str(at.value))
    return found.start


def _state(at: _At) -> DutyState:
    known = {item.value: item for item in DutyState}
    if not isinstance(at.value, str) or at.value not in known:
        raise at.wrong("one-of", ", ".join(known))
    return known[at.value]


def _event(at: _At) -> tuple[datetime, datetime]:
    times = [_time(_At(item.value, at.path)) for item in at.items()]
    if len(times) != 2 or times[0] > times[1]:  # noqa: PLR2004 - start and end
        raise at.wrong("event-order")
    return times[0], times[1]


def _fact(at: _At) -> Fact:
    if isinstance(at.value, Mapping) and "unit" in at.value:
        body = at.members(("value", "unit"))
        amount = number(_plain(_At(at.value.get("value", ""), at.path)))
        if amount is None:
            raise at.wrong("unit-without-number")
        return Quantity(amount, _term(_At(body["unit"].value, at.path)))
    return _plain(at)


def _plain(at: _At) -> FactValue:
    value = at.value
    if isinstance(value, Mapping):
        return _typed(at)
    if isinstance(value, str):
        iri = expanded(value)
        return Iri(iri) if iri else value
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise at.wrong("no-value")
    large = isinstance(value, int) and value.bit_length() > MAX_BITS
    found = None if large else number(value)
    if found is None:
        raise at.wrong("no-number-there")
    return found


def _typed(at: _At) -> Iri | Literal:
    at.members(("iri", "value", "type"))
    body = at.value
    if set(body) == {"iri"}:
        return Iri(_term(_At(body["iri"], at.path)))
    if set(body) != {"value", "type"} or not isinstance(body["value"], str):
        raise at.wrong("typed-value")
    return Literal(body["value"], _term(_At(body["type"], at.path)))


def _performed(at: _At) -> Performed:
    found = _members(at, _PERFORMED)
    return Performed(facts=found.pop("values", {}), **found)


def _usage(at: _At) -> Usage:
    body = at.members(("started", "uses"))
    started = _named(body["started"], _time) if "started" in body else {}
    found: dict[UsageKey, list[Use]] = {}
    for index, item in enumerate(body["uses"].items() if "uses" in body else ()):
        use = _members(item, _USE)
        agreement = use.get("agreement", next(iter(started)) if len(started) == 1 else None)
        if agreement is None or "rule" not in use or "start" not in use:
            raise item.wrong("use-incomplete")
        if agreement not in started:
            raise item.wrong("not-started", agreement)
        start, end = use["start"], use.get("end")
        if start < started[agreement] or (end is not None and end < start):
            raise item.wrong("use-order")
        key = UsageKey(agreement, use["rule"], use.get("assignee", ""), use.get("target", ""))
        found.setdefault(key, []).append(Use(str(index), start, end, committed=True))
    return Usage(started, {key: tuple(uses) for key, uses in found.items()})


_facts: Final = partial(_some, read=_fact)
_iris: Final = partial(_some, read=_term)
_REQUEST: Final[Mapping[str, _Read[Any]]] = {
    "action": partial(_term, known=ACTIONS),
    "assignee": _term,
    "target": _term,
    "values": partial(_named, read=_facts, known=OPERANDS),
}
_PERFORMED: Final[Mapping[str, _Read[Any]]] = {
    "action": _REQUEST["action"],
    "at": _time,
    "party": _term,
    "target": _term,
    "values": partial(_named, read=_facts, known=(*OPERANDS, *sorted(FUNCTIONS))),
}
_USE: Final[Mapping[str, _Read[Any]]] = {
    "agreement": _term,
    "rule": _rule,
    "assignee": _term,
    "target": _term,
    "start": _time,
    "end": _time,
}
_KNOWLEDGE: Final[Mapping[str, _Read[Any]]] = {
    "broader": partial(_named, read=_iris),
    "wholes": partial(_named, read=_iris),
    "events": partial(_named, read=_event),
    "references": partial(_named, read=partial(_some, read=_plain)),
}
_FACTS: Final[Mapping[str, _Read[Any]]] = {
    "now": _time,
    "values": _REQUEST["values"],
    "members": partial(_named, read=lambda at: frozenset(_iris(at))),
    "performed": lambda at: tuple(map(_performed, at.items())),
    "recorded": partial(_named, read=_state),
    "usage": _usage,
    **_KNOWLEDGE,
}
