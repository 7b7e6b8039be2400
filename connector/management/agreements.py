"""Routes: contracts."""

from typing import Annotated, Final

from fastapi import APIRouter, Query

from connector.management import render
from connector.management.reach import Here
from connector.management.views import AgreementDetailView, AgreementView
from connector.services.negotiation import agree

router: Final = APIRouter(tags=["agreements"])


@router.get("/agreements")
def agreements(here: Here) -> list[AgreementView]:
    """List the contracts that both parties signed, oldest first."""
    return [render.agreement(each) for each in agree.agreements(here.ports)]


@router.get("/agreement")
def agreement(
    here: Here, identifier: Annotated[str, Query(alias="id", description="id of the agreement")]
) -> AgreementDetailView:
    """Show a contract with all that proves it."""
    return render.agreement_detail(agree.agreement(here.ports, identifier))
