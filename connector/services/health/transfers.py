"""What `preau doctor` says of transfers: receipts that differ, and those that never came.

Rules: as in `diagnose.py`. A receipt is missing where all has flowed and a day has gone since.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime, timedelta
from typing import Final

from connector.domain.transfer.transfer import Transfer, TransferState
from connector.services.health.diagnose import OK, WARN, Check

MISSING_AFTER: Final = timedelta(days=1)
MOST_SHOWN: Final = 10
_NAME: Final = "transfers"


def transfers(found: Iterable[Transfer], differing: Collection[str], now: datetime) -> list[Check]:
    """Judge the transfers whose data has left, or is here.

    Args:
        found: of both roles.
        differing: ids of transfers whose receipts were found to differ.
        now: UTC.
    """
    flowed = [each for each in found if each.passed]
    checks = [
        Check(
            _NAME,
            WARN,
            f"the receipts of `{each.pid}` with `{each.peer}` differ",
            f"`preau transfer show {each.pid}` shows both; ask the peer what it received",
        )
        for each in flowed
        if each.pid in differing
    ]
    checks += [
        Check(
            _NAME,
            WARN,
            f"all of `{each.pid}` was sent, but `{each.peer}` gave no receipt",
            "ask the peer whether it has all of it",
        )
        for each in flowed
        if _unanswered(each, now)
    ]
    if len(checks) > MOST_SHOWN:
        more = f"{len(checks) - MOST_SHOWN} more like these"
        checks[MOST_SHOWN:] = [Check(_NAME, WARN, more, "see `preau transfer list`")]
    done = sum(each.state is TransferState.COMPLETED for each in flowed)
    return checks or [Check(_NAME, OK, f"{done} completed, with receipts of both sides")]


def _unanswered(transfer: Transfer, now: datetime) -> bool:
    whole = transfer.content is not None and transfer.passed >= transfer.content.bytes
    owed = not transfer.peer_receipt and not transfer.heard  # who names no message signs none
    return whole and owed and now - transfer.updated_at > MISSING_AFTER
