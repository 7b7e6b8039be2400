"""What is predicted: from which column, and how its values become labels.

Rules: thresholds, lists and ranges are public constants; a row without a label takes no part. What
a label is follows from `loss`: 0 or 1, the place in a list, a number in [-1, 1], or a count.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, ClassVar, Final

from federated.reading import Member
from federated.task import spelling
from federated.task.feature import MAX_MAGNITUDE
from federated.task.spelling import MAX_VALUES, Ignored

MAX_COUNT: Final = 10_000
BINARY: Final = "binary"
CLASSES: Final = "classes"
NUMBER: Final = "number"
COUNT: Final = "count"


@dataclass(frozen=True, slots=True)
class _Target:
    column: str

    kind: ClassVar[str]
    loss: ClassVar[str] = BINARY
    numeric: ClassVar[bool] = True  # whether the column must hold numbers

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns that it reads."""
        return (self.column,)

    @property
    def outputs(self) -> int:
        """Outputs of a model that predicts it."""
        return 1


@dataclass(frozen=True, slots=True)
class Binary(_Target):
    """A column of 0 and 1; a row with another value has no label."""

    kind: ClassVar[str] = "binary"


@dataclass(frozen=True, slots=True)
class Category(_Target):
    """Whether a column has one of some values; a row without a value has no label.

    Attributes:
        positive: the values.
        spelling: what is ignored when values are compared.
    """

    positive: tuple[str, ...]
    spelling: Ignored = ()

    kind: ClassVar[str] = "category"
    numeric: ClassVar[bool] = False


@dataclass(frozen=True, slots=True)
class Threshold(_Target):
    """Whether a number lies strictly above a public one.

    Attributes:
        above: the threshold.
    """

    above: float

    kind: ClassVar[str] = "threshold"


@dataclass(frozen=True, slots=True)
class ThresholdByGroup(_Target):
    """Whether a number lies strictly above the public threshold of the row's group.

    Attributes:
        by: column whose value picks the threshold.
        thresholds: (value of `by`, threshold), by value; a row of any other value has no label.
        spelling: what is ignored when values of `by` are compared.
    """

    by: str
    thresholds: tuple[tuple[str, float], ...]
    spelling: Ignored = ()

    kind: ClassVar[str] = "threshold-by-group"

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns that it reads."""
        return (self.column, self.by)


@dataclass(frozen=True, slots=True)
class Classes(_Target):
    """Which of several values a column has; a row with another value has no label.

    Attributes:
        values: the classes, at least two.
        spelling: what is ignored when values are compared.
    """

    values: tuple[str, ...]
    spelling: Ignored = ()

    kind: ClassVar[str] = "classes"
    loss: ClassVar[str] = CLASSES
    numeric: ClassVar[bool] = False

    @property
    def outputs(self) -> int:
        """Outputs of a model that predicts it: one for each class."""
        return len(self.values)


@dataclass(frozen=True, slots=True)
class Number(_Target):
    """A number, clipped to a public range.

    Attributes:
        low: becomes -1.
        high: becomes +1; above `low`.
    """

    low: float
    high: float

    kind: ClassVar[str] = "number"
    loss: ClassVar[str] = NUMBER


@dataclass(frozen=True, slots=True)
class Count(_Target):
    """A whole number from 0 on; larger ones count as `most`, others are no label.

    Attributes:
        most: at least 1.
    """

    most: int

    kind: ClassVar[str] = "count"
    loss: ClassVar[str] = COUNT


Target = Binary | Category | Threshold | ThresholdByGroup | Classes | Number | Count


def read(member: Member, version: int) -> Target:
    """Read the target of a manifest of a version; version 1 has thresholds by group only.

    Raises:
        ManifestInvalid: with the pointer of the fault.
    """
    if version == 1:
        return _by_group(member.fields("column", "by", "thresholds"))
    kind = member.child("kind").exactly(*_READERS)
    names, maybe, reader = _READERS[kind]
    return reader(member.fields("kind", "column", *names, maybe=maybe))


def render(target: Target, version: int) -> dict[str, Any]:
    """Return a target as JSON."""
    whole: dict[str, Any] = {} if version == 1 else {"kind": target.kind}
    whole["column"] = target.column
    match target:
        case Category():
            whole["positive"] = list(target.positive)
        case Threshold():
            whole["above"] = target.above
        case ThresholdByGroup():
            whole |= {"by": target.by, "thresholds": dict(target.thresholds)}
        case Classes():
            whole["values"] = list(target.values)
        case Number():
            whole |= {"low": target.low, "high": target.high}
        case Count():
            whole["most"] = target.most
    if isinstance(target, Category | ThresholdByGroup | Classes):
        whole |= spelling.render(target.spelling)
    return whole


Part = Mapping[str, Member]


def _binary(part: Part) -> Binary:
    return Binary(part["column"].text())


def _category(part: Part) -> Category:
    ignored = spelling.read(part.get("spelling"))
    return Category(part["column"].text(), spelling.values(part["positive"], ignored), ignored)


def _threshold(part: Part) -> Threshold:
    return Threshold(part["column"].text(), _limit(part["above"]))


def _by_group(part: Part) -> ThresholdByGroup:
    ignored = spelling.read(part.get("spelling"))
    limits = part["thresholds"].entries(least=1, most=MAX_VALUES)
    if len({spelling.alike(value, ignored) for value in limits}) != len(limits):
        part["thresholds"].refuse("has a value twice")
    return ThresholdByGroup(
        part["column"].text(),
        part["by"].text(),
        tuple((value, _limit(limits[value])) for value in sorted(limits)),
        ignored,
    )


def _classes(part: Part) -> Classes:
    ignored = spelling.read(part.get("spelling"))
    values = spelling.values(part["values"], ignored)
    if len(values) == 1:
        part["values"].refuse("must have 2 or more classes")
    return Classes(part["column"].text(), values, ignored)


def _number(part: Part) -> Number:
    low = _limit(part["low"])
    return Number(part["column"].text(), low, part["high"].number(above=low, most=MAX_MAGNITUDE))


def _count(part: Part) -> Count:
    return Count(part["column"].text(), part["most"].integer(least=1, most=MAX_COUNT))


def _limit(member: Member) -> float:
    return member.number(above=-MAX_MAGNITUDE, most=MAX_MAGNITUDE)


Reader = tuple[tuple[str, ...], tuple[str, ...], Callable[[Part], Target]]
# Of each kind: members beside `kind` and `column`, those that may be left out, and its reader.
_READERS: Final[Mapping[str, Reader]] = MappingProxyType(
    {
        Binary.kind: ((), (), _binary),
        Category.kind: (("positive",), ("spelling",), _category),
        Threshold.kind: (("above",), (), _threshold),
        ThresholdByGroup.kind: (("by", "thresholds"), ("spelling",), _by_group),
        Classes.kind: (("values",), ("spelling",), _classes),
        Number.kind: (("low", "high"), (), _number),
        Count.kind: (("most",), (), _count),
    }
)
KINDS: Final = tuple(_READERS)
