"""What happens to pending decisions by itself: a reminder, and at last the lapse.

Rules: each is done once, whichever replica of the node comes first. A clock that jumped ends
nothing: until it is steady again nothing lapses.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

from connector.domain.contract.approval import Approval, ApprovalState
from connector.ports import Ports, Transaction
from connector.services.approval import deciding, noticing

LONGEST_SLEEP: Final = 300.0  # seconds; for what another replica of the node began
UNSTEADY_SLEEP: Final = 60.0  # seconds, until the clock is looked at again


def turn(ports: Ports, *, steady: bool) -> float:
    """Do what is due, and return in how many seconds to look again.

    Args:
        ports: of this node.
        steady: whether something may be ended by the wall clock.

    Raises:
        StoreUnavailable: the database did not answer.
    """
    now = ports.clock.now()
    for found in _pending(ports):
        if found.due <= now and (steady or now < found.lapses_at):
            with ports.store.write() as tx:
                _act(ports, tx, found.id, now)
    if noticing.turn(ports):
        return 0.0
    left = [(each.wakes - ports.clock.now()).total_seconds() for each in _pending(ports)]
    seconds = max(min([LONGEST_SLEEP, *left]), 0.0)
    return seconds if steady or seconds else UNSTEADY_SLEEP  # a lapse is due that has to wait


def _pending(ports: Ports) -> tuple[Approval, ...]:
    with ports.store.read() as tx:
        return tx.approvals.page(limit=0, state=ApprovalState.PENDING).values


def _act(ports: Ports, tx: Transaction, name: str, now: datetime) -> None:
    found = tx.approvals.lock(name)
    if found is None or found.state is not ApprovalState.PENDING or found.due > now:
        return  # decided, or done by another replica
    if now >= found.lapses_at:
        deciding.lapse(ports, tx, found)
    else:
        deciding.remind(ports, tx, found)
