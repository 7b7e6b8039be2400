"""In which of its spaces this node deals with whom.

Rules: a node in one space deals with everybody there. In several, a peer is dealt with in the one
that the operator chose for it; what was never chosen is refused and nothing is guessed.
"""

from __future__ import annotations

from connector.domain.space import Space
from connector.errors import SpaceUnstated
from connector.ports import Ports


def space_of(ports: Ports, peer_did: str) -> Space:
    """Return the space in which this node deals with a peer.

    Raises:
        SpaceUnstated: this node is in several, and none is stated for the peer.
    """
    first, *further = ports.settings.spaces
    if not further:
        return first
    raise SpaceUnstated(
        f"in which space to deal with `{peer_did[:200]}` is not stated",
        hint="run `preau peer space DID SPACE`",
    )
