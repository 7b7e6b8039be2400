"""How a data file is to be read: stated by its steward, never guessed at a use.

Rules: what a format can have in several spellings (encoding, separator, quote, decimal sign, dates,
missing values, sheet) is stated, and nothing else; columns that the layout does not name are not
read. Finding a layout is `connector/sources/inspection`, reading by it `connector/sources`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

from federated.reading import Member

FORMATS: Final = ("csv", "parquet", "jsonl", "xlsx")
TABLE: Final = "table"  # of a connection that serves tables
READ_BY_JOBS: Final = ("csv", "parquet")  # by the workers of jobs, which know no layout
ENCODINGS: Final = ("utf-8", "utf-16", "cp1252", "iso-8859-1", "iso-8859-15")
SEPARATORS: Final = (";", ",", "\t", "|")
QUOTES: Final = ('"', "'", "")  # the last: quotes are signs like any other
DECIMALS: Final = (".", ",")
DATATYPES: Final = ("text", "number", "integer", "date", "boolean")
DATES: Final = (
    *("YYYY-MM-DD", "DD/MM/YYYY", "DD-MM-YYYY", "DD.MM.YYYY", "MM/DD/YYYY", "YYYY/MM/DD"),
    "YYYYMMDD",
)
MOST_COLUMNS: Final = 4096
JOBS_MISSING: Final = ("NA", "N/A", "NaN", "nan", "null", "NULL")  # beside the empty one
_MOST_SPELLINGS: Final = 64
# What each format states, besides what all do.
_OWN: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "csv": ("encoding", "separator", "quote"),
        "xlsx": ("sheet",),
        **dict.fromkeys(("parquet", "jsonl", TABLE), ()),
    }
)


@dataclass(frozen=True, slots=True)
class Field:
    """A column as it stands in the file.

    Attributes:
        name: as in the header.
        datatype: one of `DATATYPES`.
        date: how its dates are written, one of `DATES`; empty for other datatypes.
    """

    name: str
    datatype: str
    date: str = ""

    def body(self) -> dict[str, Any]:
        """Return its members."""
        stated = {"name": self.name, "datatype": self.datatype}
        return {**stated, "date": self.date} if self.date else stated

    @classmethod
    def read(cls, member: Member) -> Field:
        """Return the column that these members state.

        Raises:
            Exception: a member is missing, unknown or wrong, as `member` raises it.
        """
        dated = member.child("datatype").value == "date"
        found = member.fields("name", "datatype", *(("date",) if dated else ()))
        date = found["date"].exactly(*DATES) if dated else ""
        return cls(found["name"].text(), found["datatype"].exactly(*DATATYPES), date)


@dataclass(frozen=True, slots=True)
class Layout:
    """How a file, or a folder of such files, is read.

    Attributes:
        format: one of `FORMATS`, or `TABLE`; TSV is `csv` whose separator is a tab.
        fields: the columns that are read, in this order, each once.
        folder: whether it is a folder of such files; `name=value` folders within are columns.
        decimal: sign before decimals, in text.
        missing: spellings of a missing value; the empty one always is.
        encoding: of `csv`, one of `ENCODINGS`; a byte order mark may stand at its beginning.
        separator: of `csv`, one of `SEPARATORS`.
        quote: of `csv`, one of `QUOTES`; doubled within quotes (RFC 4180 section 2).
        sheet: of `xlsx`, name of the sheet.
    """

    format: str
    fields: tuple[Field, ...]
    folder: bool = False
    decimal: str = "."
    missing: tuple[str, ...] = ()
    encoding: str = ""
    separator: str = ""
    quote: str = ""
    sheet: str = ""

    @property
    def as_jobs_read(self) -> bool:
        """Whether the workers of jobs, which know no layout, read the file the same way."""
        spelled = {"csv": ("utf-8", ",", '"'), "parquet": ("", "", "")}.get(self.format)
        return (
            spelled == (self.encoding, self.separator, self.quote)
            and not self.folder
            and self.decimal == "."
            and set(self.missing) <= set(JOBS_MISSING)
        )

    def body(self) -> dict[str, Any]:
        """Return its members, as `read` takes them."""
        stated: dict[str, Any] = {
            "format": self.format,
            **({"folder": True} if self.folder else {}),
            **{name: getattr(self, name) for name in _OWN[self.format]},
            "decimal": self.decimal,
            "missing": list(self.missing),
            "columns": [field.body() for field in self.fields],
        }
        return stated

    @classmethod
    def read(cls, member: Member) -> Layout:
        """Return the layout that these members state.

        Raises:
            Exception: a member is missing, unknown or wrong, as `member` raises it.
        """
        kind = member.child("format").exactly(*FORMATS, TABLE)
        needed = ("format", "decimal", "missing", "columns", *_OWN[kind])
        found = member.fields(*needed, maybe=("folder",))
        spellings = found["missing"].items(most=_MOST_SPELLINGS)
        csv = kind == "csv"
        return cls(
            format=kind,
            fields=_fields(found["columns"]),
            folder="folder" in found and found["folder"].flag(),
            decimal=found["decimal"].exactly(*DECIMALS),
            missing=tuple(each.text() for each in spellings),
            encoding=found["encoding"].exactly(*ENCODINGS) if csv else "",
            separator=found["separator"].exactly(*SEPARATORS) if csv else "",
            quote=found["quote"].exactly(*QUOTES) if csv else "",
            sheet=found["sheet"].text() if kind == "xlsx" else "",
        )


def _fields(member: Member) -> tuple[Field, ...]:
    fields = tuple(Field.read(each) for each in member.items(least=1, most=MOST_COLUMNS))
    if len({field.name for field in fields}) != len(fields):
        member.refuse("names a column twice")
    return fields
