"""`preau person`: persons of a register who objected or withdrew.

Rule: no name is printed back. Leaves to the node who is meant by a name.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from connector.cli import output
from connector.cli.files import read_lines
from connector.cli.node import node_of
from connector.cli.options import DEFAULT_HOME, Home, Json
from connector.errors import ConfigurationInvalid

if TYPE_CHECKING:
    from connector.management.views.publishing.budgets import SuppressionView

Register = Annotated[str, typer.Argument(help="Register whose persons they are.")]
Persons = Annotated[
    list[str] | None,
    typer.Argument(
        help="As they stand in the person column. A shell keeps a history of what is typed."
    ),
]
From = Annotated[
    Path | None,
    typer.Option("--from", help="File in UTF-8 with one person a line; `-`: standard input."),
]


def add_to(app: typer.Typer) -> None:
    """Add the group."""
    group = typer.Typer(no_args_is_help=True, help="Persons who objected or withdrew.")
    group.command("suppress")(suppress)
    group.command("restore")(restore)
    group.command("list")(list_)
    app.add_typer(group, name="person")


def suppress(
    register: Register,
    persons: Persons = None,
    file: From = None,
    anew: Annotated[
        bool,
        typer.Option(
            "--anew",
            help="Start a new list without the persons of the old one; its key may be lost.",
        ),
    ] = False,
    home: Home = DEFAULT_HOME,
    json: Json = False,
) -> None:
    """Use no row of some persons from the next step on, in any contract; a running job follows.

    The node keeps keyed digests and no name. What was trained or delivered before stays as it is.
    """
    named = _named(persons, file)
    with node_of(home) as node:
        _print([node.suppress(register, named, anew=anew)], json=json)


def restore(
    register: Register,
    persons: Persons = None,
    file: From = None,
    home: Home = DEFAULT_HOME,
    json: Json = False,
) -> None:
    """Use the rows of some persons again, from the next step on."""
    named = _named(persons, file)
    with node_of(home) as node:
        _print([node.restore_persons(register, named)], json=json)


def list_(home: Home = DEFAULT_HOME, json: Json = False) -> None:
    """Say of each register how many persons have no row used. Tell these numbers to nobody."""
    with node_of(home) as node:
        _print(node.suppressed(), json=json)


def _named(persons: list[str] | None, file: Path | None) -> list[str]:
    if bool(persons) == (file is not None):
        raise ConfigurationInvalid("name persons, or a file of them with `--from`")
    return persons or (read_lines(file) if file else [])


def _print(found: list[SuppressionView], *, json: bool) -> None:
    if json:
        output.json_value(found)
        return
    output.table(
        ("register", "persons not used", "of these in a published file"),
        ((each.register_id, each.persons, each.known) for each in found),
        empty="no register has a list",
    )
