"""What onboarding fetches: peers' documents and credentials, issuers' documents, status lists.

Rules: everything fetched is verified before it replaces what is cached; a status list never goes
back to an older one while it is valid, nor takes a revocation back, which is for good (W3C
Bitstring Status List, `revocation`): an authority that was restored from a backup may have
forgotten it. What a failed fetch leaves behind is the cache as it was. Judging what was fetched is
`judging.py`'s and `identity.trust`'s.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import quote, urlencode

from connector.domain import generation as generations
from connector.domain.credentials import PublishedCopy
from connector.domain.participant import IssuerDocument, Participant, StatusList
from connector.domain.space import Space
from connector.errors import (
    CredentialInvalid,
    DescriptionTampered,
    DidUnresolvable,
    MembershipRequired,
    NotFound,
    PreauError,
    RowDamaged,
    UntrustedIssuer,
)
from connector.identity import credential as credentials
from connector.identity import did as dids
from connector.identity import document as documents
from connector.identity import status, succession, trust
from connector.identity.document import DidDocument
from connector.jsonld.canonical import parse_object
from connector.ports import Ports, Repository, Transaction, Web
from connector.services.layers.fetching import complete
from connector.services.readable import readable

PEER: Final = "PreauPeer"
FLIGHT: Final = "PreauFlight"
FIRST_CONTACT: Final = "PreauFirstContact"
MEMBERSHIP: Final = "PreauMembership"
SELF_DESCRIPTION: Final = "PreauSelfDescription"
MEMBERSHIPS: Final = "PreauMemberships"
SPACE: Final = "space"  # in the query for a membership: the space whose membership is asked for
GENERATION_PATH: Final = "/generation"
_GRPC: Final = "grpcs://"
_LIST_BYTES: Final = 1 << 20
_GENERATION_BYTES: Final = 1 << 10


@dataclass(frozen=True, slots=True)
class Fetched:
    """What a peer serves about itself; the document is its own, the rest is not judged yet.

    Attributes:
        memberships: those that it shows of this node's spaces, by the space's IRI.
    """

    document: DidDocument
    memberships: Mapping[str, str]
    description: str
    grpc_endpoint: str


@dataclass(frozen=True, slots=True)
class Evidence:
    """Cached documents and lists by which memberships are judged; `copies` are of DCP."""

    issuers: dict[str, bytes]
    status_lists: dict[str, StatusList]
    copies: dict[str, PublishedCopy] = field(default_factory=dict)


def evidence(tx: Transaction) -> Evidence:
    """Return all that is cached; what rests on a damaged row is refused, and nothing else."""
    return Evidence(
        {issuer.did: issuer.document for issuer in readable(tx.issuers)},
        {known.url: known for known in readable(tx.status_lists)},
        {copy.url: copy for copy in readable(tx.published_copies)},
    )


def fetch_document(ports: Ports, did: str) -> DidDocument:
    """Fetch a DID document.

    Raises:
        DidUnresolvable: no did:web, or the document is not sound.
        AddressForbidden: its host is not one that this node fetches from.
        PeerUnreachable: it does not answer.
    """
    data = ports.web.get(dids.document_url(did), limit=documents.MAX_BYTES)
    return documents.read(data, did)


def fetch_peer(ports: Ports, did: str) -> Fetched:
    """Fetch what a peer serves about itself.

    Raises:
        MembershipRequired: it shows no membership.
        DescriptionTampered: its self-description does not verify.
        DidUnresolvable: its document is not sound.
        AddressForbidden: an address is not one that this node fetches from.
        PeerUnreachable: it does not answer.
    """
    document = fetch_document(ports, did)
    shown = {each.id: _membership(ports, document, each) for each in ports.settings.spaces}
    if not any(shown.values()):
        raise MembershipRequired(f"`{did}` does not present a membership")
    return Fetched(document, shown, _description(ports, document), _endpoint(document))


def generation(web: Web, did: str) -> int:
    """Ask a peer which generation its node speaks; one that does not know the question, the first.

    Raises:
        DidUnresolvable: no did:web.
        AddressForbidden: its host is not one that this node fetches from.
        PeerUnreachable: it does not answer.
        Malformed: its answer cannot be read.
    """
    try:
        answer = web.get(dids.origin(did) + GENERATION_PATH, limit=_GENERATION_BYTES)
    except NotFound:
        return generations.UNSTATED
    return generations.read(str(parse_object(answer).get("generation")))


def refresh_issuer(ports: Ports, did: str) -> DidDocument:
    """Fetch an allow-listed issuer's document and cache it.

    The first that was fetched is the pin: later ones must follow from its keys.

    Raises:
        UntrustedIssuer: a key of it was not signed by one that is known; the cache is as it was.
        RowDamaged: what is cached of it cannot be read, so that nothing could follow from it.
        PreauError: it cannot be fetched or read; the cache is as it was.
    """
    document = fetch_document(ports, did)
    with ports.store.write() as tx:
        old = tx.issuers.lock(did)
        if old is None:
            _check_new(tx.issuers, "issuer")
        else:
            succession.check(documents.read(old.document, did), document)
        tx.issuers.put(IssuerDocument(did, document.data, ports.clock.now()))
        if old is None or old.document != document.data:
            tx.audit.append("issuer.fetched", did, document=document.digest)
    return document


def pin(ports: Ports, space: Space, key: str) -> DidDocument:
    """Believe a space's authority under a key that the operator had from it by another way.

    Args:
        ports: of this node.
        space: whose.
        key: RFC 7638 thumbprint.

    Raises:
        UntrustedIssuer: the authority's document lists no such key that signs.
        PreauError: it cannot be fetched or read; the cache is as it was.
    """
    did = space.id
    document = fetch_document(ports, did)
    if not succession.signers(document) <= succession.reachable(document, {key}):
        raise UntrustedIssuer(f"`{did}` signs with keys that do not follow from that one")
    with ports.store.write() as tx:
        tx.issuers.put(IssuerDocument(did, document.data, ports.clock.now()))
        tx.audit.append("issuer.pinned", did, document=document.digest, key=key)
    return document


def refresh_list(ports: Ports, url: str) -> None:
    """Fetch a status list of a trusted issuer and cache it, with the templates that it names.

    Raises:
        UntrustedIssuer: it is a stranger's.
        RowDamaged: the cached one cannot be read, so that this one may be older.
        PreauError: it cannot be fetched, does not verify, is older than the cached one, or takes
            a revocation back, and the cache is as it was; or a template cannot be had.
    """
    token = _text(ports.web.get(url, limit=_LIST_BYTES))
    did = credentials.unverified_issuer(token)
    with ports.store.read() as tx:
        cached = tx.issuers.get(did) if did in ports.settings.believed else None
    if cached is None:
        raise UntrustedIssuer(f"`{did[:200]}` is not a trusted issuer")
    issuer = documents.read(cached.document, did)
    found = status.read(token, issuer)
    if found.url != url:
        raise CredentialInvalid("the status list is not the one that was asked for")
    _keep(ports, StatusList(url, token, found.valid_until, ports.clock.now()), found, issuer)
    complete(ports, found, issuer)


def refresh_list_of(ports: Ports, membership: str) -> None:
    """Fetch the status list that a membership names, with the templates in force.

    What cannot be fetched leaves what was known.
    """
    with suppress(PreauError):
        issuer = credentials.unverified_issuer(membership)
        with ports.store.read() as tx:
            cached = tx.issuers.get(issuer)
        if cached is not None:
            document = documents.read(cached.document, issuer)
            refresh_list(ports, trust.status_url(membership, document))


def refresh_own_lists(ports: Ports) -> None:
    """Fetch the status lists that this node's memberships name; as `refresh_list_of`."""
    for membership in own_memberships(ports):
        refresh_list_of(ports, membership)


