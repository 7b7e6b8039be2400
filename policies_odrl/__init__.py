"""ODRL 2.2 policies: read, check, decide, compare, explain. Standard library only.

    policy = read(nodes)                     # nodes: flattened, expanded JSON-LD
    findings = validate(policy)              # is it sensible?
    decision = evaluate(policy, request, facts)
    containment = contains(offer, terms)     # yes with proof, no with witness, unknown
    sentences = explain(policy, "fr")

The bar of the whole library: what cannot be evaluated denies, and says what was missing.
"""

from policies_odrl.compare import Answer, Containment, contains, same_meaning
from policies_odrl.decision import (
    ConditionResult,
    Decision,
    DutyResult,
    DutyState,
    Effect,
    RuleResult,
)
from policies_odrl.duties import Mode
from policies_odrl.errors import (
    IllFormed,
    LimitExceeded,
    NotWritable,
    OdrlError,
    UnknownProfile,
    UnknownTerm,
    Unreadable,
)
from policies_odrl.evaluate import evaluate
from policies_odrl.explain import explain
from policies_odrl.findings import Finding, Severity
from policies_odrl.foreign import foreign
from policies_odrl.inventory import size
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
from policies_odrl.narrow import meet, narrow
from policies_odrl.operands import Knowledge
from policies_odrl.reader import read
from policies_odrl.request import Facts, Performed, Request
from policies_odrl.validate import validate
from policies_odrl.values import Quantity
from policies_odrl.writer import write, write_bare

__all__ = [
    "Action",
    "Answer",
    "AssetRef",
    "Condition",
    "ConditionResult",
    "Conflict",
    "Connective",
    "Constraint",
    "Containment",
    "Decision",
    "Duty",
    "DutyResult",
    "DutyState",
    "Effect",
    "Facts",
    "Finding",
    "IllFormed",
    "Iri",
    "Knowledge",
    "LimitExceeded",
    "Literal",
    "LogicalConstraint",
    "Mode",
    "NotWritable",
    "OdrlError",
    "Operator",
    "PartyRef",
    "Performed",
    "Permission",
    "Policy",
    "PolicyKind",
    "Prohibition",
    "Quantity",
    "Request",
    "Rule",
    "RuleResult",
    "Severity",
    "Truth",
    "UnknownProfile",
    "UnknownTerm",
    "Unreadable",
    "Value",
    "contains",
    "evaluate",
    "explain",
    "foreign",
    "meet",
    "narrow",
    "read",
    "same_meaning",
    "size",
    "validate",
    "write",
    "write_bare",
]
