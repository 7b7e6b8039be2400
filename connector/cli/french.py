"""Errors of usage in French: what click says in English, by one table.

Rule: what the table does not have is said as click says it. Names of options, arguments and files
stay as they are written.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from itertools import pairwise
from types import MappingProxyType
from typing import Final

from connector.errors import PreauError

_OPTIONS: Final = ("--lang", "--language")
_THINGS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "Directory": "le dossier",
        "File": "le fichier",
        "Path": "le chemin",
        "integer": "un nombre entier",
        "integer range": "un nombre entier",
        "float": "un nombre",
    }
)
_THING: Final = r"(?P<thing>File|Directory|Path)"
# Message of click -> the same in French; `{thing}` is a row of `_THINGS`.
_MESSAGES: Final = tuple(
    (re.compile(english), french)
    for english, french in (
        (r"Invalid value for (?P<name>.+?): (?P<rest>.+)", "valeur refusée pour {name} : {rest}"),
        (r"Invalid value: (?P<rest>.+)", "valeur refusée : {rest}"),
        (r"Missing argument (?P<name>[^.]+)(?:\. .*)?", "il manque l'argument {name}"),
        (r"Missing option (?P<name>[^.]+)\. Choose from:\s*(?P<list>.+)",
         "il manque l'option {name}, au choix : {list}"),
        (r"Missing option (?P<name>[^.]+)", "il manque l'option {name}"),
        (r"Missing parameter:? (?P<name>.+)", "il manque le paramètre {name}"),
        (r"Missing command", "il manque une commande"),
        (r"No such option:? (?P<name>\S+?)\.?( \(?(?P<rest>Did you mean.+))?",
         "l'option {name} n'existe pas{rest}"),
        (r"No such command (?P<name>'[^']*')\.?( \(?(?P<rest>Did you mean.+))?",
         "la commande {name} n'existe pas{rest}"),
        (r"Did you mean (one of: )?(?P<name>[^?]+)\?.*", " ; vouliez-vous dire {name} ?"),
        (r"Got unexpected extra arguments? \((?P<name>.+)\)", "argument de trop : {name}"),
        (r"Option (?P<name>\S+) requires an argument", "l'option {name} attend une valeur"),
        (r"Option (?P<name>\S+) does not take a value", "l'option {name} ne prend pas de valeur"),
        (rf"{_THING} (?P<name>'.*') does not exist", "{thing} {name} n'existe pas"),
        (rf"{_THING} (?P<name>'.*') is a directory", "{name} est un dossier"),
        (rf"{_THING} (?P<name>'.*') is a file", "{name} est un fichier"),
        (rf"{_THING} (?P<name>'.*') is not readable", "{thing} {name} ne peut pas être lu"),
        (rf"{_THING} (?P<name>'.*') is not writable", "{thing} {name} ne peut pas être écrit"),
        (r"(?P<name>'.*') is not one of (?P<list>.+)", "{name} n'est aucun de {list}"),
        (r"(?P<name>'.*') is not a valid (?P<thing>integer|integer range|float)",
         "{name} n'est pas {thing}"),
        (r"(?P<name>\S+) is not in the range (?P<list>.+)", "{name} n'est pas dans {list}"),
    )
)  # fmt: skip


def spoken(words: Sequence[str]) -> str:
    """Return the language that the words of a command ask for: `fr`, or else `en`."""
    after = pairwise(words)
    asked = any(word in _OPTIONS and value == "fr" for word, value in after)
    return "fr" if asked or any(f"{name}=fr" in words for name in _OPTIONS) else "en"


def reason_of(fault: PreauError, lang: str) -> str:
    """Return why a command stopped, in French where what caused it has a French reason."""
    english, french = (getattr(fault.__cause__, name, "") for name in ("reason", "french"))
    return fault.reason.replace(english, french) if lang == "fr" and french else fault.reason


def usage(message: str) -> str:
    """Return an error of usage in French, without a full stop."""
    for pattern, french in _MESSAGES:
        match = pattern.fullmatch(message.rstrip("."))
        if match:
            found = {name: text or "" for name, text in match.groupdict().items()}
            found["rest"] = usage(found["rest"]) if found.get("rest") else ""
            found["thing"] = _THINGS.get(found.get("thing", ""), "")
            return french.format(**found)
    return message.rstrip(".")
