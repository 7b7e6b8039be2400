"""A policy prepared for many decisions: the same answers as `evaluate`, for less.

Rules are found by action, target and assignee, so that work grows with the rules that can apply.
Their conditions are prepared once, as tests that ask `operands.check`. Whatever cannot be prepared
is evaluated whole. Duties, collections, counts and clocks are always judged anew.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final

from policies_odrl import model
from policies_odrl.evaluation import evaluate as whole
from policies_odrl.evaluation.case import Case, Mode, containers
from policies_odrl.evaluation.conditions import JOIN, collections_of
from policies_odrl.evaluation.deontic import Effect
from policies_odrl.evaluation.operands import check
from policies_odrl.evaluation.request import DATE_TIME, Facts, Request, names_of
from policies_odrl.knowledge import NOTHING_MORE, Knowledge
from policies_odrl.logic import Truth, any_of
from policies_odrl.values import span
from policies_odrl.vocabulary import Kind, implied_actions, same_action

_Rule = model.Permission | model.Prohibition
Test = Callable[[Request, Facts], Truth]

MOST_KEPT: Final = 4096  # answers to "which rules can apply", of one policy
ANY: Final = ""  # in a key: whatever is asked for
_NO_FACTS: Final = Facts()
_STATEFUL: Final = frozenset({Kind.COUNT, Kind.DURATION, Kind.EVENT})
# Operator -> whether the bound itself still counts as before, and whether the answer is turned.
_IN_TIME: Final[Mapping[model.Operator, tuple[bool, bool]]] = {
    model.Operator.LT: (False, False),
    model.Operator.LTEQ: (True, False),
    model.Operator.GT: (True, True),
    model.Operator.GTEQ: (False, True),
}


class _Place:
    """A rule and where it stands; `plain` when it is about what its key says, and nothing else."""

    __slots__ = ("_plain", "_tests", "path", "position", "rule")

    def __init__(self, path: str, position: int, rule: _Rule, *, plain: bool) -> None:
        self.path = path
        self.position = position
        self.rule = rule
        self._plain = plain
        self._tests: tuple[Test, ...] | None = None

    def tests(self, knowledge: Knowledge) -> tuple[Test, ...] | None:
        """Return what has to hold for the rule; None where it has to be evaluated whole."""
        if self._plain and self._tests is None:
            items = (*self.rule.constraints, *self.rule.action.refinements)
            made = [_prepared(item, knowledge) for item in items]
            found = tuple(test for test in made if test is not None)
            self._plain = len(found) == len(made)
            self._tests = found if self._plain else None
        return self._tests


# A rule that can apply, its tests, and what it comes to where all of them hold.
_Applicable = tuple[_Place, tuple[Test, ...] | None, Truth]
_Found = tuple[list[_Applicable], list[_Applicable]]  # permissions, prohibitions


class _Index:
    """Rules of one kind, by what they are about."""

    def __init__(self, policy: model.Policy, name: str, rules: Sequence[_Rule]) -> None:
        self._found: dict[tuple[str, str, str], list[_Place]] = {}
        for position, rule in enumerate(rules):
            key, plain = _key(policy, rule)
            place = _Place(f"/{name}/{position}", position, rule, plain=plain)
            self._found.setdefault(key, []).append(place)
        self.actions = frozenset(action for action, _, _ in self._found)
        self.names_targets = any(target for _, target, _ in self._found)
        self.names_parties = any(party for _, _, party in self._found)

    def of(
        self, actions: Iterable[str], targets: Iterable[str], parties: Iterable[str]
    ) -> list[_Place]:
        """Return the rules about one of the actions, targets and parties, in order."""
        keys = {
            (action, target, party)
            for action in (*actions, ANY)
            for target in (*targets, ANY)
            for party in (*parties, ANY)
        }
        found = [place for key in keys for place in self._found.get(key, ())]
        return sorted(found, key=lambda place: place.position)


class CompiledPolicy:
    """A policy prepared for many decisions, safe to share between threads.

    The arguments are those of `evaluate`. Facts with other knowledge than was given here are
    evaluated whole.

    >>> reading = model.Permission(action=model.Action(model.ODRL + "read"))
    >>> kind = model.PolicyKind.SET
    >>> policy = compile_policy(model.Policy(kind=kind, permissions=(reading,)))
    >>> policy.permits(Request(model.ODRL + "read")), policy.permits(Request(model.ODRL + "print"))
    (True, False)
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
        self._refusal = whole.unusable(policy, tentative=tentative, profiles=knowledge.profiles)
        self._permissions = _Index(policy, "permission", policy.permissions)
        self._prohibitions = _Index(policy, "prohibition", policy.prohibitions)
        self._vague = collections_of(policy) if policy.prohibitions else frozenset[str]()
        self._kept: dict[tuple[str, str | None, str], _Found] = {}
        self._needs_target = self._permissions.names_targets or self._prohibitions.names_targets
        self._needs_party = self._permissions.names_parties or self._prohibitions.names_parties

    def permits(self, request: Request, facts: Facts = _NO_FACTS) -> bool:
        """Return whether the policy lets the request go ahead: `evaluate(…).granted`."""
        found = self._applicable(request, facts)
        if found is None:
            return whole.evaluate(
                self.policy, request, facts, mode=self._mode, tentative=self._tentative
            ).granted
        permits, prohibits = found
        if not any(self._applies(item, request, facts) is Truth.TRUE for item in permits):
            return False
        prohibited = any_of(self._applies(item, request, facts) for item in prohibits)
        return whole.resolve(self.policy.conflict, permitted=True, prohibited=prohibited).granted

    def _applicable(self, request: Request, facts: Facts) -> _Found | None:
        """Return the rules that can apply; None where the policy has to be evaluated whole."""
        held = facts.members
        if self._refusal or facts.knowledge is not self._knowledge:
            return None
        # what a prohibition is about may lie inside what is asked for
        if request.target in self._vague or request.assignee in self._vague:
            return None
        if held:
            inside = request.target in held or request.assignee in held
            return None if inside else self._looked_up(request, facts)
        key = (request.action, request.target, request.assignee)
        found = self._kept.get(key)
        if found is None:
            found = self._looked_up(request, facts)
            if len(self._kept) >= MOST_KEPT:
                self._kept.clear()
            if found is not None:
                self._kept[key] = found
        return found

    def _looked_up(self, request: Request, facts: Facts) -> _Found | None:
        target, party, known = request.target or "", request.assignee, self._knowledge
        unnamed = (self._needs_target and not target) or (self._needs_party and not party)
        if unnamed or not known.known_action(request.action):
            return None
        targets = containers(facts.members, target) if target else ()
        parties = containers(facts.members, party) if party else ()
        wider = known.wider_actions(request.action)
        implied = wider | implied_actions(request.action)
        asked = same_action(request.action)
        narrower = frozenset(  # prohibited actions that the one asked for includes, or may include
            ruled
            for ruled in self._prohibitions.actions - implied - {ANY}
            if asked in known.wider_actions(ruled) or not known.known_action(ruled)
        )
        permits = self._permissions.of(wider, targets, parties)
        bans = self._prohibitions.of(implied | narrower, targets, parties)
        broader = [same_action(place.rule.action.id) in narrower for place in bans]
        return [(place, place.tests(known), Truth.TRUE) for place in permits], [
            (place, place.tests(known), Truth.UNDETERMINED if over else Truth.TRUE)
            for place, over in zip(bans, broader, strict=True)
        ]

    def _applies(self, item: _Applicable, request: Request, facts: Facts) -> Truth:
        """Return whether a prohibition applies, or a permission grants."""
        place, tests, outcome = item
        if tests is None:
            case = Case.of(self.policy, request, facts, self._mode)
            result = whole.rule_result(place.rule, place.path, case)
            permits = isinstance(place.rule, model.Permission)
            return Truth.of(result.effect is Effect.GRANTS) if permits else result.applies
        for test in tests:
            truth = test(request, facts)
            if truth is Truth.FALSE:
                return truth
            if truth is Truth.UNDETERMINED:
                outcome = truth
        return outcome


