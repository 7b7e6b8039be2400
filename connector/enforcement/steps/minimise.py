"""The step that says which columns and rows are used at all."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Final

from connector.enforcement.steps.members import MOST_VALUES, Number, names, number
from federated.reading import Member

ANY_OF: Final = "anyOf"
NONE_OF: Final = "noneOf"
AT_LEAST: Final = "atLeast"
AT_MOST: Final = "atMost"
_MOST_TESTS: Final = 100


@dataclass(frozen=True, slots=True)
class RowTest:
    """What the value of a column must be for a row to be used; no value never is.

    Attributes:
        column: its name; it need not be among those that leave.
        test: `anyOf`, `noneOf`, `atLeast` or `atMost`.
        values: texts or numbers, as the column is; a date is text of the form `2026-11-24`. One
            for `atLeast` and `atMost`.
    """

    column: str
    test: str
    values: tuple[str | Number, ...]

    def body(self) -> dict[str, Any]:
        """Return its members."""
        return {"column": self.column, "is": self.test, "values": list(self.values)}

    @classmethod
    def read(cls, member: Member) -> RowTest:
        """Return the test that these members say."""
        part = member.fields("column", "is", "values")
        test = part["is"].exactly(ANY_OF, NONE_OF, AT_LEAST, AT_MOST)
        most = 1 if test in (AT_LEAST, AT_MOST) else MOST_VALUES
        values = part["values"].items(least=1, most=most)
        return cls(part["column"].text(), test, tuple(map(_value, values)))


@dataclass(frozen=True, slots=True)
class Minimise:
    """Only these columns, and only these rows, are used.

    Attributes:
        columns: in the order in which they leave.
        rows: tests that a row passes, all of them.
    """

    kind: ClassVar[str] = "minimise"
    version: ClassVar[int] = 1
    columns: tuple[str, ...]
    rows: tuple[RowTest, ...] = ()

    def body(self) -> dict[str, Any]:
        """Return its members."""
        return {"columns": list(self.columns), "rows": [each.body() for each in self.rows]}

    @classmethod
    def read(cls, member: Member) -> Minimise:
        """Return the step that these members say."""
        part = member.fields("columns", "rows")
        tests = part["rows"].items(most=_MOST_TESTS)
        return cls(names(part["columns"], least=1), tuple(map(RowTest.read, tests)))


def _value(member: Member) -> str | Number:
    return member.text() if isinstance(member.value, str) else number(member)
