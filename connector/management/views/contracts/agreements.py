"""What the management API answers of contracts."""

from datetime import datetime
from typing import Any

from pydantic import ConfigDict, Field

from connector.management.views.publishing.offers import CoverageView, LayerNameView
from connector.management.views.publishing.risk import FindingsView
from connector.management.views.view import StoredView, View


class AgreementView(StoredView):
    """A contract."""

    id: str
    role: str
    provider: str
    consumer: str
    dataset: str
    digest: str = Field(description="SHA-256 of the document, hex")
    population: int
    valid_until: datetime | None
    finalized: bool
    concluded_at: datetime
    standing: str = Field(default="running", description="running, suspended or ended by a party")
    space: str = Field(
        default="", description="IRI of the space that it is under; empty: the node's first"
    )


class NoticeView(View):
    """What a party signed about a contract after it was concluded."""

    by: str
    act: str = Field(description="ended, suspended, resumed, or noted: the other party is told")
    reason: str
    at: datetime


class SaidView(View):
    """A message of a party that signs nothing, which proves what it agreed to."""

    kind: str
    at: str
    body: str = Field(description="as it came")


class AgreementDetailView(AgreementView):
    """A contract with all that proves it."""

    document: dict[str, Any]
    rule: str = Field(description="how jobs add up: `sums`, `renyi`; `none`: no privacy is spent")
    order: int = Field(description="Rényi order; 0 under sums")
    adjacency: str = Field(description="what neighbours differ by; `none` likewise")
    recipes: list[str] = Field(
        description="SHA-256 of the training recipes that are accepted; none in a contract of "
        "version 1, which accepts the site's own"
    )
    engines: dict[str, str] = Field(
        default={},
        description="of these recipes, those of this node's release, with the engine of each; "
        "others are of other releases",
    )
    plan: dict[str, Any] = Field(
        default={}, description="what runs under the contract: uses and their steps, as signed"
    )
    coverage: list[CoverageView]
    findings: list[FindingsView] = Field(
        default=[], description="what its uses came to on the rows before it was signed"
    )
    layers: list[LayerNameView] = Field(
        default=[], description="templates and charter that its terms uphold, as signed"
    )
    sentences: dict[str, list[str]] = Field(
        default={}, description="the contract in plain words, by language (`en`, `fr`)"
    )
    provider_signature: str
    consumer_signature: str
    receipt: str
    over_https: bool = Field(
        default=False, description="whether its other party is reached over HTTPS alone"
    )
    said: list[SaidView] = Field(
        default=[], description="messages of the other party, where it signs nothing"
    )
    notices: list[NoticeView] = Field(default=[])
    lost_keys: list[str] = Field(
        default=[], description="parties that lost the key by which they signed, and have another"
    )


class NoticeRequest(View):
    """What to do with a contract, and why."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    act: str = Field(pattern="^(end|suspend|resume)$")
    reason: str = Field(min_length=1, max_length=300, description="the other party is told")
