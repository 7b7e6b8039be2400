"""Conditions as functions, prepared once and asked often; what they answer is `conditions.py`'s.

A prepared test asks `operands.check`, which keeps its answers. Bounds in time are compared
directly; what has state (counts, clocks, events, sequences) is judged by a whole evaluation.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Final

from policies_odrl.evaluation.operands import Knowledge, check
from policies_odrl.evaluation.request import DATE_TIME, Facts, Request, names_of
from policies_odrl.logic import Truth, all_of, any_of, one_of
from policies_odrl.model import (
    Condition,
    Connective,
    Constraint,
    LogicalConstraint,
    Operator,
)
from policies_odrl.values import Span, span
from policies_odrl.vocabulary import Kind

Test = Callable[[Request, Facts], Truth]

_STATEFUL: Final = frozenset({Kind.COUNT, Kind.DURATION, Kind.EVENT})
_JOIN: Final = MappingProxyType(
    {Connective.AND: all_of, Connective.OR: any_of, Connective.XONE: one_of}
)
# Operator -> whether the bound itself still counts as before, and whether the answer is turned.
_IN_TIME: Final[Mapping[Operator, tuple[bool, bool]]] = MappingProxyType(
    {
        Operator.LT: (False, False),
        Operator.LTEQ: (True, False),
        Operator.GT: (True, True),
        Operator.GTEQ: (False, True),
    }
)


def prepared(item: Condition, knowledge: Knowledge) -> Test | None:
    """Return a condition as a function, or None where only a whole evaluation can judge it."""
    if isinstance(item, LogicalConstraint):
        return _joined(item, knowledge)
    operand = knowledge.operand(item.left)
    if operand is None or operand.kind in _STATEFUL or len(names_of(item.left, knowledge)) > 1:
        return None
    if item.left == DATE_TIME:
        return _timed(item, knowledge)
    return _general(item, knowledge)


def _joined(item: LogicalConstraint, knowledge: Knowledge) -> Test | None:
    join = _JOIN.get(item.connective)
    parts = [prepared(part, knowledge) for part in item.operands]
    tests = [part for part in parts if part is not None]
    if join is None or not parts or len(tests) != len(parts):
        return None

    def joined(request: Request, facts: Facts) -> Truth:
        return join(test(request, facts) for test in tests)

    return joined


def _general(item: Constraint, knowledge: Knowledge) -> Test:
    """Return a test that asks `check`; what only the node states is not the request's."""
    left, operand = item.left, knowledge.operand(item.left)
    known = left == DATE_TIME or (operand is not None and operand.by_node)

    def general(request: Request, facts: Facts) -> Truth:
        values = facts.values.get(left)
        if values is None:
            values = facts.values_of(left, request) if known else request.facts.get(left, ())
        return check(item, values, knowledge)[0]

    return general


def _timed(item: Constraint, knowledge: Knowledge) -> Test:
    """Return a test of the time now; stated times are left to the general one."""
    general = _general(item, knowledge)
    bound = span(item.right[0]) if len(item.right) == 1 and not item.unit else None
    reading = _IN_TIME.get(item.operator)
    if bound is None or reading is None or item.reference:
        return general
    return _against(bound, *reading, general)


def _against(bound: Span, or_same: bool, turned: bool, general: Test) -> Test:  # noqa: FBT001 - a row of the table above
    limit: datetime = bound.end if or_same else bound.start
    reaches = or_same and bound.start == bound.end
    earlier, later = (Truth.FALSE, Truth.TRUE) if turned else (Truth.TRUE, Truth.FALSE)

    def against(request: Request, facts: Facts) -> Truth:
        now = facts.now
        if now is None or DATE_TIME in facts.values:
            return general(request, facts)
        return earlier if now < limit or (reaches and now == limit) else later

    return against
