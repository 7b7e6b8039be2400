"""The command's tree: which noun is where, and how errors leave.

Rules: one file per noun; a command raises errors of `connector/errors/` and this file alone
prints them and picks the exit code. Nothing heavy is imported before a command needs it.
"""

import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib import import_module
from types import MappingProxyType
from typing import Annotated, Any, Final

import click
import typer
from typer.core import TyperGroup

from connector.cli import output
from connector.cli.exits import Exit, epilog, exit_of
from connector.cli.options import JSON_ASKED
from connector.cli.speaking import helped, language, speaking
from connector.errors import ConfigurationInvalid, PreauError
from connector.language.catalog import ENGLISH, LANGUAGES


class Commands(TyperGroup):
    """The root group: prints errors in one place, and loads a noun when it is asked for."""

    _language = ENGLISH  # of those that are loaded

    def main(self, args: Sequence[str] | None = None, *more: Any, **further: Any) -> Any:
        """Run, in the language that the words ask for, wherever they do."""
        with speaking(sys.argv[1:] if args is None else args) as words:
            return super().main(words, *more, **further)

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the nouns in their order."""
        del ctx
        return list(_NOUNS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return a noun's command."""
        if self._language != language():
            self._language, self.commands = language(), {}
        if cmd_name in _NOUNS and cmd_name not in self.commands:
            self.commands.update(_loaded(_NOUNS[cmd_name]))
        return super().get_command(ctx, cmd_name)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Return what was asked for; for a word that is no noun, all are loaded and compared."""
        if args and args[0] not in _NOUNS:
            for name in _NOUNS:
                self.get_command(ctx, name)
        return super().resolve_command(ctx, args)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Read what stands before the noun; see `invoke`."""
        with _misuse(args):
            return super().parse_args(ctx, args)

    def invoke(self, ctx: click.Context) -> object:
        """Run the command; turn an error of ours into a line and an exit code.

        With --json an error of usage is an object too, also where it was met before that option.
        """
        try:
            with _misuse(ctx.args):
                return super().invoke(ctx)
        except PreauError as exc:
            as_json = bool(ctx.meta.get(JSON_ASKED))
            output.error(exc, as_json=as_json)
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
    return app


@contextmanager
def _misuse(words: Sequence[str]) -> Iterator[None]:
    """Print an error of usage as our own where JSON or another language was asked for."""
    as_json = "--json" in words
    try:
        yield
    except click.exceptions.NoArgsIsHelpError:
        raise
    except click.UsageError as exc:
        if not as_json and language() == ENGLISH:
            raise
        output.error(_misused(exc), as_json=as_json)
        raise typer.Exit(Exit.USAGE) from exc


def _misused(exc: click.UsageError) -> ConfigurationInvalid:
    path = exc.ctx.command_path if exc.ctx else "preau"
    reason = " ".join(exc.format_message().split())
    return ConfigurationInvalid(reason.rstrip("."), hint=f"`{path} --help` explains")


_HELP = """Préau: a data-space node. Data is used without being given away.

`preau init` makes a node, `preau serve` runs it, `preau doctor` says what is wrong with it and how
to fix it. The other commands speak to the running node of `--home`, and `preau COMMAND --help`
explains each.
"""
# noun -> the module that adds it
_NOUNS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "init": "operation.init",
        "serve": "operation.serve",
        "doctor": "operation.doctor",
        "health": "operation.health",
        "backup": "operation.backup",
        "restore": "operation.backup",
        "membership": "peer",
        "catalog": "contracts.catalog",
        "negotiate": "contracts.negotiate",
        "budget": "publishing.budget",
        "keys": "operation.keys",
        "authority": "authority",
        "peer": "peer",
        "register": "publishing.register",
        "person": "publishing.person",
        "source": "publishing.source",
        "dataset": "publishing.dataset",
        "offer": "publishing.offer",
        "protect": "publishing.protect",
        "layer": "publishing.layer",
        "negotiation": "contracts.negotiate",
        "approve": "contracts.approve",
        "agreement": "contracts.agreement",
        "duty": "contracts.duty",
        "query": "contracts.query",
        "stats": "contracts.stats",
        "referral": "contracts.referral",
        "get": "contracts.transfer",
        "transfer": "contracts.transfer",
        "job": "job",
        "audit": "audit",
        "recovery": "operation.recovery",
        "console": "console",
        "policy": "policy.group",
    }
)


def _loaded(module: str) -> Mapping[str, click.Command]:
    """Return the commands of a module by their names."""
    app = typer.Typer()
    app.callback()(_nothing)
    import_module(f"connector.cli.{module}").add_to(app)
    return helped(typer.main.get_group(app)).commands


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
    lang: Annotated[
        str,
        typer.Option(
            "--lang",
            click_type=click.Choice(LANGUAGES),
            metavar="|".join(LANGUAGES),
            help="Language of all output; may also follow the command. Default: the locale's.",
        ),
    ] = ENGLISH,
) -> None:
    """Options of the command itself."""
    _ = show_version, lang
