"""An authority's work: who belongs to the space, and until when.

Rules: a membership names the member's keys, learned from its DID document (or given, when the
member is not up yet). Admitting a standing member again renews its credential at the same place
of the status list, so that one revocation ends all of them; after a revocation a new place is
taken, and the old one stays marked for ever. The list is made anew often and answers for 24 hours
(setting), so that members go on while the authority is down.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta
from typing import Final

from connector.domain.membership import Membership
from connector.domain.page import PAGE, Page
from connector.domain.participant import StatusList
from connector.errors import ConfigurationInvalid, DidUnresolvable, NotFound
from connector.identity import credential as credentials
from connector.identity import did as dids
from connector.identity import document as documents
from connector.identity import status, succession
from connector.ports import Ports, Transaction

KIND: Final = "authority"
STATUS_PATH: Final = "/status/1"
MEMBERSHIPS_PATH: Final = "/memberships"
REBUILT_AFTER: Final = timedelta(minutes=5)
BACKDATED: Final = timedelta(minutes=5)  # for members whose clock is behind


def admit(
    ports: Ports,
    did: str,
    *,
    name: str = "",
    role: str = "member",
    days: int = 365,
    document: bytes | None = None,
    key_thumbprints: Iterable[str] = (),
) -> Membership:
    """Admit a member, or renew its membership.

    Args:
        ports: what the service may use.
        did: the member.
        name: legal name; empty: the DID's host.
        role: role in the space.
        days: life of the credential.
        document: its DID document, when its host is not up.
        key_thumbprints: RFC 7638 thumbprints of its keys, in place of any document.

    Raises:
        ConfigurationInvalid: this node is not an authority, or `days` is not positive.
        DidUnresolvable: the DID or its document is not sound, or lists no usable key.
        PeerUnreachable: its host does not answer.
    """
    _check_authority(ports)
    if days < 1:
        raise ConfigurationInvalid("a membership lasts one day at least")
    thumbprints = sorted(set(key_thumbprints)) or _keys_of(ports, did, document)
    now = ports.clock.now()
    with ports.store.write() as tx:
        standing = tx.members.lock(did)
        index = _place(ports, tx, standing)
        member = Membership(
            did=did,
            name=name or dids.host(did),
            role=role,
            index=index,
            credential="",
            issued_at=now,
            valid_until=now + timedelta(days=days),
        )
        member = replace(member, credential=_issue(ports, member, thumbprints))
        tx.members.put(member)
        kind = "membership.renewed" if standing and not standing.revoked else "membership.issued"
        tx.audit.append(kind, did, role=role, index=index, keys=thumbprints)
    return member


def revoke(ports: Ports, did: str, reason: str) -> Membership:
    """Revoke a membership; a second revocation changes nothing.

    Args:
        ports: what the service may use.
        did: the member.
        reason: one line, without personal data.

    Raises:
        ConfigurationInvalid: this node is not an authority, or no reason is given.
        NotFound: no such member.
    """
    _check_authority(ports)
    if not reason.strip():
        raise ConfigurationInvalid("a revocation needs a reason")
    with ports.store.write() as tx:
        member = tx.members.lock(did)
        if member is None:
            raise NotFound(f"`{did}` is not a member")
        if member.revoked:
            return member
        revoked = replace(member, revoked=reason.strip())
        tx.members.put(revoked)
        rebuild(ports, tx)
        tx.audit.append("membership.revoked", did, index=member.index, reason=revoked.revoked)
    return revoked


def readmit(
    ports: Ports, did: str, reason: str, *, days: int = 365, document: bytes | None = None
) -> Membership:
    """Admit a member anew under the keys that it serves now, since it lost the ones before.

    Its old membership is revoked for good; contracts that it signed before stay as they are.

    Args:
        ports: what the service may use.
        did: the member.
        reason: one line, without personal data.
        days: life of the new credential.
        document: its DID document, when its host is not up.

    Raises:
        ConfigurationInvalid: this node is not an authority, or no reason is given.
        NotFound: no such member.
        DidUnresolvable: the DID or its document is not sound, or lists no usable key.
        PeerUnreachable: its host does not answer.
    """
    _check_authority(ports)
    thumbprints = _keys_of(ports, did, document)  # first, so that a failure changes nothing
    before = revoke(ports, did, reason)
    return admit(
        ports, did, name=before.name, role=before.role, days=days, key_thumbprints=thumbprints
    )


def members(ports: Ports, *, after: str = "", limit: int = PAGE) -> Page[Membership]:
    """Return a page of the members, revoked ones too, oldest first.

    Raises:
        NotFound: this node is not an authority.
        Malformed: `after` is not a `Page.next`.
    """
    _check_serving(ports)
    with ports.store.read() as tx:
        return tx.members.page(after=after, limit=limit)


def membership_of(ports: Ports, did: str) -> Membership:
    """Return the membership of one member.

    Raises:
        NotFound: this node is not an authority, or has no such member.
    """
    _check_serving(ports)
    with ports.store.read() as tx:
        member = tx.members.get(did)
    if member is None:
        raise NotFound(f"`{did}` is not a member")
    return member


def status_list(ports: Ports) -> str:
    """Return the status list to serve (VC-JWT), made anew when it is due.

    Raises:
        NotFound: this node is not an authority.
    """
    _check_serving(ports)
    due = ports.clock.now() - REBUILT_AFTER
    with ports.store.read() as tx:
        known = tx.status_lists.get(status_url(ports))
    if known is not None and known.fetched_at > due:
        return known.credential
    with ports.store.write() as tx:
        return rebuild(ports, tx).credential


def status_url(ports: Ports) -> str:
    """Return the address of this authority's status list."""
    return dids.origin(ports.settings.did) + STATUS_PATH


