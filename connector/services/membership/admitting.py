"""Keeping what a peer showed: its document, and its memberships of this node's spaces.

Rules: what is not believed in one space is not taken over there, and keeps nothing of another space
from being renewed. Who is blocked stays blocked.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from functools import partial

from connector.config import Settings
from connector.domain.delivery import OUTBOX
from connector.domain.participant import ADMISSION, Participant, ShownMembership
from connector.domain.space import Space
from connector.errors import MembershipRequired, PreauError, Untrusted
from connector.identity import credential as credentials
from connector.identity.document import DidDocument
from connector.identity.trust import MembershipFacts
from connector.ports import Ports, Transaction
from connector.services.membership import belonging, fetching
from connector.services.membership.belonging import Standing
from connector.services.membership.fetching import Fetched
from connector.services.membership.judging import judged


def verdict(ports: Ports, fetched: Fetched, space: Space) -> MembershipFacts | PreauError:
    """Return what a peer's membership of a space comes to now."""
    membership, did = fetched.memberships[space.id], fetched.document.did
    try:
        if not membership:
            raise MembershipRequired(f"`{did}` does not present a membership of `{space.id}`")
        known = fetching.ensure_evidence(ports, membership)
        return judged(space, membership, fetched.document, known, ports.clock.now())
    except PreauError as exc:
        return exc


def admit(ports: Ports, fetched: Fetched, standing: Standing, wanted: Space | None) -> Participant:
    """Keep a peer with what it showed, and let what waits for it be sent.

    Args:
        ports: of this node.
        fetched: what it serves.
        standing: what its membership of each space comes to.
        wanted: in which to deal with it; None: as before, or in the only one.

    Raises:
        Untrusted: it is blocked by the operator, or as `_admitted`.
    """
    document, settings = fetched.document, ports.settings
    with ports.store.write() as tx:
        old = tx.participants.lock(document.did)
        if old is not None and old.blocked:
            raise Untrusted(f"`{document.did}` is blocked by the operator")
        new = _admitted(settings, fetched, standing, wanted, old, ports.clock.now())
        tx.participants.put(new)
        _hasten(ports, tx, new.did)
        if old is None or old.tls_authorities != new.tls_authorities:
            tx.after_commit(partial(ports.wakeups.notify, ADMISSION))
        if old is None or replace(old, refreshed_at=new.refreshed_at) != new:
            kind = "participant.admitted" if old is None else "participant.renewed"
            issuer = credentials.unverified_issuer(new.membership)
            tx.audit.append(kind, new.did, document=document.digest, issuer=issuer)
    return new


def _admitted(
    settings: Settings,
    fetched: Fetched,
    standing: Standing,
    wanted: Space | None,
    old: Participant | None,
    now: datetime,
) -> Participant:
    """Return a peer as it is known from now on.

    What is not believed in one space is not taken over there, and what is known stays; that keeps
    nothing of another space from being renewed.

    Raises:
        PreauError: it is believed in none, or not in the space in which it is to be dealt with.
    """
    did, spaces = fetched.document.did, settings.spaces
    before = None if old is None else belonging.placed(settings, old)
    good = {space for space, found in standing.items() if not isinstance(found, PreauError)}
    if wanted is None and before is not None:
        space = belonging.stated(settings, before)
        if not good:
            belonging.check(standing, space)
    else:
        space = wanted or belonging.settled(did, spaces, standing)
        belonging.check(standing, space)
    kept = {each.id: before.shown(each.id) if before else "" for each in spaces}
    shown = {id_: fetched.memberships[id_] if id_ in good else kept[id_] for id_ in kept}
    named = (standing[space.id], *standing.values())
    return Participant(
        did=did,
        name=next(each.name for each in named if isinstance(each, MembershipFacts)),
        document=fetched.document.data,
        document_digest=fetched.document.digest,
        membership=shown.pop(space.id),
        description=fetched.description,
        grpc_endpoint=fetched.grpc_endpoint,
        tls_authorities=fetched.document.tls_authorities,
        admitted_at=now if old is None else old.admitted_at,
        refreshed_at=now,
        space=space.id,
        elsewhere=tuple(ShownMembership(*each) for each in shown.items() if each[1]),
    )


def redocumented(ports: Ports, document: DidDocument) -> Participant:
    """Keep the newer document of a participant that is known by DCP alone; it shows no more."""
    with ports.store.write() as tx:
        old = tx.participants.lock(document.did)
        if old is None or old.blocked:
            raise Untrusted(f"`{document.did}` is blocked by the operator, or unknown")
        new = replace(
            old,
            document=document.data,
            document_digest=document.digest,
            refreshed_at=ports.clock.now(),
        )
        tx.participants.put(new)
        if old.document != new.document:
            tx.audit.append("participant.renewed", new.did, document=document.digest)
    return new


def _hasten(ports: Ports, tx: Transaction, did: str) -> None:
    """Let what waits for a peer be sent now: it answers, and may have a new address."""
    now = ports.clock.now()
    for waiting in tx.outbox.page(limit=0, peer=did, delivered_at=None, failed="").values:
        if waiting.due_at > now:
            tx.outbox.put(replace(waiting, due_at=now))
            tx.after_commit(partial(ports.wakeups.notify, OUTBOX))
