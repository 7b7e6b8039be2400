"""DID documents: building the node's own, and reading what others serve.

Rules: the document must be the DID's own; a key is used only for the relationships that list it, by
reference or whole; ids may be relative to the DID (DID Core, section 3.2.2); each CA for TLS is
vouched for by a signing key of the same document (`attestation`), so that whoever takes over the
host but not the key cannot slip in a CA. That the signing keys are the member's is said by its
membership credential (`trust.py`). Fetching is the `Web` port's.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from types import MappingProxyType
from typing import Any, Final

from connector.errors import DidUnresolvable
from connector.identity import certificate, jws
from connector.identity import did as dids
from connector.identity import key as keys
from connector.identity.key import Relationship
from connector.identity.reading import Kind
from connector.jsonld.canonical import canonical, sha256_hex
from federated.reading import Member

CONTEXT: Final = ("https://www.w3.org/ns/did/v1", "https://w3id.org/security/jwk/v1")
ATTESTATION_TYPE: Final = "preau-tls-ca+jws"
MAX_BYTES: Final = 64 * 1024
MAX_METHODS: Final = 32
MAX_SERVICES: Final = 32
MAX_AUTHORITIES: Final = 8
AUTHORITY: Final = "tls-ca-"  # ids of CAs for TLS begin so; other keys may show certificates too
OURS: Final = "Preau"  # types of services of our own begin so


@dataclass(frozen=True, slots=True)
class DidDocument:
    """A DID document that was read.

    Attributes:
        did: whose it is.
        keys: public keys by DID URL; those of kinds that are not supported are left out.
        assertion: keys that sign statements, agreements and checkpoints.
        authentication: keys that sign presentations.
        invocation: keys that sign call tokens.
        services: endpoint by service type, the first where there are several.
        tls_authorities: CA certificates for TLS, PEM.
        digest: SHA-256 of the exact bytes, hex.
        data: the exact bytes.
        successions: records by which keys name the next (`succession.py`); not verified.
        methods: how many verification methods it has, of whatever kind.
    """

    did: str
    keys: Mapping[str, Mapping[str, str]] = field(repr=False)
    assertion: frozenset[str]
    authentication: frozenset[str]
    invocation: frozenset[str]
    services: Mapping[str, str]
    tls_authorities: tuple[str, ...] = field(repr=False)
    digest: str
    data: bytes = field(repr=False)
    successions: tuple[str, ...] = field(default=(), repr=False)
    methods: int = 0

    def keys_for(self, relationship: Relationship) -> frozenset[str]:
        """Return the DID URLs of the keys that a relationship lists."""
        return {
            Relationship.ASSERTION: self.assertion,
            Relationship.AUTHENTICATION: self.authentication,
            Relationship.INVOCATION: self.invocation,
        }[relationship]

    def thumbprints(self) -> frozenset[str]:
        """Return the RFC 7638 thumbprints of the keys that any relationship lists."""
        used = self.assertion | self.authentication | self.invocation
        return frozenset(keys.thumbprint(self.keys[kid]) for kid in used)


@dataclass(frozen=True, slots=True)
class OtherKey:
    """A signing key as the own document lists it.

    Attributes:
        key_id: DID URL.
        public: JWK.
        uses: relationships that list it.
        succession: record by which its predecessor names it; may be empty.
    """

    key_id: str
    public: Mapping[str, str] = field(repr=False)
    uses: frozenset[Relationship]
    succession: str = field(default="", repr=False)


def build(
    signer: jws.Signer,
    did: str,
    tls_authorities_pem: Sequence[str] = (),
    services: Mapping[str, str] | None = None,
    others: Sequence[OtherKey] = (),
    succession: str = "",
    contexts: Sequence[str] = (),
) -> bytes:
    """Return the canonical JSON of a node's own document.

    Args:
        signer: the node's key; it is listed for every relationship and vouches for the CAs.
        did: whose document; the signer's `key_id` starts with it.
        tls_authorities_pem: CA certificates for TLS, PEM, oldest first.
        services: endpoint by service type.
        others: keys that sign no longer, or not yet.
        succession: by which the signer's predecessor names it (`succession.py`); may be empty.
        contexts: that define types of services, beside those of every document.

    Raises:
        KeyUnusable: the key cannot be used.
        CertificateMismatch: a CA certificate cannot be read.
        Malformed: the signer's key is not a sound one.
    """
    everything = frozenset(Relationship)
    own = OtherKey(signer.key_id, signer.public_jwk, everything, succession)
    listing = [own, *others]
    signing = [_signing_method(did, each) for each in listing]
    authorities = [
        _authority_method(signer, did, number, pem)
        for number, pem in enumerate(tls_authorities_pem, start=1)
    ]
    listed = {
        use.value: [each.key_id for each in listing if use in each.uses] for use in Relationship
    }
    endpoints = [
        {"id": f"{did}#{name}", "type": name, "serviceEndpoint": endpoint}
        for name, endpoint in sorted((services or {}).items())
    ]
    methods = [*signing, *authorities]
    named = [*CONTEXT, *contexts]
    document = {"@context": named, "id": did, "verificationMethod": methods}
    return canonical(document | listed | {"service": endpoints})


@lru_cache(maxsize=128)
def read(data: bytes, did: str) -> DidDocument:
    """Read a document and check that it is the DID's own.

    Args:
        data: exact bytes as fetched.
        did: whose document it must be.

    Raises:
        DidUnresolvable: another DID's, ill-formed, or over the size limits.
    """
    dids.parse(did)
    kind = Kind(f"DID document of `{did}`", DidUnresolvable, MAX_BYTES)
    with kind.reading():
        return _read(data, kind.opened(data), did)


def _read(data: bytes, root: Member, did: str) -> DidDocument:
    names = ("verificationMethod", "service", *Relationship)
    part = root.fields("id", maybe=names, others=True)
    part["id"].exactly(did)
    methods: dict[str, dict[str, Any]] = {}
    if "verificationMethod" in part:
        for each in part["verificationMethod"].items(most=MAX_METHODS):
            _add(methods, each, did)
    shared = frozenset(methods)  # one that a relationship states whole is of no other
    stated = {use: _listed(part[use], methods, shared, did) for use in Relationship if use in part}
    found = {
        kid: keys.read(method["publicKeyJwk"])
        for kid, method in methods.items()
        if isinstance(method.get("publicKeyJwk"), dict) and keys.supported(method["publicKeyJwk"])
    }
    frozen = {kid: MappingProxyType(jwk) for kid, jwk in found.items()}
    listed = {use: stated.get(use, frozenset()) & set(found) for use in Relationship}
    result = DidDocument(
        did=did,
        keys=MappingProxyType(frozen),
        assertion=listed[Relationship.ASSERTION],
        authentication=listed[Relationship.AUTHENTICATION],
        invocation=listed[Relationship.INVOCATION],
        services=MappingProxyType(_services(part["service"]) if "service" in part else {}),
        tls_authorities=(),
        digest=sha256_hex(data),
        data=data,
        successions=_successions(methods),
        methods=len(methods),
    )
    return replace(result, tls_authorities=_authorities(result, methods))


def _add(methods: dict[str, dict[str, Any]], member: Member, did: str) -> str:
    """Add a verification method to those that are known; return its DID URL."""
    part = member.fields("id", "controller", others=True)
    kid = _absolute(part["id"].text(), did)
    if not kid.startswith(did + "#") or kid in methods or len(methods) == MAX_METHODS:
        part["id"].refuse("must be a new id of the document's own DID")
    part["controller"].exactly(did)
    methods[kid] = member.value
    return kid


def _absolute(url: str, did: str) -> str:
    return did + url if url.startswith("#") else url


def _successions(methods: Mapping[str, Mapping[str, Any]]) -> tuple[str, ...]:
    stated = (method.get("succession") for method in methods.values())
    return tuple(record for record in stated if isinstance(record, str))


def _listed(
    member: Member, methods: dict[str, dict[str, Any]], shared: Collection[str], did: str
) -> frozenset[str]:
    """Return the keys that a relationship lists, by reference or whole (DID Core, section 5.3)."""
    found = set()
    for each in member.items(most=MAX_METHODS):
        if isinstance(each.value, dict):
            found.add(_add(methods, each, did))
            continue
        kid = _absolute(each.content(), did)
        if kid not in shared:
            each.refuse("names a key that is not there")
        found.add(kid)
    return frozenset(found)


def _services(member: Member) -> dict[str, str]:
    services: dict[str, str] = {}
    for item in member.items(most=MAX_SERVICES):
        name, endpoint = item.child("type").value, item.child("serviceEndpoint").value
        if not isinstance(name, str) or not isinstance(endpoint, str):
            continue  # other shapes are legal (DID Core 5.4), and nothing that we use
        if name in services and name.startswith(OURS):
            item.refuse("is the second service of a type that may occur once only")
        services.setdefault(name, endpoint)  # other types may have several
    return services


def _authorities(
    document: DidDocument, methods: Mapping[str, Mapping[str, Any]]
) -> tuple[str, ...]:
    found = []
    for kid, method in methods.items():
        jwk = method.get("publicKeyJwk")
        if not isinstance(jwk, dict) or "x5c" not in jwk:
            continue
        if "attestation" not in method and not kid.startswith(f"{document.did}#{AUTHORITY}"):
            continue  # of a key of another use, as some spaces ask for
        pem = certificate.read_authority(jwk["x5c"])
        if keys.read(certificate.public_jwk(pem)) != document.keys.get(kid):
            raise DidUnresolvable(f"the certificate of `{kid[-40:]}` is for another key")
        _check_attestation(document, method.get("attestation"), pem)
        found.append(pem)
    if len(found) > MAX_AUTHORITIES:
        raise DidUnresolvable(f"more than {MAX_AUTHORITIES} CAs are listed")
    return tuple(found)


def _check_attestation(document: DidDocument, attestation: object, pem: str) -> None:
    if not isinstance(attestation, str):
        raise DidUnresolvable("a CA has no attestation by a signing key")
    payload = _attested(document.did, pem)
    jws.verify_detached(attestation, payload, document, Relationship.ASSERTION, ATTESTATION_TYPE)


def _authority_method(signer: jws.Signer, did: str, number: int, pem: str) -> dict[str, Any]:
    return {
        "id": f"{did}#{AUTHORITY}{number}",
        "type": "JsonWebKey",
        "controller": did,
        "publicKeyJwk": {**certificate.public_jwk(pem), "x5c": [certificate.der_base64(pem)]},
        "attestation": jws.sign_detached(signer, _attested(did, pem), ATTESTATION_TYPE),
    }


def _signing_method(did: str, key: OtherKey) -> dict[str, Any]:
    public = keys.read(dict(key.public))
    method = {
        "id": key.key_id,
        "type": "JsonWebKey",
        "controller": did,
        "publicKeyJwk": {**public, "alg": keys.algorithm(public)},
    }
    return method | ({"succession": key.succession} if key.succession else {})


def _attested(did: str, pem: str) -> bytes:
    return canonical({"did": did, "x5t#S256": certificate.thumbprint(pem)})
