"""Steps as SQL expressions, built and never spelled: the same for DuckDB and PostgreSQL.

Rules: names are quoted and values are literals by `sqlglot`; a value that is missing passes no test
and has no coarser one; both engines give equal results, numbers that are not whole within the last
digit. What a step asks of a column that its datatype does not have is `StepUnknown`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from typing import Final

import sqlglot.expressions as exp

from connector.domain.catalog import territory
from connector.enforcement.steps.generalise import Band, Bins, Coding, Generalise, How, Level
from connector.enforcement.steps.members import Number
from connector.enforcement.steps.minimise import ANY_OF, AT_LEAST, NONE_OF, Minimise, RowTest
from connector.enforcement.steps.table import TableSteps
from connector.errors import StepUnknown
from connector.protection.ground import Ground

DUCKDB: Final = "duckdb"
POSTGRES: Final = "postgres"
NUMBERS: Final = ("number", "integer")
_TYPES: Final[Mapping[str, str]] = {
    "text": "TEXT",
    "number": "DOUBLE PRECISION",
    "integer": "BIGINT",
    "date": "DATE",
    "boolean": "BOOLEAN",
}
_DAY: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
Named = Callable[[str], exp.Expr]  # a column, as the table that is read has it


@dataclass(frozen=True, slots=True)
class Value:
    """What stands in a column after the steps.

    Attributes:
        made: how it is made of the columns that are read.
        datatype: as of `Field`.
    """

    made: exp.Expr
    datatype: str


@dataclass(frozen=True, slots=True)
class View:
    """What the steps before the cells let through.

    Attributes:
        values: by column, in the order in which they leave.
        rows: what a row passes; None where every row does.
    """

    values: Mapping[str, Value]
    rows: exp.Expr | None

    def select(self, source: str, *more: str, numbered: bool = True) -> exp.Select:
        """Return the rows of a table as they leave, and columns of it behind them as they are.

        Args:
            source: name of the table.
            more: names of the columns behind.
            numbered: whether the columns are called `o0`, `o1` and so on, not by their names.
        """
        made = [
            exp.alias_(each.made.copy(), f"o{at}" if numbered else name, quoted=True)
            for at, (name, each) in enumerate(self.values.items())
        ]
        found = exp.select(*made, *map(quoted, more)).from_(table(source))
        return found.where(self.rows.copy()) if self.rows is not None else found


def quoted(name: str) -> exp.Expr:
    """Return a column of that very name."""
    return exp.column(exp.to_identifier(name, quoted=True))


def table(name: str) -> exp.Table:
    """Return a table of that very name."""
    return exp.Table(this=exp.to_identifier(name, quoted=True))


def spelled(query: exp.Expr, dialect: str = DUCKDB) -> str:
    """Return an expression in the words of an engine."""
    return query.sql(dialect=dialect)


def view(steps: TableSteps, ground: Ground, named: Named = quoted) -> View:
    """Return what the minimising and generalising steps of a use let through.

    Raises:
        ColumnMissing: the data lack a column.
        StepUnknown: a step does not fit a column.
    """
    return viewed(steps.minimise, steps.generalise, ground, named)


def viewed(
    minimise: Minimise, generalise: Iterable[Generalise], ground: Ground, named: Named = quoted
) -> View:
    """Return what such steps let through.

    Raises:
        ColumnMissing: the data lack a column.
        StepUnknown: a step does not fit a column.
    """
    values = {name: Value(named(name), ground.datatype(name)) for name in minimise.columns}
    for step in generalise:
        values[step.column] = coarser(step, values[step.column], ground)
    tests = (
        passes(it, Value(named(it.column), ground.datatype(it.column))) for it in minimise.rows
    )
    return View(values, all_of(tests))


def all_of(tests: Iterable[exp.Expr | None]) -> exp.Expr | None:
    """Return what holds where all tests do; None without any."""
    found: list[exp.Expr] = [each for each in tests if each is not None]
    return exp.and_(*found) if found else None


def passes(test: RowTest, value: Value) -> exp.Expr:
    """Return whether a value passes a test; not true where there is no value.

    Raises:
        StepUnknown: the test is none for values of that datatype.
    """
    literals = [_literal(each, value.datatype) for each in test.values]
    days = value.datatype == "text" and all(
        isinstance(it, str) and _is_day(it) for it in test.values
    )
    found: exp.Expr
    if test.test in (ANY_OF, NONE_OF):
        found = exp.In(this=value.made.copy(), expressions=literals)
        return found if test.test == ANY_OF else exp.Not(this=found)
    if value.datatype not in (*NUMBERS, "date") and not days:
        raise StepUnknown(f"`{test.test}` is not a test for the column `{test.column}`")
    side = exp.GTE if test.test == AT_LEAST else exp.LTE
    found = side(this=value.made.copy(), expression=literals[0])
    return exp.and_(_day_like(value.made), found) if days else found


def coarser(step: Generalise, value: Value, ground: Ground) -> Value:
    """Return the coarser value of a column.

    Raises:
        StepUnknown: the way is none for values of that datatype, or the hierarchy is unknown.
    """
    how = step.how
    if isinstance(how, Band | Coding | Bins):
        return _numbered(step, how, value)
    if isinstance(how, Level):
        return Value(_unit(step, how, value, ground), "text")
    if how == "suppress":
        return Value(exp.cast(exp.null(), _TYPES[value.datatype]), value.datatype)
    if value.datatype == "text":  # as files have days that jobs read: ISO 8601
        return _dated_text(value.made, how)
    if value.datatype != "date":
        raise StepUnknown(f"the column `{step.column}` has no days to generalise")
    return _dated(value.made, how)


def is_there(value: exp.Expr) -> exp.Expr:
    """Return whether a row has a value."""
    return exp.Not(this=exp.Is(this=value.copy(), expression=exp.null()))


def number(value: Number) -> exp.Expr:
    """Return a number as it is written in decimals."""
    return exp.Literal.number(format(Decimal(repr(value)), "f"))


def _literal(value: str | Number, datatype: str) -> exp.Expr:
    if datatype in NUMBERS and not isinstance(value, str):
        return (
            exp.cast(number(value), _TYPES["number"]) if isinstance(value, float) else number(value)
        )
    if datatype == "text" and isinstance(value, str):
        return exp.Literal.string(value)
    if datatype == "boolean" and value in ("true", "false"):
        return exp.true() if value == "true" else exp.false()
    if datatype == "date" and isinstance(value, str) and _is_day(value):
        return exp.cast(exp.Literal.string(value), "DATE")
    raise StepUnknown(f"a value of a test is not of type {datatype}")


def _is_day(text: str) -> bool:
    try:
        return _DAY.fullmatch(text) is not None and bool(date.fromisoformat(text))
    except ValueError:
        return False


def _numbered(step: Generalise, how: Band | Coding | Bins, value: Value) -> Value:
    if isinstance(how, Bins):
        return replace(_numeric(step, value, lambda it: _placed(it, how)), datatype="integer")
    if isinstance(how, Band):
        return _numeric(step, value, lambda it: _banded(it, how, value.datatype))
    return _numeric(step, value, lambda it: _coded(it, how, value.datatype))


def _numeric(step: Generalise, value: Value, make: Callable[[exp.Expr], exp.Expr]) -> Value:
    if value.datatype not in NUMBERS:
        raise StepUnknown(f"the column `{step.column}` has no numbers to generalise")
    _whole(step.how, value.datatype)
    return Value(make(value.made), value.datatype)


def _whole(how: How, datatype: str) -> None:
    stated = how.body().values() if isinstance(how, Band | Coding) else ()
    if datatype == "integer" and not all(isinstance(each, int) for each in stated):
        raise StepUnknown("whole numbers are generalised by whole numbers only")


def _banded(value: exp.Expr, how: Band, datatype: str) -> exp.Expr:
    """Return the lower end of the band, exactly for whole numbers."""
    width, start = (exp.cast(number(it), _TYPES[datatype]) for it in (how.width, how.start))
    above = exp.paren(exp.Sub(this=value.copy(), expression=start.copy()))
    if datatype == "integer":
        rest = exp.Mod(this=above, expression=width.copy())
        rest = exp.Mod(
            this=exp.paren(exp.Add(this=exp.paren(rest), expression=width.copy())),
            expression=width.copy(),
        )
        return exp.paren(exp.Sub(this=value.copy(), expression=exp.paren(rest)))
    bands = exp.Floor(this=exp.Div(this=above, expression=width.copy(), typed=True))
    return exp.paren(
        exp.Add(this=exp.Mul(this=bands, expression=width.copy()), expression=start.copy())
    )


def _coded(value: exp.Expr, how: Coding, datatype: str) -> exp.Expr:
    made = exp.Case()
    for end, side in ((how.bottom, exp.LT), (how.top, exp.GT)):
        if end is not None:
            limit = exp.cast(number(end), _TYPES[datatype])
            made = made.when(side(this=value.copy(), expression=limit), limit.copy())
    return made.else_(value.copy())


def _placed(value: exp.Expr, how: Bins) -> exp.Expr:
    """Return the place of a bin: of the ends between bins, how many are not above the value."""
    made = exp.Case().when(exp.Is(this=value.copy(), expression=exp.null()), exp.null())
    ends = [exp.cast(number(each), _TYPES["number"]) for each in how.edges]
    for at, end in reversed(list(enumerate(ends, 1))):
        made = made.when(exp.GTE(this=value.copy(), expression=end), exp.Literal.number(at))
    return exp.paren(exp.cast(made.else_(exp.Literal.number(0)), _TYPES["integer"]))


def _dated(value: exp.Expr, part: str) -> Value:
    if part == "month":
        form = exp.Literal.string("%Y-%m")
        return Value(exp.TimeToStr(this=value.copy(), format=form), "text")
    year = exp.cast(exp.Extract(this=exp.var("YEAR"), expression=value.copy()), "BIGINT")
    return Value(_year(year, part), "integer")


def _dated_text(value: exp.Expr, part: str) -> Value:
    """Return a part of what is written as a day; nothing of another text."""
    first = exp.Literal.number(7 if part == "month" else 4)
    cut = exp.Substring(this=value.copy(), start=exp.Literal.number(1), length=first)
    month = part == "month"
    made: exp.Expr = cut if month else _year(exp.cast(cut, "BIGINT"), part)
    return Value(exp.Case().when(_day_like(value), made), "text" if month else "integer")


def _day_like(value: exp.Expr) -> exp.Expr:
    return exp.RegexpLike(this=value.copy(), expression=exp.Literal.string(f"^{_DAY.pattern}$"))


def _year(year: exp.Expr, part: str) -> exp.Expr:
    """Return a year, or the first of its decade."""
    if part == "year":
        return year
    rest = exp.paren(exp.Mod(this=year.copy(), expression=exp.Literal.number(10)))
    return exp.paren(exp.Sub(this=year, expression=rest))


def _unit(step: Generalise, how: Level, value: Value, ground: Ground) -> exp.Expr:
    if value.datatype != "text":
        raise StepUnknown(f"the column `{step.column}` has no codes of a hierarchy")
    found = _level(how.digest or how.hierarchy, how.level)
    if found not in lookups(ground):
        raise StepUnknown(f"no hierarchy `{how.hierarchy}` has a level `{how.level}`")
    key = value.made if how.digest else _key(value.made, territory.BY_HIERARCHY[how.hierarchy])
    same = exp.EQ(this=exp.column("code", table="units"), expression=key.copy())
    units = exp.alias_(table(found), "units", table=True)
    return exp.paren(exp.select(exp.column("unit", table="units")).from_(units).where(same))


def _key(code: exp.Expr, codes: territory.Codes) -> exp.Expr:
    """Return the first signs of a code, which tell its département; none of one of other length."""
    if not codes.length:
        return code
    first = exp.Substring(
        this=code.copy(), start=exp.Literal.number(1), length=exp.Literal.number(territory.KEY)
    )
    whole = exp.EQ(this=exp.Length(this=code.copy()), expression=exp.Literal.number(codes.length))
    return exp.Case().when(whole, first)


def lookups(ground: Ground) -> dict[str, Mapping[str, str]]:
    """Return the tables of (first signs or code, unit) that an engine must have, by name."""
    found: dict[str, Mapping[str, str]] = {}
    for level in territory.LEVELS:
        units = territory.units(level)
        for codes in territory.OF_CODES.values():
            of_keys = {key: units[departement] for key, departement in codes.keys.items()}
            found[_level(codes.hierarchy, level)] = of_keys
    for digest, levels in ground.hierarchies.items():
        found |= {_level(digest, level): codes for level, codes in levels.items()}
    return found


def _level(hierarchy: str, level: str) -> str:
    return f"level:{hierarchy}:{level}"
