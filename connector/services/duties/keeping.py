"""Keeps account of the duties of contracts: a row for each, as the policy's evaluation says.

Rules: rows are written in the transaction of whatever changes them (a contract, a deed, a use);
what time alone changes is `timing.py`. Duties outlive their contract: what was delivered is deleted
also after its end. A contract without duties has no rows, and costs nothing.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import Final

from connector.domain.contract.duty import Duty
from connector.domain.contract.negotiation import Agreement
from connector.domain.transfer.extract import WAKEUP
from connector.enforcement import obligations
from connector.enforcement.history import History, accounts, owes
from connector.ports import Ports, Transaction
from connector.services.negotiation import agree

DUTIES: Final = "duties"  # what wakes the thread that waits for the next deadline
_MOST_DAYS: Final = 3650


def history(tx: Transaction, agreement: Agreement) -> History:
    """Return what has happened under a contract."""
    return History(
        agreement.concluded_at,
        tuple(tx.deeds.find(agreement_id=agreement.id)),
        tuple(tx.uses.find(agreement_id=agreement.id)),
    )


def history_of(ports: Ports, agreement: Agreement) -> History | None:
    """Return what has happened under a contract; None where its policy asks for none of it.

    Raises:
        AgreementTampered: its document cannot be read.
    """
    if not accounts(agree.policy_of(agreement, ports.mechanisms.profiles)):
        return None
    with ports.store.read() as tx:
        return history(tx, agreement)


def refresh(ports: Ports, tx: Transaction, agreement: Agreement) -> tuple[Duty, ...]:
    """Write down where the duties of a contract stand now, and return them.

    Raises:
        AgreementTampered: its document cannot be read.
    """
    policy = agree.policy_of(agreement, ports.mechanisms.profiles)
    if not owes(policy):
        return ()
    now, own = ports.clock.now(), ports.settings.did
    found = obligations.duties(
        policy, agreement.id, history(tx, agreement), now, ports.mechanisms.profiles
    )
    before = {each.path: each for each in tx.duties.find(agreement_id=agreement.id)}
    rows = tuple(_kept(ports, each, before.get(each.path), now, own) for each in found)
    for row in rows:
        if row != before.get(row.path):
            tx.duties.put(row)
    for path in before.keys() - {row.path for row in rows}:  # what brought it about was waived
        tx.duties.remove(agreement.id, path)
    for name in (DUTIES, WAKEUP):  # a deed or a deadline may end what is held
        tx.after_commit(partial(ports.wakeups.notify, name))
    return rows


def ahead(ports: Ports) -> timedelta:
    """Return how long before a deadline the debtor is reminded."""
    return timedelta(days=min(ports.settings.duty_reminder_days, _MOST_DAYS))


def _kept(ports: Ports, found: Duty, before: Duty | None, now: datetime, own: str) -> Duty:
    if before is not None:
        kept = ("reminded", "escalated", "notice", "tries", "try_at")
        found = replace(found, **{name: getattr(before, name) for name in kept})
    return found.looked_at(ahead(ports), own, now)
