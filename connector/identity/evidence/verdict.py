"""What a bundle of evidence proves: one verdict a part, and what no bundle can prove.

Rules: parts are judged apart, and each says whose signature or paper failed; a bundle is proven
only when every part is. Nothing is left out of a verdict because another part failed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from connector.errors import PreauError

# Said with every verdict: none of it follows from signatures.
LIMITS: Final = (
    "when it was signed, beyond what the clocks of the parties say: two that agree can pre-date it",
    "that a log names all that its node did, or that the bundle holds all entries on the contract",
    "that the data are as described, or what was done with them outside the two nodes",
    "that nobody else used a party's key, or that no newer status list had revoked a party",
)


class Outcome(StrEnum):
    """What a bundle proves as a whole."""

    PROVEN = "proven"
    CONSISTENT = "consistent, not all of it proven"
    INVALID = "invalid"


class Standing(StrEnum):
    """What a bundle proves of one part."""

    PROVEN = "proven"
    UNPROVEN = "unproven"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Part:
    """The verdict on one part.

    Attributes:
        name: `contract`, `membership`, `revocation`, `log` or `layers`.
        standing: see `Standing`.
        finding: one line: what holds, what is missing, or what failed.
        at_fault: DID of whose signature or paper failed; empty unless the part failed.
        checks: what was verified, one line each.
    """

    name: str
    standing: Standing
    finding: str
    at_fault: str = ""
    checks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Verdict:
    """The answer.

    Attributes:
        outcome: see `Outcome`.
        reason: one line; why it is not proven; empty when it is.
        agreement: IRI; empty when it could not be read.
        provider: DID.
        consumer: DID.
        concluded_at: as both signed it, UTC; None when it could not be read.
        parts: contract, membership, revocation, log, layers; none when nothing could be read.
        limits: what it does not prove, one line each.
    """

    outcome: Outcome
    reason: str
    agreement: str = ""
    provider: str = ""
    consumer: str = ""
    concluded_at: datetime | None = None
    parts: tuple[Part, ...] = ()
    limits: tuple[str, ...] = LIMITS

    def part(self, name: str) -> Part:
        """Return the part of a name."""
        return next(part for part in self.parts if part.name == name)


# Who is at fault when it fails, and the step, which says what it verified.
Step = tuple[str, Callable[[], str]]


def follow(name: str, steps: Iterable[Step]) -> Part:
    """Take the steps of a part in order, and stop at the first that fails."""
    checks: list[str] = []
    for who, step in steps:
        try:
            checks.append(step())
        except PreauError as exc:
            return Part(name, Standing.FAILED, exc.reason, who, tuple(checks))
    return Part(name, Standing.PROVEN, "everything verifies", "", tuple(filter(None, checks)))


def whole(parts: Sequence[Part]) -> tuple[Outcome, str]:
    """Return what all parts together prove, and why not more."""
    worst = {part.standing for part in parts}
    for standing, outcome in (
        (Standing.FAILED, Outcome.INVALID),
        (Standing.UNPROVEN, Outcome.CONSISTENT),
    ):
        if standing in worst:
            lines = [f"{it.name}: {it.finding}" for it in parts if it.standing is standing]
            return outcome, "; ".join(lines)
    return Outcome.PROVEN, ""
