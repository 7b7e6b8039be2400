"""`preau peer`: the peers that this node has met.

Leaves verifying them to the node.
"""

from typing import Annotated

import typer

from connector.cli import output
from connector.cli.node import node_of
from connector.cli.options import DEFAULT_HOME, PAGE, After, Home, Json, Limit
from connector.cli.speaking import spoken


def add_to(app: typer.Typer) -> None:
    """Add the group."""
    group = typer.Typer(no_args_is_help=True, help="Peers that this node has met.")
    group.command("list")(list_)
    group.command("meet")(meet)
    group.command("space")(space)
    app.add_typer(group, name="peer")
    app.command("membership")(membership)
    app.command("spaces")(spaces)


def list_(
    limit: Limit = PAGE, after: After = "", home: Home = DEFAULT_HOME, json: Json = False
) -> None:
    """List the peers and whether each is in good standing."""
    with node_of(home) as node:
        peers = node.peers(limit=limit, after=after)
    output.more("peers", peers.next, peers.damaged)
    if json:
        output.json_value(peers)
        return
    output.table(
        ("peer", "name", "gRPC", "space", "standing", "refreshed"),
        (
            (p.did, p.name, p.grpc, p.space, p.reason or spoken(p.standing), p.refreshed_at)
            for p in peers
        ),
        empty="no peer was met yet; `preau peer meet DID` or `preau catalog DID` meets one",
    )


def meet(
    did: Annotated[str, typer.Argument(help="DID of the peer.")],
    home: Home = DEFAULT_HOME,
    json: Json = False,
) -> None:
    """Meet a peer: verify its documents and membership, and let it verify ours."""
    with node_of(home) as node:
        peer = node.meet(did)
    if json:
        output.json_value(peer)
    else:
        output.line(f"met {peer.did} ({peer.name}), gRPC at {peer.grpc}")


def space(
    did: Annotated[str, typer.Argument(help="DID of the peer.")],
    space: Annotated[str, typer.Argument(help="DID of the space's authority, or its name here.")],
    home: Home = DEFAULT_HOME,
    json: Json = False,
) -> None:
    """Choose the space in which this node deals with a peer that is a member of several.

    The peer is met there now. What was concluded before stays in the space that it was concluded
    in. The peer's operator chooses likewise.
    """
    with node_of(home) as node:
        peer = node.meet(did, space=space)
    if json:
        output.json_value(peer)
    else:
        output.line(f"deals with {peer.did} ({peer.name}) in {peer.space}: {peer.standing}")


def spaces(home: Home = DEFAULT_HOME, json: Json = False) -> None:
    """List the spaces of this node, and whether it is a member of each."""
    with node_of(home) as node:
        found = node.memberships()
    if json:
        output.json_value(found)
        return
    output.table(
        ("space", "name", "standing", "role", "valid until"),
        (
            (
                *(each.space, each.name, each.reason or spoken(each.standing)),
                *(spoken(each.role), each.valid_until),
            )
            for each in found
        ),
        empty="this node is in no space; state one in `space` of preau.toml",
    )


def membership(
    space: Annotated[
        str, typer.Option(help="DID of the space's authority, or its name. Default: the first.")
    ] = "",
    refresh: Annotated[
        bool, typer.Option("--refresh", help="Fetch it from the space's authority now.")
    ] = False,
    pin: Annotated[
        str,
        typer.Option(
            help="Trust the authority under the key with this id, which you obtained from its "
            "operator."
        ),
    ] = "",
    home: Home = DEFAULT_HOME,
    json: Json = False,
) -> None:
    """Show whether this node is a member of a space.

    A running node fetches its membership by itself; --refresh does it at once, for example right
    after the authority has admitted it. --pin is for an authority that lost its key: the keys that
    it serves then do not follow from the one that this node knows.
    """
    with node_of(home) as node:
        found = node.pin(pin, space=space) if pin else node.membership(space=space, refresh=refresh)
    if json:
        output.json_value(found)
        return
    output.pairs(
        (
            ("node", found.did),
            ("space", found.space),
            ("standing", spoken(found.standing)),
            ("reason", found.reason),
            ("role", spoken(found.role)),
            ("valid until", found.valid_until),
        )
    )
