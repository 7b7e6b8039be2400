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
    """Show whether the node went back, and what confirming would charge.

    A node that went back answers and spends nothing. What its peers and its home tell of jobs that
    the database forgot is spent. Contracts of a counterparty that has not answered count in full;
    where jobs may be missing of which nobody tells, so do the registers.
    """
    with node_of(home) as node:
        found = node.recovery()
    _show(found, json=json)


def confirm(
    charge_in_full: Annotated[
        bool,
        typer.Option(
            "--charge-in-full", help="Count in full what nobody can tell; it cannot be undone."
        ),
    ] = False,
    home: Home = DEFAULT_HOME,
    json: Json = False,
) -> None:
    """Charge what is owed, and let the node work on within what is left.

    A signed record names the state that counts no more; the log goes on in a new epoch, and peers
    that hold the old state get the record and resume. Refused without `--charge-in-full` where
    something would count in full. A peer that answers later may hold more: then the node is in
    recovery again, and what that peer tells is confirmed too.
    """
    with node_of(home) as node:
        done = node.confirm_recovery(charge_in_full=charge_in_full)
    if json:
        output.json_value(done)
        return
    for job in done.jobs:
        output.line(f"charged: job {job.job} under {job.agreement}, ε {job.epsilon:g}")
    for contract in done.contracts:
        output.line(f"counts in full: contract {contract.agreement}, ε {contract.epsilon:g}")
    for register in done.registers:
        output.line(f"counts in full: register {register}")
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
        output.line(f"  counts in full: contract {contract.agreement}, ε {contract.epsilon:g}")
    for name in found.uncounted:
        output.line(f"  counts in full: uses of contract {name}")
    for register in found.registers:
        output.line(f"  counts in full: register {register}")
    for merge in found.merges:
        output.line(f"  to be merged again: register {merge.merged} into {merge.into}")
    for did in found.silent:
        output.line(f"  counterparty that has not answered: {did}, see `preau peer meet {did}`")
    _show_contracts(found)
    for epoch in found.epochs:
        _show_epoch(epoch)


def _stand(found: RecoveryView) -> list[str]:
    if found.fault:
        return [f"not known whether the node went back: {found.fault}"]
    none = ["the node has not gone back: nothing is to be recovered"]
    return [f"went back: {fault}" for fault in found.faults] or none


def _show_contracts(found: RecoveryView | ConfirmedView) -> None:
    for contract in found.gone:
        output.line(f"  lost: contract {contract.agreement}; {contract.consumer} negotiates anew")
    for name in found.taken_back:
        output.line(f"  taken back again: contract {name}")


def _show_epoch(epoch: EpochView) -> None:
    output.line(
        f"epoch {epoch.number} of the log since {epoch.at:%Y-%m-%dT%H:%M:%SZ}, "
        f"in place of a state of {epoch.abandoned} entries"
    )
