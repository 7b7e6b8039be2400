"""Routes: who the node is, its membership, the peers that it has met."""

from typing import Final

from fastapi import APIRouter
from fastapi.responses import Response

from connector.domain.space import Space
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
from connector.services.membership import belonging, fetching, onboard
from connector.services.membership import peers as services
from connector.services.membership.peers import Known

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
def membership(here: Here, space: str = "") -> MembershipView:
    """Say whether the node is a member of a space (IRI or name; empty: the first), judged now."""
    return _membership(here, belonging.chosen(here.ports.settings, space))


@router.get("/memberships")
def memberships(here: Here) -> list[MembershipView]:
    """Say of each space whether the node is a member of it, judged now."""
    return [_membership(here, each) for each in here.ports.settings.spaces]


@router.post("/membership")
def fetch_membership(here: Here, space: str = "") -> MembershipView:
    """Fetch the node's membership from a space's authority."""
    of = belonging.chosen(here.ports.settings, space)
    return _good(here, of, onboard.fetch_own_membership(here.ports, here.keep_membership, of))


@router.post("/authority-key")
def pin(here: Here, key: AuthorityKey) -> MembershipView:
    """Believe a space's authority under a key that the operator had from it by another way."""
    of = belonging.chosen(here.ports.settings, key.space)
    fetching.pin(here.ports, of, key.key)
    return _membership(here, of)


@router.get("/peers")
def peers(here: Here, paged: Paged) -> list[PeerView | DamagedView]:
    """List the peers that the node has met, judged now, oldest first."""
    return paged.rows(services.page(here.ports, after=paged.after, limit=paged.limit), _peer)


@router.post("/peers")
def meet(here: Here, who: Introduction) -> PeerView:
    """Meet a peer, or choose the space in which it is dealt with."""
    return _peer(services.meet(here.ports, who.did, who.space))


def _peer(known: Known) -> PeerView:
    if known.refusal is not None:
        return render.peer(known.peer, known.refusal.code, known.refusal.reason)
    return render.peer(known.peer)


def _good(here: Reach, space: Space, facts: MembershipFacts) -> MembershipView:
    return MembershipView(
        did=here.ports.settings.did,
        space=facts.space,
        name=space.name,
        standing="good",
        role=facts.role,
        issuer=facts.issuer,
        valid_until=facts.valid_until,
    )


def _membership(here: Reach, space: Space) -> MembershipView:
    try:
        return _good(here, space, onboard.judge_own(here.ports, space))
    except PreauError as exc:
        none = isinstance(exc, MembershipRequired)
        return MembershipView(
            did=here.ports.settings.did,
            space=space.id,
            name=space.name,
            standing="none" if none else exc.code,
            reason=exc.reason,
        )
