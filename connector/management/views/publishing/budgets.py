"""What the management API answers of registers and budgets, as models that the SDK shares.

Rules: ε and δ are per person, for neighbours that differ by one person added or removed; no figure
decides anything.
"""

import sys
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field

from connector.management.views.jobs import ReleaseView
from connector.management.views.view import View


def _finite(amount: float) -> float:
    return min(sys.float_info.max, amount)


# JSON has no infinity: what counts as infinite is shown as the largest number.
Amount = Annotated[float, AfterValidator(_finite)]


class JobBudgetView(View):
    """ε of one job."""

    job: str
    open: bool = Field(description="whether it may still spend")
    epsilon: Amount = Field(description="of the whole job alone, at its own δ")
    delta: Amount
    committed_rounds: int
    rounds: int
    released: list[ReleaseView] = Field(description="by one round")
    once: list[ReleaseView] = Field(
        default=[], description="counted with the first round: evaluations of the job's models"
    )
    at: datetime = Field(description="when it was charged, UTC")
    together: Amount = Field(
        description="ε of the contract's jobs up to this one, as its rule counts them now"
    )


class StandingView(View):
    """A budget of ε at δ and what became of it, by its own rule."""

    epsilon: Amount = Field(description="that is allowed")
    delta: Amount
    rule: str = Field(description="`sums` or `renyi`, fixed when it was signed or declared")
    order: int = Field(description="Rényi order; 0 under sums")
    adjacency: str
    spent: Amount = Field(description="ε of jobs with a committed round")
    reserved: Amount = Field(description="ε of those and of open jobs")
    left: Amount = Field(description="ε that further jobs may still reserve")
    would_leave: dict[str, Amount] = Field(description="ε that would be left, by rule")
    beyond: bool = Field(description="more is counted than allowed: no job runs")
    fault: str = Field(
        default="",
        description="why its figures cannot be read; those on record stand in their place",
    )


class AgreementBudgetView(StandingView):
    """The budget of one contract."""

    agreement: str
    register_id: str = ""
    peer: str
    jobs: list[JobBudgetView]


class BudgetView(StandingView):
    """The budget of one register of persons over all its contracts."""

    id: str = Field(description="the register")
    datasets: list[str]
    promised: Amount = Field(description="sum of ε over the contracts that count")
    promised_delta: Amount
    unpromised: Amount = Field(description="ε that a further contract may still promise")
    agreements: list[AgreementBudgetView] = Field(
        default=[], description="empty in the API's answer: they have a list of their own"
    )


class RegisterView(View):
    """A register of persons: who holds a cap and what of it is spent."""

    id: str
    epsilon: Amount | None = Field(description="cap per person; none for data of no person")
    delta: Amount | None
    rule: str
    order: int
    adjacency: str
    charges: int = Field(description="rounds that were ever charged to it")
    merged_into: str = Field(description="register that holds all that was in it; or empty")
    created_at: datetime


class RegisterDeclaration(View):
    """A register to declare."""

    id: str
    epsilon: float
    delta: float
    rule: Literal["sums", "renyi"] = "sums"
    order: int = Field(default=0, description="Rényi order; 0: the one that follows from the cap")


class SuppressionView(View):
    """How many persons of a register have none of their rows used; for the operator alone."""

    register_id: str
    persons: int
    known: int = Field(description="of these, in a file that was published into the register")


class Objection(View):
    """Persons to put on a register's list, or to take off."""

    register_id: str
    persons: list[str] = Field(description="as they stand in the person column")
    anew: bool = Field(default=False, description="drop what was on the list before")


class RuleView(View):
    """What one rule would make of a row of jobs."""

    rule: str
    order: int = Field(description="Rényi order; 0 under sums")
    admitted: list[int] = Field(description="places in the list of the jobs that fit, from 1")
    spent: Amount = Field(description="ε of the jobs that fit")
    left: Amount


class Plan(View):
    """A budget and the jobs that are meant to spend it, in order."""

    epsilon: float
    delta: float
    jobs: list[dict[str, Any]] = Field(description="each a job request, or its `privacy`")


class RoundsAsked(View):
    """A round of training that is thought of."""

    noise_multiplier: float = Field(description="σ")
    sampling_rate: float = Field(description="q, in (0, 1]")
    steps: int = Field(description="of one round")
    delta: float = Field(default=0.0, description="that the job states; 0: all that is left")
    evaluation_noise: float = Field(
        default=0.0, description="σ of evaluations of the job's models; 0: there are none"
    )
    every: int = Field(
        default=0, description="a model is evaluated after each so many rounds; 0: the last alone"
    )


class TablesAsked(View):
    """A table with noise that is thought of."""

    epsilon: float = Field(description="that each spends")
    delta: float = Field(default=0.0, description="that each spends; 0: discrete Laplace noise")


class Capacity(View):
    """What is to fit: `rounds` or `tables`, in (ε, δ) or in what is left of a contract."""

    rounds: RoundsAsked | None = None
    tables: TablesAsked | None = None
    agreement: str = Field(default="", description="a contract that the node provides")
    epsilon: float = Field(default=0.0, description="of a contract that is thought of")
    delta: float = 0.0


class RoomView(View):
    """What fits one budget."""

    where: str
    rule: str
    order: int = Field(description="Rényi order; 0 under sums")
    left: Amount = Field(description="ε that is left of it")
    most: int = Field(description="rounds or tables that fit, beside what is charged")
