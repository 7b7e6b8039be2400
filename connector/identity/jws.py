"""JSON Web Signatures: made with the node's signer, verified against a DID document.

Rules: the algorithm follows from the key, never from the header; the key is the one that `kid`
names, and the DID document must allow it the use at hand; `typ` is exact, so that a token of one
kind never passes for another; base64url and JSON have one spelling; header members outside a
closed set (`crit`, `jwk`, `jku`, `b64` …) are refused. joserfc signs, parses and verifies.

What a payload means is left to the callers, which also translate `SignatureInvalid` into their
own words where those say more.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final, Protocol

from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwa import JWSAlgModel
from joserfc.jwk import Key, import_key
from joserfc.registry import JWS_HEADER_REGISTRY

from connector.errors import Malformed, SignatureInvalid
from connector.identity.key import NAMES, Relationship, algorithm, algorithms
from connector.jsonld.canonical import parse_object, unb64url
from connector.jsonld.kept import kept

MAX_HEADER_CHARS: Final = 1024
MAX_PAYLOAD_BYTES: Final = 4 * 1024 * 1024
# Of 64 bytes (Ed25519, ES256), of 96 (ES384), and of RSA keys of 2048 to 4096 bits.
_SIGNATURE_CHARS: Final = frozenset({86, 128}) | {-(-size * 4 // 3) for size in range(256, 513)}
_HEADER_MEMBERS: Final = ("alg", "kid", "typ", "cty")


class Signer(Protocol):
    """The part of the port `Signer` that signing needs; the key is Ed25519 or P-256."""

    @property
    def key_id(self) -> str:
        """DID URL of the verification method."""
        ...

    @property
    def public_jwk(self) -> Mapping[str, str]:
        """Public key."""
        ...

    def sign(self, payload: bytes) -> bytes:
        """Return the 64-byte signature; of P-256 it is r and s (RFC 7518 section 3.4)."""
        ...


class KeyHolder(Protocol):
    """The part of a DID document that verifying needs."""

    @property
    def did(self) -> str:
        """Whose document it is."""
        ...

    @property
    def keys(self) -> Mapping[str, Mapping[str, str]]:
        """Public keys by DID URL."""
        ...

    def keys_for(self, relationship: Relationship) -> frozenset[str]:
        """DID URLs of the keys that a relationship lists."""
        ...


def sign_compact(
    signer: Signer, payload: bytes, typ: str, extra_header: Mapping[str, str] | None = None
) -> str:
    """Return the compact JWS of a payload.

    Args:
        signer: whose key signs; `kid` is its DID URL.
        payload: exact bytes.
        typ: media type without `application/`.
        extra_header: further members of the closed set, such as `cty`.

    Raises:
        KeyUnusable: the key cannot be used.
    """
    name = algorithm(signer.public_jwk)
    header = {"alg": name, "kid": signer.key_id, "typ": typ, **(extra_header or {})}
    key = _key_of(tuple(signer.public_jwk.items()))
    return jws.serialize_compact(header, payload, key, registry=_SigningRegistry(signer))


def sign_detached(signer: Signer, payload: bytes, typ: str) -> str:
    """Return the compact JWS of a payload with the payload part left empty (RFC 7515 F).

    Raises:
        KeyUnusable: the key cannot be used.
    """
    return jws.detach_content(sign_compact(signer, payload, typ))


def verify_compact(
    token: str, document: KeyHolder, relationship: Relationship, typ: str, cty: str | None = None
) -> bytes:
    """Return the payload of a compact JWS once it verifies.

    Args:
        token: the JWS.
        document: DID document of who must have signed.
        relationship: use that the document must allow the key.
        typ: what the header must say.
        cty: what the header must say, when given.

    Raises:
        SignatureInvalid: it does not verify, or anything about it is not as demanded.
    """
    try:
        header = unverified_header(token)
        unverified_payload(token)  # canonical spelling, size
    except Malformed as exc:
        raise SignatureInvalid(exc.reason) from exc
    _check_header(header, typ, cty)
    jwk = _key(document, relationship, header)
    return _verify(token, jwk, None)


def verify_detached(
    signature: str,
    payload: bytes,
    document: KeyHolder,
    relationship: Relationship,
    typ: str,
    *,
    limit: int = MAX_PAYLOAD_BYTES,
) -> None:
    """Check a compact JWS with detached payload of at most `limit` bytes.

    Raises:
        SignatureInvalid: it does not verify, or anything about it is not as demanded.
    """
    try:
        header = unverified_header(signature)
    except Malformed as exc:
        raise SignatureInvalid(exc.reason) from exc
    if signature.split(".")[1] or not 0 < len(payload) <= limit:
        raise SignatureInvalid("a signature with detached payload was expected")
    _check_header(header, typ, None)
    jwk = _key(document, relationship, header)
    _verify(signature, jwk, payload)


def verify_under(token: str, jwk: Mapping[str, str]) -> bytes:
    """Return the payload of a compact JWS of another implementation once it verifies under a key.

    Its header may call Ed25519 `EdDSA` (RFC 8037 section 3.1) and have members that nobody here
    understands, which RFC 7515 section 4 lets one ignore; `dcp/jwt.py` refuses the critical ones.

    Raises:
        SignatureInvalid: it does not verify, or says another algorithm than the key's.
    """
    try:
        unverified_header(token)  # canonical spelling, size
        unverified_payload(token)
    except Malformed as exc:
        raise SignatureInvalid(exc.reason) from exc
    return _deserialized(token, jwk, None, _others(algorithms(jwk)))


def unverified_header(token: str) -> dict[str, Any]:
    """Read the header of a JWS that nobody has verified yet, to learn which key it names.

    Raises:
        Malformed: not a compact JWS in canonical spelling, or over the size limits.
    """
    head, _, signature = _parts(token)
    if len(head) > MAX_HEADER_CHARS or len(signature) not in _SIGNATURE_CHARS:
        raise Malformed("the signature's header or signature part has a wrong size")
    unb64url(signature)
    return dict(_header(head))


@kept(256, MAX_HEADER_CHARS)
def _header(head: str) -> Mapping[str, Any]:
    """Read the first part of a JWS; a signer writes the same one each time."""
    return parse_object(unb64url(head))


def unverified_payload(token: str) -> bytes:
    """Read the payload of a JWS that nobody has verified yet, to learn whose it claims to be.

    Raises:
        Malformed: not a compact JWS in canonical spelling, or over the size limit.
    """
    body = _parts(token)[1]
    if not 0 < len(body) <= MAX_PAYLOAD_BYTES * 4 // 3 + 4:
        raise Malformed("the signed payload is empty or too large")
    return unb64url(body)


def key_id(token: str) -> str:
    """Return the key that an unverified JWS names; empty when it names none.

    Raises:
        Malformed: as `unverified_header`.
    """
    kid = unverified_header(token).get("kid")
    return kid if isinstance(kid, str) else ""


def _parts(token: str) -> tuple[str, str, str]:
    parts = token.split(".", 3)
    if len(parts) != 3 or not token.isascii():  # noqa: PLR2004  RFC 7515 7.1: three parts
        raise Malformed("not a compact JWS")
    return parts[0], parts[1], parts[2]


def _check_header(header: Mapping[str, Any], typ: str, cty: str | None) -> None:
    surplus = sorted(set(header) - set(_HEADER_MEMBERS))
    if surplus:
        raise SignatureInvalid(f"header member `{surplus[0][:40]}` is not accepted")
    if header.get("typ") != typ:
        raise SignatureInvalid(f"a signature of type `{typ}` was expected")
    if cty is not None and header.get("cty") != cty:
        raise SignatureInvalid(f"content of type `{cty}` was expected")


def _key(
    document: KeyHolder, relationship: Relationship, header: Mapping[str, Any]
) -> Mapping[str, str]:
    kid = header.get("kid")
    if not isinstance(kid, str) or kid not in document.keys_for(relationship):
        raise SignatureInvalid(f"the key is not one that `{document.did}` uses for this")
    jwk = document.keys[kid]
    if header.get("alg") not in algorithms(jwk):
        raise SignatureInvalid("the algorithm is not the one of the key")
    return jwk


def _verify(token: str, jwk: Mapping[str, str], payload: bytes | None) -> bytes:
    return _deserialized(token, jwk, payload, _registry(algorithms(jwk)))


def _deserialized(
    token: str, jwk: Mapping[str, str], payload: bytes | None, registry: jws.JWSRegistry
) -> bytes:
    try:
        key = _key_of(tuple(jwk.items()))
        return jws.deserialize_compact(token, key, registry=registry, payload=payload).payload
    except (JoseError, ValueError) as exc:
        raise SignatureInvalid("the signature does not verify") from exc


@lru_cache(maxsize=256)
def _key_of(members: tuple[tuple[str, str], ...]) -> Key:
    """Return the key of a JWK's members; they alone say what it is."""
    return import_key(dict(members))


