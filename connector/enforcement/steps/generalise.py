"""The step that makes the values of a column coarser."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Final

from connector.enforcement.steps.members import Number, number
from federated.reading import Member

DATE_PARTS: Final = ("year", "month", "decade")
YEARS: Final = ("year", "decade")  # those that are numbers
SUPPRESS: Final = "suppress"
MOST_BINS: Final = 64


@dataclass(frozen=True, slots=True)
class Band:
    """A number becomes the lower end of its band: the greatest `start` + i `width` not above it.

    Attributes:
        width: of a band, > 0.
        start: where one band begins.
    """

    width: Number
    start: Number = 0

    def body(self) -> dict[str, Any]:
        """Return its members."""
        return {"width": self.width, "from": self.start}


@dataclass(frozen=True, slots=True)
class Coding:
    """A number below `bottom` becomes it, one above `top` becomes that.

    Attributes:
        bottom: None without.
        top: None without; not below `bottom`.
    """

    bottom: Number | None
    top: Number | None

    def body(self) -> dict[str, Any]:
        """Return its members."""
        both = {"bottom": self.bottom, "top": self.top}
        return {name: value for name, value in both.items() if value is not None}


@dataclass(frozen=True, slots=True)
class Level:
    """A code becomes the unit that it belongs to at a level of a hierarchy.

    Attributes:
        hierarchy: its name: of one that nodes know, or as the dataset's dictionary declares it.
        level: its name.
        digest: SHA-256 of the file of a declared one; empty for one that nodes know.
    """

    hierarchy: str
    level: str
    digest: str = ""

    def body(self) -> dict[str, Any]:
        """Return its members."""
        stated = {"hierarchy": self.hierarchy, "level": self.level}
        return {**stated, "digest": self.digest} if self.digest else stated


@dataclass(frozen=True, slots=True)
class Bins:
    """A number becomes the place, from 0, of its bin among equal ones; ends take what is beyond.

    Rule: there are a power of two of them, so that a bin is a union of those of any finer division.

    Attributes:
        low: lower end of the first.
        high: upper end of the last, > `low`.
        count: how many.
    """

    low: Number
    high: Number
    count: int

    @property
    def edges(self) -> tuple[float, ...]:
        """Where one bin ends and the next begins, in order; it belongs to the next."""
        width = self.high - self.low
        return tuple(self.low + width * at / self.count for at in range(1, self.count))

    def body(self) -> dict[str, Any]:
        """Return its members."""
        return {"bins": self.count, "low": self.low, "high": self.high}

    @classmethod
    def read(cls, member: Member) -> Bins:
        """Return the bins that these members say."""
        part = member.fields("bins", "low", "high")
        low, high = number(part["low"]), number(part["high"])
        part["high"].number(above=low)
        return cls(low, high, bins(part["bins"]))


How = str | Band | Coding | Level | Bins


@dataclass(frozen=True, slots=True)
class Generalise:
    """One column gets coarser values.

    Attributes:
        column: its name.
        how: of `DATE_PARTS` for dates, `suppress` for no value at all, or one of the above.
    """

    kind: ClassVar[str] = "generalise"
    column: str
    how: How

    @property
    def version(self) -> int:
        """2 where it names the file of a declared hierarchy; bins are of requests, in no plan."""
        if isinstance(self.how, Bins):
            return 3
        return 2 if isinstance(self.how, Level) and self.how.digest else 1

    def body(self) -> dict[str, Any]:
        """Return its members."""
        how = self.how if isinstance(self.how, str) else self.how.body()
        return {"column": self.column, "how": how}

    @classmethod
    def read(cls, member: Member) -> Generalise:
        """Return the step that these members say."""
        part = member.fields("column", "how")
        return cls(part["column"].text(), _how(part["how"]))


def bins(member: Member) -> int:
    """Return a number of bins."""
    found = member.integer(least=2, most=MOST_BINS)
    if found & (found - 1):
        member.refuse("must be a power of two")
    return found


def _how(member: Member) -> How:
    if not isinstance(member.value, dict):
        return member.exactly(*DATE_PARTS, SUPPRESS)
    if "width" in member.value:
        part = member.fields("width", "from")
        part["width"].number(above=0)
        return Band(number(part["width"]), number(part["from"]))
    if "bins" in member.value:
        return Bins.read(member)
    if "hierarchy" in member.value:
        part = member.fields("hierarchy", "level", maybe=("digest",))
        file = part["digest"].digest() if "digest" in part else ""
        return Level(part["hierarchy"].text(), part["level"].text(), file)
    found = {name: number(each) for name, each in member.fields(maybe=("bottom", "top")).items()}
    if not found or found.get("bottom", 0) > found.get("top", found.get("bottom", 0)):
        member.refuse("must state a `bottom`, or a `top` that is not below it")
    return Coding(found.get("bottom"), found.get("top"))
