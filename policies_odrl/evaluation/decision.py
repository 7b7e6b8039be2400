"""What an evaluation answers: granted or not, and why, down to each constraint.

These are values; nothing here decides. Sentences are made when somebody reads them, so that a
decision that nobody explains costs nothing for its words.
"""

from __future__ import annotations

from collections.abc import Iterator

from policies_odrl import model, text
from policies_odrl.algebra.domain import Fact
from policies_odrl.evaluation.deontic import DutyState, Effect, Instance
from policies_odrl.evaluation.operands import UNKNOWN_OPERAND
from policies_odrl.evaluation.request import Performed
from policies_odrl.frozen import frozen
from policies_odrl.logic import Truth


@frozen
class Premise:
    """The `action`, `assignee` or `target` that a rule is about; None: anyone or anything."""

    name: str
    ruled: str | model.AssetRef | model.PartyRef | None


@frozen
class ConditionResult:
    """How a constraint, a refinement or a premise came out, by the values given.

    `path` is its JSON pointer; `why` says why it is Undetermined; `children` are the operands of a
    logical constraint.
    """

    path: str
    truth: Truth
    item: model.Condition | Premise
    values: tuple[Fact, ...] = ()
    why: str = ""
    children: tuple[ConditionResult, ...] = ()

    @property
    def text(self) -> str:
        """The constraint in one line (`purpose isAnyOf AcademicResearch`)."""
        if not isinstance(self.item, Premise):
            return text.condition(self.item)
        ruled = self.item.ruled
        wanted = ruled if isinstance(ruled, str) else (ruled.id or ruled.source if ruled else "")
        return f"{self.item.name} {text.term(wanted or 'anyone')}"

    @property
    def given(self) -> str:
        """The values given, in one line; empty when none was."""
        if isinstance(self.item, Premise) and not self.values:
            return "none"
        return text.values(self.values)

    @property
    def note(self) -> str:
        """Why it is Undetermined; for a logical constraint, what its operands say."""
        if not self.children:
            return self.why
        notes = (child.note for child in self.children if child.truth is not Truth.TRUE)
        below = "; ".join(dict.fromkeys(note for note in notes if note))
        return "; ".join(part for part in (below, self.why) if part)

    @property
    def operand(self) -> str:
        """IRI of the left operand; name of a premise; empty for a logical constraint."""
        if isinstance(self.item, Premise):
            return self.item.name
        return self.item.left if isinstance(self.item, model.Constraint) else ""

    @property
    def line(self) -> str:
        """One line that names the operand, what is allowed and what was given."""
        if self.truth is Truth.UNDETERMINED:
            return f"{self.text}: {self.note}"
        given = "" if isinstance(self.item, model.LogicalConstraint) else self.given
        return f"{self.text}: given {given}" if given else self.text

    def leaves(self) -> Iterator[ConditionResult]:
        """Yield the atomic results below, or this one when it is atomic."""
        if not self.children:
            yield self
        for child in self.children:
            yield from child.leaves()


@frozen
class DutyResult:
    """Where one duty of a permission, an obligation, a consequence or a remedy stands.

    `acts` fulfilled it, in time order; `gates` say whether anything has to be done at all;
    `instances` are the occasions, oldest first; `consequences` are due once it was violated, which
    is `settled` once it was done late, and every consequence. `note`: why it is Undetermined.
    """

    path: str
    duty: model.Duty
    state: DutyState
    acts: tuple[Performed, ...] = ()
    gates: tuple[ConditionResult, ...] = ()
    instances: tuple[Instance, ...] = ()
    consequences: tuple[DutyResult, ...] = ()
    settled: bool = False
    note: str = ""

    @property
    def open(self) -> bool:
        """Whether something is still to be done, or to be made good."""
        if self.settled:  # what was violated is made good; a later occasion may be open
            return any(item.state is DutyState.DUE for item in self.instances)
        return self.state not in {DutyState.FULFILLED, DutyState.INACTIVE}

    @property
    def overdue(self) -> bool:
        """Whether something should have been done by now, so that it may stand in the way."""
        return self.open and self.state is not DutyState.DUE

    @property
    def line(self) -> str:
        """One line that says where it stands."""
        return f"duty {self.path} is {self.state.value}" + (f": {self.note}" if self.note else "")


