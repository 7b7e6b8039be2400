"""Takes in what the other party states about duties, or what it gives back of our own. Idempotent.

Rules: a deed is signed by its party, names the very document that both signed, and states what that
party may state. It is kept with its exact bytes and logged. A receipt of deletion is held to what
this node delivered: what it leaves out is logged, and the duty stays open.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from connector.domain import instant
from connector.domain.contract.duty import Deed, DeedKind
from connector.domain.participant import Participant
from connector.enforcement.history import may_state
from connector.errors import AgreementUnknown, DutyForbidden, Malformed, TooManyRequests
from connector.identity.statements import deed as signed
from connector.ports import Ports
from connector.protocol.messages import AgreementDeed, AgreementDeedReceipt
from connector.services.duties import keeping
from connector.services.duties.delivered import unnamed
from connector.services.duties.stating import keep
from connector.services.negotiation import agree
from connector.services.negotiation.notices import other, verified_by_either

MOST: Final = 5000  # deeds of one party about one contract


def receive(ports: Ports, caller: Participant, body: Mapping[str, Any]) -> Mapping[str, Any]:
    """Take in a deed.

    Raises:
        Malformed: it cannot be read, names another contract, is of the future, or its number came
            with other words.
        SignatureInvalid: neither the caller nor this node signed it.
        AgreementUnknown: no finalized contract of that id with this peer.
        DutyForbidden: its party may not state it.
        TooManyRequests: its party has stated as much as one may about a contract.
    """
    message = AgreementDeed.from_body(body)
    deed, digest = verified_by_either(ports, caller, message.statement, signed.verify)
    with ports.store.write() as tx:
        agreement = tx.agreements.lock(deed.agreement_id)
        if agreement is None or not agreement.finalized or other(agreement) != caller.did:
            raise AgreementUnknown(f"no agreement `{deed.agreement_id}` with this peer")
        if digest != agreement.digest:
            raise Malformed("the statement is about another document than the one that was signed")
        before = tx.deeds.get(agreement.id, deed.party, deed.number)
        if before is not None:
            _check_same(before, deed)
        else:
            policy = agree.policy_of(agreement, ports.mechanisms.profiles)
            if not may_state(policy, deed):
                raise DutyForbidden(
                    f"only another party of the contract may state that of `{deed.about}`"
                )
            planned = deed.kind is DeedKind.HAPPENED
            latest = deed.stated_at if planned else max(deed.at, deed.stated_at)
            if latest > ports.clock.now() + instant.SKEW:
                raise Malformed("the statement is dated ahead of this node's clock")
            if tx.deeds.count(agreement_id=agreement.id, party=deed.party) >= MOST:
                raise TooManyRequests(
                    f"a party can make at most {MOST} statements about one contract"
                )
            keep(tx, agreement, replace(deed, unnamed=unnamed(tx, policy, deed)))
            keeping.refresh(ports, tx, agreement)
    return AgreementDeedReceipt(deed.number).to_body()


def _check_same(before: Deed, deed: Deed) -> None:
    """Check that a number comes with the words it had; a signature may be made anew."""
    if replace(before, statement="", unnamed=()) != replace(deed, statement="", unnamed=()):
        raise Malformed(f"statement {deed.number} came with another content before")
