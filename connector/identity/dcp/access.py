"""Access tokens of this node's own Credential Service (DCP 1.0 section 4.3.1): made and checked.

The specification leaves their form to who makes them. Rules: one says to whom it was given and
which scopes it grants, and is signed by this node, so that nothing has to be kept of it; it is of a
short life, and of no use without a self-issued token of the same bearer beside it.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Final

from connector.errors import TokenInvalid
from connector.identity import jws
from connector.identity.dcp import scopes
from connector.identity.dcp.scopes import Scope
from connector.identity.lifetime import Lifetime
from connector.identity.reading import Kind
from connector.jsonld.canonical import canonical

TYPE: Final = "preau-access+jwt"
LIFE: Final = timedelta(minutes=10)  # of the token that brings it, and of the query that follows
MAX_CHARS: Final = 8 * 1024
_LATEST: Final = (1 << 35) - 1  # seconds: beyond the year 3000
_KIND: Final = Kind("access token", TokenInvalid, MAX_CHARS, TYPE)


def make(signer: jws.Signer, did: str, bearer: str, granted: Iterable[str], now: datetime) -> str:
    """Make a token.

    Args:
        signer: this node's.
        did: this node.
        bearer: DID of who may query with it.
        granted: scopes, as the space writes them; with none, nothing may be asked.
        now: UTC.

    Raises:
        KeyUnusable: the key cannot be used.
    """
    issued = int(now.timestamp())
    claims = {
        "iss": did,
        "aud": bearer,
        "scope": list(granted),
        "iat": issued,
        "exp": issued + int(LIFE.total_seconds()),
    }
    return jws.sign_compact(signer, canonical(claims), TYPE)


def check(token: str, own: jws.KeyHolder, bearer: str, now: datetime) -> tuple[Scope, ...]:
    """Return the scopes that a token grants.

    Args:
        token: as received.
        own: this node's DID document.
        bearer: DID of who shows it.
        now: UTC.

    Raises:
        TokenInvalid: this node did not make it, or not for this bearer; or it has expired.
    """
    part = _KIND.verified(token, own).fields("iss", "aud", "scope", "iat", "exp")
    part["iss"].exactly(own.did)
    if part["aud"].value != bearer:
        raise TokenInvalid("the access token was given to another participant")
    issued, expires = (
        datetime.fromtimestamp(part[name].integer(most=_LATEST), UTC) for name in ("iat", "exp")
    )
    Lifetime(issued, expires).check(LIFE, now)
    return tuple(scopes.read(each) for each in part["scope"].items(most=scopes.MOST))
