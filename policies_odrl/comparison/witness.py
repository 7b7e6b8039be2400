"""A request that one policy grants and another does not, as evidence that they differ.

Rules: what is returned was checked by evaluating both policies; None means that none was found,
never that there is none. A refusal that one more fact could turn round is no evidence, and is
returned as that fact. The search is linear: from a request that the asked terms grant, one value of
one operand is changed at a time, those in doubt first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import islice
from typing import Final

from policies_odrl.comparison.box import Box
from policies_odrl.comparison.fit import conditions_of
from policies_odrl.comparison.lacking import lacking
from policies_odrl.comparison.regions import NOTHING_MORE
from policies_odrl.evaluation.compiled import CompiledPolicy, compile_policy
from policies_odrl.evaluation.evaluate import evaluate
from policies_odrl.evaluation.modes import Mode
from policies_odrl.evaluation.operands import Fact, check
from policies_odrl.evaluation.request import DATE_TIME, Facts, Request
from policies_odrl.knowledge import Knowledge
from policies_odrl.logic import Truth
from policies_odrl.model import Condition, Constraint, Iri, Permission, Policy, Value
from policies_odrl.reading import inventory
from policies_odrl.values import Duration, Quantity, Span, scalar
from policies_odrl.vocabulary import DPV, LEVELS, Kind

MAX_TRIES: Final = 192
MAX_WORK: Final = 20_000  # rules, conditions and values evaluated, over all tries
MAX_CASES: Final = 8  # ways to decide the choices of one rule
MAX_VALUES: Final = 64  # values tried for one operand

_SOMEBODY: Final = "did:example:somebody"
_SOMETHING: Final = "urn:example:something"
_STEP: Final = timedelta(seconds=1)

Judge = Callable[[Request, Mode], "tuple[str, ...] | None"]


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a search came to.

    Attributes:
        witness: a request that tells the two policies apart; None when none was found.
        missing: without one: facts that would tell whether a request found does.
    """

    witness: Request | None = None
    missing: tuple[str, ...] = ()


def find_witness(
    offer: Policy,
    request: Policy,
    knowledge: Knowledge,
    doubtful: frozenset[str] = frozenset(),
) -> Evidence:
    """Return a request that `request` grants and `offer` does not, or the fact that is missing.

    Args:
        offer: the policy that refuses.
        request: the policy that grants.
        knowledge: what is known of names.
        doubtful: left operands that are tried first.
    """
    facts = Facts(knowledge=knowledge)
    quick = _prepared(offer, facts)

    def judge(asked: Request, mode: Mode) -> tuple[str, ...] | None:
        if quick[mode].permits(asked, at_its_time(asked, facts)):
            return None
        decision = evaluate(offer, asked, at_its_time(asked, facts), mode=mode, tentative=True)
        return None if decision.granted else lacking(decision, knowledge)

    return _search(offer, request, facts, doubtful, judge)


def common_request(
    common: Policy, left: Policy, right: Policy, knowledge: Knowledge
) -> Request | None:
    """Return a request that two policies grant, or None when none was found.

    Args:
        common: what they have in common, where one is looked for.
        left: one policy.
        right: the other.
        knowledge: what is known of names.
    """
    facts = Facts(knowledge=knowledge)

    def judge(asked: Request, mode: Mode) -> tuple[str, ...] | None:
        then = at_its_time(asked, facts)
        both = all(
            evaluate(policy, asked, then, mode=mode, tentative=True).granted
            for policy in (left, right)
        )
        return () if both else None

    return _search(common, common, facts, frozenset(), judge).witness


def requests_near(
    other: Policy, policy: Policy, knowledge: Knowledge = NOTHING_MORE
) -> Iterator[Request]:
    """Yield requests that a policy is likely to grant, or just not to, on what the other names."""
    yield from _candidates(other, policy, knowledge, frozenset())


def at_its_time(asked: Request, facts: Facts) -> Facts:
    """Return facts at the time for which a request is imagined; an evaluation believes no other."""
    when = asked.facts.get(DATE_TIME)
    return replace(facts, values={**facts.values, DATE_TIME: when}) if when else facts


