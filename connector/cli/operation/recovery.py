"""`preau recovery`: a node that went back to an older state, what it owes, and the confirmation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from connector.cli import output
from connector.cli.node import node_of
from connector.cli.options import DEFAULT_HOME, Home, Json

if TYPE_CHECKING:
    from connector.management.views.recovery import ConfirmedView, EpochView, RecoveryView


def add_to(app: typer.Typer) -> None:
    """Add the group."""
    group = typer.Typer(
        no_args_is_help=True, help="After a restore: what is owed, and how the node goes on."
    )
    group.command("show")(show)
    group.command("confirm")(confirm)
    app.add_typer(group, name="recovery")


def show(home: Home = DEFAULT_HOME, json: Json = False) -> None:
    """Show whether the node was rolled back, and what confirming would charge.

    A node that was rolled back answers but spends nothing. Jobs that the database has lost, but
    that its peers or its home report, count as spent. Contracts of a counterparty that has not
    answered count as fully spent; so do the registers, where jobs may be missing that nobody
    reports.
    """
    with node_of(home) as node:
        found = node.recovery()
    _show(found, json=json)


def confirm(
    charge_in_full: Annotated[
        bool,
        typer.Option(
            "--charge-in-full",
            help="Count as fully spent what no peer can report; this cannot be undone.",
        ),
    ] = False,
    home: Home = DEFAULT_HOME,
    json: Json = False,
) -> None:
    """Charge what is owed, and let the node continue within what is left.

    A signed record names the state that no longer counts; the log continues in a new epoch, and
    peers that hold the old state get the record and resume. Refused without `--charge-in-full`
    where something would count as fully spent. A peer that answers later may hold more: then
    the node is in recovery again, and what that peer reports is to be confirmed too.
    """
    with node_of(home) as node:
        done = node.confirm_recovery(charge_in_full=charge_in_full)
    if json:
        output.json_value(done)
        return
    for job in done.jobs:
        output.line(f"charged: job {job.job} under {job.agreement}, ε {job.epsilon:g}")
    for contract in done.contracts:
        output.line(f"counts as fully spent: contract {contract.agreement}, ε {contract.epsilon:g}")
    for register in done.registers:
        output.line(f"counts as fully spent: register {register}")
    for merge in done.merges:
        output.line(f"merged again: register {merge.merged} into {merge.into}")
    _show_contracts(done)
    _show_epoch(done.epoch)
    output.line("the node goes on within what is left")
    for did in done.unasked:
        output.line(f"has not answered: {did}, see `preau peer meet {did}`")
    output.line("look again in a minute (`preau recovery show`): a peer that answers later may")
    output.line("hold more, which is then confirmed too")


def _show(found: RecoveryView, *, json: bool) -> None:
    if json:
        output.json_value(found)
        return
    for line in _stand(found):
        output.line(line)
    for job in found.jobs:
        output.line(f"  to be charged: job {job.job} under {job.agreement}, ε {job.epsilon:g}")
    for contract in found.contracts:
        output.line(
            f"  counts as fully spent: contract {contract.agreement}, ε {contract.epsilon:g}"
        )
    for name in found.uncounted:
        output.line(f"  counts as used up: uses of contract {name}")
    for register in found.registers:
        output.line(f"  counts as fully spent: register {register}")
    for merge in found.merges:
        output.line(f"  to be merged again: register {merge.merged} into {merge.into}")
    for did in found.silent:
        output.line(f"  counterparty that has not answered: {did}, see `preau peer meet {did}`")
    _show_contracts(found)
    for epoch in found.epochs:
        _show_epoch(epoch)


def _stand(found: RecoveryView) -> list[str]:
    if found.fault:
        return [f"not known whether the node was rolled back: {found.fault}"]
    none = ["the node was not rolled back: there is nothing to recover"]
    return [f"rolled back: {fault}" for fault in found.faults] or none


def _show_contracts(found: RecoveryView | ConfirmedView) -> None:
    for contract in found.gone:
        output.line(
            f"  lost: contract {contract.agreement}; {contract.consumer} must negotiate it again"
        )
    for name in found.taken_back:
        output.line(f"  ended or suspended again: contract {name}")


def _show_epoch(epoch: EpochView) -> None:
    output.line(
        f"epoch {epoch.number} of the log since {epoch.at:%Y-%m-%dT%H:%M:%SZ}; it replaces a "
        f"state of {epoch.abandoned} entries"
    )
