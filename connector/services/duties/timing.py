"""What happens to duties by time alone: a reminder of the debtor, and an entry when it is overdue.

Rules: each is done once for a deadline, whichever replica of the node comes first. A clock that
jumped makes nothing overdue: until it is steady again nothing is looked at. A contract that cannot
be read keeps no other waiting.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final

from connector.domain import instant
from connector.domain.contract.approval import Happening
from connector.domain.contract.duty import Duty
from connector.errors import PreauError, StoreUnavailable
from connector.ports import Ports, Transaction
from connector.services import noticing
from connector.services.duties import keeping, own

BATCH: Final = 100  # contracts in one turn
LONGEST_SLEEP: Final = 300.0  # seconds; for what another replica of the node began
UNSTEADY_SLEEP: Final = 60.0  # seconds, until the clock is looked at again
AGAIN: Final = timedelta(hours=1)  # after a contract could not be read

_log = logging.getLogger(__name__)


def turn(ports: Ports, *, steady: bool) -> float:
    """Look at the duties that are due to be looked at; return in how many seconds to look again.

    Args:
        ports: of this node.
        steady: whether something may be called overdue by the wall clock.

    Raises:
        StoreUnavailable: the database did not answer.
    """
    with ports.store.read() as tx:
        names = tx.duties.contracts_due(ports.clock.now(), BATCH)
    if names and not steady:
        return UNSTEADY_SLEEP
    whole = [_looked_at(ports, name) for name in names]
    for name in names:
        own.turn(ports, name)
    untold = [each for name in names for each in _untold(ports, name)]
    for found in untold[:1]:  # an address that answers slowly delays other notices, and no more
        noticing.tell(ports, NOTICES, found)
    with ports.store.read() as tx:
        following = tx.duties.next_look()
    left = 0.0 if len(untold) > 1 else LONGEST_SLEEP
    if following is not None:
        left = min(left, (following - ports.clock.now()).total_seconds())
    least = 0.0 if all(whole) else UNSTEADY_SLEEP
    return max(min(left, LONGEST_SLEEP), least)


def _looked_at(ports: Ports, name: str) -> bool:
    try:
        with ports.store.write() as tx:
            _look(ports, tx, name)
    except StoreUnavailable:
        raise
    except PreauError as exc:
        _log.warning("duties of contract `%s` cannot be judged: %s", name, exc.code)
        with ports.store.write() as tx:
            for row in tx.duties.page(limit=0, agreement_id=name).values:
                tx.duties.put(replace(row, look_at=ports.clock.now() + AGAIN))
        return False
    return True


def _look(ports: Ports, tx: Transaction, name: str) -> None:
    agreement, now = tx.agreements.get(name), ports.clock.now()
    for row in keeping.refresh(ports, tx, agreement) if agreement is not None else ():
        acted = _acted(ports, tx, row, now)
        if acted != row:
            tx.duties.put(acted.looked_at(keeping.ahead(ports), ports.settings.did, now))


def _acted(ports: Ports, tx: Transaction, row: Duty, now: datetime) -> Duty:
    """Remind of a duty, or escalate it, where that is due."""
    if row.unescalated:
        tx.audit.append("duty.overdue", row.agreement_id, **_facts(row))
        _log.warning("duty `%s` is overdue", row.id)
        return noticing.after(ports, replace(row, escalated=row.due or now), Happening.OVERDUE)
    remind = row.remind_at(keeping.ahead(ports))
    if row.debtor == ports.settings.did and remind is not None and remind <= now:
        tx.audit.append("duty.reminded", row.agreement_id, **_facts(row))
        _log.warning("duty `%s` has to be done soon", row.id)
        return noticing.after(ports, replace(row, reminded=row.due), Happening.REMINDED)
    return row


def _untold(ports: Ports, name: str) -> list[Duty]:
    """Return the duties of a contract of which something is due to be told."""
    now = ports.clock.now()
    with ports.store.read() as tx:
        rows = tx.duties.page(limit=0, agreement_id=name).values
    return [each for each in rows if each.try_at is not None and each.try_at <= now]


def _facts(row: Duty) -> dict[str, Any]:
    return {
        "duty": row.path,
        "action": row.action,
        "debtor": row.debtor,
        "due": instant.text(row.due) if row.due else "",
    }


NOTICES: Final[noticing.Kind[Duty]] = noticing.Kind(
    "duty",
    held=lambda tx, row: tx.duties.lock(row.agreement_id, row.path),
    keep=lambda tx, row: tx.duties.put(row),  # the next turn finds when to look again
    notice=lambda row: {"agreement": row.agreement_id, **_facts(row)},
    about=lambda row: (row.agreement_id, {"duty": row.path}),
)
