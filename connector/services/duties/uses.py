"""Counts uses of contracts: before they are made, and by compare-and-swap.

Rules: whoever lets a use be made decides by a history, then claims the use: the claim holds only
while no other use was counted since that history, and is decided anew otherwise. So two at once
cannot both take the last one, and no lock is held while a policy is evaluated. How uses bear on a
contract (`odrl:count`, `preau:usesThisMonth`, `odrl:elapsedTime`, `odrl:meteredTime`) is for the
policy's evaluation alone.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Final

from connector.domain.contract.negotiation import Agreement
from connector.domain.contract.use import UseRecord
from connector.domain.decision import Refusal
from connector.enforcement.history import History, accounts
from connector.errors import TooManyRequests
from connector.ports import Ports, Transaction
from connector.services.duties import keeping
from connector.services.negotiation import agree

ATTEMPTS: Final = 20


def claim(ports: Ports, tx: Transaction, agreement: Agreement, use: UseRecord, seen: int) -> bool:
    """Count a use, unless others were counted since; return whether it is counted.

    The same use is counted once, whoever claims it again.

    Args:
        ports: of this node.
        tx: the transaction of whatever begins the use.
        agreement: the contract.
        use: to be made.
        seen: how many uses the decision knew of (`len(history.uses)`).
    """
    if tx.uses.get(use.id) is not None:
        return True
    if tx.uses.count(agreement_id=agreement.id) != seen:
        return False
    tx.uses.put(_whole(use))
    keeping.refresh(ports, tx, agreement)
    return True


def claimed(
    ports: Ports,
    agreement: Agreement,
    use: UseRecord,
    decide: Callable[[History], Refusal | None],
) -> Refusal | None:
    """Decide on a use and count it; return why it is not allowed, or None once it is counted.

    Raises:
        AgreementTampered: the contract's document cannot be read.
        TooManyRequests: others were counted each time while this one was decided on.
    """
    for _ in range(ATTEMPTS):
        with ports.store.read() as tx:
            found = keeping.history(tx, agreement)
            if tx.uses.get(use.id) is not None:
                return None
        refusal = decide(found)
        if refusal is not None:
            return refusal
        with ports.store.write() as tx:
            if claim(ports, tx, agreement, use, len(found.uses)):
                return None
    raise TooManyRequests("other uses of the contract were counted meanwhile", hint="try again")


def note(ports: Ports, tx: Transaction, agreement_id: str, use_id: str, action: str) -> None:
    """Note a use that begins now and that nothing limits, where its contract asks for uses.

    Raises:
        AgreementTampered: the contract's document cannot be read.
    """
    agreement = tx.agreements.get(agreement_id)
    if agreement is None or not accounts(agree.policy_of(agreement, ports.mechanisms.profiles)):
        return
    use = UseRecord(use_id, agreement_id, action, ports.clock.now(), None)
    if tx.uses.add(_whole(use)):
        keeping.refresh(ports, tx, agreement)


def end(tx: Transaction, use_id: str, at: datetime) -> None:
    """Note that a use has ended; only what is metered looks at it."""
    found = tx.uses.lock(use_id)
    if found is not None and found.ended_at is None:
        tx.uses.put(replace(found, ended_at=max(at, found.started_at)))


def release(ports: Ports, tx: Transaction, agreement: Agreement, use_id: str) -> None:
    """Take back a use of which nothing came."""
    tx.uses.remove(use_id)
    keeping.refresh(ports, tx, agreement)


def _whole(use: UseRecord) -> UseRecord:
    return replace(use, started_at=use.started_at.replace(microsecond=0))
