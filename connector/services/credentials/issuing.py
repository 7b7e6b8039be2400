"""The issuer: memberships of this authority's members as credentials of DCP (sections 6.4 to 6.8).

Rules: who was admitted may ask for its membership, and gets it at its Credential Service, later,
over a connection that this node opens; nothing is fetched for anybody else. The credential says
what the membership says that our own kind of node fetches, is revoked with it at the same place,
and differs in the name of its algorithm and in the address of its list, which others can read. A
request is decided when its answer is made, so that who was revoked since is rejected.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import Final

from connector.domain.credentials import IssuanceRequest, PublishedCopy
from connector.domain.membership import Membership
from connector.errors import MembershipRequired, NotFound, PeerUnreachable, PreauError
from connector.identity import credential as own_credentials
from connector.identity import did as dids
from connector.identity import status
from connector.identity.dcp import issuing, self_issued, services
from connector.identity.dcp.credential import Profile
from connector.identity.dcp.issuance import (
    CredentialContainer,
    CredentialObject,
    CredentialRequestMessage,
    CredentialStatus,
    IssuerMetadata,
    RequestStatus,
)
from connector.identity.dcp.issuing import Request
from connector.identity.dcp.jwt import header_of
from connector.identity.dcp.services import Service
from connector.jsonld.canonical import canonical
from connector.ports import Ports
from connector.services.credentials.authenticating import Authenticator, Shown
from connector.services.credentials.resolving import Documents
from connector.services.membership import authority

ISSUANCE: Final = "issuance"  # what wakes who delivers
DELIVERY_PATH: Final = "/credentials"
STATUS_PATH: Final = authority.STATUS_PATH + "/dcp"
SCHEMA: Final = "https://w3id.org/preau/credentials/v1#MembershipCredential"
MAX_AGE: Final = timedelta(days=7)  # after that a delivery is given up
FIRST_PAUSE: Final = 2.0  # seconds; doubles
LONGEST_PAUSE: Final = 900.0
LOOK_SECONDS: Final = 600.0
_BYTES: Final = 1 << 16
_OK: Final = range(200, 300)

_log = logging.getLogger(__name__)


class Issuer:
    """Answers who asks this authority's Issuer Service; thread-safe."""

    def __init__(self, ports: Ports, authenticator: Authenticator) -> None:
        """Prepare.

        Args:
            ports: of this node.
            authenticator: says who asks.
        """
        self._ports = ports
        self._authenticator = authenticator

    def metadata(self) -> IssuerMetadata:
        """Return what this authority issues (section 6.7); it is nobody's secret."""
        return metadata(self._ports)

    def request(self, token: str, shown: Shown, message: bytes) -> str:
        """Take a request; return its id here.

        Args:
            token: self-issued ID token of the holder.
            shown: by the connection that brought it.
            message: as received.

        Raises:
            Untrusted: the token is not one that is taken.
            MembershipRequired: the holder is no member.
            Malformed: the message is no request.
            OfferUnknown: it asks for what is not issued.
            RequestDiffers: an open request of that id asks for something else.
        """
        ports = self._ports
        caller, holder = self._member(token, shown)
        asked = CredentialRequestMessage.read(message)
        offered = [each.id for each in metadata(ports).credentials]
        now = ports.clock.now()
        with ports.store.write() as tx:
            earlier = tx.issuance_requests.page(limit=0, holder=holder).values
            taken = issuing.received(
                asked, holder, offered, map(_request, earlier), ports.ids.new()
            )
            if tx.issuance_requests.get(taken.issuer_pid) is None:
                tx.issuance_requests.put(_row(taken, caller, now))
                tx.audit.append("issuance.requested", holder, request=taken.issuer_pid)
                tx.after_commit(partial(ports.wakeups.notify, ISSUANCE))
        return taken.issuer_pid

    def status(self, token: str, shown: Shown, issuer_pid: str) -> CredentialStatus:
        """Return what has become of a request, to its holder only (section 6.8).

        Raises:
            Untrusted: the token is not one that is taken.
            MembershipRequired: the holder is no member.
            NotFound: there is no such request of this holder.
        """
        _, holder = self._member(token, shown)
        with self._ports.store.read() as tx:
            found = tx.issuance_requests.get(issuer_pid)
        return issuing.disclosed(_request(found) if found else None, issuer_pid, holder)

    def _member(self, token: str, shown: Shown) -> tuple[str, str]:
        """Return the access token and DID of a member that asks, revoked or not."""
        stated = self_issued.unverified_issuer(token)
        with self._ports.store.read() as tx:
            member = tx.members.get(stated)
        if member is None:
            raise MembershipRequired(
                f"`{stated[:200]}` is no member of this space",
                hint="its operator asks the authority to admit it",
            )
        caller = self._authenticator.caller(token, shown)
        return caller.token.access_token, caller.document.did


def metadata(ports: Ports) -> IssuerMetadata:
    """Return what this authority issues: memberships."""
    did = ports.settings.did
    offered = CredentialObject(
        id=f"{did}#{own_credentials.MEMBERSHIP}",
        credential_type=own_credentials.MEMBERSHIP,
        credential_schema=SCHEMA,
        offer_reason="reissue",
        binding_methods=("did:web",),
        profile=Profile.VC20.value,
    )
    return IssuerMetadata(did, (offered,))


