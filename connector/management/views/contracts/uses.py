"""What the management API takes and answers of uses of contracts, as models that the SDK shares."""

from datetime import datetime
from typing import Any

from pydantic import ConfigDict, Field

from connector.management.views.view import View


class UseWanted(View):
    """A use that this node's operator asks a provider for."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    agreement: str = Field(description="contract of which this node is the consumer")
    action: str = Field(description="IRI of the action, as the contract permits it")
    columns: list[str] = Field(default=[], description="of rows; none for all that may leave")
    cells: dict[str, Any] | None = Field(
        default=None,
        description="the table: `dimensions`, `measures`, `filters`, with noise `epsilon` and "
        "`delta`, also `bins` and `moments`; none for rows",
    )
    sums: dict[str, Any] | None = Field(
        default=None,
        description="the sum over sites to add to, or the `session` of one to join; none for rows "
        "and tables",
    )
    format: str = Field(default="", description="of the file; empty for what the plan prefers")
    stated: dict[str, list[str]] = Field(
        default={}, description="operand to values, in place of what the contract demands"
    )
    request: str = Field(
        default="", description="id to ask under, a new `urn:uuid:…`; the same again asks once"
    )


class Attestation(View):
    """What this node, as provider, attests of a contract."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    operand: str = Field(description="`charter`, `ethicsOpinion`, `consentBy` or `age`")
    value: str = Field(
        description="IRI of the paper, as the contract names it; `DataSubject` or `Guardian`; years"
    )
    holds: bool = Field(default=True, description="false takes it back")


class Translation(View):
    """Pseudonyms of one contract that those of another are wanted for."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    to: str = Field(description="id of the other agreement")
    pseudonyms: list[str] = Field(description="32 hex digits each, at most 50,000")


class ContentView(View):
    """What the provider signed of the bytes that it made."""

    format: str
    rows: int
    bytes: int
    suppressed: int = Field(description="rows or cells that the plan withheld")
    digest: str = Field(description="SHA-256 of the file, hex")
    plan_digest: str = Field(description="SHA-256 of the plan that was executed, hex")
    source: str = Field(description="salted commitment to the source as it was read, hex")


class NoiseView(View):
    """What a table with noise spends, as provider and consumer reckon it from the signed plan."""

    epsilon: float = Field(description="ε per person that the table spends, at most")
    delta: float
    deviations: dict[str, float] = Field(
        description="standard deviation of the noise of each figure; a mean is a sum by a count"
    )


class UseView(View):
    """What a provider answered."""

    agreement: str = Field(description="contract under which it was asked")
    request: str = Field(description="our id of the request; the same may be asked again")
    state: str = Field(
        description="refused, waiting (for a person), preparing, ready, referred, failed or gone"
    )
    code: str = ""
    reasons: list[str] = Field(default=[])
    extract: str = Field(default="", description="the provider's id of what it prepares")
    content: ContentView | None = None
    rows: list[dict[str, Any]] = Field(default=[], description="of a small table")
    referral: str = Field(default="", description="to a third party, compact JWS")
    noise: NoiseView | None = Field(default=None, description="of a table with noise")
    cells: dict[str, Any] | None = Field(
        default=None, description="the table that was asked for; none for rows and sums"
    )


class ReferralGiven(View):
    """A referral that somebody holds."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    referral: str = Field(description="compact JWS")
    holder: str = Field(default="", description="DID of who presents it, as the operator found")


class ReferralView(View):
    """What a referral says, once it was verified."""

    id: str
    provider: str
    holder: str
    party: str
    at: datetime
    until: datetime
    agreement: str
    dataset: str
    action: str
    plan: str = Field(description="SHA-256 of the plan, hex")
    stated: dict[str, list[str]] = Field(description="what the holder signed, by operand")
