"""A decision that takes a use at once, so that nobody else can take the same one.

Rules: what is granted is reserved in the same step, under every rule that is or may be about the
request, and for each member of a collection asked for; the new state replaces the old one only if
that is still the one decided on (`version`), which is the store's to check; the use is committed
after it took place, or released when it failed.
Source: `docs/decisions` (count); IM 2.5.1.
"""

from __future__ import annotations

from policies_odrl.errors import UsageRefused
from policies_odrl.evaluation.case import keys_of
from policies_odrl.evaluation.decision import Decision
from policies_odrl.evaluation.evaluate import evaluate
from policies_odrl.evaluation.modes import Behaviour, Mode
from policies_odrl.evaluation.request import Facts, Request
from policies_odrl.evaluation.state import Usage, reserve
from policies_odrl.logic import Truth
from policies_odrl.model import Policy


def reserve_use(
    policy: Policy,
    request: Request,
    facts: Facts,
    ticket: str,
    *,
    mode: Mode = Mode.W3C,
    behaviour: Behaviour = Behaviour.CLOSED,
) -> tuple[Decision, Usage]:
    """Return the decision, and the usage state with one more use reserved when it is granted.

    >>> from datetime import UTC, datetime
    >>> from policies_odrl.model import ODRL, Action, Permission, PolicyKind
    >>> from policies_odrl.evaluation.state import open_agreement
    >>> reading = Permission(action=Action(ODRL + "read"))
    >>> policy = Policy(kind=PolicyKind.SET, id="urn:p", permissions=(reading,))
    >>> now = datetime(2026, 1, 1, tzinfo=UTC)
    >>> facts = Facts(now=now, usage=open_agreement(Usage(), "urn:p", now))
    >>> decision, usage = reserve_use(policy, Request(ODRL + "read"), facts, "ticket-1")
    >>> decision.granted, [len(uses) for uses in usage.uses.values()]
    (True, [1])

    Args:
        policy: see `evaluate`.
        request: what is asked.
        facts: what is known, with the time and the usage state.
        ticket: names the reservation; used once.
        mode: see `evaluate`.
        behaviour: see `evaluate`.

    Raises:
        UsageRefused: no time or no usage state is known, the agreement was never opened in it, or
            the ticket is held already.
    """
    if facts.usage is None or facts.now is None:
        raise UsageRefused("a use is reserved at a known time in a known state", node=policy.id)
    decision = evaluate(policy, request, facts, mode=mode, behaviour=behaviour)
    if not decision.granted:
        return decision, facts.usage
    keys = [
        key
        for result in decision.rules
        if result.concerns is not Truth.FALSE
        for key in keys_of(policy, result.rule, result.path, request, facts)
    ]
    return decision, reserve(facts.usage, keys, ticket, facts.now)
