"""What `preau doctor` judges of the peers: their standing here, and this node's standing there.

Rules: as in `diagnose.py`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from connector.services.health.diagnose import MAX_SKEW, OK, WARN, Check


@dataclass(frozen=True, slots=True)
class PeerFact:
    """A peer as it was found.

    Attributes:
        did: the peer.
        fault: why it is not in good standing; empty when it is.
        unreachable: why it did not answer; empty when it did, None when it was not asked.
        said: what it says against this node; empty when nothing.
    """

    did: str
    fault: str
    unreachable: str | None
    said: str = ""


def peers(found: Sequence[PeerFact]) -> list[Check]:
    """Judge the peers: one line when all is well, one for each that is not."""
    if not found:
        mend = "`preau peer meet DID` meets one"
        return [Check("peers", OK, f"none met yet; {mend}")]
    checks = [_peer(fact) for fact in found if fact.fault or fact.unreachable or fact.said]
    good = len(found) - len(checks)
    return [Check("peers", OK, f"{good} of {len(found)} in good standing"), *checks]


def unproven(refusals: Mapping[str, str]) -> list[Check]:
    """Name each peer that did not join a head it signed to its log: DID -> code of its refusal."""
    mend = "this node asks it again; if that lasts, ask its operator why"
    return [
        Check(f"log of {did}", WARN, f"a head that it signed is not proven: {code}", mend)
        for did, code in sorted(refusals.items())
    ]


def clocks(skews: Mapping[str, timedelta]) -> list[Check]:
    """Name each peer whose clock is too far from ours: DID -> its time minus ours."""
    mend = "see `clock`; if this node's is right, ask the peer's operator to set its own"
    return [
        Check(
            f"clock of {did}",
            WARN,
            f"{abs(skew).total_seconds():.0f} s {'ahead of' if skew > timedelta() else 'behind'}"
            " this node's; calls between the two are refused until they agree",
            mend,
        )
        for did, skew in sorted(skews.items())
        if abs(skew) > MAX_SKEW
    ]


def gone_back(reasons: Mapping[str, str]) -> list[Check]:
    """Name each peer whose log went back: DID -> why it is said to."""
    mend = "ask its operator to run `preau recovery show`; no new contract or job until then"
    return [
        Check(f"log of {did}", WARN, f"was rolled back: {reason}", mend)
        for did, reason in sorted(reasons.items())
    ]


def shares(stored: Mapping[str, int], most: int, still_open: Mapping[str, int]) -> list[Check]:
    """Name each member that is at a limit of what it may leave with this node.

    Args:
        stored: bytes by DID.
        most: what may be stored for one.
        still_open: DIDs with as many negotiations as may be open, and how many those are.
    """
    mend = (
        "ask its operator to end some; until then it cannot begin anything new, other members can"
    )
    at_quota = [
        Check(
            f"quota of {did}",
            WARN,
            f"{size} bytes are stored for it, the most that is allowed is {most}",
            mend,
        )
        for did, size in sorted(stored.items())
        if size >= most
    ]
    crowded = [
        Check(f"negotiations with {did}", WARN, f"{number} are open, as many as may be", mend)
        for did, number in sorted(still_open.items())
    ]
    good = f"{len(stored)} members, none at a limit; the most: {max(stored.values(), default=0)} B"
    return [*at_quota, *crowded] or [Check("quotas", OK, good)]


def _peer(fact: PeerFact) -> Check:
    if fact.fault:
        mend = "ask its operator, or the space's authority; its calls are refused until then"
        return Check(f"peer {fact.did}", WARN, fact.fault, mend)
    if fact.said:
        mend = (
            "see `membership`, `clock` and `keys`; if they are in order, the peer's "
            "operator runs `preau doctor` there"
        )
        return Check(f"peer {fact.did}", WARN, f"it refuses this node: {fact.said}", mend)
    mend = "ask its operator whether it runs; messages to it wait and are sent again"
    return Check(f"peer {fact.did}", WARN, f"does not answer: {fact.unreachable}", mend)
