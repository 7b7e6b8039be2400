"""Changes of a request or of the facts, and which of them could turn a refusal.

Those proposed are only worth trying: `simulate.py` applies them and evaluates again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from enum import Enum
from itertools import islice
from typing import Any, Final

from policies_odrl import model
from policies_odrl.algebra.domain import Fact
from policies_odrl.concepts import concepts
from policies_odrl.evaluation.decision import (
    ConditionResult,
    Decision,
    DutyResult,
    Premise,
    RuleResult,
)
from policies_odrl.evaluation.deontic import Effect
from policies_odrl.evaluation.operands import check
from policies_odrl.evaluation.request import DATE_TIME, Facts, Performed, Request
from policies_odrl.frozen import frozen
from policies_odrl.logic import Truth
from policies_odrl.values import Duration, Quantity, Span, scalar
from policies_odrl.vocabulary import LEVELS, Kind

MAX_PROPOSALS: Final = 60
MAX_EACH: Final = 3  # values proposed for one condition
MAX_CONCEPTS: Final = 400  # concepts tried for one condition

_LONG_AGO: Final = datetime(2000, 1, 1, tzinfo=UTC)
_LAST: Final = datetime(9999, 12, 31, tzinfo=UTC)
_MOMENT: Final = timedelta(seconds=1)
_FIRST: Final = datetime(1, 1, 2, tzinfo=UTC)  # a moment before it can be written in every zone


class Aspect(Enum):
    """What a change changes."""

    VALUE = "value"  # what is stated about a left operand
    TIME = "time"  # when it is asked
    ACTION = "action"
    ASSIGNEE = "assignee"
    TARGET = "target"
    MEMBER = "member"  # who asks, or what is asked for, belongs to a collection
    STRANGER = "stranger"  # … does not belong to it
    ACT = "act"  # something is done first


_XONE: Final = model.Connective.XONE
_ALL: Final = frozenset({model.Operator.IS_ALL_OF, model.Operator.HAS_PART})
_ASKED: Final = frozenset({Aspect.ACTION, Aspect.ASSIGNEE, Aspect.TARGET})


@frozen
class Change:
    """One change.

    Attributes:
        path: JSON pointer of the condition, premise or duty that it is for.
        subject: IRI of the left operand, action, party, asset or collection.
        values: what is stated, or when it is asked.
        wanted: whether the condition is to hold, or not to hold (of a prohibition).
        item: the condition or the duty; None for a premise.
    """

    aspect: Aspect
    path: str
    subject: str = ""
    values: tuple[Fact, ...] = ()
    act: Performed | None = None  # what is done
    wanted: bool = True
    item: model.Constraint | model.Duty | None = field(default=None, compare=False)

    @property
    def key(self) -> tuple[Aspect, str]:
        """What only one change of a set may touch."""
        single = self.aspect in _ASKED or self.aspect is Aspect.TIME
        return self.aspect, "" if single else self.subject or self.path


def applied(changes: Iterable[Change], request: Request, facts: Facts) -> tuple[Request, Facts]:
    """Return the request and the facts with changes made."""
    for change in changes:
        request, facts = _apply(change, request, facts)
    return request, facts


def _apply(change: Change, request: Request, facts: Facts) -> tuple[Request, Facts]:
    subject = change.subject
    if change.aspect in _ASKED:
        other: dict[str, Any] = {change.aspect.value: subject}
        return replace(request, **other), facts
    if change.aspect is Aspect.TIME:
        now = change.values[0]
        return request, replace(facts, now=now if isinstance(now, datetime) else None)
    if change.act is not None:
        return request, replace(facts, performed=(*facts.performed, change.act))
    if change.aspect is Aspect.VALUE:
        operand = facts.knowledge.operand(subject)
        by_node = operand is not None and (operand.by_node or operand.kind is Kind.INSTANT)
        if by_node or any(name in facts.values for name in facts.knowledge.names(subject)):
            return request, replace(facts, values={**facts.values, subject: change.values})
        return replace(request, facts={**request.facts, subject: change.values}), facts
    asked = {(request.target if change.path.endswith("/target") else request.assignee) or ""}
    known = facts.members.get(subject, frozenset())
    stay = known | asked if change.aspect is Aspect.MEMBER else known - asked
    return request, replace(facts, members={**facts.members, subject: stay})


def proposals(
    policy: model.Policy, decision: Decision, request: Request, facts: Facts
) -> list[Change]:
    """Return changes worth trying for a refusal, those for the nearest permission first."""
    found: list[Change] = []
    for change in _Proposer(policy, request, facts).for_refusal(decision):
        if change not in found:
            found.append(change)
        if len(found) == MAX_PROPOSALS:
            break
    return found


def nearest(decision: Decision) -> list[RuleResult]:
    """Return the permissions, those that lack least first."""
    found = [item for item in decision.rules if isinstance(item.rule, model.Permission)]
    return sorted(found, key=RuleResult.lacking)


class _Proposer:
    def __init__(self, policy: model.Policy, request: Request, facts: Facts) -> None:
        self._request = request
        self._facts = facts
        self._mentioned: dict[str, list[model.Iri | model.Literal]] = {}
        for _, rule in policy.rules():
            for item in model.all_in(
                (*rule.constraints, *rule.action.refinements), model.Constraint
            ):
                self._mentioned.setdefault(item.left, []).extend(item.right)

    def for_refusal(self, decision: Decision) -> Iterator[Change]:
        for result in nearest(decision):
            for premise in result.premises:
                if premise.truth is not Truth.TRUE:
                    yield from self._premise(premise, wanted=True)
            for condition in result.conditions:
                yield from self._condition(condition)
            for duty in result.duties:
                yield from self._duty(duty)
        for result in decision.rules:
            if result.effect is Effect.BLOCKS:
                for premise in result.premises:
                    yield from self._premise(premise, wanted=False)
                for condition in result.conditions:
                    yield from self._denied(condition)

    def _premise(self, result: ConditionResult, *, wanted: bool) -> Iterator[Change]:
        ruled = result.item.ruled if isinstance(result.item, Premise) else None
        if isinstance(ruled, str) and wanted:
            yield Change(Aspect.ACTION, result.path, ruled)
        if ruled is None or isinstance(ruled, str):
            return
        of_target = isinstance(ruled, model.AssetRef)
        asked = self._request.target if of_target else self._request.assignee
        held = ruled.collection or ruled.source
        for collection in dict.fromkeys((ruled.source, ruled.id) if held else ()):
            if collection and (asked or not wanted):
                aspect = Aspect.MEMBER if wanted else Aspect.STRANGER
                yield Change(aspect, result.path, collection, wanted=wanted)
        if wanted and ruled.id and not held:
            yield Change(Aspect.TARGET if of_target else Aspect.ASSIGNEE, result.path, ruled.id)

    def _condition(self, result: ConditionResult, *, exclusive: bool = False) -> Iterator[Change]:
        if result.truth is Truth.TRUE:
            yield from self._denied(result) if exclusive else ()
            return
        if not result.children:
            yield from self._leaf(result, Truth.TRUE)
        item = result.item
        xone = isinstance(item, model.LogicalConstraint) and item.connective is _XONE
        for child in result.children:
            yield from self._condition(child, exclusive=xone)

    def _denied(self, result: ConditionResult) -> Iterator[Change]:
        for leaf in result.leaves():
            yield from self._leaf(leaf, Truth.FALSE)

    def _leaf(self, result: ConditionResult, wanted: Truth) -> Iterator[Change]:
        item, yes = result.item, wanted is Truth.TRUE
        if not isinstance(item, model.Constraint):
            return
        asked_when = item.left == DATE_TIME and DATE_TIME not in self._facts.values
        aspect = Aspect.TIME if asked_when else Aspect.VALUE
        for values in self._fitting(item, wanted):
            yield Change(aspect, result.path, item.left, values, wanted=yes, item=item)

    def _fitting(self, item: model.Constraint, wanted: Truth) -> Iterator[tuple[Fact, ...]]:
        known = self._facts.knowledge
        fitting = (it for it in self._tried(item) if check(item, it, known)[0] is wanted)
        return islice(fitting, MAX_EACH)

    def _tried(self, item: model.Constraint) -> Iterator[tuple[Fact, ...]]:
        operand = self._facts.knowledge.operand(item.left)
        kind = operand.kind if operand else Kind.IDENTITY
        if len(item.right) > 1 and item.operator in _ALL:
            yield tuple(item.right)
        for value in (*item.right, *self._mentioned.get(item.left, ())):
            for near in _near(kind, value, item.left):
                if item.unit and isinstance(near, Decimal):
                    yield (Quantity(near, item.unit),)
                else:
                    yield (near,)
        if kind is Kind.CONCEPT:
            yield from ((model.Iri(it),) for it in islice(sorted(concepts()), MAX_CONCEPTS))

    def _duty(self, result: DutyResult) -> Iterator[Change]:
        duty = result.duty
        if not result.overdue:
            return
        if self._facts.now is None:  # nothing is known to have been done before it
            latest = max((_LONG_AGO, *(act.at for act in self._facts.performed)))
            yield Change(Aspect.TIME, result.path, DATE_TIME, (min(latest, _LAST) + _MOMENT,))
        yield Change(Aspect.ACT, result.path, duty.action.id, act=self._act(duty), item=duty)
        for below in result.consequences:
            yield from self._duty(below)

    def _act(self, duty: model.Duty) -> Performed:
        """Return an act just before it is asked that is what a duty asks for."""
        stated: dict[str, tuple[Fact, ...]] = {}
        for item in (*duty.constraints, *duty.action.refinements):
            if isinstance(item, model.Constraint) and item.left != DATE_TIME:
                for values in self._fitting(item, Truth.TRUE):
                    stated.setdefault(item.left, values)
        for name, party in duty.functions:
            stated[name] = (model.Iri(party.id or party.source),)
        now = self._facts.now
        assignee = (duty.assignee.id if duty.assignee else "") or self._request.assignee
        target = duty.target.id if duty.target else self._request.target
        at = _LONG_AGO if now is None else max(now, _FIRST) - _MOMENT
        return Performed(duty.action.id, at, assignee, target, stated)


def _near(kind: Kind, value: model.Iri | model.Literal, left: str) -> Iterator[Fact]:
    found = scalar(kind, value)
    if kind is Kind.LEVEL:
        yield from (model.Iri(step) for step in LEVELS.get(left, ()))
    elif isinstance(found, Decimal):
        yield from (found, found - 1, found + 1, found / 2, found * 2 + 1, Decimal(0))
    elif isinstance(found, Span):
        moments = [(found.start, 0), (found.start, -1), (found.end, -1), (found.end, 0)]
        for base, step in (*moments, (found.end, 1)):
            with suppress(OverflowError):
                yield base + step * _MOMENT
    else:
        yield value
    if isinstance(found, Duration):
        days = found.months * 31 + int(found.seconds) // 86_400
        lengths = (count for count in (0, days // 2, days + 1, days * 2 + 31) if count >= 0)
        yield from (model.Literal(f"P{count}D", model.XSD + "duration") for count in lengths)
