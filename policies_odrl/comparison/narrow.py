"""The terms to contract under two policies, in the first one's words.

Rules: a narrowed permission carries every condition of both (`meeting.py`); values are written anew
in one spelling and identifiers are left out (`rendering.py`), so that no text of the other party is
contracted; None when no permission is left. What holds for the whole policy is the first one's.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from policies_odrl.algebra.boxes import Proof
from policies_odrl.comparison.compare import contains
from policies_odrl.comparison.folding import folded_as, unfolded
from policies_odrl.comparison.greatest import under_both
from policies_odrl.comparison.kept_collections import remembered, with_collections
from policies_odrl.comparison.meeting import MAX_WORK, work
from policies_odrl.evaluation.evaluate import unusable
from policies_odrl.knowledge import NOTHING_MORE, Knowledge
from policies_odrl.model import Conflict, Policy

MAX_RULES: Final = 64


def narrow(
    offer: Policy,
    request: Policy,
    reserve: Policy | None = None,
    knowledge: Knowledge = NOTHING_MORE,
) -> Policy | None:
    """Return the terms to contract, in the provider's words, or None when they are outside.

    Args:
        offer: what the provider published.
        request: what the consumer asks for; it must lie within the offer or within the reserve.
        reserve: the provider's private limits; None when only the offer counts.
        knowledge: terms and hierarchies beyond the built-in ones.

    >>> from policies_odrl.model import ODRL, Action, Permission, PolicyKind
    >>> def may(action):
    ...     rule = Permission(action=Action(ODRL + action))
    ...     return Policy(kind=PolicyKind.SET, permissions=(rule,))
    >>> narrow(may("use"), may("read")).permissions[0].action.id
    'http://www.w3.org/ns/odrl/2/read'
    >>> narrow(may("read"), may("use")) is None
    True
    """
    for limits in (offer, reserve):
        if limits is not None and contains(limits, request, knowledge):
            return meet(limits, request, knowledge)
    return None


def meet(offer: Policy, request: Policy, knowledge: Knowledge = NOTHING_MORE) -> Policy | None:
    """Return the greatest offer under both, or None when they have nothing in common.

    Class Offer, no identifier; what holds for the whole policy (target, parties, conflict strategy)
    is the first policy's.

    >>> from policies_odrl.model import ODRL, Action, Permission, PolicyKind
    >>> def may(action):
    ...     rule = Permission(action=Action(ODRL + action))
    ...     return Policy(kind=PolicyKind.SET, permissions=(rule,))
    >>> meet(may("read"), may("use")).permissions[0].action.id
    'http://www.w3.org/ns/odrl/2/read'
    """
    if len(offer.permissions) * len(request.permissions) > MAX_RULES:
        return None
    if work(offer, request) > MAX_WORK:
        return None
    if any(unusable(it, tentative=True, profiles=knowledge.profiles) for it in (offer, request)):
        return None
    if _assigners_differ(offer, request):
        return None
    prover = Proof(knowledge=knowledge)
    whole = under_both(prover, _named(offer), _named(request), _stricter(offer, request))
    if whole is None:
        return None
    sources = (offer, request)
    return with_collections(folded_as(remembered(whole, sources, knowledge), offer), sources)


def _named(policy: Policy) -> Policy:
    """Return a policy whose rules name what they are about; who grants comes from its permissions.

    Prohibitions stay, whoever wins by its own strategy.
    """
    plain = unfolded(replace(policy, conflict=None, assigner=None))
    return replace(
        plain,
        permissions=tuple(
            replace(rule, assigner=policy.assigner_of(rule)) for rule in plain.permissions
        ),
    )


def _assigners_differ(offer: Policy, request: Policy) -> bool:
    """Return whether a request as a whole is for the terms of somebody else."""
    mine, other = offer.assigner, request.assigner
    return mine is not None and other is not None and mine.id != other.id


def _stricter(offer: Policy, request: Policy) -> Conflict | None:
    """`perm` only where both say so: otherwise one party's prohibitions would be overridden."""
    if offer.conflict is Conflict.PERM and request.conflict is not Conflict.PERM:
        return request.conflict if request.prohibitions else offer.conflict
    return offer.conflict
