"""Participants: who a peer is and why it is believed. Trust decisions live in `identity`."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

ADMISSION: Final = "admission"  # by which one hears that a CA was admitted


@dataclass(frozen=True, slots=True)
class ShownMembership:
    """A membership that a peer showed.

    Attributes:
        space: IRI of the space.
        credential: VC-JWT.
    """

    space: str
    credential: str


@dataclass(frozen=True, slots=True)
class Participant:
    """A peer that this node has met.

    Attributes:
        did: did:web identifier.
        name: legal name from its self-description; shown to people only.
        document: DID document, the exact bytes that were fetched.
        document_digest: SHA-256 of `document`, hex.
        membership: membership credential, VC-JWT.
        description: participant self-description, VC-JWT; empty when none is served.
        grpc_endpoint: `host:port` of the peer's gRPC server.
        tls_authorities: CA certificates of the DID document, PEM.
        admitted_at: when its CA was admitted, UTC.
        refreshed_at: when the document and credential were last fetched, UTC.
        blocked: why it is no longer served; empty while it is.
        space: IRI of the space in which this node deals with it, of which `membership` is; empty:
            the first of this node's.
        elsewhere: its memberships of further spaces of this node.
    """

    did: str
    name: str
    document: bytes
    document_digest: str
    membership: str
    description: str
    grpc_endpoint: str
    tls_authorities: tuple[str, ...]
    admitted_at: datetime
    refreshed_at: datetime
    blocked: str = ""
    space: str = ""
    elsewhere: tuple[ShownMembership, ...] = ()

    def shown(self, space: str) -> str:
        """Return its membership of a space; empty where it showed none."""
        if space == self.space:
            return self.membership
        return next((each.credential for each in self.elsewhere if each.space == space), "")

    def seen_in(self, space: str) -> Participant:
        """Return it as one deals with it in a space."""
        if space == self.space:
            return self
        others = (*self.elsewhere, ShownMembership(self.space, self.membership))
        elsewhere = tuple(each for each in others if each.credential and each.space != space)
        return replace(self, space=space, membership=self.shown(space), elsewhere=elsewhere)


@dataclass(frozen=True, slots=True)
class StatusList:
    """A cached Bitstring Status List credential (W3C vc-bitstring-status-list).

    Attributes:
        url: where it was fetched; `statusListCredential` of the credentials that use it.
        credential: the VC-JWT, exact text.
        valid_until: its own `validUntil`, UTC; after that it answers nothing.
        fetched_at: UTC.
    """

    url: str
    credential: str
    valid_until: datetime
    fetched_at: datetime


@dataclass(frozen=True, slots=True)
class KeptList:
    """A status list that was current when a contract was concluded; kept as evidence of that.

    Attributes:
        digest: SHA-256 of the credential, hex.
        url: as in `StatusList`.
        credential: the VC-JWT, exact text.
        valid_until: its own `validUntil`, UTC.
    """

    digest: str
    url: str
    credential: str
    valid_until: datetime


@dataclass(frozen=True, slots=True)
class IssuerDocument:
    """DID document of an allow-listed issuer, cached so that it need not be up.

    Attributes:
        did: issuer.
        document: exact bytes.
        fetched_at: UTC.
    """

    did: str
    document: bytes
    fetched_at: datetime
