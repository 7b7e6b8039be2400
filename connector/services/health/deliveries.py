"""What `preau doctor` judges of messages to peers: those that failed for good, those that wait.

Rules: as in `diagnose.py`. A failure that its negotiation has outlived is none.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Final

from connector.domain.delivery import OutgoingMessage
from connector.errors import BY_CODE
from connector.services.health.diagnose import OK, WARN, Check
from connector.services.membership import introducing
from connector.services.negotiation import outcomes

OVERDUE: Final = timedelta(hours=1)
SHOWN_FOR: Final = timedelta(days=30)
MOST_SHOWN: Final = 10


def deliveries(
    found: Sequence[OutgoingMessage], over: Collection[str], now: datetime
) -> list[Check]:
    """Judge the messages that were not delivered.

    Args:
        found: of the outbox, not delivered, oldest first.
        over: ids of negotiations that are terminated.
        now: UTC.
    """
    failed = [
        message
        for message in found
        if message.failed.partition(":")[0] in BY_CODE
        and message.subject not in over
        and now - message.created_at < SHOWN_FOR
    ]
    waiting = [m for m in found if not m.failed and now - m.created_at >= OVERDUE]
    checks = [_failed(message) for message in failed[-MOST_SHOWN:]]
    checks += [_waiting(peer, waiting) for peer in sorted({m.peer for m in waiting})]
    if len(failed) > MOST_SHOWN:
        more = f"{len(failed) - MOST_SHOWN} older ones failed too"
        checks.append(Check("deliveries", WARN, more, "fix the newer ones first"))
    good = f"{len(failed)} failed for good, {len(waiting)} wait for more than an hour"
    return checks or [Check("deliveries", OK, good)]


def _failed(message: OutgoingMessage) -> Check:
    mend = "nothing is sent again automatically; ask the peer's operator"
    if message.kind in outcomes.KINDS:
        mend = f"`preau negotiate reconcile {message.subject}` asks the peer and sends again"
    elif message.kind == introducing.KIND:
        mend = f"`preau peer meet {message.peer}` introduces this node again"
    finding = f"`{message.kind}` failed for good: {message.failed}"
    return Check(f"delivery to {message.peer}", WARN, finding, mend)


def _waiting(peer: str, waiting: Sequence[OutgoingMessage]) -> Check:
    mine = [message for message in waiting if message.peer == peer]
    oldest = min(message.created_at for message in mine)
    finding = f"{len(mine)} wait, the oldest since {oldest:%Y-%m-%dT%H:%M:%SZ}; they are sent again"
    mend = f"see `peer {peer}` for what keeps them"
    return Check(f"delivery to {peer}", WARN, finding, mend)
