"""`preau policy`: the group of commands that read policies from files and need no node."""

from __future__ import annotations

from typing import Protocol

import typer

from connector.cli.policy import (
    check,
    compare,
    counter,
    explain,
    lint,
    new,
    profile,
    simulate,
)


class Verb(Protocol):
    """A module that adds one command."""

    def add_to(self, app: typer.Typer) -> None:
        """Add the command."""


_VERBS: tuple[Verb, ...] = (
    check,
    compare,
    counter,
    explain,
    lint,
    new,
    profile,
    simulate,
)


def add_to(app: typer.Typer) -> None:
    """Add the group."""
    group = typer.Typer(no_args_is_help=True, help="Write, check, explain and compare policies.")
    for verb in _VERBS:
        verb.add_to(group)
    app.add_typer(group, name="policy")
