"""A report as flattened node objects, ready for JSON-LD or Turtle.

Rules: terms of the Compliance Report Model stand in its namespace, ours in that of our profile;
each report is named by a version 5 UUID of what it says and where it stands, so that the same
evaluation gives the same bytes; what the world reports already is referred to and not repeated; a
value that has no name of its own (a rule or constraint that is a blank node) is left out.
"""

from __future__ import annotations

from collections.abc import Iterable
from types import MappingProxyType
from typing import Any, Final
from uuid import UUID, uuid5

from policies_odrl.evaluation.acts import EVER
from policies_odrl.evaluation.deontic import DutyState, Instance
from policies_odrl.model import ODRL, XSD, XSD_STRING, Iri, Value
from policies_odrl.vocabulary import DCT, PREAU
from tests.conformance.reports.report import (
    PolicyReport,
    PremiseKind,
    PremiseReport,
    RuleKind,
    RuleReport,
    Satisfaction,
    Verdict,
)

REPORT: Final = "https://w3id.org/force/compliance-report#"
PREFIXES: Final = MappingProxyType(
    {"report": REPORT, "preau": PREAU, "odrl": ODRL, "dct": DCT, "xsd": XSD}
)
_SPACE: Final = UUID("5f0a1a5e-3b0e-5c0f-8a53-0d6d5b0c9f11")  # ours, for names of reports
# What is compared: of an action, party or target (ours), and of a constraint.
_ASKED: Final = (PREAU + "asked", REPORT + "constraintLeftOperand")
_RULED: Final = (PREAU + "ruled", REPORT + "constraintRightOperand")

NodeObject = dict[str, Any]


def report_nodes(report: PolicyReport) -> list[NodeObject]:
    """Return the node objects of a report, the report of the policy first.

    >>> [node["@type"][0].rpartition("#")[2] for node in report_nodes(PolicyReport("urn:p"))]
    ['PolicyReport']
    """
    return _Writer(uuid5(_SPACE, repr(report))).policy(report)


