"""Which fact a refusal rests on that somebody could still supply.

A refusal is definite where a condition is False, where nobody stated a value, or where values of
one kind cannot be ordered. It is open where a name, a member, a reference or an event is not known.
"""

from __future__ import annotations

from policies_odrl import text
from policies_odrl.evaluation.decision import ConditionResult, Decision, Premise, RuleResult
from policies_odrl.evaluation.deontic import Effect
from policies_odrl.knowledge import Knowledge
from policies_odrl.logic import Truth
from policies_odrl.model import Constraint, Iri, Literal, Operator, Permission
from policies_odrl.values import name
from policies_odrl.vocabulary import Kind


def lacking(decision: Decision, knowledge: Knowledge) -> tuple[str, ...]:
    """Return which facts could turn a refusal round; empty when it is definite.

    >>> lacking(Decision(granted=False), Knowledge())
    ()
    """
    options = [
        found
        for item in decision.rules
        if isinstance(item.rule, Permission)
        and ((found := _open(item, knowledge)) or item.effect is Effect.GRANTS)
        and len(found) == sum(1 for _ in item.failures())
    ]
    if decision.void or not options:
        return ()
    facts = min(options, key=len)
    for item in decision.rules:
        if not isinstance(item.rule, Permission) and item.effect is Effect.BLOCKS:
            lifting = _open(item, knowledge)
            if not lifting:
                return ()
            facts.append(lifting[0])
    return tuple(dict.fromkeys(facts))


def _open(result: RuleResult, knowledge: Knowledge) -> list[str]:
    found = (_fact(leaf, knowledge) for leaf in result.failures())
    return [fact for fact in found if fact]


def _fact(leaf: ConditionResult, knowledge: Knowledge) -> str:
    if leaf.truth is not Truth.UNDETERMINED or not leaf.values:
        return ""
    item = leaf.item
    if isinstance(item, Constraint):
        return _about(item, leaf, knowledge)
    return _about_premise(leaf, item, knowledge) if isinstance(item, Premise) else ""


def _about_premise(leaf: ConditionResult, item: Premise, knowledge: Knowledge) -> str:
    given = name(str(leaf.values[0])) or ""
    if item.ruled is None:
        return ""  # an agreement that names nobody
    if item.name != "action":
        return f"whether `{text.term(given)}` belongs to {leaf.text}"
    return "" if knowledge.known_action(given) else f"what `{text.term(given)}` is included in"


def _about(item: Constraint, leaf: ConditionResult, knowledge: Knowledge) -> str:
    strange = [iri for iri in item.reference if not knowledge.references.get(iri)]
    if strange:
        return f"what `{text.term(strange[0])}` refers to"
    operand = knowledge.operand(item.left)
    kind = operand.kind if operand else Kind.IDENTITY
    values = (*leaf.values, *item.right)
    texts = (name(value) for value in values if isinstance(value, str | Iri | Literal))
    named = [text for text in texts if text]
    if kind is Kind.EVENT:
        when = [iri for iri in named if iri not in knowledge.events]
        return f"when `{text.term(when[0])}` takes place" if when else ""
    by_hierarchy = kind in {Kind.CONCEPT, Kind.PLACE} or item.operator is Operator.IS_A
    unknown = [iri for iri in named if not knowledge.knows(iri)]
    if not by_hierarchy or not unknown:
        return ""
    return f"how `{text.term(unknown[0])}` relates to {text.condition(item)}"
