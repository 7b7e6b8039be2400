"""What happens to pending decisions by itself: a reminder, and at last the lapse.

Rules: each is done once, whichever replica of the node comes first. A clock that jumped ends
nothing: until it is steady again nothing lapses.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from connector.domain import instant
from connector.domain.contract.approval import Approval, ApprovalState
from connector.ports import Ports, Transaction
from connector.services import noticing
from connector.services.approval import deciding

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
    untold = [each for each in _pending(ports) if each.try_at and each.try_at <= now]
    for found in untold[:1]:  # an address that answers slowly delays other notices, and no more
        noticing.tell(ports, NOTICES, found)
    if len(untold) > 1:
        return 0.0
    left = [(each.wakes - ports.clock.now()).total_seconds() for each in _pending(ports)]
    seconds = max(min([LONGEST_SLEEP, *left]), 0.0)
    return seconds if steady or seconds else UNSTEADY_SLEEP  # a lapse is due that has to wait


def _held(tx: Transaction, named: Approval) -> Approval | None:
    found = tx.approvals.lock(named.id)
    return found if found is not None and found.state is ApprovalState.PENDING else None


def _notice(found: Approval) -> dict[str, Any]:
    return {
        "approval": found.id,
        "peer": found.peer,
        "dataset": found.dataset_id,
        "roles": list(found.missing),
        "lapses": instant.text(found.lapses_at),
    }


NOTICES: Final[noticing.Kind[Approval]] = noticing.Kind(
    "approval",
    held=_held,
    keep=lambda tx, found: tx.approvals.put(found),
    notice=_notice,
    about=lambda found: (found.id, {}),
)


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
