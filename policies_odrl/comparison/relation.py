"""How two policies relate: the same, one within the other, overlapping, or nothing in common.

Each verdict rests on a proof or on a request that was evaluated; where neither was found it is
Unknown, with the fact that is missing.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from itertools import product

from policies_odrl.algebra.boxes import Proof
from policies_odrl.algebra.forms import opaque
from policies_odrl.comparison.bans import apart
from policies_odrl.comparison.compare import Containment, contains
from policies_odrl.comparison.meet import meet
from policies_odrl.comparison.rules import agree, asked_for
from policies_odrl.comparison.witness import common_request
from policies_odrl.errors import LimitExceeded
from policies_odrl.evaluation.conditions import collections_of
from policies_odrl.evaluation.request import Request
from policies_odrl.knowledge import NOTHING_MORE, Knowledge
from policies_odrl.model import Policy


class Relation(Enum):
    """What one policy is to another."""

    EQUIVALENT = "equivalent"
    WITHIN = "within"  # the first within the second
    CONTAINS = "contains"  # the second within the first
    OVERLAPPING = "overlapping"
    DISJOINT = "disjoint"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Comparison:
    """How two policies relate.

    Attributes:
        relation: see `Relation`.
        forward: whether the first lies within the second.
        backward: whether the second lies within the first.
        common: the greatest policy under both; None where they share nothing.
        shared: where they overlap, a request that both grant.
        missing: with Unknown, the facts that are missing.
    """

    relation: Relation
    forward: Containment
    backward: Containment
    common: Policy | None = None
    shared: Request | None = None
    missing: tuple[str, ...] = ()


def compare(left: Policy, right: Policy, knowledge: Knowledge = NOTHING_MORE) -> Comparison:
    """Return how two policies relate, with proofs and witnesses.

    Args:
        left: the first policy.
        right: the second.
        knowledge: terms and hierarchies beyond the built-in ones.

    >>> from policies_odrl.model import ODRL, Action, Permission, PolicyKind
    >>> def may(action):
    ...     rule = Permission(action=Action(ODRL + action))
    ...     return Policy(kind=PolicyKind.SET, permissions=(rule,))
    >>> compare(may("read"), may("use")).relation.value
    'within'
    >>> compare(may("read"), may("print")).relation.value
    'disjoint'
    """
    left, right = opaque(left), opaque(right)
    forward, backward = contains(right, left, knowledge), contains(left, right, knowledge)
    if forward and backward:
        return Comparison(Relation.EQUIVALENT, forward, backward, left)
    if forward:
        return Comparison(Relation.WITHIN, forward, backward, left)
    if backward:
        return Comparison(Relation.CONTAINS, forward, backward, right)
    return _not_within(left, right, forward, backward, knowledge)


def _not_within(
    left: Policy, right: Policy, forward: Containment, backward: Containment, knowledge: Knowledge
) -> Comparison:
    """Return how two policies relate of which neither is shown to lie within the other."""
    missing = tuple(dict.fromkeys((*forward.missing, *backward.missing)))
    if not forward.gaps:  # nobody can say what one of them grants
        return Comparison(Relation.UNKNOWN, forward, backward, missing=missing)
    try:
        common = meet(left, right, knowledge)
    except LimitExceeded as exc:
        return Comparison(Relation.UNKNOWN, forward, backward, missing=(*missing, str(exc)))
    if common is None:
        unclear = _unclear(left, right, knowledge)
        relation = Relation.UNKNOWN if unclear else Relation.DISJOINT
        return Comparison(relation, forward, backward, missing=unclear)
    shared = common_request(common, left, right, knowledge)
    if shared is None:
        missing = missing or ("whether any request is granted by both",)
        return Comparison(Relation.UNKNOWN, forward, backward, common, missing=missing)
    return Comparison(Relation.OVERLAPPING, forward, backward, common, shared)


def _unclear(left: Policy, right: Policy, knowledge: Knowledge) -> tuple[str, ...]:
    """Return which references may have in common what only evidence could tell.

    What an action makes has no part in what is granted, so that it never keeps policies apart.
    """
    prover = Proof(knowledge=knowledge)
    vague = collections_of(left) | collections_of(right)
    found: dict[str, None] = {}
    for (_, mine), (_, other) in product(asked_for(left), asked_for(right)):
        for part in ("target", "assignee", "output"):
            one, two = getattr(mine, part), getattr(other, part)
            told = part != "output" and apart(one, two, vague)
            if not told and not agree(prover, one, two):
                names = f"`{one.id or one.source}` and `{two.id or two.source}`"
                found[f"whether {names} share anything"] = None
    return tuple(found)[:8]
