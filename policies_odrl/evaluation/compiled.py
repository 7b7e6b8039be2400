"""A policy prepared for many decisions: the same answers as `evaluate`, for less.

Rules are found by action, target and assignee. Conditions are prepared once; where one cannot be
(collections, counts, clocks) and is not False, its rule is evaluated whole, and so are duties.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from itertools import product
from typing import Final, NamedTuple

from policies_odrl import model
from policies_odrl.evaluation import evaluate as whole
from policies_odrl.evaluation.acts import Limit
from policies_odrl.evaluation.conditions import JOIN, collections_of, containers
from policies_odrl.evaluation.deontic import Effect
from policies_odrl.evaluation.operands import check
from policies_odrl.evaluation.request import DATE_TIME, Case, Facts, Mode, Request
from policies_odrl.knowledge import NOTHING_MORE, Knowledge
from policies_odrl.logic import Truth, all_of, any_of
from policies_odrl.model import Operator
from policies_odrl.values import span
from policies_odrl.vocabulary import Kind, same_action

Test = Callable[[Request, Facts], Truth]

MOST_KEPT: Final = 4096  # answers to "which rules can apply", of one policy
ANY: Final = ""  # in a key: whatever is asked for
_NO_FACTS: Final = Facts()
_BOUNDS: Final = frozenset({Operator.LT, Operator.LTEQ, Operator.GT, Operator.GTEQ})
_STATEFUL: Final = frozenset({Kind.COUNT, Kind.DURATION, Kind.EVENT})

# By what a rule is found: whether it prohibits, its action, target and assignee.
_Key = tuple[bool, str, str, str]


class _Place(NamedTuple):
    """A rule, where it stands, what has to hold for it, and whether nothing else has to."""

    path: str
    rule: model.Permission | model.Prohibition
    tests: tuple[Test, ...]
    plain: bool


_Found = tuple[list[_Place], list[_Place]]  # permissions and prohibitions that can apply


class CompiledPolicy:
    """A policy prepared for many decisions, safe to share between threads.

    The arguments are those of `evaluate`. Facts with other knowledge than was given here are
    evaluated whole.
    """

    def __init__(
        self,
        policy: model.Policy,
        knowledge: Knowledge = NOTHING_MORE,
        *,
        mode: Mode = Mode.W3C,
        tentative: bool = False,
    ) -> None:
        self.policy = policy
        self._knowledge = knowledge
        self._mode = mode
        self._tentative = tentative
        self._refusal = whole.unusable(policy, knowledge, mode, tentative=tentative)
        self._vague = collections_of(policy) if policy.prohibitions else frozenset[str]()
        self._kept: dict[tuple[str, str | None, str], _Found] = {}
        self._places: dict[_Key, list[_Place]] = {}
        for path, rule in policy.rules():
            if isinstance(rule, model.Permission | model.Prohibition):
                key, plain = _key(policy, rule)
                lifted = isinstance(rule, model.Prohibition) and rule.unread  # its conditions
                items = () if lifted else (*rule.constraints, *rule.action.refinements)
                plain &= all(_preparable(it, knowledge) for _, it in model.conditions(items, ""))
                tests = tuple(_test(item, knowledge) for item in items)
                self._places.setdefault(key, []).append(_Place(path, rule, tests, plain))
        self._all: _Found = [], []
        for (bans, *_), found in self._places.items():
            self._all[bans].extend(place._replace(plain=False) for place in found)
        self._banned = frozenset(action for bans, action, *_ in self._places if bans)
        self._needs_target = any(target for *_, target, _ in self._places)
        self._needs_party = any(party for *_, party in self._places)

    def permits(self, request: Request, facts: Facts = _NO_FACTS) -> bool:
        """Return whether the policy lets the request go ahead: `evaluate(…).granted`."""
        if facts.knowledge is not self._knowledge:
            return whole.evaluate(
                self.policy, request, facts, mode=self._mode, tentative=self._tentative
            ).granted
        cases: list[Case] = []  # at most one, where a rule has to be evaluated whole
        permits, bans = ([], []) if self._refusal else self._applicable(request, facts)
        if not any(self._applies(it, request, facts, cases) is Truth.TRUE for it in permits):
            return False
        if not bans:
            return True
        prohibited = any_of(self._applies(it, request, facts, cases) for it in bans)
        return whole.resolve(self.policy.conflict, permitted=True, prohibited=prohibited).granted

    def _applicable(self, request: Request, facts: Facts) -> _Found:
        """Return the rules that can apply; all, to be evaluated whole, where that is not known."""
        # what a prohibition is about may lie inside what is asked for
        vague = self._vague if not facts.members else self._vague | facts.members.keys()
        if request.target in vague or request.assignee in vague:
            return self._all
        if facts.members:
            return self._looked_up(request, facts.members)
        key = (request.action, request.target, request.assignee)
        found = self._kept.get(key)
        if found is None:
            if len(self._kept) >= MOST_KEPT:
                self._kept.clear()
            found = self._kept[key] = self._looked_up(request, {})
        return found

    def _looked_up(self, request: Request, members: Mapping[str, frozenset[str]]) -> _Found:
        target, party, known = request.target or "", request.assignee, self._knowledge
        unnamed = (self._needs_target and not target) or (self._needs_party and not party)
        if unnamed or not known.known_action(request.action):
            return self._all
        wider, asked = known.wider_actions(request.action), same_action(request.action)
        narrower = frozenset(  # prohibited actions that the one asked for includes, or may include
            ruled
            for ruled in self._banned - wider - {ANY}
            if asked in known.wider_actions(ruled) or not known.known_action(ruled)
        )

        targets, parties = ({*containers(members, it), ANY} for it in (target, party))

        def places(actions: Iterable[str], *, bans: bool) -> list[_Place]:
            keys = product((bans,), actions, targets, parties)
            return [place for key in keys for place in self._places.get(key, ())]

        permits, prohibits = places({*wider, ANY}, bans=False), places({*wider, ANY}, bans=True)
        unclear: Test = lambda *_: Truth.UNDETERMINED  # noqa: E731 - what is prohibited is a part
        partly = places(narrower, bans=True)
        partly = [place._replace(tests=(*place.tests, unclear)) for place in partly]
        return permits, [*prohibits, *partly]

    def _applies(self, place: _Place, request: Request, facts: Facts, cases: list[Case]) -> Truth:
        """Return whether a prohibition applies, or a permission grants."""
        truth = all_of([test(request, facts) for test in place.tests])
        if place.plain or truth is Truth.FALSE:  # in Kleene's logic, whatever else is found
            return truth
        if not cases:
            cases.append(Case.of(self.policy, request, facts, self._mode, self._vague))
        result = whole.rule_result(place.rule, place.path, cases[0])
        permits = isinstance(place.rule, model.Permission)
        return Truth.of(result.effect is Effect.GRANTS) if permits else result.applies


def _key(policy: model.Policy, rule: model.Permission | model.Prohibition) -> tuple[_Key, bool]:
    """Return by which names a rule is found, and whether that is all there is to its premises."""
    assignee, bans = policy.assignee_of(rule), isinstance(rule, model.Prohibition)
    action = same_action(rule.action.id) if rule.action.id else ANY
    duties = rule.duties if isinstance(rule, model.Permission) else ()
    plain = action != ANY and not (rule.unread or duties)
    names = []
    for item in (policy.target_of(rule), assignee):
        single = item and not (item.collection or item.source or item.refinements)
        names.append(item.id if item and single else ANY)
        plain = plain and (item is None or names[-1] != ANY)
    target, party = names
    return (bans, action, target, party), plain


def _preparable(item: model.Condition, knowledge: Knowledge) -> bool:
    """Return whether a condition, but for those within it, can be judged without the case."""
    if isinstance(item, model.LogicalConstraint):
        return bool(item.operands) and item.connective in JOIN
    operand = knowledge.operand(item.left)
    stateful = operand is None or operand.kind in _STATEFUL
    return not stateful and len(knowledge.names(item.left)) == 1


def _test(item: model.Condition, knowledge: Knowledge) -> Test:
    """Return a condition as a function; what only a whole evaluation can judge is Undetermined."""
    if not _preparable(item, knowledge):
        return lambda *_: Truth.UNDETERMINED
    if isinstance(item, model.LogicalConstraint):
        join, tests = JOIN[item.connective], [_test(it, knowledge) for it in item.operands]
        return lambda request, facts: join(test(request, facts) for test in tests)
    operand = knowledge.operand(item.left)
    left = item.left
    by_node = left == DATE_TIME or (operand is not None and operand.by_node)

    def general(request: Request, facts: Facts) -> Truth:
        values = facts.values.get(left)
        if values is None:  # what only the node states is not the request's
            values = facts.values_of(left, request) if by_node else request.facts.get(left, ())
        return check(item, values, knowledge)[0]

    return _timed(item, general) if left == DATE_TIME else general


def _timed(item: model.Constraint, general: Test) -> Test:
    """Return a test of the time now; stated times are left to the general one."""
    bound = span(item.right[0]) if len(item.right) == 1 and not item.unit else None
    until = item.operator in {Operator.LT, Operator.LTEQ}
    if bound is None or item.reference or item.operator not in _BOUNDS:
        return general
    if item.operator in {Operator.LT, Operator.GTEQ}:
        limit = Limit(bound.start, inclusive=False)
    else:
        limit = Limit(bound.end, inclusive=bound.start == bound.end)

    late, timely = (Truth.FALSE, Truth.TRUE) if until else (Truth.TRUE, Truth.FALSE)

    def against(request: Request, facts: Facts) -> Truth:
        if facts.now is None or DATE_TIME in facts.values:
            return general(request, facts)
        return late if limit.passed(facts.now) else timely

    return against


compile_policy = CompiledPolicy
