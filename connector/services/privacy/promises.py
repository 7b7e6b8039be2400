"""Whether what contracts and jobs are counted by is what was signed and charged, and counting anew.

Rules: a contract's columns are copies of its signed document, of both parties' notices and of its
negotiation; table `promise` is a sum of them; a job's row has a record outside the database. Here
each is compared with what it came from. A recount goes from the signed documents up, is refused
while a contract cannot be read, and enters the log with its reason.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from typing import Final

from connector.domain.contract import notice
from connector.domain.contract.negotiation import Agreement, NegotiationState
from connector.domain.contract.notice import Notice, Standing
from connector.domain.page import LONGEST, Page
from connector.domain.privacy import tally
from connector.enforcement.mechanism import Mechanisms
from connector.errors import PreauError, RowDamaged, Unlawful
from connector.jsonld.canonical import sha256_hex
from connector.ports import Charges, Ports, Transaction
from connector.services.negotiation import agree
from connector.services.negotiation.notices import check_reason
from connector.services.privacy.registers import kept_in

RECOUNTED: Final = "promises.recounted"


@dataclass(frozen=True, slots=True)
class Miscount:
    """What is counted otherwise than it was signed or charged.

    Attributes:
        registers: whose sum over contracts is not that of the contracts' rows; the empty name
            stands for datasets that are not there.
        contracts: ids of those whose rows are not what was signed.
        altered: ids of those whose document is no longer the one that was signed.
        jobs: ids of those that the record of charges knows otherwise.
        whole: whether all contracts were looked at.
    """

    registers: tuple[str, ...]
    contracts: tuple[str, ...]
    altered: tuple[str, ...]
    jobs: tuple[str, ...]
    whole: bool


def miscount(tx: Transaction, charges: Charges, mechanisms: Mechanisms, seconds: float) -> Miscount:
    """Compare sums and copies with what they came from; rows that cannot be read are passed over.

    Args:
        tx: the transaction.
        charges: the record of the home.
        mechanisms: of this node.
        seconds: after which no further contract is looked at.
    """
    until = time.monotonic() + seconds
    contracts: list[str] = []
    altered: list[str] = []
    page: Page[Agreement] = Page((), "0")
    said = _said(tx)
    while page.next and time.monotonic() < until:
        page = tx.agreements.page(after=page.next, limit=LONGEST)
        for each in page.values:
            if sha256_hex(each.document) != each.digest:
                altered.append(each.id)
                continue
            with suppress(RowDamaged):
                if _as_signed(tx, mechanisms, each, said.get(each.id, [])) != each:
                    contracts.append(each.id)
    return Miscount(
        registers=tuple(tx.promises.astray()),
        contracts=tuple(contracts),
        altered=tuple(altered),
        jobs=tuple(_jobs(tx, charges)),
        whole=not page.next,
    )


def recount(ports: Ports, reason: str) -> Miscount:
    """Write the figures of contracts anew from what was signed, and count them anew.

    Returns:
        What was mended.

    Raises:
        Malformed: the reason is not one line.
        Unlawful: they are counted right.
        RowDamaged: a contract cannot be read, or is not the one that was signed.
    """
    check_reason(reason)
    with ports.store.read() as tx:
        found = miscount(tx, ports.charges, ports.mechanisms, float("inf"))
    if not found.registers and not found.contracts:
        raise Unlawful("all contracts are counted as they were signed")
    with ports.store.write() as tx:
        _check_readable(tx, found)
        for name in found.contracts:
            kept = tx.agreements.lock(name)
            if kept is not None:
                tx.agreements.put(
                    _as_signed(tx, ports.mechanisms, kept, tx.notices.find(agreement_id=name))
                )
        tx.promises.recount()
        lists = {"registers": list(found.registers), "agreements": list(found.contracts)}
        tx.audit.append(RECOUNTED, ports.settings.did, **lists, reason=reason)
    return found


def _check_readable(tx: Transaction, found: Miscount) -> None:
    hint = "restore it from a backup"
    for name in found.altered:
        raise RowDamaged(f"agreement `{name}` is not the one that was signed", hint=hint)
    for what, page in (
        ("agreement", tx.agreements.page(limit=0)),
        ("notice", tx.notices.page(limit=0)),  # it may be the one that ended a contract
    ):
        for row in page.damaged:
            raise RowDamaged(f"{what} `{row.row}` cannot be read", hint=hint)


def _as_signed(
    tx: Transaction, mechanisms: Mechanisms, kept: Agreement, said: list[Notice]
) -> Agreement:
    """Return a contract with the figures that its document, notices and negotiation give it."""
    standing = notice.standing(said)
    negotiation = None if kept.finalized else tx.negotiations.get(kept.pid)
    over = negotiation is not None and negotiation.state is NegotiationState.TERMINATED
    stands = standing is not Standing.ENDED and not over
    try:
        signed = agree.figures_of(kept, mechanisms)
    except PreauError:  # of an older release: it counts by the figures on record
        signed = {}
    return replace(kept, **signed, standing=standing, stands=stands)


def _said(tx: Transaction) -> Mapping[str, list[Notice]]:
    found = defaultdict(list)
    for each in tx.notices.page(limit=0).values:
        found[each.agreement_id].append(each)
    return found


def _jobs(tx: Transaction, charges: Charges) -> list[str]:
    try:
        recorded = charges.recorded()
    except PreauError:
        return []  # another check says so
    if recorded is None:
        return []
    kept = {each.job_id: each for each in tx.reservations.page(limit=0).values}
    return tally.shortened(recorded, kept, partial(kept_in, tx))