def _check_authority(ports: Ports) -> None:
    if ports.settings.kind != KIND:
        raise ConfigurationInvalid(
            "this node is not an authority", hint="make one with `preau authority init`"
        )


def _check_serving(ports: Ports) -> None:
    if ports.settings.kind != KIND:
        raise NotFound("this node is not an authority")


def _keys_of(ports: Ports, did: str, document: bytes | None) -> list[str]:
    data = document
    if data is None:
        data = ports.web.get(dids.document_url(did), limit=documents.MAX_BYTES)
    found = documents.read(data, did)
    # With the key that is announced to follow: it is used once the membership states it.
    thumbprints = sorted(succession.reachable(found, found.thumbprints()))
    if not thumbprints:
        raise DidUnresolvable(f"the document of `{did}` lists no key to use")
    return thumbprints


def _place(ports: Ports, tx: Transaction, standing: Membership | None) -> int:
    """Return the position of a credential in the list; one that was revoked is never used again."""
    if standing is not None and not standing.revoked:
        return standing.index
    used = {member.index for member in tx.members.find()} | _marked(ports, tx)
    return max(used, default=-1) + 1


def _marked(ports: Ports, tx: Transaction) -> set[int]:
    """Return the positions that are revoked, also of members who were admitted anew since."""
    known = tx.status_lists.get(status_url(ports))
    before = status.unverified_set(known.credential) if known else frozenset()
    return {*before, *(member.index for member in tx.members.find() if member.revoked)}


def rebuild(ports: Ports, tx: Transaction) -> StatusList:
    """Make the status list anew, with the revocations and templates of this moment.

    Raises:
        KeyUnusable: our key cannot sign.
    """
    now, own = ports.clock.now(), ports.settings.did
    url = status_url(ports)
    until = now + timedelta(seconds=ports.settings.status_list_seconds)
    credential = status.build(
        ports.signer,
        own,
        url,
        _marked(ports, tx),
        valid_from=now,
        valid_until=until,
        templates=[each.digest for each in tx.layers.find(issuer=own, withdrawn=False)],
    )
    made = StatusList(url, credential, until, now)
    tx.status_lists.put(made)
    return made


def _issue(ports: Ports, member: Membership, thumbprints: list[str]) -> str:
    return credentials.issue_membership(
        ports.signer,
        ports.settings.did,
        member.did,
        name=member.name,
        role=member.role,
        space=ports.settings.space or ports.settings.did,
        key_thumbprints=thumbprints,
        index=member.index,
        status_url=status_url(ports),
        valid_from=member.issued_at - BACKDATED,
        valid_until=member.valid_until,
    )
