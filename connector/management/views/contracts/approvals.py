"""What the management API answers of decisions of persons, as models that the SDK shares."""

from datetime import datetime
from typing import Any

from pydantic import ConfigDict, Field

from connector.management.views.contracts.negotiations import ChangeView
from connector.management.views.contracts.uses import ContentView
from connector.management.views.publishing.budgets import Amount
from connector.management.views.publishing.offers import CoverageView
from connector.management.views.view import StoredView, View


class AcceptanceView(View):
    """That a role accepts."""

    role: str
    reason: str = ""


class ApprovalView(StoredView):
    """What waits for persons of this node, or what they decided."""

    id: str = Field(description="our id of the negotiation, use or output")
    subject: str = Field(default="contract", description="contract, use or output")
    agreement: str = Field(default="", description="contract that a use or an output is under")
    figures: str = Field(default="", description="what a use would cost, or what would leave")
    peer: str = Field(description="DID of who asks")
    dataset: str
    offer: str
    roles: list[str] = Field(description="all of them must accept")
    acceptances: list[AcceptanceView]
    missing: list[str] = Field(description="roles that have not accepted yet")
    state: str = Field(description="pending, accepted, refused, lapsed or void")
    code: str = Field(default="", description="of an end without a contract")
    reason: str = ""
    asked_at: datetime
    lapses_at: datetime = Field(description="from then on it is too late")
    closed_at: datetime | None = None


class ApprovalBudgetView(View):
    """What a contract would promise, beside what its register allows."""

    epsilon: Amount = Field(description="ε per person that the contract would promise")
    delta: Amount
    register_id: str
    cap_epsilon: Amount | None = Field(description="over all contracts; none where there is no cap")
    cap_delta: Amount | None
    promised_epsilon: Amount = Field(description="of the contracts that count")
    promised_delta: Amount


class ApprovalPlaceView(View):
    """A budget that what is asked for must fit."""

    register_id: str = Field(description="of persons; empty: the contract's own budget")
    limit: Amount = Field(description="ε that it allows at its δ")
    rule: str = Field(description="by which what it is charged adds up")
    left: Amount = Field(description="ε before")
    after: Amount = Field(description="ε after it; 0 where it does not fit")


class ApprovalAskedView(View):
    """What a job or another use would do and cost here; an acceptance is bound to the digest."""

    digest: str = Field(description="SHA-256 of what is asked for")
    sentences: dict[str, list[str]] = Field(
        description="what is asked for in plain words, by language (`en`, `fr`)"
    )
    epsilon: Amount | None = Field(
        default=None,
        description="ε of the whole of it for a person; none where it is not known now, or nothing "
        "gets noise",
    )
    delta: Amount
    rows: int | None = Field(default=None, description="most rows of one person, where bounded")
    budgets: list[ApprovalPlaceView] = Field(default=[])
    refusal: str = Field(default="", description="why it would not be charged now; empty: it would")


class ApprovalJobView(ApprovalAskedView):
    """What a training job would do and cost here; an acceptance is bound to both digests."""

    manifest: dict[str, Any] = Field(description="as its lead signed it")
    recipe: str = Field(description="SHA-256 of the training recipe that runs at this node")
    person: str = Field(description="column that identifies the person whom ε protects")


class ApprovalUseView(ApprovalAskedView):
    """What a use other than training would do and cost here."""

    request: dict[str, Any] = Field(description="as its consumer signed it")
    noise: bool = Field(description="whether what leaves gets noise, and ε is charged")


class ApprovalDetailView(ApprovalView):
    """All that a person has to know before deciding."""

    policy: dict[str, Any] = Field(description="that would be signed, or of the contract")
    sentences: dict[str, list[str]] = Field(
        default={}, description="the terms in plain words, by language (`en`, `fr`)"
    )
    coverage: list[CoverageView] = Field(description="how each constraint would be upheld")
    budget: ApprovalBudgetView | None = None
    previous: str = Field(
        default="", description="last contract with the same consumer on the same dataset"
    )
    changes: list[ChangeView] = Field(default=[], description="what is new beside that contract")
    output: ContentView | None = Field(default=None, description="what would leave, of an output")
    job: ApprovalJobView | None = Field(default=None, description="what a training job would do")
    use: ApprovalUseView | None = Field(default=None, description="what another use would do")


class ApprovalAnswer(View):
    """What a role decides."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    role: str = Field(default="", description="may be left out where one role decides")
    reason: str = Field(default="", max_length=300)


class ApprovalRefusal(ApprovalAnswer):
    """That a role refuses, and why; the consumer is told."""

    reason: str = Field(min_length=1, max_length=300)
