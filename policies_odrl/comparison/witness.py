"""A request that one policy grants and another does not, as evidence that they differ.

Rules: what is returned was checked by evaluating both policies; None means that none was found,
never that there is none. A refusal that one more fact could turn round is no evidence, and is
returned as that fact. The search is linear: from a request that the asked terms grant, one value of
one operand is changed at a time, those in doubt first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import islice
from typing import Final

from policies_odrl.algebra.boxes import Box
from policies_odrl.algebra.budget import Exhausted
from policies_odrl.algebra.claims import Atom, Claims
from policies_odrl.algebra.extent import Reading
from policies_odrl.comparison.fit import conditions_of
from policies_odrl.comparison.lacking import lacking
from policies_odrl.evaluation.compiled import CompiledPolicy, compile_policy
from policies_odrl.evaluation.evaluate import evaluate
from policies_odrl.evaluation.modes import Mode
from policies_odrl.evaluation.operands import Fact
from policies_odrl.evaluation.request import Facts, Request, imagined
from policies_odrl.knowledge import NOTHING_MORE, Knowledge
from policies_odrl.model import Condition, Constraint, Permission, Policy
from policies_odrl.reading import inventory

MAX_TRIES: Final = 192
MAX_WORK: Final = 20_000  # rules, conditions and values evaluated, over all tries
MAX_CASES: Final = 8  # ways to decide the choices of one rule
MAX_VALUES: Final = 16  # constraints of the other policy that are looked at for one operand
MAX_SAMPLES: Final = 3  # values tried on one side of such a constraint

_SOMEBODY: Final = "did:example:somebody"
_SOMETHING: Final = "urn:example:something"

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
        if quick[mode].permits(asked, imagined(asked, facts)):
            return None
        decision = evaluate(offer, asked, imagined(asked, facts), mode=mode, tentative=True)
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
        then = imagined(asked, facts)
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


def _search(
    other: Policy, granting: Policy, facts: Facts, doubtful: frozenset[str], judge: Judge
) -> Evidence:
    """Try requests that one policy grants until the judge finds one conclusive."""
    size = 1 + sum(sum(inventory.size(policy)) for policy in (other, granting))
    missing: tuple[str, ...] = ()
    tries = islice(_candidates(other, granting, facts.knowledge, doubtful), MAX_TRIES)
    quick = _prepared(granting, facts)
    with suppress(Exhausted):
        for candidate, mode in (
            (it, mode) for it in islice(tries, MAX_WORK // size) for mode in Mode
        ):
            if quick[mode].permits(candidate, imagined(candidate, facts)):
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
    reading = Reading(knowledge)
    for rule in granting.permissions:
        for case in islice(_cases(Box(conditions_of(granting, rule))), MAX_CASES):
            yield from _of_case(granting, rule, case, outside, actions, reading, doubtful)


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
    outside: Mapping[str, Sequence[Constraint]],
    actions: Sequence[str],
    reading: Reading,
    doubtful: frozenset[str],
) -> Iterator[Request]:
    base = {left: _fitting(box, left, reading) for left in box.atoms}
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
        for values in _values(box, left, outside.get(left, ()), reading):
            yield replace(start, facts={**start.facts, left: values})


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


def _fitting(box: Box, left: str, reading: Reading) -> tuple[Fact, ...]:
    """Return values of an operand that a box lets through; what cannot be read, as it is named."""
    named = next((item.right for item in box.stated(left) if item.right), ())
    return next(box.claims(left, reading).samples(), named)


def _values(
    box: Box, left: str, outside: Sequence[Constraint], reading: Reading
) -> Iterator[tuple[Fact, ...]]:
    """Yield values that a box lets through, on either side of what another policy says."""
    operand, own = reading.knowledge.operand(left), box.atoms.get(left, ())
    for item in dict.fromkeys(outside[:MAX_VALUES]):
        for holds in (False, True):
            claims = Claims(operand, [*own, Atom(item, holds)], reading)
            yield from islice(claims.samples(), MAX_SAMPLES)
    if own:
        yield from islice(box.claims(left, reading).samples(), MAX_SAMPLES)
    yield from (item.right for item in box.stated(left) if len(item.right) > 1)
