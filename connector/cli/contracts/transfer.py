"""`preau get` and `preau transfer`: data that a provider has prepared under a contract."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from connector.cli import output
from connector.cli.node import node_of
from connector.cli.options import DEFAULT_HOME, PAGE, After, Home, Json, Limit
from connector.cli.speaking import spoken

if TYPE_CHECKING:
    from connector.management.views.contracts.transfers import TransferView

Id = Annotated[str, typer.Argument(help="Our id of the transfer.")]
Reason = Annotated[
    str, typer.Option(help="Why, in one line that names no person; the other party is told.")
]
OverFlight = Annotated[
    bool, typer.Option("--flight", help="Over Arrow Flight, too, where the provider serves it.")
]


def add_to(app: typer.Typer) -> None:
    """Add the command and the group."""
    app.command("get")(get)
    group = typer.Typer(no_args_is_help=True, help="Transfers of prepared data.")
    group.command("list")(list_)
    group.command("show")(show)
    group.command("suspend")(suspend)
    group.command("resume")(resume)
    group.command("end")(end)
    group.command("access")(access)
    app.add_typer(group, name="transfer")


def get(  # noqa: PLR0913, PLR0917 - each is an option
    agreement: Annotated[
        str, typer.Argument(help="Id of the agreement; with --open the address of open data.")
    ],
    out: Annotated[Path, typer.Option(help="Folder that the file goes into.")] = Path(),
    column: Annotated[
        list[str] | None,
        typer.Option(help="Column to fetch; repeat for more. Default: all that may leave."),
    ] = None,
    format_: Annotated[
        str,
        typer.Option(
            "--format",
            help="Format of the file, if the contract allows it. Default: the one that its plan "
            "prefers.",
            metavar="csv|parquet|jsonl|arrow",
        ),
    ] = "",
    extract: Annotated[
        str, typer.Option(help="The provider's id of what it has prepared, to ask for that.")
    ] = "",
    open_: Annotated[
        bool, typer.Option("--open", help="Fetch open data, without a contract and a node.")
    ] = False,
    seconds: Annotated[
        float, typer.Option(help="Maximum time without data from the provider.", min=1)
    ] = 60.0,
    home: Home = DEFAULT_HOME,
    json: Json = False,
) -> None:
    """Fetch rows under a contract; after an interruption the same command continues.

    The provider prepares them by the plan that both signed. The file has its name only once it is
    whole and is what the provider signed. Both sides then hold a signed receipt.
    """
    if open_:
        if column or extract:
            raise typer.BadParameter(
                "open data can only be fetched whole", param_hint="--column, --extract"
            )
        _get_open(agreement, out, format_, seconds, json=json)
        return
    with node_of(home) as node, _progress(shown=not json) as told:
        done = node.get(
            agreement,
            out,
            columns=column or (),
            format=format_,
            extract=extract,
            progress=told,
            seconds=seconds,
        )
    if json:
        output.json_value({"file": str(done.path), "transfer": output.plain(done.transfer)})
        return
    output.line(f"written to {done.path}")
    _print(done.transfer, json=False)


def _get_open(url: str, out: Path, format_: str, seconds: float, *, json: bool) -> None:
    from connector.sdk import get_open  # noqa: PLC0415 - as `node_of`

    with _progress(shown=not json) as told:
        done = get_open(url, out, format=format_, progress=told, seconds=seconds)
    if json:
        output.json_value({"file": str(done.path), "about": done.entry})
        return
    output.line(f"written to {done.path}")
    output.pairs((("licence", done.licence), ("source to cite", done.attribution)))


def list_(
    limit: Limit = PAGE, after: After = "", home: Home = DEFAULT_HOME, json: Json = False
) -> None:
    """List the transfers, as provider and as consumer."""
    with node_of(home) as node:
        found = node.transfers(limit=limit, after=after)
    output.more("transfers", found.next, found.damaged)
    if json:
        output.json_value(found)
        return
    output.table(
        ("transfer", "role", "peer", "state", "bytes", "updated", "code"),
        ((t.id, spoken(t.role), t.peer, t.state, t.passed, t.updated_at, t.code) for t in found),
        empty="no transfer yet; `preau get AGREEMENT` fetches what a provider has prepared",
    )


def show(transfer: Id, home: Home = DEFAULT_HOME, json: Json = False) -> None:
    """Show a transfer, what is transferred, and who has signed a receipt."""
    with node_of(home) as node:
        found = node.transfer(transfer)
    _print(found, json=json)


def suspend(transfer: Id, reason: Reason, home: Home = DEFAULT_HOME, json: Json = False) -> None:
    """Suspend a transfer: no data flows until this side resumes it."""
    _change(transfer, "suspend", reason, home, json=json)


def resume(transfer: Id, reason: Reason, home: Home = DEFAULT_HOME, json: Json = False) -> None:
    """Resume a transfer that this side has suspended."""
    _change(transfer, "resume", reason, home, json=json)


def end(transfer: Id, reason: Reason, home: Home = DEFAULT_HOME, json: Json = False) -> None:
    """End a transfer for good; what was received stays received."""
    _change(transfer, "end", reason, home, json=json)


def access(
    transfer: Id,
    flight: OverFlight = False,
    home: Home = DEFAULT_HOME,
    json: Json = False,
) -> None:
    """Print how another client pulls the same bytes over HTTPS; anyone who has the token can."""
    with node_of(home) as node:
        found = node.transfer_access(transfer, flight=flight)
    if json:
        output.json_value(found)
        return
    shown = [("url", found.url), ("token", found.token), ("seconds", found.seconds)]
    output.pairs((*shown, ("flight", found.flight)) if flight else shown)


def _change(transfer: str, act: str, reason: str, home: Path, *, json: bool) -> None:
    with node_of(home) as node:
        found = node.change_transfer(transfer, act, reason)
    _print(found, json=json)


def _print(found: TransferView, *, json: bool) -> None:
    if json:
        output.json_value(found)
        return
    content = found.content
    output.pairs(
        (
            ("transfer", found.id),
            ("our role", spoken(found.role)),
            ("peer", found.peer),
            ("agreement", found.agreement),
            ("extract", found.extract),
            ("state", found.state),
            ("suspended by", found.held_by),
            ("code", found.code),
            ("reason", "; ".join(found.reasons)),
            ("bytes so far", found.passed),
            ("format", content.format if content else ""),
            ("rows", content.rows if content else None),
            ("withheld", content.suppressed if content else None),
            ("digest", content.digest if content else ""),
            ("plan", content.plan_digest if content else ""),
            ("source as read", content.source if content else ""),
            ("our receipt", bool(found.receipt)),
            ("the peer's receipt", bool(found.peer_receipt)),
        )
    )


@contextmanager
def _progress(*, shown: bool) -> Iterator[Callable[[int, int], None] | None]:
    """Show on a terminal how far it is."""
    if not shown or not sys.stderr.isatty():
        yield None
        return
    from rich.progress import DownloadColumn, Progress  # noqa: PLC0415 - only when it is shown

    columns = (*Progress.get_default_columns(), DownloadColumn())
    with Progress(*columns, console=output.console(stderr=True), transient=True) as bar:
        task = bar.add_task("fetching", total=None)
        yield lambda have, whole: bar.update(task, completed=have, total=whole)
