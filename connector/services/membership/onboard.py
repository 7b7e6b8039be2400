"""Meeting peers and believing them: first contact, judgement per call, refreshing the caches.

Rules: signature valid never means belongs: a peer is admitted once a trusted issuer's membership
for its keys is judged; from then on it is judged again at every call, from the caches alone, so
that an authority that is down stops nothing and a slow one delays nothing. A status list past its
own end answers no, and so do a peer's papers `BELIEVED_FOR` after they were last fetched. A cached
no is looked up again before it counts (`known`, `refresh`). A failed refresh leaves what was known.
Fetching is `fetching.py`'s.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import Final

from connector.config import Settings
from connector.domain import generation as generations
from connector.domain import instant
from connector.domain.delivery import OUTBOX
from connector.domain.participant import Participant
from connector.errors import (
    DidUnresolvable,
    Malformed,
    MembershipRequired,
    PreauError,
    UnknownPeer,
    Untrusted,
)
from connector.identity import document as documents
from connector.identity import trust
from connector.identity.document import DidDocument
from connector.identity.trust import MembershipFacts
from connector.jsonld.canonical import sha256_hex
from connector.ports import Ports, Transaction
from connector.services.continuity import recovery
from connector.services.guard import guarded
from connector.services.membership import fetching, introducing
from connector.services.membership.fetching import Evidence, Fetched
from connector.services.readable import readable

REVOCATION: Final = "revocation"
# How old a peer's document and membership may be before they are fetched again.
RENEW_AFTER: Final = timedelta(hours=1)
# How long they are believed while they cannot be fetched again.
BELIEVED_FOR: Final = timedelta(days=7)

_log = logging.getLogger(__name__)


def meet(ports: Ports, did: str) -> Participant:
    """Make first contact with a peer: verify it, admit it, and introduce this node to it.

    Raises:
        Untrusted: it is not believed; the class says why.
        MembershipRequired: it shows no membership.
        DescriptionTampered: its self-description does not verify.
        PeerUnreachable: it does not answer.
        UpgradeRequired: the two know each other now, and its node is too old to work with.
        PreauError: the refusal that it answered our introduction with.
    """
    participant = welcome(ports, did)
    introducing.introduce(ports.web, ports.settings.did, participant)
    ports.wakeups.notify(recovery.EXCHANGE)  # it may hold a newer state of our log
    generations.check(did, fetching.generation(ports.web, did))
    return participant


def welcome(ports: Ports, did: str) -> Participant:
    """Verify a stranger that names itself, and admit its CAs.

    Raises:
        Untrusted: it is not believed; the class says why.
        MembershipRequired: it shows no membership.
        DescriptionTampered: its self-description does not verify.
        PeerUnreachable: it does not answer.
        Malformed: it is this node itself.
    """
    if did == ports.settings.did:
        raise Malformed("a node does not meet itself")
    fetched = fetching.fetch_peer(ports, did)
    known = fetching.ensure_evidence(ports, fetched.membership)
    facts = judged(ports.settings, fetched.membership, fetched.document, known, ports.clock.now())
    return _admit(ports, fetched, facts)


def judge(ports: Ports, did: str) -> Participant:
    """Judge an admitted peer now, from the caches alone.

    Raises:
        UnknownPeer: never admitted.
        Untrusted: blocked by the operator, or no longer believed; the class says why.
    """
    with ports.store.read() as tx:
        participant = tx.participants.get(did)
        known = fetching.evidence(tx)
    if participant is None:
        raise UnknownPeer(
            f"`{did[:200]}` was never admitted here", hint="make first contact over HTTPS"
        )
    judge_known(ports.settings, participant, known, ports.clock.now())
    return participant


def known(ports: Ports, did: str) -> Participant:
    """Return a peer in good standing; one that is new, or judged badly, is looked up now.

    Raises:
        Untrusted: it is not believed; the class says why.
        PreauError: it is new, and cannot be met.
    """
    try:
        return judge(ports, did)
    except UnknownPeer:
        return meet(ports, did)
    except Untrusted:
        with ports.store.read() as tx:
            found = tx.participants.get(did)
        if found is None or found.blocked:
            raise
        _try(reacquaint, ports, did)
        return judge(ports, did)


def judge_own(ports: Ports) -> MembershipFacts:
    """Judge this node's own membership now, from the caches alone, as a peer would.

    Raises:
        MembershipRequired: there is none yet.
        Untrusted: it is not believed; the class says why.
    """
    membership = ports.own_membership()
    if not membership:
        raise MembershipRequired(
            "this node has no membership yet",
            hint="ask the authority to run `preau authority admit`",
        )
    with ports.store.read() as tx:
        known = fetching.evidence(tx)
    document = documents.read(ports.own_document(), ports.settings.did)
    return judged(ports.settings, membership, document, known, ports.clock.now())


def refresh(ports: Ports) -> list[str]:
    """Fetch anew what is due: issuers' documents, status lists, peers' documents and memberships.

    Called by a timer, which bounds its time. What cannot be fetched stays as it was.

    Returns:
        DIDs of admitted peers that are not in good standing now, sorted; whoever holds streams
        of theirs is woken (`revocation`).
    """
    before = _standing(ports)
    for issuer in ports.settings.trusted_issuers:
        _try(fetching.refresh_issuer, ports, issuer)
    _refresh_lists(ports)
    for did in _mixed(before, ports.clock.now()):
        if _due(ports, did, doubted=bool(before[did])):
            _try(reacquaint, ports, did)
    after = _standing(ports)
    fallen = sorted(did for did, code in after.items() if code)
    _record_changes(ports, before, after)
    if fallen:
        ports.wakeups.notify(REVOCATION)
    return fallen


def reacquaint(ports: Ports, did: str) -> Participant:
    """Fetch an admitted peer's document and membership anew (rotated keys, renewed membership).

    The caller bounds how often; what cannot be fetched or believed changes nothing.

    Raises:
        UnknownPeer: never admitted.
        Untrusted: what it serves now is not believed.
        PeerUnreachable: it does not answer.
    """
    with ports.store.read() as tx:
        if tx.participants.get(did) is None:
            raise UnknownPeer(f"`{did[:200]}` was never admitted here")
    return welcome(ports, did)


def fetch_own_membership(ports: Ports, save: Callable[[str], None]) -> MembershipFacts:
    """Fetch this node's membership from the space's authority, judge it and keep it.

    Args:
        ports: of this node.
        save: keeps the VC-JWT where `ports.own_membership` reads it.

    Raises:
        MembershipRequired: the authority has not admitted this node.
        Untrusted: what it serves is not a sound membership of this node's keys.
        PeerUnreachable: it does not answer.
    """
    membership = fetching.fetch_membership_from_authority(ports, ports.settings.did)
    known = fetching.ensure_evidence(ports, membership)
    own = documents.read(ports.own_document(), ports.settings.did)
    facts = judged(ports.settings, membership, own, known, ports.clock.now())
    if membership == ports.own_membership():
        return facts
    save(membership)
    with ports.store.write() as tx:
        tx.audit.append("membership.fetched", ports.settings.did, issuer=facts.issuer)
    return facts


def judged(
    settings: Settings, membership: str, document: DidDocument, known: Evidence, now: datetime
) -> MembershipFacts:
    """Judge a membership now, from cached papers.

    Raises:
        Untrusted: it is not believed; the class says why.
    """
    return trust.judge_membership(
        membership,
        document,
        issuers=known.issuers,
        status_lists=known.status_lists,
        trusted_issuers=settings.trusted_issuers,
        space=settings.space,
        now=now,
    )


def judge_known(
    settings: Settings, participant: Participant, known: Evidence, now: datetime
) -> None:
    """Judge a peer now, from cached papers.

    Raises:
        Untrusted: it is blocked by the operator, or not believed; the class says why.
    """
    if participant.blocked:
        raise Untrusted(f"`{participant.did}` is blocked by the operator")
    if now - participant.refreshed_at > BELIEVED_FOR:
        raise DidUnresolvable(
            f"the document of `{participant.did}` was not to be had for {BELIEVED_FOR.days} days",
            hint="its HTTPS server must answer this node",
        )
    document = documents.read(participant.document, participant.did)
    judged(settings, participant.membership, document, known, now)


def _admit(ports: Ports, fetched: Fetched, facts: MembershipFacts) -> Participant:
    now = ports.clock.now()
    document = fetched.document
    new = Participant(
        did=document.did,
        name=facts.name,
        document=document.data,
        document_digest=document.digest,
        membership=fetched.membership,
        description=fetched.description,
        grpc_endpoint=fetched.grpc_endpoint,
        tls_authorities=document.tls_authorities,
        admitted_at=now,
        refreshed_at=now,
    )
    with ports.store.write() as tx:
        old = tx.participants.lock(document.did)
        if old is not None and old.blocked:
            raise Untrusted(f"`{document.did}` is blocked by the operator")
        if old is not None:
            new = replace(new, admitted_at=old.admitted_at)
        tx.participants.put(new)
        _hasten(ports, tx, new.did)
        if old is None or replace(old, refreshed_at=now) != new:
            kind = "participant.admitted" if old is None else "participant.renewed"
            tx.audit.append(kind, new.did, document=document.digest, issuer=facts.issuer)
    return new


def _hasten(ports: Ports, tx: Transaction, did: str) -> None:
    """Let what waits for a peer be sent now: it answers, and may have a new address."""
    now = ports.clock.now()
    for waiting in tx.outbox.page(limit=0, peer=did, delivered_at=None, failed="").values:
        if waiting.due_at > now:
            tx.outbox.put(replace(waiting, due_at=now))
            tx.after_commit(partial(ports.wakeups.notify, OUTBOX))


def _standing(ports: Ports) -> dict[str, str]:
    """Stable code of why each admitted peer is refused; empty for those in good standing."""
    with ports.store.read() as tx:
        participants = readable(tx.participants)
        known = fetching.evidence(tx)
    standing = {}
    for participant in participants:
        try:
            judge_known(ports.settings, participant, known, ports.clock.now())
            standing[participant.did] = ""
        except PreauError as exc:  # whatever it is: who cannot be judged is not believed
            standing[participant.did] = exc.code
    return standing


def _record_changes(ports: Ports, before: dict[str, str], after: dict[str, str]) -> None:
    changed = {did: code for did, code in after.items() if before.get(did, "") != code}
    if not changed:
        return
    with ports.store.write() as tx:
        for did, code in sorted(changed.items()):
            kind = "participant.suspended" if code else "participant.restored"
            tx.audit.append(kind, did, code=code)


def _refresh_lists(ports: Ports) -> None:
    with ports.store.read() as tx:
        known = fetching.evidence(tx)
        participants = readable(tx.participants)
    for url in sorted(fetching.list_addresses(ports, known, participants)):
        _try(fetching.refresh_list, ports, url)


def _mixed(dids: Iterable[str], now: datetime) -> list[str]:
    """Return peers in an order of this moment's, so that none is always behind those that drip."""
    return sorted(dids, key=lambda did: sha256_hex(f"{instant.text(now)} {did}".encode()))


def _due(ports: Ports, did: str, *, doubted: bool) -> bool:
    with ports.store.read() as tx:
        participant = tx.participants.get(did)
    if participant is None or participant.blocked:
        return False
    # Also when it was fetched in what is the future now: then a clock was set back.
    return doubted or abs(ports.clock.now() - participant.refreshed_at) >= RENEW_AFTER


def _try(step: Callable[[Ports, str], object], ports: Ports, about: str) -> None:
    """Take one step of many; whatever becomes of it, the others are taken."""

    def attempt() -> None:
        try:
            step(ports, about)
        except PreauError as exc:
            _log.warning("refresh of `%s` failed: %s: %s", about, exc.code, exc.reason)

    guarded(ports, "renewal", attempt, _at_once)


def _at_once(_seconds: float) -> None:
    """Pause not at all: the next step is about another peer."""
