"""Has this node gone back to an older state? Asked before anything of privacy is promised or spent.

Rules: what was charged is recorded outside the database before it is released, and peers hold heads
of the own log. A database that falls short of either is one that went back: the node answers, and
spends nothing, until its operator confirms what is owed (`confirmation.py`). Before a job only
home and database are looked at; peers are asked after a start (`custody.py`). Nothing says "in
recovery" but the facts themselves, so that no state of it can be lost.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, MutableMapping
from datetime import datetime
from typing import Final

from connector.domain.contract.negotiation import Agreement
from connector.domain.log.audit import Checkpoint, Head
from connector.domain.log.continuity import answered
from connector.domain.privacy.register import Register
from connector.domain.privacy.tally import Limit, Tally, behind
from connector.errors import InRecovery, KeyUnusable, Malformed, PreauError, WorldFault
from connector.identity import checkpoint as checkpoints
from connector.ports import Charges, Ports, Transaction
from connector.services.evidence.own_log import head
from federated.privacy.rule import Rule

RECORDED: Final = "charges.recorded"  # from this entry on, the home holds a record of charges
EXCHANGE: Final = "exchange"  # wakes the thread that deals with peers (`custody.py`)
ASKING_SECONDS: Final = 20.0
HINT: Final = "ask the node's operator to run `preau recovery show`"

_log = logging.getLogger(__name__)


def check(ports: Ports) -> None:
    """Check that the node may promise and spend; waits while peers are asked after a start.

    Raises:
        InRecovery: it went back.
        WorldFault: it has just started, and still asks its peers what they hold.
    """
    ports.asking.over.wait(ASKING_SECONDS)
    with ports.store.read() as tx:
        check_within(ports, tx)


def check_within(ports: Ports, tx: Transaction) -> None:
    """As `check`, in a transaction of the caller's."""
    whole(ports, tx)
    if not ports.asking.over.is_set():
        raise WorldFault(
            "this node has just started, and asks its peers for its newest head",
            hint="try again in half a minute",
        )


def whole(ports: Ports, tx: Transaction) -> None:
    """Check that the database falls short of nothing that is known.

    Peers are answered with the refusal, so it does not say how: that would tell one counterparty
    of the others, of registers and of how often they were charged.

    Raises:
        InRecovery: it does.
    """
    if faults(tx, ports.charges, ports.settings.did, ports.asking.continued):
        raise InRecovery("this node was rolled back to an older state", hint=HINT)


def faults(
    tx: Transaction, charges: Charges, did: str, continued: MutableMapping[str, str] | None = None
) -> tuple[str, ...]:
    """Return how the database falls short of home and peers, a line each.

    Args:
        tx: the transaction.
        charges: the record of the home.
        did: of this node.
        continued: see `lost_heads`.
    """
    furthest: dict[str, Head] = {}  # a peer holds the head that it saw last and the deposited one
    for peer, lost in lost_heads(tx, did, continued):
        furthest[peer] = max(lost.head, furthest.get(peer, lost.head), key=lambda each: each.place)
    lines = (
        f"`{peer}` holds a head of {lost.size} entries that the log does not continue"
        for peer, lost in furthest.items()
    )
    return (*_of_home(tx, charges, did), *_spoiled(tx), *lines)


def _spoiled(tx: Transaction) -> Iterator[str]:
    """Return the peers that gave back what the database has not kept whole, a line each."""
    for row in tx.returned_heads.find():
        try:
            for note in filter(None, (row.note, row.deposit)):
                checkpoints.unverified_claim(note)
        except Malformed:
            yield f"what `{row.peer}` gave back of this log can no longer be read"


def lost_heads(
    tx: Transaction, did: str, continued: MutableMapping[str, str] | None = None
) -> Iterator[tuple[str, Checkpoint]]:
    """Return (peer, head) of each own head that a peer holds and the log does not continue.

    Args:
        tx: the transaction.
        did: of this node.
        continued: notes by peer that this log, which only grows, was seen to continue; they are not
            looked at again, and others are added. Without it all are looked at.
    """
    seen = {} if continued is None else continued
    own, epochs = head(tx, did), tx.epochs.find(origin=did)
    rows: list[tuple[str, datetime, tuple[str, ...]]]
    rows = [(row.peer, row.at, (row.note, row.deposit)) for row in tx.returned_heads.find()]
    rows += [(row.peer, row.at, (row.note,)) for row in tx.cosigned_heads.find()]
    for peer, at, notes in rows:
        for note in filter(None, notes):
            if seen.get(peer) == note:
                continue
            try:
                claim = checkpoints.unverified_claim(note)  # it was verified before it was stored
            except Malformed:
                continue  # the database is damaged: `_spoiled` says so of what peers gave back
            if answered(claim.head, epochs) or continues(tx, own, claim.head):
                seen[peer] = note
            else:
                size, root = claim.head.size, claim.head.root
                epoch, charged = claim.head.epoch, claim.charged
                yield peer, Checkpoint(did, size, root, note, at, epoch, charged)


