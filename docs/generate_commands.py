"""Writes `docs/reference/commands.md` from the command itself.

Run it with `python docs/generate_commands.py` after a change of the command; a test compares. It
reads the tree of commands that typer made, so that nothing in the page is written by hand.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import click
import typer

from connector.cli.app import build
from connector.cli.exits import MEANINGS

PAGE = Path(__file__).parent / "reference" / "commands.md"
_OPENING = """\
# Commands

`preau COMMAND --help` says the same in the terminal. Commands speak to the running node of
`--home` (default `./preau-home`, or the variable `PREAU_HOME`) over its Unix socket; only `init`,
`serve`, `doctor`, `backup`, `restore`, `authority init`, `authority web-certificate`,
`audit verify` and `source` need no running node. Wherever something is printed, `--json` prints
one JSON value instead; errors then are one object `{"code", "reason", "hint"}` on standard error.
"""


def render() -> str:
    """Return the page."""
    root = typer.main.get_command(build())
    parts = [_OPENING, _exits()]
    parts += [_command(path, command) for path, command in _leaves("preau", root)]
    return "\n".join(parts)


def _exits() -> str:
    rows = [f"| {code.value} | {meaning} |" for code, meaning in MEANINGS.items()]
    return "\n".join(["## Exit codes", "", "| code | meaning |", "| --- | --- |", *rows, ""])


def _leaves(path: str, command: click.Command) -> Iterator[tuple[str, click.Command]]:
    if isinstance(command, click.Group):
        within = click.Context(command)
        for name in command.list_commands(within):
            if (child := command.get_command(within, name)) is not None:
                yield from _leaves(f"{path} {name}", child)
    else:
        yield path, command


def _command(path: str, command: click.Command) -> str:
    arguments = [p for p in command.params if isinstance(p, click.Argument)]
    options = [p for p in command.params if isinstance(p, click.Option) and p.name != "help"]
    usage = " ".join([path, *(_usage(argument) for argument in arguments)])
    lines = [f"## {path}", "", f"`{usage}`", "", _paragraphs(command.help or ""), ""]
    rows = [*(_argument(each) for each in arguments), *(_option(each) for each in options)]
    return "\n".join([*lines, "| | |", "| --- | --- |", *rows, ""])


def _paragraphs(text: str) -> str:
    return "\n\n".join(" ".join(part.split()) for part in text.split("\n\n"))


def _usage(argument: click.Argument) -> str:
    name = (argument.metavar or argument.name or "").upper()
    return name if argument.required else f"[{name}]"


def _argument(argument: click.Argument) -> str:
    name = (argument.metavar or argument.name or "").upper()
    return f"| `{name}` | {_cell(getattr(argument, 'help', ''))} |"


def _option(option: click.Option) -> str:
    names = ", ".join(f"`{name}`" for name in (*option.opts, *option.secondary_opts))
    needed = " Required." if option.required else ""
    return f"| {names} | {_cell(option.help)}{needed}{_default(option)} |"


def _default(option: click.Option) -> str:
    shown = option.show_default if isinstance(option.show_default, str) else option.default
    if option.is_flag or shown in (None, "", ()) or callable(shown) or option.multiple:
        return ""
    return f" Default: `{shown}`."


def _cell(text: str | None) -> str:
    return " ".join((text or "").split()).replace("|", "\\|")


if __name__ == "__main__":
    PAGE.write_text(render(), encoding="utf-8")
    sys.stdout.write(f"{PAGE} written\n")
