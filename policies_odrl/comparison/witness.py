"""A request that one policy grants and another does not, as evidence that they differ.

What is returned was checked by evaluating both policies; None means that none was found, never that
there is none. One value of one operand is changed at a time, those in doubt first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Final

from policies_odrl import model, text
from policies_odrl.algebra.boxes import Box
from policies_odrl.algebra.claims import Atom, Claims
from policies_odrl.algebra.domain import Fact
from policies_odrl.algebra.extent import Exhausted, Reading
from policies_odrl.comparison import rules
from policies_odrl.evaluation.compiled import compile_policy
from policies_odrl.evaluation.decision import ConditionResult, Decision, Premise, RuleResult
from policies_odrl.evaluation.deontic import Effect
from policies_odrl.evaluation.evaluate import evaluate
from policies_odrl.evaluation.request import Facts, Mode, Request, imagined
from policies_odrl.knowledge import Knowledge
from policies_odrl.logic import Truth
from policies_odrl.model import Constraint, Permission, Policy
from policies_odrl.reading import inventory
from policies_odrl.units import UNITS, canonical
from policies_odrl.values import Quantity, name
from policies_odrl.vocabulary import Kind

MAX_TRIES: Final = 192
MAX_WORK: Final = 20_000  # rules, conditions and values evaluated, over all tries
MAX_CASES: Final = 8  # ways to decide the choices of one rule
MAX_VALUES: Final = 16  # constraints of the other policy that are looked at for one operand
MAX_SAMPLES: Final = 3  # values tried on one side of such a constraint


def find_witness(
    offer: Policy, request: Policy, knowledge: Knowledge, doubtful: frozenset[str]
) -> tuple[Request | None, tuple[str, ...]]:
    """Return a request that `request` grants and `offer` does not, or the facts that are missing.

    A refusal that one more fact could turn round is no evidence, and is returned as that fact. The
    doubtful left operands are tried first.
    """
    grants = _granting(offer, knowledge)
    missing: tuple[str, ...] = ()
    for asked, mode in _granted(Near(offer, Reading(knowledge), doubtful), request):
        if not grants(asked, mode):
            then = imagined(asked, Facts(knowledge=knowledge))
            decision = evaluate(offer, asked, then, mode=mode, tentative=True)
            if not decision.granted:
                lacking = _lacking(decision, knowledge)
                if not lacking:
                    return asked, ()
                missing = missing or lacking
    return None, missing


def common_request(
    common: Policy, left: Policy, right: Policy, knowledge: Knowledge
) -> Request | None:
    """Return a request that two policies grant, looked for in what they have in common."""
    both = [_granting(policy, knowledge) for policy in (left, right)]
    found = _granted(Near(common, Reading(knowledge)), common)
    return next((it for it, mode in found if all(grants(it, mode) for grants in both)), None)


def _granting(policy: Policy, knowledge: Knowledge) -> Callable[[Request, Mode], bool]:
    """Return what tells quickly whether a policy grants a request, as `evaluate` does."""
    facts = Facts(knowledge=knowledge)
    quick = {mode: compile_policy(policy, knowledge, mode=mode, tentative=True) for mode in Mode}
    return lambda asked, mode: quick[mode].permits(asked, imagined(asked, facts))


def _granted(near: Near, policy: Policy) -> Iterator[tuple[Request, Mode]]:
    """Yield requests that a policy grants, on either side of what another one says."""
    size = 1 + sum(sum(inventory.size(it)) for it in (near.other, policy))
    tries = islice(near.requests(policy), min(MAX_TRIES, MAX_WORK // size))
    grants = _granting(policy, near.reading.knowledge)
    with suppress(Exhausted):
        yield from ((it, mode) for it in tries for mode in Mode if grants(it, mode))


@dataclass(slots=True)
class Near:
    """Requests on either side of what another policy says; doubtful operands come first."""

    other: Policy
    reading: Reading
    doubtful: frozenset[str] = frozenset()
    outside: dict[str, list[Constraint]] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        for rule in (*self.other.permissions, *self.other.prohibitions):
            stated = rules.conditions_of(rules.named(self.other, rule))
            for item in inventory.nested(stated[::-1]):
                if isinstance(item, Constraint):
                    self.outside.setdefault(item.left, []).append(item)

    def requests(self, policy: Policy) -> Iterator[Request]:
        """Yield requests that a policy is likely to grant."""
        for _, rule in rules.asked_for(policy):
            for case in islice(_cases(Box(rules.conditions_of(rule))), MAX_CASES):
                yield from self._of_case(rule, case)

    def _of_case(self, rule: Permission, box: Box) -> Iterator[Request]:
        facts: dict[str, tuple[Fact, ...]] = {}
        for left in box.atoms:  # what cannot be read, as it is named
            stated = next((item.right for item in box.stated(left) if item.right), ())
            facts[left] = next(box.claims(left, self.reading).samples(), stated)
        facts = {left: found for left, found in facts.items() if found}
        assignee = rule.assignee.id if rule.assignee else rules.SOMEBODY
        target = rule.target.id if rule.target else rules.SOMETHING
        start = Request(rule.action.id, assignee, target, facts)
        yield start
        actions = list(dict.fromkeys(it.action.id for _, it in self.other.rules()))[:MAX_CASES]
        yield from (replace(start, action=act) for act in actions if act != rule.action.id)
        order = dict.fromkeys((*box.atoms, *self.outside))
        for left in sorted(order, key=lambda item: item not in self.doubtful):
            for values in self._values(box, left):
                yield replace(start, facts={**start.facts, left: values})

    def _values(self, box: Box, left: str) -> Iterator[tuple[Fact, ...]]:
        """Yield values that a box lets through, on either side of what the other policy says."""
        operand, own = self.reading.knowledge.operand(left), box.atoms.get(left, ())
        outside = self.outside.get(left, [])[:MAX_VALUES]
        for item in dict.fromkeys(outside):
            for holds in (False, True):
                claims = Claims(operand, [*own, Atom(item, holds)], self.reading)
                yield from islice(claims.samples(), MAX_SAMPLES)
        if own:
            yield from islice(box.claims(left, self.reading).samples(), MAX_SAMPLES)
        yield from (item.right for item in box.stated(left) if len(item.right) > 1)


def _cases(box: Box) -> Iterator[Box]:
    """Yield the ways to decide every choice of a box, depth first."""
    if not box.choices:
        yield box
    else:
        for case in box.cases(box.choices[0]):
            yield from _cases(case)


def _lacking(decision: Decision, knowledge: Knowledge) -> tuple[str, ...]:
    """Return which facts could turn a refusal round; empty when it is definite.

    It is definite where a condition is False or nobody stated a value, and open where a name, a
    member, a reference, an event, or which of months and days is longer, is not known.
    """

    def opening(result: RuleResult) -> list[str]:
        return [it for it in (_open(leaf, knowledge) for leaf in result.failures()) if it]

    options = [
        found
        for item in decision.rules
        if isinstance(item.rule, Permission)
        and ((found := opening(item)) or item.effect is Effect.GRANTS)
        and len(found) == sum(1 for _ in item.failures())
    ]
    if decision.void or not options:
        return ()
    facts = min(options, key=len)
    for item in decision.rules:
        if not isinstance(item.rule, Permission) and item.effect is Effect.BLOCKS:
            lifting = opening(item)
            if not lifting:
                return ()
            facts.append(lifting[0])
    return tuple(dict.fromkeys(facts))


def _open(leaf: ConditionResult, knowledge: Knowledge) -> str:
    """Return what is not known, so that a condition is open; empty where it is definite."""
    item = leaf.item
    if leaf.truth is not Truth.UNDETERMINED or not leaf.values:
        return ""
    if isinstance(item, Constraint):
        return _unknown_in(item, leaf, knowledge)
    if not isinstance(item, Premise) or item.ruled is None:
        return ""  # an agreement that names nobody
    given = name(str(leaf.values[0])) or ""
    if item.name != "action":
        return f"whether `{text.term(given)}` belongs to {leaf.text}"
    return "" if knowledge.known_action(given) else f"what `{text.term(given)}` is included in"


def _unknown_in(item: Constraint, leaf: ConditionResult, knowledge: Knowledge) -> str:
    operand = knowledge.operand(item.left)
    kind = operand.kind if operand else Kind.IDENTITY
    values = (*leaf.values, *item.right)
    stated = (name(it) for it in values if isinstance(it, str | model.Iri | model.Literal))
    named = [it for it in stated if it]
    if strange := [iri for iri in item.reference if not knowledge.references.get(iri)]:
        return f"what `{text.term(strange[0])}` refers to"
    if kind is Kind.EVENT:
        when = [iri for iri in named if iri not in knowledge.events]
        return f"when `{text.term(when[0])}` takes place" if when else ""
    if kind in {Kind.CONCEPT, Kind.PLACE} or item.operator is model.Operator.IS_A:
        unknown = [iri for iri in named if not knowledge.knows(iri)]
        return f"how `{text.term(unknown[0])}` relates to {text.condition(item)}" if unknown else ""
    units = {canonical(it.unit) for it in (item, *values) if isinstance(it, Constraint | Quantity)}
    if len(units) > 1 and all(units) and UNITS.keys().isdisjoint(units):  # others may know a rate
        return f"how {' and '.join(sorted(map(text.term, units)))} compare"
    return "how months compare with days" if kind is Kind.DURATION else ""
