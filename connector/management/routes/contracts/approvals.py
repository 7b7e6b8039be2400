"""Routes: what waits for persons of this node, and what they decide."""

from typing import Annotated, Final

from fastapi import APIRouter, Query
from fastapi.responses import StreamingResponse

from connector.management.here import Here
from connector.management.paging import Paged
from connector.management.render.contracts import approvals as render
from connector.management.views.contracts.approvals import (
    ApprovalAnswer,
    ApprovalDetailView,
    ApprovalRefusal,
    ApprovalView,
)
from connector.management.views.view import DamagedView
from connector.services.approval import deciding, viewing
from connector.services.use import releasing

router: Final = APIRouter(tags=["approvals"])
Id = Annotated[str, Query(alias="id", description="our id of the negotiation, use or output")]


@router.get("/approvals")
def approvals(
    here: Here,
    paged: Paged,
    *,
    closed: Annotated[bool, Query(description="also what was decided")] = False,
) -> list[ApprovalView | DamagedView]:
    """List what waits for a decision, oldest first."""
    page = deciding.approvals(here.ports, pending=not closed, after=paged.after, limit=paged.limit)
    return paged.rows(page, render.approval)


@router.get("/approval")
def approval(here: Here, identifier: Id) -> ApprovalDetailView:
    """Show what waits for a decision: terms, coverage, budget, and what is new."""
    found = viewing.brief(here.ports, identifier)
    return render.brief(found)


@router.get("/approval/output", response_class=StreamingResponse)
def output(
    here: Here,
    identifier: Id,
    role: Annotated[str, Query(description="in which it is looked at")] = "",
    offset: Annotated[int, Query(ge=0, description="bytes that are here already")] = 0,
) -> StreamingResponse:
    """Fetch the bytes that would leave, to look at them; that is logged."""
    chunks = releasing.content(here.ports, identifier, role, offset)
    return StreamingResponse(chunks, media_type="application/octet-stream")


@router.post("/approval/accept")
def accept(here: Here, identifier: Id, given: ApprovalAnswer) -> ApprovalView:
    """Accept in a role; the last one that was missing signs, runs or lets go."""
    found = deciding.accept(here.ports, identifier, given.role, given.reason)
    return render.approval(found)


@router.post("/approval/refuse")
def refuse(here: Here, identifier: Id, given: ApprovalRefusal) -> ApprovalView:
    """Refuse in a role; what waited ends, and the consumer is told why."""
    found = deciding.refuse(here.ports, identifier, given.reason, given.role)
    return render.approval(found)
