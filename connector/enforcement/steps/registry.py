"""Which steps this node can execute, and in which order.

Rule: what an executor does follows from its step alone. An unknown kind, version or member, or
steps in another order, is `StepUnknown`, before anything is done.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from types import MappingProxyType
from typing import Final

from connector.enforcement.plan import Plan, Step
from connector.enforcement.steps.aggregate import Aggregate
from connector.enforcement.steps.evaluating import ExactEvaluation
from connector.enforcement.steps.generalise import Generalise
from connector.enforcement.steps.minimise import Minimise
from connector.enforcement.steps.noise import Noise
from connector.enforcement.steps.pseudonymise import Pseudonymise
from connector.enforcement.steps.refer import Refer
from connector.enforcement.steps.release import Release
from connector.enforcement.steps.review import Review
from connector.enforcement.steps.summing import Sum
from connector.enforcement.steps.table import TableSteps, table_steps
from connector.enforcement.steps.training import TrainingStep
from connector.enforcement.steps.typed import Typed
from connector.enforcement.steps.where import EVALUATION, REFERRED, TRAINING, Where
from connector.errors import StepUnknown
from federated.reading import Member

_TABLE: Final = (Minimise, Pseudonymise, Generalise, Aggregate, Noise, Sum, Review, Release)
_STEPS: Final = (Where, TrainingStep, ExactEvaluation, Refer, *_TABLE)
_LATER: Final = ((Generalise, 2), (Noise, 2), (Aggregate, 2))  # versions beyond the first
_KNOWN: Final[Mapping[tuple[str, int], type[Typed]]] = MappingProxyType(
    {(each.kind, version): each for each, version in (*((it, 1) for it in _STEPS), *_LATER)}
)
_END: Final = ""
_LAST: Final = ("review", "release")
# Kind of a step -> what may come next; the first is `where`.
_NEXT: Final[Mapping[str, frozenset[str]]] = MappingProxyType(
    {
        _END: frozenset({"where"}),
        "where": frozenset({"train", "evaluate", "refer", "minimise"}),
        "train": frozenset({_END}),
        "evaluate": frozenset({_END}),
        "refer": frozenset({_END}),
        "minimise": frozenset({"train", "pseudonymise", "generalise", "aggregate", "sum", *_LAST}),
        "pseudonymise": frozenset({"generalise", "aggregate", *_LAST}),
        "generalise": frozenset({"generalise", "aggregate", *_LAST}),
        "aggregate": frozenset({"noise", *_LAST}),
        "noise": frozenset(_LAST),
        "sum": frozenset({"release"}),
        "review": frozenset({"release"}),
        "release": frozenset({_END}),
    }
)
# Where each runs, and there only.
_ALONE: Final = ((TRAINING, TrainingStep), (EVALUATION, ExactEvaluation), (REFERRED, Refer))


def signed(step: Typed) -> Step:
    """Return a typed step as it stands in a plan."""
    return Step(step.kind, step.version, step.body())


def typed(step: Step) -> Typed:
    """Return what a signed step tells an executor to do.

    Raises:
        StepUnknown: its kind, version or members are none that this node can execute.
    """
    known = _KNOWN.get((step.kind, step.version))
    if known is None:
        raise StepUnknown(f"this node cannot execute step `{step.kind}`, version {step.version}")
    found = known.read(Member(dict(step.body), _refusal))
    if found.version != step.version:
        raise StepUnknown(f"step `{step.kind}` has members of version {found.version}")
    return found


def ordered(steps: tuple[Step, ...]) -> tuple[Typed, ...]:
    """Return the steps of a use, typed, in the one order that they may have.

    Raises:
        StepUnknown: one cannot be executed, or they are in another order.
    """
    found = tuple(map(typed, steps))
    for one, after in pairwise((_END, *(each.kind for each in found), _END)):
        if after not in _NEXT[one]:
            raise StepUnknown(f"step `{after or 'end'}` cannot follow `{one or 'nothing'}`")
    for runs, kind in _ALONE:
        used = any(isinstance(each, kind) for each in found)
        for each in found:
            if isinstance(each, Where) and (each.runs == runs) != used:
                raise StepUnknown(f"a use that runs as `{each.runs}` must have other steps")
    return found


def trained(steps: tuple[Step, ...]) -> tuple[Minimise | None, TrainingStep]:
    """Return the steps of a use that trains: which columns and rows, where it says, and how.

    Raises:
        StepUnknown: they are not, or one cannot be executed: an executor skips nothing.
    """
    found = ordered(steps)
    if not isinstance(found[-1], TrainingStep):
        raise StepUnknown("this use does not train")
    return next((each for each in found if isinstance(each, Minimise)), None), found[-1]


def evaluated(steps: tuple[Step, ...]) -> ExactEvaluation:
    """Return the step of a use that evaluates without noise.

    Raises:
        StepUnknown: it has others, or one cannot be executed.
    """
    found = ordered(steps)[-1]
    if not isinstance(found, ExactEvaluation):
        raise StepUnknown("this use does not evaluate")
    return found


def asked_for(steps: tuple[Step, ...]) -> TableSteps | Refer:
    """Return the steps of a use that a consumer asks for: of a table, or to a third party.

    Raises:
        StepUnknown: they are neither, or one cannot be executed.
    """
    found = ordered(steps)
    return found[-1] if isinstance(found[-1], Refer) else table_steps(found)


def table(steps: tuple[Step, ...]) -> TableSteps:
    """Return the steps of a use that reads a table.

    Raises:
        StepUnknown: they are not, or one cannot be executed.
    """
    return table_steps(ordered(steps))


def spends(plan: Plan) -> tuple[float, float]:
    """Return (ε, δ) that all uses of a plan may spend per unit of privacy; zeros without noise.

    Raises:
        StepUnknown: it has a step that this node cannot execute.
    """
    found = [each for use in plan.uses for each in map(typed, use.steps)]
    noisy = [each for each in found if isinstance(each, TrainingStep | Noise)]
    return sum(each.epsilon for each in noisy), sum(each.delta for each in noisy)


def _refusal(pointer: str, fault: str) -> StepUnknown:
    return StepUnknown(f"a step of the plan {pointer or '/'}: {fault}")
