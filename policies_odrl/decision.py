"""What an evaluation answers: granted or not, and why, down to each constraint.

These are values; nothing here decides.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

from policies_odrl.logic import Truth
from policies_odrl.model import Duty, Rule


class Effect(Enum):
    """What a rule does to the request."""

    GRANTS = "grants"
    BLOCKS = "blocks"
    NOTHING = "nothing"


class DutyState(Enum):
    """Where a duty stands."""

    FULFILLED = "fulfilled"
    DUE = "due"  # may still be done in time, after the use
    MISSING = "missing"  # should have been done before
    VIOLATED = "violated"  # can no longer be done in time
    UNDETERMINED = "undetermined"


@dataclass(frozen=True, slots=True)
class ConditionResult:
    """How a constraint, a refinement or a premise came out.

    Attributes:
        path: JSON pointer into the written policy.
        truth: the outcome.
        text: the constraint in one line (`purpose isAnyOf AcademicResearch`).
        given: the values given, in one line; empty when none was.
        note: why it is Undetermined; empty otherwise.
        operand: IRI of the left operand; `action`, `assignee` or `target` for a premise; empty for
            a logical constraint.
        children: operands of a logical constraint.
    """

    path: str
    truth: Truth
    text: str
    given: str = ""
    note: str = ""
    operand: str = ""
    children: tuple[ConditionResult, ...] = ()

    @property
    def line(self) -> str:
        """One line that names the operand, what is allowed and what was given."""
        if self.truth is Truth.UNDETERMINED:
            return f"{self.text}: {self.note}"
        return f"{self.text}: given {self.given}" if self.given else self.text

    def leaves(self) -> Iterator[ConditionResult]:
        """Yield the atomic results below, or this one when it is atomic."""
        if not self.children:
            yield self
        for child in self.children:
            yield from child.leaves()


@dataclass(frozen=True, slots=True)
class DutyResult:
    """Where one duty of a permission, or an obligation, stands.

    Attributes:
        path: JSON pointer into the written policy.
        duty: the duty.
        state: see `DutyState`.
    """

    path: str
    duty: Duty
    state: DutyState


@dataclass(frozen=True, slots=True)
class RuleResult:
    """How one permission or prohibition bears on the request.

    Attributes:
        path: JSON pointer into the written policy.
        rule: the rule.
        concerns: whether the rule is about this action, party and target.
        applies: whether all its conditions hold as well.
        effect: what it does.
        premises: action, assignee, target.
        conditions: constraints and refinements.
        duties: of a permission.
    """

    path: str
    rule: Rule
    concerns: Truth
    applies: Truth
    effect: Effect
    premises: tuple[ConditionResult, ...]
    conditions: tuple[ConditionResult, ...]
    duties: tuple[DutyResult, ...] = ()

    def failures(self) -> Iterator[ConditionResult]:
        """Yield the premises and atomic conditions that are not True.

        A logical constraint that fails although each of its parts is True (`xone`, `andSequence`)
        is yielded itself.
        """
        for result in (*self.premises, *self.conditions):
            if result.truth is not Truth.TRUE:
                failed = [leaf for leaf in result.leaves() if leaf.truth is not Truth.TRUE]
                yield from failed or [result]


@dataclass(frozen=True, slots=True)
class Decision:
    """The answer to a request.

    Attributes:
        granted: whether the request may go ahead.
        reasons: one line each, most important first; never empty.
        rules: every permission and prohibition, in order of the policy.
        missing: left operands (IRIs) without a value that mattered.
        due: duties and obligations still to be done.
        void: True when a conflict made the whole policy void.
    """

    granted: bool
    reasons: tuple[str, ...]
    rules: tuple[RuleResult, ...] = ()
    missing: tuple[str, ...] = ()
    due: tuple[DutyResult, ...] = ()
    void: bool = False
