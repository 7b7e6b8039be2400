"""Routes: contracts."""

from typing import Annotated, Final

from fastapi import APIRouter, Query

from connector.management import render
from connector.management.paging import Paged
from connector.management.reach import Here
from connector.management.views import AgreementDetailView, AgreementView
from connector.services.negotiation import agree

router: Final = APIRouter(tags=["agreements"])


@router.get("/agreements")
def agreements(here: Here, paged: Paged) -> list[AgreementView]:
    """List the contracts that both parties signed, oldest first."""
    page = agree.agreements(here.ports, after=paged.after, limit=paged.limit)
    return [render.agreement(each) for each in paged.values(page)]


@router.get("/agreement")
def agreement(
    here: Here, identifier: Annotated[str, Query(alias="id", description="id of the agreement")]
) -> AgreementDetailView:
    """Show a contract with all that proves it."""
    return render.agreement_detail(agree.agreement(here.ports, identifier))
