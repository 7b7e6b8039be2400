"""Routes: registers of persons, and the privacy budget."""

from functools import lru_cache
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query

from connector.domain.catalog.dataset import PrivacyCap
from connector.domain.privacy.budget import Reservation, ReservationState
from connector.domain.privacy.register import Register
from connector.errors import Malformed
from connector.management.here import Here
from connector.management.paging import Paged
from connector.management.views.jobs import ReleaseView
from connector.management.views.publishing.budgets import (
    AgreementBudgetView,
    BudgetView,
    Capacity,
    JobBudgetView,
    Plan,
    RegisterDeclaration,
    RegisterView,
    RoomView,
    RuleView,
)
from connector.management.views.view import DamagedView, Withdrawal
from connector.services.privacy import capacity, forecast, registers, standing
from connector.services.privacy.standing import AgreementBudget, RegisterBudget, Standing
from connector.services.publication import recounting
from federated.privacy.event import to_mapping
from federated.privacy.rule import Rule, stated

router: Final = APIRouter(tags=["budgets"])
_KEPT: Final = 1024  # jobs; a contract has no more
OfDataset = Annotated[str, Query(description="one dataset; empty: all")]


@router.get("/registers")
def all_registers(here: Here, paged: Paged) -> list[RegisterView | DamagedView]:
    """List the registers of persons, oldest first."""
    page = registers.registers(here.ports, after=paged.after, limit=paged.limit)
    return paged.rows(page, _register)


@router.post("/registers")
def declare(here: Here, what: RegisterDeclaration) -> RegisterView:
    """Declare a register of persons: its cap, and the rule by which jobs add up, for good."""
    cap = PrivacyCap(what.epsilon, what.delta)
    return _register(registers.declare(here.ports, what.id, cap, Rule(what.rule), what.order))


@router.post("/registers/recount")
def recount(here: Here, why: Withdrawal) -> list[str]:
    """Take all persons anew, since their key is lost; return the datasets that are checked anew."""
    return recounting.recount(here.ports, why.reason)


@router.get("/budget")
def budget(here: Here, paged: Paged, dataset: OfDataset = "") -> list[BudgetView | DamagedView]:
    """Show ε promised, spent and left of the node's registers, oldest first."""
    page = standing.registers(here.ports, dataset, after=paged.after, limit=paged.limit)
    return paged.rows(page, _budget)


@router.get("/budget/agreements")
def agreements(
    here: Here, paged: Paged, dataset: OfDataset = ""
) -> list[AgreementBudgetView | DamagedView]:
    """Show ε spent and left of the contracts that the node provides, oldest first."""
    page = standing.contracts(here.ports, dataset, after=paged.after, limit=paged.limit)
    return paged.rows(page, _agreement)


@router.post("/budget/plan")
def plan(here: Here, what: Plan) -> list[RuleView]:
    """Say what each rule would make of jobs, before anything is signed."""
    found = forecast.plan(here.ports, what.epsilon, what.delta, what.jobs)
    return [
        RuleView(
            rule=each.budget.accounting.rule.value,
            order=each.budget.accounting.order,
            admitted=list(each.admitted),
            spent=each.spent,
            left=each.left,
        )
        for each in found
    ]


@router.post("/budget/capacity")
def fitting(here: Here, what: Capacity) -> list[RoomView]:
    """Say how many rounds of a job, or tables, fit a budget, or what is left of a contract."""
    asked: list[capacity.Rounds | capacity.Tables] = []
    if what.rounds:
        asked.append(capacity.Rounds(**what.rounds.model_dump()))
    if what.tables:
        asked.append(capacity.Tables(**what.tables.model_dump()))
    if len(asked) != 1:
        raise Malformed("either rounds or tables are asked for")
    if bool(what.agreement) == bool(what.epsilon or what.delta):
        raise Malformed("either a contract or ε and δ are named")
    if what.agreement:
        found = capacity.of_agreement(here.ports, what.agreement, *asked)
    else:
        found = capacity.of_budget(here.ports, what.epsilon, what.delta, *asked)
    return [
        RoomView(
            where=each.where,
            rule=each.budget.accounting.rule.value,
            order=each.budget.accounting.order,
            left=each.left,
            most=each.most,
        )
        for each in found
    ]


def _register(value: Register) -> RegisterView:
    return RegisterView(
        id=value.id,
        epsilon=value.cap.epsilon if value.cap else None,
        delta=value.cap.delta if value.cap else None,
        charges=value.charges,
        merged_into=value.merged_into,
        created_at=value.created_at,
        **stated(value.accounting),
    )


def _budget(value: RegisterBudget) -> BudgetView:
    return BudgetView(
        id=value.register_id,
        datasets=list(value.datasets),
        promised=value.promised_epsilon,
        promised_delta=value.promised_delta,
        unpromised=value.unpromised,
        fault=value.fault,
        **_standing(value.standing),
    )


def _agreement(value: AgreementBudget) -> AgreementBudgetView:
    return AgreementBudgetView(
        agreement=value.agreement_id,
        register_id=value.register_id,
        peer=value.peer,
        jobs=[_job(*each) for each in zip(value.jobs, value.together, strict=True)],
        fault=value.fault,
        **_standing(value.standing),
    )


def _standing(value: Standing) -> dict[str, Any]:
    return {
        "epsilon": value.budget.epsilon,
        "delta": value.budget.delta,
        **stated(value.budget.accounting),
        "spent": value.spent,
        "reserved": value.reserved,
        "left": value.left,
        "would_leave": {rule.value: left for rule, left in value.would_leave.items()},
        "beyond": value.beyond,
    }


@lru_cache(maxsize=_KEPT)  # two equal ones are shown alike
def _job(value: Reservation, together: float) -> JobBudgetView:
    events = to_mapping(value.events)
    return JobBudgetView(
        job=value.job_id,
        open=value.state is ReservationState.OPEN,
        epsilon=value.epsilon,
        delta=value.delta,
        committed_rounds=value.committed_rounds,
        rounds=value.rounds,
        released=[ReleaseView(**each) for each in events["events"]],
        once=[ReleaseView(**each) for each in events.get("once", ())],
        at=value.created_at,
        together=together,
    )
