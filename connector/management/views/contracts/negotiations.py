"""What the management API answers of negotiations."""

from datetime import datetime
from typing import Any

from pydantic import ConfigDict, Field

from connector.management.views.view import StoredView, View


class ChangeView(View):
    """What an offer changes of what was asked for, found by comparing the two on this node."""

    kind: str = Field(
        description="narrowed, raised, added, removed, dropped, or what is added; unknown where the"
        " two texts cannot be compared"
    )
    path: str = Field(description="JSON pointer into the terms asked for")
    operand: str = Field(description="what it is about")
    line: str = Field(description="in the terms of the policies")
    sentences: dict[str, str] = Field(description="in plain words, by language")


class NegotiationView(StoredView):
    """A contract negotiation, our side."""

    pid: str
    role: str
    peer: str
    peer_pid: str
    state: str
    dataset: str
    offer: str
    policy: dict[str, Any]
    policy_by: str
    agreement: str
    code: str
    reasons: list[str] = Field(description="as given by whoever answered or ended it")
    changes: list[ChangeView] = Field(
        default=[], description="how the provider's terms differ from those asked for"
    )
    awaits: bool = Field(default=False, description="a person of the provider has yet to decide")
    address: str = Field(
        default="", description="where the peer is told over HTTPS; empty: over gRPC"
    )
    created_at: datetime
    updated_at: datetime


class NegotiationRequest(View):
    """What to ask a peer for."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    peer: str
    dataset: str
    offer: str = ""
    policy: dict[str, Any] | None = Field(
        default=None, description="terms asked for, JSON-LD; as offered when left out"
    )
    https: bool = Field(
        default=False,
        description="whether the Dataspace Protocol is spoken with a Préau node too; with others "
        "it always is",
    )


class NegotiationAnswer(View):
    """What to do with the terms that are on the table."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    act: str = Field(pattern="^(accept|counter|terminate|reconcile)$")
    policy: dict[str, Any] | None = None
    reason: str = ""


class OfferToPeer(View):
    """An offer that the provider makes of its own accord."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    peer: str
    dataset: str
    offer: str
