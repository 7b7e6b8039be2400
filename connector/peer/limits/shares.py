"""What one member may send, begin and have stored: its share, which takes nothing from others.

Rules: each call costs its bytes, and 4 KiB at least; what begins something (`OPENING`) also counts
by itself, since it leaves entries in the log for good; while as much is stored for a member as may
be, it begins nothing, and goes on with what it has begun: it may verify, end and cancel. There is
no limit of all members together, so that nobody is refused for another. Every refusal says when to
try again.
"""

from __future__ import annotations

from typing import Final

from connector.errors import QuotaReached
from connector.peer.limits.rate import HOUR, MINUTE, Rate, too_many
from connector.ports import Ports

LEAST_COST: Final = 4096  # bytes; a call also costs a token that is remembered, and a thread
STORED_SECONDS: Final = 3600.0  # what is stored is dropped by days; sooner asks in vain
OPENING: Final = frozenset(
    {
        "ContractRequestMessage",
        "ContractOfferMessage",
        "JobSubmission",
        "TransferRequestMessage",
        "UseRequest",
        "ReferralMessage",
        "EpochAnnouncement",
    }
)


class Shares:
    """The shares of all members of one server; thread-safe."""

    def __init__(self, ports: Ports) -> None:
        settings = ports.settings
        self._ports = ports
        self._bytes = Rate(
            max(settings.member_bytes_per_minute, LEAST_COST),
            MINUTE,
            refusal=too_many("too many bytes of this member in a minute"),
        )
        self._openings = Rate(settings.member_openings_per_hour, HOUR, refusal=_too_many_begun)

    def take(self, member: str, kind: str, size: int) -> None:
        """Let a message of a member through, and count it.

        Args:
            member: DID that its certificate was found to be of.
            kind: of the message.
            size: its bytes.

        Raises:
            TooManyRequests: the member sends too much.
            QuotaReached: it has begun too much, or too much is stored for it.
        """
        cost = max(size, LEAST_COST)
        self._bytes.take(member, cost)
        if kind not in OPENING:
            return
        most, held = self._ports.settings.member_stored_bytes, self._ports.held.of(member)
        if held >= most:
            raise QuotaReached(
                f"{held} bytes are stored for this member, at most {most} may be",
                hint="end what is open; what has ended is dropped after some days",
                retry_after=STORED_SECONDS,
            )
        self._openings.take(member)
        self._ports.held.add(member, cost)


def _too_many_begun(seconds: float) -> QuotaReached:
    return QuotaReached(
        "this member has begun too many negotiations and jobs",
        hint=f"try again in {seconds:.0f} seconds",
        retry_after=seconds,
    )