def _keep(
    ports: Ports, fetched: StatusList, found: status.VerifiedList, issuer: DidDocument
) -> None:
    with ports.store.write() as tx:
        old = tx.status_lists.lock(fetched.url)
        if old is not None and old.credential == fetched.credential:
            return
        if old is None:
            _check_new(tx.status_lists, "status list")
        before = _read(old, issuer) if old is not None else None
        # One that is not valid yet answers nothing: it was fetched before a clock was set back.
        if before is not None and found.valid_from < before.valid_from <= fetched.fetched_at:
            raise CredentialInvalid("the status list is older than the one known")
        if before is not None and (gone := found.taken_back(before)):
            raise CredentialInvalid(
                f"the status list drops {gone} earlier revocations",
                hint="ask the authority to revoke again those that it had revoked before its "
                "restore",
            )
        tx.status_lists.put(fetched)
        tx.audit.append("status_list.fetched", fetched.url, issuer=issuer.did)


def ensure_evidence(ports: Ports, membership: str) -> Evidence:
    """Return the cache, with the issuer's document and list of one membership fetched if missing.

    Raises:
        PreauError: what is missing cannot be fetched. Nothing is fetched for an issuer that is
            not trusted; the judgement refuses it.
    """
    issuer = credentials.unverified_issuer(membership)
    with ports.store.read() as tx:
        known = evidence(tx)
    if issuer not in ports.settings.believed:
        return known
    if issuer in known.issuers:
        document = documents.read(known.issuers[issuer], issuer)
    else:
        document = refresh_issuer(ports, issuer)
    try:
        url = trust.status_url(membership, document)
    except CredentialInvalid:  # perhaps by a key that followed since
        url = trust.status_url(membership, refresh_issuer(ports, issuer))
    cached = known.status_lists.get(url)
    now = ports.clock.now()
    if url and (cached is None or not cached.fetched_at <= now < cached.valid_until):
        refresh_list(ports, url)
    with ports.store.read() as tx:
        return evidence(tx)


