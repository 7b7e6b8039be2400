"""What this node's institution states about duties: done, waived, or that an event took place.

Rules: only who may state it does: the debtor that a duty was done, the other party that it need not
be, the provider when an event took place, either that a prohibition was breached. A deed is signed,
kept, logged and told to the other party through the outbox in one transaction; it is never taken
back. A receipt of deletion names each delivery by this node's records, and each copy that the node
itself held and has destroyed; the provider's node states the latter by itself at the deadline.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import islice
from typing import Any, Final

from connector.domain import instant
from connector.domain.contract.duty import (
    OPEN,
    Deed,
    DeedKind,
    Deletion,
    Duty,
    Gone,
    duty_id,
    next_number,
)
from connector.domain.contract.negotiation import Agreement
from connector.domain.page import PAGE, Page
from connector.domain.transfer.extract import ON_DISK
from connector.enforcement import history as histories
from connector.errors import DutyForbidden, Malformed, NotFound
from connector.identity.statements import deed as signed
from connector.ports import Among, Ports, Transaction
from connector.protocol.messages import AgreementDeed
from connector.services.duties import keeping
from connector.services.duties.delivered import destroyed, outstanding, unnamed
from connector.services.lookup import require
from connector.services.messages import sending
from connector.services.negotiation import agree
from connector.services.negotiation.notices import check_reason, send
from connector.services.use import destroying
from policies_odrl import Policy

_RECEIPTS: Final = (DeedKind.DONE, DeedKind.DESTROYED)


@dataclass(frozen=True, slots=True)
class Said:
    """What is to be stated.

    Attributes:
        kind: see `DeedKind`.
        about: JSON pointer into the policy, or IRI of an event.
        at: when it took place, UTC; None: now.
        evidence: SHA-256 of what shows it, hex; may be empty.
        note: one line; may be empty, but for a waiver.
    """

    kind: DeedKind
    about: str
    at: datetime | None = None
    evidence: str = ""
    note: str = ""


def urgent(ports: Ports, *, after: str = "", limit: int = PAGE) -> Page[Duty]:
    """Return a page of the duties that are open, the most urgent first.

    Raises:
        Malformed: `after` is not a `Page.next`.
    """
    with ports.store.read() as tx:
        return tx.duties.urgent(after=after, limit=limit)


def duties(
    ports: Ports, *, closed: bool = False, agreement: str = "", after: str = "", limit: int = PAGE
) -> Page[Duty]:
    """Return a page of the duties that are open, or of all, oldest first.

    Raises:
        Malformed: `after` is not a `Page.next`.
    """
    only: dict[str, Any] = {"agreement_id": agreement} if agreement else {}
    if not closed:
        only["state"] = Among(OPEN)
    with ports.store.read() as tx:
        return tx.duties.page(after=after, limit=limit, **only)


def duty(ports: Ports, name: str) -> tuple[Duty, list[Deed]]:
    """Return a duty by its id, and what was stated about it, by time.

    Raises:
        NotFound: none of that id.
    """
    agreement_id, path = duty_id(name)
    with ports.store.read() as tx:
        found = require(tx.duties.get(agreement_id, path), "duty", name)
        deeds = [each for each in tx.deeds.find(agreement_id=agreement_id) if each.about == path]
    return found, sorted(deeds, key=lambda each: (each.stated_at, each.number))


def done(ports: Ports, name: str, said: Said) -> Duty:
    """State that a duty was done; the other party is told.

    What could not be delivered of a duty that was stated to be done is sent again. The extracts
    that a duty of ours is to delete are destroyed by the node itself, before it signs.

    Raises:
        NotFound: none of that id.
        DutyForbidden: this node does not owe it, or nothing of it is open.
        Malformed: the note is not one line, or the time is not within the contract's.
        KeyUnusable: our key cannot sign.
    """
    with ports.store.read() as tx:
        found = tx.duties.get(*duty_id(name))
    ours = found is not None and found.is_open and found.debtor == ports.settings.did
    if found is not None and ours and found.action == histories.DELETE:
        destroy_held(ports, found)
    return _of_duty(ports, name, said)


def destroy_held(ports: Ports, duty: Duty) -> None:
    """Destroy the copies that this node holds of what a duty is to delete."""
    with ports.store.read() as tx:
        found = tx.extracts.find(agreement_id=duty.agreement_id)
    for each in found:
        if each.state in ON_DISK:
            destroying.destroy(ports, each, destroying.Cause.DUTY)


def waive(ports: Ports, name: str, reason: str) -> Duty:
    """State that a duty owed to this node's institution need not be done, for good.

    Raises:
        NotFound: none of that id.
        DutyForbidden: it is not owed to this node, or nothing of it is open.
        Malformed: the reason is not one line.
        KeyUnusable: our key cannot sign.
    """
    check_reason(reason)
    return _of_duty(ports, name, Said(DeedKind.WAIVED, duty_id(name)[1], note=reason))


def state(ports: Ports, agreement_id: str, said: Said) -> tuple[Duty, ...]:
    """State something about a contract; return its duties as they stand then.

    Raises:
        NotFound: no finalized contract of that id, or it speaks of no such rule or event.
        DutyForbidden: this node may not state it.
        Malformed: the note is not one line, or the time is not within the contract's.
        KeyUnusable: our key cannot sign.
    """
    with ports.store.write() as tx:
        return _stated(ports, tx, agreement_id, said)


def keep(tx: Transaction, agreement: Agreement, deed: Deed) -> None:
    """Keep a deed and log it, signed text included."""
    tx.deeds.put(deed)
    facts = {"unnamed": list(deed.unnamed)} if deed.unnamed else {}
    tx.audit.append(
        f"duty.{deed.kind.value}",
        agreement.id,
        by=deed.party,
        about=deed.about,
        at=instant.text(deed.at),
        evidence=deed.evidence,
        note=deed.note,
        deletions=len(deed.deletions),
        digest=agreement.digest,
        statement=deed.statement,
        **facts,
    )


def _of_duty(ports: Ports, name: str, said: Said) -> Duty:
    agreement_id, path = duty_id(name)
    with ports.store.write() as tx:
        found = require(tx.duties.get(agreement_id, path), "duty", name)
        if found.is_open or _forgotten(ports, tx, found, said):
            rows = _stated(ports, tx, agreement_id, replace(said, about=path))
            return next(row for row in rows if row.path == path)
        pid = require(tx.agreements.get(agreement_id), "agreement", agreement_id).pid
    if not sending.retry(ports, pid):
        raise DutyForbidden(
            f"duty `{path}` is {found.state}: there is nothing to state",
            hint="state each act once only; a duty that follows a use can be stated after "
            "such a use",
        )
    return found


def _forgotten(ports: Ports, tx: Transaction, found: Duty, said: Said) -> bool:
    """Return whether a receipt of ours has left out what was delivered."""
    again = said.kind is DeedKind.DONE and found.action == histories.DELETE and not found.waived
    return again and bool(outstanding(tx, found.agreement_id, ports.settings.did, found.path))


def _stated(ports: Ports, tx: Transaction, agreement_id: str, said: Said) -> tuple[Duty, ...]:
    agreement = tx.agreements.lock(agreement_id)
    if agreement is None or not agreement.finalized:
        raise NotFound(f"no agreement `{agreement_id}` that both parties have signed")
    policy = agree.policy_of(agreement, ports.mechanisms.profiles)
    deed = _deed(ports, tx, agreement, policy, said)
    statement = signed.make(ports.signer, deed, agreement.digest)
    deed = replace(deed, statement=statement, unnamed=unnamed(tx, policy, deed))
    keep(tx, agreement, deed)
    send(ports, tx, agreement, AgreementDeed(ports.ids.new(), deed.statement))
    return keeping.refresh(ports, tx, agreement)


def _deed(ports: Ports, tx: Transaction, agreement: Agreement, policy: Policy, said: Said) -> Deed:
    own, now = ports.settings.did, ports.clock.now()
    if said.note:
        check_reason(said.note)
    at = (said.at or now).replace(microsecond=0)
    ahead = at > now and said.kind is not DeedKind.HAPPENED  # an event may be planned
    if ahead or at < agreement.concluded_at - instant.SKEW:
        raise Malformed(
            "the date of what is stated must lie between the contract's conclusion and now"
        )
    deed = Deed(
        agreement_id=agreement.id,
        party=own,
        number=next_number(tx.deeds.find(agreement_id=agreement.id), own, now),
        kind=said.kind,
        about=said.about,
        at=at,
        evidence=said.evidence,
        note=said.note,
        deletions=tuple(
            islice(_deletions(ports, tx, agreement, policy, said), signed.MAX_DELETIONS)
        ),
        statement="",
        stated_at=now.replace(microsecond=0),
    )
    _check(policy, deed)
    return deed


def _deletions(
    ports: Ports, tx: Transaction, agreement: Agreement, policy: Policy, said: Said
) -> Iterator[Deletion]:
    """Return what a receipt names: copies that the node destroyed, then files that left it."""
    if said.kind not in _RECEIPTS or not histories.deletes(policy, said.about):
        return
    own = ports.settings.did
    ended = destroyed(tx, agreement.id, own, said.about)
    yield from (Deletion(each.digest, Gone.DESTROYED, each.id) for each in ended)
    if said.kind is DeedKind.DONE:
        copies = {each.id for each in ended}
        for each in outstanding(tx, agreement.id, own, said.about):
            if each.extract not in copies and each.over:
                yield Deletion(each.digest, Gone.ATTESTED, each.id)


def _check(policy: Policy, deed: Deed) -> None:
    """Check that a policy speaks of what is stated, and that this party may.

    Raises:
        NotFound: it does not.
        DutyForbidden: another party states that.
    """
    if deed.kind is DeedKind.HAPPENED:
        known = histories.events(policy)
        if deed.about not in known:
            hint = (
                (f"the contract names these events: {', '.join(sorted(known))}")
                if known
                else ("the contract names no event")
            )
            raise NotFound(f"the contract does not name an event `{deed.about}`", hint=hint)
    elif deed.about not in histories.places(policy):
        raise NotFound(f"the contract has no duty or prohibition at `{deed.about}`")
    if not histories.may_state(policy, deed):
        raise DutyForbidden(f"only another party of the contract may state that of `{deed.about}`")
