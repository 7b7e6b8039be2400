"""A request that one policy grants and another does not, as evidence that they differ.

Rules: what is returned was checked by evaluating both policies; None means that none was found,
never that there is none. The search is linear: one value per operand is changed at a time.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import islice
from typing import Final

from policies_odrl.duties import Mode
from policies_odrl.evaluate import evaluate
from policies_odrl.logic import Truth
from policies_odrl.model import Constraint, Policy, Rule, Value, conditions
from policies_odrl.operands import Fact, Knowledge, check
from policies_odrl.request import Request
from policies_odrl.values import Quantity, Span, scalar
from policies_odrl.vocabulary import DPV, OPERANDS, Kind

MAX_TRIES: Final = 128
MAX_WORK: Final = 20_000  # rules and constraints evaluated, over all tries

_SOMEBODY: Final = "did:example:somebody"
_SOMETHING: Final = "urn:example:something"
_STEP: Final = timedelta(seconds=1)
_KNOWLEDGE: Final = Knowledge()


def find_witness(offer: Policy, request: Policy) -> Request | None:
    """Return a request that `request` grants and `offer` does not, or None when none was found."""
    rules = [rule for policy in (offer, request) for _, rule in policy.rules()]
    size = sum(1 + len(rule.constraints) for rule in rules)
    for candidate in islice(_candidates(offer, request), min(MAX_TRIES, MAX_WORK // size)):
        for mode in Mode:
            granted = evaluate(request, candidate, mode=mode, tentative=True).granted
            if granted and not evaluate(offer, candidate, mode=mode, tentative=True).granted:
                return candidate
    return None


def _candidates(offer: Policy, request: Policy) -> Iterator[Request]:
    outside = _atoms((*offer.permissions, *offer.prohibitions))
    for rule in request.permissions:
        own = _atoms([rule])
        values = {
            left: _values(left, [*items, *outside.get(left, [])]) for left, items in own.items()
        }
        base = {left: _fitting(items, values[left]) for left, items in own.items()}
        assignee, target = request.assignee_of(rule), request.target_of(rule)
        start = Request(
            rule.action.id,
            assignee.id if assignee else _SOMEBODY,
            target.id if target else _SOMETHING,
            {left: found for left, found in base.items() if found},
        )
        yield start
        for left in (*own, *(item for item in outside if item not in own)):
            for value in values.get(left) or _values(left, outside.get(left, [])):
                yield replace(start, facts={**start.facts, left: (value,)})


def _atoms(rules: Iterable[Rule]) -> dict[str, list[Constraint]]:
    found: dict[str, list[Constraint]] = {}
    for rule in rules:
        for _, item in conditions((*rule.constraints, *rule.action.refinements), ""):
            if isinstance(item, Constraint):
                found.setdefault(item.left, []).append(item)
    return found


def _fitting(items: list[Constraint], values: list[Fact]) -> tuple[Fact, ...]:
    for value in values:
        if all(check(item, (value,), _KNOWLEDGE)[0] is Truth.TRUE for item in items):
            return (value,)
    return tuple(values[:1])


def _values(left: str, items: list[Constraint]) -> list[Fact]:
    operand = OPERANDS.get(left)
    if operand is None:
        return []
    found: list[Fact] = []
    for item in items:
        for value in item.right:
            for near in _near(operand.kind, value):
                measured = _measured(near, item.unit)
                if measured not in found:
                    found.append(measured)
    if operand.kind is Kind.CONCEPT:
        found.append(DPV + "Marketing")
    if operand.kind is Kind.IDENTITY:
        found.append("urn:example:another")
    return found


def _measured(value: Fact, unit: str) -> Fact:
    return Quantity(value, unit) if unit and isinstance(value, Decimal) else value


def _near(kind: Kind, value: Value) -> list[Fact]:
    point = scalar(kind, value)
    if isinstance(point, Decimal):
        step = abs(point) / 1000 or Decimal(1)
        near: list[Fact] = [point, point - step, point + step, point - 1, point + 1]
        return near
    if isinstance(point, Span):
        return _near_span(point)
    return [value]


def _near_span(point: Span) -> list[Fact]:
    found: list[Fact] = []
    for at, shift in ((point.start, _STEP * 0), (point.start, -_STEP), (point.end, _STEP)):
        try:
            moved: datetime = at + shift
        except OverflowError:
            continue
        found.append(moved)
    return found
