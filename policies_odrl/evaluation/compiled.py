"""A policy prepared for many decisions: the same answers as `evaluate`, for less.

Rules: whatever is prepared answers as a whole evaluation would, and where it cannot be prepared, a
whole evaluation of that rule answers; only rules that can apply are looked at. Duties, collections,
counts and clocks are always judged anew. What a policy means is `evaluate.py` and below.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from policies_odrl.evaluation.case import Case, containers
from policies_odrl.evaluation.conditions import collections_of
from policies_odrl.evaluation.conflict import resolve
from policies_odrl.evaluation.decision import Decision
from policies_odrl.evaluation.deontic import Effect
from policies_odrl.evaluation.evaluate import (
    decision_of,
    evaluate,
    permission_result,
    prohibition_result,
    unusable,
)
from policies_odrl.evaluation.fast_tests import Test, prepared
from policies_odrl.evaluation.index import Index, Place, R
from policies_odrl.evaluation.modes import Mode
from policies_odrl.evaluation.request import Facts, Request
from policies_odrl.knowledge import Knowledge
from policies_odrl.logic import Truth
from policies_odrl.model import Permission, Policy, Prohibition
from policies_odrl.vocabulary import implied_actions, same_action

MOST_KEPT: Final = 4096  # answers to "which rules can apply", of one policy
_NO_FACTS: Final = Facts()


@dataclass(frozen=True, slots=True)
class _Permits:
    """A permission that can apply; `tests` is None where it has to be evaluated whole."""

    place: Place[Permission]
    tests: tuple[Test, ...] | None


@dataclass(frozen=True, slots=True)
class _Prohibits:
    """A prohibition that can apply; `broader` when the request covers more than it."""

    place: Place[Prohibition]
    tests: tuple[Test, ...] | None
    broader: bool


@dataclass(frozen=True, slots=True)
class _Applicable:
    permits: tuple[_Permits, ...]
    prohibits: tuple[_Prohibits, ...]


class CompiledPolicy:
    """A prepared policy; see `compile_policy`. Safe to share between threads."""

    def __init__(
        self, policy: Policy, knowledge: Knowledge, mode: Mode, *, tentative: bool = False
    ) -> None:
        self._policy = policy
        self._knowledge = knowledge
        self._mode = mode
        self._tentative = tentative
        self._refusal = unusable(policy, tentative=tentative, profiles=knowledge.profiles)
        self._permissions = Index(policy, _placed("permission", policy.permissions))
        self._prohibitions = Index(policy, _placed("prohibition", policy.prohibitions))
        self._vague = collections_of(policy) if policy.prohibitions else frozenset[str]()
        self._remedies = any(rule.remedies for rule in policy.prohibitions)
        self._tests: dict[str, tuple[Test, ...] | None] = {}
        self._kept: dict[tuple[str, str | None, str], _Applicable] = {}
        self._needs_target = self._permissions.names_targets or self._prohibitions.names_targets
        self._needs_party = self._permissions.names_parties or self._prohibitions.names_parties

    @property
    def policy(self) -> Policy:
        """What was prepared."""
        return self._policy

    def permits(self, request: Request, facts: Facts = _NO_FACTS) -> bool:
        """Return whether the policy lets the request go ahead: `evaluate(…).granted`."""
        found = self._applicable(request, facts)
        if found is None:
            return self._whole(request, facts).granted
        if not any(self._grants(item, request, facts) for item in found.permits):
            return False
        prohibited = Truth.FALSE
        for rule in found.prohibits:
            applies = self._applies(rule, request, facts)
            if applies is Truth.TRUE:
                prohibited = applies
                break
            if applies is Truth.UNDETERMINED:
                prohibited = applies
        return resolve(self._policy.conflict, permitted=True, prohibited=prohibited).granted

    def decide(self, request: Request, facts: Facts = _NO_FACTS) -> Decision:
        """Return the decision with its reasons: as `evaluate`, with the rules that can apply."""
        found = self._applicable(request, facts)
        if found is None or (facts.performed and self._remedies):
            return self._whole(request, facts)  # remedies are due for other acts, too
        case = Case.of(self._policy, request, facts, self._mode)
        return decision_of(
            case,
            [permission_result(item.place.rule, item.place.path, case) for item in found.permits],
            [
                prohibition_result(item.place.rule, item.place.path, case)
                for item in found.prohibits
            ],
        )

    def _whole(self, request: Request, facts: Facts) -> Decision:
        return evaluate(self._policy, request, facts, mode=self._mode, tentative=self._tentative)

    def _applicable(self, request: Request, facts: Facts) -> _Applicable | None:
        """Return the rules that can apply; None where the policy has to be evaluated whole."""
        if self._refusal or facts.knowledge is not self._knowledge:
            return None
        if self._holds_others(request, facts):
            return None  # what a prohibition is about may lie inside what is asked for
        if facts.members:
            return self._looked_up(request, facts)
        key = (request.action, request.target, request.assignee)
        found = self._kept.get(key)
        if found is None:
            found = self._looked_up(request, facts)
            if len(self._kept) >= MOST_KEPT:
                self._kept.clear()
            if found is not None:
                self._kept[key] = found
        return found

    def _holds_others(self, request: Request, facts: Facts) -> bool:
        held = facts.members
        if held and (request.target in held or request.assignee in held):
            return True
        return request.target in self._vague or request.assignee in self._vague

    def _looked_up(self, request: Request, facts: Facts) -> _Applicable | None:
        target, party = request.target or "", request.assignee
        unnamed = (self._needs_target and not target) or (self._needs_party and not party)
        if unnamed or not self._knowledge.known_action(request.action):
            return None
        targets = containers(facts.members, target) if target else ()
        parties = containers(facts.members, party) if party else ()
        wider = self._knowledge.wider_actions(request.action)
        implied = wider | implied_actions(request.action)
        narrower = self._narrower(request.action) - implied
        permits = self._permissions.of(sorted(wider), targets, parties)
        prohibits = self._prohibitions.of(sorted(implied | narrower), targets, parties)
        return _Applicable(
            tuple(_Permits(place, self._tests_of(place)) for place in permits),
            tuple(
                _Prohibits(
                    place, self._tests_of(place), same_action(place.rule.action.id) in narrower
                )
                for place in prohibits
            ),
        )

    def _narrower(self, action: str) -> frozenset[str]:
        """Return the prohibited actions that the action asked for includes, or may include."""
        asked = same_action(action)
        return frozenset(
            ruled
            for ruled in self._prohibitions.actions
            if ruled
            and (
                asked in self._knowledge.wider_actions(ruled)
                or not self._knowledge.known_action(ruled)
            )
        )

    def _tests_of(self, place: Place[Permission] | Place[Prohibition]) -> tuple[Test, ...] | None:
        """Return what has to hold for a rule, prepared once; None where it cannot be prepared."""
        if place.path not in self._tests:
            self._tests[place.path] = self._prepare(place)
        return self._tests[place.path]

    def _prepare(self, place: Place[Permission] | Place[Prohibition]) -> tuple[Test, ...] | None:
        rule = place.rule
        if not place.plain or (isinstance(rule, Permission) and rule.duties):
            return None
        items = (*rule.constraints, *rule.action.refinements)
        tests = tuple(prepared(item, self._knowledge) for item in items)
        known = tuple(test for test in tests if test is not None)
        return known if len(known) == len(tests) else None

    def _grants(self, item: _Permits, request: Request, facts: Facts) -> bool:
        if item.tests is None:
            case = Case.of(self._policy, request, facts, self._mode)
            result = permission_result(item.place.rule, item.place.path, case)
            return result.effect is Effect.GRANTS
        for test in item.tests:  # noqa: SIM110 - a loop is half the time of `all` here
            if test(request, facts) is not Truth.TRUE:
                return False
        return True

    def _applies(self, item: _Prohibits, request: Request, facts: Facts) -> Truth:
        if item.tests is None:
            case = Case.of(self._policy, request, facts, self._mode)
            return prohibition_result(item.place.rule, item.place.path, case).applies
        outcome = Truth.UNDETERMINED if item.broader else Truth.TRUE
        for test in item.tests:
            truth = test(request, facts)
            if truth is Truth.FALSE:
                return truth
            if truth is Truth.UNDETERMINED:
                outcome = truth
        return outcome


def compile_policy(
    policy: Policy,
    knowledge: Knowledge = _NO_FACTS.knowledge,
    *,
    mode: Mode = Mode.W3C,
    tentative: bool = False,
) -> CompiledPolicy:
    """Prepare a policy for many decisions.

    >>> from policies_odrl.model import ODRL, Action, PolicyKind
    >>> reading = Permission(action=Action(ODRL + "read"))
    >>> policy = compile_policy(Policy(kind=PolicyKind.SET, permissions=(reading,)))
    >>> policy.permits(Request(ODRL + "read")), policy.permits(Request(ODRL + "print"))
    (True, False)

    Args:
        policy: see `model.py`; inheritance must be resolved.
        knowledge: terms and hierarchies; facts with other ones are evaluated whole.
        mode: see `evaluate`.
        tentative: see `evaluate`.
    """
    return CompiledPolicy(policy, knowledge, mode, tentative=tentative)


def _placed(name: str, rules: Sequence[R]) -> list[tuple[str, R]]:
    return [(f"/{name}/{index}", rule) for index, rule in enumerate(rules)]
