"""Policy, request and facts to a decision.

Rules: closed world: what no permission grants is denied, unless an open one is asked for by name;
only True grants; a prohibition holds unless it is certain not to; duties must be fulfilled, or be
due later; a conflict voids the policy unless it says otherwise; an offer or a request for terms
grants nothing until it is agreed. Everything that was looked at is in the answer. Source:
`docs/decisions`, ODRL IM 2.2, and the W3C draft on formal semantics.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from policies_odrl.completeness import incomplete
from policies_odrl.evaluation.case import Case
from policies_odrl.evaluation.conditions import (
    collections_of,
    conditions,
    premises_of,
    refinements_of,
)
from policies_odrl.evaluation.conflict import resolve
from policies_odrl.evaluation.decision import ConditionResult, Decision, DutyResult, RuleResult
from policies_odrl.evaluation.deontic import Effect
from policies_odrl.evaluation.duties import blocks, duty_state
from policies_odrl.evaluation.modes import Behaviour, Mode
from policies_odrl.evaluation.request import Facts, Request
from policies_odrl.evaluation.violations import violations_of
from policies_odrl.logic import Truth, all_of, any_of
from policies_odrl.model import Permission, Policy, PolicyKind, Prohibition
from policies_odrl.vocabulary import PROFILES

_NO_FACTS = Facts()
_NONE: Final[frozenset[str]] = frozenset()
_UNSIGNED = frozenset({PolicyKind.OFFER, PolicyKind.REQUEST})
# What is wrong with a policy that names too little -> why it decides nothing.
_WRONG: Final = {
    "missing-target": "an agreement must name its target: `{}` has none",
    "missing-assigner": "an agreement must name its assigner: `{}` has none",
    "missing-assignee": "an agreement must name its assignee: `{}` has none",
    "ticket-with-assignee": "a ticket is good for whoever holds it, and must name no assignee",
}


def evaluate(
    policy: Policy,
    request: Request,
    facts: Facts = _NO_FACTS,
    *,
    mode: Mode = Mode.W3C,
    tentative: bool = False,
    behaviour: Behaviour = Behaviour.CLOSED,
) -> Decision:
    """Return whether the policy lets the request go ahead, and why.

    >>> from policies_odrl.model import ODRL, Action
    >>> reading = Permission(action=Action(ODRL + "read"))
    >>> policy = Policy(kind=PolicyKind.SET, permissions=(reading,))
    >>> evaluate(policy, Request(ODRL + "read")).granted
    True
    >>> evaluate(policy, Request(ODRL + "print")).reasons
    ('action read: given print',)

    Args:
        policy: see `model.py`; inheritance must be resolved.
        request: what is asked.
        facts: what is known; nothing by default.
        mode: reading that holds where public texts disagree.
        tentative: True to ask what an offer would grant if it were agreed.
        behaviour: what holds where no rule says anything; `OPEN` is unsafe.
    """
    refusal = unusable(policy, tentative=tentative, profiles=facts.knowledge.profiles)
    if refusal:
        return Decision(granted=False, because=(refusal,))
    return _decide(Case.of(policy, request, facts, mode), behaviour)


def unusable(policy: Policy, *, tentative: bool, profiles: frozenset[str] = frozenset()) -> str:
    """Return why a policy decides nothing at all; empty when it decides.

    Args:
        policy: the policy.
        tentative: see `evaluate`.
        profiles: IRIs of profiles known besides the built-in ones (IM 3.2: a processor that
            does not recognise a profile stops).
    """
    for item in policy.profiles:
        if item not in PROFILES and item not in profiles:
            return f"profile `{item}` is not known here"
    if policy.kind in _UNSIGNED and not tentative:
        return f"a policy of class {policy.kind.value} grants nothing until it is agreed"
    if policy.replaced_by:
        return f"replaced by `{policy.replaced_by}`"
    if policy.inherits:
        return "the policies it inherits from are not resolved"
    return next((_WRONG[code].format(path) for path, code in incomplete(policy)), "")


def _decide(case: Case, behaviour: Behaviour) -> Decision:
    policy = case.policy
    permissions = [
        permission_result(rule, f"/permission/{index}", case)
        for index, rule in enumerate(policy.permissions)
    ]
    vague = collections_of(policy) if policy.prohibitions else _NONE
    prohibitions = [
        prohibition_result(rule, f"/prohibition/{index}", case, vague)
        for index, rule in enumerate(policy.prohibitions)
    ]
    return decision_of(case, permissions, prohibitions, behaviour)


def decision_of(
    case: Case,
    permissions: list[RuleResult],
    prohibitions: list[RuleResult],
    behaviour: Behaviour = Behaviour.CLOSED,
) -> Decision:
    """Return what follows from how the rules that can apply bear on a request.

    Args:
        case: the request; its obligations are judged here.
        permissions: results in order of the policy; those left out are certain not to apply.
        prohibitions: same.
        behaviour: see `evaluate`.
    """
    policy = case.policy
    obligations = tuple(_obligations(case)) if policy.obligations else ()
    granting = [item for item in permissions if item.effect is Effect.GRANTS]
    prohibited = any_of(item.applies for item in prohibitions)
    unsaid = behaviour is Behaviour.OPEN and all(
        item.concerns is Truth.FALSE for item in permissions
    )
    outcome = resolve(policy.conflict, permitted=bool(granting), prohibited=prohibited)
    granted = outcome.granted or (unsaid and prohibited is Truth.FALSE)
    return Decision(
        granted=granted,
        because=_because(outcome.reason, granting, prohibitions, granted=granted),
        rules=(*permissions, *prohibitions),
        due=tuple(_due(granting, prohibitions, obligations)),
        void=outcome.void,
        obligations=obligations,
    )


def permission_result(rule: Permission, path: str, outer: Case) -> RuleResult:
    """Return how a permission bears on a request."""
    case = outer.under(rule, path)
    premises, constraints, refinements = _parts(rule, path, case)
    duties = tuple(
        [
            duty_state(duty, f"{path}/duty/{index}", case, rule)
            for index, duty in enumerate(rule.duties)
        ]
    )
    concerns, active, applies = _truths(premises, constraints, refinements)
    grants = applies is Truth.TRUE and not any(blocks(item, case.mode) for item in duties)
    effect = Effect.GRANTS if grants else Effect.NOTHING
    return RuleResult(
        path, rule, concerns, active, applies, effect, premises, constraints, refinements, duties
    )


def prohibition_result(
    rule: Prohibition, path: str, outer: Case, vague: frozenset[str] = _NONE
) -> RuleResult:
    """Return how a prohibition bears on a request.

    Args:
        rule: the prohibition.
        path: its JSON pointer.
        outer: the request.
        vague: what the policy calls a collection: its members may be what is prohibited.
    """
    case = outer.under(rule, path)
    premises, constraints, refinements = _parts(rule, path, case, vague)
    concerns, active, applies = _truths(premises, constraints, refinements)
    if rule.unread and concerns is not Truth.FALSE:  # it may lift any of the conditions
        active = applies = Truth.UNDETERMINED
    effect = Effect.NOTHING if applies is Truth.FALSE else Effect.BLOCKS
    return RuleResult(
        path,
        rule,
        concerns,
        active,
        applies,
        effect,
        premises,
        constraints,
        refinements,
        violations=violations_of(rule, path, case) if case.facts.performed else (),
    )


_Results = tuple[ConditionResult, ...]


def _parts(
    rule: Permission | Prohibition, path: str, case: Case, vague: frozenset[str] = _NONE
) -> tuple[_Results, _Results, _Results]:
    constraints = conditions(rule.constraints, f"{path}/constraint", case)
    if rule.unread:
        constraints += conditions(rule.unread, f"{path}/unread", case)
    return premises_of(rule, path, case, vague), constraints, refinements_of(rule, path, case)


def _truths(
    premises: _Results, constraints: _Results, refinements: _Results
) -> tuple[Truth, Truth, Truth]:
    concerns = all_of([item.truth for item in premises])
    active = all_of([concerns, *[item.truth for item in constraints]])
    applies = all_of([active, *[item.truth for item in refinements]]) if refinements else active
    return concerns, active, applies


def _obligations(case: Case) -> Iterator[DutyResult]:
    for index, duty in enumerate(case.policy.obligations):
        path = f"/obligation/{index}"
        yield duty_state(duty, path, case.under(duty, path))


def _because(
    conflict: str, granting: list[RuleResult], prohibitions: list[RuleResult], *, granted: bool
) -> tuple[str, ...]:
    """Return what decided; empty where it is what the nearest permission lacks."""
    if conflict:
        blocking = [item for item in prohibitions if item.effect is Effect.BLOCKS]
        return (conflict, *(_blocking(item) for item in blocking))
    if granting:
        return tuple(f"permission {item.path}" for item in granting)
    return ("nothing prohibits it, and open behaviour was asked for",) if granted else ()


def _blocking(result: RuleResult) -> str:
    """Name a prohibition, and what keeps it from being ruled out."""
    notes = [item.note for item in result.failures() if item.truth is Truth.UNDETERMINED]
    why = f": {notes[0]}" if notes and result.applies is Truth.UNDETERMINED else ""
    return f"prohibition {result.path}{why}"


def _due(
    granting: list[RuleResult],
    prohibitions: list[RuleResult],
    obligations: tuple[DutyResult, ...],
) -> Iterator[DutyResult]:
    owed = [duty for item in granting for duty in item.duties]
    remedies = [duty for item in prohibitions for act in item.violations for duty in act.remedies]
    for duty in (*owed, *remedies, *obligations):
        if duty.open:
            yield duty
        yield from (item for item in duty.consequences if item.open)
