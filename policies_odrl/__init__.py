"""ODRL 2.2 policies: read, check, decide, compare, explain. Standard library only.

    policy = read(nodes)                     # nodes: flattened, expanded JSON-LD
    findings = validate(policy)              # is it sensible?
    decision = evaluate(policy, request, facts)
    containment = contains(offer, terms)     # yes with proof, no with witness, unknown
    sentences = explain(policy, "fr")

The bar of the whole library: what cannot be evaluated denies, and says what was missing.
"""

from policies_odrl.blocking import Blocked, Part, blocking
from policies_odrl.change import ChangeKind, TermChange, term_changes
from policies_odrl.compare import Answer, Containment, contains, same_meaning
from policies_odrl.compared import Compared
from policies_odrl.compatibility import conflict_between, conflict_within
from policies_odrl.compiled import CompiledPolicy, compile_policy
from policies_odrl.concepts import legal_bases, measures
from policies_odrl.contracts import Template, fill, template, templates
from policies_odrl.counter import CounterOffer, counter_offer
from policies_odrl.decision import (
    ConditionResult,
    Decision,
    DutyResult,
    DutyState,
    Effect,
    Premise,
    RuleResult,
    Violation,
)
from policies_odrl.deontic import Instance
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
from policies_odrl.evaluate import evaluate
from policies_odrl.explain import Line, explain, numbered
from policies_odrl.filling import Form, form_of, from_form
from policies_odrl.findings import Change, Finding, Severity, Step
from policies_odrl.foreign import foreign
from policies_odrl.form import Choice, Field, FieldKind
from policies_odrl.from_sentences import from_sentences
from policies_odrl.grammar import grammar
from policies_odrl.greatest import greatest_common
from policies_odrl.inherit import resolve
from policies_odrl.inspection import inspect
from policies_odrl.inventory import size
from policies_odrl.layers import Layer, Layered, Stated, layer
from policies_odrl.lint import lint
from policies_odrl.logic import Truth
from policies_odrl.mending import mended
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
from policies_odrl.modes import Behaviour, Mode
from policies_odrl.narrow import meet, narrow
from policies_odrl.operands import Knowledge
from policies_odrl.reader import read, read_all
from policies_odrl.relation import Comparison, Relation, compare
from policies_odrl.report import (
    Activation,
    Attempt,
    Control,
    Deontic,
    Performance,
    PolicyReport,
    PremiseKind,
    PremiseReport,
    ReportNames,
    RuleKind,
    RuleReport,
    Satisfaction,
    Verdict,
)
from policies_odrl.report_down import down
from policies_odrl.report_nodes import report_nodes
from policies_odrl.report_of import report, report_of
from policies_odrl.request import Facts, Performed, Request
from policies_odrl.reservation import reserve_use
from policies_odrl.simulate import Simulation, Variant, compare_variants, simulate
from policies_odrl.situation import facts_from, request_from, request_of
from policies_odrl.spelled import spelled
from policies_odrl.state import (
    Usage,
    UsageKey,
    Use,
    commit,
    finish,
    open_agreement,
    release,
    reserve,
)
from policies_odrl.telling import tell
from policies_odrl.validate import validate
from policies_odrl.values import Quantity
from policies_odrl.verdict import Compatibility, ConflictVerdict, Example, Question
from policies_odrl.writer import write, write_bare

__all__ = [
    "Action",
    "Activation",
    "Answer",
    "AssetRef",
    "Attempt",
    "Behaviour",
    "Blocked",
    "Change",
    "ChangeKind",
    "Choice",
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
    "Control",
    "CounterOffer",
    "Decision",
    "Deontic",
    "Duty",
    "DutyResult",
    "DutyState",
    "Effect",
    "Example",
    "Facts",
    "Field",
    "FieldKind",
    "Finding",
    "Form",
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
    "Performance",
    "Performed",
    "Permission",
    "Policy",
    "PolicyKind",
    "PolicyReport",
    "Premise",
    "PremiseKind",
    "PremiseReport",
    "Prohibition",
    "Quantity",
    "Question",
    "Relation",
    "ReportNames",
    "Request",
    "Rule",
    "RuleKind",
    "RuleReport",
    "RuleResult",
    "Satisfaction",
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
    "Verdict",
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
    "down",
    "evaluate",
    "explain",
    "facts_from",
    "fill",
    "finish",
    "foreign",
    "form_of",
    "from_form",
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
    "report",
    "report_nodes",
    "report_of",
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
