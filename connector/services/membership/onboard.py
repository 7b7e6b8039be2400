"""Meeting peers and believing them: first contact, judgement per call, refreshing the caches.

Rules: signature valid never means belongs: a peer is admitted once a trusted issuer's membership
for its keys is judged; from then on it is judged again at every call, from the caches alone
(`judging.py`). A status list past its own end answers no. A cached no is looked up again before it
counts (`known`, `refresh`). A failed refresh leaves what was known. Fetching is `fetching.py`'s,
keeping what was fetched `admitting.py`'s.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import Final

from connector.domain import generation as generations
from connector.domain import instant
from connector.domain.participant import Participant
from connector.domain.space import Space
from connector.errors import (
    Malformed,
    MembershipRequired,
    PreauError,
    UnknownPeer,
    Untrusted,
)
from connector.identity import document as documents
from connector.identity.trust import MembershipFacts
from connector.jsonld.canonical import sha256_hex
from connector.ports import Ports
from connector.services.continuity import recovery
from connector.services.guard import guarded
from connector.services.membership import admitting, belonging, fetching, introducing
from connector.services.membership.judging import judge_known, judged
from connector.services.readable import readable

REVOCATION: Final = "revocation"
# How old a peer's document and membership may be before they are fetched again.
RENEW_AFTER: Final = timedelta(hours=1)

Save = Callable[[str, Space], None]

_log = logging.getLogger(__name__)


def meet(ports: Ports, did: str, space: Space | None = None) -> Participant:
    """Make first contact with a peer: verify it, admit it, and introduce this node to it.

    Args:
        ports: of this node.
        did: the peer.
        space: in which to deal with it from now on; None: as before, or in the only one of which
            both are members.

    Raises:
        Untrusted: it is not believed; the class says why.
        MembershipRequired: it shows no membership.
        DescriptionTampered: its self-description does not verify.
        PeerUnreachable: it does not answer.
        UpgradeRequired: the two know each other now, and its node is too old to work with.
        PreauError: the refusal that it answered our introduction with.
    """
    participant = welcome(ports, did, space)
    introducing.introduce(ports.web, ports.settings.did, participant)
    ports.wakeups.notify(recovery.EXCHANGE)  # it may hold a newer state of our log
    generations.check(did, fetching.generation(ports.web, did))
    return participant


def welcome(ports: Ports, did: str, space: Space | None = None) -> Participant:
    """Verify a stranger that names itself, and admit its CAs; `space` as in `meet`.

    Raises:
        SpaceUnstated: it is a member of several spaces of this node, and none was chosen.
        Untrusted: it is not believed; the class says why.
        MembershipRequired: it shows no membership.
        DescriptionTampered: its self-description does not verify.
        PeerUnreachable: it does not answer.
        Malformed: it is this node itself.
    """
    if did == ports.settings.did:
        raise Malformed("a node cannot meet itself")
    fetched = fetching.fetch_peer(ports, did)
    standing = {each.id: admitting.verdict(ports, fetched, each) for each in ports.settings.spaces}
    return admitting.admit(ports, fetched, standing, space)


def judge(ports: Ports, did: str, space: Space | None = None) -> Participant:
    """Judge an admitted peer now, from the caches alone.

    Args:
        ports: of this node.
        did: the peer.
        space: that of the matter, such as a contract; None: in which it is dealt with.

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
    seen = belonging.placed(ports.settings, participant)
    seen = seen if space is None else seen.seen_in(space.id)
    judge_known(ports.settings, seen, known, ports.clock.now())
    return seen


def known(ports: Ports, did: str, space: Space | None = None) -> Participant:
    """Return a peer in good standing; one that is new, or judged badly, is looked up now.

    `space` as in `judge`.

    Raises:
        Untrusted: it is not believed; the class says why.
        PreauError: it is new, and cannot be met.
    """
    try:
        return judge(ports, did, space)
    except UnknownPeer:
        return meet(ports, did, space)
    except Untrusted:
        with ports.store.read() as tx:
            found = tx.participants.get(did)
        if found is None or found.blocked:
            raise
        _try(reacquaint, ports, did)
        return judge(ports, did, space)


