"""Whether a report agrees with the results that a W3C example expects.

The draft's report vocabulary is illustrative and not settled, so that only results are compared:
which state each rule, condition and constraint is in. Rules: a state is told by the local names of
its property and its value, hyphens and case aside; what it is a state of, by the IRI that the
report names, or, where it names none that the policy has, by being the only rule of the policy. A
prohibition that says nothing to the request has the control state of the whole policy.
Source: https://w3c.github.io/odrl/formal-semantics/ (Evaluation Report; Semantics of Rules).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from tests.conformance.cases.graph import Graph, local
from tests.conformance.reports.report import PolicyReport, RuleKind, RuleReport

_SUBJECTS: Final = ("rule", "condition", "duty", "constraint", "refinement")
ACTIVATION: Final = "activationState"
CONTROL: Final = "controlState"
DEONTIC: Final = "deonticState"
SATISFACTION: Final = "satisfactionState"
_PROPERTIES: Final = (ACTIVATION, CONTROL, DEONTIC, SATISFACTION)
_SAME: Final = {"notsatisfied": "unsatisfied", "notset": "nonset", "notactive": "inactive"}


@dataclass(frozen=True, slots=True)
class Difference:
    """A result that is not the expected one.

    Attributes:
        subject: IRI of the rule, condition or constraint; may be empty.
        kind: local name of the property.
        expected: the state that the example states.
        found: our state; empty where we report none.
    """

    subject: str
    kind: str
    expected: str
    found: str


def differences(report: PolicyReport, expected: Graph) -> tuple[Difference, ...]:
    """Return the expected results that the report does not have, in order.

    Args:
        report: ours, in full.
        expected: what the example's report says.
    """
    ours: dict[tuple[str, str], str] = {}
    for subject, kind, state in _states(report):
        ours.setdefault((subject, kind), state)
    subjects = {subject for subject, _ in ours}
    rules = [item.rule for item in report.rules if item.kind is not RuleKind.DUTY]
    found: list[Difference] = []
    for thing in expected.things:
        names = expected.iris(thing, *_SUBJECTS)
        known = [item for item in names if item in subjects]
        only = rules[:1] if len(rules) == 1 else []
        for kind in _PROPERTIES:
            for value in expected.iris(thing, kind):
                subject = (known or ([] if kind == SATISFACTION else only) or names or [""])[0]
                mine = ours.get((subject, kind), "")
                if _plain(value) != mine:
                    found.append(Difference(subject, kind, _plain(value), mine))
    return tuple(found)


def _states(report: PolicyReport) -> Iterator[tuple[str, str, str]]:
    whole = report.verdict.control if report.verdict else None
    stack: list[RuleReport] = list(reversed(report.rules))
    while stack:
        rule = stack.pop()
        for kind, state in (
            (ACTIVATION, rule.activation),
            (CONTROL, rule.control or (None if rule.kind is RuleKind.DUTY else whole)),
            (DEONTIC, rule.deontic),
        ):
            if state is not None:
                yield rule.rule, kind, _plain(state)
        stack.extend(reversed((*rule.conditions, *rule.consequences)))
    for premise in report.premises():
        if premise.constraint:
            yield premise.constraint, SATISFACTION, _plain(premise.satisfaction)


def _plain(state: str) -> str:
    word = local(state).replace("-", "").replace("_", "").lower()
    return _SAME.get(word, word)


def agreement(report: PolicyReport, expected: Graph) -> tuple[tuple[str, bool], ...]:
    """Return which kinds of result agree: activation, control, satisfaction, and all of them."""
    wrong = {item.kind for item in differences(report, expected)}
    return (
        ("activation", not wrong & {ACTIVATION, DEONTIC}),
        ("control", CONTROL not in wrong),
        ("satisfaction", SATISFACTION not in wrong),
        ("results", not wrong),
    )
