"""What the management API answers of federated jobs."""

from datetime import datetime
from typing import Any, Literal

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
    exact: str = Field(
        default="",
        description="SHA-256 of which sum over sites it adds exact counts to, not DP; empty: none",
    )


class FigureView(View):
    """A figure with the interval that its noise leaves; null where there is none."""

    name: str
    value: float | None
    low: float | None
    high: float | None


class FiguresView(View):
    """Figures of one model at all sites together."""

    figures: list[FigureView]


class SiteFiguresView(FiguresView):
    """Figures of one model at a site."""

    site: str


class BinView(View):
    """The share of positive labels among persons whose chance lies in a bin."""

    above: float
    to: float
    persons: float
    observed: float | None
    low: float | None
    high: float | None


class EvaluatedModelView(View):
    """What the sites say of one model."""

    round: int = Field(description="after which it was evaluated")
    pooled: FiguresView
    dp: bool = Field(default=True, description="whether it has noise; without it is not DP")
    sites: list[SiteFiguresView]
    reliability: list[BinView] = Field(default=[], description="of all sites, by chance")


class EvaluationView(View):
    """How a job's models predict, on persons held out at the sites."""

    every: int
    bins: int
    noise: float | Literal["none"] = Field(
        alias="noiseMultiplier", description="of a cell at a site, in persons; or `none`"
    )
    dp: bool = Field(default=True, description="whether there is noise; without it is not DP")
    held_out: float = Field(alias="heldOut", description="share of persons")
    level: float = Field(description="of the intervals, which are of the noise alone")
    curve: list[EvaluatedModelView]


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
    evaluated: EvaluatedModelView | None = Field(
        default=None, description="the newest model that the sites evaluated, at the lead"
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


class FindingView(View):
    """Something about a request that its author should know."""

    where: str = Field(description="JSON pointer in the request; empty for the whole")
    what: str
    code: str = Field(description="of the refusal that it is; empty: a remark")
    dataset: str = Field(description="whose contract or dictionary says so; empty: all")


class CostView(View):
    """What a job costs under one contract."""

    site: str
    agreement: str
    limit: float = Field(description="ε that the contract allows")
    rule: str = Field(description="how its jobs add up: `sums` or `renyi`")
    epsilon: float = Field(description="ε of the job alone at its δ")
    left: float = Field(description="ε that is left before it")
    after: float = Field(description="ε that would be left")


class TriedView(View):
    """What became of the made-up rows of one site."""

    site: str
    persons: int = Field(description="that were made up")
    usable: int = Field(description="of those, the ones with a row that takes part")
    labels: int = Field(description="how many different labels their rows have")
    round_seconds: float = Field(description="after which the site would answer a round")
    needs: int = Field(description="bytes of memory that its worker must be allowed")


class RehearsalView(View):
    """A job that was tried on made-up rows, on this machine."""

    parts: list[TriedView]
    rounds: int = Field(description="that were completed")
    start_seconds: float = Field(description="until the sites' workers are ready")
    round_seconds: float = Field(description="a round, by the slowest site")
    seconds: float = Field(description="the whole job")
    peak: int = Field(description="most bytes that the try took, all sites in one process")


class CheckView(View):
    """What can be known of a request before it is submitted."""

    accepted: bool = Field(description="whether nothing that can be known here refuses it")
    findings: list[FindingView]
    rounds: int = Field(default=0, description="with the one that evaluates the last model")
    noise: float | None = Field(default=None, description="σ, the noise multiplier")
    memory: int = Field(description="bytes that a worker of this node may take; 0: no limit")
    costs: list[CostView]
    rehearsal: RehearsalView | None = None


class DraftOrder(View):
    """What a request is to be written for."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    agreements: list[str]
    target: str = Field(description="column that is predicted")
    epsilon: float | None = Field(default=None, gt=0, description="of the job; none: at most 1")


class DraftView(View):
    """A request that was written, with what was chosen and left out."""

    request: dict[str, Any]
    remarks: list[str]
