"""A decision that takes a use at once, as whoever keeps account of uses makes it."""

from __future__ import annotations

from dataclasses import replace

from policies_odrl.errors import UsageRefused
from policies_odrl.evaluation.case import key_of, parts_of
from policies_odrl.evaluation.decision import Decision
from policies_odrl.evaluation.evaluate import evaluate
from policies_odrl.evaluation.request import Facts, Request
from policies_odrl.evaluation.state import Usage, reserve
from policies_odrl.logic import Truth
from policies_odrl.model import Policy


def reserve_use(
    policy: Policy, request: Request, facts: Facts, ticket: str
) -> tuple[Decision, Usage]:
    """Return the decision, and the usage state with one more use reserved when it is granted.

    It is reserved under each rule that may be about it, for each member of what is asked for.

    Raises:
        UsageRefused: no time or no state is known, or the state refuses it.
    """
    if facts.usage is None or facts.now is None:
        raise UsageRefused("a use is reserved at a known time in a known state", node=policy.id)
    decision = evaluate(policy, request, facts)
    if not decision.granted:
        return decision, facts.usage
    rules = [item for item in decision.rules if item.concerns is not Truth.FALSE]
    own = [key_of(policy, item.rule, item.path, request) for item in rules]
    keys = [
        replace(key, assignee=party, target=target)
        for key in own
        for party in parts_of(key.assignee, facts.members)
        for target in parts_of(key.target, facts.members)
    ]
    return decision, reserve(facts.usage, keys, ticket, facts.now)
