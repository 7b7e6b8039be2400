"""ODRL 2.2 policies: read, check, decide, compare, explain. Standard library only.

    policy = load(Path("offer.json"))        # JSON-LD or Turtle
    findings = validate(policy)              # is it sensible?
    decision = evaluate(policy, request, facts)
    containment = contains(offer, terms)     # yes with proof, no with witness, unknown
    sentences = explain(policy, "fr")

Reading and deciding are loaded at once; comparing, checking, telling, simulating and the
templates when one of their names is first used, so that a node that only decides stays small.

The bar of the whole library: what cannot be evaluated denies, and says what was missing.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from policies_odrl.errors import IllFormed, LimitExceeded, NotUnderstood, OdrlError
from policies_odrl.evaluation.compiled import compile_policy
from policies_odrl.evaluation.decision import Decision
from policies_odrl.evaluation.deontic import DutyState
from policies_odrl.evaluation.evaluate import evaluate
from policies_odrl.evaluation.request import Facts, Mode, Performed, Request
from policies_odrl.knowledge import Knowledge
from policies_odrl.logic import Truth
from policies_odrl.model import (
    Action,
    AssetRef,
    Conflict,
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
    PolicyKind,
    Prohibition,
)
from policies_odrl.reading.inherit import resolve
from policies_odrl.reading.writer import write
from policies_odrl.values import Quantity

if TYPE_CHECKING:
    from policies_odrl.authoring import fill, template, templates
    from policies_odrl.checking.findings import Finding
    from policies_odrl.checking.lint import inspect, lint
    from policies_odrl.checking.validate import validate
    from policies_odrl.comparison.change import term_changes
    from policies_odrl.comparison.compare import Answer, compare, contains, same_meaning
    from policies_odrl.comparison.counter import counter_offer
    from policies_odrl.comparison.meet import Layer, layer
    from policies_odrl.conflicts.compatibility import conflict_between, conflict_within
    from policies_odrl.language.explain import explain
    from policies_odrl.language.from_sentences import from_sentences
    from policies_odrl.reading.profiles import profiles
    from policies_odrl.reading.reader import load, read, read_all
    from policies_odrl.simulation.simulate import simulate, tell
    from policies_odrl.simulation.situation import facts_from, request_from

__all__ = ["Action", "Answer", "AssetRef", "Conflict", "Connective", "Constraint", "Decision"]
__all__ += ["Duty", "DutyState", "Facts", "Finding", "IllFormed", "Iri", "Knowledge", "Layer"]
__all__ += ["LimitExceeded", "Literal", "LogicalConstraint", "Mode", "NotUnderstood", "OdrlError"]
__all__ += ["Operator", "PartyRef", "Performed", "Permission", "Policy", "PolicyKind"]
__all__ += ["Prohibition", "Quantity", "Request", "Truth", "compare", "compile_policy"]
__all__ += ["conflict_between", "conflict_within", "contains", "counter_offer", "evaluate"]
__all__ += ["explain", "facts_from", "fill", "from_sentences", "inspect", "layer", "lint", "load"]
__all__ += ["profiles", "read", "read_all", "request_from", "resolve", "same_meaning", "simulate"]
__all__ += ["tell", "template", "templates", "term_changes", "validate", "write"]

# Where the names are that are loaded on first use.
_LATER: Final = {
    "policies_odrl.authoring": ("fill", "template", "templates"),
    "policies_odrl.checking.findings": ("Finding",),
    "policies_odrl.checking.lint": ("inspect", "lint"),
    "policies_odrl.checking.validate": ("validate",),
    "policies_odrl.comparison.change": ("term_changes",),
    "policies_odrl.comparison.compare": ("Answer", "compare", "contains", "same_meaning"),
    "policies_odrl.comparison.counter": ("counter_offer",),
    "policies_odrl.comparison.meet": ("Layer", "layer"),
    "policies_odrl.conflicts.compatibility": ("conflict_between", "conflict_within"),
    "policies_odrl.language.explain": ("explain",),
    "policies_odrl.language.from_sentences": ("from_sentences",),
    "policies_odrl.reading.profiles": ("profiles",),
    "policies_odrl.reading.reader": ("load", "read", "read_all"),
    "policies_odrl.simulation.simulate": ("simulate", "tell"),
    "policies_odrl.simulation.situation": ("facts_from", "request_from"),
}
_HOME: Final = {name: module for module, names in _LATER.items() for name in names}


def __getattr__(name: str) -> Any:
    """Load a name on its first use (PEP 562)."""
    home = _HOME.get(name)
    if home is None:
        raise AttributeError(f"module `policies_odrl` has no attribute `{name}`")
    value = getattr(import_module(home), name)
    globals()[name] = value
    return value
