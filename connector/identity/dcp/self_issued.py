"""Self-issued ID tokens: how participants authenticate over HTTPS (DCP 1.0 section 4.3).

Rules: `iss` and `sub` are the bearer's DID, which is that of the document; `aud` is the verifier
alone; signed by a `capabilityInvocation` key; nothing later than `LIFE` after `iat` is believed,
whatever `exp` says; a `cnf` (RFC 8705) must be the certificate of the connection. One use: `jti` is
recorded by the caller of `check` until `expires`, in the port `UsedTokens`. The access token that
one may carry for the bearer's Credential Service (`token`, section 4.3.1) is opaque here.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from connector.domain import instant
from connector.errors import TokenInvalid, TokenMismatch
from connector.identity import jws, lifetime
from connector.identity.certificate import Pem, thumbprint
from connector.identity.dcp.jwt import Form, header_of, moment
from connector.identity.document import DidDocument
from connector.identity.key import Relationship
from connector.identity.lifetime import Lifetime
from connector.identity.reading import Kind
from connector.jsonld.canonical import canonical
from federated.reading import Member

TYPE: Final = "JWT"
LIFE: Final = timedelta(minutes=5)
MAX_CHARS: Final = 16 * 1024
MAX_JTI_CHARS: Final = 128
_KIND: Final = Kind(
    "self-issued ID token", TokenInvalid, MAX_CHARS, relationship=Relationship.INVOCATION
)
_FORM: Final = Form(_KIND, frozenset({"", "jwt"}))
# Claims of presentations and credentials, which may have the same `typ`, signer and audience.
_OTHERS: Final = ("vp", "vc", "@context", "verifiableCredential", "credentialSubject")
# How else a token may name its bearer's key (RFC 7800 section 3.1, RFC 9449 section 6.1).
_BOUND_BY: Final = ("jkt", "jwk", "jwe", "jku", "kid")


@dataclass(frozen=True, slots=True)
class SelfIssued:
    """A token that was checked.

    Attributes:
        issuer: DID of the bearer.
        jti: its one-use id.
        expires: until when its use must be kept in mind, UTC.
        access_token: for the bearer's Credential Service; empty where it carries none.
    """

    issuer: str
    jti: str
    expires: datetime
    access_token: str = field(default="", repr=False)


def make(
    signer: jws.Signer,
    did: str,
    audience: str,
    jti: str,
    now: datetime,
    *,
    access_token: str = "",
    leaf_pem: Pem = "",
) -> str:
    """Make a token.

    Args:
        signer: the bearer's.
        did: the bearer.
        audience: DID of the verifier.
        jti: fresh id.
        now: UTC.
        access_token: with which the verifier may query the bearer's Credential Service, or which
            the verifier gave for its own (section 5.3.1); may be empty.
        leaf_pem: TLS certificate that the bearer shows on the connection; may be empty.

    Raises:
        KeyUnusable: the key cannot be used.
        CertificateMismatch: the certificate cannot be read.
    """
    claims = {
        **lifetime.claims(did, audience, jti, now, LIFE),
        **({"token": access_token} if access_token else {}),
        **({"cnf": {"x5t#S256": thumbprint(leaf_pem)}} if leaf_pem else {}),
    }
    return jws.sign_compact(signer, canonical(claims), TYPE, header_of(signer))


def check(
    token: str,
    document: DidDocument,
    audience: str,
    now: datetime,
    *,
    leaf_pem: Pem = "",
    longest: timedelta = LIFE,
) -> SelfIssued:
    """Check a token (section 4.3.3).

    Args:
        token: as received.
        document: DID document of who says to have issued it.
        audience: own DID.
        now: UTC.
        leaf_pem: TLS certificate of the connection, or the one that a trusted proxy forwards;
            empty where there is none.
        longest: most that may lie between `iat` and `exp`; a token is believed for `LIFE` at most.

    Raises:
        TokenInvalid: signature, issuer, audience or lifetime is wrong.
        TokenMismatch: bound to another certificate.
        CertificateMismatch: the certificate cannot be read.
    """
    claims = _FORM.opened(token, document)
    _check_kind(claims)
    _check_parties(claims, document.did, audience)
    expires = _check_time(claims, longest, now)
    jti = claims.child("jti").text(most=MAX_JTI_CHARS)
    if "cnf" in claims.value:
        _check_certificate(claims.value["cnf"], leaf_pem)
    access = claims.child("token").text(most=MAX_CHARS) if "token" in claims.value else ""
    return SelfIssued(document.did, jti, expires + instant.SKEW, access)


def unverified_issuer(token: str) -> str:
    """Return whose a token is, by its own word, to look up the DID document.

    Raises:
        TokenInvalid: it cannot be read.
    """
    issuer = _FORM.unverified(token).child("iss").value
    return issuer if isinstance(issuer, str) else ""


def check_unverified(
    token: str, audience: str, now: datetime, *, longest: timedelta = LIFE
) -> None:
    """Check that a token is, by its own word, for a verifier and of now.

    Whoever checks it looks up the bearer's document first: for another token nothing need be done.

    Raises:
        TokenInvalid: it cannot be read, is of another kind, names another verifier, or is outside
            its time.
    """
    claims = _FORM.unverified(token)
    _check_kind(claims)
    _check_parties(claims, claims.child("iss").text(), audience)
    _check_time(claims, longest, now)


def unverified_access(token: str) -> str:
    """Return the access token that a token carries, by its own word; empty where it has none.

    Raises:
        TokenInvalid: it cannot be read.
    """
    found = _FORM.unverified(token).child("token")
    return "" if found.value is None else found.text(most=MAX_CHARS)


def _check_kind(claims: Member) -> None:
    for name in _OTHERS:
        if name in claims.value:
            claims.child(name).refuse("is allowed in a token of another kind only")


def _check_parties(claims: Member, did: str, audience: str) -> None:
    issuer, subject = (claims.child(name).text() for name in ("iss", "sub"))
    if issuer != subject:
        raise TokenInvalid("`iss` and `sub` of the self-issued ID token differ")
    if subject != did:
        raise TokenInvalid(f"the self-issued ID token was not issued by `{did}`")
    # RFC 7519 section 4.1.3 lets one name several: whoever of them has the token could use it here.
    if claims.child("aud").value not in (audience, [audience]):
        raise TokenInvalid("the self-issued ID token was made for another verifier, or for several")


def _check_time(claims: Member, longest: timedelta, now: datetime) -> datetime:
    part = claims.fields("iat", "exp", maybe=("nbf",), others=True)
    issued, expires = moment(part["iat"]), moment(part["exp"])
    begins = moment(part["nbf"]) if "nbf" in part else None
    Lifetime(issued, expires, begins).check(longest, now)
    believed = min(expires, issued + LIFE)  # step 6: by its `iat`, whatever `exp` says
    Lifetime(issued, believed).check(LIFE, now)
    return believed


def _check_certificate(cnf: object, leaf_pem: Pem) -> None:
    if not isinstance(cnf, dict) or set(cnf) != {"x5t#S256"}:
        found = [name for name in _BOUND_BY if isinstance(cnf, dict) and name in cnf]
        raise TokenMismatch(
            "the token is bound to a key in a way that is not known here"
            f" (`{'`, `'.join(found or ['cnf'])}`)"
        )
    if not leaf_pem:
        raise TokenMismatch("the token is bound to a certificate, and none was shown")
    if cnf["x5t#S256"] != thumbprint(leaf_pem):
        raise TokenMismatch("the token was made for another certificate")
