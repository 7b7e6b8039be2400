"""Where duties stand, as duty reports.

Rules: a duty is active unless its own conditions do not hold; it is then fulfilled, violated or
not set (W3C draft, Semantics of Conditions and of Obligations). Its action is reported against the
act that fulfilled it, or else the act that comes nearest; where the world states the outcome and
no act is known, the outcome is all there is to report. A consequence or remedy is active once what
it follows from was violated.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from policies_odrl.evaluation.acts import case_of
from policies_odrl.evaluation.conditions import action_premise, conditions, refinements_of
from policies_odrl.evaluation.decision import DutyResult
from policies_odrl.evaluation.deontic import REPORTED, DutyState
from policies_odrl.evaluation.duties import duty_state
from policies_odrl.evaluation.request import Case, Performed
from policies_odrl.logic import Truth
from policies_odrl.model import Constraint, Duty, Iri, Rule
from tests.conformance.reports.premises import condition_report, rule_premises
from tests.conformance.reports.report import (
    Activation,
    Deontic,
    Performance,
    PremiseKind,
    PremiseReport,
    ReportNames,
    RuleKind,
    RuleReport,
    Satisfaction,
)

_PERFORMED: Final = {
    DutyState.FULFILLED: Performance.PERFORMED,
    DutyState.VIOLATED: Performance.UNPERFORMED,
}


@dataclass(frozen=True, slots=True)
class Duties:
    """Reports of the duties of one policy, seen from one request.

    Attributes:
        case: the request, and what is known.
        names: IRIs of what the world reports already.
    """

    case: Case
    names: ReportNames

    def report(self, result: DutyResult, owner: Rule | None = None) -> RuleReport:
        """Return the report of a duty of a permission, an obligation, or what follows from one."""
        duty, state = result.duty, result.state
        activation, deontic = REPORTED[state]
        return RuleReport(
            kind=RuleKind.DUTY,
            rule=duty.id or duty.origin,
            activation=Activation(activation),
            path=result.path,
            performance=_PERFORMED.get(state, Performance.UNKNOWN),
            deontic=Deontic(deontic),
            premises=self._premises(result),
            consequences=self._consequences(result, owner),
            missing=result.note,
            state=state,
            settled=result.settled,
            instances=result.instances,
            known_as=self.names.duties.get(duty.id, ()) if duty.id else (),
        )

    def idle(
        self, duties: tuple[Duty, ...], path: str, owner: Rule | None
    ) -> tuple[RuleReport, ...]:
        """Return the reports of duties that nothing has called for."""
        found = [
            self.report(duty_state(duty, f"{path}/{index}", self.case, owner), owner)
            for index, duty in enumerate(duties)
        ]
        return tuple(replace(item, activation=Activation.INACTIVE) for item in found)

    def _consequences(self, result: DutyResult, owner: Rule | None) -> tuple[RuleReport, ...]:
        if result.consequences:
            return tuple(self.report(item, owner) for item in result.consequences)
        return self.idle(result.duty.consequences, f"{result.path}/odrl:consequence", owner)

    def _premises(self, result: DutyResult) -> tuple[PremiseReport, ...]:
        duty, path = result.duty, result.path
        gates = conditions(duty.constraints, f"{path}/constraint", self.case)
        act = result.acts[-1] if result.acts else self._nearest(duty, path)
        if act is None or (not result.acts and result.state is DutyState.FULFILLED):
            fulfilled = result.state is DutyState.FULFILLED
            return (
                _unseen(duty, path, fulfilled=fulfilled),
                *(condition_report(item) for item in gates),
            )
        done = case_of(act, self.case)
        premise = action_premise(duty, path, done)
        return rule_premises(path, [premise], gates, refinements_of(duty, path, done))

    def _nearest(self, duty: Duty, path: str) -> Performed | None:
        """Return the act of the duty's kind of which most fits, the earliest of several."""
        now = self.case.facts.now
        best: tuple[int, Performed] | None = None
        for act in sorted(self.case.facts.performed, key=lambda item: item.at):
            if now is not None and act.at > now:
                break
            done = case_of(act, self.case)
            if action_premise(duty, path, done).truth is Truth.TRUE:
                unmet = sum(
                    item.truth is not Truth.TRUE for item in refinements_of(duty, path, done)
                )
                if best is None or unmet < best[0]:
                    best = (unmet, act)
        return best[1] if best else None


def _unseen(duty: Duty, path: str, *, fulfilled: bool) -> PremiseReport:
    """Return the report of an action of which no act is known."""
    outcome = Satisfaction.SATISFIED if fulfilled else Satisfaction.UNSATISFIED
    return PremiseReport(
        kind=PremiseKind.ACTION,
        satisfaction=outcome,
        path=f"{path}/action",
        right=(Iri(duty.action.id),),
        premises=tuple(
            PremiseReport(
                kind=PremiseKind.CONSTRAINT,
                satisfaction=outcome,
                path=f"{path}/action/odrl:refinement/{index}",
                constraint=item.id,
                operand=item.left if isinstance(item, Constraint) else "",
                operator=item.operator if isinstance(item, Constraint) else None,
                right=item.right if isinstance(item, Constraint) else (),
                connective=None if isinstance(item, Constraint) else item.connective,
            )
            for index, item in enumerate(duty.action.refinements)
        ),
    )
