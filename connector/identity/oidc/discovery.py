"""What a provider states of itself, and whether this node can log persons in by it.

Source: OpenID Connect Discovery 1.0, sections 3 and 4; RFC 9207, section 3; RFC 8414, section 2.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

from authlib.oidc.discovery import get_well_known_url

from connector.errors import Malformed
from connector.identity.oidc.token import ALGORITHMS
from federated.reading import Member
from federated.reading import read as parsed

LIMIT: Final = 256 * 1024  # bytes
_MOST: Final = 64  # elements of a list
_LONGEST: Final = 1024  # characters of an address
_ADDRESS: Final = r"https://[!-\[\]-~]+"  # ASCII without blanks and the backslash
_METHODS: Final = ("client_secret_basic", "client_secret_post")  # Core, section 9


@dataclass(frozen=True, slots=True)
class Endpoints:
    """Where a provider is asked.

    Attributes:
        authorization: to which browsers are led.
        token: redeems codes.
        keys: its public keys (JWK Set).
        person: states claims of a person; empty: nothing does.
        farewell: to which browsers are led that log out; empty: nothing.
        names_itself: whether its answers name their issuer (RFC 9207).
        method: by which this client shows its secret.
    """

    authorization: str
    token: str
    keys: str
    person: str
    farewell: str
    names_itself: bool
    method: str


def address(issuer: str) -> str:
    """Return where a provider states what it does."""
    return str(get_well_known_url(issuer, external=True))


def read(data: bytes, issuer: str) -> Endpoints:
    """Return where a provider is asked, by its own statement.

    Args:
        data: the statement.
        issuer: whose it must be.

    Raises:
        Malformed: it is none, of another issuer, or of a provider that does not do what this node
            needs.
    """
    said = parsed(data, _refused, limit=LIMIT)
    if said.child("issuer").text() != issuer:  # Discovery, section 4.3: exactly
        raise Malformed("its statement is of another issuer than the setting names")
    _check(said, "response_types_supported", ("code",), "the authorization code flow")
    _check(
        said,
        "id_token_signing_alg_values_supported",
        ALGORITHMS,
        "a signature that this node verifies",
    )
    challenges = said.child("code_challenge_methods_supported")
    if challenges.value is not None:  # RFC 8414: not stated does not mean that it cannot
        _check(said, "code_challenge_methods_supported", ("S256",), "PKCE with S256")
    stated = said.child("token_endpoint_auth_methods_supported")
    offered = _texts(stated) if stated.value is not None else list(_METHODS)
    method = next((each for each in _METHODS if each in offered), "")
    if not method:
        raise Malformed("it takes no secret of a client, as `client_secret_basic` does")
    names_itself = said.child("authorization_response_iss_parameter_supported").value
    return Endpoints(
        authorization=_address(said, "authorization_endpoint"),
        token=_address(said, "token_endpoint"),
        keys=_address(said, "jwks_uri"),
        person=_address(said, "userinfo_endpoint", needed=False),
        farewell=_address(said, "end_session_endpoint", needed=False),
        names_itself=names_itself is True,
        method=method,
    )


def _check(said: Member, name: str, wanted: tuple[str, ...], what: str) -> None:
    if set(_texts(said.child(name))).isdisjoint(wanted):
        raise Malformed(f"it does not offer {what}: see `{name}`")


def _texts(member: Member) -> list[Any]:
    return [each.text() for each in member.items(most=_MOST)]


def _address(said: Member, name: str, *, needed: bool = True) -> str:
    member = said.child(name)
    if member.value is None and not needed:
        return ""
    found = member.text(most=_LONGEST, pattern=_ADDRESS)
    try:
        parts = urlsplit(found)
    except ValueError:
        member.refuse("is no address")
    if not parts.hostname or "@" in parts.netloc or parts.fragment:
        member.refuse("is no address of an endpoint")
    return found


def _refused(pointer: str, fault: str) -> Malformed:
    return Malformed(f"its statement {pointer}: {fault}" if pointer else f"its statement: {fault}")
