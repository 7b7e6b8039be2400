"""Permission against prohibition: the conflict strategies of IM 2.10.

Rules: a conflict exists only where both bear on the same request; `invalid`, the default, voids the
whole policy; a prohibition that cannot be ruled out blocks, unless permissions are stated to win.
"""

from __future__ import annotations

from dataclasses import dataclass

from policies_odrl.logic import Truth
from policies_odrl.model import Conflict


@dataclass(frozen=True, slots=True)
class Resolution:
    """Who wins.

    Attributes:
        granted: whether the permission stands.
        void: whether the whole policy falls.
        reason: one line; empty when there is nothing to tell.
    """

    granted: bool
    void: bool = False
    reason: str = ""


def resolve(strategy: Conflict | None, *, permitted: bool, prohibited: Truth) -> Resolution:
    """Return what follows from what the permissions and the prohibitions say."""
    if not permitted or prohibited is Truth.FALSE:
        return Resolution(granted=permitted)
    if strategy is Conflict.PERM:
        return Resolution(granted=True, reason="prohibited as well, but permissions win here")
    if prohibited is Truth.UNDETERMINED:
        return Resolution(granted=False, reason="a prohibition cannot be ruled out")
    if strategy is Conflict.PROHIBIT:
        return Resolution(granted=False, reason="prohibited")
    return Resolution(
        granted=False,
        void=True,
        reason="permitted and prohibited at once, which voids the policy",
    )