def judge_own(ports: Ports, space: Space) -> MembershipFacts:
    """Judge this node's own membership of a space now, from the caches alone, as a peer would.

    Raises:
        MembershipRequired: there is none yet.
        Untrusted: it is not believed; the class says why.
    """
    membership = ports.own_membership(space.id)
    if not membership:
        raise MembershipRequired(
            "this node has no membership yet",
            hint="ask the authority to run `preau authority admit`",
        )
    with ports.store.read() as tx:
        known = fetching.evidence(tx)
    document = documents.read(ports.own_document(), ports.settings.did)
    return judged(space, membership, document, known, ports.clock.now())


def refresh(ports: Ports) -> list[str]:
    """Fetch anew what is due: issuers' documents, status lists, peers' documents and memberships.

    Called by a timer, which bounds its time. What cannot be fetched stays as it was.

    Returns:
        DIDs of admitted peers that are not in good standing now in a space, sorted; whoever holds
        streams of theirs is woken (`revocation`).
    """
    before = _standing(ports)
    for issuer in sorted(ports.settings.believed):
        _try(fetching.refresh_issuer, ports, issuer)
    _refresh_lists(ports)
    doubted = {did for (did, _), code in before.items() if code}
    for did in _mixed({did for did, _ in before}, ports.clock.now()):
        if _due(ports, did, doubted=did in doubted):
            _try(reacquaint, ports, did)
    after = _standing(ports)
    fallen = sorted({did for (did, _), code in after.items() if code})
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
        known = tx.participants.get(did)
    if known is None:
        raise UnknownPeer(f"`{did[:200]}` was never admitted here")
    if not known.grpc_endpoint:
        document = fetching.fetch_document(ports, did)
        if fetching.MEMBERSHIP not in document.services:
            return admitting.redocumented(ports, document)
    return welcome(ports, did)


def fetch_own_membership(ports: Ports, save: Save, space: Space) -> MembershipFacts:
    """Fetch this node's membership from a space's authority, judge it and keep it.

    Args:
        ports: of this node.
        save: keeps the VC-JWT where `ports.own_membership` reads it.
        space: of which.

    Raises:
        MembershipRequired: the authority has not admitted this node.
        Untrusted: what it serves is not a sound membership of this node's keys.
        PeerUnreachable: it does not answer.
    """
    membership = fetching.fetch_membership_from_authority(ports, ports.settings.did, space)
    known = fetching.ensure_evidence(ports, membership)
    own = documents.read(ports.own_document(), ports.settings.did)
    facts = judged(space, membership, own, known, ports.clock.now())
    if membership == ports.own_membership(space.id):
        return facts
    save(membership, space)
    with ports.store.write() as tx:
        tx.audit.append("membership.fetched", ports.settings.did, issuer=facts.issuer)
    return facts


def _standing(ports: Ports) -> dict[tuple[str, str], str]:
    """Stable code of why each admitted peer is refused in a space of which it showed a membership.

    Empty for those in good standing.
    """
    with ports.store.read() as tx:
        participants = readable(tx.participants)
        known = fetching.evidence(tx)
    standing = {}
    for each in participants:
        here = belonging.placed(ports.settings, each)
        for space in (here.space, *(other.space for other in here.elsewhere)):
            try:
                judge_known(ports.settings, here.seen_in(space), known, ports.clock.now())
                standing[each.did, space] = ""
            except PreauError as exc:  # whatever it is: who cannot be judged is not believed
                standing[each.did, space] = exc.code
    return standing


def _record_changes(
    ports: Ports, before: dict[tuple[str, str], str], after: dict[tuple[str, str], str]
) -> None:
    changed = {whose: code for whose, code in after.items() if before.get(whose, "") != code}
    if not changed:
        return
    with ports.store.write() as tx:
        for (did, space), code in sorted(changed.items()):
            kind = "participant.suspended" if code else "participant.restored"
            tx.audit.append(kind, did, code=code, space=space)


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
