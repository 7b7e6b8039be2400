"""Which steps this node can execute.

Rule: what an executor does follows from its step alone. An unknown kind, version or member is
`StepUnknown`, before anything is done.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from connector.enforcement.plan import Plan, Step
from connector.enforcement.steps.training import TrainingStep
from connector.enforcement.steps.typed import Typed
from connector.enforcement.steps.where import Where
from connector.errors import StepUnknown
from federated.reading import Member

_KNOWN: Final[Mapping[tuple[str, int], type[Typed]]] = MappingProxyType(
    {(each.kind, each.version): each for each in (Where, TrainingStep)}
)


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
    return known.read(Member(dict(step.body), _refusal))


def executed(steps: tuple[Step, ...], *kinds: type[Typed]) -> tuple[Typed, ...]:
    """Return the steps of a use, which must be of these kinds, in this order, and no others.

    Raises:
        StepUnknown: they are not, or one cannot be executed: an executor skips nothing.
    """
    found = tuple(map(typed, steps))
    if tuple(map(type, found)) != kinds:
        asked, known = (", ".join(each.kind for each in part) for part in (found, kinds))
        raise StepUnknown(f"the plan has the steps {asked}, where this node executes {known}")
    return found


def spends(plan: Plan) -> tuple[float, float]:
    """Return (ε, δ) that all uses of a plan may spend per unit of privacy; zeros without noise.

    Raises:
        StepUnknown: it has a step that this node cannot execute.
    """
    found = [each for use in plan.uses for each in map(typed, use.steps)]
    noisy = [each for each in found if isinstance(each, TrainingStep)]
    return sum(each.epsilon for each in noisy), sum(each.delta for each in noisy)


def _refusal(pointer: str, fault: str) -> StepUnknown:
    return StepUnknown(f"a step of the plan {pointer or '/'}: {fault}")
