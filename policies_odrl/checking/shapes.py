"""Which properties a node of a policy may have, what they hold, and how they are written.

Literal tables after the ODRL Information Model 2.2. The reader is the judge of what is read; these
tables serve to say what is wrong.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from policies_odrl.model import ODRL, RDF_VALUE, Conflict, Connective, Operator, PolicyKind
from policies_odrl.reading.notes import Scope, describes, describing_class
from policies_odrl.reading.parts import INFERRED
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


@dataclass(frozen=True, slots=True)
class Holds:
    """What the values of a property are, where they are names."""

    shape: Shape | None = None  # of the nodes that they name
    near: str = ""  # kind of term that is proposed where a value is text
    one: bool = False  # there may be one value only
    bare: bool = False  # the written form has a single value without a list


CONNECTIVES: Final = {ODRL + item.value: item for item in Connective}
OPERATORS: Final = frozenset(ODRL + item.value for item in Operator)
STRATEGIES: Final = tuple(ODRL + item.value for item in Conflict)
MISSPELLED: Final = ODRL + "neg"  # for `neq`, in copies of the W3C context (poe issue 311)
POLICY_CLASSES: Final = frozenset(ODRL + item.value for item in PolicyKind)
RULES: Final = {
    "permission": Shape.PERMISSION,
    "prohibition": Shape.PROHIBITION,
    "obligation": Shape.DUTY,
    "duty": Shape.DUTY,
    "remedy": Shape.DUTY,
    "consequence": Shape.DUTY,
}
_NAMES: Final = Holds()
_NAME: Final = Holds(one=True)
# Property -> what it holds.
HOLDS: Final = {
    REPLACED_BY: _NAME,
    RDF_VALUE: Holds(Shape.ACTION, near="action", one=True, bare=True),
    **{name: Holds(Shape.PARTY) for name in sorted(FUNCTIONS)},
    **{ODRL + name: Holds(shape) for name, shape in RULES.items()},
    **{ODRL + name: _NAMES for name in (*INFERRED, "inheritFrom", "profile")},
    **{ODRL + name: _NAME for name in ("source", "unit", "dataType")},
    ODRL + "conflict": Holds(near="strategy", one=True),
    ODRL + "action": Holds(Shape.ACTION, near="action", bare=True),
    ODRL + "target": Holds(Shape.ASSET, bare=True),
    ODRL + "output": Holds(Shape.ASSET, bare=True),
    ODRL + "assigner": Holds(Shape.PARTY, bare=True),
    ODRL + "assignee": Holds(Shape.PARTY, bare=True),
    ODRL + "constraint": Holds(Shape.CONSTRAINT),
    ODRL + "refinement": Holds(Shape.CONSTRAINT),
    ODRL + "leftOperand": Holds(near="operand", one=True),
    ODRL + "operator": Holds(near="operator", one=True),
}


def _names(words: str) -> tuple[str, ...]:
    return tuple(ODRL + word for word in words.split())


_ABOUT: Final = (*_names("action target assigner assignee output uid"), *sorted(FUNCTIONS))
_THING: Final = _names("source refinement uid partOf hasPolicy assignerOf assigneeOf")
# Shape -> properties that it may have, in the order in which they are looked at.
PROPERTIES: Final = {
    Shape.POLICY: (
        *_names("profile conflict inheritFrom"),
        REPLACED_BY,
        TIMESTAMP,
        *_ABOUT,
        *_names("permission prohibition obligation"),
    ),
    Shape.PERMISSION: (*_ABOUT, *_names("constraint duty")),
    Shape.PROHIBITION: (*_ABOUT, *_names("constraint remedy")),
    Shape.DUTY: (*_ABOUT, *_names("constraint consequence")),
    Shape.ACTION: (*_names("refinement includedIn implies uid"), RDF_VALUE),
    Shape.ASSET: _THING,
    Shape.PARTY: _THING,
    Shape.CONSTRAINT: _names(
        "leftOperand operator rightOperand rightOperandReference unit dataType status uid"
    ),
    Shape.LOGICAL: (*CONNECTIVES, *_names("uid")),
}
# Shape -> classes that it may state.
CLASSES: Final = {
    Shape.POLICY: (*sorted(POLICY_CLASSES), ODRL + "Policy"),
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
THINGS: Final = {Shape.ASSET: ("asset", "ressource"), Shape.PARTY: ("party", "partie")}
_PARTS: Final = frozenset({Shape.ACTION, Shape.CONSTRAINT, Shape.LOGICAL})


def known(name: str, shape: Shape) -> bool:
    """Return whether a node of a shape may have a property; descriptions may stand anywhere."""
    return name in PROPERTIES[shape] or name in {"@id", "@type"} or describes(name, _scope(shape))


def known_class(name: str, shape: Shape) -> bool:
    """Return whether a node of a shape may state a class."""
    return name in CLASSES[shape] or describing_class(name, _scope(shape))


def _scope(shape: Shape) -> Scope:
    if shape in THINGS:
        return Scope.THING
    return Scope.PART if shape in _PARTS else Scope.WHOLE


def member(name: str) -> str:
    """Return how the written form calls a property."""
    if name in _BARE:
        return name.removeprefix(ODRL)
    return "odrl:" + name.removeprefix(ODRL) if name.startswith(ODRL) else name