@frozen
class Violation:
    """A prohibited act that was carried out, and what is due for it (IM 2.6.7)."""

    act: Performed
    remedies: tuple[DutyResult, ...] = ()


@frozen
class RuleResult:
    """How one permission or prohibition bears on the request.

    It `concerns` this action, party and target, or not, and `applies` where its conditions hold as
    well. `effect` counts the duties of a permission, too; `violations` of a prohibition are by what
    was done before.
    """

    path: str
    rule: model.Rule
    concerns: Truth
    applies: Truth
    effect: Effect
    premises: tuple[ConditionResult, ...]
    constraints: tuple[ConditionResult, ...] = ()
    refinements: tuple[ConditionResult, ...] = ()
    duties: tuple[DutyResult, ...] = ()
    violations: tuple[Violation, ...] = ()

    @property
    def conditions(self) -> tuple[ConditionResult, ...]:
        """Constraints and refinements."""
        return (*self.constraints, *self.refinements)

    def failures(self) -> Iterator[ConditionResult]:
        """Yield the premises and atomic conditions that are not True.

        A logical constraint that fails although each of its parts is True (`xone`, `andSequence`)
        is yielded itself.
        """
        for result in (*self.premises, *self.conditions):
            if result.truth is not Truth.TRUE:
                failed = [leaf for leaf in result.leaves() if leaf.truth is not Truth.TRUE]
                yield from failed or [result]

    def lacking(self) -> int:
        """Return how many premises, conditions and duties of a permission fail."""
        return sum(1 for _ in self.failures()) + sum(duty.overdue for duty in self.duties)


@frozen
class Decision:
    """The answer to a request, which is true where it may go ahead.

    Attributes:
        because: one line each, most important first; empty: what the nearest permission lacks.
        rules: every permission and prohibition, in order of the policy.
        due: duties, obligations, consequences and remedies still to be done.
        void: whether a conflict made the whole policy void.
        obligations: every obligation of the policy, wherever it stands.
    """

    granted: bool
    because: tuple[str, ...] = ()
    rules: tuple[RuleResult, ...] = ()
    due: tuple[DutyResult, ...] = ()
    void: bool = False
    obligations: tuple[DutyResult, ...] = ()

    def __bool__(self) -> bool:
        return self.granted

    @property
    def reasons(self) -> tuple[str, ...]:
        """One line each, most important first; else what the nearest permission lacks."""
        permissions = [item for item in self.rules if isinstance(item.rule, model.Permission)]
        if self.because or not permissions:
            return self.because or ("nothing is permitted",)
        nearest = min(permissions, key=_distance)
        overdue = [duty.line for duty in nearest.duties if duty.overdue]
        lines = (*(item.line for item in nearest.failures()), *overdue)
        return lines or ("nothing is permitted",)

    @property
    def missing(self) -> tuple[str, ...]:
        """Left operands (IRIs) of which nobody stated a value, and that mattered, sorted."""
        concerned = (result for result in self.rules if result.concerns is not Truth.FALSE)
        leaves = (leaf for result in concerned for leaf in result.failures() if not leaf.values)
        names = {
            leaf.item.left
            for leaf in leaves
            if leaf.truth is Truth.UNDETERMINED and isinstance(leaf.item, model.Constraint)
            if not leaf.why.endswith(UNKNOWN_OPERAND)
        }
        return tuple(sorted(names))


def _distance(result: RuleResult) -> tuple[int, int]:
    """Order permissions by how little keeps them from granting: premises first."""
    premises = sum(item.truth is not Truth.TRUE for item in result.premises)
    return premises, sum(1 for _ in result.failures())
