"""`preau peer`: the peers that this node has met.

Leaves verifying them to the node.
"""

from typing import Annotated

import typer

from connector.cli import output
from connector.cli.node import node_of
from connector.cli.options import DEFAULT_HOME, PAGE, After, Home, Json, Limit


def add_to(app: typer.Typer) -> None:
    """Add the group."""
    group = typer.Typer(no_args_is_help=True, help="Peers that this node has met.")
    group.command("list")(list_)
    group.command("meet")(meet)
    app.add_typer(group, name="peer")
    app.command("membership")(membership)


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
        ("peer", "name", "gRPC", "standing", "refreshed"),
        ((p.did, p.name, p.grpc, p.reason or p.standing, p.refreshed_at) for p in peers),
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


def membership(
    refresh: Annotated[
        bool, typer.Option("--refresh", help="Fetch it from the space's authority now.")
    ] = False,
    pin: Annotated[
        str,
        typer.Option(
            help="Believe the authority under the key of this id, which you had from its operator."
        ),
    ] = "",
    home: Home = DEFAULT_HOME,
    json: Json = False,
) -> None:
    """Show whether this node is a member of its space.

    A running node fetches its membership by itself; --refresh does it at once, for example right
    after the authority has admitted it. --pin is for an authority that lost its key: the keys that
    it serves then do not follow from the one that this node knows.
    """
    with node_of(home) as node:
        found = node.pin(pin) if pin else node.membership(refresh=refresh)
    if json:
        output.json_value(found)
        return
    output.pairs(
        (
            ("node", found.did),
            ("space", found.space),
            ("standing", found.standing),
            ("reason", found.reason),
            ("role", found.role),
            ("valid until", found.valid_until),
        )
    )
