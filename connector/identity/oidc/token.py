"""Tokens in which a provider states who somebody is: verified, then read.

Rules: the algorithm is one of a short list and follows from the provider's key, never from the
header alone; nothing of a token is read before its signature verifies. It must be of the issuer,
for this client, of this login (`nonce`), and of now. No fault names what a token holds.

Source: OpenID Connect Core 1.0, sections 3.1.3.7, 3.1.3.8 and 5.3.2; RFC 7519; RFC 8725.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any, Final

from connector.domain.instant import SKEW
from connector.errors import LoginRefused, Malformed, SignatureInvalid
from connector.identity import jws, key
from connector.jsonld.canonical import b64url
from federated.reading import Member
from federated.reading import read as parsed

ALGORITHMS: Final = ("RS256", "PS256", "ES256")  # each with SHA-256, which `at_hash` takes
LONGEST: Final = timedelta(minutes=10)  # since it was made
LIMIT: Final = 256 * 1024  # bytes
_MOST_KEYS: Final = 64
_MOST_GROUPS: Final = 2000
_SUBJECT: Final = r"[!-~]{1,255}"  # Core, section 2: ASCII
_CRITICAL: Final = ("crit", "b64", "enc", "zip")
_TYPES: Final = frozenset(("", "JWT"))
_HALF: Final = 16  # bytes
_EMAIL: Final = "email"
_VERIFIED: Final = "email_verified"


@dataclass(frozen=True, slots=True)
class Expected:
    """What a token must agree with.

    Attributes:
        issuer: of the provider.
        client: this console, as the provider knows it.
        nonce: of this login.
        access_token: that came with it.
        now: UTC.
    """

    issuer: str
    client: str
    nonce: str = field(repr=False)
    access_token: str = field(repr=False)
    now: datetime


def verified(token: str, keys: bytes, expected: Expected) -> Member:
    """Return what an ID token says, once everything about it is as it must be.

    Args:
        token: compact JWS.
        keys: the provider's, as a JWK Set.
        expected: of the login.

    Raises:
        LoginRefused: something is not.
    """
    said = parsed(_signed(token, keys), _refused)
    if said.child("iss").content() != expected.issuer:
        raise LoginRefused("the provider's token is of another issuer")
    _check_audience(said, expected.client)
    _check_time(said, expected.now)
    if not hmac.compare_digest(said.child("nonce").content().encode(), expected.nonce.encode()):
        raise LoginRefused("the provider's token is of another login")
    half = said.child("at_hash")
    if half.value is not None:
        own = b64url(sha256(expected.access_token.encode()).digest()[:_HALF])
        if not hmac.compare_digest(half.content().encode(), own.encode()):
            raise LoginRefused("the provider's token came with another access token")
    subject(said)
    return said


def further(
    answer: bytes, keys: bytes, said: Member, *, signed: bool, issuer: str, client: str
) -> Member:
    """Return the claims of a person that a provider states apart from the ID token.

    Args:
        answer: JSON, or a token.
        keys: the provider's, as a JWK Set.
        said: the ID token.
        signed: whether the answer is a token.
        issuer: of the provider.
        client: this console.

    Raises:
        LoginRefused: it is not what it must be, or of another person.
    """
    if not signed:
        told = parsed(answer, _refused, limit=LIMIT)
    else:
        told = parsed(_signed(answer.decode("ascii", errors="replace"), keys), _refused)
        if told.child("iss").content() != issuer or client not in _audience(told):  # 5.3.2
            raise LoginRefused("the provider's claims are not of it, or for another client")
    if subject(told) != subject(said):  # Core, section 5.3.2: must not be used
        raise LoginRefused("the provider's claims are of another person than its token")
    return told


def subject(said: Member) -> str:
    """Return the provider's name of a person, which it gives to nobody else.

    Raises:
        LoginRefused: there is none.
    """
    return said.child("sub").text(pattern=_SUBJECT)


def at(said: Member, path: str) -> Any:
    """Return the value of a claim; None where there is none.

    Args:
        said: claims.
        path: its name, or those of members with dots between.
    """
    found = said.child(path).value
    if found is not None:
        return found
    found = said.value
    for name in path.split("."):
        found = found.get(name) if isinstance(found, dict) else None
    return found


def groups(said: Member, path: str) -> frozenset[str] | None:
    """Return the groups that a claim states: a text, or a list of texts; None where it is not made.

    Args:
        said: claims.
        path: see `at`.

    Raises:
        LoginRefused: it is neither, or an address that the provider has not verified.
    """
    value = at(said, path)
    if value is None:
        return None
    if path == _EMAIL and said.child(_VERIFIED).value is not True:  # Core, section 5.1
        raise LoginRefused("the provider has not verified the person's e-mail address")
    if isinstance(value, str):
        return frozenset((value,))
    listed = Member(value, _refused).items(most=_MOST_GROUPS)
    return frozenset(each.content() for each in listed)


def _signed(token: str, keys: bytes) -> bytes:
    """Return the payload of a token that a key of the provider signed."""
    if len(token) > LIMIT:
        raise LoginRefused("the provider's token is too large")
    try:
        header = jws.unverified_header(token)
        name = header.get("alg")
        if name not in ALGORITHMS:
            raise LoginRefused(f"the provider's token is not signed by {', '.join(ALGORITHMS)}")
        typ = header.get("typ", "")
        if set(header) & set(_CRITICAL) or str(typ).upper() not in _TYPES:
            raise LoginRefused("the provider's token is of another kind than of logins")
        return jws.verify_under(token, _key(keys, name, header.get("kid")))
    except (Malformed, SignatureInvalid) as exc:
        raise LoginRefused("the provider's token does not verify") from exc


def _key(keys: bytes, algorithm: str, kid: object) -> Mapping[str, str]:
    """Return the one key that may have signed; those of kinds not known here are passed over."""
    said = parsed(keys, _refused, limit=LIMIT)
    found = [
        read
        for each in said.child("keys").items(most=_MOST_KEYS)
        if kid is None or each.child("kid").value == kid
        if (read := _read(each.value)) and algorithm in key.algorithms(read)
    ]
    if len(found) != 1:  # Core, section 10.1: several keys are told apart by `kid`
        raise LoginRefused("the provider's token names no key of it")
    return found[0]


def _read(jwk: Any) -> dict[str, str]:
    try:
        return key.read(jwk)
    except Malformed:
        return {}


def _audience(said: Member) -> Sequence[Any]:
    value = said.child("aud").value
    return value if isinstance(value, list) else [value]


def _check_audience(said: Member, client: str) -> None:
    found, party = _audience(said), said.child("azp").value
    if client not in found or (party is None and len(found) > 1) or party not in (None, client):
        raise LoginRefused("the provider's token is for another client")


def _check_time(said: Member, now: datetime) -> None:
    ends, made = _moment(said, "exp"), _moment(said, "iat")
    begins = made if said.child("nbf").value is None else _moment(said, "nbf")
    seconds, skew = now.timestamp(), SKEW.total_seconds()
    if ends <= seconds - skew or made < seconds - LONGEST.total_seconds() - skew:
        raise LoginRefused("the provider's token is of the past", hint=_CLOCKS)
    if max(made, begins) > seconds + skew:
        raise LoginRefused("the provider's token is of the future", hint=_CLOCKS)


_CLOCKS: Final = "begin again; if that does not help, its clock or this node's is wrong"


def _moment(said: Member, name: str) -> float:
    return said.child(name).number(above=-1)


def _refused(pointer: str, fault: str) -> LoginRefused:
    return LoginRefused(f"what the provider states cannot be read: {pointer or '/'} {fault}")
