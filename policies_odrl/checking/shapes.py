"""Which properties a node of a policy may have, and how the written form calls them.

Literal tables after the ODRL Information Model 2.2; what a property's values have to be is checked
in `structure.py`. The reader is the judge of what is read; these tables serve to say what is wrong.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from policies_odrl.model import ODRL, RDF_VALUE, Connective, Operator, PolicyKind
from policies_odrl.reading.notes import Scope, describes, describing_class
from policies_odrl.reading.reader import REPLACED_BY, TIMESTAMP
from policies_odrl.vocabulary import FUNCTIONS


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


CONNECTIVES: Final = {ODRL + item.value: item for item in Connective}
OPERATORS: Final = frozenset(ODRL + item.value for item in Operator)
MISSPELLED: Final = ODRL + "neg"  # for `neq`, in copies of the W3C context (poe issue 311)
POLICY_CLASSES: Final = frozenset(ODRL + item.value for item in PolicyKind)


def _names(words: str) -> frozenset[str]:
    return frozenset(ODRL + word for word in words.split())


_OF_RULES: Final = _names("action target assigner assignee constraint output uid") | FUNCTIONS
# Shape -> properties that it may have.
PROPERTIES: Final = {
    Shape.POLICY: _names(
        "permission prohibition obligation profile conflict target assigner assignee action "
        "output inheritFrom uid"
    )
    | FUNCTIONS
    | {TIMESTAMP, REPLACED_BY},
    Shape.PERMISSION: _OF_RULES | {ODRL + "duty"},
    Shape.PROHIBITION: _OF_RULES | {ODRL + "remedy"},
    Shape.DUTY: _OF_RULES | {ODRL + "consequence"},
    Shape.ACTION: _names("refinement includedIn implies uid") | {RDF_VALUE},
    Shape.ASSET: _names("source refinement uid partOf hasPolicy assignerOf assigneeOf"),
    Shape.PARTY: _names("source refinement uid partOf hasPolicy assignerOf assigneeOf"),
    Shape.CONSTRAINT: _names(
        "leftOperand operator rightOperand rightOperandReference unit dataType status uid"
    ),
    Shape.LOGICAL: frozenset(CONNECTIVES) | _names("uid"),
}
# Shape -> classes that it may state.
CLASSES: Final = {
    Shape.POLICY: POLICY_CLASSES | _names("Policy"),
    Shape.PERMISSION: _names("Permission Rule"),
    Shape.PROHIBITION: _names("Prohibition Rule"),
    Shape.DUTY: _names("Duty Rule"),
    Shape.ACTION: _names("Action"),
    Shape.ASSET: _names("Asset AssetCollection"),
    Shape.PARTY: _names("Party PartyCollection"),
    Shape.CONSTRAINT: _names("Constraint"),
    Shape.LOGICAL: _names("LogicalConstraint Constraint"),
}
# Properties that the written form states without a prefix.
_BARE: Final = _names(
    "permission prohibition obligation duty constraint target assigner assignee action profile "
    "leftOperand operator rightOperand and or xone andSequence"
)


_THINGS: Final = frozenset({Shape.ASSET, Shape.PARTY})
_PARTS: Final = frozenset({Shape.ACTION, Shape.CONSTRAINT, Shape.LOGICAL})


def known(name: str, shape: Shape) -> bool:
    """Return whether a node of a shape may have a property; descriptions may stand anywhere."""
    return name in PROPERTIES[shape] or name in {"@id", "@type"} or describes(name, _scope(shape))


def known_class(name: str, shape: Shape) -> bool:
    """Return whether a node of a shape may state a class."""
    return name in CLASSES[shape] or describing_class(name, _scope(shape))


def _scope(shape: Shape) -> Scope:
    if shape in _THINGS:
        return Scope.THING
    return Scope.PART if shape in _PARTS else Scope.WHOLE


def member(name: str) -> str:
    """Return how the written form calls a property."""
    if name in _BARE:
        return name.removeprefix(ODRL)
    return "odrl:" + name.removeprefix(ODRL) if name.startswith(ODRL) else name
