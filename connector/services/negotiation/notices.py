"""Taking a contract back: its end, its rest and its resumption, by either party, with a reason.

Rules: a notice is signed by its party, kept and logged by both, and delivered through the outbox,
after all messages of the negotiation; what it does to the contract holds here at once, whether or
not the other party hears of it. A job stops before its next round (`agree.agreement_for`); one that
we lead under the contract ends here and now. What was spent stays spent. How the notices of both
add up is `domain/contract/notice.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from typing import Any, Final, TypeVar

from connector.domain.contract import notice as notices
from connector.domain.contract.negotiation import Agreement, Role
from connector.domain.contract.notice import Act, Notice, Standing
from connector.domain.federation.job import JobSide
from connector.domain.participant import Participant
from connector.domain.transfer.extract import WAKEUP
from connector.domain.transfer.transfer import ENDED
from connector.errors import (
    AgreementUnknown,
    ContractEnded,
    Malformed,
    NotFound,
    PreauError,
    SignatureInvalid,
    TooManyRequests,
    Unlawful,
)
from connector.identity import document as documents
from connector.identity.document import DidDocument
from connector.identity.statements import notice as signed
from connector.ports import Ports, Transaction
from connector.protocol.messages import AgreementDeed, AgreementNotice, AgreementNoticeReceipt
from connector.services.continuity import recovery
from connector.services.federation.lead import book
from connector.services.federation.site.rounds import Ending
from connector.services.messages import sending
from connector.services.negotiation import agree
from connector.services.transfer import steps as transfers
from federated.job import JobState, is_final

T = TypeVar("T")

MOST: Final = 500  # notices of one party about one contract; an end is always taken
_STOPPING: Final = frozenset({Act.ENDED, Act.SUSPENDED})


def give(ports: Ports, agreement_id: str, act: Act, reason: str) -> Agreement:
    """End, suspend or resume a contract of ours, and tell the other party.

    The same act again changes nothing, and sends again what could not be delivered. What is taken
    back is recorded outside the database too, so that a restore does not forget it.

    Raises:
        NotFound: no finalized contract of that id.
        Malformed: the reason is empty, too long, or more than one line.
        ContractEnded: it has ended.
        Unlawful: it is resumed, and this node did not suspend it.
        KeyUnusable: our key cannot sign.
    """
    own = ports.settings.did
    check_reason(reason)
    with ports.store.write() as tx:
        agreement = tx.agreements.lock(agreement_id)
        if agreement is None or not agreement.finalized:
            raise NotFound(f"no agreement `{agreement_id}` that both parties have signed")
        latest = notices.newest(tx.notices.find(agreement_id=agreement_id), own)
        again = latest is not None and latest.act is act
        if not again:
            if agreement.standing is Standing.ENDED:
                raise ContractEnded(f"agreement `{agreement_id}` has ended")
            if act is Act.RESUMED and (latest is None or latest.act is not Act.SUSPENDED):
                raise Unlawful(
                    f"this node has not suspended agreement `{agreement_id}`",
                    hint="only the party that suspended a contract resumes it",
                )
            agreement = _give(ports, tx, agreement, act, reason)
    if again:
        sending.retry(ports, agreement.pid)
    recovery.note(ports)
    return agreement


def note(ports: Ports, tx: Transaction, agreements: Iterable[Agreement], reason: str) -> None:
    """Tell the other parties of contracts something that concerns them, and log it.

    Raises:
        KeyUnusable: our key cannot sign.
    """
    for agreement in agreements:
        _give(ports, tx, agreement, Act.NOTED, reason[: signed.MAX_REASON])


def forgotten(
    tx: Transaction, own: str, taken_back: Mapping[str, Standing]
) -> Iterator[tuple[Agreement, Act]]:
    """Return the contracts that this node took back, where the database does not know of it.

    Args:
        tx: the transaction.
        own: DID of this node.
        taken_back: contracts by id, as records outside the database tell.
    """
    for name, standing in sorted(taken_back.items()):
        agreement = tx.agreements.get(name)
        if agreement is None or not agreement.finalized or agreement.standing is Standing.ENDED:
            continue
        latest = notices.newest(tx.notices.find(agreement_id=name), own)
        if latest is None or latest.act.value != standing.value:
            yield agreement, Act(standing.value)


def restate(
    ports: Ports, tx: Transaction, taken_back: Mapping[str, Standing], reason: str
) -> list[str]:
    """Take contracts back again that a restored database has forgotten; return their ids.

    Raises:
        KeyUnusable: our key cannot sign.
    """
    found = list(forgotten(tx, ports.settings.did, taken_back))
    for agreement, act in found:
        _give(ports, tx, agreement, act, reason)
    return [agreement.id for agreement, _ in found]


def send(
    ports: Ports, tx: Transaction, agreement: Agreement, message: AgreementNotice | AgreementDeed
) -> None:
    """Put a statement about a contract into the outbox, for its other party.

    The Dataspace Protocol has no form for one: a peer that is no Préau node is told by the end of
    its transfers.
    """
    if _foreign(tx, agreement):
        return
    # After FINALIZED, which the other party must have first: hence the negotiation's subject.
    sending.enqueue(ports, tx, message.message_id, other(agreement), agreement.pid, message)


def check_reason(reason: str) -> None:
    """Check that a reason is one line.

    Raises:
        Malformed: it is not.
    """
    if not 0 < len(reason) <= signed.MAX_REASON or not reason.isprintable():
        raise Malformed(
            f"a reason is one line of 1 to {signed.MAX_REASON} characters", where="reason"
        )


def of_agreement(ports: Ports, agreement_id: str) -> list[Notice]:
    """Return the notices about a contract, by time."""
    with ports.store.read() as tx:
        found = tx.notices.find(agreement_id=agreement_id)
    return sorted(found, key=lambda each: (each.at, each.number))


def receive(ports: Ports, caller: Participant, body: Mapping[str, Any]) -> Mapping[str, Any]:
    """Take in the other party's notice, or one of our own that it gives back. Idempotent.

    Raises:
        Malformed: it cannot be read, names another contract, or its number came with other words.
        SignatureInvalid: neither the caller nor this node signed it.
        AgreementUnknown: no finalized contract of that id with this peer.
        Unlawful: its party had ended the contract.
        TooManyRequests: its party has given as many as one may about a contract.
    """
    message = AgreementNotice.from_body(body)
    notice, digest = verified_by_either(ports, caller, message.statement, signed.verify)
    with ports.store.write() as tx:
        agreement = tx.agreements.lock(notice.agreement_id)
        if agreement is None or not agreement.finalized or other(agreement) != caller.did:
            raise AgreementUnknown(f"no agreement `{notice.agreement_id}` with this peer")
        if digest != agreement.digest:
            raise Malformed("the notice is about another document than the one that was signed")
        known = tx.notices.find(agreement_id=agreement.id)
        said = [each for each in known if each.party == notice.party]
        before = next((each for each in said if each.number == notice.number), None)
        if before is None:
            if _is_further(said, notice):
                _keep(ports, tx, agreement, notice, known)
        elif (before.act, before.reason, before.at) != (notice.act, notice.reason, notice.at):
            raise Malformed(f"notice {notice.number} came with another content before")
    return AgreementNoticeReceipt(notice.number).to_body()


def verified_by_either(
    ports: Ports,
    caller: Participant,
    statement: str,
    verify: Callable[[str, DidDocument], tuple[T, str]],
) -> tuple[T, str]:
    """Return what the caller signed, or we did: a node that went back has forgotten some.

    Raises:
        SignatureInvalid: neither did.
        Malformed: it says something else than it must.
    """
    try:
        return verify(statement, documents.read(caller.document, caller.did))
    except SignatureInvalid as fault:
        own = documents.read(ports.own_document(), ports.settings.did)
        try:
            return verify(statement, own)
        except PreauError:
            raise fault from None


def _is_further(said: list[Notice], notice: Notice) -> bool:
    """Return whether a notice adds to what its party said; a second end does not.

    Raises:
        Unlawful: the party had ended the contract.
        TooManyRequests: the party has given as many as one may.
    """
    if any(each.act is Act.ENDED for each in said):
        if notice.act is Act.ENDED:
            return False
        raise Unlawful(f"`{notice.party}` has ended this contract")
    if len(said) >= MOST and notice.act is not Act.ENDED:
        raise TooManyRequests(f"at most {MOST} notices about one contract are kept")
    return True


def _give(ports: Ports, tx: Transaction, agreement: Agreement, act: Act, reason: str) -> Agreement:
    own, now = ports.settings.did, ports.clock.now()
    known = tx.notices.find(agreement_id=agreement.id)
    number = notices.next_number(known, own, now)
    plain = Notice(agreement.id, own, number, act, reason, "", now.replace(microsecond=0))
    notice = replace(plain, statement=signed.make(ports.signer, plain, agreement.digest))
    send(ports, tx, agreement, AgreementNotice(ports.ids.new(), notice.statement))
    if act in _STOPPING:
        _stop_led(ports, tx, agreement, act, reason)
    if act is Act.ENDED and _foreign(tx, agreement):
        for going in tx.transfers.find(agreement_id=agreement.id):
            if going.state not in ENDED:
                transfers.end(ports, tx, going, ContractEnded.code, (reason,))
    return _keep(ports, tx, agreement, notice, known)


def _foreign(tx: Transaction, agreement: Agreement) -> bool:
    """Return whether the other party of a contract is no Préau node."""
    peer = tx.participants.get(other(agreement))
    return peer is not None and not peer.grpc_endpoint


def _keep(
    ports: Ports, tx: Transaction, agreement: Agreement, notice: Notice, known: list[Notice]
) -> Agreement:
    tx.notices.put(notice)
    standing = notices.standing([*known, notice])
    stands = agreement.stands and standing is not Standing.ENDED  # what was spent still counts
    changed = replace(agreement, standing=standing, stands=stands)
    if changed != agreement:
        tx.agreements.put(changed)
    if standing is Standing.ENDED:
        going = tx.transfers.find(agreement_id=agreement.id)
        transfers.end_all(ports, tx, going, ContractEnded.code, notice.reason)
        tx.after_commit(partial(ports.wakeups.notify, WAKEUP))
    tx.audit.append(
        f"agreement.{notice.act.value}",
        agreement.id,
        by=notice.party,
        reason=notice.reason,
        digest=agreement.digest,
        statement=notice.statement,
    )
    return changed


def _stop_led(ports: Ports, tx: Transaction, agreement: Agreement, act: Act, reason: str) -> None:
    """End the jobs that we lead under a contract; their sites are told."""
    if agreement.role is not Role.CONSUMER:
        return
    code = agree.TAKEN_BACK[Standing(act.value)].code
    for row in tx.sites.find(agreement_id=agreement.id):
        job = tx.jobs.get(row.job_id)
        if job is not None and job.side is JobSide.LEAD and not is_final(job.state):
            line = f"agreement `{agreement.id}` was {act.value}: {reason}"
            book.finish_within(ports, tx, job.id, Ending(JobState.CANCELLED, code, line))
            tx.after_commit(partial(ports.wakeups.notify, "lead"))


def other(agreement: Agreement) -> str:
    """Return the DID of the other party of a contract of ours."""
    return agreement.consumer if agreement.role is Role.PROVIDER else agreement.provider