def _search(
    other: Policy, granting: Policy, facts: Facts, doubtful: frozenset[str], judge: Judge
) -> Evidence:
    """Try requests that one policy grants until the judge finds one conclusive."""
    size = 1 + sum(sum(inventory.size(policy)) for policy in (other, granting))
    missing: tuple[str, ...] = ()
    tries = islice(_candidates(other, granting, facts.knowledge, doubtful), MAX_TRIES)
    quick = _prepared(granting, facts)
    for candidate in islice(tries, MAX_WORK // size):
        for mode in Mode:
            if quick[mode].permits(candidate, at_its_time(candidate, facts)):
                found = judge(candidate, mode)
                if found == ():
                    return Evidence(candidate)
                missing = missing or found or ()
    return Evidence(missing=missing)


def _prepared(policy: Policy, facts: Facts) -> Mapping[Mode, CompiledPolicy]:
    """Return a policy prepared for many requests; it answers as `evaluate` does."""
    return {
        mode: compile_policy(policy, facts.knowledge, mode=mode, tentative=True) for mode in Mode
    }


def _candidates(
    other: Policy, granting: Policy, knowledge: Knowledge, doubtful: frozenset[str]
) -> Iterator[Request]:
    outside = _atoms(
        item
        for rule in (*other.permissions, *other.prohibitions)
        for item in conditions_of(other, rule)
    )
    actions = tuple(dict.fromkeys(rule.action.id for _, rule in other.rules()))[:MAX_CASES]
    seen: dict[str, list[Fact]] = {}
    for rule in granting.permissions:
        for case in islice(_cases(Box(conditions_of(granting, rule))), MAX_CASES):
            yield from _of_case(granting, rule, case, outside, actions, knowledge, doubtful, seen)


def _cases(box: Box) -> Iterator[Box]:
    """Yield the ways to decide every choice of a box, depth first."""
    choice = box.choices[0] if box.choices else None
    if choice is None:
        yield box
        return
    for case in box.cases(choice):
        yield from _cases(case)


def _of_case(
    policy: Policy,
    rule: Permission,
    box: Box,
    outside: dict[str, list[Constraint]],
    actions: Sequence[str],
    knowledge: Knowledge,
    doubtful: frozenset[str],
    seen: dict[str, list[Fact]],
) -> Iterator[Request]:
    def values(left: str) -> list[Fact]:
        own = [*box.atoms.get(left, ()), *outside.get(left, ())]
        if left not in seen:
            seen[left] = _values(left, own, knowledge)
        return seen[left]

    base = {left: _fitting(items, values(left), knowledge) for left, items in box.atoms.items()}
    assignee, target = policy.assignee_of(rule), policy.target_of(rule)
    start = Request(
        rule.action.id,
        assignee.id if assignee else _SOMEBODY,
        target.id if target else _SOMETHING,
        {left: found for left, found in base.items() if found},
    )
    yield start
    yield from (replace(start, action=name) for name in actions if name != rule.action.id)
    order = [*box.atoms, *(item for item in outside if item not in box.atoms)]
    for left in sorted(order, key=lambda item: item not in doubtful):
        for value in _choices(box.atoms.get(left, ()), values(left)):
            yield replace(start, facts={**start.facts, left: value})


def _choices(items: Sequence[Constraint], values: Sequence[Fact]) -> Iterator[tuple[Fact, ...]]:
    """Yield values of one operand to try: one at a time, and all of one list at once."""
    for value in values:
        yield (value,)
    for item in items:
        if len(item.right) > 1:
            yield item.right


def _atoms(items: Iterable[Condition]) -> dict[str, list[Constraint]]:
    found: dict[str, list[Constraint]] = {}
    stack = list(items)[::-1]
    while stack:
        item = stack.pop()
        if isinstance(item, Constraint):
            found.setdefault(item.left, []).append(item)
        else:
            stack.extend(reversed(item.operands))
    return found


def _fitting(
    items: Sequence[Constraint], values: Sequence[Fact], knowledge: Knowledge
) -> tuple[Fact, ...]:
    for value in values:
        if all(check(item, (value,), knowledge)[0] is Truth.TRUE for item in items):
            return (value,)
    listed = next((item.right for item in items if len(item.right) > 1), ())
    if listed and all(check(item, listed, knowledge)[0] is Truth.TRUE for item in items):
        return listed
    return tuple(values[:1])


def _values(left: str, items: Sequence[Constraint], knowledge: Knowledge) -> list[Fact]:
    operand = knowledge.operand(left)
    if operand is None:
        return []
    found: dict[Fact, None] = {}
    if operand.kind is Kind.LEVEL:
        found.update((Iri(step), None) for step in LEVELS.get(left, ()))
    for item in items:
        for value in item.right:
            for near in _near(operand.kind, value):
                found[_measured(near, item.unit)] = None
        if len(found) > MAX_VALUES:
            break
    if operand.kind is Kind.CONCEPT:
        found[DPV + "Marketing"] = None
    if operand.kind is Kind.IDENTITY:
        found["urn:example:another"] = None
    return list(found)


def _measured(value: Fact, unit: str) -> Fact:
    return Quantity(value, unit) if unit and isinstance(value, Decimal) else value


def _near(kind: Kind, value: Value) -> list[Fact]:
    point = scalar(kind, value)
    if isinstance(point, Decimal):
        step = abs(point) / 1000 or Decimal(1)
        return [point, point - step, point + step, point - 1, point + 1]
    if isinstance(point, Span):
        return _near_span(point)
    if isinstance(point, Duration):
        return [value, *_near_duration(point)]
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


def _near_duration(point: Duration) -> list[Fact]:
    """Return lengths of time surely shorter and surely longer: months have 28 to 31 days."""
    try:
        seconds = timedelta(seconds=int(point.seconds))
        shorter = timedelta(days=28 * point.months) + seconds - _STEP
        return [shorter, timedelta(days=31 * point.months) + seconds + _STEP]
    except OverflowError:
        return []
