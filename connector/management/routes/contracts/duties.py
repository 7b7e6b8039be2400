"""Routes: duties of contracts, and what this node's institution states about them."""

from typing import Annotated, Final

from fastapi import APIRouter, Query

from connector.domain.contract.duty import DeedKind
from connector.management.here import Here
from connector.management.paging import Paged
from connector.management.reach import Reach
from connector.management.render.contracts import duties as render
from connector.management.views.contracts.duties import (
    AuditedView,
    DutyDetailView,
    DutyView,
    EventStatement,
    Statement,
)
from connector.management.views.view import DamagedView, Withdrawal
from connector.services.duties import auditing, stating
from connector.services.duties.stating import Said

router: Final = APIRouter(tags=["duties"])
Id = Annotated[str, Query(alias="id", description="id of the duty")]
Agreement = Annotated[str, Query(description="id of the agreement")]


@router.get("/duties")
def duties(
    here: Here,
    paged: Paged,
    *,
    closed: Annotated[bool, Query(description="also those that nothing is to be done of")] = False,
    agreement: Annotated[str, Query(description="only of this contract")] = "",
) -> list[DutyView | DamagedView]:
    """List the duties of contracts that are open, oldest first."""
    page = stating.duties(
        here.ports, closed=closed, agreement=agreement, after=paged.after, limit=paged.limit
    )
    return paged.rows(page, render.duty)


@router.get("/duty")
def duty(here: Here, identifier: Id) -> DutyDetailView:
    """Show a duty and what was stated about it."""
    return _shown(here, identifier)


@router.post("/duty/done")
def done(here: Here, identifier: Id, what: Statement) -> DutyDetailView:
    """State that a duty of ours was done, and tell the other party."""
    said = Said(DeedKind.DONE, "", what.at, what.evidence, what.note)
    stating.done(here.ports, identifier, said)
    return _shown(here, identifier)


@router.post("/duty/waive")
def waive(here: Here, identifier: Id, why: Withdrawal) -> DutyDetailView:
    """State that a duty owed to us need not be done, and tell the other party."""
    stating.waive(here.ports, identifier, why.reason)
    return _shown(here, identifier)


@router.post("/duty/event")
def event(here: Here, agreement: Agreement, what: EventStatement) -> list[DutyView]:
    """State that an event took place, or a breach; return the contract's duties as they stand."""
    said = Said(DeedKind(what.kind), what.about, what.at, what.evidence, what.note)
    return [render.duty(each) for each in stating.state(here.ports, agreement, said)]


@router.get("/audit/lines")
def audited(here: Here, agreement: Agreement) -> list[AuditedView]:
    """Say what the log shows of each line of a contract that is upheld afterwards."""
    return [render.audited(each) for each in auditing.audited(here.ports, agreement)]


def _shown(here: Reach, identifier: str) -> DutyDetailView:
    return render.detail(*stating.duty(here.ports, identifier))
