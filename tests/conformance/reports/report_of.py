"""A decision to the full report of it.

Rules: each permission, prohibition and obligation of the policy is reported, and each premise,
constraint and refinement of it, whatever decided. In mode `suite` a rule is active when everything
in it holds (Compliance Report Model, Active); in mode `w3c` its constraints and conditions alone
make it active, and whether this request may go ahead is its control state (W3C draft, Semantics of
Permissions). What cannot be known leaves a permission inactive and a prohibition active.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from policies_odrl.evaluation.decision import Decision, RuleResult
from policies_odrl.evaluation.deontic import Effect
from policies_odrl.evaluation.duties import blocks
from policies_odrl.evaluation.evaluate import evaluate
from policies_odrl.evaluation.request import DATE_TIME, Case, Facts, Mode, Request
from policies_odrl.logic import Truth, all_of
from policies_odrl.model import Conflict, Literal, Policy, Prohibition
from tests.conformance.reports.duties import Duties
from tests.conformance.reports.literals import instant
from tests.conformance.reports.premises import rule_premises
from tests.conformance.reports.report import (
    Activation,
    Attempt,
    Control,
    Deontic,
    Performance,
    PolicyReport,
    ReportNames,
    RuleKind,
    RuleReport,
    Verdict,
)

_NO_FACTS: Final = Facts()
_NO_NAMES: Final = ReportNames()


def report(
    policy: Policy,
    request: Request,
    facts: Facts = _NO_FACTS,
    *,
    mode: Mode = Mode.W3C,
    tentative: bool = False,
    names: ReportNames = _NO_NAMES,
) -> PolicyReport:
    """Return what the policy says to a request, and all that led to it.

    >>> from policies_odrl import Action, Permission, Policy, PolicyKind
    >>> read = "http://www.w3.org/ns/odrl/2/read"
    >>> policy = Policy(kind=PolicyKind.OFFER, permissions=(Permission(action=Action(read)),))
    >>> found = report(policy, Request(read), tentative=True)
    >>> found.verdict.control.value, found.rules[0].activation.value
    ('Permit', 'Active')

    Args:
        policy: see `model.py`; inheritance must be resolved.
        request: what is asked.
        facts: what is known; nothing by default.
        mode: reading of unfulfilled duties, and of what makes a rule active.
        tentative: True to ask what an offer would grant if it were agreed.
        names: IRIs of the request, of its rule, and of what the world reports already.
    """
    decision = evaluate(policy, request, facts, mode=mode, tentative=tentative)
    return report_of(decision, policy, request, facts, mode=mode, names=names)


def report_of(
    decision: Decision,
    policy: Policy,
    request: Request,
    facts: Facts = _NO_FACTS,
    *,
    mode: Mode = Mode.W3C,
    names: ReportNames = _NO_NAMES,
) -> PolicyReport:
    """Return the report of a decision that is there already.

    >>> from policies_odrl import Policy, PolicyKind
    >>> offer = Policy(kind=PolicyKind.OFFER)
    >>> request = Request("http://www.w3.org/ns/odrl/2/read")
    >>> report_of(evaluate(offer, request), offer, request).verdict.reasons
    ('a policy of class Offer grants nothing until it is agreed',)

    Args:
        decision: what `evaluate` answered to the same policy, request, facts and mode.
        policy: the policy.
        request: what was asked.
        facts: what is known.
        mode: reading of unfulfilled duties, and of what makes a rule active.
        names: IRIs of the request, of its rule, and of what the world reports already.
    """
    duties = Duties(Case.of(policy, request, facts, mode), names)
    rules = _Rules(duties, mode)
    return PolicyReport(
        policy=policy.id,
        request=names.request,
        created=_created(facts),
        rules=(
            *(rules.report(item) for item in decision.rules),
            *(duties.report(item) for item in decision.obligations),
        ),
        verdict=_verdict(decision, policy, mode),
    )


@dataclass(frozen=True, slots=True)
class _Rules:
    """Reports of the permissions and prohibitions of one policy."""

    duties: Duties
    mode: Mode

    def report(self, result: RuleResult) -> RuleReport:
        if isinstance(result.rule, Prohibition):
            return self._prohibition(result, result.rule)
        return self._permission(result)

    def _permission(self, result: RuleResult) -> RuleReport:
        granted = result.effect is Effect.GRANTS
        free = not any(blocks(item, self.mode) for item in result.duties)
        active = free and self._held(result) is Truth.TRUE
        return replace(
            self._base(result, RuleKind.PERMISSION, active=active),
            control=Control.PERMIT if granted else Control.DENY,
            conditions=tuple(self.duties.report(item, result.rule) for item in result.duties),
        )

    def _prohibition(self, result: RuleResult, rule: Prohibition) -> RuleReport:
        active = self._held(result) is not Truth.FALSE
        banned = result.effect is Effect.BLOCKS
        violated = bool(result.violations)
        remedies = tuple(
            self.duties.report(duty, rule) for act in result.violations for duty in act.remedies
        ) or self.duties.idle(rule.remedies, f"{result.path}/odrl:remedy", rule)
        return replace(
            self._base(result, RuleKind.PROHIBITION, active=active),
            performance=Performance.PERFORMED if violated else Performance.UNKNOWN,
            deontic=Deontic.VIOLATED if violated else Deontic.NON_SET,
            control=Control.DENY if banned else None,
            consequences=remedies,
        )

    def _base(self, result: RuleResult, kind: RuleKind, *, active: bool) -> RuleReport:
        return RuleReport(
            kind=kind,
            rule=result.rule.id or result.rule.origin,
            activation=Activation.ACTIVE if active else Activation.INACTIVE,
            path=result.path,
            request=self.duties.names.rule,
            attempt=Attempt.ATTEMPTED,
            premises=rule_premises(
                result.path, result.premises, result.constraints, result.refinements
            ),
        )

    def _held(self, result: RuleResult) -> Truth:
        """Return whether what makes the rule active holds, duties aside."""
        if self.mode is Mode.SUITE:
            return result.applies
        return all_of(item.truth for item in result.constraints)


def _created(facts: Facts) -> Literal | None:
    for value in facts.values.get(DATE_TIME, ()):
        if isinstance(value, Literal):
            return value
    return instant(facts.now) if facts.now is not None else None


def _verdict(decision: Decision, policy: Policy, mode: Mode) -> Verdict:
    effects = {item.effect for item in decision.rules}
    return Verdict(
        control=Control.PERMIT if decision.granted else Control.DENY,
        reasons=decision.reasons,
        missing=decision.missing,
        conflict=policy.conflict or Conflict.INVALID,
        contested=effects >= {Effect.GRANTS, Effect.BLOCKS},
        void=decision.void,
        mode=mode,
    )