def status_list(ports: Ports) -> str:
    """Return the status list of what is issued here (VC-JWT), as new as the one of memberships.

    Raises:
        NotFound: this node is not an authority.
    """
    authority.status_list(ports)
    url = dids.origin(ports.settings.did) + STATUS_PATH
    with ports.store.read() as tx:
        newest = tx.status_lists.get(authority.status_url(ports))
        copy = tx.published_copies.get(url)
    if newest is None:
        raise NotFound("this node is not an authority")
    if copy is not None and copy.fetched_at == newest.fetched_at:
        return copy.token
    with ports.store.write() as tx:
        token = _listed(ports, newest.credential, url)
        made = PublishedCopy(url, token, newest.fetched_at)
        tx.published_copies.put(made)
    return made.token


def turn(ports: Ports, *, known: Documents, steady: bool) -> float:
    """Deliver what is due; return when to look again, seconds."""
    now = ports.clock.now()
    with ports.store.read() as tx:
        requests = tx.issuance_requests.page(limit=0).values
    for each in requests:
        if each.due_at is not None and each.due_at <= now:
            _deliver(ports, known, each)
    ended = now - timedelta(days=ports.settings.keep_days)
    with ports.store.write() as tx:
        requests = tx.issuance_requests.page(limit=0).values
        for each in requests:
            if steady and each.due_at is None and each.at < ended:
                tx.issuance_requests.remove(each.issuer_pid)
    waits = [each.due_at - now for each in requests if each.due_at is not None]
    return min([LOOK_SECONDS, *(max(each.total_seconds(), 0.1) for each in waits)])


def _deliver(ports: Ports, known: Documents, row: IssuanceRequest) -> None:
    """Decide a request if that is to be done, and take the answer to its holder."""
    now = ports.clock.now()
    with ports.store.write() as tx:
        member = tx.members.get(row.holder)
        if row.status == RequestStatus.RECEIVED:
            row = _decided(row, member)
            tx.issuance_requests.put(row)
            kind = "issuance.granted" if row.status == RequestStatus.ISSUED else "issuance.rejected"
            tx.audit.append(kind, row.holder, request=row.issuer_pid)
    issued = _issued(ports, row, member)
    try:
        _send(ports, known, row, issued)
        done = replace(row, due_at=None, access_token="", attempts=row.attempts + 1)
    except PreauError as exc:
        _log.warning("delivery to `%s` failed: %s: %s", row.holder, exc.code, exc.reason)
        pause = min(FIRST_PAUSE * 2.0 ** min(row.attempts, 20), LONGEST_PAUSE)
        over = abs(now - row.at) > MAX_AGE
        due = None if over else now + timedelta(seconds=max(pause, exc.retry_after))
        done = replace(row, due_at=due, attempts=row.attempts + 1)
    with ports.store.write() as tx:
        tx.issuance_requests.put(done)


def _decided(row: IssuanceRequest, member: Membership | None) -> IssuanceRequest:
    stands = member is not None and not member.revoked
    status = RequestStatus.ISSUED if stands else RequestStatus.REJECTED
    ended = issuing.ended(_request(row), status, "" if stands else "no membership stands")
    return replace(row, status=ended.status.value, reason=ended.reason)


def _issued(
    ports: Ports, row: IssuanceRequest, member: Membership | None
) -> dict[str, CredentialContainer]:
    """Return the credentials of a request that was granted, by the ids of what was asked for."""
    if row.status != RequestStatus.ISSUED or member is None:
        return {}
    url = dids.origin(ports.settings.did) + STATUS_PATH
    token = _reissued(ports, member.credential, url)
    kind, profile = own_credentials.MEMBERSHIP, Profile.VC20.value
    return {each: CredentialContainer(kind, token, profile) for each in row.credentials}


def _reissued(ports: Ports, membership: str, url: str) -> str:
    """Return a membership for readers of others' kind, its status in the list at an address."""
    document = dict(own_credentials.unverified_credential(membership).document)
    entry = dict(document["credentialStatus"])
    entry |= {"id": f"{url}#{entry['statusListIndex']}", "statusListCredential": url}
    document["credentialStatus"] = entry
    return own_credentials.issue(ports.signer, document, header_of(ports.signer))


def _listed(ports: Ports, published: str, url: str) -> str:
    """Return a status list for readers of others' kind, at another address."""
    document = dict(own_credentials.unverified_credential(published).document)
    subject = {
        name: value
        for name, value in document["credentialSubject"].items()
        if name != status.TEMPLATES
    }
    document |= {"id": url, "credentialSubject": subject | {"id": f"{url}#list"}}
    return own_credentials.issue(ports.signer, document, header_of(ports.signer))


def _send(
    ports: Ports, known: Documents, row: IssuanceRequest, issued: dict[str, CredentialContainer]
) -> None:
    base = services.endpoint(known.of(row.holder), Service.CREDENTIAL)
    token = self_issued.make(
        *(ports.signer, ports.settings.did, row.holder, ports.ids.new(), ports.clock.now()),
        access_token=row.access_token,
    )
    answer = ports.web.ask(
        base + DELIVERY_PATH,
        canonical(issuing.answer(_request(row), issued).body()),
        headers={"Authorization": f"Bearer {token}"},
        limit=_BYTES,
    )
    if answer.status not in _OK:
        raise PeerUnreachable(f"its Credential Service answers with status {answer.status}")


def _request(row: IssuanceRequest) -> Request:
    return Request(
        *(row.issuer_pid, row.holder, row.holder_pid, row.credentials),
        RequestStatus(row.status),
        row.reason,
    )


def _row(taken: Request, access_token: str, now: datetime) -> IssuanceRequest:
    return IssuanceRequest(
        issuer_pid=taken.issuer_pid,
        holder=taken.holder,
        holder_pid=taken.holder_pid,
        credentials=taken.credentials,
        status=taken.status.value,
        reason=taken.reason,
        access_token=access_token,
        at=now,
        due_at=now,
    )
