"""Policy, request and facts to a decision.

Rules: closed world: what no permission grants is denied; only True grants; a prohibition holds
unless it is certain not to; duties must be fulfilled, or be due later; a conflict voids the policy
unless it says otherwise; an offer or a request for terms grants nothing until it is agreed.
Everything that was looked at is in the answer. Source: `docs/decisions`, ODRL IM 2.2, and the W3C
draft on formal semantics (behaviour `closed`).
"""

from __future__ import annotations

from policies_odrl.conditions import conditions_of, premises_of
from policies_odrl.conflict import resolve
from policies_odrl.decision import (
    ConditionResult,
    Decision,
    DutyResult,
    DutyState,
    Effect,
    RuleResult,
)
from policies_odrl.duties import Mode, blocks, duty_state
from policies_odrl.logic import Truth, all_of, any_of
from policies_odrl.model import Permission, Policy, PolicyKind, Prohibition
from policies_odrl.request import Facts, Request
from policies_odrl.vocabulary import OPERANDS, PROFILES

_NO_FACTS = Facts()
_UNSIGNED = frozenset({PolicyKind.OFFER, PolicyKind.REQUEST})


def evaluate(
    policy: Policy,
    request: Request,
    facts: Facts = _NO_FACTS,
    *,
    mode: Mode = Mode.W3C,
    tentative: bool = False,
) -> Decision:
    """Return whether the policy lets the request go ahead, and why.

    Args:
        policy: see `model.py`; inheritance must be resolved.
        request: what is asked.
        facts: what is known; nothing by default.
        mode: reading of unfulfilled duties.
        tentative: True to ask what an offer would grant if it were agreed.
    """
    refusal = _unusable(policy, tentative=tentative)
    if refusal:
        return Decision(granted=False, reasons=(refusal,))
    return _decide(policy, request, facts, mode)


def _unusable(policy: Policy, *, tentative: bool) -> str:
    strange = [item for item in policy.profiles if item not in PROFILES]
    if strange:
        return f"profile `{strange[0]}` is not known here"
    if policy.kind in _UNSIGNED and not tentative:
        return f"a policy of class {policy.kind.value} grants nothing until it is agreed"
    if policy.replaced_by:
        return f"replaced by `{policy.replaced_by}`"
    if policy.inherits:
        return "the policies it inherits from are not resolved"
    return ""


def _decide(policy: Policy, request: Request, facts: Facts, mode: Mode) -> Decision:
    permissions = [
        _permission(policy, rule, f"/permission/{index}", request, facts, mode)
        for index, rule in enumerate(policy.permissions)
    ]
    prohibitions = [
        _prohibition(policy, rule, f"/prohibition/{index}", request, facts)
        for index, rule in enumerate(policy.prohibitions)
    ]
    granting = [item for item in permissions if item.effect is Effect.GRANTS]
    prohibited = any_of(item.applies for item in prohibitions)
    outcome = resolve(policy.conflict, permitted=bool(granting), prohibited=prohibited)
    results = (*permissions, *prohibitions)
    return Decision(
        granted=outcome.granted,
        reasons=_reasons(outcome.reason, granting, permissions, prohibitions),
        rules=results,
        missing=_missing(results),
        due=(*_due(granting), *_obligations(policy, request, facts)),
        void=outcome.void,
    )


def _permission(
    policy: Policy, rule: Permission, path: str, request: Request, facts: Facts, mode: Mode
) -> RuleResult:
    premises = premises_of(policy, rule, path, request, facts)
    conditions = conditions_of(policy, rule, path, request, facts)
    duties = tuple(
        duty_state(policy, duty, f"{path}/duty/{index}", request, facts)
        for index, duty in enumerate(rule.duties)
    )
    concerns, applies = _outcome(premises, conditions)
    grants = applies is Truth.TRUE and not any(blocks(item, mode) for item in duties)
    effect = Effect.GRANTS if grants else Effect.NOTHING
    return RuleResult(path, rule, concerns, applies, effect, premises, conditions, duties)


def _prohibition(
    policy: Policy, rule: Prohibition, path: str, request: Request, facts: Facts
) -> RuleResult:
    premises = premises_of(policy, rule, path, request, facts)
    conditions = conditions_of(policy, rule, path, request, facts)
    concerns, applies = _outcome(premises, conditions)
    effect = Effect.NOTHING if applies is Truth.FALSE else Effect.BLOCKS
    return RuleResult(path, rule, concerns, applies, effect, premises, conditions)


def _outcome(
    premises: tuple[ConditionResult, ...], conditions: tuple[ConditionResult, ...]
) -> tuple[Truth, Truth]:
    concerns = all_of(item.truth for item in premises)
    return concerns, all_of([concerns, *(item.truth for item in conditions)])


def _reasons(
    conflict: str,
    granting: list[RuleResult],
    permissions: list[RuleResult],
    prohibitions: list[RuleResult],
) -> tuple[str, ...]:
    if conflict:
        blocking = [item for item in prohibitions if item.effect is Effect.BLOCKS]
        return (conflict, *(f"prohibition {item.path}" for item in blocking))
    if granting:
        return tuple(f"permission {item.path}" for item in granting)
    if not permissions:
        return ("nothing is permitted",)
    nearest = min(permissions, key=_distance)
    failed = tuple(item.line for item in nearest.failures())
    undone = tuple(
        f"duty {item.path} is {item.state.value}"
        for item in nearest.duties
        if item.state is not DutyState.FULFILLED
    )
    return failed + undone


def _distance(result: RuleResult) -> tuple[int, int]:
    """Order permissions by how little keeps them from granting: premises first."""
    premises = sum(item.truth is not Truth.TRUE for item in result.premises)
    return premises, sum(1 for _ in result.failures())


def _missing(results: tuple[RuleResult, ...]) -> tuple[str, ...]:
    names = {
        leaf.operand
        for result in results
        if result.concerns is not Truth.FALSE
        for leaf in result.failures()
        if leaf.truth is Truth.UNDETERMINED and not leaf.given and leaf.operand in OPERANDS
    }
    return tuple(sorted(names))


def _due(granting: list[RuleResult]) -> tuple[DutyResult, ...]:
    return tuple(
        duty for item in granting for duty in item.duties if duty.state is not DutyState.FULFILLED
    )


def _obligations(policy: Policy, request: Request, facts: Facts) -> tuple[DutyResult, ...]:
    found = (
        duty_state(policy, duty, f"/obligation/{index}", request, facts)
        for index, duty in enumerate(policy.obligations)
    )
    return tuple(item for item in found if item.state is not DutyState.FULFILLED)
