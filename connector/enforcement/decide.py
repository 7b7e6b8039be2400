"""May this use be made now? The whole policy is evaluated; what it cannot tell refuses. Pure.

Rule: a decision is the policy's own evaluation, of which the first failing part gives the refusal
its code, as the mechanism orders them; a use that only a duty keeps from being made is `DUTY_OWED`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from connector.domain.decision import Refusal
from connector.enforcement.history import History, facts
from connector.enforcement.mechanism import Mechanism
from connector.errors import DutyOwed
from connector.jsonld.profiles import NO_PROFILES, Profiles
from policies_odrl import Facts, Mode, Permission, Policy, Request, Truth, evaluate
from policies_odrl.algebra.domain import Fact
from policies_odrl.evaluation.decision import RuleResult
from policies_odrl.evaluation.duties import blocks


@dataclass(frozen=True, slots=True)
class UseFacts:
    """What is asked, and what the node knows, at one moment.

    Attributes:
        action: IRI.
        assignee: DID of who asks.
        target: IRI of the dataset.
        now: aware, UTC.
        stated: operand -> values that the request states.
        known: operand -> values that the node establishes itself; they win.
        history: what has happened under the agreement; None where nobody keeps account of it.
    """

    action: str
    assignee: str
    target: str
    now: datetime
    stated: Mapping[str, tuple[Fact, ...]]
    known: Mapping[str, tuple[Fact, ...]]
    history: History | None = None


def decide(
    policy: Policy, use: UseFacts, mechanism: Mechanism, profiles: Profiles = NO_PROFILES
) -> Refusal | None:
    """Return why an agreement does not allow a use now, or None when it does.

    The refusal has one line per part that fails, each with what is allowed and what was given.
    """
    request = Request(use.action, use.assignee, use.target, use.stated)
    decision = evaluate(policy, request, _facts(policy, use, profiles))
    if decision.granted:
        return None
    permissions = [item for item in decision.rules if isinstance(item.rule, Permission)]
    owed = [
        duty.line
        for item in permissions
        if item.applies is Truth.TRUE
        for duty in item.duties
        if blocks(duty, Mode.W3C)
    ]
    if owed:
        return Refusal(DutyOwed.code, tuple(owed))
    failures = _nearest(permissions)
    if not failures:
        return Refusal(mechanism.refused, decision.reasons)
    rank = {operand: place for place, operand in enumerate(mechanism.codes)}
    ordered = sorted(failures, key=lambda item: rank.get(item[0], len(rank)))
    code = mechanism.codes.get(ordered[0][0], mechanism.refused)
    return Refusal(code, tuple(line for _, line in ordered))


def _facts(policy: Policy, use: UseFacts, profiles: Profiles) -> Facts:
    knowledge = profiles.known(policy)
    if use.history is None:
        return Facts(use.now, use.known, knowledge=knowledge)
    return facts(policy, use.history, use.now, knowledge, use.known)


def _nearest(permissions: list[RuleResult]) -> list[tuple[str, str]]:
    if not permissions:
        return []
    found = [
        [(item.operand, item.line) for item in result.failures()]
        for result in permissions
        if result.applies is not Truth.TRUE
    ]
    return min(found, key=len, default=[])
