"""The authorities that an auditor trusts: a bare key, or a DID document, each from a file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from connector.errors import CredentialInvalid, EvidenceInvalid, PreauError
from connector.identity import credential as credentials
from connector.identity import document as documents
from connector.identity import jws, succession
from connector.identity import key as keys
from connector.identity.bundle import Evidence, PartyEvidence
from connector.identity.credential import Credential
from connector.identity.document import DidDocument
from connector.identity.key import Relationship
from connector.jsonld.canonical import parse_object

MAX_BYTES: Final = documents.MAX_BYTES


@dataclass(frozen=True, slots=True)
class BareKey:
    """A key without a name.

    Attributes:
        public: JWK.
    """

    public: Mapping[str, str]


Authority = DidDocument | BareKey


@dataclass(frozen=True, slots=True)
class NamedKey:
    """Keys that vouch for statements of one issuer; a bare key under whatever name is stated.

    Attributes:
        did: issuer.
        keys: by DID URL.
    """

    did: str
    keys: Mapping[str, Mapping[str, str]]

    def keys_for(self, relationship: Relationship) -> frozenset[str]:
        """Return the keys' ids, for statements only."""
        return frozenset(self.keys) if relationship is Relationship.ASSERTION else frozenset()


def read(data: bytes) -> Authority:
    """Read what the auditor brings.

    Raises:
        EvidenceInvalid: neither a JWK nor a DID document with a key that signs.
    """
    try:
        content = parse_object(data, limit=MAX_BYTES)
        if "kty" in content:
            return BareKey(keys.read(content))
        document = documents.read(data, str(content.get("id", "")))
    except PreauError as exc:
        raise EvidenceInvalid(
            f"the authority's key cannot be read: {exc.reason}",
            hint="give a JWK or the authority's DID document",
        ) from exc
    if not document.assertion:
        raise EvidenceInvalid(f"the document of `{document.did}` lists no key that signs")
    return document


def issued(
    party: PartyEvidence, evidence: Evidence, trusted: Sequence[Authority]
) -> tuple[jws.KeyHolder, Credential] | None:
    """Return who issued a party's membership, and it, verified; None when nobody is at hand.

    Without a trusted authority that is the bundle's own, which proves nothing.

    Raises:
        CredentialInvalid: none of the authorities that the auditor trusts did, or the membership
            cannot be read.
    """
    stated = credentials.unverified_issuer(party.membership)
    if not trusted:
        data = evidence.authorities.get(stated)
        if data is None:
            return None
        document = documents.read(data, stated)
        return document, credentials.verify(party.membership, document)
    for authority in trusted:
        holder = _with_successors(authority, party.membership, stated, evidence)
        with suppress(CredentialInvalid):
            return holder, credentials.verify(party.membership, holder)
    raise CredentialInvalid(f"the membership of `{party.did}` is not by the given authority")


def _with_successors(
    authority: Authority, membership: str, stated: str, evidence: Evidence
) -> NamedKey:
    """Return an authority with the keys that follow from its own in the bundle's document of it."""
    if isinstance(authority, BareKey):
        did, own = stated, {jws.key_id(membership): authority.public}
        pinned = frozenset({keys.thumbprint(authority.public)})
    else:
        did, own = authority.did, {kid: authority.keys[kid] for kid in authority.assertion}
        pinned = succession.signers(authority)
    data = evidence.authorities.get(did)
    if data is None:
        return NamedKey(did, own)
    document = documents.read(data, did)
    believed = succession.reachable(document, pinned)
    later = {
        kid: document.keys[kid]
        for kid in document.assertion
        if keys.thumbprint(document.keys[kid]) in believed
    }
    return NamedKey(did, {**own, **later})