def continues(tx: Transaction, own: Head, earlier: Head) -> bool:
    """Return whether the own log, at its head, continues an earlier one."""
    if earlier.epoch > own.epoch or earlier.size > own.size:
        return False
    return tx.audit.root(earlier.size) == earlier.root


def begin(ports: Ports) -> None:
    """Begin the record of charges where there is none yet, and bring it up to the database.

    A node that went back changes nothing here, and says so in its log.

    Raises:
        KeyUnusable: the record cannot be written.
        StoreUnavailable: the database did not answer.
    """
    with ports.store.read() as tx:
        size = tx.audit.size()
        begun = bool(tx.audit.since(RECORDED))
        unwritten = _recorded(ports) is None
        if unwritten and not begun and size:  # made by a release that kept no record
            ports.charges.record(tally_of(ports, tx))
        found = faults(tx, ports.charges, ports.settings.did, ports.asking.continued)
    for line in found:
        _log.error("this node went back to an older state and spends nothing: %s", line)
    if found:
        return
    if not begun:
        with ports.store.write() as tx:
            tx.audit.append(RECORDED, ports.settings.did)
    record(ports)


def record(ports: Ports) -> None:
    """Write down what is charged, outside the database; return once it is on the disk.

    Call it between the commit of a charge and what it lets go.

    Raises:
        InRecovery: the database went back; nothing is written over what tells so.
        KeyUnusable: it cannot be written.
    """
    with ports.store.read() as tx:
        whole(ports, tx)
        tally = tally_of(ports, tx)
    ports.charges.record(tally)


def note(ports: Ports) -> None:
    """As `record`, where nothing is let go; a failure is noticed before something is."""
    try:
        record(ports)
    except PreauError as exc:
        _log.warning("what is charged could not be recorded: %s: %s", exc.code, exc.reason)
    ports.wakeups.notify(EXCHANGE)


def tally_of(ports: Ports, tx: Transaction) -> Tally:
    """Return what the database counts as charged."""
    recorded = _recorded(ports)
    limits = dict(recorded.limits) if recorded else {}
    # A job that ended uncharged is left out: cancelled ones could fill the record for nothing.
    counting = [job for job in tx.reservations.find() if job.counted_rounds(Rule.SUMS)]
    jobs = {job.job_id: job for job in counting}
    found: dict[str, Limit] = {}
    for name, register_id in {job.agreement_id: job.register_id for job in jobs.values()}.items():
        agreement = tx.agreements.get(name) if name not in limits else None
        if agreement is not None:
            found[name] = limit_of(agreement, register_id)
        elif name in limits:
            found[name] = limits[name]
    own = head(tx, ports.settings.did)
    # What the other party took back is not in it: it must not fill the record.
    taken_back = dict(tx.notices.taken_back(ports.settings.did))
    uses = {each.key: each for each in tx.uses.counted()}
    return Tally(own, _registers(tx), found, jobs, taken_back, uses)


def limit_of(agreement: Agreement, register_id: str) -> Limit:
    """Return what a contract allows on a register, by the figures on record; it is not read."""
    return Limit(
        agreement.id,
        register_id,
        agreement.consumer,
        agreement.epsilon,
        agreement.delta,
        agreement.valid_until,
    )


def _of_home(tx: Transaction, home: Charges, did: str) -> tuple[str, ...]:
    try:
        recorded = home.recorded()
    except KeyUnusable as exc:
        return (exc.reason,)
    own = head(tx, did)
    if recorded is None and not own.size:
        return ("the home holds keys, but the database is empty and there is no record of charges",)
    if recorded is None:  # a release that kept none leaves nothing to be missed
        begun = tx.audit.since(RECORDED)
        return ("the record of charges in the home is missing",) if begun else ()
    charged = (name for name, each in recorded.registers.items() if each.charges)
    held = {each.id: each for each in map(tx.registers.get, charged) if each is not None}
    return behind(recorded, Tally(own, held, {}, {}), tx.audit.root)


def _registers(tx: Transaction) -> dict[str, Register]:
    return {register.id: register for register in tx.registers.find()}


def _recorded(ports: Ports) -> Tally | None:
    try:
        return ports.charges.recorded()
    except KeyUnusable:
        return None
