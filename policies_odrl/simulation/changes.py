"""Changes of a request or of the facts, and which of them could turn a refusal.

Rules: a change is a value that can be applied; the ones proposed here are only worth trying:
`simulate.py` applies them and evaluates again, and drops what does not help. Nothing is proposed
that the policy itself would have to change for.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from enum import Enum
from itertools import islice
from typing import Final

from policies_odrl.concepts import concepts
from policies_odrl.evaluation.decision import (
    ConditionResult,
    Decision,
    DutyResult,
    Premise,
    RuleResult,
)
from policies_odrl.evaluation.deontic import Effect
from policies_odrl.evaluation.operands import Fact, check
from policies_odrl.evaluation.request import DATE_TIME, Facts, Performed, Request
from policies_odrl.logic import Truth
from policies_odrl.model import (
    XSD,
    AssetRef,
    Connective,
    Constraint,
    Duty,
    Iri,
    Literal,
    LogicalConstraint,
    Operator,
    PartyRef,
    Permission,
    Policy,
    conditions,
)
from policies_odrl.values import Duration, Quantity, Span, scalar
from policies_odrl.vocabulary import LEVELS, Kind

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


@dataclass(frozen=True, slots=True)
class Change:
    """One change.

    Attributes:
        aspect: see `Aspect`.
        path: JSON pointer of the condition, premise or duty that it is for.
        subject: IRI of the left operand, action, party, asset or collection.
        values: with `VALUE`, what is stated.
        at: with `TIME`, when.
        act: with `ACT`, what is done.
        wanted: whether the condition is to hold, or not to hold (of a prohibition).
    """

    aspect: Aspect
    path: str
    subject: str = ""
    values: tuple[Fact, ...] = ()
    at: datetime | None = None
    act: Performed | None = None
    wanted: bool = True

    @property
    def key(self) -> tuple[Aspect, str]:
        """What only one change of a set may touch."""
        single = self.aspect in {Aspect.ACTION, Aspect.ASSIGNEE, Aspect.TARGET, Aspect.TIME}
        return self.aspect, "" if single else self.subject or self.path


def applied(changes: Iterable[Change], request: Request, facts: Facts) -> tuple[Request, Facts]:
    """Return the request and the facts with changes made."""
    for change in changes:
        request, facts = _apply(change, request, facts)
    return request, facts


def _apply(change: Change, request: Request, facts: Facts) -> tuple[Request, Facts]:
    match change.aspect:
        case Aspect.VALUE:
            return _stated(change, request, facts)
        case Aspect.ACTION:
            return replace(request, action=change.subject), facts
        case Aspect.ASSIGNEE:
            return replace(request, assignee=change.subject), facts
        case Aspect.TARGET:
            return replace(request, target=change.subject), facts
        case _:
            return request, _known(change, request, facts)


def _known(change: Change, request: Request, facts: Facts) -> Facts:
    if change.aspect is Aspect.TIME:
        return replace(facts, now=change.at)
    if change.act is not None:
        return replace(facts, performed=(*facts.performed, change.act))
    return _joined(change, request, facts)


def _stated(change: Change, request: Request, facts: Facts) -> tuple[Request, Facts]:
    operand = facts.knowledge.operand(change.subject)
    by_node = operand is not None and (operand.by_node or operand.kind is Kind.INSTANT)
    if by_node or any(name in facts.values for name in facts.names_of(change.subject)):
        values = {**facts.values, change.subject: change.values}
        return request, replace(facts, values=values)
    stated = {**request.facts, change.subject: change.values}
    return replace(request, facts=stated), facts


def _joined(change: Change, request: Request, facts: Facts) -> Facts:
    asked = request.target if change.path.endswith("/target") else request.assignee
    known = facts.members.get(change.subject, frozenset())
    stay = known | {asked or ""} if change.aspect is Aspect.MEMBER else known - {asked or ""}
    return replace(facts, members={**facts.members, change.subject: stay})


def proposals(
    policy: Policy, decision: Decision, request: Request, facts: Facts
) -> Iterator[Change]:
    """Yield changes worth trying for a refusal, those for the nearest permission first."""
    proposer = _Proposer(policy, request, facts)
    for result in nearest(decision):
        yield from proposer.for_permission(result)
    for result in decision.rules:
        if result.effect is Effect.BLOCKS:
            yield from proposer.for_prohibition(result)


def nearest(decision: Decision) -> list[RuleResult]:
    """Return the permissions, those that lack least first."""
    found = [item for item in decision.rules if isinstance(item.rule, Permission)]
    return sorted(found, key=lacking)


def lacking(result: RuleResult) -> int:
    """Return how many premises, conditions and duties of a permission fail."""
    return sum(1 for _ in result.failures()) + sum(duty.overdue for duty in result.duties)


class _Proposer:
    __slots__ = ("_facts", "_mentioned", "_request")

    def __init__(self, policy: Policy, request: Request, facts: Facts) -> None:
        self._request = request
        self._facts = facts
        self._mentioned: dict[str, list[Iri | Literal]] = {}
        for _, rule in policy.rules():
            for _, item in conditions((*rule.constraints, *rule.action.refinements), ""):
                if isinstance(item, Constraint):
                    self._mentioned.setdefault(item.left, []).extend(item.right)

    def for_permission(self, result: RuleResult) -> Iterator[Change]:
        for premise in result.premises:
            if premise.truth is not Truth.TRUE:
                yield from self._premise(premise)
        for condition in result.conditions:
            if condition.truth is not Truth.TRUE:
                yield from self._condition(condition)
        for duty in result.duties:
            yield from self._duty(duty)

    def for_prohibition(self, result: RuleResult) -> Iterator[Change]:
        for premise in result.premises:
            if isinstance(premise.item, Premise) and premise.item.name != "action":
                yield from self._leave(premise, premise.item)
        for condition in result.conditions:
            for leaf in condition.leaves():
                yield from self._leaf(leaf, Truth.FALSE)

    # -- premises ---------------------------------------------------------------------------

    def _premise(self, result: ConditionResult) -> Iterator[Change]:
        item = result.item
        if not isinstance(item, Premise) or item.ruled is None:
            return
        if isinstance(item.ruled, str):
            yield Change(Aspect.ACTION, result.path, item.ruled)
            return
        aspect = Aspect.TARGET if isinstance(item.ruled, AssetRef) else Aspect.ASSIGNEE
        asked = self._request.target if aspect is Aspect.TARGET else self._request.assignee
        for collection in _collections(item.ruled):
            if asked:
                yield Change(Aspect.MEMBER, result.path, collection)
        if item.ruled.id and not item.ruled.collection and not item.ruled.source:
            yield Change(aspect, result.path, item.ruled.id)

    def _leave(self, result: ConditionResult, item: Premise) -> Iterator[Change]:
        if isinstance(item.ruled, AssetRef | PartyRef):
            for collection in _collections(item.ruled):
                yield Change(Aspect.STRANGER, result.path, collection, wanted=False)

    # -- conditions -------------------------------------------------------------------------

    def _condition(self, result: ConditionResult) -> Iterator[Change]:
        exclusive = isinstance(result.item, LogicalConstraint) and (
            result.item.connective is Connective.XONE
        )
        if not result.children:
            yield from self._leaf(result, Truth.TRUE)
        for child in result.children:
            if child.truth is not Truth.TRUE:
                yield from self._condition(child)
            elif exclusive:
                for leaf in child.leaves():
                    yield from self._leaf(leaf, Truth.FALSE)

    def _leaf(self, result: ConditionResult, wanted: Truth) -> Iterator[Change]:
        item = result.item
        if not isinstance(item, Constraint):
            return
        yes = wanted is Truth.TRUE
        for values in self._fitting(item, wanted):
            now = values[0]
            if item.left == DATE_TIME and DATE_TIME not in self._facts.values:
                at = now if isinstance(now, datetime) else None
                yield Change(Aspect.TIME, result.path, item.left, at=at, wanted=yes)
            else:
                yield Change(Aspect.VALUE, result.path, item.left, values, wanted=yes)

    def _fitting(self, item: Constraint, wanted: Truth) -> Iterator[tuple[Fact, ...]]:
        found = 0
        for values in self._tried(item):
            if check(item, values, self._facts.knowledge)[0] is wanted:
                yield values
                found += 1
                if found == MAX_EACH:
                    return

    def _tried(self, item: Constraint) -> Iterator[tuple[Fact, ...]]:
        operand = self._facts.knowledge.operand(item.left)
        kind = operand.kind if operand else Kind.IDENTITY
        if len(item.right) > 1 and item.operator in {Operator.IS_ALL_OF, Operator.HAS_PART}:
            yield tuple(item.right)
        for value in (*item.right, *self._mentioned.get(item.left, ())):
            for near in _near(kind, value, item.left):
                yield (_in_unit(near, item.unit),)
        if kind is Kind.CONCEPT:
            yield from ((Iri(concept),) for concept in islice(sorted(concepts()), MAX_CONCEPTS))

    # -- duties -----------------------------------------------------------------------------

    def _duty(self, result: DutyResult) -> Iterator[Change]:
        if result.overdue:
            if self._facts.now is None:  # nothing is known to have been done before it
                yield Change(Aspect.TIME, result.path, DATE_TIME, at=self._afterwards())
            yield Change(Aspect.ACT, result.path, result.duty.action.id, act=self._act(result.duty))
            for below in result.consequences:
                yield from self._duty(below)

    def _afterwards(self) -> datetime:
        """Return a time after all that was done."""
        latest = max((_LONG_AGO, *(act.at for act in self._facts.performed)))
        return min(latest, _LAST) + _MOMENT

    def _act(self, duty: Duty) -> Performed:
        stated: dict[str, tuple[Fact, ...]] = {}
        for item in (*duty.constraints, *duty.action.refinements):
            if isinstance(item, Constraint) and item.left != DATE_TIME:
                for values in self._fitting(item, Truth.TRUE):
                    stated.setdefault(item.left, values)
        for name, party in duty.functions:
            stated[name] = (Iri(party.id or party.source),)
        now = self._facts.now
        assignee = duty.assignee.id if duty.assignee else ""
        target = duty.target.id if duty.target else self._request.target
        at = _LONG_AGO if now is None else max(now, _FIRST) - _MOMENT
        return Performed(duty.action.id, at, assignee or self._request.assignee, target, stated)


def _collections(item: AssetRef | PartyRef) -> tuple[str, ...]:
    if not (item.collection or item.source):
        return ()
    return tuple(dict.fromkeys(iri for iri in (item.source, item.id) if iri))


def _near(
    kind: Kind, value: Iri | Literal, left: str
) -> Iterator[Iri | Literal | Decimal | datetime | timedelta]:
    """Yield values at and about a limit."""
    found = scalar(kind, value)
    if kind is Kind.LEVEL:
        yield from (Iri(step) for step in LEVELS.get(left, ()))
    elif isinstance(found, Decimal):
        yield from (found, found - 1, found + 1, found / 2, found * 2 + 1, Decimal(0))
    elif isinstance(found, Span):
        yield from _moments(found)
    elif isinstance(found, Duration):
        yield value
        yield from _lengths(found)
    else:
        yield value


def _moments(limit: Span) -> Iterator[datetime]:
    for base, step in (
        (limit.start, timedelta(0)),
        (limit.start, -_MOMENT),
        (limit.end, -_MOMENT),
        (limit.end, timedelta(0)),
        (limit.end, _MOMENT),
    ):
        try:
            yield base + step
        except OverflowError:
            continue


def _lengths(limit: Duration) -> Iterator[Literal]:
    days = limit.months * 31 + int(limit.seconds) // 86_400
    for count in (0, days // 2, days + 1, days * 2 + 31):
        if count >= 0:
            yield Literal(f"P{count}D", XSD + "duration")


def _in_unit(value: Fact, unit: str) -> Fact:
    return Quantity(value, unit) if unit and isinstance(value, Decimal) else value
