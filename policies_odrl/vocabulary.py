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
from functools import lru_cache
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
PROFILES: Final = frozenset(
    {PROFILE, "http://www.w3.org/ns/odrl/2/core", "http://www.w3.org/ns/odrl/2", ODRL}
)


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
    """A left operand.

    Attributes:
        usual: operators that the defining vocabulary asks for; others are questioned by the lint.
        replaced_by: IRI of the term that replaces a deprecated one; empty otherwise.
        evidence: True where several values stand beside one another as proofs (memberships), so
            that one that fits is enough; False where a request claims all of them at once
            (purposes), so that each must fit.
        least: smallest number that its values can be; None: no bound.
        most: largest number that its values can be, in `unit`; None: no bound.
        by_node: True where only the node states it (counts, clocks, verified proofs): what a
            request claims is ignored.
        since: IRI of the event from whose end a duration runs; empty for others.
        measured: True where a number means nothing without a unit.
        steps: IRIs of the ordered list that its values are steps of, from the weakest.
        names: language -> its name, where that differs from the term.
        sentences: operator -> how a constraint with one value is said, in English and in French;
            `lteq 1` is said of a single thing.
    """

    id: str
    kind: Kind
    usual: frozenset[Operator]
    replaced_by: str = ""
    evidence: bool = False
    least: int | None = None
    most: int | None = None
    unit: str = ""
    by_node: bool = False
    since: str = ""
    measured: bool = False
    steps: tuple[str, ...] = ()
    names: Mapping[str, str] = field(default_factory=dict, compare=False)
    sentences: Mapping[str, tuple[str, str]] = field(default_factory=dict, compare=False)

    def __hash__(self) -> int:
        return hash(self.id)


@dataclass(frozen=True, slots=True)
class Term:
    """An action or a party function.

    Attributes:
        included_in: actions that an action is included in (Vocabulary, `includedIn`).
        implies: actions that must not be prohibited for it; the Vocabulary states none.
        replaced_by: IRI of the action that replaces a deprecated one (`skos:exactMatch`).
        same: whether the two are the very same (`owl:sameAs`). An exact match of two concepts is no
            identity of legal acts: who wrote `export` decides whether to mean `transform`.
        after_use: whether it can only be done once the asset was used.
        by_anybody: whether anybody may do it for the one who has to (W3C draft, conditions: a
            company pays for its employees).
        acts: of a party function: whether the party is the one who carries the action out.
        names: language -> its name, where that differs from the term.
    """

    id: str
    included_in: tuple[str, ...] = ()
    implies: tuple[str, ...] = ()
    replaced_by: str = ""
    same: bool = False
    after_use: bool = False
    by_anybody: bool = False
    acts: bool = False
    names: Mapping[str, str] = field(default_factory=dict, compare=False)


def loaded(name: str) -> dict[str, Any]:
    """Return what a JSON file of the package holds."""
    found: dict[str, Any] = json.loads(files("policies_odrl").joinpath(name).read_text("utf-8"))
    return found


PREFIXES: Final[Mapping[str, str]] = MappingProxyType(loaded("prefixes.json"))


def expanded(name: str) -> str:
    """Return the IRI of a prefixed name or of an absolute IRI, or an empty string.

    >>> expanded("odrl:read"), expanded("did:web:a.example"), expanded("words")
    ('http://www.w3.org/ns/odrl/2/read', 'did:web:a.example', '')
    """
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


# Member of a row in the files -> attribute, and what makes its value; any other is taken as it is.
_READ: Final[Mapping[str, tuple[str, Callable[[Any], Any]]]] = {
    "kind": ("kind", Kind),
    "usual": ("usual", _operators),
    "current": ("replaced_by", expanded),
    "since": ("since", expanded),
    "steps": ("steps", _iris),
    "in": ("included_in", _iris),
    "implies": ("implies", _iris),
    "say": ("sentences", lambda said: {key: tuple(pair) for key, pair in said.items()}),
}


def _rows(kind: type[_T], rows: Mapping[str, Mapping[str, Any]]) -> Mapping[str, _T]:
    found = {}
    for short, row in rows.items():
        made: dict[str, Any] = {"id": expanded(short), "names": {}}
        for key, value in row.items():
            if key in {"en", "fr"}:
                made["names"][key] = value
            else:
                name, make = _READ.get(key, (key, None))
                made[name] = make(value) if make else value
        found[made["id"]] = kind(**made)
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
LEVELS: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {operand.id: operand.steps for operand in OPERANDS.values() if operand.steps}
)
INCLUDED_IN: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {item.id: item.included_in for item in ACTIONS.values() if not item.replaced_by}
)
SAME_ACTION: Final[Mapping[str, str]] = MappingProxyType(
    {item.id: item.replaced_by for item in ACTIONS.values() if item.replaced_by}
)
AFTER_USE: Final = frozenset(item.id for item in ACTIONS.values() if item.after_use)
BY_ANYBODY: Final = frozenset(item.id for item in ACTIONS.values() if item.by_anybody)
IMPLIES: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {item.id: item.implies for item in ACTIONS.values() if item.implies}
)
FUNCTIONS: Final = frozenset(ROLES)


def same_action(action: str) -> str:
    """Return the current IRI of an action, which is itself unless deprecated."""
    return SAME_ACTION.get(action, action)


def known_action(action: str) -> bool:
    """Return whether the action is in the vocabulary or our profile."""
    return action in ACTIONS


@lru_cache(maxsize=1024)
def wider_actions(action: str) -> frozenset[str]:
    """Return an action and all that include it (`includedIn`, reflexive and transitive)."""
    return closure(same_action(action), INCLUDED_IN)


@lru_cache(maxsize=1024)
def implied_actions(action: str) -> frozenset[str]:
    """Return an action, all that include it, and all that any of them implies."""
    wider = wider_actions(action)
    implied = {same_action(other) for item in wider for other in IMPLIES.get(item, ())}
    return wider.union(*(wider_actions(other) for other in implied))


def closure(start: str, parents: Mapping[str, Iterable[str]]) -> frozenset[str]:
    """Return `start` and everything above it in a graph that may share or repeat nodes."""
    seen = {start}
    stack = [start]
    while stack:
        for parent in parents.get(stack.pop(), ()):
            if parent not in seen:
                seen.add(parent)
                stack.append(parent)
    return frozenset(seen)
