"""Call tokens: a caller's self-issued proof, good for one call over one connection.

Rules (DCP 1.0, self-issued ID token): issuer and subject are the caller's DID, signed by a
`capabilityInvocation` key; the audience is the callee; life is at most 60 s; the token is bound to
the method, to the SHA-256 of the request's bytes and to the TLS certificate of the connection
(`cnf`, RFC 8705). One use: `jti` is recorded by the caller of `check` until
`expires`, in the port `UsedTokens`.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from connector.domain import instant
from connector.errors import TokenInvalid, TokenMismatch
from connector.identity import jws, lifetime
from connector.identity.certificate import Pem, thumbprint
from connector.identity.key import Relationship
from connector.identity.lifetime import Lifetime
from connector.identity.reading import Kind
from connector.jsonld.canonical import b64url, canonical
from federated.reading import Member

TYPE: Final = "preau-call+jwt"
LIFE: Final = timedelta(seconds=60)
LEEWAY: Final = instant.SKEW
MAX_CHARS: Final = 8 * 1024
MAX_JTI_CHARS: Final = 128
_LATEST: Final = (1 << 35) - 1  # seconds: beyond the year 3000
_KIND: Final = Kind("token", TokenInvalid, MAX_CHARS, TYPE, Relationship.INVOCATION)


@dataclass(frozen=True, slots=True)
class CallToken:
    """A token that was checked.

    Attributes:
        issuer: DID of the caller.
        jti: its one-use id.
        expires: until when its use must be remembered, UTC.
    """

    issuer: str
    jti: str
    expires: datetime


def make(
    signer: jws.Signer,
    did: str,
    audience: str,
    method: str,
    body: bytes,
    leaf_pem: Pem,
    jti: str,
    now: datetime,
) -> str:
    """Make a token for one call.

    Args:
        signer: the caller's.
        did: the caller.
        audience: DID of the callee.
        method: full gRPC method name.
        body: exact request bytes; empty for a stream.
        leaf_pem: TLS certificate that the caller shows on this connection.
        jti: fresh id.
        now: UTC.

    Raises:
        KeyUnusable: the key cannot be used.
        CertificateMismatch: the certificate cannot be read.
    """
    claims = {
        **lifetime.claims(did, audience, jti, now, LIFE),
        "method": method,
        "body": _digest(body),
        "cnf": {"x5t#S256": thumbprint(leaf_pem)},
    }
    return jws.sign_compact(signer, canonical(claims), TYPE)


def check(
    token: str,
    document: jws.KeyHolder,
    audience: str,
    method: str,
    body: bytes,
    leaf_pem: Pem,
    now: datetime,
) -> CallToken:
    """Check a token against the call that carried it.

    Args:
        token: as received.
        document: DID document of the caller.
        audience: own DID.
        method: full gRPC method name of the call.
        body: exact request bytes; empty for a stream.
        leaf_pem: TLS certificate of the connection.
        now: UTC.

    Raises:
        TokenInvalid: signature, issuer, audience or lifetime is wrong.
        TokenMismatch: made for another method, body or certificate.
        CertificateMismatch: the certificate cannot be read.
    """
    claims = _KIND.verified(token, document)
    if not claims.child("iss").value == claims.child("sub").value == document.did:
        raise TokenInvalid("the token was issued by another")
    if claims.child("aud").value != audience:
        raise TokenInvalid("the token was made for another callee")
    expires = _check_time(claims, now)
    jti = claims.child("jti").text(most=MAX_JTI_CHARS)
    _check_binding(claims, method, body, leaf_pem)
    return CallToken(document.did, jti, expires + LEEWAY)


def unverified_issuer(token: str) -> str:
    """Return whose a token is, by its own word, to look up the DID document.

    Raises:
        TokenInvalid: it cannot be read.
    """
    issuer = _KIND.unverified(token).child("iss").value
    return issuer if isinstance(issuer, str) else ""


def _check_time(claims: Member, now: datetime) -> datetime:
    begins = _time(claims.child("nbf")) if "nbf" in claims.value else None
    life = Lifetime(_time(claims.child("iat")), _time(claims.child("exp")), begins)
    life.check(LIFE, now)
    return life.expires


def _time(claim: Member) -> datetime:
    return datetime.fromtimestamp(claim.integer(most=_LATEST), UTC)


def _check_binding(claims: Member, method: str, body: bytes, leaf_pem: Pem) -> None:
    if claims.child("method").value != method:
        raise TokenMismatch("the token was made for another method")
    if claims.child("body").value != _digest(body):
        raise TokenMismatch("the token was made for another request")
    if claims.child("cnf").value != {"x5t#S256": thumbprint(leaf_pem)}:
        raise TokenMismatch("the token was made for another certificate")


def _digest(body: bytes) -> str:
    return b64url(hashlib.sha256(body).digest())
