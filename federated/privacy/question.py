"""What may be asked of an accountant about events that are composed.

Rules: a question holds public numbers only, in one spelling, so that equal questions are equal
text; what is out of range is refused before anything is computed. Standard library only.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

from federated.errors import PrivacyFault
from federated.privacy.event import Event, Events, merged, to_mapping
from federated.privacy.rule import LEAST_ORDER, MOST_ORDER


@dataclass(frozen=True, slots=True)
class Epsilon:
    """Smallest ε found with which the events together are (ε, `delta`)-private.

    Attributes:
        events: what is released, in any order.
        delta: δ in [0, 1).
    """

    events: tuple[Event, ...]
    delta: float

    def __post_init__(self) -> None:
        if not 0 <= self.delta < 1:
            raise PrivacyFault("δ must be 0 or more, and below 1")


@dataclass(frozen=True, slots=True)
class Divergence:
    """Rényi divergence of the events together, at one order, in both directions.

    Attributes:
        events: what is released, in any order.
        order: α, a whole number.
    """

    events: tuple[Event, ...]
    order: int

    def __post_init__(self) -> None:
        if not LEAST_ORDER <= self.order <= MOST_ORDER:
            raise PrivacyFault(f"a Rényi order must lie between {LEAST_ORDER} and {MOST_ORDER}")


Question = Epsilon | Divergence


def spelled(question: Epsilon) -> str:
    """Return a question to the accountant's process as JSON; empty when it has no events."""
    events = merged(question.events)
    asked = {"op": "epsilon", "delta": question.delta, "ledger": to_mapping(Events(events))}
    return json.dumps(asked, sort_keys=True) if events else ""
