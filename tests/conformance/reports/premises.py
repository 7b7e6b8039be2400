"""Results of premises and conditions as premise reports, with the values that were compared.

Rules: target, party and action are reported where the rule names one, and where their absence
decides; a refinement is reported below the action, party or target that it refines, whose own
outcome takes it in (IM 2.5.4 to 2.5.6: what is meant is the refined one).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from policies_odrl.algebra.domain import Fact
from policies_odrl.evaluation.decision import ConditionResult, Premise
from policies_odrl.logic import Truth
from policies_odrl.model import Constraint, Iri, LogicalConstraint, Value
from tests.conformance.reports.literals import stated
from tests.conformance.reports.report import PremiseKind, PremiseReport, Satisfaction

SATISFACTION: Final = {
    Truth.TRUE: Satisfaction.SATISFIED,
    Truth.FALSE: Satisfaction.UNSATISFIED,
    Truth.UNDETERMINED: Satisfaction.UNDETERMINED,
}
_KINDS: Final = {
    "target": PremiseKind.TARGET,
    "assignee": PremiseKind.PARTY,
    "action": PremiseKind.ACTION,
}


def rule_premises(
    path: str,
    premises: Iterable[ConditionResult],
    constraints: Iterable[ConditionResult],
    refinements: Iterable[ConditionResult],
) -> tuple[PremiseReport, ...]:
    """Return the premise reports of a rule: target, party, action, then its constraints.

    Args:
        path: JSON pointer of the rule.
        premises: results for its action, party and target.
        constraints: results for its constraints.
        refinements: results for what refines its action, party and target.
    """
    found = {result.path: result for result in premises}
    inner = tuple(refinements)
    reports: list[PremiseReport] = []
    for name, kind in _KINDS.items():
        result = found.get(f"{path}/{name}")
        if result is None or (_anything(result) and result.truth is Truth.TRUE):
            continue
        own = f"{path}/{name}/"
        below = tuple(condition_report(item) for item in inner if item.path.startswith(own))
        reports.append(_premise(kind, result, below))
    return (*reports, *(condition_report(item) for item in constraints))


def condition_report(result: ConditionResult) -> PremiseReport:
    """Return the report of one constraint or refinement, and of all below it."""
    item = result.item
    atomic = item if isinstance(item, Constraint) else None
    joined = item if isinstance(item, LogicalConstraint) else None
    right = (atomic.right or tuple(Iri(name) for name in atomic.reference)) if atomic else ()
    return PremiseReport(
        kind=PremiseKind.CONSTRAINT,
        satisfaction=SATISFACTION[result.truth],
        path=result.path,
        constraint=atomic.id if atomic else joined.id if joined else "",
        operand=atomic.left if atomic else "",
        left=tuple(stated(value) for value in result.values),
        operator=atomic.operator if atomic else None,
        right=right,
        connective=joined.connective if joined else None,
        missing=_missing(result),
        premises=tuple(condition_report(child) for child in result.children),
    )


def _premise(
    kind: PremiseKind, result: ConditionResult, below: tuple[PremiseReport, ...]
) -> PremiseReport:
    own = SATISFACTION[result.truth]
    return PremiseReport(
        kind=kind,
        satisfaction=_joined([own, *(item.satisfaction for item in below)]),
        path=result.path,
        left=tuple(_name(value) for value in result.values),
        right=_ruled(result),
        missing=_missing(result),
        premises=below,
    )


def _joined(states: Iterable[Satisfaction]) -> Satisfaction:
    """Return the strong conjunction of outcomes."""
    seen = set(states)
    for state in (Satisfaction.UNSATISFIED, Satisfaction.UNDETERMINED):
        if state in seen:
            return state
    return Satisfaction.SATISFIED


def _missing(result: ConditionResult) -> str:
    return result.note if result.truth is Truth.UNDETERMINED else ""


def _anything(result: ConditionResult) -> bool:
    return isinstance(result.item, Premise) and result.item.ruled is None


def _ruled(result: ConditionResult) -> tuple[Value, ...]:
    ruled = result.item.ruled if isinstance(result.item, Premise) else None
    name = ruled if isinstance(ruled, str) else (ruled.id or ruled.source) if ruled else ""
    return (Iri(name),) if name else ()


def _name(value: Fact) -> Value:
    return Iri(value) if isinstance(value, str) else stated(value)
