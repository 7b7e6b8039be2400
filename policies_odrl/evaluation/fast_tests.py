"""Conditions as functions, prepared once and asked often; what they answer is `conditions.py`'s.

Rules: one source of each meaning: a prepared test asks `operands.check` the first time that a value
comes, and keeps the answer, which depends on nothing else; bounds in time are compared directly, as
`values.before` does; whatever keeps state (counts, clocks, events, sequences) is judged anew each
time. No more than `MOST_KEPT` answers are kept a constraint, so that a caller cannot fill memory.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from decimal import Decimal
from types import MappingProxyType
from typing import Final

from policies_odrl.evaluation.operands import Knowledge, check
from policies_odrl.evaluation.request import DATE_TIME, Facts, Request, names_of
from policies_odrl.logic import Truth, all_of, any_of, one_of
from policies_odrl.model import (
    Condition,
    Connective,
    Constraint,
    Iri,
    Literal,
    LogicalConstraint,
    Operator,
)
from policies_odrl.values import Span, span
from policies_odrl.vocabulary import Kind

Test = Callable[[Request, Facts], Truth]

MOST_KEPT: Final = 256
# Values that are equal exactly when they are written alike.
_EXACT: Final = frozenset({str, int, bool, Iri, Literal})
_ALIKE: Final = frozenset({float, Decimal})  # equal ones may be written otherwise: 1.0 and 1.00
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
    return _kept(item, knowledge, known=operand.by_node)


def _joined(item: LogicalConstraint, knowledge: Knowledge) -> Test | None:
    join = _JOIN.get(item.connective)
    parts = [prepared(part, knowledge) for part in item.operands]
    tests = [part for part in parts if part is not None]
    if join is None or not parts or len(tests) != len(parts):
        return None

    def joined(request: Request, facts: Facts) -> Truth:
        return join(test(request, facts) for test in tests)

    return joined


def _kept(item: Constraint, knowledge: Knowledge, *, known: bool = False) -> Test:
    """Return a test that keeps its answers; what is only ever known is not the request's."""
    left, known = item.left, known or item.left == DATE_TIME
    answers: dict[object, Truth] = {}

    def kept(request: Request, facts: Facts) -> Truth:
        values = facts.values.get(left)
        if values is None:
            values = facts.values_of(left, request) if known else request.facts.get(left, ())
        if len(values) != 1:
            return check(item, values, knowledge)[0]
        value = values[0]
        kind = value.__class__
        if kind in _EXACT:
            key: object = (kind, value)
        elif kind in _ALIKE:
            key = (kind, str(value))
        else:
            return check(item, values, knowledge)[0]
        truth = answers.get(key)
        if truth is None:
            truth = check(item, values, knowledge)[0]
            if len(answers) < MOST_KEPT:
                answers[key] = truth
        return truth

    return kept


def _timed(item: Constraint, knowledge: Knowledge) -> Test:
    """Return a test of the time now; stated times are left to the general one."""
    general = _kept(item, knowledge)
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