class _Writer:
    """Collects node objects; names them by their place below the root."""

    def __init__(self, root: UUID) -> None:
        self._root = root
        self._nodes: list[NodeObject] = []

    def policy(self, report: PolicyReport) -> list[NodeObject]:
        node = self._node("", REPORT + "PolicyReport")
        if report.created is not None:
            node[DCT + "created"] = [_object(report.created)]
        _refer(node, REPORT + "policy", [report.policy])
        _refer(node, REPORT + "policyRequest", [report.request])
        _refer(node, REPORT + "ruleReport", self._rules(report.rules, "/rule"))
        if report.verdict is not None:
            _refer(node, PREAU + "verdict", [self._verdict(report.verdict)])
        return self._nodes

    def _rules(self, reports: Iterable[RuleReport], place: str) -> list[str]:
        names: list[str] = []
        for index, report in enumerate(reports):
            names.extend(report.known_as or [self._rule(report, f"{place}/{index}")])
        return names

    def _rule(self, report: RuleReport, place: str) -> str:
        node = self._node(place, REPORT + report.kind.value)
        _state(node, "attemptState", REPORT, report.attempt)
        _refer(node, REPORT + "rule", [report.rule])
        _refer(node, REPORT + "ruleRequest", [report.request])
        _refer(node, REPORT + "premiseReport", self._premises(report.premises, f"{place}/premise"))
        _refer(
            node, REPORT + "conditionReport", self._rules(report.conditions, f"{place}/condition")
        )
        _state(node, "activationState", REPORT, report.activation)
        _state(node, "performanceState", REPORT, report.performance)
        _state(node, "deonticState", REPORT, report.deontic)
        _state(node, "controlState", PREAU, report.control)
        _state(node, "dutyState", PREAU, _word(report.state))
        if report.settled:
            node[PREAU + "settled"] = [{"@value": "true", "@type": XSD + "boolean"}]
        _refer(node, PREAU + "instance", self._instances(report.instances, f"{place}/instance"))
        follows = "remedyReport" if report.kind is RuleKind.PROHIBITION else "consequenceReport"
        _refer(node, PREAU + follows, self._rules(report.consequences, f"{place}/follows"))
        _say(node, PREAU + "path", [report.path])
        _say(node, PREAU + "missing", [report.missing])
        return str(node["@id"])

    def _instances(self, found: Iterable[Instance], place: str) -> list[str]:
        """Write each occasion on which a duty had to be done; times unknown are left out."""
        names = []
        for index, item in enumerate(found):
            node = self._node(f"{place}/{index}", PREAU + "Instance")
            _state(node, "dutyState", PREAU, _word(item.state))
            for name, at in (("since", item.since), ("due", item.due), ("done", item.done)):
                if at is not None and at != EVER:
                    node[PREAU + name] = [{"@value": at.isoformat(), "@type": XSD + "dateTime"}]
            names.append(str(node["@id"]))
        return names

    def _premises(self, reports: Iterable[PremiseReport], place: str) -> list[str]:
        return [self._premise(item, f"{place}/{index}") for index, item in enumerate(reports)]

    def _premise(self, report: PremiseReport, place: str) -> str:
        node = self._node(place, REPORT + report.kind.value)
        _refer(node, REPORT + "constraint", [report.constraint])
        of_constraint = report.kind is PremiseKind.CONSTRAINT
        _values(node, _ASKED[of_constraint], report.left)
        if report.operator is not None:
            _refer(node, REPORT + "constraintOperator", [ODRL + report.operator.value])
        _values(node, _RULED[of_constraint], report.right)
        if report.connective is not None:
            _refer(node, REPORT + "constraintLogicalOperand", [ODRL + report.connective.value])
        _refer(node, REPORT + "premiseReport", self._premises(report.premises, place))
        ours = report.satisfaction is Satisfaction.UNDETERMINED
        node[REPORT + "satisfactionState"] = [
            {"@id": (PREAU if ours else REPORT) + report.satisfaction.value}
        ]
        _refer(node, PREAU + "operand", [report.operand])
        _say(node, PREAU + "path", [report.path])
        _say(node, PREAU + "missing", [report.missing])
        return str(node["@id"])

    def _verdict(self, verdict: Verdict) -> str:
        node = self._node("/verdict", PREAU + "Verdict")
        _state(node, "controlState", PREAU, verdict.control)
        node[PREAU + "reasons"] = [{"@list": [{"@value": item} for item in verdict.reasons]}]
        _refer(node, PREAU + "missingOperand", verdict.missing)
        _refer(node, PREAU + "conflictStrategy", [ODRL + verdict.conflict.value])
        for name, value in (("contested", verdict.contested), ("void", verdict.void)):
            node[PREAU + name] = [{"@value": str(value).lower(), "@type": XSD + "boolean"}]
        _say(node, PREAU + "mode", [verdict.mode.value])
        return str(node["@id"])

    def _node(self, place: str, kind: str) -> NodeObject:
        node: NodeObject = {"@id": f"urn:uuid:{uuid5(self._root, place)}", "@type": [kind]}
        self._nodes.append(node)
        return node


def _refer(node: NodeObject, name: str, targets: Iterable[str]) -> None:
    found = [{"@id": item} for item in targets if item]
    if found:
        node[name] = found


def _state(node: NodeObject, name: str, space: str, state: str | None) -> None:
    if state is not None:
        node[space + name] = [{"@id": space + state}]


def _word(state: DutyState | None) -> str | None:
    return None if state is None else state.value.capitalize()


def _say(node: NodeObject, name: str, texts: Iterable[str]) -> None:
    found = [{"@value": item} for item in texts if item]
    if found:
        node[name] = found


def _values(node: NodeObject, name: str, values: Iterable[Value]) -> None:
    found = [_object(item) for item in values]
    if found:
        node[name] = found


def _object(value: Value) -> dict[str, str]:
    if isinstance(value, Iri):
        return {"@id": value.value}
    if value.language:
        return {"@value": value.lexical, "@language": value.language}
    if value.datatype == XSD_STRING:
        return {"@value": value.lexical}
    return {"@value": value.lexical, "@type": value.datatype}
