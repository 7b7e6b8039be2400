"""What the management API answers of offers."""

from typing import Any

from pydantic import Field

from connector.management.views.publishing.risk import FindingsView
from connector.management.views.view import StoredView, View, Withdrawal


class CoverageView(View):
    """One line of the table that both parties see before anyone signs."""

    path: str = Field(description="JSON pointer of the constraint")
    constraint: str
    label: str = Field(description="checked, enforced or audited")
    by: str = Field(description="plan step or duty that upholds it")
    layer: str = Field(
        default="",
        description="who states it: authority, charter, offer or negotiated; empty: not said",
    )


class LayerNameView(View):
    """A template of an authority or a provider's charter, by the digest of its document."""

    layer: str = Field(description="authority or charter")
    id: str
    version: int
    digest: str = Field(description="SHA-256, hex")


class ReachView(View):
    """A term of an offer, and which peers understand it."""

    path: str = Field(description="JSON pointer of the term")
    term: str = Field(description="IRI")
    everyone: bool = Field(description="whether any peer of the Dataspace Protocol knows it")
    vocabulary: str = Field(description="what fixes its meaning; empty: nothing that is known here")
    labels: dict[str, str] = Field(description="what people call it, by language")


class OfferView(StoredView):
    """An offer."""

    id: str
    policy: dict[str, Any]
    coverage: list[CoverageView] = Field(default=[])
    audience: str = ""
    space: str = Field(
        default="", description="of an own offer: IRI of the space for whose members it is"
    )
    withdrawn: bool = False
    decision: str = Field(
        default="", description="what a person of the provider decides on; empty: not said"
    )
    licence: str = Field(
        default="", description="of what anybody may read without a contract; empty: not open"
    )
    roles: list[str] = Field(default=[], description="of an own offer: who must accept")
    remind_hours: int = Field(default=0, description="of an own offer: until a reminder")
    lapse_hours: int = Field(default=0, description="of an own offer: until it is too late")
    effects: list[str] = Field(
        default=[], description="what the change means for contracts that run"
    )
    findings: list[FindingsView] = Field(
        default=[], description="what its uses came to on the rows, where that is known or shown"
    )
    sentences: dict[str, list[str]] = Field(
        default={}, description="the policy in plain words, by language (`en`, `fr`)"
    )
    layers: list[LayerNameView] = Field(
        default=[], description="templates and charter that it was merged with"
    )
    protocol: bool = Field(
        default=False, description="of an own offer: whether peers that are no Préau nodes see it"
    )
    unmet: str = Field(
        default="", description="of a peer's offer: why this node would not sign it; empty: it may"
    )
    reach: list[ReachView] = Field(
        default=[], description="its terms: understood by any peer of the protocol, or not"
    )


class Replacement(Withdrawal):
    """The terms that take the place of an offer's."""

    policy: dict[str, Any] = Field(
        description="ODRL offer, JSON-LD; or an object that holds it and says who decides"
    )
