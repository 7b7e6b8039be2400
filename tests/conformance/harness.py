"""A harness of a public suite as a command, with the errors and exit codes of `preau`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click
import typer
from typer.core import TyperCommand

from connector.cli import output
from connector.cli.exits import exit_of
from connector.cli.options import JSON_ASKED
from connector.errors import PreauError


class Harness(TyperCommand):
    """A command that ends with one line when something is wrong with its input."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except PreauError as exc:
            output.error(exc, as_json=bool(ctx.meta.get(JSON_ASKED)))
            raise typer.Exit(exit_of(exc)) from exc


def command(run: Callable[..., None]) -> click.Command:
    """Return a function as a command."""
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    app.command(cls=Harness)(run)
    return typer.main.get_command(app)
