"""The inputs of a model: columns with their public range or list, and what stands for no value.

Rules: ranges and lists are public, never taken from rows; a manifest of version 2 states what a
missing value counts as. Version 1 knows fewer ways, and counted a missing number as the middle of
its range where none was stated.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from federated.reading import Member
from federated.task import spelling
from federated.task.spelling import Ignored

MAX_MAGNITUDE: Final = 1e12
INDICATOR: Final = "indicator"
VALUE: Final = "value"
REFUSE: Final = "refuse"
KINDS_OF_MISSING: Final = (INDICATOR, VALUE, REFUSE)
_STATED: Final = {1: (), 2: ("missing",)}  # of each version, what it states beside the rest


@dataclass(frozen=True, slots=True)
class Missing:
    """What happens to a row without a value; of a category, also to one whose value is not listed.

    Attributes:
        kind: `indicator`: one more input says so; `value`: it counts as `value`; `refuse`: the row
            takes no part; `nothing` (version 1 only): the middle of the range, or no category.
        value: within the range, or of the list; None for the other kinds.
    """

    kind: str
    value: float | str | None = None

    @property
    def inputs(self) -> int:
        """Inputs that it adds."""
        return int(self.kind == INDICATOR)


NOTHING: Final = Missing("nothing")


@dataclass(frozen=True, slots=True)
class NumberFeature:
    """A numeric column, clipped to a public range.

    Attributes:
        column: its name.
        low: becomes -1.
        high: becomes +1; above `low`.
        missing: what a missing value counts as.
    """

    column: str
    low: float
    high: float
    missing: Missing = NOTHING

    @property
    def width(self) -> int:
        """Inputs of the model that it makes."""
        return 1 + self.missing.inputs


@dataclass(frozen=True, slots=True)
class CategoryFeature:
    """A categorical column with its public list of values.

    Attributes:
        column: its name.
        values: one input each, in this order.
        missing: what a missing value counts as, and one that is not listed.
        spelling: what is ignored when values are compared.
    """

    column: str
    values: tuple[str, ...]
    missing: Missing = NOTHING
    spelling: Ignored = ()

    @property
    def width(self) -> int:
        """Inputs of the model that it makes."""
        return len(self.values) + self.missing.inputs


Feature = NumberFeature | CategoryFeature


def read(member: Member, version: int) -> Feature:
    """Read a feature of a manifest of a version.

    Raises:
        ManifestInvalid: with the pointer of the fault.
    """
    kind = member.child("kind").exactly("number", "category")
    return _number(member, version) if kind == "number" else _category(member, version)


def render(feature: Feature, version: int) -> dict[str, Any]:
    """Return a feature as JSON."""
    if isinstance(feature, CategoryFeature):
        whole: dict[str, Any] = {"kind": "category", "values": list(feature.values)}
        whole |= spelling.render(feature.spelling)
    else:
        whole = {"kind": "number", "low": feature.low, "high": feature.high}
    missing = feature.missing
    stated: dict[str, Any] = {"kind": missing.kind}
    if missing.kind == VALUE:
        stated["value"] = missing.value
    if version > 1:
        whole["missing"] = stated
    elif missing.kind == VALUE:
        whole["missing"] = missing.value
    return {"column": feature.column, **whole}


def _number(member: Member, version: int) -> NumberFeature:
    names = ("column", "kind", "low", "high")
    part = member.fields(*names, *_STATED[version], maybe=("missing",))
    low = part["low"].number(above=-MAX_MAGNITUDE, most=MAX_MAGNITUDE)
    high = part["high"].number(above=low, most=MAX_MAGNITUDE)

    def within(value: Member) -> float:
        number = value.number()
        if not low <= number <= high:
            value.refuse("must lie within `low` and `high`")
        return number

    return NumberFeature(
        part["column"].text(), low, high, _missing(part.get("missing"), version, within)
    )


def _category(member: Member, version: int) -> CategoryFeature:
    maybe = ("spelling",) if version > 1 else ()
    part = member.fields("column", "kind", "values", *_STATED[version], maybe=maybe)
    ignored = spelling.read(part.get("spelling"))
    values = spelling.values(part["values"], ignored)

    def listed(value: Member) -> str:
        if value.content() not in values:
            value.refuse("must be one of `values`")
        return value.content()

    missing = _missing(part.get("missing"), version, listed)
    return CategoryFeature(part["column"].text(), values, missing, ignored)


def _missing(member: Member | None, version: int, read_value: Callable[[Member], Any]) -> Missing:
    if member is None:
        return NOTHING
    if version == 1:
        return Missing(VALUE, read_value(member))
    kind = member.child("kind").exactly(*KINDS_OF_MISSING)
    part = member.fields("kind", *((VALUE,) if kind == VALUE else ()))
    return Missing(kind, read_value(part[VALUE]) if kind == VALUE else None)
