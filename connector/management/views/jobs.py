"""What the management API answers of federated jobs."""

from datetime import datetime

from pydantic import ConfigDict, Field

from connector.management.views.view import StoredView, View


class SiteView(View):
    """A site of a job, as the lead sees it; ε is what the job spent there so far."""

    site: str
    agreement: str
    decision: str
    code: str
    reason: str
    last_round: int
    rounds: int = Field(default=0, description="how many rounds its answers entered")
    bytes_sent: int
    bytes_received: int
    epsilon: float | None = None


class ReleaseView(View):
    """Releases of one mechanism, as the ledger counts them."""

    kind: str
    parameters: dict[str, float]
    count: int
    adjacency: str


class RoundReceiptView(View):
    """What a site signed of a round."""

    site: str
    round: int
    digest: str = Field(description="SHA-256 of the model that the site was sent")
    recipe: str = Field(description="SHA-256 of the training recipe that ran")
    versions: dict[str, str] = Field(description="of the libraries that it ran on")
    adjacency: str = Field(description="which data sets are neighbours")
    released: list[ReleaseView] = Field(
        default=[], description="what the round was charged as; empty in one of an earlier release"
    )


class JobView(StoredView):
    """A federated job."""

    id: str
    side: str
    lead: str
    agreement: str
    state: str
    round: int
    rounds: int
    code: str
    reason: str
    result: str = Field(description="path of the final model on the lead's machine")
    created_at: datetime
    updated_at: datetime
    epsilon: float | None = Field(default=None, description="ε of the whole job at its δ")
    delta: float | None = None
    sites: list[SiteView] = Field(default=[])
    answered: list[str] = Field(default=[], description="sites that answered the last round")
    receipts: list[RoundReceiptView] = Field(
        default=[], description="of the last round, signed by its sites"
    )


class Cancellation(View):
    """Why a job or negotiation ends."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    reason: str = Field(default="cancelled by the operator", max_length=200)


class JobLineView(StoredView):
    """A line of a job's history."""

    index: int = Field(description="of the entry of the audit log")
    at: datetime
    kind: str
    text: str = Field(description="what the entry says, in words")