def _key(
    policy: model.Policy, rule: model.Permission | model.Prohibition
) -> tuple[tuple[str, str, str], bool]:
    """Return by which names a rule is found, and whether that is all there is to its premises."""
    assignee = policy.assignee_of(rule)
    target, one_target = _named(policy.target_of(rule))
    party, one_party = _named(assignee)
    action = same_action(rule.action.id) if rule.action.id else ANY
    binds_nobody = assignee is None and policy.kind is model.PolicyKind.AGREEMENT
    judged = rule.unread or action == ANY or (isinstance(rule, model.Permission) and rule.duties)
    return (action, target, party), one_target and one_party and not (binds_nobody or judged)


def _named(item: model.AssetRef | model.PartyRef | None) -> tuple[str, bool]:
    if item is None:
        return ANY, True
    if item.collection or item.source or item.refinements or not item.id:
        return ANY, False
    return item.id, True


# -- conditions as functions --------------------------------------------------------------------


def _prepared(item: model.Condition, knowledge: Knowledge) -> Test | None:
    """Return a condition as a function, or None where only a whole evaluation can judge it."""
    if isinstance(item, model.LogicalConstraint):
        return _joined(item, knowledge)
    operand = knowledge.operand(item.left)
    if operand is None or operand.kind in _STATEFUL or len(names_of(item.left, knowledge)) > 1:
        return None
    left, by_node = item.left, item.left == DATE_TIME or operand.by_node

    def general(request: Request, facts: Facts) -> Truth:
        values = facts.values.get(left)
        if values is None:  # what only the node states is not the request's
            values = facts.values_of(left, request) if by_node else request.facts.get(left, ())
        return check(item, values, knowledge)[0]

    return _timed(item, general) if left == DATE_TIME else general


def _joined(item: model.LogicalConstraint, knowledge: Knowledge) -> Test | None:
    join = JOIN.get(item.connective)
    parts = [_prepared(part, knowledge) for part in item.operands]
    tests = [part for part in parts if part is not None]
    if join is None or not parts or len(tests) != len(parts):
        return None

    def joined(request: Request, facts: Facts) -> Truth:
        return join(test(request, facts) for test in tests)

    return joined


def _timed(item: model.Constraint, general: Test) -> Test:
    """Return a test of the time now; stated times are left to the general one."""
    bound = span(item.right[0]) if len(item.right) == 1 and not item.unit else None
    reading = _IN_TIME.get(item.operator)
    if bound is None or reading is None or item.reference:
        return general
    or_same, turned = reading
    limit = bound.end if or_same else bound.start
    reaches = or_same and bound.start == bound.end
    earlier, later = (Truth.FALSE, Truth.TRUE) if turned else (Truth.TRUE, Truth.FALSE)

    def against(request: Request, facts: Facts) -> Truth:
        now = facts.now
        if now is None or DATE_TIME in facts.values:
            return general(request, facts)
        return earlier if now < limit or (reaches and now == limit) else later

    return against


compile_policy = CompiledPolicy
