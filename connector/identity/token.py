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
from typing import Any, Final

from connector.domain import instant
from connector.errors import PreauError, TokenInvalid, TokenMismatch
from connector.identity import jws
from connector.identity.certificate import Pem, thumbprint
from connector.identity.key import Relationship
from connector.jsonld.canonical import b64url, canonical, parse_object

TYPE: Final = "preau-call+jwt"
LIFE: Final = timedelta(seconds=60)
LEEWAY: Final = instant.SKEW
MAX_CHARS: Final = 8 * 1024
MAX_JTI_CHARS: Final = 128


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
    issued = int(now.timestamp())
    claims = {
        "iss": did,
        "sub": did,
        "aud": audience,
        "jti": jti,
        "iat": issued,
        "exp": issued + int(LIFE.total_seconds()),
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
    claims = _claims(token, document)
    if claims.get("iss") != document.did or claims.get("sub") != document.did:
        raise TokenInvalid("the token was issued by another")
    if claims.get("aud") != audience:
        raise TokenInvalid("the token was made for another callee")
    expires = _check_time(claims, now)
    jti = claims.get("jti")
    if not isinstance(jti, str) or not 0 < len(jti) <= MAX_JTI_CHARS:
        raise TokenInvalid("the token has no id")
    _check_binding(claims, method, body, leaf_pem)
    return CallToken(document.did, jti, expires + LEEWAY)


def unverified_issuer(token: str) -> str:
    """Return whose a token is, by its own word, to look up the DID document.

    Raises:
        TokenInvalid: it cannot be read.
    """
    try:
        issuer = parse_object(jws.unverified_payload(_sized(token))).get("iss")
    except TokenInvalid:
        raise
    except PreauError as exc:
        raise TokenInvalid("the token cannot be read") from exc
    return issuer if isinstance(issuer, str) else ""


def _claims(token: str, document: jws.KeyHolder) -> dict[str, Any]:
    try:
        payload = jws.verify_compact(_sized(token), document, Relationship.INVOCATION, TYPE)
        return parse_object(payload)
    except TokenInvalid:
        raise
    except PreauError as exc:
        raise TokenInvalid(f"the token does not verify: {exc.reason}") from exc


def _sized(token: str) -> str:
    if len(token) > MAX_CHARS:
        raise TokenInvalid("the token is too large")
    return token


def _check_time(claims: dict[str, Any], now: datetime) -> datetime:
    issued, expires = _time(claims, "iat"), _time(claims, "exp")
    if not timedelta(0) < expires - issued <= LIFE:
        raise TokenInvalid("the token's life is not between 0 and 60 seconds")
    # RFC 7519 section 4.1.5: a token is not taken before its `nbf`, whoever stated one
    if max(issued, _time(claims, "nbf") if "nbf" in claims else issued) > now + LEEWAY:
        raise TokenInvalid(
            f"the token was made at {instant.text(issued)}, and here it is {instant.text(now)}",
            hint="check both clocks",
        )
    if now >= expires + LEEWAY:
        raise TokenInvalid(
            f"the token expired at {instant.text(expires)}, and here it is {instant.text(now)}",
            hint="check both clocks",
        )
    return expires


def _time(claims: dict[str, Any], name: str) -> datetime:
    value = claims.get(name)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 1 << 35:
        raise TokenInvalid(f"the token's `{name}` is not a time")
    return datetime.fromtimestamp(value, UTC)


def _check_binding(claims: dict[str, Any], method: str, body: bytes, leaf_pem: Pem) -> None:
    if claims.get("method") != method:
        raise TokenMismatch("the token was made for another method")
    if claims.get("body") != _digest(body):
        raise TokenMismatch("the token was made for another request")
    if claims.get("cnf") != {"x5t#S256": thumbprint(leaf_pem)}:
        raise TokenMismatch("the token was made for another certificate")


def _digest(body: bytes) -> str:
    return b64url(hashlib.sha256(body).digest())
