"""The greatest policy under two: it grants what both grant, and nothing else.

Rules: target and parties of a whole policy are written into its rules first, because the other
policy's rules may be about others (`folding.py`); a policy that grants nothing by itself (replaced,
inheriting, of an unknown profile) has nothing in common with any. Two collections that share
members only by evidence count as apart, because ODRL cannot write what they share: then the result
grants less, never more.
"""

from __future__ import annotations

from itertools import product

from policies_odrl.algebra.boxes import Proof
from policies_odrl.comparison.folding import folded, unfolded
from policies_odrl.comparison.kept_collections import remembered, with_collections
from policies_odrl.comparison.meeting import MAX_WORK, distinct, joined, joined_duties, met, work
from policies_odrl.errors import LimitExceeded
from policies_odrl.evaluation.evaluate import unusable
from policies_odrl.knowledge import NOTHING_MORE, Knowledge
from policies_odrl.model import (
    Conflict,
    Policy,
    PolicyKind,
)


def greatest_common(
    left: Policy, right: Policy, knowledge: Knowledge = NOTHING_MORE
) -> Policy | None:
    """Return the policy that grants just what both grant, or None when that is nothing.

    It is an Offer without identifier, in the first policy's words where both say the same.

    Args:
        left: one policy; inheritance must be resolved.
        right: the other.
        knowledge: terms and hierarchies beyond the built-in ones.

    Raises:
        LimitExceeded: more than `MAX_WORK` conditions of all pairs of permissions.

    >>> from policies_odrl.model import ODRL, Action, Permission
    >>> def may(action):
    ...     rule = Permission(action=Action(ODRL + action))
    ...     return Policy(kind=PolicyKind.SET, permissions=(rule,))
    >>> greatest_common(may("use"), may("read")).permissions[0].action.id
    'http://www.w3.org/ns/odrl/2/read'
    >>> greatest_common(may("print"), may("read")) is None
    True
    """
    profiles = knowledge.profiles
    if any(unusable(it, tentative=True, profiles=profiles) for it in (left, right)):
        return None
    if work(left, right) > MAX_WORK:
        raise LimitExceeded(f"more than {MAX_WORK} conditions of pairs of permissions")
    prover = Proof(knowledge=knowledge)
    mine, other = unfolded(left), unfolded(right)
    common = under_both(prover, mine, other, _strategy(mine, other))
    if common is None:
        return None
    sources = (left, right)
    return with_collections(folded(remembered(common, sources, knowledge)), sources)


def under_both(
    prover: Proof, mine: Policy, other: Policy, conflict: Conflict | None
) -> Policy | None:
    """Return what two policies grant in common, with the prohibitions and obligations of both.

    Args:
        prover: what is known, and how much work is allowed.
        mine: one policy, whose rules name all that they are about.
        other: the other, likewise.
        conflict: the strategy of the result.
    """
    pairs = product(mine.permissions, other.permissions)
    permissions = distinct([rule for one, two in pairs for rule in met(prover, one, two)])
    if not permissions:
        return None
    return Policy(
        kind=PolicyKind.OFFER,
        permissions=permissions,
        prohibitions=joined(mine.prohibitions, other.prohibitions),
        obligations=joined_duties(mine.obligations, other.obligations),
        profiles=tuple(dict.fromkeys((*mine.profiles, *other.profiles))),
        conflict=conflict,
    )


def _strategy(left: Policy, right: Policy) -> Conflict | None:
    """Return the strategy of those that prohibit something; the default where one has that."""
    stated = [policy.conflict for policy in (left, right) if policy.prohibitions]
    if not stated:
        return left.conflict if left.conflict is right.conflict else None
    plain = [item for item in stated if item is not Conflict.PROHIBIT]
    return plain[0] if plain else Conflict.PROHIBIT
