"""Is this request inside that offer? Do two policies mean the same?

Rules: Yes only with a proof for each attribute; No only with a witness, a request that the one
policy grants and the other does not, checked by evaluation itself; Unknown otherwise, with what
could not be shown. Conjunctive rules are compared attribute by attribute; only `or` and `xone` on
the request's side are split, one at a time and bounded; policies are never brought into a normal
form that multiplies attributes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Final

from policies_odrl import text
from policies_odrl.forms import flat, reference_form, rule_form, same_reference
from policies_odrl.model import (
    AssetRef,
    Condition,
    Conflict,
    Constraint,
    LogicalConstraint,
    PartyRef,
    Permission,
    Policy,
    Prohibition,
    Rule,
)
from policies_odrl.proof import Proof, disjoint
from policies_odrl.request import Request
from policies_odrl.vocabulary import implied_actions, same_action, wider_actions
from policies_odrl.witness import find_witness

MAX_PAIRS: Final = 4096  # pairs of rules compared
MAX_CONDITIONS: Final = 256  # conditions of one rule


class Answer(Enum):
    """Yes, no, or not to be told."""

    YES = "yes"
    NO = "no"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Containment:
    """Whether a request lies within an offer.

    Attributes:
        answer: see `Answer`.
        proof: with Yes, one line per attribute.
        witness: with No, a request that the asked terms grant and the offer does not.
        reasons: with No and Unknown, one line per attribute that does not fit.
    """

    answer: Answer
    proof: tuple[str, ...] = ()
    witness: Request | None = None
    reasons: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return self.answer is Answer.YES


def contains(offer: Policy, request: Policy) -> Containment:
    """Return whether everything that the request's terms would grant, the offer grants too."""
    proof, reasons = judge(offer, request)
    if not reasons:
        return Containment(Answer.YES, proof=proof or ("nothing is asked for",))
    if _too_large(offer, request):
        return Containment(Answer.UNKNOWN, reasons=reasons)
    witness = find_witness(offer, request)
    answer = Answer.NO if witness else Answer.UNKNOWN
    return Containment(answer, witness=witness, reasons=reasons)


