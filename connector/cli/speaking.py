"""In which language the command speaks: `--lang`, anywhere among its words, or the locale.

Rule: commands speak English, and `output.py` alone says it in another language (`connector/
language`). What exists in several languages, such as the sentences of a policy, is chosen here.
"""

from __future__ import annotations

import gettext
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar

import click
from typer.core import TyperArgument, TyperGroup

from connector.language.asked import of_command, without
from connector.language.catalog import CLICK, ENGLISH, FOLDER, translated
from connector.language.typesetting import between

_SPOKEN: ContextVar[str] = ContextVar("language", default=ENGLISH)


def language() -> str:
    """Return the language of this command."""
    return _SPOKEN.get()


class Said(str):
    """A text that is in the language of the command already."""

    __slots__ = ()


def spoken(text: str) -> Said:
    """Return a text in the language of this command."""
    return text if isinstance(text, Said) else Said(translated(text, language()))


def labelled(name: str, text: str) -> Said:
    """Return a name and what is said of it, both in the language of this command."""
    return Said(f"{spoken(name)}{between(': ', language())}{spoken(text)}")


@contextmanager
def speaking(
    words: Sequence[str], environment: Mapping[str, str] = os.environ
) -> Iterator[list[str]]:
    """Speak as the words of a command ask; yield them with the option before all others."""
    asked, rest = without(words)
    before = _SPOKEN.set(of_command(words, environment))
    gettext.bindtextdomain(CLICK, FOLDER)
    try:
        with _locale(language()):
            yield [*asked, *rest]
    finally:
        _SPOKEN.reset(before)


def helped(group: click.Group) -> click.Group:
    """Return a group whose help, and that of all below it, is in the language of this command."""
    for command in _all(group):
        if isinstance(command, TyperGroup):
            command.suggest_commands = False  # click does
        if language() != ENGLISH:
            command.help = _paragraphs(command.help)
            for each in command.params:
                if isinstance(each, TyperArgument | click.Option):
                    each.help = spoken(each.help or "")
    return group


def _all(command: click.Command) -> Iterator[click.Command]:
    yield command
    if isinstance(command, click.Group):
        for each in command.commands.values():
            yield from _all(each)


def _paragraphs(text: str | None) -> str:
    parts = (" ".join(part.split()) for part in (text or "").split("\n\n"))
    return "\n\n".join(map(spoken, parts))


@contextmanager
def _locale(chosen: str) -> Iterator[None]:
    """Let the libraries find their messages: by this variable, before any other of the locale."""
    before = os.environ.get("LANGUAGE")
    os.environ["LANGUAGE"] = chosen
    try:
        yield
    finally:
        if before is None:
            del os.environ["LANGUAGE"]
        else:
            os.environ["LANGUAGE"] = before
