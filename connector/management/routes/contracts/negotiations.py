"""Routes: contract negotiations, as consumer and as provider."""

from functools import partial
from typing import Annotated, Final

from fastapi import APIRouter, Query, Response

from connector.domain.contract.negotiation import Negotiation
from connector.management.here import Here
from connector.management.paging import Paged
from connector.management.reach import Reach
from connector.management.render.contracts import negotiations as render
from connector.management.views.contracts.negotiations import (
    NegotiationAnswer,
    NegotiationRequest,
    NegotiationView,
    OfferToPeer,
)
from connector.management.views.view import DamagedView
from connector.services.negotiation import negotiate

router: Final = APIRouter(tags=["negotiations"])
Pid = Annotated[str, Query(description="our id of the negotiation")]


@router.get("/negotiations")
def negotiations(here: Here, paged: Paged) -> list[NegotiationView | DamagedView]:
    """List all negotiations, oldest first."""
    page = negotiate.negotiations(here.ports, after=paged.after, limit=paged.limit)
    return paged.rows(page, partial(_shown, here))


@router.get("/negotiation")
def negotiation(here: Here, pid: Pid) -> NegotiationView:
    """Show one negotiation."""
    return _shown(here, negotiate.negotiation(here.ports, pid))


@router.post("/negotiations", response_model=NegotiationView)
def request(here: Here, asked: NegotiationRequest) -> Response:
    """Ask a provider for a contract; returns once the request is on its way."""
    about = (asked.peer, asked.dataset, asked.offer, asked.policy)
    opened = negotiate.request(here.ports, *about, https=asked.https)
    # written in this thread: FastAPI would take another one to write a view
    shown = _shown(here, opened).model_dump_json(by_alias=True)
    return Response(shown, media_type="application/json")


@router.post("/offers")
def offer(here: Here, made: OfferToPeer) -> NegotiationView:
    """Open a negotiation as the provider, with one of the node's offers."""
    return _shown(here, negotiate.offer(here.ports, made.peer, made.dataset, made.offer))


@router.post("/negotiation")
def answer(here: Here, pid: Pid, given: NegotiationAnswer) -> NegotiationView:
    """Accept, counter or terminate what is on the table, or ask the peer for its state."""
    if given.act == "accept":
        return _shown(here, negotiate.accept(here.ports, pid))
    if given.act == "counter":
        return _shown(here, negotiate.counter(here.ports, pid, given.policy or {}))
    if given.act == "reconcile":
        return _shown(here, negotiate.reconcile(here.ports, pid))
    reason = given.reason or "terminated by the operator"
    return _shown(here, negotiate.terminate(here.ports, pid, reason))


def _shown(here: Reach, value: Negotiation) -> NegotiationView:
    return render.negotiation(value, here.ports.mechanisms.profiles)
