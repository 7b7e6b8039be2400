"""Do two policies conflict? Proved yes, proved no with an example, or not to be told, and why.

What is asked follows from the rules on either side. Where both permit something: is there a request
that both grant, prohibitions taken into account? Where one only permits and the other only
prohibits: does the one permit what the other prohibits? An obligation conflicts with a prohibition
of the other side when each way to fulfil it is prohibited. Where both only prohibit or demand,
abstaining and doing satisfies them.

Rules: Conflict and Compatible are proved, on what is asserted alone; an example is checked by
evaluating both policies on it before it is given (`example.py`); duties of a permission are taken
as promised; a policy that decides nothing (replaced, or its parents not resolved) proves nothing.
What is not asserted is not assumed: two purposes that nothing declares disjoint are neither
compatible nor in conflict.
Source: arXiv 2602.19883 (Conflict, Compatible, Unknown; soundness under incomplete knowledge);
IM 2.10 and the POE wiki, Policy Conflict (permission against prohibition).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import product
from types import MappingProxyType
from typing import Final, TypeVar

from policies_odrl.algebra.budget import Budget
from policies_odrl.algebra.forms import opaque
from policies_odrl.conflicts.example import Meeting, Side, Tried, tried
from policies_odrl.conflicts.overlap import World
from policies_odrl.conflicts.times import Judge, each_alone
from policies_odrl.conflicts.verdict import Compatibility, ConflictVerdict, Example, Question
from policies_odrl.evaluation.evaluate import unusable
from policies_odrl.knowledge import Knowledge
from policies_odrl.logic import Truth
from policies_odrl.model import Policy, Rule

MAX_PAIRS: Final = 4_096  # pairs of rules that are compared
MAX_REASONS: Final = 16  # that are named

_R = TypeVar("_R", bound=Rule)

_NOTHING_MORE: Final = Knowledge()
_NO_ANCHORS: Final[Mapping[str, datetime]] = MappingProxyType({})


def conflict_between(
    left: Policy,
    right: Policy,
    knowledge: Knowledge = _NOTHING_MORE,
    *,
    anchors: Mapping[str, datetime] = _NO_ANCHORS,
    parts_as_kinds: bool = False,
    times: Judge = each_alone,
) -> ConflictVerdict:
    """Return whether two policies conflict.

    >>> from policies_odrl.model import ODRL, XSD, Action, Constraint, Literal, Operator
    >>> from policies_odrl.model import Permission, PolicyKind
    >>> def use(operator, moment):
    ...     right = (Literal(moment, XSD + "dateTime"),)
    ...     limit = Constraint(ODRL + "dateTime", Operator(operator), right)
    ...     rule = Permission(action=Action(ODRL + "use"), constraints=(limit,))
    ...     return Policy(kind=PolicyKind.SET, permissions=(rule,))
    >>> until = use("lteq", "2026-06-30T00:00:00Z")
    >>> conflict_between(until, use("gteq", "2026-07-01T00:00:00Z")).answer.value
    'Conflict'
    >>> verdict = conflict_between(until, use("gteq", "2026-06-30T00:00:00Z"))
    >>> verdict.answer.value, verdict.witness.facts.now.isoformat()
    ('Compatible', '2026-06-30T00:00:00+00:00')

    Args:
        left: one policy; inheritance must be resolved.
        right: the other one.
        knowledge: terms, hierarchies and what is disjoint, beyond the built-in ones.
        anchors: IRI of a constraint on `timeInterval` -> start of its first period, aware.
        parts_as_kinds: whether `isPartOf` and `hasPart` of a concept (a purpose) are read by the
            order of its kinds. Evaluation gives them no meaning, so that it refuses the examples
            found then; otherwise what hangs on them is Unknown.
        times: what judges instants, clocks and periods together; by itself each is judged alone,
            and what depends on two of them is Unknown.
    """
    left, right = opaque(left), opaque(right)
    unread = _unread((left, right), knowledge, Question.COMMON_USE)
    if unread is not None:
        return unread
    sides = (Side(left, 0), Side(right, 1))
    court = _Court(World(knowledge, _start(left, right), anchors, parts_as_kinds, times=times))
    if left.permissions and right.permissions:
        found = court.common_use(sides)
    elif left.permissions or right.permissions:
        permitting, other = sides if left.permissions else (sides[1], sides[0])
        found = court.clash(permitting, other) if other.policy.prohibitions else _idle(sides)
    else:
        found = _idle(sides)
    demands = [court.forbidden_duty(*pair) for pair in (sides, sides[::-1])]
    return _worst([found, *(item for item in demands if item is not None)])


def conflict_within(
    policy: Policy,
    knowledge: Knowledge = _NOTHING_MORE,
    *,
    anchors: Mapping[str, datetime] = _NO_ANCHORS,
    parts_as_kinds: bool = False,
    times: Judge = each_alone,
) -> ConflictVerdict:
    """Return whether one policy conflicts with itself.

    With prohibitions: whether it permits what it prohibits; with permissions alone: whether any
    request can satisfy one of them. Arguments as in `conflict_between`.

    >>> from policies_odrl.model import ODRL, Action, Permission, PolicyKind, Prohibition
    >>> reading = Action(ODRL + "read")
    >>> both = Policy(
    ...     kind=PolicyKind.SET,
    ...     permissions=(Permission(action=reading),),
    ...     prohibitions=(Prohibition(action=Action(ODRL + "use")),),
    ... )
    >>> conflict_within(both).answer.value
    'Conflict'
    """
    policy = opaque(policy)
    unread = _unread((policy,), knowledge, Question.GRANTS)
    if unread is not None:
        return unread
    side = Side(policy, 0)
    court = _Court(World(knowledge, _start(policy), anchors, parts_as_kinds, times=times))
    if not policy.permissions:
        found = _idle((side, side))
    elif policy.prohibitions:
        found = court.clash(side, side)
    else:
        found = court.grants(side)
    demand = court.forbidden_duty(side, side)
    return _worst([found, *([] if demand is None else [demand])])


def _unread(
    policies: Sequence[Policy], knowledge: Knowledge, question: Question
) -> ConflictVerdict | None:
    """Return Unknown where a policy says more than stands in it, so that nothing is proved."""
    for policy in policies:
        why = unusable(policy, tentative=True, profiles=knowledge.profiles)
        if why:
            return ConflictVerdict(Compatibility.UNKNOWN, question, reasons=(why,))
    return None


def _start(*policies: Policy) -> datetime | None:
    """Return the one moment at which an agreement is stated to have begun."""
    found = {moment for policy in policies if (moment := Side(policy, 0).start) is not None}
    return found.pop() if len(found) == 1 else None


def _idle(sides: Sequence[Side]) -> ConflictVerdict:
    question = Question.CLASH if sides[0] is sides[1] else Question.COMMON_USE
    return ConflictVerdict(
        Compatibility.COMPATIBLE, question, reasons=("nothing is permitted and prohibited",)
    )


_ORDER: Final = (Compatibility.CONFLICT, Compatibility.UNKNOWN, Compatibility.COMPATIBLE)


def _worst(verdicts: Sequence[ConflictVerdict]) -> ConflictVerdict:
    return min(verdicts, key=lambda item: _ORDER.index(item.answer))


@dataclass(slots=True)
class _Found:
    """What pairs of rules came to."""

    example: Example | None = None
    lacking: list[str] | None = None
    apart: list[str] | None = None

    def note(self, name: str, outcome: Tried) -> None:
        if outcome.truth is Truth.TRUE:
            self.example = outcome.example
        elif outcome.truth is Truth.UNDETERMINED:
            self.lacking = [*(self.lacking or ()), f"{name}: {outcome.why}"]
        else:
            self.apart = [*(self.apart or ()), f"{name}: {outcome.why}"]


class _Court:
    """Compares pairs of rules, with one bound on the work of all."""

    __slots__ = ("_budget", "_world")

    def __init__(self, world: World) -> None:
        self._world = world
        self._budget = Budget()

    def common_use(self, sides: tuple[Side, Side]) -> ConflictVerdict:
        """Ask whether there is a request that a permission of each grants and nothing prohibits."""
        left, right = sides
        meetings = (
            (f"{path} and {other}", Meeting(permitted=((left, mine), (right, theirs))))
            for (path, mine), (other, theirs) in product(
                _numbered("permission", left.policy.permissions),
                _numbered("permission", right.policy.permissions),
            )
        )
        count = len(left.policy.permissions) * len(right.policy.permissions)
        found = self._first(count, meetings, self._world)
        return _exists(Question.COMMON_USE, found)

    def grants(self, side: Side) -> ConflictVerdict:
        """Ask whether there is a request that a policy grants."""
        meetings = (
            (path, Meeting(permitted=((side, rule),)))
            for path, rule in _numbered("permission", side.policy.permissions)
        )
        found = self._first(len(side.policy.permissions), meetings, self._world)
        return _exists(Question.GRANTS, found)

    def clash(self, permitting: Side, prohibiting: Side) -> ConflictVerdict:
        """Ask whether a request that one permits is prohibited by the other."""
        count = len(permitting.policy.permissions) * len(prohibiting.policy.prohibitions)
        meetings = (
            (
                f"{path} and {other}",
                Meeting(permitted=((permitting, mine),), prohibited=(prohibiting, theirs)),
            )
            for (path, mine), (other, theirs) in product(
                _numbered("permission", permitting.policy.permissions),
                _numbered("prohibition", prohibiting.policy.prohibitions),
            )
        )
        found = self._first(count, meetings, replace(self._world, barring=True))
        if found.example is not None:
            return ConflictVerdict(
                Compatibility.CONFLICT,
                Question.CLASH,
                found.example,
                ("something is permitted and prohibited",),
            )
        if found.lacking:
            reasons = tuple(found.lacking[:MAX_REASONS])
            return ConflictVerdict(Compatibility.UNKNOWN, Question.CLASH, reasons=reasons)
        free = self.grants(permitting)
        reasons = tuple((found.apart or [])[:MAX_REASONS])
        return ConflictVerdict(Compatibility.COMPATIBLE, Question.CLASH, free.witness, reasons)

    def forbidden_duty(self, owing: Side, prohibiting: Side) -> ConflictVerdict | None:
        """Ask whether obligations can be met without doing what is prohibited; None: no matter."""
        duties, bans = owing.policy.obligations, prohibiting.policy.prohibitions
        if not duties or not bans:
            return None
        lacking: list[str] = []
        for path, duty in _numbered("obligation", duties):
            if self._one(1, Meeting(permitted=((owing, duty),))).truth is Truth.FALSE:
                continue
            meeting = Meeting(permitted=((owing, duty),), clear_of=(prohibiting,))
            outcome = self._one(len(bans), meeting)
            if outcome.truth is Truth.FALSE:
                reason = f"{path}: each way to do it is prohibited ({outcome.why})"
                return ConflictVerdict(
                    Compatibility.CONFLICT, Question.FORBIDDEN_DUTY, reasons=(reason,)
                )
            if outcome.truth is Truth.UNDETERMINED:
                lacking.append(f"{path}: {outcome.why}")
        answer = Compatibility.UNKNOWN if lacking else Compatibility.COMPATIBLE
        return ConflictVerdict(
            answer, Question.FORBIDDEN_DUTY, reasons=tuple(lacking[:MAX_REASONS])
        )

    def _first(self, count: int, meetings: Iterator[tuple[str, Meeting]], world: World) -> _Found:
        """Return what the first meeting that takes place came to, or what all others did."""
        found = _Found()
        if count > MAX_PAIRS:
            found.lacking = [f"more than {MAX_PAIRS} pairs of rules to compare"]
            return found
        for name, meeting in meetings:
            found.note(name, tried(meeting, world, self._budget))
            if found.example is not None or self._budget.spent:
                break
        return found

    def _one(self, count: int, meeting: Meeting) -> Tried:
        if count > MAX_PAIRS:
            return Tried(Truth.UNDETERMINED, why=f"more than {MAX_PAIRS} pairs of rules to compare")
        return tried(meeting, self._world, self._budget)


def _exists(question: Question, found: _Found) -> ConflictVerdict:
    if found.example is not None:
        return ConflictVerdict(Compatibility.COMPATIBLE, question, found.example)
    if found.lacking:
        reasons = tuple(found.lacking[:MAX_REASONS])
        return ConflictVerdict(Compatibility.UNKNOWN, question, reasons=reasons)
    reasons = tuple((found.apart or [])[:MAX_REASONS])
    return ConflictVerdict(Compatibility.CONFLICT, question, reasons=reasons)


def _numbered(name: str, rules: Sequence[_R]) -> Iterator[tuple[str, _R]]:
    """Yield (JSON pointer, rule)."""
    return ((f"/{name}/{index}", rule) for index, rule in enumerate(rules))
