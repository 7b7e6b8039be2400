"""What an evaluation found, in full, as values: the Compliance Report Model 0.9.0 and more.

Rules: names and states are those of the model; what it cannot say (a third truth value and the
fact that was missing, a verdict on the whole policy, who wins a conflict, permit or deny, what
follows from a violation) stands in fields of ours, which `report_down.py` takes away. Nothing here
decides: `report_of.py` fills these values from a decision, `report_nodes.py` writes them.
Source: https://w3id.org/force/compliance-report (0.9.0); W3C draft on formal semantics of ODRL.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from policies_odrl.evaluation.deontic import DutyState, Instance
from policies_odrl.evaluation.request import Mode
from policies_odrl.model import Conflict, Connective, Literal, Operator, Value


class Activation(StrEnum):
    """Whether a rule is in effect."""

    ACTIVE = "Active"
    INACTIVE = "Inactive"


class Attempt(StrEnum):
    """Whether a request asks for the action of a rule."""

    ATTEMPTED = "Attempted"
    NOT_ATTEMPTED = "NotAttempted"


class Performance(StrEnum):
    """Whether the action of a rule was done."""

    PERFORMED = "Performed"
    UNPERFORMED = "Unperformed"  # and can no longer be
    UNKNOWN = "Unknown"


class Deontic(StrEnum):
    """Whether what was done agrees with the rule."""

    NON_SET = "NonSet"
    VIOLATED = "Violated"
    FULFILLED = "Fulfilled"


class Satisfaction(StrEnum):
    """How a premise came out; the third value is ours."""

    SATISFIED = "Satisfied"
    UNSATISFIED = "Unsatisfied"
    UNDETERMINED = "Undetermined"


class Control(StrEnum):
    """What a permission or prohibition says to the request (W3C draft, control state)."""

    PERMIT = "Permit"
    DENY = "Deny"


class RuleKind(StrEnum):
    """Classes of rule reports."""

    PERMISSION = "PermissionReport"
    PROHIBITION = "ProhibitionReport"
    DUTY = "DutyReport"


class PremiseKind(StrEnum):
    """Classes of premise reports."""

    TARGET = "TargetReport"
    PARTY = "PartyReport"
    ACTION = "ActionReport"
    CONSTRAINT = "ConstraintReport"


@dataclass(frozen=True, slots=True)
class PremiseReport:
    """How a constraint, a refinement, or the action, party or target of a rule came out.

    Attributes:
        kind: see `PremiseKind`.
        satisfaction: the outcome.
        path: JSON pointer into the written policy; ours.
        constraint: IRI of the constraint; empty for a blank node.
        operand: IRI of the left operand; ours; empty where there is none.
        left: the values given for the left operand; for the other kinds, what was asked for.
        operator: of an atomic constraint.
        right: the right operand; for the other kinds, what the rule is about.
        connective: of a logical constraint.
        missing: why it is Undetermined; ours; empty otherwise.
        premises: operands of a logical constraint; refinements of an action, party or target.
    """

    kind: PremiseKind
    satisfaction: Satisfaction
    path: str = ""
    constraint: str = ""
    operand: str = ""
    left: tuple[Value, ...] = ()
    operator: Operator | None = None
    right: tuple[Value, ...] = ()
    connective: Connective | None = None
    missing: str = ""
    premises: tuple[PremiseReport, ...] = ()

    def all(self) -> Iterator[PremiseReport]:
        """Yield this report and all below it, parents first."""
        yield self
        for premise in self.premises:
            yield from premise.all()


@dataclass(frozen=True, slots=True)
class RuleReport:
    """How one rule bears on the request.

    Attributes:
        kind: see `RuleKind`.
        rule: IRI of the rule, or of the compact one that it was expanded from; empty for a blank
            node.
        activation: whether it is in effect; None where the model says nothing.
        path: JSON pointer into the written policy; ours.
        request: IRI of the rule in the request; empty when it has none.
        attempt: whether the request asks for it; None for duties.
        performance: of a duty or a prohibition.
        deontic: of a duty or a prohibition.
        control: of a permission, and of a prohibition that stands against the request; ours. None
            of a prohibition that does not: that alone permits nothing.
        premises: action, party, target and constraints.
        conditions: duties of a permission.
        consequences: what follows when it is violated: consequences of a duty, remedies of a
            prohibition; ours.
        missing: why the state of a duty is not known; ours.
        state: of a duty; ours, because the model has one word for what may still be done in time
            and for what should have been done.
        settled: whether a violated duty was made good by its consequences; ours.
        instances: each occasion on which the duty had to be done; ours.
        known_as: IRIs of reports of the world that this one repeats.
    """

    kind: RuleKind
    rule: str = ""
    activation: Activation | None = None
    path: str = ""
    request: str = ""
    attempt: Attempt | None = None
    performance: Performance | None = None
    deontic: Deontic | None = None
    control: Control | None = None
    premises: tuple[PremiseReport, ...] = ()
    conditions: tuple[RuleReport, ...] = ()
    consequences: tuple[RuleReport, ...] = ()
    missing: str = ""
    state: DutyState | None = None
    settled: bool = False
    instances: tuple[Instance, ...] = ()
    known_as: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the whole policy answers; ours, the model has no such thing.

    Attributes:
        control: permit or deny.
        reasons: one line each, most important first.
        missing: IRIs of left operands without a value that mattered.
        conflict: the strategy in force.
        contested: whether a permission and a prohibition both bear on the request.
        void: whether that made the whole policy void.
        mode: the reading of unfulfilled duties.
    """

    control: Control
    reasons: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    conflict: Conflict = Conflict.INVALID
    contested: bool = False
    void: bool = False
    mode: Mode = Mode.W3C


@dataclass(frozen=True, slots=True)
class PolicyReport:
    """How one policy bears on one request.

    Attributes:
        policy: IRI of the policy; empty for one without a name.
        request: IRI of the request; empty for one without a name.
        created: time of the evaluation, as the world states it; None when not known.
        rules: permissions, prohibitions and obligations, in order.
        verdict: see `Verdict`; None in the plain model.
    """

    policy: str
    request: str = ""
    created: Literal | None = None
    rules: tuple[RuleReport, ...] = ()
    verdict: Verdict | None = None

    def premises(self) -> Iterator[PremiseReport]:
        """Yield all premise reports of all rules, parents first.

        >>> met = PremiseReport(PremiseKind.ACTION, Satisfaction.SATISFIED)
        >>> rule = RuleReport(RuleKind.PERMISSION, premises=(met,))
        >>> [item.kind.value for item in PolicyReport("urn:p", rules=(rule,)).premises()]
        ['ActionReport']
        """
        stack = list(reversed(self.rules))
        while stack:
            rule = stack.pop()
            for premise in rule.premises:
                yield from premise.all()
            stack.extend(reversed((*rule.conditions, *rule.consequences)))


@dataclass(frozen=True, slots=True)
class ReportNames:
    """How a report calls what has no name in a request or in facts.

    Attributes:
        request: IRI of the request.
        rule: IRI of the rule in the request.
        duties: duty IRI -> IRIs of the reports in which the world states where it stands.
    """

    request: str = ""
    rule: str = ""
    duties: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
