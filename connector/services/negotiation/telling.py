"""Tells other parties what became of an offer, a dataset or a cap, however many they are.

Rules: a negotiation whose offer is gone, or has other terms, ends with it, and its consumer gets
our signed word why. The parties of contracts are told by notices: what is still to be told is
written down in the transaction of the act, and done a page at a time, so that no act holds the
write lock over all contracts and a crash forgets nobody. A contract that cannot be read is passed
over, and logged as `agreement.untold`. Who went back to an older state gets again
all that was signed about contracts with it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from functools import partial
from typing import Final

from connector.domain.catalog.dataset import Offer
from connector.domain.contract.approval import ApprovalState
from connector.domain.contract.duty import Deed
from connector.domain.contract.negotiation import Agreement, Negotiation, NegotiationState, Role
from connector.domain.contract.notice import Act, Notice, Standing, Telling
from connector.domain.participant import Participant
from connector.errors import (
    KeyUnusable,
    Malformed,
    OfferUnknown,
    PreauError,
    RowDamaged,
    StoreUnavailable,
)
from connector.identity import document as documents
from connector.identity.statements import notice as signed
from connector.jsonld.canonical import sha256_hex
from connector.ports import Ports, Repository, Transaction
from connector.protocol.messages import AgreementDeed, AgreementNotice
from connector.services.continuity import recovery
from connector.services.negotiation import notices, steps

PAGE: Final = 50  # contracts or notices in one write transaction
_DEEDS: Final = "deeds:"  # where a page of them ended, beside those of notices
PAGES: Final = 20  # before whoever else waits for this thread has a turn


def concerning(
    ports: Ports, tx: Transaction, datasets: Iterable[str], reason: str, offer_id: str = ""
) -> None:
    """Let the parties of contracts be told something, once the transaction is committed."""
    for dataset_id in datasets:
        _later(ports, tx, dataset_id=dataset_id, offer_id=offer_id, reason=reason)


def again(ports: Ports, tx: Transaction, peer: str) -> None:
    """Let a peer that went back get again what was signed about contracts with it."""
    _later(ports, tx, peer=peer)


def turn(ports: Ports, pages: int = PAGES) -> None:
    """Tell some pages of what is still to be told, and wake `exchange` where more is left.

    Raises:
        KeyUnusable: our key cannot sign.
        StoreUnavailable: the database did not answer.
    """
    for _ in range(pages):
        with ports.store.read() as tx:
            left = tx.tellings.page().values
        if not left:
            return
        with ports.store.write() as tx:
            _page(ports, tx, left[0].id)
    ports.wakeups.notify(recovery.EXCHANGE)


def end_open(ports: Ports, tx: Transaction, dataset_id: str, reason: str) -> None:
    """End the negotiations on a dataset whose offer is no longer made as it was tabled.

    A provider that waits for a consumer's word is in OFFERED, one whose persons have yet to decide
    in the state that the consumer's message brought; a contract that it has signed stands.

    Raises:
        KeyUnusable: our key cannot sign.
    """
    undecided = tx.approvals.find(state=ApprovalState.PENDING, dataset_id=dataset_id)
    waiting = (tx.negotiations.lock(each.id) for each in undecided)
    state = NegotiationState.OFFERED
    offered = tx.negotiations.find(state=state, role=Role.PROVIDER, dataset_id=dataset_id)
    for found in (*offered, *filter(None, waiting)):
        offer = tx.offers.get(found.offer_id)
        gone = offer is None or offer.withdrawn
        if gone or offer is None or offer.policy != found.policy:
            line = f"the offer was {'withdrawn' if gone else 'replaced'}: {reason}"
            said = _statement(ports, found, line[: signed.MAX_REASON])
            steps.end_here(ports, tx, found, OfferUnknown.code, (line,), statement=said)


def narrowed(tx: Transaction, offer: Offer) -> list[Offer]:
    """Return the offers on the table that were made from an offer, directly or not."""
    standing = tx.offers.find(dataset_id=offer.dataset_id, withdrawn=False)
    return [each for each in standing if each.derived_from and offer.id in _origins(tx, each.id)]


def check_statement(caller: Participant, negotiation: Negotiation, statement: str) -> None:
    """Check what a provider signed when it ended a negotiation, if it signed anything.

    Raises:
        Malformed: it is about another offer than the one on the table here.
        SignatureInvalid: the caller did not sign it.
    """
    if not statement:
        return
    document = documents.read(caller.document, caller.did)
    notice, digest = signed.verify(statement, document, signed.OFFER_TYPE)
    told = (notice.agreement_id, digest, notice.act)
    tabled = (negotiation.offer_id, sha256_hex(negotiation.offered), Act.NOTED)
    if negotiation.role is not Role.CONSUMER or told != tabled:
        raise Malformed("the statement is about another offer than the one on the table")


def _statement(ports: Ports, negotiation: Negotiation, line: str) -> str:
    now = ports.clock.now().replace(microsecond=0)
    own = ports.settings.did
    number = int(now.timestamp())
    notice = Notice(negotiation.offer_id, own, number, Act.NOTED, line, "", now)
    # In OFFERED, and where persons have yet to decide, these are the offer's bytes.
    digest = sha256_hex(negotiation.policy)
    return signed.make(ports.signer, notice, digest, signed.OFFER_TYPE)


def _later(
    ports: Ports,
    tx: Transaction,
    *,
    dataset_id: str = "",
    offer_id: str = "",
    peer: str = "",
    reason: str = "",
) -> None:
    kept = reason[: signed.MAX_REASON]
    now = ports.clock.now()
    tx.tellings.put(Telling(ports.ids.new(), dataset_id, offer_id, peer, kept, "", now))
    tx.after_commit(partial(ports.wakeups.notify, recovery.EXCHANGE))


def _page(ports: Ports, tx: Transaction, name: str) -> None:
    telling = tx.tellings.lock(name)
    if telling is None:  # another replica has done it
        return
    following = _send_again(ports, tx, telling) if telling.peer else _tell(ports, tx, telling)
    if following:
        tx.tellings.put(replace(telling, after=following))
    else:
        tx.tellings.remove(name)


def _tell(ports: Ports, tx: Transaction, telling: Telling) -> str:
    page = tx.agreements.page(
        after=telling.after,
        limit=PAGE,
        dataset_id=telling.dataset_id,
        role=Role.PROVIDER,
        finalized=True,
    )
    for each in page.values:
        _past_faults(tx, each.id, partial(_tell_one, ports, tx, telling, each))
    for row in page.damaged:
        _name(tx, row.row, RowDamaged.code)
    return page.next


def _tell_one(ports: Ports, tx: Transaction, telling: Telling, agreement: Agreement) -> None:
    if _concerns(tx, telling, agreement):
        notices.note(ports, tx, [agreement], telling.reason)


def _past_faults(tx: Transaction, agreement_id: str, tell: Callable[[], None]) -> None:
    """Tell the party of one contract; what cannot be read of it is named, and stops no other.

    Raises:
        KeyUnusable: our key cannot sign.
        StoreUnavailable: the database did not answer.
    """
    try:
        tell()
    except (KeyUnusable, StoreUnavailable):
        raise
    except PreauError as exc:
        _name(tx, agreement_id, exc.code)


def _name(tx: Transaction, agreement_id: str, code: str) -> None:
    tx.audit.append("agreement.untold", agreement_id, code=code)


def _concerns(tx: Transaction, telling: Telling, agreement: Agreement) -> bool:
    if agreement.standing is Standing.ENDED or agreement.concluded_at > telling.at:
        return False
    if not telling.offer_id:
        return True
    negotiation = tx.negotiations.get(agreement.pid)
    return negotiation is not None and telling.offer_id in _origins(tx, negotiation.offer_id)


def _origins(tx: Transaction, offer_id: str) -> Iterator[str]:
    """Return an offer and those from which it was narrowed."""
    name = offer_id
    while name:
        yield name
        offer = tx.offers.get(name)
        name = offer.derived_from if offer else ""


def _send_again(ports: Ports, tx: Transaction, telling: Telling) -> str:
    """Send a page of what was signed about contracts: notices first, then deeds."""
    deeds = telling.after.startswith(_DEEDS)
    kept: Repository[Notice] | Repository[Deed] = tx.deeds if deeds else tx.notices
    page = kept.page(after=telling.after.removeprefix(_DEEDS), limit=PAGE)
    for each in page.values:
        _past_faults(tx, each.agreement_id, partial(_send_one, ports, tx, telling.peer, each))
    for row in page.damaged:
        _name(tx, row.row, RowDamaged.code)
    if deeds:
        return f"{_DEEDS}{page.next}" if page.next else ""
    return page.next or _DEEDS


def _send_one(ports: Ports, tx: Transaction, peer: str, said: Notice | Deed) -> None:
    agreement = tx.agreements.get(said.agreement_id)
    if agreement is not None and notices.other(agreement) == peer:
        kind = AgreementDeed if isinstance(said, Deed) else AgreementNotice
        notices.send(ports, tx, agreement, kind(ports.ids.new(), said.statement))
