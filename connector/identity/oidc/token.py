"""Tokens in which a provider states who somebody is: verified, then read.

Rules: the algorithm is one of a short list and follows from the provider's key, never from the
header alone; nothing of a token is read before its signature verifies. It must be of the issuer,
for this client, of this login (`nonce`), and of now, which Authlib judges. No fault names what a
token holds.

Source: OpenID Connect Core 1.0, sections 3.1.3.7, 3.1.3.8 and 5.3.2; RFC 7519; RFC 8725.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from authlib.oidc.core import CodeIDToken
from joserfc.errors import ClaimError

from connector.domain.instant import SKEW
from connector.errors import LoginRefused, Malformed, SignatureInvalid
from connector.identity import jws, key
from federated.reading import Member
from federated.reading import read as parsed

ALGORITHMS: Final = ("RS256", "PS256", "ES256")
LONGEST: Final = timedelta(minutes=10)  # since it was made
LIMIT: Final = 256 * 1024  # bytes
_MOST_KEYS: Final = 64
_MOST_GROUPS: Final = 2000
_SUBJECT: Final = r"[!-~]{1,255}"  # Core, section 2: ASCII
_CRITICAL: Final = ("crit", "b64", "enc", "zip")
_TYPES: Final = frozenset(("", "JWT"))
_TIMES: Final = ("exp", "iat", "nbf")
_JUDGED: Final = ("iss", "aud", "azp", *_TIMES, "nonce", "at_hash")
_EMAIL: Final = "email"
_VERIFIED: Final = "email_verified"


@dataclass(frozen=True, slots=True)
class Expected:
    """What a token must agree with.

    Attributes:
        issuer: of the provider.
        client_id: this console, as the provider knows it.
        nonce: of this login.
        access_token: that came with it; not empty.
        now: UTC.
    """

    issuer: str
    client_id: str
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
    claims = {name: found for name in _JUDGED if (found := said.child(name).value) is not None}
    claims["sub"] = subject(said)
    times = Member(claims, _refused).fields("exp", "iat", maybe=("nbf",), others=True)
    made = {name: each.number(above=-1) for name, each in times.items()}["iat"]  # finite, too
    # Authlib passes over an `at_hash` that is empty, and breaks on one that is no text.
    text = {"validate": lambda _, value: isinstance(value, str) and value != ""}
    options: dict[str, Any] = {"azp": {"value": expected.client_id}, "at_hash": text}
    wanted = {"iss": expected.issuer, "aud": expected.client_id, "nonce": expected.nonce}
    options |= {name: {"essential": True, "value": value} for name, value in wanted.items()}
    judged = CodeIDToken(claims, jws.unverified_header(token), options, asdict(expected))
    now, skew = expected.now.timestamp(), SKEW.total_seconds()
    try:
        judged.validate(now, skew)
    except ClaimError as exc:
        raise LoginRefused(_FAULTS[exc.claim], hint=_CLOCKS if exc.claim in _TIMES else "") from exc
    if made < now - skew - LONGEST.total_seconds():  # Core, section 3.1.3.7, rule 10
        raise LoginRefused(_FAULTS["exp"], hint=_CLOCKS)
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
        stated = told.child("aud").value
        audience = stated if isinstance(stated, list) else [stated]
        if told.child("iss").content() != issuer or client not in audience:  # Core, section 5.3.2
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


_FAULTS: Final = {
    "iss": "the provider's token is of another issuer",
    "aud": "the provider's token is for another client",
    "azp": "the provider's token is for another client",
    "exp": "the provider's token is of the past",
    "iat": "the provider's token is of the future",
    "nbf": "the provider's token is of the future",
    "nonce": "the provider's token is of another login",
    "at_hash": "the provider's token came with another access token",
}
_CLOCKS: Final = "begin again; if that does not help, its clock or this node's is wrong"


def _refused(pointer: str, fault: str) -> LoginRefused:
    return LoginRefused(f"what the provider states cannot be read: {pointer or '/'} {fault}")