class _Registry(jws.JWSRegistry):
    """joserfc's rules, with our sizes and our closed set of header members."""

    default_header_registry = {name: JWS_HEADER_REGISTRY[name] for name in _HEADER_MEMBERS}  # noqa: RUF012  joserfc declares it as a plain class attribute
    max_header_length = MAX_HEADER_CHARS
    max_payload_length = MAX_PAYLOAD_BYTES * 4 // 3 + 4


@lru_cache(maxsize=32)
def _registry(names: tuple[str, ...]) -> _Registry:
    """Return the rules for a key of these algorithms, and of no other."""
    return _Registry(algorithms=list(names))


class _OthersRegistry(_Registry):
    """The same under each name of an algorithm; other header members are ignored."""

    def __init__(self, names: tuple[str, ...]) -> None:
        super().__init__(algorithms=list(names), strict_check_header=False)
        self._own = {called: name for name in names for called in NAMES[name]}

    def get_alg(self, name: str) -> JWSAlgModel:
        return super().get_alg(self._own.get(name, name))


@lru_cache(maxsize=32)
def _others(names: tuple[str, ...]) -> _OthersRegistry:
    return _OthersRegistry(names)


class _SigningRegistry(_Registry):
    """Hands joserfc the one algorithm that asks the signer."""

    def __init__(self, signer: Signer) -> None:
        super().__init__()
        self._algorithm = _AskSigner(signer)

    def get_alg(self, name: str) -> JWSAlgModel:  # noqa: ARG002  the caller wrote the header
        return self._algorithm


class _AskSigner(JWSAlgModel):
    """The algorithm of a signer's key, whose private half stays with its keeper."""

    description = "by the node's signer"

    def __init__(self, signer: Signer) -> None:
        self.name = algorithm(signer.public_jwk)
        self.key_type = signer.public_jwk["kty"]
        self._signer = signer

    def sign(self, msg: bytes, key: Key) -> bytes:  # noqa: ARG002  only its public half is here
        return self._signer.sign(msg)

    def verify(self, msg: bytes, sig: bytes, key: Key) -> bool:  # noqa: ARG002  it only signs
        return False  # nothing verifies here, by whatever way one may come
