"""Do two policies conflict? Proved yes, proved no with an example, or not to be told, and why.

What is asked follows from the rules on either side; where both only prohibit or demand, abstaining
and doing satisfies them. What is not asserted is not assumed: two purposes that nothing declares
disjoint are neither compatible nor in conflict.
Source: arXiv 2602.19883 (Conflict, Compatible, Unknown; soundness under incomplete knowledge);
IM 2.10 and the POE wiki, Policy Conflict (permission against prohibition).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from itertools import islice, product
from typing import Final, TypeVar

from policies_odrl.algebra.extent import Reading
from policies_odrl.algebra.forms import opaque
from policies_odrl.conflicts.example import Example, Meeting, Side, tried
from policies_odrl.conflicts.overlap import World
from policies_odrl.evaluation.evaluate import unusable
from policies_odrl.knowledge import NOTHING_MORE, Knowledge
from policies_odrl.logic import Judged, Truth
from policies_odrl.model import XSD, Duty, Literal, Permission, Policy, Prohibition, Rule
from policies_odrl.values import span

MAX_PAIRS: Final = 4_096  # pairs of rules that are compared
MAX_REASONS: Final = 16  # that are named
_TOO_MANY: Final = f"more than {MAX_PAIRS} pairs of rules to compare"
_R = TypeVar("_R", bound=Rule)


class Compatibility(Judged, Enum):
    """Whether two policies go together."""

    CONFLICT = "Conflict"
    COMPATIBLE = "Compatible"
    UNKNOWN = "Unknown"


@dataclass(frozen=True, slots=True)
class ConflictVerdict(Judged):
    """Whether two policies conflict.

    Attributes:
        answer: Conflict and Compatible are proved, Unknown names the fact that is lacking.
        witness: with Compatible, a request that is granted, where something is permitted and such
            a request was found; with Conflict, where one permits what the other prohibits, an
            example in which they meet; None otherwise.
        reasons: why, one line for each pair of rules, where there is something to tell.
    """

    answer: Compatibility
    witness: Example | None = None
    reasons: tuple[str, ...] = ()


def conflict_between(
    left: Policy, right: Policy, knowledge: Knowledge = NOTHING_MORE
) -> ConflictVerdict:
    """Return whether two policies, whose inheritance is resolved, conflict.

    >>> from policies_odrl.model import ODRL, Action, PolicyKind
    >>> def may(action):
    ...     rule = Permission(action=Action(ODRL + action))
    ...     return Policy(kind=PolicyKind.SET, permissions=(rule,))
    >>> conflict_between(may("read"), may("print")).answer.value
    'Conflict'
    >>> verdict = conflict_between(may("read"), may("use"))
    >>> verdict.answer.value, verdict.witness.request.action == ODRL + "read"
    ('Compatible', True)
    """
    return judged((left, right), World(Reading(knowledge, asserted=True)))


def conflict_within(policy: Policy, knowledge: Knowledge = NOTHING_MORE) -> ConflictVerdict:
    """Return whether one policy conflicts with itself.

    With prohibitions: whether it permits what it prohibits; with permissions alone: whether any
    request can satisfy one of them.
    """
    return judged((policy,), World(Reading(knowledge, asserted=True)))


def judged(policies: Sequence[Policy], world: World) -> ConflictVerdict:
    """Return whether one policy or two conflict; see `conflict_between`.

    The start of an agreement is read from the policies.
    """
    for policy in policies:  # it says more than stands in it, so that nothing is proved
        why = unusable(policy, tentative=True, profiles=world.reading.knowledge.profiles)
        if why:
            return ConflictVerdict(Compatibility.UNKNOWN, reasons=(why,))
    stated = {span(Literal(it.timestamp, XSD + "dateTime")) for it in policies if it.timestamp}
    starts = {found.start for found in stated if found}
    world = replace(world, start=starts.pop() if len(starts) == 1 else None)
    sides = [Side(opaque(policy), number) for number, policy in enumerate(policies)]
    one, two = sides[0], sides[-1]
    permitting = [side for side in sides if side.policy.permissions]
    if len(permitting) == len(sides) and (one is not two or not one.policy.prohibitions):
        found = _common_use(sides, world)
    else:
        found = _clash(*((one, two) if one.policy.permissions else (two, one)), world)
    demands = [_forbidden_duty(*pair, world) for pair in zip(sides, reversed(sides), strict=True)]
    gravest = (Compatibility.CONFLICT, Compatibility.UNKNOWN, Compatibility.COMPATIBLE)
    return min((found, *demands), key=lambda item: gravest.index(item.answer))


# -- the questions -------------------------------------------------------------------------------


def _common_use(sides: Sequence[Side], world: World) -> ConflictVerdict:
    """Ask whether there is a request that a permission of each grants and nothing prohibits."""
    meetings = (
        (
            " and ".join(path for path, _ in pair),
            Meeting(tuple((side, rule) for side, (_, rule) in zip(sides, pair, strict=True))),
        )
        for pair in product(*(_of(side, Permission) for side in sides))
    )
    return _verdict(meetings, Compatibility.COMPATIBLE, world)


def _clash(permitting: Side, prohibiting: Side, world: World) -> ConflictVerdict:
    """Ask whether a request that one permits is prohibited by the other."""
    if not permitting.policy.permissions or not prohibiting.policy.prohibitions:
        reasons = ("nothing is permitted and prohibited",)
        return ConflictVerdict(Compatibility.COMPATIBLE, reasons=reasons)
    pairs = product(_of(permitting, Permission), _of(prohibiting, Prohibition))
    meetings = (
        (f"{path} and {other}", Meeting(((permitting, mine),), (prohibiting, theirs)))
        for (path, mine), (other, theirs) in pairs
    )
    found = _verdict(meetings, Compatibility.CONFLICT, replace(world, barring=True))
    if found.answer is Compatibility.CONFLICT:
        return replace(found, reasons=("something is permitted and prohibited",))
    if found.answer is Compatibility.COMPATIBLE:
        return replace(found, witness=_common_use([permitting], world).witness)
    return found


def _forbidden_duty(owing: Side, prohibiting: Side, world: World) -> ConflictVerdict:
    """Ask whether obligations can be met without doing what is prohibited."""
    bans, lacking = prohibiting.policy.prohibitions, []
    for path, duty in _of(owing, Duty) if bans else ():
        alone = Meeting(permitted=((owing, duty),))
        if tried(alone, world).truth is Truth.FALSE:
            continue
        if len(bans) > MAX_PAIRS:
            lacking.append(f"{path}: {_TOO_MANY}")
            continue
        outcome = tried(replace(alone, clear_of=(prohibiting,)), world)
        if outcome.truth is Truth.FALSE:
            why = f"{path}: each way to do it is prohibited ({outcome.why})"
            return ConflictVerdict(Compatibility.CONFLICT, reasons=(why,))
        if outcome.truth is Truth.UNDETERMINED:
            lacking.append(f"{path}: {outcome.why}")
    answer = Compatibility.UNKNOWN if lacking else Compatibility.COMPATIBLE
    return ConflictVerdict(answer, reasons=tuple(lacking[:MAX_REASONS]))


def _verdict(
    meetings: Iterable[tuple[str, Meeting]], met: Compatibility, world: World
) -> ConflictVerdict:
    """Return one answer where some meeting takes place, and the other where none can."""
    few = list(islice(meetings, MAX_PAIRS + 1))
    if len(few) > MAX_PAIRS:
        return ConflictVerdict(Compatibility.UNKNOWN, reasons=(_TOO_MANY,))
    lacking: list[str] = []
    apart: list[str] = []
    for path, meeting in few:
        outcome = tried(meeting, world)
        if outcome.truth is Truth.TRUE:
            return ConflictVerdict(met, outcome.example)
        (lacking if outcome.truth is Truth.UNDETERMINED else apart).append(f"{path}: {outcome.why}")
        if world.reading.budget.spent:
            break
    if lacking or world.reading.budget.spent:
        return ConflictVerdict(Compatibility.UNKNOWN, reasons=tuple(lacking[:MAX_REASONS]))
    never = Compatibility.COMPATIBLE if met is Compatibility.CONFLICT else Compatibility.CONFLICT
    return ConflictVerdict(never, reasons=tuple(apart[:MAX_REASONS]))


def _of(side: Side, kind: type[_R]) -> list[tuple[str, _R]]:
    """Return (JSON pointer, rule) of one kind."""
    return [(path, rule) for path, rule in side.policy.rules() if isinstance(rule, kind)]
