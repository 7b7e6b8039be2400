"""Who decides on what an offer lets members ask for: the node by itself, or persons in roles.

Rules: one or two roles must accept, each once; a role is a name that the provider chooses, and who
acts in it is the provider's own affair. Whoever does not decide in time has not accepted.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Final

MOST_ROLES: Final = 2
MOST_HOURS: Final = 28 * 24  # both sides wait for a decision, see `contract/negotiation.py`
REMIND_HOURS: Final = 2 * 24
LAPSE_HOURS: Final = 6 * 24
ROLE: Final = "operator"  # where an offer names none


class Decision(StrEnum):
    """What a person of the provider decides on."""

    AUTOMATIC = "automatic"  # nothing: the terms and the budget decide
    CONTRACT = "review contract"  # each contract, before the provider signs
    USE = "review each use"  # each job under a contract, before anything is charged


@dataclass(frozen=True, slots=True)
class Review:
    """How persons decide on an offer.

    Attributes:
        decision: what on; never `AUTOMATIC`.
        roles: all of them must accept.
        remind_hours: until a missing decision is asked for again, hours.
        lapse_hours: until it is too late, hours; more than `remind_hours`.
    """

    decision: Decision
    roles: tuple[str, ...]
    remind_hours: int
    lapse_hours: int

    @property
    def remind_after(self) -> timedelta:
        """Time until the reminder."""
        return timedelta(hours=self.remind_hours)

    @property
    def lapse_after(self) -> timedelta:
        """Time until it is too late."""
        return timedelta(hours=self.lapse_hours)
