"""Judging a peer by the space of the matter: of a contract, or of a call.

Rules: a contract stays under the rules of the space that it was concluded in. A peer that one space
believes no longer has its contracts of that space stopped, and goes on with those of another. In a
node of one space the call has been judged by that space, and nothing is judged twice.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from connector.domain.contract.negotiation import Agreement, Role
from connector.domain.participant import Participant
from connector.domain.space import Space
from connector.errors import UnknownPeer, Untrusted
from connector.identity import did as dids
from connector.ports import Ports, Transaction
from connector.services.membership import belonging, fetching, judging, onboard


def choose(ports: Ports, did: str, space: Space) -> Participant:
    """Deal with a peer in a space from now on.

    A Préau node is met there; another connector presents what it has of the space with its next
    call, and is believed from then on.

    Raises:
        Untrusted: it is blocked by the operator, or a Préau node that is not believed there.
        PreauError: it cannot be met.
    """
    document = fetching.fetch_document(ports, did)
    if fetching.MEMBERSHIP in document.services:
        return onboard.meet(ports, did, space)
    now = ports.clock.now()
    stranger = Participant(
        did=did,
        name=dids.host(did),
        document=document.data,
        document_digest=document.digest,
        membership="",
        description="",
        grpc_endpoint="",
        tls_authorities=(),
        admitted_at=now,
        refreshed_at=now,
    )
    with ports.store.write() as tx:
        old = tx.participants.lock(did) or stranger
        if old.blocked:
            raise Untrusted(f"`{did}` is blocked by the operator")
        chosen = belonging.placed(ports.settings, old).seen_in(space.id)
        tx.participants.put(chosen)
        tx.audit.append("participant.placed", did, space=space.id)
    return chosen


def check(ports: Ports, tx: Transaction, agreement: Agreement) -> None:
    """Check that the other party of a contract is in good standing in the contract's space.

    Raises:
        SpaceUnstated: this node is in that space no longer.
        Untrusted: the other party is not believed there; the class says why.
    """
    space = belonging.named(ports.settings, agreement.space)
    if len(ports.settings.spaces) == 1:
        return
    provided = agreement.role is Role.PROVIDER
    did = agreement.consumer if provided else agreement.provider
    peer = tx.participants.get(did)
    if peer is None:
        raise UnknownPeer(f"`{did}` was never admitted here")
    there = belonging.placed(ports.settings, peer).seen_in(space.id)
    judging.judge_known(ports.settings, there, fetching.evidence(tx), ports.clock.now())


def judge(ports: Ports, did: str, agreement_id: str) -> Participant:
    """Judge the other party of a contract now; without such a contract, where it is dealt with.

    Raises:
        Untrusted: it is not believed; the class says why.
    """
    if len(ports.settings.spaces) == 1:
        return onboard.judge(ports, did)
    with ports.store.read() as tx:
        found = tx.agreements.get(agreement_id)
    space = None if found is None else belonging.named(ports.settings, found.space)
    return onboard.judge(ports, did, space)


def judge_alone(ports: Ports, did: str) -> None:
    """Judge a caller in a node of one space; in a node of several, `check` of its contract does.

    Raises:
        Untrusted: it is not believed; the class says why.
    """
    if len(ports.settings.spaces) == 1:
        onboard.judge(ports, did)


def judge_site(ports: Ports, job_id: str, did: str) -> Participant:
    """Judge a site of a job that this node leads, as the other party of its contract.

    Raises:
        Untrusted: it is not believed; the class says why.
    """
    if len(ports.settings.spaces) == 1:
        return onboard.judge(ports, did)
    return judge(ports, did, _contract_of(ports, job_id, did))


def known_site(ports: Ports, job_id: str, did: str) -> Participant:
    """Return a site of a job that this node leads, as `known`."""
    return known(ports, did, _contract_of(ports, job_id, did))


def known(ports: Ports, did: str, agreement_id: str) -> Participant:
    """Return the other party of a contract in good standing there; looked up as `onboard.known`.

    Raises:
        Untrusted: it is not believed; the class says why.
    """
    with ports.store.read() as tx:
        found = tx.agreements.get(agreement_id)
    space = None if found is None else belonging.named(ports.settings, found.space)
    return onboard.known(ports, did, space)


def seen(ports: Ports, tx: Transaction, peer: Participant) -> Participant:
    """Return a caller in good standing, as it is dealt with at this call.

    One who is believed no longer where it is dealt with is dealt with in another space as long as
    contracts with it run there; what is not of that space is not for it.

    Raises:
        Untrusted: it is blocked by the operator, or not believed; the class says why.
    """
    settings, now, cached = ports.settings, ports.clock.now(), fetching.evidence(tx)
    here = belonging.placed(settings, peer)
    try:
        judging.judge_known(settings, here, cached, now)
    except Untrusted:
        for other in here.elsewhere:
            if _contracted(tx, here.did, other.space):
                there = here.seen_in(other.space)
                with suppress(Untrusted):
                    judging.judge_known(settings, there, cached, now)
                    return there
        raise
    return here


def _contract_of(ports: Ports, job_id: str, site: str) -> str:
    with ports.store.read() as tx:
        found = tx.sites.find(job_id=job_id, site=site)
    return found[0].agreement_id if found else ""


def _contracted(tx: Transaction, peer: str, space: str) -> bool:
    """Return whether a finalized contract with a peer stands in a space."""
    concluded: dict[str, Any] = {"space": space, "finalized": True, "stands": True}
    return any(
        tx.agreements.page(limit=1, **{**concluded, party: peer}).values
        for party in ("provider", "consumer")
    )