def judge(offer: Policy, request: Policy) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the proof that a request lies within an offer, and what keeps it from being proved.

    Both are one line per attribute; containment is proved where the second is empty.
    """
    if _too_large(offer, request):
        return (), ("too many rules to compare",)
    proof: list[str] = []
    reasons: list[str] = []
    prover = Proof()
    for index, wanted in enumerate(request.permissions):
        tries = [_Fit(prover, offer, rule, request, wanted) for rule in offer.permissions]
        found = next((item for item in tries if not item.reasons), None)
        if found:
            proof.extend(f"/permission/{index}: {line}" for line in found.proof)
        else:
            reasons.extend(_nearest(tries, index))
    reasons.extend(_unsafe_prohibitions(prover, offer, request))
    reasons.extend(_missing_obligations(offer, request))
    return tuple(proof), tuple(reasons)


def same_meaning(left: Policy, right: Policy) -> bool:
    """Return whether two policies set the same terms.

    Class, identifiers, order, spelling of values, metadata and time of conclusion play no part. A
    target or party of the whole policy that only one of the two names plays none either (an offer
    leaves open what its agreement fills in); one that both name must be the same.
    """
    for name in ("target", "assigner", "assignee"):
        mine, other = getattr(left, name), getattr(right, name)
        if mine is not None and other is not None and not same_reference(mine, other):
            return False
    if _normal_policy(left) == _normal_policy(right):
        return True
    if left.obligations or right.obligations or left.prohibitions or right.prohibitions:
        return False
    return not judge(left, right)[1] and not judge(right, left)[1]


class _Fit:
    """One permission of the offer against one of the request."""

    __slots__ = ("_prover", "proof", "reasons")

    def __init__(
        self, prover: Proof, offer: Policy, rule: Permission, request: Policy, wanted: Permission
    ) -> None:
        self._prover = prover
        self.proof: list[str] = []
        self.reasons: list[str] = []
        self._action(rule, wanted)
        self._reference("target", offer.target_of(rule), request.target_of(wanted))
        self._reference("assignee", offer.assignee_of(rule), request.assignee_of(wanted))
        self._conditions(rule, wanted)
        self._duties(rule, wanted)

    def _action(self, rule: Permission, wanted: Permission) -> None:
        line = f"action {text.term(wanted.action.id)} within {text.term(rule.action.id)}"
        fits = same_action(rule.action.id) in wider_actions(wanted.action.id)
        self._note(fits=fits, line=line)

    def _reference(
        self, name: str, allowed: AssetRef | PartyRef | None, asked: AssetRef | PartyRef | None
    ) -> None:
        if allowed is None:
            return
        fits = asked is not None and same_reference(allowed, asked)
        self._note(fits=fits, line=f"{name} {allowed.id or allowed.source}")

    def _conditions(self, rule: Permission, wanted: Permission) -> None:
        having = _all_conditions(wanted)
        for item in _all_conditions(rule):
            self._note(fits=self._prover.follows(item, having), line=_compared(item, having))

    def _duties(self, rule: Permission, wanted: Permission) -> None:
        accepted = {rule_form(duty) for duty in wanted.duties}
        for duty in rule.duties:
            self._note(fits=rule_form(duty) in accepted, line=f"duty {text.term(duty.action.id)}")
        extra = (reference_form(rule.output), frozenset(rule.functions))
        own = (reference_form(wanted.output), frozenset(wanted.functions))
        if extra != (None, frozenset()):
            self._note(fits=extra == own, line="output and party functions")

    def _note(self, *, fits: bool, line: str) -> None:
        (self.proof if fits else self.reasons).append(line)


def _too_large(offer: Policy, request: Policy) -> bool:
    pairs = max(1, len(request.permissions)) * (len(offer.permissions) + len(offer.prohibitions))
    pairs += len(offer.prohibitions) * len(request.prohibitions)
    rules = (*offer.permissions, *offer.prohibitions, *request.permissions, *request.prohibitions)
    return pairs > MAX_PAIRS or any(_count(rule) > MAX_CONDITIONS for rule in rules)


def _count(rule: Rule) -> int:
    total = 0
    stack: list[Condition] = [*rule.constraints, *rule.action.refinements]
    while stack:
        item = stack.pop()
        total += 1
        if isinstance(item, LogicalConstraint):
            stack.extend(item.operands)
    return total


def _nearest(tries: list[_Fit], index: int) -> list[str]:
    if not tries:
        return ["nothing is offered"]
    nearest = min(tries, key=lambda item: len(item.reasons))
    return [f"/permission/{index}: {line}" for line in nearest.reasons]


def _compared(item: Condition, having: Sequence[Condition]) -> str:
    wanted = text.condition(item)
    if isinstance(item, Constraint):
        asked = [
            text.condition(other)
            for other in flat(having)
            if isinstance(other, Constraint) and other.left == item.left
        ]
        return f"{wanted}; asked: {', '.join(asked) or 'not stated'}"
    return wanted


def _all_conditions(rule: Rule) -> list[Condition]:
    return [*flat(rule.constraints), *flat(rule.action.refinements)]


def _unsafe_prohibitions(prover: Proof, offer: Policy, request: Policy) -> list[str]:
    if offer.conflict is Conflict.PERM:
        return []
    return [
        f"/prohibition/{index}: {text.term(rule.action.id)} is prohibited there"
        for index, rule in enumerate(offer.prohibitions)
        if not _upheld(prover, offer, rule, request)
        and not all(_avoided(offer, rule, request, wanted) for wanted in request.permissions)
    ]


def _upheld(prover: Proof, offer: Policy, rule: Prohibition, request: Policy) -> bool:
    if request.conflict is Conflict.PERM:
        return False
    form = rule_form(rule)
    for own in request.prohibitions:
        if rule_form(own) == form:
            return True
        if rule.remedies or own.remedies:
            continue
        wider = same_action(own.action.id) in wider_actions(rule.action.id)
        if (
            wider
            and _reference_wider(offer, rule, request, own)
            and _conditions_wider(prover, rule, own)
        ):
            return True
    return False


def _reference_wider(offer: Policy, rule: Rule, request: Policy, own: Rule) -> bool:
    pairs = (
        (request.target_of(own), offer.target_of(rule)),
        (request.assignee_of(own), offer.assignee_of(rule)),
    )
    return all(
        mine is None or (theirs is not None and same_reference(mine, theirs))
        for mine, theirs in pairs
    )


def _conditions_wider(prover: Proof, rule: Rule, own: Rule) -> bool:
    having = _all_conditions(rule)
    return all(prover.follows(item, having) for item in _all_conditions(own))


def _avoided(offer: Policy, rule: Prohibition, request: Policy, wanted: Permission) -> bool:
    ruled, asked = same_action(rule.action.id), same_action(wanted.action.id)
    related = ruled in implied_actions(asked) or asked in wider_actions(ruled)
    if not related:
        # an action that the request's permission includes may still be the prohibited one
        related = any(asked in wider_actions(item) for item in implied_actions(ruled))
    if not related:
        return True
    pairs = (
        (offer.target_of(rule), request.target_of(wanted)),
        (offer.assignee_of(rule), request.assignee_of(wanted)),
    )
    if any(_apart(mine, theirs) for mine, theirs in pairs):
        return True
    return disjoint([*_all_conditions(rule), *_all_conditions(wanted)])


def _apart(left: AssetRef | PartyRef | None, right: AssetRef | PartyRef | None) -> bool:
    if left is None or right is None:
        return False
    plain = not any(item.collection or item.source for item in (left, right))
    return plain and left.id != right.id


def _missing_obligations(offer: Policy, request: Policy) -> list[str]:
    accepted = {rule_form(duty) for duty in request.obligations}
    return [
        f"/obligation/{index}: {text.term(duty.action.id)} is not accepted"
        for index, duty in enumerate(offer.obligations)
        if rule_form(duty) not in accepted
    ]


def _normal_policy(policy: Policy) -> tuple[object, ...]:
    both = bool(policy.permissions and policy.prohibitions)
    return (
        (policy.conflict or Conflict.INVALID) if both else None,
        frozenset(rule_form(rule) for _, rule in policy.rules()),
        frozenset(policy.inherits),
        policy.replaced_by,
    )
