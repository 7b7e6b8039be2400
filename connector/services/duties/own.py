"""What a provider's node does itself of duties to delete, at the deadline: destroys, and signs.

Rules: copies are destroyed first, then stated, so that a node that died between states them at its
next look. Where the provider owes the deletion this is its receipt, signed a minute before the
deadline; where the consumer owes it, a deed says which copies this node held, and the consumer's
receipt still speaks of the files that left.
"""

from __future__ import annotations

import logging
from datetime import datetime

from connector.domain.contract.duty import ACTS_BEFORE, DeedKind, Duty
from connector.enforcement.history import DELETE
from connector.errors import PreauError, StoreUnavailable
from connector.ports import Ports
from connector.services.duties import stating
from connector.services.duties.delivered import destroyed
from connector.services.duties.stating import Said

_log = logging.getLogger(__name__)


def turn(ports: Ports, agreement_id: str) -> None:
    """Do what is due of a contract that this node provides under.

    Raises:
        StoreUnavailable: the database did not answer.
    """
    own, now = ports.settings.did, ports.clock.now()
    with ports.store.read() as tx:
        agreement = tx.agreements.get(agreement_id)
        rows = tx.duties.find(agreement_id=agreement_id)
    if agreement is None or agreement.provider != own:
        return
    for row in rows:
        if row.action == DELETE and row.is_open and row.due is not None:
            _act(ports, row, row.due, now)


def _act(ports: Ports, row: Duty, due: datetime, now: datetime) -> None:
    ours = row.debtor == ports.settings.did
    from_when = due - ACTS_BEFORE if ours else due
    if now < from_when or (ours and row.done_at is not None and row.done_at >= from_when):
        return
    try:
        stating.destroy_held(ports, row)
        if ours:
            stating.done(ports, row.id, Said(DeedKind.DONE, ""))
        elif _untold(ports, row):
            stating.state(ports, row.agreement_id, Said(DeedKind.DESTROYED, row.path))
    except StoreUnavailable:
        raise
    except PreauError as exc:
        _log.warning("deletion by this node is not stated of duty `%s`: %s", row.id, exc.code)


def _untold(ports: Ports, row: Duty) -> bool:
    with ports.store.read() as tx:
        return bool(destroyed(tx, row.agreement_id, ports.settings.did, row.path))
