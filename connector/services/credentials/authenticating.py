"""Who bears a self-issued token: the checks that stand before every use of one, in order.

1. the header holds one bearer token, and by its own word it is for this node and of now: nothing is
   fetched for any other;
2. it verifies under the bearer's DID document; where it does not, the document is looked at again;
3. it was not used before, also not before a restart: its use is written down before anything else.
"""

from __future__ import annotations

from typing import Final, NamedTuple, Protocol

from connector.errors import (
    CertificateMismatch,
    TokenInvalid,
    TokenMismatch,
    TokenMissing,
    TokenReplayed,
)
from connector.identity.dcp import self_issued
from connector.identity.dcp.self_issued import SelfIssued
from connector.identity.document import DidDocument
from connector.ports import Ports
from connector.services.credentials.resolving import Documents

_BEARER: Final = "bearer "


class Shown(Protocol):
    """The part of a connection that judging needs."""

    @property
    def certificate(self) -> str:
        """Certificate of the caller, PEM; empty where it showed none."""
        ...


class Caller(NamedTuple):
    """Who authenticated, by which token and document."""

    token: SelfIssued
    document: DidDocument


def bearer(authorization: str) -> str:
    """Return the token of a header `Authorization` (RFC 6750 section 2.1).

    Raises:
        TokenMissing: there is none.
    """
    if not authorization.lower().startswith(_BEARER):
        raise TokenMissing("the request carries no bearer token")
    return authorization[len(_BEARER) :].strip()


def authenticated(ports: Ports, known: Documents, token: str, shown: Shown) -> Caller:
    """Return who bears a token, once it is written down as used.

    Raises:
        TokenInvalid: it is not one that this node takes now; the reason says why.
        TokenMismatch: it is bound to another certificate.
        CertificateMismatch: the certificate cannot be read.
        TokenReplayed: it was used before.
        DidUnresolvable: the bearer's document cannot be had.
        AddressForbidden: its host is not one that this node fetches from.
    """
    now, own = ports.clock.now(), ports.settings.did
    issuer = self_issued.unverified_bearer(token, own, now)
    if issuer == own:
        raise TokenInvalid("the self-issued ID token is of this node itself")
    document = known.of(issuer)
    try:
        checked = self_issued.check(token, document, own, now, leaf_pem=shown.certificate)
    except (TokenMismatch, CertificateMismatch):
        raise
    except TokenInvalid:
        fresh = known.again(issuer)
        if fresh is None or fresh.data == document.data:
            raise
        document = fresh
        checked = self_issued.check(token, document, own, now, leaf_pem=shown.certificate)
    with ports.store.write() as tx:
        if not tx.tokens.use(checked.issuer, checked.jti, checked.expires):
            raise TokenReplayed("the self-issued ID token was used before")
    return Caller(checked, document)
