"""The plain Compliance Report Model out of the extended one.

Rules: Undetermined becomes Unsatisfied; what has no name in the model is left out; a constraint
that is not satisfied states the value that was given and no more, and the reports of action, party
and target state their outcome only, as in the public test suite. Activation is kept: a prohibition
that cannot be ruled out stays in force. Mapping twice changes nothing.
Source: https://w3id.org/force/compliance-report (0.9.0); the suite's own reports.
"""

from __future__ import annotations

from tests.conformance.reports.report import (
    Deontic,
    PolicyReport,
    PremiseKind,
    PremiseReport,
    RuleKind,
    RuleReport,
    Satisfaction,
)


def down(report: PolicyReport) -> PolicyReport:
    """Return a report without what the plain model cannot say.

    >>> from policies_odrl.reading.reader import read
    >>> from tests.conformance.reports.report_of import report
    >>> from policies_odrl.evaluation.request import Request
    >>> odrl = "http://www.w3.org/ns/odrl/2/"
    >>> policy = read([
    ...     {"@id": "urn:p", "@type": [odrl + "Set"], odrl + "permission": [{"@id": "urn:r"}]},
    ...     {"@id": "urn:r", odrl + "action": [{"@id": odrl + "read"}]},
    ... ])
    >>> full = report(policy, Request(odrl + "read"))
    >>> full.verdict.control.value, down(full).verdict
    ('Permit', None)
    """
    return PolicyReport(
        policy=report.policy,
        request=report.request,
        created=report.created,
        rules=tuple(_rule(item) for item in report.rules),
    )


def _rule(report: RuleReport) -> RuleReport:
    plain = report.kind is RuleKind.DUTY or report.deontic is Deontic.VIOLATED
    return RuleReport(
        kind=report.kind,
        rule=report.rule,
        activation=report.activation,
        request=report.request,
        attempt=report.attempt,
        performance=report.performance if plain else None,
        deontic=report.deontic if plain else None,
        premises=tuple(_premise(item) for item in report.premises),
        conditions=tuple(_rule(item) for item in report.conditions),
        known_as=report.known_as,
    )


def _premise(report: PremiseReport) -> PremiseReport:
    satisfied = report.satisfaction is Satisfaction.SATISFIED
    atomic = report.kind is PremiseKind.CONSTRAINT and report.connective is None
    return PremiseReport(
        kind=report.kind,
        satisfaction=Satisfaction.SATISFIED if satisfied else Satisfaction.UNSATISFIED,
        constraint=report.constraint,
        left=report.left if atomic else (),
        operator=report.operator if atomic and satisfied else None,
        right=report.right if atomic and satisfied else (),
        connective=report.connective,
        premises=tuple(_premise(item) for item in report.premises),
    )
