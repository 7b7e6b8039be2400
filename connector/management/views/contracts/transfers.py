"""What the management API answers of transfers, as models that the SDK shares."""

from datetime import datetime
from typing import Literal

from pydantic import ConfigDict, Field

from connector.management.views.contracts.uses import ContentView
from connector.management.views.view import View


class TransferView(View):
    """A transfer of prepared data, as this node holds it."""

    id: str = Field(description="our own id of it")
    role: str = Field(description="ours")
    peer: str
    peer_pid: str = Field(description="the peer's id of it; empty until it told us")
    agreement: str
    extract: str = Field(description="the provider's id of what is transferred")
    state: str = Field(description="REQUESTED, STARTED, SUSPENDED, COMPLETED or TERMINATED")
    held_by: str = Field(default="", description="who suspended it, and alone may resume it")
    code: str = ""
    reasons: list[str] = Field(default=[])
    content: ContentView | None = None
    passed: int = Field(description="bytes so far, as of the end of a stream")
    receipt: str = Field(default="", description="what this node signed of it, compact JWS")
    peer_receipt: str = Field(default="", description="what the peer signed of it")
    created_at: datetime
    updated_at: datetime


class AccessView(View):
    """How any client pulls the same bytes over HTTPS, or reads the rows over Arrow Flight."""

    url: str
    token: str = Field(description="bearer token")
    seconds: int = Field(description="for which a request may begin")
    flight: str = Field(default="", description="`host:port`; empty where it is not served")
    flight_roots: str = Field(default="", description="certificates to believe there, PEM")


class TransferRequest(View):
    """What to fetch."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    agreement: str
    extract: str = Field(default="", description="the provider's; empty: what the contract says")


class TransferWish(View):
    """What to do with a transfer."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    act: Literal["suspend", "resume", "end"]
    reason: str


class Received(View):
    """What was written, as the receipt will say."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    digest: str
    bytes: int
