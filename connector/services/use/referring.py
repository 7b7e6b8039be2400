"""Referrals to a third party: signed by a provider, presented by a consumer, taken in once.

Rules: what a provider granted is one referral, the same whenever it is asked for again, until it
has expired. A node that is the third party takes one in from its holder alone, who has proven who
it is by calling; the provider must be a member that it knows. Each was taken in once, over restarts
and replicas, and stands in the log with the contract that it names.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from connector.domain import instant
from connector.domain.contract.negotiation import Agreement
from connector.domain.participant import Participant
from connector.domain.transfer.requested import Requested
from connector.enforcement.asked import read_asked
from connector.enforcement.steps import registry as steps
from connector.enforcement.steps.refer import Refer
from connector.errors import AgreementUnknown, TokenReplayed, UseRefused
from connector.identity import did as dids
from connector.identity import document as documents
from connector.identity.statements import referral as referrals
from connector.identity.statements.referral import LIFE, Referral
from connector.ports import Ports, Transaction
from connector.protocol.use_messages import ReferralAnswer, ReferralMessage
from connector.services.membership import onboard
from connector.services.negotiation import plans

ACCEPTED: Final = "referral.accepted"
PRESENTED: Final = "referral.presented"
_DID: Final = "did:"


def step_of(agreement: Agreement, action: str) -> Refer | None:
    """Return the step by which a contract refers an action to a third party; None for others.

    Raises:
        StepUnknown: its plan has steps that this node cannot execute.
    """
    use = plans.plan_of(agreement).of(action)
    found = steps.asked_for(use.steps) if use else None
    return found if isinstance(found, Refer) else None


def granted(ports: Ports, known: Requested) -> str:
    """Return the referral of a request that was granted; empty once it has expired.

    Raises:
        AgreementUnknown: the contract is gone.
        KeyUnusable: our key cannot sign.
    """
    with ports.store.read() as tx:
        agreement = tx.agreements.get(known.agreement_id)
    if agreement is None:
        raise AgreementUnknown("the contract of a request no longer exists")
    step = step_of(agreement, known.action)
    at = known.at.replace(microsecond=0)
    if step is None or ports.clock.now() >= at + LIFE:
        return ""
    said = Referral(
        id=known.id,
        provider=agreement.provider,
        holder=known.consumer,
        party=step.party,
        at=at,
        until=at + LIFE,
        agreement=agreement.id,
        dataset=step.dataset,
        action=known.action,
        plan=plans.digest_of(agreement),
        stated=read_asked(known.request).stated,
    )
    return referrals.make(ports.signer, said)


def note(tx: Transaction, new: Requested, agreement: Agreement, step: Refer) -> None:
    """Write down that a referral is made."""
    facts = {"use": new.id, "consumer": new.consumer, "party": step.party}
    until = instant.text(new.at.replace(microsecond=0) + LIFE)
    plan = plans.digest_of(agreement)
    tx.audit.append("use.referred", agreement.id, **facts, plan=plan, until=until)


def checked(agreement: Agreement, action: str, token: str, now: datetime) -> Referral:
    """Return what a referral to us says, which is what the contract that both signed says.

    Raises:
        TokenInvalid: the provider did not sign it, or not so.
        TokenMismatch: it is another's, or about something else.
        UseRefused: the contract refers nothing.
    """
    step = step_of(agreement, action)
    if step is None:
        raise UseRefused("the contract gives no referral to a third party")
    holder = documents.read(agreement.provider_document, agreement.provider)
    found = referrals.check(token, holder, step.party, agreement.consumer, now)
    about = (found.agreement, found.dataset, found.action, found.plan)
    if about != (agreement.id, step.dataset, action, plans.digest_of(agreement)):
        raise UseRefused("the referral is about another use than the contract's")
    return found


def present(ports: Ports, token: str) -> Referral:
    """Present a referral of ours to its third party, which is a node.

    Raises:
        TokenInvalid: it cannot be read, or has expired.
        UseRefused: its third party is no node.
        PeerUnreachable: the third party does not answer.
        PreauError: it refused; the class says why.
    """
    issuer = onboard.known(ports, referrals.unverified_provider(token))
    party = referrals.unverified_party(token)
    own, now = ports.settings.did, ports.clock.now()
    found = referrals.check(token, documents.read(issuer.document, issuer.did), party, own, now)
    if not party.startswith(_DID):
        raise UseRefused(f"`{party}` is not a node", hint="present the referral there yourself")
    kind = ReferralMessage.__name__
    peer = onboard.known(ports, party)
    body = ports.wire.call(peer, kind, ReferralMessage(token).to_body())
    ReferralAnswer.from_body(body).check_about(found.id)
    with ports.store.write() as tx:
        tx.audit.append(PRESENTED, found.id, agreement=found.agreement, party=party)
    return found


def receive(ports: Ports, caller: Participant, body: Mapping[str, Any]) -> Mapping[str, Any]:
    """Take in a referral that its holder presents.

    Raises:
        TokenInvalid: it is not good.
        TokenMismatch: it is another holder's, or to another third party.
        TokenReplayed: it was taken in before.
        Untrusted: its provider is no member in good standing that this node knows.
    """
    message = ReferralMessage.from_body(body)
    provider = onboard.judge(ports, referrals.unverified_provider(message.referral))
    found = _taken(ports, message.referral, provider, caller.did)
    return ReferralAnswer(found.id).to_body()


def accept(ports: Ports, token: str, holder: str) -> Referral:
    """Take in a referral that the operator was given by a holder whom it has identified itself.

    Raises:
        PreauError: as `receive`.
    """
    provider = onboard.known(ports, referrals.unverified_provider(token))
    return _taken(ports, token, provider, holder)


def _taken(ports: Ports, token: str, provider: Participant, holder: str) -> Referral:
    own, now = ports.settings.did, ports.clock.now()
    document = documents.read(provider.document, provider.did)
    party = referrals.unverified_party(token)
    mine = party if party in (own, dids.origin(own)) else own
    found = referrals.check(token, document, mine, holder, now)
    with ports.store.write() as tx:
        if not tx.tokens.use(found.provider, f"referral:{found.id}", found.until):
            raise TokenReplayed("the referral was already received")
        tx.audit.append(
            ACCEPTED,
            found.id,
            provider=found.provider,
            holder=found.holder,
            agreement=found.agreement,
            dataset=found.dataset,
            action=found.action,
            plan=found.plan,
        )
    return found
