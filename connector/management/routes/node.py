"""Routes: who the node is, its membership, the peers that it has met."""

from functools import partial
from typing import Final

from fastapi import APIRouter
from fastapi.responses import Response

from connector.domain.participant import Participant
from connector.errors import MembershipRequired, PreauError
from connector.identity.trust import MembershipFacts
from connector.management.here import Here
from connector.management.paging import Paged
from connector.management.reach import Reach
from connector.management.render import node as render
from connector.management.views.node import (
    AuthorityKey,
    Introduction,
    MembershipView,
    NodeView,
    PeerView,
)
from connector.management.views.view import DamagedView
from connector.services.membership import fetching, onboard

router: Final = APIRouter(tags=["node"])


@router.get("/node")
def node(here: Here) -> NodeView:
    """Say who the node is and where it listens."""
    return render.node(here.ports, here.about())


@router.get("/document", response_class=Response)
def document(here: Here) -> Response:
    """Return the node's own DID document, the bytes that it serves."""
    return Response(here.ports.own_document(), media_type="application/json")


@router.get("/membership")
def membership(here: Here) -> MembershipView:
    """Say whether the node is a member of its space, judged now."""
    try:
        return _good(here, onboard.judge_own(here.ports))
    except MembershipRequired as exc:
        return _membership(here, "none", exc.reason)
    except PreauError as exc:
        return _membership(here, exc.code, exc.reason)


@router.post("/membership")
def fetch_membership(here: Here) -> MembershipView:
    """Fetch the node's membership from the space's authority."""
    return _good(here, onboard.fetch_own_membership(here.ports, here.keep_membership))


@router.post("/authority-key")
def pin(here: Here, key: AuthorityKey) -> MembershipView:
    """Believe the space's authority under a key that the operator had from it by another way."""
    fetching.pin(here.ports, key.key)
    return membership(here)


@router.get("/peers")
def peers(here: Here, paged: Paged) -> list[PeerView | DamagedView]:
    """List the peers that the node has met, judged now, oldest first."""
    with here.ports.store.read() as tx:
        page = tx.participants.page(after=paged.after, limit=paged.limit)
    return paged.rows(page, partial(_peer, here))


@router.post("/peers")
def meet(here: Here, who: Introduction) -> PeerView:
    """Meet a peer."""
    return render.peer(onboard.meet(here.ports, who.did))


def _peer(here: Reach, participant: Participant) -> PeerView:
    try:
        onboard.judge(here.ports, participant.did)
    except PreauError as exc:
        return render.peer(participant, exc.code, exc.reason)
    return render.peer(participant)


def _good(here: Reach, facts: MembershipFacts) -> MembershipView:
    return MembershipView(
        did=here.ports.settings.did,
        space=facts.space,
        standing="good",
        role=facts.role,
        issuer=facts.issuer,
        valid_until=facts.valid_until,
    )


def _membership(here: Reach, standing: str, reason: str) -> MembershipView:
    settings = here.ports.settings
    return MembershipView(did=settings.did, space=settings.space, standing=standing, reason=reason)
