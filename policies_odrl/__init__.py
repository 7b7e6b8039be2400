"""ODRL 2.2 policies: read, check, decide, compare, explain. Standard library only.

    policy = read(nodes)                     # nodes: flattened, expanded JSON-LD
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

from policies_odrl.concepts import legal_bases, measures
from policies_odrl.errors import (
    CircularInheritance,
    IllFormed,
    LimitExceeded,
    NotUnderstood,
    NotWritable,
    OdrlError,
    ParentMissing,
    ParentReplaced,
    TemplateRefused,
    UnknownProfile,
    UnknownTerm,
    Unreadable,
    Unresolvable,
    UsageRefused,
)
from policies_odrl.evaluation.compiled import CompiledPolicy, compile_policy
from policies_odrl.evaluation.decision import (
    ConditionResult,
    Decision,
    DutyResult,
    DutyState,
    Effect,
    Premise,
    RuleResult,
    Violation,
)
from policies_odrl.evaluation.deontic import Instance
from policies_odrl.evaluation.evaluate import evaluate
from policies_odrl.evaluation.modes import Behaviour, Mode
from policies_odrl.evaluation.operands import Knowledge
from policies_odrl.evaluation.request import Facts, Performed, Request
from policies_odrl.evaluation.reservation import reserve_use
from policies_odrl.evaluation.state import (
    Usage,
    UsageKey,
    Use,
    commit,
    finish,
    open_agreement,
    release,
    reserve,
)
from policies_odrl.logic import Truth
from policies_odrl.model import (
    Action,
    AssetRef,
    Condition,
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
    Rule,
    Value,
)
from policies_odrl.reading.inherit import resolve
from policies_odrl.reading.inventory import size
from policies_odrl.reading.reader import read, read_all
from policies_odrl.reading.writer import write, write_bare
from policies_odrl.values import Quantity

if TYPE_CHECKING:
    from policies_odrl.authoring.contracts import Template, fill, template, templates
    from policies_odrl.checking.findings import Change, Finding, Severity, Step
    from policies_odrl.checking.inspection import inspect
    from policies_odrl.checking.lint import lint
    from policies_odrl.checking.mending import mended
    from policies_odrl.checking.validate import validate
    from policies_odrl.comparison.blocking import Blocked, Part, blocking
    from policies_odrl.comparison.change import term_changes
    from policies_odrl.comparison.compare import Answer, Containment, contains, same_meaning
    from policies_odrl.comparison.compared import Compared
    from policies_odrl.comparison.counter import CounterOffer, counter_offer
    from policies_odrl.comparison.foreign import foreign
    from policies_odrl.comparison.greatest import greatest_common
    from policies_odrl.comparison.layers import Layer, Layered, Stated, layer
    from policies_odrl.comparison.narrow import meet, narrow
    from policies_odrl.comparison.relation import Comparison, Relation, compare
    from policies_odrl.comparison.term_change import ChangeKind, TermChange
    from policies_odrl.conflicts.compatibility import conflict_between, conflict_within
    from policies_odrl.conflicts.verdict import Compatibility, ConflictVerdict, Example, Question
    from policies_odrl.language.explain import Line, explain, numbered
    from policies_odrl.language.from_sentences import from_sentences
    from policies_odrl.language.grammar import grammar
    from policies_odrl.language.spelled import spelled
    from policies_odrl.simulation.simulate import Simulation, Variant, compare_variants, simulate
    from policies_odrl.simulation.situation import facts_from, request_from, request_of
    from policies_odrl.simulation.telling import tell

__all__ = [
    "Action",
    "Answer",
    "AssetRef",
    "Behaviour",
    "Blocked",
    "Change",
    "ChangeKind",
    "CircularInheritance",
    "Compared",
    "Comparison",
    "Compatibility",
    "CompiledPolicy",
    "Condition",
    "ConditionResult",
    "Conflict",
    "ConflictVerdict",
    "Connective",
    "Constraint",
    "Containment",
    "CounterOffer",
    "Decision",
    "Duty",
    "DutyResult",
    "DutyState",
    "Effect",
    "Example",
    "Facts",
    "Finding",
    "IllFormed",
    "Instance",
    "Iri",
    "Knowledge",
    "Layer",
    "Layered",
    "LimitExceeded",
    "Line",
    "Literal",
    "LogicalConstraint",
    "Mode",
    "NotUnderstood",
    "NotWritable",
    "OdrlError",
    "Operator",
    "ParentMissing",
    "ParentReplaced",
    "Part",
    "PartyRef",
    "Performed",
    "Permission",
    "Policy",
    "PolicyKind",
    "Premise",
    "Prohibition",
    "Quantity",
    "Question",
    "Relation",
    "Request",
    "Rule",
    "RuleResult",
    "Severity",
    "Simulation",
    "Stated",
    "Step",
    "Template",
    "TemplateRefused",
    "TermChange",
    "Truth",
    "UnknownProfile",
    "UnknownTerm",
    "Unreadable",
    "Unresolvable",
    "Usage",
    "UsageKey",
    "UsageRefused",
    "Use",
    "Value",
    "Variant",
    "Violation",
    "blocking",
    "commit",
    "compare",
    "compare_variants",
    "compile_policy",
    "conflict_between",
    "conflict_within",
    "contains",
    "counter_offer",
    "evaluate",
    "explain",
    "facts_from",
    "fill",
    "finish",
    "foreign",
    "from_sentences",
    "grammar",
    "greatest_common",
    "inspect",
    "layer",
    "legal_bases",
    "lint",
    "measures",
    "meet",
    "mended",
    "narrow",
    "numbered",
    "open_agreement",
    "read",
    "read_all",
    "release",
    "request_from",
    "request_of",
    "reserve",
    "reserve_use",
    "resolve",
    "same_meaning",
    "simulate",
    "size",
    "spelled",
    "tell",
    "template",
    "templates",
    "term_changes",
    "validate",
    "write",
    "write_bare",
]

# Where the names are that are loaded on first use.
_LATER: Final = {
    "policies_odrl.authoring.contracts": ("Template", "fill", "template", "templates"),
    "policies_odrl.checking.findings": ("Change", "Finding", "Severity", "Step"),
    "policies_odrl.checking.inspection": ("inspect",),
    "policies_odrl.checking.lint": ("lint",),
    "policies_odrl.checking.mending": ("mended",),
    "policies_odrl.checking.validate": ("validate",),
    "policies_odrl.comparison.blocking": ("Blocked", "Part", "blocking"),
    "policies_odrl.comparison.change": ("term_changes",),
    "policies_odrl.comparison.compare": ("Answer", "Containment", "contains", "same_meaning"),
    "policies_odrl.comparison.compared": ("Compared",),
    "policies_odrl.comparison.counter": ("CounterOffer", "counter_offer"),
    "policies_odrl.comparison.foreign": ("foreign",),
    "policies_odrl.comparison.greatest": ("greatest_common",),
    "policies_odrl.comparison.layers": ("Layer", "Layered", "Stated", "layer"),
    "policies_odrl.comparison.narrow": ("meet", "narrow"),
    "policies_odrl.comparison.relation": ("Comparison", "Relation", "compare"),
    "policies_odrl.comparison.term_change": ("ChangeKind", "TermChange"),
    "policies_odrl.conflicts.compatibility": ("conflict_between", "conflict_within"),
    "policies_odrl.conflicts.verdict": ("Compatibility", "ConflictVerdict", "Example", "Question"),
    "policies_odrl.language.explain": ("Line", "explain", "numbered"),
    "policies_odrl.language.from_sentences": ("from_sentences",),
    "policies_odrl.language.grammar": ("grammar",),
    "policies_odrl.language.spelled": ("spelled",),
    "policies_odrl.simulation.simulate": ("Simulation", "Variant", "compare_variants", "simulate"),
    "policies_odrl.simulation.situation": ("facts_from", "request_from", "request_of"),
    "policies_odrl.simulation.telling": ("tell",),
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
