"""Routes: taking the node's own offers back, and putting other terms in their place."""

from typing import Annotated, Final

from fastapi import APIRouter, Query

from connector.management.here import Here
from connector.management.render.publishing import offers as render
from connector.management.views.publishing.offers import OfferView, Replacement
from connector.management.views.view import Withdrawal
from connector.services.negotiation import terms
from connector.services.publication import publish, withdrawing

router: Final = APIRouter(tags=["offers"])
Id = Annotated[str, Query(alias="id", description="id of the offer")]


@router.get("/offer")
def offer(here: Here, identifier: Id) -> OfferView:
    """Show an offer, how each part is upheld, and which layer states it."""
    found = publish.offer(here.ports, identifier)
    return render.offer(found, terms.coverage_shown(found, here.ports.mechanisms))


@router.post("/offer/withdraw")
def withdraw(here: Here, identifier: Id, why: Withdrawal) -> OfferView:
    """Take an offer back; contracts on it keep their terms."""
    found = withdrawing.withdraw_offer(here.ports, identifier, why.reason)
    return render.offer(found, terms.coverage_shown(found, here.ports.mechanisms))


@router.post("/offer/replace")
def replace(here: Here, identifier: Id, what: Replacement) -> OfferView:
    """Put other terms in the place of an offer's; its id stays."""
    found, effects = withdrawing.replace_offer(here.ports, identifier, what.policy, what.reason)
    shown = render.offer(found, terms.coverage_shown(found, here.ports.mechanisms))
    return shown.model_copy(update={"effects": list(effects)})
