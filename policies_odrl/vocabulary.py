"""The terms that this library knows: one row for each left operand, action and party function.

Facts of the ODRL Vocabulary 2.2 and of our profile, in `operands.json` and `actions.json`. Another
term is read, and decides nothing; a profile (`reading/profiles.py`) adds rows of the same kind.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from functools import cache, lru_cache
from importlib.resources import files
from types import MappingProxyType
from typing import Any, Final, TypeVar

from policies_odrl.model import ODRL, Operator

PROFILE: Final = "https://w3id.org/preau/odrl/v1"
PREAU: Final = PROFILE + "#"
CC: Final = "http://creativecommons.org/ns#"
DCT: Final = "http://purl.org/dc/terms/"
DPV: Final = "https://w3id.org/dpv#"

# Profiles that this library knows: ours, and the core vocabulary under its three spellings.
PROFILES: Final = frozenset({PROFILE, ODRL, ODRL.removesuffix("/"), ODRL + "core"})
_SCHEMES: Final = frozenset({"http", "https", "urn", "did", "tag", "data", "ftp", "geo", "mailto"})
_IRI: Final = re.compile(r"([A-Za-z][A-Za-z0-9+.\-]*):[^\s<>\"{}|\\^`]+")
_T = TypeVar("_T", "Operand", "Term")


class Kind(Enum):
    """What the values of a left operand are, and so how they compare."""

    CONCEPT = "concept"  # IRI with broader concepts; several may be stated
    IDENTITY = "identity"  # IRI or text; the same or another
    PLACE = "place"  # IRI with wholes that it is part of
    NUMBER = "number"  # decimal
    COUNT = "count"  # decimal, and state is kept
    INSTANT = "instant"  # xsd:dateTime, or xsd:date as the whole day
    DURATION = "duration"  # xsd:duration
    EVENT = "event"  # IRI, before / during / after
    LEVEL = "level"  # IRI of a step of an ordered list, see `Operand.steps`

    __hash__ = object.__hash__  # members are single objects; the hash by name is slower


@dataclass(frozen=True, slots=True)
class Operand:
    """A left operand; what its columns mean stands in `operands.json`.

    Several values of an operand of `evidence` are proofs, of which one that fits is enough; of any
    other a request claims all at once, so that each must fit.
    """

    id: str
    kind: Kind
    usual: frozenset[Operator]
    replaced_by: str = ""
    evidence: bool = False
    least: int | None = None  # in `unit`
    most: int | None = None
    unit: str = ""
    by_node: bool = False
    since: str = ""  # IRI of the event from whose end a duration runs
    measured: bool = False
    steps: tuple[str, ...] = ()
    names: Mapping[str, str] = field(default_factory=dict, compare=False)
    sentences: Mapping[str, tuple[str, str]] = field(default_factory=dict, compare=False)

    def __hash__(self) -> int:
        return hash(self.id)


@dataclass(frozen=True, slots=True)
class Term:
    """An action or a party function; what its columns mean stands in `actions.json`."""

    id: str
    included_in: tuple[str, ...] = ()
    replaced_by: str = ""
    same: bool = False
    after_use: bool = False
    by_anybody: bool = False
    acts: bool = False
    names: Mapping[str, str] = field(default_factory=dict, compare=False)


@cache
def loaded(name: str) -> dict[str, Any]:
    """Return what a JSON file of the package holds, which nobody changes."""
    found: dict[str, Any] = json.loads(files("policies_odrl").joinpath(name).read_text("utf-8"))
    return found


PREFIXES: Final[Mapping[str, str]] = MappingProxyType(loaded("prefixes.json"))


def expanded(name: str) -> str:
    """Return the IRI of a prefixed name or of an absolute IRI, or an empty string."""
    match = _IRI.fullmatch(name)
    if match is None:
        return ""
    if match[1] in PREFIXES:
        return PREFIXES[match[1]] + name.removeprefix(f"{match[1]}:")
    return name if match[1].lower() in _SCHEMES else ""


def prefixed(iri: str) -> str:
    """Return an IRI with the prefix of its namespace, or as it is."""
    for prefix, namespace in PREFIXES.items():
        if iri.startswith(namespace) and len(iri) > len(namespace):
            return f"{prefix}:{iri.removeprefix(namespace)}"
    return iri


def _operators(names: str) -> frozenset[Operator]:
    return frozenset(map(Operator, names.split()))


def _iris(names: str) -> tuple[str, ...]:
    return tuple(map(expanded, names.split()))


# Column -> what makes its value of what a file states; any other is taken as it is.
_MADE: Final[Mapping[str, Callable[[Any], Any]]] = {
    "kind": Kind,
    "usual": _operators,
    "replaced_by": expanded,
    "since": expanded,
    "steps": _iris,
    "included_in": _iris,
    "sentences": lambda said: {key: tuple(pair) for key, pair in said.items()},
}


def _rows(kind: type[_T], rows: Mapping[str, Mapping[str, Any]]) -> Mapping[str, _T]:
    found = {}
    for short, row in rows.items():
        iri, names = expanded(short), {lang: row[lang] for lang in ("en", "fr") if lang in row}
        made = {key: _MADE.get(key, lambda it: it)(row[key]) for key in row if key not in names}
        found[iri] = kind(id=iri, names=names, **made)
    return MappingProxyType(found)


_stated, _acts = loaded("operands.json"), loaded("actions.json")
# Operators that have a meaning for values of a kind; another combination is Undetermined.
ALLOWED: Final = {Kind(kind): _operators(names) for kind, names in _stated["kinds"].items()}
OPERANDS: Final = _rows(
    Operand,
    {name: {"usual": _stated["kinds"][row["kind"]]} | row for name, row in _stated["rows"].items()},
)
ACTIONS: Final = _rows(Term, _acts["rows"])
ROLES: Final = _rows(Term, _acts["functions"])  # party functions besides assigner and assignee


# The same facts by one column.
LEVELS: Final = {iri: row.steps for iri, row in OPERANDS.items() if row.steps}
SAME_ACTION: Final = {iri: row.replaced_by for iri, row in ACTIONS.items() if row.replaced_by}
INCLUDED_IN: Final = {it: row.included_in for it, row in ACTIONS.items() if not row.replaced_by}
AFTER_USE: Final = frozenset(iri for iri, row in ACTIONS.items() if row.after_use)
BY_ANYBODY: Final = frozenset(iri for iri, row in ACTIONS.items() if row.by_anybody)
FUNCTIONS: Final = frozenset(ROLES)


def same_action(action: str) -> str:
    """Return the current IRI of an action, which is itself unless deprecated."""
    return SAME_ACTION.get(action, action)


@lru_cache(maxsize=1024)
def wider_actions(action: str) -> frozenset[str]:
    """Return an action and all that include it (`includedIn`, reflexive and transitive)."""
    return closure(same_action(action), INCLUDED_IN)


def closure(start: str, *graphs: Mapping[str, Iterable[str]]) -> frozenset[str]:
    """Return `start` and everything above it in graphs that may share or repeat nodes."""
    seen: set[str] = set()
    stack = [start]
    while stack:
        item = stack.pop()
        if item not in seen:
            seen.add(item)
            stack += (parent for graph in graphs for parent in graph.get(item, ()))
    return frozenset(seen)
