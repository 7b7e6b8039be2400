"""In which of its spaces this node deals with whom.

Rules: a node in one space deals with everybody there. In several, a peer is dealt with in the one
that the operator chose for it, or else in the only one of which both are members; nothing is
guessed. A contract stays in the space that it was concluded in, whatever is chosen later. A row
that names no space is of a node that was in one: its first.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from connector.config import Settings
from connector.domain.participant import Participant
from connector.domain.space import Space
from connector.errors import NotFound, PreauError, SpaceUnstated
from connector.identity.trust import MembershipFacts
from connector.ports import Ports

# What a peer's membership of each space comes to, by its IRI.
Standing = Mapping[str, MembershipFacts | PreauError]

_HINT = "run `preau peer space DID SPACE`"


def space_of(ports: Ports, peer_did: str) -> Space:
    """Return the space in which this node deals with a peer.

    Raises:
        SpaceUnstated: this node is in several, and none is stated for the peer.
    """
    first, *further = ports.settings.spaces
    if not further:
        return first
    with ports.store.read() as tx:
        peer = tx.participants.get(peer_did)
    if peer is None:
        raise SpaceUnstated(
            f"it is not determined in which space to deal with `{peer_did[:200]}`", hint=_HINT
        )
    return stated(ports.settings, peer)


def placed(settings: Settings, peer: Participant) -> Participant:
    """Return a peer with the space in which it is dealt with."""
    first, *further = settings.spaces
    if peer.space == first.id or (peer.space and further):
        return peer
    return replace(peer, space=first.id)


def stated(settings: Settings, peer: Participant) -> Space:
    """Return the space in which a peer is dealt with.

    Raises:
        SpaceUnstated: this node is in it no longer.
    """
    return named(settings, placed(settings, peer).space)


def named(settings: Settings, space: str) -> Space:
    """Return the space of a matter: of a contract, an offer or a peer.

    Args:
        settings: of this node.
        space: its IRI; empty: the first.

    Raises:
        SpaceUnstated: this node is in it no longer.
    """
    first = settings.spaces[0]
    found = first if space in ("", first.id) else settings.space_called(space)
    if found is None:
        raise SpaceUnstated(
            f"`{space[:200]}` is not a space of this node",
            hint="state it in `spaces` of preau.toml",
        )
    return found


def said(settings: Settings, space: Space) -> str:
    """Return how a contract states its space: not at all where the memberships tell it."""
    return space.id if len(settings.spaces) > 1 else ""


def spellings(settings: Settings, space: Space) -> tuple[str, ...]:
    """Return by what rows name a space; see `named`."""
    return ("", space.id) if space == settings.spaces[0] else (space.id,)


def shared(settings: Settings, peer: Participant, space: str) -> bool:
    """Return whether a peer is dealt with in the space of a matter."""
    return placed(settings, peer).space == named(settings, space).id


def chosen(settings: Settings, text: str) -> Space:
    """Return the space that a person means, by its name or IRI; the first for an empty text.

    Raises:
        NotFound: there is none.
    """
    found = settings.space_called(text) if text else settings.spaces[0]
    if found is None:
        known = ", ".join(f"`{each.id}`" for each in settings.spaces if each.id)
        raise NotFound(
            f"`{text[:200]}` is not a space of this node", hint=f"the node's spaces are {known}"
        )
    return found


def settled(did: str, spaces: Sequence[Space], standing: Standing) -> Space:
    """Return the only space of which a peer is a member in good standing.

    Raises:
        SpaceUnstated: it is of several.
        PreauError: it is of none; the refusal in the first says why.
    """
    good = [each for each in spaces if isinstance(standing[each.id], MembershipFacts)]
    if len(good) > 1:
        raise SpaceUnstated(
            f"`{did}` is a member of {len(good)} spaces of this node: "
            + ", ".join(f"`{each.id}`" for each in good),
            hint=_HINT,
        )
    if not good:
        check(standing, spaces[0])
    return good[0]


def check(standing: Standing, space: Space) -> MembershipFacts:
    """Return what a membership of a space says.

    Raises:
        PreauError: it is not believed; the class says why.
    """
    found = standing[space.id]
    if isinstance(found, PreauError):
        raise found
    return found
