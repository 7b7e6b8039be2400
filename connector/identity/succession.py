"""How a signing key follows another: the old one signs a record that names the new one.

Rules: a record names the DID, the new key whole, and when it was made; it stands in the DID
document beside the new key. Whoever pinned a key believes those that it can reach from it, record
by record, and no others: who takes over a host, but no key, cannot slip one in. A new key without a
predecessor (the old one was lost) signs its own record, and is reached by nobody.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from types import MappingProxyType
from typing import Any, Final

from connector.domain import instant
from connector.errors import PreauError, SignatureInvalid, UntrustedIssuer
from connector.identity import jws
from connector.identity import key as keys
from connector.identity.document import DidDocument
from connector.identity.key import Relationship
from connector.identity.reading import Kind
from connector.jsonld.canonical import canonical

TYPE: Final = "preau-next-key+jws"
MAX_CHARS: Final = 8 * 1024
_KIND: Final = Kind("record of the next key", SignatureInvalid, MAX_CHARS, TYPE)


@dataclass(frozen=True, slots=True)
class Successor:
    """A key that a record names.

    Attributes:
        key_id: DID URL.
        key: public key, JWK.
        made_at: UTC.
        signed_by: DID URL of the key that signed the record.
    """

    key_id: str
    key: Mapping[str, str] = field(repr=False)
    made_at: datetime
    signed_by: str


@dataclass(frozen=True, slots=True)
class _Holder:
    did: str
    keys: Mapping[str, Mapping[str, str]]

    def keys_for(self, _relationship: Relationship) -> frozenset[str]:
        return frozenset(self.keys)


def make(signer: jws.Signer, did: str, key_id: str, key: Mapping[str, str], now: datetime) -> str:
    """Return the record that a key signs for its successor.

    Raises:
        KeyUnusable: the key cannot be used.
        Malformed: the new key is no public key.
    """
    named = {"did": did, "kid": key_id, "key": keys.read(dict(key)), "made": instant.text(now)}
    return jws.sign_compact(signer, canonical(named), TYPE)


def read(record: str, did: str, known: Mapping[str, Mapping[str, str]]) -> Successor:
    """Return what a record says, once a known key is found to have signed it.

    Args:
        record: compact JWS.
        did: whose keys they are.
        known: public keys by DID URL that may have signed it; not asked where it stands alone.

    Raises:
        SignatureInvalid: none of these keys signed it, or it is no record of this DID's.
    """
    own = dict(known)
    with _KIND.reading():
        if is_alone(record):
            claimed = _KIND.unverified(record)
            own = {claimed.child("kid").text(): keys.read(claimed.child("key").value)}
        part = _KIND.verified(record, _Holder(did, own)).fields("did", "kid", "key", "made")
        part["did"].exactly(did)
        key_id = part["kid"].text()
        if not key_id.startswith(f"{did}#"):
            part["kid"].refuse("is not a key of this DID")
        key, made_at = keys.read(part["key"].value), part["made"].instant()
        return Successor(key_id, key, made_at, jws.key_id(record))


def is_alone(record: str) -> bool:
    """Return whether a record is signed by the very key that it names; nothing is verified.

    Raises:
        SignatureInvalid: not a compact JWS.
    """
    with _KIND.reading():
        return bool(_KIND.unverified(record).child("kid").value == jws.key_id(record))


def reachable(document: DidDocument, pinned: Collection[str]) -> frozenset[str]:
    """Return the thumbprints of the document's keys that follow from pinned ones, those included.

    Args:
        document: as it is served now.
        pinned: RFC 7638 thumbprints that are believed.
    """
    prints = {kid: keys.thumbprint(jwk) for kid, jwk in document.keys.items()}
    known = {kid for kid, each in prints.items() if each in pinned}
    for _ in document.successions:  # each pass follows one step at least, or none is left
        for record in document.successions:
            following = _next(record, document, known)
            if following is not None:
                known.add(following)
    return frozenset(prints[kid] for kid in known)


def signers(document: DidDocument) -> frozenset[str]:
    """Return the thumbprints of the keys that sign statements."""
    return frozenset(keys.thumbprint(document.keys[kid]) for kid in document.assertion)


def followed(pinned: DidDocument, later: DidDocument) -> DidDocument:
    """Return a document with the keys, for statements, that follow from its own in a later one."""
    believed = reachable(later, signers(pinned))
    more = {
        kid: later.keys[kid]
        for kid in later.assertion
        if kid not in pinned.keys and keys.thumbprint(later.keys[kid]) in believed
    }
    every = MappingProxyType({**pinned.keys, **more})
    return replace(pinned, keys=every, assertion=pinned.assertion | more.keys())


def check(old: DidDocument, new: DidDocument) -> None:
    """Check that each key by which an authority signs now follows from those that were pinned.

    Raises:
        UntrustedIssuer: one does not.
    """
    signing = signers(new)
    if not signing or not signing <= reachable(new, signers(old)):
        raise UntrustedIssuer(
            f"`{new.did}` serves a key that its known key did not sign",
            hint="ask its operator for the key's id, then trust it by `preau membership --pin ID`",
        )


def _next(record: str, document: DidDocument, known: Collection[str]) -> str | None:
    try:
        if is_alone(record):
            return None
        found = read(record, document.did, {kid: document.keys[kid] for kid in known})
    except PreauError:
        return None
    listed: Any = document.keys.get(found.key_id)
    return found.key_id if listed is not None and dict(listed) == dict(found.key) else None
