"""The peers that the node has met, judged now, and meeting another."""

from __future__ import annotations

from dataclasses import dataclass

from connector.domain.page import PAGE, Page
from connector.domain.participant import Participant
from connector.errors import PreauError
from connector.ports import Ports
from connector.services.membership import belonging, dealing, fetching, onboard
from connector.services.membership.fetching import Evidence
from connector.services.membership.judging import judge_known


@dataclass(frozen=True, slots=True)
class Known:
    """A peer as it stands.

    Attributes:
        peer: with the space in which it is dealt with.
        refusal: why it is not in good standing; None where it is.
    """

    peer: Participant
    refusal: PreauError | None = None


def page(ports: Ports, *, after: str = "", limit: int = PAGE) -> Page[Known]:
    """Return a page of the peers, oldest first.

    Raises:
        Malformed: `after` is not a `Page.next`.
    """
    with ports.store.read() as tx:
        found = tx.participants.page(after=after, limit=limit)
        cached = fetching.evidence(tx)
    known = tuple(_known(ports, each, cached) for each in found.values)
    return Page(known, found.next, found.damaged)


def name(ports: Ports, did: str) -> str:
    """Return the name of a participant, as its membership states it; empty: not known."""
    if did == ports.settings.did:
        return ports.settings.name
    with ports.store.read() as tx:
        try:
            found = tx.participants.get(did)
        except PreauError:  # what is stored of it cannot be read
            return ""
    return found.name if found else ""


def meet(ports: Ports, did: str, space: str = "") -> Known:
    """Meet a peer, or choose the space in which it is dealt with.

    Args:
        ports: of the node.
        did: of the peer.
        space: IRI or name; empty: as before, or the only one of which both are members.

    Raises:
        NotFound: this node is in no such space.
        PreauError: it cannot be met.
    """
    if space:
        chosen = belonging.chosen(ports.settings, space)
        peer = dealing.choose(ports, did, chosen)
    else:
        peer = onboard.meet(ports, did)
    with ports.store.read() as tx:
        return _known(ports, peer, fetching.evidence(tx))


def _known(ports: Ports, peer: Participant, cached: Evidence) -> Known:
    placed = belonging.placed(ports.settings, peer)
    try:
        judge_known(ports.settings, placed, cached, ports.clock.now())
    except PreauError as exc:
        return Known(placed, exc)
    return Known(placed)
