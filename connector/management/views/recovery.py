"""What the management API answers of a node that went back to an older state."""

from datetime import datetime

from pydantic import BaseModel, ConfigDict, Field

from connector.management.views.view import StoredView, View


class OwedJobView(View):
    """A job that the database forgot, or that was open."""

    job: str
    agreement: str
    epsilon: float = Field(description="ε of the whole job")


class OwedContractView(View):
    """A contract that counts in full, or is gone."""

    agreement: str
    consumer: str
    epsilon: float


class MergeView(View):
    """Two registers that were merged, which the database has apart."""

    merged: str = Field(description="register that is left without anything")
    into: str


class EpochView(View):
    """A time at which the node went on from an older state: its log continues under a number."""

    number: int
    at: datetime
    abandoned: int = Field(description="entries of the newest head that counts no more")


class RecoveryView(StoredView):
    """Whether the node went back, and what confirming would charge."""

    faults: list[str] = Field(description="how the database falls short; empty: it does not")
    jobs: list[OwedJobView]
    contracts: list[OwedContractView]
    uncounted: list[str] = Field(description="contracts of which nobody can tell all uses")
    registers: list[str] = Field(description="registers that would count in full")
    merges: list[MergeView] = Field(description="registers that would be merged again")
    silent: list[str] = Field(description="counterparties for whose silence contracts do")
    unasked: list[str] = Field(description="peers that have not answered since the start")
    gone: list[OwedContractView] = Field(
        description="contracts of which only jobs are known, to be negotiated anew"
    )
    taken_back: list[str] = Field(
        description="contracts that this node had ended or suspended, and does again"
    )
    epochs: list[EpochView]


class ConfirmedView(View):
    """What a confirmation charged."""

    jobs: list[OwedJobView]
    contracts: list[OwedContractView] = Field(description="contracts that count in full")
    registers: list[str] = Field(description="registers that count in full")
    merges: list[MergeView] = Field(description="registers that were merged again")
    unasked: list[str] = Field(description="peers that had not answered, and may hold more")
    gone: list[OwedContractView] = Field(
        description="contracts of which only jobs are known, to be negotiated anew"
    )
    taken_back: list[str] = Field(
        description="contracts that this node had ended or suspended, and does again"
    )
    epoch: EpochView


class Confirmation(BaseModel):
    """How the operator confirms."""

    model_config = ConfigDict(extra="forbid")
    charge_in_full: bool = Field(default=False, description="count in full what nobody can tell")
