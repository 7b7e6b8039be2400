"""The command's tree: which noun is where, and how errors leave.

Rules: one file per noun; a command raises errors of `connector/errors.py` and this file alone
prints them and picks the exit code. Nothing heavy is imported before a command needs it.
"""

from typing import Annotated

import click
import typer
from typer.core import TyperGroup

from connector.cli import audit, authority, job, output, peer
from connector.cli.contracts import agreement, catalog, negotiate
from connector.cli.exits import Exit, epilog, exit_of
from connector.cli.operation import backup, doctor, health, init, keys, recovery, serve
from connector.cli.options import JSON_ASKED
from connector.cli.publishing import budget, dataset, offer, register
from connector.errors import ConfigurationInvalid, PreauError


class Commands(TyperGroup):
    """The root group: prints errors in one place, and loads the policy engine when it is asked for.

    The engine takes most of the time that a command needs to start, and one noun needs it.
    """

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the nouns in their order."""
        return [*(name for name in super().list_commands(ctx) if name != _POLICY), _POLICY]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return a noun's command."""
        if cmd_name == _POLICY and cmd_name not in self.commands:
            self.commands[_POLICY] = _policy()
        return super().get_command(ctx, cmd_name)

    def invoke(self, ctx: click.Context) -> object:
        """Run the command; turn an error of ours into a line and an exit code.

        With --json an error of usage is an object too, also where it was met before that option.
        """
        as_json = "--json" in ctx.args
        try:
            return super().invoke(ctx)
        except click.UsageError as exc:
            if not as_json:
                raise
            output.error(_misused(exc), as_json=True)
            raise typer.Exit(Exit.USAGE) from exc
        except PreauError as exc:
            output.error(exc, as_json=bool(ctx.meta.get(JSON_ASKED)))
            raise typer.Exit(exit_of(exc)) from exc


def build() -> typer.Typer:
    """Return the whole command."""
    app = typer.Typer(
        cls=Commands,
        name="preau",
        help=_HELP,
        epilog=epilog(),
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
    )
    app.callback()(_root)
    for noun in _NOUNS:
        noun.add_to(app)
    return app


def _misused(exc: click.UsageError) -> ConfigurationInvalid:
    path = exc.ctx.command_path if exc.ctx else "preau"
    reason = " ".join(exc.format_message().split()).rstrip(".")
    return ConfigurationInvalid(reason, hint=f"`{path} --help` explains")


_HELP = """Préau: a data-space node. Data is used without being given away.

`preau init` makes a node, `preau serve` runs it, `preau doctor` says what is wrong with it and how
to mend it. The other commands speak to the running node of `--home`, and `preau COMMAND --help`
explains each.
"""
_NOUNS = (
    init,
    serve,
    doctor,
    health,
    backup,
    keys,
    authority,
    peer,
    register,
    dataset,
    offer,
    catalog,
    negotiate,
    agreement,
    job,
    budget,
    audit,
    recovery,
)
_POLICY = "policy"


def _policy() -> click.Command:
    from connector.cli.policy import group  # noqa: PLC0415 - half of a command's start

    app = typer.Typer()
    app.callback()(_nothing)
    group.add_to(app)
    return typer.main.get_group(app).commands[_POLICY]


def _nothing() -> None:
    """Make a group of one command a group."""


def _version(value: bool) -> None:
    if value:
        from importlib.metadata import version  # noqa: PLC0415 - start-up stays fast

        typer.echo(f"preau {version('preau')}")
        raise typer.Exit


def _root(
    show_version: Annotated[
        bool,
        typer.Option("--version", help="Print the version.", callback=_version, is_eager=True),
    ] = False,
) -> None:
    """Options of the command itself."""
    _ = show_version
