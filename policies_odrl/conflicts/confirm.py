"""Whether evaluation confirms values that a search found.

Rules: what is to hold must be True, and what is not to hold False, with nothing stated but the
values found. One request has one moment, so that sequences of delays are left out. Only where the
caller takes parts of a concept for its kinds is `isPartOf` of a concept read as `isA` and its
`hasPart` left out, because evaluation gives neither a meaning: the search has tried them by the
order that the hierarchies state.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final

from policies_odrl.algebra.boxes import Goal, operands_of
from policies_odrl.algebra.forms import flat
from policies_odrl.algebra.periods import Stretch
from policies_odrl.evaluation.case import Case
from policies_odrl.evaluation.clocks import DELAY
from policies_odrl.evaluation.conditions import condition
from policies_odrl.evaluation.operands import Fact
from policies_odrl.evaluation.request import DATE_TIME, Facts, Request, imagined
from policies_odrl.knowledge import Knowledge
from policies_odrl.logic import Truth
from policies_odrl.model import (
    ODRL,
    Condition,
    Connective,
    Constraint,
    LogicalConstraint,
    Operator,
    Policy,
    PolicyKind,
)
from policies_odrl.vocabulary import Kind

_SOME: Final = Policy(kind=PolicyKind.SET)


def confirmed(
    goals: Sequence[Goal],
    found: Mapping[str, tuple[Fact, ...]],
    knowledge: Knowledge,
    *,
    parts_as_kinds: bool = False,
) -> bool:
    """Return whether evaluation says of each goal what is wanted."""
    stated, now = stated_by(found)
    request = Request(ODRL + "use", facts=stated)
    case = Case.of(_SOME, request, imagined(request, Facts(now=now, knowledge=knowledge)))

    def read(goal: Goal) -> Iterable[Condition]:
        if goal.holds:
            return shown([goal.item], knowledge, parts_as_kinds=parts_as_kinds)
        return [_as_kinds(goal.item, knowledge) if parts_as_kinds else goal.item]

    return all(
        condition(item, "", case).truth is Truth.of(goal.holds)
        for goal in goals
        for item in read(goal)
    )


def stated_by(
    found: Mapping[str, tuple[Fact, ...]],
) -> tuple[dict[str, tuple[Fact, ...]], datetime | None]:
    """Return values as a request states them, and the time of the request where they name it."""
    stated = {left: values for left, values in found.items() if left != DATE_TIME}
    for value in (*found.get(DATE_TIME, ()), *found.get(DELAY, ())):
        if isinstance(value, datetime):
            return stated, value
        if isinstance(value, Stretch):
            return stated, value.end
    return stated, None


def shown(
    items: Sequence[Condition], knowledge: Knowledge, *, parts_as_kinds: bool = False
) -> Iterator[Condition]:
    """Yield the conditions that one request can show, as evaluation is to read them."""
    for item in flat(items):
        if _is_chain(item):
            continue
        if not parts_as_kinds:
            yield item
        elif not _is_whole(item, knowledge):
            yield _as_kinds(item, knowledge)


def _as_kinds(item: Condition, knowledge: Knowledge) -> Condition:
    if isinstance(item, LogicalConstraint):
        return replace(item, operands=tuple(_as_kinds(part, knowledge) for part in item.operands))
    if item.operator is Operator.IS_PART_OF and _of_concept(item, knowledge):
        return replace(item, operator=Operator.IS_A)
    return item


def _is_whole(item: Condition, knowledge: Knowledge) -> bool:
    return (
        isinstance(item, Constraint)
        and item.operator is Operator.HAS_PART
        and _of_concept(item, knowledge)
    )


def _of_concept(item: Constraint, knowledge: Knowledge) -> bool:
    operand = knowledge.operand(item.left)
    return operand is not None and operand.kind is Kind.CONCEPT


def _is_chain(item: Condition) -> bool:
    return (
        isinstance(item, LogicalConstraint)
        and item.connective is Connective.AND_SEQUENCE
        and len(item.operands) > 1
        and operands_of(item) == frozenset({DELAY})
    )
