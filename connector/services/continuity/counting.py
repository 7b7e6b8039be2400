"""What a recovery counts of the uses of contracts, and what has nothing left since one.

Rules: the home records how often each contract was used before what a use made is released, so that
a restored database counts them again; nothing is had twice. Where the log lost more than any record
tells of, uses may be among it: a contract that limits them has nothing left then.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Final

from connector.domain.contract.negotiation import Agreement, Role
from connector.domain.decision import Refusal
from connector.domain.log.audit import Checkpoint
from connector.domain.privacy.debt import untold
from connector.domain.privacy.tally import Forfeit, Tally, join
from connector.enforcement.terms import COUNT, ELAPSED_TIME, METERED_TIME, USES_THIS_MONTH
from connector.errors import BudgetExceeded, CapExceeded, PreauError
from connector.ports import Ports, Transaction
from connector.services.negotiation import agree
from policies_odrl import Constraint
from policies_odrl.model import all_in

FORFEITED: Final = "recovery.forfeited"  # of a contract or a register
COUNTED: Final = "recovery.counted"  # uses that the database had forgotten
_LIMITS: Final = frozenset({COUNT, USES_THIS_MONTH, ELAPSED_TIME, METERED_TIME})


def forfeited(tx: Transaction, agreement_id: str, register_id: str = "") -> Refusal | None:
    """Return why a contract or its register has nothing left since a recovery, or None."""
    for name, code in ((agreement_id, BudgetExceeded.code), (register_id, CapExceeded.code)):
        found = tx.forfeits.get(name) if name else None
        if found is not None:
            return Refusal(code, (found.reason,))
    return None


def forfeit(tx: Transaction, found: Forfeit) -> None:
    """Write down that nothing is left of a contract or a register."""
    tx.forfeits.put(found)
    tx.audit.append(FORFEITED, found.id, reason=found.reason, epoch=found.epoch)


def uncounted(
    ports: Ports, tx: Transaction, tallies: list[Tally], lost: Iterable[Checkpoint]
) -> tuple[str, ...]:
    """Return the contracts that limit their uses, of which nobody can tell how many there were.

    Args:
        ports: of this node.
        tx: the transaction.
        tallies: what home and peers keep.
        lost: heads of the own log that it does not continue.
    """
    known = not untold(lost, tallies)
    here = {each.key: each.uses for each in tx.uses.counted()}
    told = join(tallies).uses if tallies else {}
    more = {it.agreement_id for key, it in told.items() if it.uses > here.get(key, 0)}
    found = []
    for agreement in tx.agreements.find(role=Role.PROVIDER, finalized=True):
        limits = _limits(ports, agreement)
        if limits and not (known and (METERED_TIME not in limits or agreement.id not in more)):
            found.append(agreement.id)
    return tuple(sorted(found))


def restore(
    tx: Transaction, tallies: list[Tally], lost: Iterable[str], epoch: int, now: datetime
) -> None:
    """Count the uses that a database has forgotten.

    Args:
        tx: the transaction.
        tallies: what home and peers keep.
        lost: contracts of which nobody can tell; see `uncounted`.
        epoch: that begins.
        now: UTC.
    """
    here = {each.key: each for each in tx.uses.counted()}
    for key, told in (join(tallies).uses if tallies else {}).items():
        agreement = tx.agreements.get(told.agreement_id)
        if agreement is None or agreement.role is not Role.PROVIDER:
            continue
        again = list(told.forgotten(here.get(key), epoch))
        for use in again:
            tx.uses.put(use)
        if again:
            facts = {"action": told.action, "uses": len(again), "epoch": epoch}
            tx.audit.append(COUNTED, told.agreement_id, **facts)
    for name in lost:
        reason = f"its uses count as used up since the recovery of {now:%Y-%m-%d}"
        forfeit(tx, Forfeit(name, epoch, reason, now))


def _limits(ports: Ports, agreement: Agreement) -> frozenset[str]:
    """Return by what a contract limits its uses; one that cannot be read may by anything."""
    try:
        policy = agree.policy_of(agreement, ports.mechanisms.profiles)
    except PreauError:
        return _LIMITS
    return _LIMITS & {each.left for each in all_in(policy, Constraint)}
