"""`preau negotiate`: ask a provider for a contract.

Leaves the protocol to the node; `preau agreement` shows what came of it.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from connector.cli import output
from connector.cli.exits import Exit
from connector.cli.files import read_object
from connector.cli.node import node_of
from connector.cli.options import DEFAULT_HOME, PAGE, After, Home, Json, Limit
from connector.cli.speaking import language, spoken
from connector.errors import from_code

if TYPE_CHECKING:
    from connector.management.views.contracts.negotiations import NegotiationView


def add_to(app: typer.Typer) -> None:
    """Add the command and the group for what is under way."""
    app.command("negotiate")(negotiate)
    group = typer.Typer(no_args_is_help=True, help="Negotiations under way, and how to answer.")
    group.command("list")(list_)
    group.command("show")(show)
    group.command("accept")(accept)
    group.command("counter")(counter)
    group.command("terminate")(terminate)
    group.command("reconcile")(reconcile)
    app.add_typer(group, name="negotiation")


_WAITS: Final = {
    "consumer": "a decision of the provider",
    "provider": "a decision of ours: see `preau approve list`",
}
Pid = Annotated[str, typer.Argument(help="Our id of the negotiation.")]
Wait = Annotated[bool, typer.Option("--wait", help="Wait until it has ended, or waits for you.")]
Seconds = Annotated[float, typer.Option("--seconds", min=0.1, help="Maximum wait.")]
PolicyFile = Annotated[
    Path | None,
    typer.Option(
        "--policy", exists=True, dir_okay=False, help="Terms to ask for, ODRL in JSON-LD."
    ),
]


def negotiate(  # noqa: PLR0913, PLR0917 - each is an option
    peer: Annotated[str, typer.Argument(help="DID of the provider.")],
    dataset: Annotated[str, typer.Argument(help="Id of the dataset, from its catalog.")],
    offer: Annotated[
        str, typer.Option(help="Id of the offer; needed only when there are several.")
    ] = "",
    policy: PolicyFile = None,
    https: Annotated[
        bool,
        typer.Option(
            "--https",
            help="Speak the Dataspace Protocol over HTTPS with a Préau node too; with others the "
            "node always does.",
        ),
    ] = False,
    wait: Wait = False,
    seconds: Seconds = 30.0,
    home: Home = DEFAULT_HOME,
    json: Json = False,
) -> None:
    """Ask a provider for a contract about one of its datasets.

    Without --policy the offer is asked for as it stands. With --wait the command ends when both
    have signed, or fails with the code of the refusal. Where the provider answers with other terms,
    it ends with 7: what they change is listed, as this node finds by comparing them, beside the
    provider's reasons, and you decide. It ends with 7, too, where a person of the provider decides
    first: the catalog says of each offer whether one does.
    """
    asked = read_object(policy) if policy else None
    with node_of(home) as node:
        shown = node.negotiate(peer, dataset, offer=offer, policy=asked, https=https)
        if wait:
            shown = node.await_negotiation(shown.pid, seconds=seconds)
    _print(shown, json=json)
    if wait:
        _conclude(shown)


def list_(
    limit: Limit = PAGE, after: After = "", home: Home = DEFAULT_HOME, json: Json = False
) -> None:
    """List all negotiations."""
    with node_of(home) as node:
        found = node.negotiations(limit=limit, after=after)
    output.more("negotiations", found.next, found.damaged)
    if json:
        output.json_value(found)
        return
    output.table(
        ("negotiation", "role", "peer", "dataset", "state", "agreement or code"),
        ((n.pid, spoken(n.role), n.peer, n.dataset, n.state, n.agreement or n.code) for n in found),
        empty="no negotiation yet; `preau negotiate PEER DATASET` opens one",
    )
    output.unreadable((n.pid, n.fault) for n in found)


def show(pid: Pid, home: Home = DEFAULT_HOME, json: Json = False) -> None:
    """Show one negotiation, what the provider's terms change, and the terms on the table."""
    with node_of(home) as node:
        found = node.negotiation(pid)
    _print(found, json=json)
    if not json:
        output.json_value(found.policy)


def accept(pid: Pid, home: Home = DEFAULT_HOME, json: Json = False) -> None:
    """Accept the offer that is on the table."""
    _print(_answer(home, pid, "accept"), json=json)


def counter(
    pid: Pid,
    policy: Annotated[
        Path, typer.Option(exists=True, dir_okay=False, help="Terms to ask for, ODRL in JSON-LD.")
    ],
    home: Home = DEFAULT_HOME,
    json: Json = False,
) -> None:
    """Answer the offer on the table with other terms."""
    found = _answer(home, pid, "counter", policy=read_object(policy))
    _print(found, json=json)


def terminate(
    pid: Pid,
    reason: Annotated[str, typer.Option(help="Why, in one line.")] = "",
    home: Home = DEFAULT_HOME,
    json: Json = False,
) -> None:
    """End a negotiation without a contract."""
    _print(_answer(home, pid, "terminate", reason=reason), json=json)


def reconcile(pid: Pid, home: Home = DEFAULT_HOME, json: Json = False) -> None:
    """Ask the peer for its state of a negotiation, and send again what it has not seen."""
    _print(_answer(home, pid, "reconcile"), json=json)


def _answer(home: Path, pid: str, act: str, **what: Any) -> NegotiationView:
    with node_of(home) as node:
        return node.answer(pid, act, **what)


def _print(shown: NegotiationView, *, json: bool) -> None:
    if json:
        output.json_value(shown)
        return
    output.pairs(
        (
            ("negotiation", shown.pid),
            ("state", shown.state),
            ("peer", shown.peer),
            ("dataset", shown.dataset),
            ("offer", shown.offer),
            ("over HTTPS", shown.address),
            ("agreement", shown.agreement),
            ("waits for", _WAITS[shown.role] if shown.awaits else ""),
            ("code", shown.code),
            ("reasons", shown.reasons),
        )
    )
    output.unreadable([(shown.pid, shown.fault)])
    for number, change in enumerate(shown.changes, 1):
        said = change.sentences.get(language()) or change.line
        output.sentence(f"{spoken('change')} {number}  {said}")


def _conclude(shown: NegotiationView) -> None:
    if shown.state == "TERMINATED":
        reason = "; ".join(shown.reasons) or "the negotiation was terminated"
        raise from_code(shown.code or "TERMS_REFUSED", reason)
    if shown.state != "FINALIZED":
        raise typer.Exit(Exit.NOT_YET)
