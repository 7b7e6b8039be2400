"""Names of terms in English and French, both ways.

Rules: a name is only used where it leads back to the same term, so that a sentence can be read
again; of two terms with one name the current one keeps it, and the other is named by its IRI; a
name holds nothing that ends or divides a sentence. French names, and the English ones that differ
from the term itself, stand in `labels.json`: local name, prefixed name or IRI -> the French name,
or an object of `en` and `fr`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Final

from policies_odrl.concepts import concepts
from policies_odrl.language.prefixes import expanded, prefixed
from policies_odrl.model import XSD
from policies_odrl.text import term
from policies_odrl.vocabulary import (
    DCT,
    FUNCTIONS,
    INCLUDED_IN,
    LEVELS,
    OPERANDS,
    PREAU,
    SAME_ACTION,
)

# Groups whose terms are found by what this library knows, and not only by their names.
_OWN: Final = frozenset(
    {"actions", "operands", "functions", "properties", "datatypes", "units", "profiles"}
)
_WORD: Final = re.compile(r"(?<=[a-z])(?=[A-Z])")
_FORBIDDEN: Final = re.compile(r'[“”«»"\[\]()\n\r]|^\s|\s$|^$|\.$')


def label(group: str, iri: str, lang: str) -> str:
    """Return the name of a term by which it can be found again, or an empty string."""
    found = _names(group, lang).get(iri, "")
    return found if found and _terms(group, lang).get(found) == iri else ""


def labelled(group: str, name: str, lang: str) -> str:
    """Return the term of a name, or an empty string."""
    return _terms(group, lang).get(name, "")


def names(group: str, lang: str) -> tuple[str, ...]:
    """Return the names of a group, longest first."""
    return tuple(sorted(_terms(group, lang), key=lambda name: (-len(name), name)))


def word(iri: str, lang: str, group: str = "values") -> str:
    """Return a name for people where nothing is read back: the label, or the local name."""
    return label(group, iri, lang) or term(iri)


@cache
def _terms(group: str, lang: str) -> Mapping[str, str]:
    """Return name -> term; the first term of a name keeps it."""
    table: dict[str, str] = {}
    for iri, name in _names(group, lang).items():
        table.setdefault(name, iri)
    return MappingProxyType(table)


@cache
def _names(group: str, lang: str) -> Mapping[str, str]:
    table = {iri: _name(group, iri, lang) for iri in _members(group)}
    return MappingProxyType({i: n for i, n in table.items() if not _FORBIDDEN.search(n)})


def _members(group: str) -> Iterator[str]:
    """Yield the terms of a group, those that keep a shared name first."""
    match group:
        case "actions":
            yield from dict.fromkeys((*INCLUDED_IN, *SAME_ACTION))
        case "operands":
            yield from sorted(OPERANDS, key=lambda iri: bool(OPERANDS[iri].replaced_by))
        case "functions":
            yield from sorted(FUNCTIONS)
        case "properties":
            yield from (_full(name, DCT) for name in _stated()["properties"])
        case "datatypes":
            yield from (XSD + name for name in _DATATYPES.split())
        case "values":
            yield from dict.fromkeys((*concepts(), *_levels(), *_listed()))
        case _:
            yield from (_full(name) for name in _stated().get(group, {}))


_DATATYPES: Final = (
    "string decimal integer double float boolean date dateTime dateTimeStamp duration "
    "dayTimeDuration yearMonthDuration nonNegativeInteger positiveInteger int long anyURI "
    "time gYear"
)


def _levels() -> Iterable[str]:
    """Return the steps of ordered lists, where the vocabulary has some."""
    return [step for steps in LEVELS.values() for step in steps]


def _listed() -> Iterator[str]:
    for group, table in _stated().items():
        if group not in _OWN:
            yield from (_full(name) for name in table)


def _name(group: str, iri: str, lang: str) -> str:
    own = term(iri).removeprefix(XSD).removeprefix(DCT)
    for short in (prefixed(iri), iri, own):
        for table in _tables(group):
            pair = table.get(short)
            if pair is not None and pair.get(lang):
                return pair[lang]
    return "" if ":" in own else _WORD.sub(" ", own).lower()


def _tables(group: str) -> Iterator[Mapping[str, Mapping[str, str]]]:
    stated = _stated()
    if group == "values":
        yield from (table for name, table in stated.items() if name not in _OWN)
    else:
        yield stated.get(group, {})


def _full(name: str, namespace: str = PREAU) -> str:
    return (expanded(name) or name) if ":" in name else namespace + name


@cache
def _stated() -> Mapping[str, Mapping[str, Mapping[str, str]]]:
    found: dict[str, dict[str, Mapping[str, str]]] = {}
    for file in ("labels.json", "wording.json"):
        text = files("policies_odrl").joinpath("language", file).read_text("utf-8")
        data: dict[str, dict[str, str | dict[str, str]]] = json.loads(text)
        data.pop("about", None)
        for group, table in data.items():
            for name, item in table.items():
                pair = {"fr": item} if isinstance(item, str) else item
                stated = found.setdefault(group, {})
                stated[name] = {**pair, **stated.get(name, {})}
    return MappingProxyType(found)
