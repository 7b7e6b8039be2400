"""Is the policy well formed, and is it sensible?

Rules: nothing here changes what a policy means; a policy without findings may still be refused by
a node that cannot uphold it. Each finding has the path of the part, a sentence and a fix, and an
edit where the fix is mechanical. What keeps a document from being read at all is `inspection.py`,
what several policies do to one another `lint.py`. Work is bounded, and a finding says where it
ended.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from policies_odrl import text
from policies_odrl.checking import aftercare, datatypes, parties, shadows
from policies_odrl.checking.findings import (
    Change,
    Finding,
    Say,
    Severity,
    Step,
    speaker,
    unknown_term,
)
from policies_odrl.checking.satisfiability import MAX_STEPS, Satisfiability
from policies_odrl.checking.spelling import Speller
from policies_odrl.knowledge import Knowledge
from policies_odrl.model import (
    Condition,
    Connective,
    Constraint,
    Duty,
    Operator,
    Permission,
    Policy,
    Rule,
    conditions,
    duties_below,
)
from policies_odrl.reading.flat import short
from policies_odrl.vocabulary import ACTIONS, PREAU, PROFILES, SAME_ACTION

MAX_FINDINGS: Final = 500  # of one policy
BUILT_IN: Final = Knowledge()

_RANKS: Final = {item: rank for rank, item in enumerate(Severity)}  # errors first
_LIMITS: Final = frozenset({"too-large", "too-many-conditions"})  # what was left out is said
_Stated = list[tuple[str, Condition]]


def validate(
    policy: Policy, lang: str = "en", *, knowledge: Knowledge = BUILT_IN
) -> tuple[Finding, ...]:
    """Return what is wrong or questionable in a policy, in order of its parts.

    >>> from policies_odrl import Action, Permission, Policy, PolicyKind
    >>> use = Permission(action=Action("http://www.w3.org/ns/odrl/2/use"))
    >>> for item in validate(Policy(kind=PolicyKind.AGREEMENT, id="urn:a", permissions=(use,))):
    ...     print(item.severity.value, item.code, item.path)
    error missing-target /permission/0
    error missing-assigner /permission/0
    error missing-assignee /permission/0

    Args:
        policy: see `model.py`.
        lang: `en` or `fr`.
        knowledge: terms and hierarchies beyond the built-in ones.
    """
    say = speaker(lang)
    return worst(list(_Check(policy, say, knowledge).findings()), say)


def worst(found: Sequence[Finding], say: Say) -> tuple[Finding, ...]:
    """Return findings in their order, and of too many the worst, with a finding that says so.

    # INVARIANT: an error is never cut off by notes; who publishes looks for errors only.
    """
    if len(found) <= MAX_FINDINGS:
        return tuple(found)
    ranked = sorted(range(len(found)), key=lambda place: _rank(found[place]))
    kept = sorted(ranked[: MAX_FINDINGS - 1])
    return (*(found[place] for place in kept), say("", "more-findings", str(MAX_FINDINGS)))


def _rank(item: Finding) -> int:
    return 0 if item.code in _LIMITS else _RANKS[item.severity]


class _Check:
    """One pass over a policy."""

    def __init__(self, policy: Policy, say: Say, knowledge: Knowledge) -> None:
        self._policy = policy
        self._say = say
        self._knowledge = knowledge
        self._speller = Speller(knowledge)
        self._satisfiability = Satisfiability(say, knowledge)
        self._strange = set(policy.profiles) - PROFILES - knowledge.profiles

    def findings(self) -> Iterator[Finding]:
        policy = self._policy
        yield from self._whole()
        yield from parties.of_policy(policy, self._say)
        yield from parties.of_references(policy, self._say)
        for path, rule in policy.rules():
            yield from self._rule(path, rule)
            if isinstance(rule, Duty):
                yield from self._duty(path, rule, rule)
            yield from self._below(path, rule)
        yield from shadows.of_rules(policy, self._say, self._knowledge)
        if self._satisfiability.exhausted:
            yield self._say("", "too-large", str(MAX_STEPS))

    def _whole(self) -> Iterator[Finding]:
        policy, say = self._policy, self._say
        if not any(True for _ in policy.rules()):
            if not policy.inherits and not policy.replaced_by:
                yield say("", "no-rule")
        elif not policy.permissions and not policy.prohibitions:
            yield say("", "only-obligation")
        if not policy.id:
            yield say("", "no-identifier")
        yield from self._relations()

    def _relations(self) -> Iterator[Finding]:
        policy, say = self._policy, self._say
        if policy.permissions and policy.prohibitions and policy.conflict is None:
            yield say("", "mixed-without-conflict")
        if policy.id and policy.id in policy.inherits:
            yield say("/odrl:inheritFrom", "circular-inheritance", policy.id)
        elif policy.inherits:
            yield say("/odrl:inheritFrom", "unresolved-inheritance")
        if policy.replaced_by:
            yield say("/dct:isReplacedBy", "replaced", policy.replaced_by)
        for profile in policy.profiles:
            if profile not in PROFILES | self._knowledge.profiles:
                yield say("/profile", "unknown-profile", profile)

    def _rule(self, path: str, rule: Rule) -> Iterator[Finding]:
        yield from self._action(f"{path}/action", rule.action.id)
        stated = _stated(path, rule)
        for where, item in stated:
            if isinstance(item, Constraint):
                yield from datatypes.of_term(where, item.left, self._policy.profiles, self._say)
                if self._knowledge.operand(item.left) is None:
                    yield self._operand(where, item.left)
                    continue
                yield from datatypes.of_constraint(
                    where, item, self._say, self._knowledge, self._speller
                )
            elif item.connective is Connective.AND_SEQUENCE:
                yield self._say(where, "sequence-undecidable")
        for item in rule.unread:
            near = short(self._speller.other("property", item.left))
            yield self._say(path, "unknown-property", short(item.left), near)
        yield from self._satisfiability.of_rule(path, rule, stated)
        yield from self._alone(path, rule, [item for _, item in stated])

    def _operand(self, path: str, left: str) -> Finding:
        near = short(self._speller.operand(left))
        return unknown_term(path, "unknown-operand", short(left), near, self._strange, self._say)

    def _action(self, path: str, action: str) -> Iterator[Finding]:
        if not self._knowledge.known_action(action):
            near = short(self._speller.action(action))
            yield unknown_term(
                path, "unknown-action", short(action), near, self._strange, self._say
            )
        if action in SAME_ACTION:
            current = SAME_ACTION[action]
            edit = (Step(Change.REPLACE, path, current),) if ACTIONS[action].same else ()
            yield self._say(
                path, "deprecated-term", text.term(action), text.term(current), edit=edit
            )
        yield from datatypes.of_term(path, action, self._policy.profiles, self._say)

    def _alone(self, path: str, rule: Rule, stated: Sequence[Condition]) -> Iterator[Finding]:
        """Conditions that say little without a companion."""
        atoms = [item for item in stated if isinstance(item, Constraint)]
        lefts = {item.left for item in atoms}
        if PREAU + "epsilon" in lefts and PREAU + "delta" not in lefts:
            yield self._say(path, "epsilon-without-delta")
        if not isinstance(rule, Permission):
            return
        for left in sorted(lefts):
            if all(item.operator is Operator.IS_NONE_OF for item in atoms if item.left == left):
                yield self._say(path, "none-of-alone")

    def _below(self, path: str, rule: Rule) -> Iterator[Finding]:
        for name, duties in duties_below(rule):
            for index, duty in enumerate(duties):
                where = f"{path}/{name}/{index}"
                yield from self._rule(where, duty)
                yield from self._duty(where, duty, rule)
                yield from self._below(where, duty)

    def _duty(self, path: str, duty: Duty, rule: Rule) -> Iterator[Finding]:
        stated = [item for _, item in _stated(path, duty)]
        yield from aftercare.of_duty(path, duty, rule, stated, self._say)


def _stated(path: str, rule: Rule) -> _Stated:
    """Return the conditions of a rule and of its action, nested ones too."""
    return [
        *conditions(rule.constraints, f"{path}/constraint"),
        *conditions(rule.action.refinements, f"{path}/action/odrl:refinement"),
    ]
