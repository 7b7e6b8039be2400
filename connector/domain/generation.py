"""Generations of what nodes say to each other, and which of two can work together.

Rules: a release that cannot work safely with older ones raises `GENERATION`, and `OLDEST` with it.
Each call and answer states its sender's. The newer of two nodes judges, since the older cannot
know what came after it. Whoever is too old is named. First contact over HTTPS is open to all
generations, so that there is a place to say so.
"""

from __future__ import annotations

from typing import Final

from connector.errors import UpgradeRequired

GENERATION: Final = 2
OLDEST: Final = 2  # that this release works with
UNSTATED: Final = 1  # what says nothing is of the first generation
_MOST_DIGITS: Final = 4


def read(stated: str) -> int:
    """Return the generation that a text states; of one that is no number, the first."""
    plain = stated.isascii() and stated.isdigit() and len(stated) <= _MOST_DIGITS
    return int(stated) if plain else UNSTATED


def check(did: str, generation: int) -> None:
    """Refuse a node that is too old to work with.

    Args:
        did: of the other node.
        generation: that it stated; `UNSTATED` when it stated none.

    Raises:
        UpgradeRequired: it is older than `OLDEST`.
    """
    if generation < OLDEST:
        raise UpgradeRequired(
            f"`{did}` must upgrade: it speaks generation {generation} between nodes, and {OLDEST}"
            " is the oldest that is safe",
            hint="ask its operator to install a newer release; nothing is lost by that",
        )
