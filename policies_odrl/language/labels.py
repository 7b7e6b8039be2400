"""Names of terms in English and French, both ways, and short names of IRIs in files.

A name is only used where it leads back to the same term, so that a sentence can be read again. Of
two terms with one name the current one keeps it; the other is named by its IRI.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cache
from types import MappingProxyType
from typing import Final

from policies_odrl.concepts import concepts
from policies_odrl.model import XSD
from policies_odrl.text import term
from policies_odrl.vocabulary import (
    ACTIONS,
    DCT,
    LEVELS,
    OPERANDS,
    PREAU,
    ROLES,
    Operand,
    Term,
    expanded,
    loaded,
)

# Groups of `labels.json` whose terms are no values, and the namespace of their local names.
_OWN: Final[Mapping[str, str]] = {
    "properties": DCT,
    "datatypes": XSD,
    "units": PREAU,
    "profiles": PREAU,
}
_ROWS: Final[Mapping[str, Mapping[str, Operand | Term]]] = {
    "actions": ACTIONS,
    "operands": OPERANDS,
    "functions": ROLES,
}
_WORD: Final = re.compile(r"(?<=[a-z])(?=[A-Z])")
# A name holds nothing that ends or divides a sentence.
_FORBIDDEN: Final = re.compile(r'[“”«»"\[\]()\n\r]|^\s|\s$|^$|\.$')


def label(group: str, iri: str, lang: str) -> str:
    """Return the name of a term by which it can be found again, or an empty string."""
    found = _names(group, lang).get(iri, "")
    return found if labelled(group, found, lang) == iri else ""


def labelled(group: str, name: str, lang: str) -> str:
    """Return the term of a name, or an empty string."""
    return _terms(group, lang).get(name, "")


@cache
def names(group: str, lang: str) -> tuple[str, ...]:
    """Return the names of a group, longest first."""
    return tuple(sorted(_terms(group, lang), key=lambda name: (-len(name), name)))


def read(group: str, text: str, start: int, lang: str) -> tuple[str, int] | None:
    """Return the term whose name stands at a place, and where it ends; the longest name counts."""
    found = _pattern(group, lang).match(text, start)
    return (labelled(group, found[0], lang), found.end()) if found else None


def word(iri: str, lang: str, group: str = "values") -> str:
    """Return a name for people where nothing is read back: the label, or the local name."""
    return label(group, iri, lang) or term(iri)


@cache
def _pattern(group: str, lang: str) -> re.Pattern[str]:
    return re.compile(rf"(?:{'|'.join(map(re.escape, names(group, lang)))})(?!\w)")


@cache
def _terms(group: str, lang: str) -> Mapping[str, str]:
    """Return name -> term; the first term of a name keeps it."""
    return MappingProxyType({name: iri for iri, name in [*_names(group, lang).items()][::-1]})


@cache
def _names(group: str, lang: str) -> Mapping[str, str]:
    table = {iri: stated.get(lang) or _spelled(iri) for iri, stated in _members(group)}
    return MappingProxyType({i: n for i, n in table.items() if not _FORBIDDEN.search(n)})


def _members(group: str) -> Iterator[tuple[str, Mapping[str, str]]]:
    """Yield the terms of a group with their names, those that keep a shared name first."""
    if group in _ROWS:
        current = sorted(_ROWS[group].values(), key=lambda row: bool(row.replaced_by))
        yield from ((row.id, row.names) for row in current)
    elif group == "values":
        values = {iri: it for name in _stated() if name not in _OWN for iri, it in _of(name)}
        steps = (step for steps in LEVELS.values() for step in steps)
        for iri in dict.fromkeys((*concepts(), *steps, *values)):
            yield iri, values.get(iri, {})
    else:
        yield from _of(group)


def _of(group: str) -> Iterator[tuple[str, Mapping[str, str]]]:
    for name, pair in _stated().get(group, {}).items():
        iri = (expanded(name) or name) if ":" in name else _OWN.get(group, PREAU) + name
        yield iri, {"fr": pair} if isinstance(pair, str) else pair


def _spelled(iri: str) -> str:
    """Return the local name in words, or nothing where it is none."""
    own = term(iri).removeprefix(XSD).removeprefix(DCT)
    return "" if ":" in own else _WORD.sub(" ", own).lower()


@cache
def _stated() -> Mapping[str, Mapping[str, str | Mapping[str, str]]]:
    data: dict[str, dict[str, str | Mapping[str, str]]] = loaded("language/labels.json")
    data.pop("about")
    return MappingProxyType(data)
