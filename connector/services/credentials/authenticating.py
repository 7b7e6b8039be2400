"""Who bears a self-issued token: the checks that stand before every use of one, in order.

1. the header holds one bearer token, and by its own word it is for this node and of now: nothing is
   fetched for any other;
2. it verifies under the bearer's DID document; where it does not, the document is looked at again;
3. it was not used before, also not before a restart: its use is written down before anything is
   fetched for its bearer, or with what the call changes (`peer/calls/use.py`).
"""

from __future__ import annotations

from datetime import timedelta
from typing import Final, NamedTuple, Protocol

from connector.domain.participant import Participant
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


class Judged(NamedTuple):
    """Who calls, as it is believed now, and the token whose use is still to be written down."""

    participant: Participant
    unused: SelfIssued | None = None


def bearer(authorization: str) -> str:
    """Return the token of a header `Authorization` (RFC 6750 section 2.1).

    Raises:
        TokenMissing: there is none.
    """
    if not authorization.lower().startswith(_BEARER):
        raise TokenMissing("the request carries no bearer token")
    return authorization[len(_BEARER) :].strip()


class Authenticator:
    """Says who bears a token; thread-safe.

    Attributes:
        documents: of those who authenticated.
    """

    def __init__(self, ports: Ports, longest: timedelta = self_issued.LIFE) -> None:
        """Prepare.

        Args:
            ports: of this node.
            longest: most that a token may live by its own word (`dcp/self_issued.py`).
        """
        self._ports = ports
        self._longest = longest
        self.documents = Documents(ports)

    def caller(self, token: str, shown: Shown) -> Caller:
        """Return who bears a token, once it is written down as used.

        Raises:
            TokenReplayed: it was used before.
            PreauError: as `checked`.
        """
        found = self.checked(token, shown)
        self.use(found.token)
        return found

    def use(self, token: SelfIssued) -> None:
        """Write down that a token was used.

        Raises:
            TokenReplayed: it was used before.
        """
        with self._ports.store.write() as tx:
            if not tx.tokens.use(token.issuer, token.jti, token.expires):
                raise TokenReplayed("the self-issued ID token was used before")

    def checked(self, token: str, shown: Shown) -> Caller:
        """Return who bears a token; that it was used is still to be written down.

        Raises:
            TokenInvalid: it is not one that this node takes now; the reason says why.
            TokenMismatch: it is bound to another certificate.
            CertificateMismatch: the certificate cannot be read.
            DidUnresolvable: the bearer's document cannot be had.
            AddressForbidden: its host is not one that this node fetches from.
            TooManyRequests: too many documents are fetched just now.
        """
        ports = self._ports
        now, own = ports.clock.now(), ports.settings.did
        issuer = self_issued.unverified_issuer(token)
        if issuer == own:
            raise TokenInvalid("the self-issued ID token is of this node itself")
        if not self.documents.at_hand(issuer):
            self_issued.check_unverified(token, own, now, longest=self._longest)
        document = self.documents.of(issuer)
        try:
            checked = self._checked(token, document, shown)
        except (TokenMismatch, CertificateMismatch):
            raise
        except TokenInvalid:
            fresh = self.documents.again(issuer)
            if fresh is None or fresh.data == document.data:
                raise
            document = fresh
            checked = self._checked(token, document, shown)
        return Caller(checked, document)

    def _checked(self, token: str, document: DidDocument, shown: Shown) -> SelfIssued:
        now, own = self._ports.clock.now(), self._ports.settings.did
        return self_issued.check(
            *(token, document, own, now), leaf_pem=shown.certificate, longest=self._longest
        )