def list_addresses(ports: Ports, known: Evidence, participants: list[Participant]) -> set[str]:
    """Return the addresses of all status lists that memberships name, with the cached ones."""
    found = set(known.status_lists)
    shown = [each.membership for each in participants]
    shown += [other.credential for each in participants for other in each.elsewhere]
    for membership in (*shown, *own_memberships(ports)):
        try:
            issuer = credentials.unverified_issuer(membership)
            if issuer in ports.settings.believed:
                document = documents.read(known.issuers[issuer], issuer)
                found.add(trust.status_url(membership, document))
        except (PreauError, KeyError):
            continue  # what cannot be read names no list, and is refused when it is judged
    return found - {""}


def own_memberships(ports: Ports) -> list[str]:
    """Return this node's memberships, in the order of its spaces; empty where there is none yet."""
    return [ports.own_membership(each.id) for each in ports.settings.spaces]


def fetch_membership_from_authority(ports: Ports, did: str, space: Space) -> str:
    """Fetch the membership that a space's authority issued to a DID; not judged yet.

    Raises:
        MembershipRequired: the authority has admitted no such participant.
        DidUnresolvable: the authority's document names no place for memberships.
        PeerUnreachable: the authority does not answer.
    """
    prefix = fetch_document(ports, space.id).services.get(MEMBERSHIPS, "")
    if not prefix:
        raise DidUnresolvable(f"`{space.id}` is not the authority of a space")
    try:
        data = ports.web.get(f"{prefix.rstrip('/')}/{quote(did, safe='')}")
    except NotFound as exc:
        raise MembershipRequired(
            f"the authority `{space.id}` has not admitted `{did}`",
            hint="ask the authority to run `preau authority admit`",
        ) from exc
    return _text(data)


def _check_new(rows: Repository[Any], what: str) -> None:
    """Check that what is not found was never kept: then nothing tells what may follow it.

    Raises:
        RowDamaged: there is a row that no longer says which one it is.
    """
    if any(not each.keyed for each in rows.page(limit=0).damaged):
        raise RowDamaged(
            f"whether this {what} is kept already is unknown: a damaged row does not say which one "
            "it holds",
            hint="`preau doctor` names the row; restore it from a backup",
        )


def _read(known: StatusList, issuer: DidDocument) -> status.VerifiedList | None:
    """Return a cached list; None if the issuer's key has changed since."""
    try:
        return status.read(known.credential, issuer)
    except CredentialInvalid:
        return None


def _membership(ports: Ports, document: DidDocument, space: Space) -> str:
    """Return what a peer shows for a space; one of an older release shows its only membership."""
    url = document.services.get(MEMBERSHIP, "")
    if not url:
        return ""
    try:
        asked = f"{url}?{urlencode({SPACE: space.id})}"
        return _text(ports.web.get(asked, limit=credentials.MAX_CHARS))
    except NotFound:
        return ""


def _description(ports: Ports, document: DidDocument) -> str:
    url = document.services.get(SELF_DESCRIPTION, "")
    if not url:
        return ""
    token = _text(ports.web.get(url, limit=credentials.MAX_CHARS))
    try:
        described = credentials.verify(token, document)
    except CredentialInvalid as exc:
        raise DescriptionTampered(f"the self-description of `{document.did}` is not valid") from exc
    if described.subject_id != document.did:
        raise DescriptionTampered(
            f"the self-description of `{document.did}` is about another participant"
        )
    return token


def _endpoint(document: DidDocument) -> str:
    address = document.services.get(PEER, "")
    if not address:
        return ""
    endpoint = address.removeprefix(_GRPC).rstrip("/")
    host, _, port = endpoint.rpartition(":")
    plain = port.isascii() and port.isdecimal() and 0 < int(port[:6]) <= dids.MAX_PORT
    if not address.startswith(_GRPC) or not host or not plain:
        raise DidUnresolvable(f"`{PEER}` of `{document.did}` is not of the form grpcs://host:port")
    return endpoint


def _text(data: bytes) -> str:
    try:
        return data.decode("ascii").strip()
    except UnicodeDecodeError as exc:
        raise CredentialInvalid("not a signed JWT") from exc
