"""In which language a person is spoken to: as they asked, as their machine is set, or English."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from connector.language.catalog import ENGLISH, LANGUAGES

OPTIONS: Final = ("--lang", "--language")
_VARIABLES: Final = ("LC_ALL", "LC_MESSAGES", "LANG")  # POSIX.1-2017, 8.2: the first that is set


def of_command(words: Sequence[str], environment: Mapping[str, str]) -> str:
    """Return the language of a command.

    Args:
        words: what was typed after the command's name.
        environment: of the process.
    """
    asked, _ = without(words)
    return _known(asked[-1].partition("=")[2]) if asked else of_environment(environment)


def without(words: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return the words that ask for a language, as one `--lang=LANGUAGE` or none, and the others.

    What follows `--` is never an option.
    """
    end = words.index("--") if "--" in words else len(words)
    asked: list[str] = []
    rest: list[str] = []
    left = iter(words[:end])
    for word in left:
        name, equals, value = word.partition("=")
        if name in OPTIONS and (equals or (value := next(left, ""))):
            asked = [f"{OPTIONS[0]}={value}"]
        else:
            rest.append(word)
    return asked, [*rest, *words[end:]]


def of_environment(environment: Mapping[str, str]) -> str:
    """Return the language that the variables of the locale ask for."""
    stated = next(filter(None, map(environment.get, _VARIABLES)), "")
    return _known(stated.partition(".")[0].partition("_")[0])


def of_header(accepted: str) -> str:
    """Return the language that a browser prefers, of those that there are.

    Args:
        accepted: header `Accept-Language` (RFC 9110, 12.5.4).
    """
    wished = []
    for place, part in enumerate(accepted.split(",")):
        tag, *parameters = (each.strip() for each in part.split(";"))
        wished.append((-_weight(parameters), place, tag.partition("-")[0].lower()))
    for weight, _, tag in sorted(wished):
        if weight and tag in LANGUAGES:
            return tag
    return ENGLISH


def _known(language: str) -> str:
    return language if language in LANGUAGES else ENGLISH


def _weight(parameters: Sequence[str]) -> float:
    stated = next((each[2:] for each in parameters if each.startswith("q=")), "1")
    try:
        return min(max(float(stated), 0.0), 1.0)
    except ValueError:
        return 0.0
