"""Do two policies conflict? Proved yes, proved no with an example, or not to be told, and why.

What is asked follows from the rules on either side; where both only prohibit or demand, abstaining
and doing satisfies them. What is not asserted is not assumed: two purposes that nothing declares
disjoint are neither compatible nor in conflict.
Source: arXiv 2602.19883 (Conflict, Compatible, Unknown; soundness under incomplete knowledge);
IM 2.10 and the POE wiki, Policy Conflict (permission against prohibition).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import islice, product
from types import MappingProxyType
from typing import Final, TypeVar

from policies_odrl.algebra.forms import opaque
from policies_odrl.conflicts.example import Meeting, Side, tried
from policies_odrl.conflicts.outcome import Outcome, unknown
from policies_odrl.conflicts.overlap import World
from policies_odrl.conflicts.times import Judge, each_alone
from policies_odrl.conflicts.verdict import Compatibility, ConflictVerdict, Example, Question
from policies_odrl.evaluation.evaluate import unusable
from policies_odrl.knowledge import NOTHING_MORE, Knowledge
from policies_odrl.logic import Truth
from policies_odrl.model import Policy, Rule

MAX_PAIRS: Final = 4_096  # pairs of rules that are compared
MAX_REASONS: Final = 16  # that are named
_TOO_MANY: Final = f"more than {MAX_PAIRS} pairs of rules to compare"

_ORDER: Final = (Compatibility.CONFLICT, Compatibility.UNKNOWN, Compatibility.COMPATIBLE)
_R = TypeVar("_R", bound=Rule)
_T = TypeVar("_T")
_NO_ANCHORS: Final[Mapping[str, datetime]] = MappingProxyType({})


def conflict_between(
    left: Policy,
    right: Policy,
    knowledge: Knowledge = NOTHING_MORE,
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
    world = World(knowledge, _start(left, right), anchors, parts_as_kinds, times=times)
    if left.permissions and right.permissions:
        found = _common_use(*sides, world)
    else:
        found = _clash(*(sides if left.permissions else sides[::-1]), world)
    demands = [_forbidden_duty(*pair, world) for pair in (sides, sides[::-1])]
    return _worst([found, *demands])


def conflict_within(
    policy: Policy,
    knowledge: Knowledge = NOTHING_MORE,
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
    world = World(knowledge, _start(policy), anchors, parts_as_kinds, times=times)
    if policy.permissions and not policy.prohibitions:
        found = _grants(side, world)
    else:
        found = _clash(side, side, world)
    return _worst([found, _forbidden_duty(side, side, world)])


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


def _worst(verdicts: Sequence[ConflictVerdict | None]) -> ConflictVerdict:
    asked = (item for item in verdicts if item is not None)
    return min(asked, key=lambda item: _ORDER.index(item.answer))


# -- the questions -------------------------------------------------------------------------------


def _common_use(left: Side, right: Side, world: World) -> ConflictVerdict:
    """Ask whether there is a request that a permission of each grants and nothing prohibits."""
    pairs = product(
        _numbered("permission", left.policy.permissions),
        _numbered("permission", right.policy.permissions),
    )
    meetings = [
        (f"{path} and {other}", Meeting(permitted=((left, mine), (right, theirs))))
        for (path, mine), (other, theirs) in _few(pairs)
    ]
    return _found(meetings, world).verdict(Question.COMMON_USE, Compatibility.COMPATIBLE)


def _grants(side: Side, world: World) -> ConflictVerdict:
    """Ask whether there is a request that a policy grants."""
    meetings = [
        (path, Meeting(permitted=((side, rule),)))
        for path, rule in _few(_numbered("permission", side.policy.permissions))
    ]
    return _found(meetings, world).verdict(Question.GRANTS, Compatibility.COMPATIBLE)


def _clash(permitting: Side, prohibiting: Side, world: World) -> ConflictVerdict:
    """Ask whether a request that one permits is prohibited by the other."""
    if not permitting.policy.permissions or not prohibiting.policy.prohibitions:
        question = Question.CLASH if permitting is prohibiting else Question.COMMON_USE
        reasons = ("nothing is permitted and prohibited",)
        return ConflictVerdict(Compatibility.COMPATIBLE, question, reasons=reasons)
    pairs = product(
        _numbered("permission", permitting.policy.permissions),
        _numbered("prohibition", prohibiting.policy.prohibitions),
    )
    meetings = [
        (
            f"{path} and {other}",
            Meeting(permitted=((permitting, mine),), prohibited=(prohibiting, theirs)),
        )
        for (path, mine), (other, theirs) in _few(pairs)
    ]
    found = _found(meetings, replace(world, barring=True))
    verdict = found.verdict(Question.CLASH, Compatibility.CONFLICT)
    if verdict.answer is Compatibility.CONFLICT:
        return replace(verdict, reasons=("something is permitted and prohibited",))
    if verdict.answer is Compatibility.COMPATIBLE:
        return replace(verdict, witness=_grants(permitting, world).witness)
    return verdict


def _forbidden_duty(owing: Side, prohibiting: Side, world: World) -> ConflictVerdict | None:
    """Ask whether obligations can be met without doing what is prohibited; None: no matter."""
    duties, bans = owing.policy.obligations, prohibiting.policy.prohibitions
    if not duties or not bans:
        return None
    lacking: list[str] = []
    for path, duty in _numbered("obligation", duties):
        alone = Meeting(permitted=((owing, duty),))
        if tried(alone, world).truth is Truth.FALSE:
            continue
        clear = replace(alone, clear_of=(prohibiting,))
        outcome = tried(clear, world) if len(bans) <= MAX_PAIRS else unknown(_TOO_MANY)
        if outcome.truth is Truth.FALSE:
            reasons = (f"{path}: each way to do it is prohibited ({outcome.why})",)
            return ConflictVerdict(Compatibility.CONFLICT, Question.FORBIDDEN_DUTY, None, reasons)
        if outcome.truth is Truth.UNDETERMINED:
            lacking.append(f"{path}: {outcome.why}")
    found = _Found(lacking=lacking)
    return found.verdict(Question.FORBIDDEN_DUTY, Compatibility.CONFLICT)


# -- pairs of rules ------------------------------------------------------------------------------


@dataclass(slots=True)
class _Found:
    """What meetings came to: the first that takes place, or what kept all others from it."""

    example: Example | None = None
    lacking: list[str] = field(default_factory=list)
    apart: list[str] = field(default_factory=list)

    def note(self, name: str, outcome: Outcome) -> None:
        if outcome.truth is Truth.TRUE:
            self.example = outcome.example
        else:
            kept = self.lacking if outcome.truth is Truth.UNDETERMINED else self.apart
            kept.append(f"{name}: {outcome.why}")

    def verdict(self, question: Question, met: Compatibility) -> ConflictVerdict:
        """Return the verdict, where meeting means one answer and that none does the other."""
        never = {Compatibility.CONFLICT, Compatibility.COMPATIBLE} - {met}
        if self.example is not None:
            return ConflictVerdict(met, question, self.example)
        answer = Compatibility.UNKNOWN if self.lacking else never.pop()
        reasons = (self.lacking or self.apart)[:MAX_REASONS]
        return ConflictVerdict(answer, question, reasons=tuple(reasons))


def _found(meetings: Sequence[tuple[str, Meeting]], world: World) -> _Found:
    """Return what the first meeting that takes place came to, or what all others did."""
    if len(meetings) > MAX_PAIRS:
        return _Found(lacking=[_TOO_MANY])
    found = _Found()
    for name, meeting in meetings:
        found.note(name, tried(meeting, world))
        if found.example is not None or world.budget.spent:
            break
    return found


def _few(items: Iterable[_T]) -> Iterator[_T]:
    """Yield no more than what is compared, and one that tells that there are more."""
    return islice(items, MAX_PAIRS + 1)


def _numbered(name: str, rules: Sequence[_R]) -> Iterator[tuple[str, _R]]:
    """Yield (JSON pointer, rule)."""
    return ((f"/{name}/{index}", rule) for index, rule in enumerate(rules))
