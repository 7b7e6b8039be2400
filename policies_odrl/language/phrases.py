"""The words of the controlled language: sentences and names of terms, in English and French.

A sentence (`phrases.json`) is used both ways: a slot in braces is filled to write and read to read.
A name (`labels.json`) is only used where it leads back to the same term.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from difflib import get_close_matches
from functools import cache
from string import Formatter
from types import MappingProxyType
from typing import Any, Final, NamedTuple, TypeVar

from policies_odrl import vocabulary
from policies_odrl.concepts import concepts
from policies_odrl.errors import OdrlError
from policies_odrl.model import XSD
from policies_odrl.text import term
from policies_odrl.vocabulary import PREAU, expanded, loaded

LANGUAGES: Final = ("en", "fr")

Pair = tuple[str, str]  # English, French
_Kind = TypeVar("_Kind", bound=OdrlError)
_SHOWN: Final = 120  # characters of a text in a message
# Groups of `labels.json` whose terms are no values, and the namespace of their local names.
_OWN: Final[Mapping[str, str]] = {
    "properties": vocabulary.DCT,
    "datatypes": XSD,
    "units": PREAU,
    "profiles": PREAU,
}
_ROWS: Final[Mapping[str, Mapping[str, vocabulary.Operand | vocabulary.Term]]] = {
    "actions": vocabulary.ACTIONS,
    "operands": vocabulary.OPERANDS,
    "functions": vocabulary.ROLES,
}
_WORD: Final = re.compile(r"(?<=[a-z])(?=[A-Z])")
_TYPESET: Final = re.compile(r'("(?:[^"\\]|\\.)*+"?)|(’)|[\u00a0\u202f]')
# A name holds nothing that ends or divides a sentence.
_FORBIDDEN: Final = re.compile(r'[“”«»"\[\]()\n\r]|^\s|\s$|^$|\.$')


def index(lang: str) -> int:
    """Return which of a pair is in a language.

    Raises:
        ValueError: a language that there are no sentences in.
    """
    if lang not in LANGUAGES:
        raise ValueError(f"no sentences in `{lang}`")
    return LANGUAGES.index(lang)


@cache
def table(name: str) -> Mapping[str, Pair]:
    """Return the sentences of one kind by their names, in the order in which they are tried."""
    return MappingProxyType({key: (en, fr) for key, (en, fr) in stated("phrases")[name].items()})


def stated(name: str) -> Mapping[str, Any]:
    """Return what a file of the language states."""
    return MappingProxyType(loaded(f"language/{name}.json"))


@cache
def parts(template: str) -> tuple[tuple[str, str], ...]:
    """Return (text before, slot) in order; the last slot may be empty."""
    return tuple((before, slot or "") for before, slot, _, _ in Formatter().parse(template))


def fill(pair: Pair, lang: str, /, **slots: str) -> str:
    """Return the sentence of a language with its slots filled by texts."""
    return pair[index(lang)].format(**slots)


def mistake(
    kind: type[_Kind], key: str, more: Pair = ("", ""), /, *, node: str = "", **slots: str | int
) -> _Kind:
    """Return an error in both languages: a row of `mistakes`, filled, and what follows it."""
    english, french = (it + rest for it, rest in zip(filled(key, **slots), more, strict=True))
    return kind(english, french=french, **({"node": node} if node else {}))


def filled(key: str, /, **slots: str | int) -> Pair:
    """Return a row of `mistakes` with its slots filled."""
    english, french = table("mistakes")[key]
    return english.format(**slots), french.format(**slots)


def meant(name: str, known: Iterable[str]) -> Pair:
    """Return which name was probably meant, in both languages, or nothing."""
    near = get_close_matches(name, list(known), 1, 0.6)
    return filled("meant", name=near[0]) if near else ("", "")


def plain(text: str) -> str:
    """Return a text without the apostrophes and blanks of typesetting, but for what is quoted."""
    return _TYPESET.sub(lambda it: it[1] or ("'" if it[2] else " "), text)


def cut(text: str) -> str:
    """Return a text as messages show it."""
    shown = text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in shown)


class Names(NamedTuple):
    """Names of a group: term -> name that leads back to it, and name -> term, longest first."""

    of_term: Mapping[str, str]
    terms: Mapping[str, str]


@cache
def names(group: str, lang: str) -> Names:
    """Return the names of a group of terms: `actions`, `operands`, `values` and so on."""
    first: dict[str, str] = {}
    for iri, given in _members(group):
        name = given.get(lang) or _spelled(iri)
        if not _FORBIDDEN.search(name):
            first.setdefault(name, iri)  # the first term of a name keeps it
    terms = {name: first[name] for name in sorted(first, key=lambda name: (-len(name), name))}
    return Names({iri: name for name, iri in terms.items()}, terms)


@cache
def pattern(group: str, lang: str) -> re.Pattern[str]:
    """Return what finds a name of a group; it takes ten times the room of the names."""
    return re.compile(rf"(?:{'|'.join(map(re.escape, names(group, lang).terms))})(?!\w)")


def label(group: str, iri: str, lang: str) -> str:
    """Return the name of a term by which it can be found again, or an empty string."""
    return names(group, lang).of_term.get(iri, "")


def word(iri: str, lang: str, group: str = "values") -> str:
    """Return a name for people where nothing is read back: the label, or the local name."""
    return label(group, iri, lang) or term(iri)


def _members(group: str) -> Iterator[tuple[str, Mapping[str, str]]]:
    """Yield the terms of a group with their names, those that keep a shared name first."""
    if group in _ROWS:
        current = sorted(_ROWS[group].values(), key=lambda row: bool(row.replaced_by))
        yield from ((row.id, row.names) for row in current)
    elif group == "values":
        labels = (name for name in stated("labels") if name not in {"about", *_OWN})
        values = {iri: it for name in labels for iri, it in _of(name)}
        steps = (step for steps in vocabulary.LEVELS.values() for step in steps)
        for iri in dict.fromkeys((*concepts(), *steps, *values)):
            yield iri, values.get(iri, {})
    else:
        yield from _of(group)


def _of(group: str) -> Iterator[tuple[str, Mapping[str, str]]]:
    for name, pair in stated("labels").get(group, {}).items():
        iri = (expanded(name) or name) if ":" in name else _OWN.get(group, PREAU) + name
        yield iri, {"fr": pair} if isinstance(pair, str) else pair


def _spelled(iri: str) -> str:
    own = term(iri).removeprefix(XSD).removeprefix(vocabulary.DCT)
    return "" if ":" in own else _WORD.sub(" ", own).lower()
