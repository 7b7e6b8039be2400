"""Which properties a node of a policy may have, what they hold, and how they are written.

The tables are data (`shapes.json`), after the ODRL Information Model 2.2. The reader is the judge
of what is read; these serve to say what is wrong.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum
from typing import Any, Final, NamedTuple

from policies_odrl.model import ODRL, Conflict, Connective, Operator, PolicyKind
from policies_odrl.reading.notes import Scope, describes, describing_class
from policies_odrl.vocabulary import FUNCTIONS, expanded, loaded


class Shape(StrEnum):
    """What a node is."""

    POLICY = "policy"
    PERMISSION = "permission"
    PROHIBITION = "prohibition"
    DUTY = "duty"
    ACTION = "action"
    ASSET = "asset"
    PARTY = "party"
    CONSTRAINT = "constraint"
    LOGICAL = "logical constraint"


class Holds(NamedTuple):
    """What the values of a property are, where they are names."""

    shape: str = ""  # of the nodes that they name
    near: str = ""  # kind of term that is proposed where a value is text
    one: bool = False  # there may be one value only
    bare: bool = False  # the written form has a single value without a list


CONNECTIVES: Final = {ODRL + item.value: item for item in Connective}
OPERATORS: Final = frozenset(ODRL + item.value for item in Operator)
STRATEGIES: Final = frozenset(ODRL + item.value for item in Conflict)
MISSPELLED: Final = ODRL + "neg"  # for `neq`, in copies of the W3C context (poe issue 311)
POLICY_CLASSES: Final = frozenset(ODRL + item.value for item in PolicyKind)
THINGS: Final = {Shape.ASSET: ("asset", "ressource"), Shape.PARTY: ("party", "partie")}


def _names(words: str) -> Iterator[str]:
    for word in words.split():
        if word == "functions":
            yield from sorted(FUNCTIONS)
        else:
            yield expanded(word) or ODRL + word


_DATA: Final[dict[str, Any]] = loaded("checking/shapes.json")
_SHAPES: Final = {Shape(name): row for name, row in _DATA["shapes"].items()}
# Shape -> properties that it may have, in the order in which they are looked at.
PROPERTIES: Final = {shape: tuple(_names(row["properties"])) for shape, row in _SHAPES.items()}
CLASSES: Final = {shape: frozenset(_names(row["classes"])) for shape, row in _SHAPES.items()}
HOLDS: Final = {name: Holds(**row) for key, row in _DATA["holds"].items() for name in _names(key)}
_SCOPES: Final = {shape: Scope[row["scope"]] for shape, row in _SHAPES.items()}
_BARE: Final = frozenset(_names(_DATA["without prefix"]))


def known(name: str, shape: Shape) -> bool:
    """Return whether a node of a shape may have a property; descriptions may stand anywhere."""
    return name in PROPERTIES[shape] or name in {"@id", "@type"} or describes(name, _SCOPES[shape])


def known_class(name: str, shape: Shape) -> bool:
    """Return whether a node of a shape may state a class."""
    return name in CLASSES[shape] or describing_class(name, _SCOPES[shape])


def member(name: str) -> str:
    """Return how the written form calls a property."""
    if name in _BARE:
        return name.removeprefix(ODRL)
    return "odrl:" + name.removeprefix(ODRL) if name.startswith(ODRL) else name
