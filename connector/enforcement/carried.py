"""Contracts whose document states no plan: those of before version 4. Pure.

Rule: they were on federated training and on nothing else, so that their plan follows from their
policy alone, by the rules of then. It is worked out once, when the database is carried over, and
kept beside the signed bytes, which do not change.
"""

from __future__ import annotations

from typing import Final

from connector.enforcement import compile as compiling
from connector.enforcement.coverage import cover
from connector.enforcement.ground import Ground
from connector.enforcement.mechanism import Mechanisms
from connector.enforcement.mechanisms import privacy, train
from connector.enforcement.plan import CoverageLine, Plan
from connector.errors import PolicyInvalid
from policies_odrl import Policy

_THEN: Final = Mechanisms((train.MECHANISM,))
_ANYTHING: Final = Ground((), "", 1)


def plan(policy: Policy) -> Plan:
    """Return the plan of a contract that states none.

    Raises:
        ConstraintUnknown: a part that no node could uphold.
        PolicyInvalid: a figure is missing or cannot be read.
    """
    return compiling.compile_agreement(policy, _THEN, _ANYTHING)


def table(policy: Policy) -> tuple[CoverageLine, ...]:
    """Return how each part of an offer of then is upheld.

    Raises:
        ConstraintUnknown: a part that no node could uphold.
    """
    return cover(policy, _THEN)


def budget(policy: Policy) -> tuple[float, float]:
    """Return (ε, δ) that such a contract may spend, also of one that could not be made today.

    Raises:
        PolicyInvalid: it has no such figures.
    """
    if len(policy.permissions) != 1:
        raise PolicyInvalid("an agreement for federated training has one permission")
    return privacy.budget(policy.permissions[0])
