"""Layers of conditions: what stands above an offer, and how contracts name it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class LayerKind(StrEnum):
    """Who states a condition, from the outermost."""

    AUTHORITY = "authority"  # a template of the space's authority
    CHARTER = "charter"  # the provider's own rules for all that it offers
    OFFER = "offer"
    NEGOTIATED = "negotiated"


@dataclass(frozen=True, slots=True)
class LayerName:
    """A layer as offers and agreements name it: nobody can put another policy in its place.

    Attributes:
        layer: `authority` or `charter`.
        id: IRI of the template or charter.
        version: counted from 1 by whoever published it.
        digest: SHA-256 of its document, hex.
    """

    layer: str
    id: str
    version: int
    digest: str

    def __str__(self) -> str:
        """Return it for people."""
        kind = "template" if self.layer == LayerKind.AUTHORITY else self.layer
        return f"{kind} `{self.id}` version {self.version}"


@dataclass(frozen=True, slots=True)
class KeptLayer:
    """A template or charter that this node published, or a template that it fetched.

    Attributes:
        digest: SHA-256 of `document`, hex.
        issuer: DID of who published it.
        kind: `authority` or `charter`.
        id: IRI.
        version: >= 1.
        document: exact bytes; `identity/layer.py` reads them.
        token: compact JWS of the issuer over them; empty for a charter, which nobody fetches.
        published_at: UTC, as the document states it.
        withdrawn: whether its publisher holds it in force no longer; of what was fetched, the
            issuer's status list says which are in force.
    """

    digest: str
    issuer: str
    kind: LayerKind
    id: str
    version: int
    document: bytes
    token: str
    published_at: datetime
    withdrawn: bool = False

    @property
    def name(self) -> LayerName:
        """How offers and agreements name it."""
        return LayerName(self.kind.value, self.id, self.version, self.digest)
