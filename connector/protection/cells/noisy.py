"""Tables with noise: what `connector/enforcement/steps/spending.py` has charged, drawn and made.

Which rows of a person count is chosen by a keyed hash of the row's own values: it does not depend
on anybody else's rows. Source of the noise: OpenDP (Canonne, Kamath and Steinke 2020), exact on
whole numbers. What is done with noisy figures afterwards costs nothing: means, rounding, and
withholding cells whose noisy number of persons is under the minimum.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import cached_property
from itertools import product
from typing import Any, Final

import pyarrow as pa
import sqlglot.expressions as exp

from connector.enforcement.steps.request import MOMENT, Measure
from connector.enforcement.steps.spending import MOMENT_UNITS, PERSONS, Spending, Spent
from connector.errors import StepUnknown, TableRefused
from connector.protection.cells.cell import Scalar
from connector.protection.cells.count import USED, Count
from connector.protection.cells.exact import WITHHELD, rounded
from connector.protection.engine import Engine
from connector.protection.expressions import NUMBERS, all_of, is_there, number, quoted, table
from connector.protection.persons import PERSON
from connector.protection.shape import TYPES

_ORDER: Final = "turn"  # column of the hash


@dataclass(frozen=True)
class Noisy:
    """A table with noise that is being made.

    Attributes:
        count: the table.
        spending: what was charged for it.
    """

    count: Count
    spending: Spending

    @cached_property
    def domain(self) -> list[list[Scalar]]:
        """The values of each dimension, as its column has them.

        Raises:
            StepUnknown: two are one, so that a person would be in more cells than is charged.
        """
        kinds = [self.count.view.values[it].datatype for it in self.count.request.dimensions]
        found = [
            [_scalar(each, kind) for each in values]
            for kind, values in zip(kinds, self.spending.domain, strict=True)
        ]
        if any(len(set(values)) < len(values) for values in found):
            raise StepUnknown("the plan names a value of a dimension twice")
        return found

    @cached_property
    def cells(self) -> list[tuple[Scalar, ...]]:
        """The values of the dimensions of each cell."""
        return list(product(*self.domain))

    @property
    def figures(self) -> tuple[Measure, ...]:
        """What gets noise."""
        return self.spending.figures


def noisy(made: Noisy, engine: Engine) -> pa.Table:
    """Return a table with noise, which was charged before.

    Args:
        made: the table.
        engine: which has the rows.

    Raises:
        TableRefused: it cannot be made.
    """
    found = _sums(made, engine)
    spent = made.spending.spent
    drawn = [with_noise([row[at] for row in found], each) for at, each in enumerate(spent)]
    return _table(made, dict(zip(made.figures, drawn, strict=True)))


def _sums(made: Noisy, engine: Engine) -> list[list[int]]:
    """Return the figures of each cell, of bounded rows, in whole units; they stay here."""
    count, request = made.count, made.count.request
    keys = count.keys(range(len(request.dimensions)))
    domain = [
        exp.In(this=key.copy(), expressions=list(map(_sql, values)))
        for key, values in zip(keys, made.domain, strict=True)
    ]
    named = exp.Not(this=exp.Is(this=quoted(PERSON), expression=exp.null()))
    values = _values(made)
    places = {name: f"v{at}" for at, name in enumerate(values)}
    groups = [f"k{at}" for at in range(len(keys))]
    aliased = [exp.alias_(key, name) for key, name in zip(keys, groups, strict=True)]
    named_values = [exp.alias_(values[name], place) for name, place in places.items()]
    rows = exp.select(*aliased, *named_values, quoted(PERSON), _order(made)).from_(table(USED))
    rows = rows.where(all_of((count.rows, *domain, named)))
    columns = [*groups, *places.values(), PERSON]
    bounded = _bounded(rows, columns, made.spending.noise.rows_per_person, engine)
    sums = [_summed(each, made, places) for each in made.figures]
    query = exp.select(*groups, *sums).from_(bounded.subquery("bounded"))
    answer = engine.ask(query.group_by(*groups) if groups else query)
    lines = zip(*(each.to_pylist() for each in answer.columns), strict=True)
    of_cell = {line[: len(groups)]: [int(it or 0) for it in line[len(groups) :]] for line in lines}
    return [of_cell.get(cell, [0] * len(made.figures)) for cell in made.cells]


def _bounded(rows: exp.Select, columns: list[str], most: int, engine: Engine) -> exp.Query:
    """Return columns of at most so many rows of each person.

    Only rows of persons who have more are put in order, which takes most of the time; where they
    are the greater part, to keep them apart takes more than it saves.
    """
    every, beyond = _of_numerous(rows, most, engine)
    if not beyond:
        return rows
    who, limit = quoted(PERSON), exp.Literal.number(most)
    order = exp.Order(expressions=[exp.Ordered(this=exp.column(_ORDER))])
    place = exp.Window(this=exp.RowNumber(), partition_by=[who], order=order)
    chosen = exp.select(*map(quoted, columns)).from_("counting")
    cut = chosen.qualify(exp.LTE(this=place, expression=limit))
    if 2 * beyond > every:
        return cut.with_("counting", as_=rows)
    numerous = exp.select(who).from_("counting").group_by(who)
    numerous = numerous.having(exp.GT(this=exp.Count(this=exp.Star()), expression=limit))
    is_beyond = exp.In(this=who, query=exp.select(who).from_("numerous").subquery())
    whole = chosen.where(exp.Not(this=is_beyond))
    both = exp.union(whole, cut.where(is_beyond), distinct=False)
    return both.with_("counting", as_=rows).with_("numerous", as_=numerous)


def _of_numerous(rows: exp.Select, most: int, engine: Engine) -> tuple[int, int]:
    """Return how many rows there are, and how many of persons who have more than so many."""
    number_of, limit = exp.column("n"), exp.Literal.number(most)
    each = exp.select(exp.alias_(exp.Count(this=exp.Star()), "n")).from_(rows.subquery("counting"))
    each = each.group_by(quoted(PERSON))
    beyond = exp.Case().when(exp.GT(this=number_of, expression=limit), number_of).else_("0")
    sums = [exp.Sum(this=it) for it in (number_of, beyond)]
    found = engine.ask(exp.select(*sums).from_(each.subquery("each")))
    every, more = (int(column.to_pylist()[0] or 0) for column in found.columns)
    return every, more


def _order(made: Noisy) -> exp.Expr:
    """Return what a person's rows are ordered by: a hash that only a row's own values decide."""
    held = [exp.column(name) for name in made.count.held]
    return exp.alias_(exp.func("hash", quoted(PERSON), *held), _ORDER)


def _amount(made: Noisy, column: str) -> exp.Expr:
    """Return a measure in its units, cut to its public range; no value where there is none."""
    value = made.count.view.values[column]
    if value.datatype not in NUMBERS:
        raise StepUnknown(f"the measure `{column}` has no numbers")
    if column not in {each.column for each in made.figures if each.function == "sum"}:
        return value.made.copy()
    low, high = made.spending.amounts(column)
    unit = exp.cast(number(made.spending.range(column).unit), "DOUBLE PRECISION")
    share = exp.Div(this=exp.cast(value.made.copy(), "DOUBLE"), expression=unit, typed=True)
    units = exp.Round(this=share)
    cut = exp.Case()
    for end, side in ((low, exp.LTE), (high, exp.GTE)):
        limit = exp.cast(number(end), "BIGINT")
        cut = cut.when(side(this=units.copy(), expression=number(end)), limit)
    return exp.Case().when(is_there(value.made), cut.else_(exp.cast(units, "BIGINT")))


def _values(made: Noisy) -> dict[str | Measure, exp.Expr]:
    """Return what figures are summed of: amounts by column, and by first moment its u."""
    plain = dict.fromkeys(it.column for it in made.figures if it.column and it.function != MOMENT)
    found: dict[str | Measure, exp.Expr] = {name: _amount(made, name) for name in plain}
    return found | _normal(made)


def _normal(made: Noisy) -> dict[str | Measure, exp.Expr]:
    """Return columns of moments on [-1, 1]; no value where a row lacks one of any of them."""
    columns = made.count.request.moments
    values = {name: made.count.view.values[name].made for name in columns}
    whole = all_of(is_there(each) for each in values.values())
    found: dict[str | Measure, exp.Expr] = {}
    for name, value in values.items():
        ends = made.spending.range(name)
        middle, half = (_double((ends.high + sign * ends.low) / 2) for sign in (1, -1))
        away = exp.paren(exp.Sub(this=exp.cast(value.copy(), "DOUBLE"), expression=middle))
        share = exp.Div(this=away, expression=half, typed=True)
        cut = exp.Case()
        for end, side in ((-1.0, exp.LTE), (1.0, exp.GTE)):
            cut = cut.when(side(this=share.copy(), expression=_double(end)), _double(end))
        assert whole is not None  # noqa: S101 - there is a column
        found[Measure(MOMENT, name)] = exp.Case().when(whole.copy(), exp.paren(cut.else_(share)))
    return found


def _double(value: float) -> exp.Expr:
    return exp.cast(number(value), "DOUBLE PRECISION")


def _moment(figure: Measure, made: Noisy, places: dict[str | Measure, str]) -> exp.Expr:
    """Return a sum of products, each rounded to a whole number of units of its own row."""
    first = figure.column or made.count.request.moments[0]
    factors = [exp.column(places[Measure(MOMENT, name)]) for name in (first, figure.other) if name]
    units = exp.Literal.number(MOMENT_UNITS)
    if not figure.column:
        return exp.Mul(this=exp.Count(this=factors[0]), expression=units)
    product: exp.Expr = _double(float(MOMENT_UNITS))
    for each in factors:
        product = exp.Mul(this=product, expression=each)
    return exp.Sum(this=exp.cast(exp.Round(this=product), "BIGINT"))


def _summed(figure: Measure, made: Noisy, places: dict[str | Measure, str]) -> exp.Expr:
    if figure.function == MOMENT:
        return _moment(figure, made, places)
    if figure.function == "persons":
        return exp.Count(this=exp.Distinct(expressions=[quoted(PERSON)]))
    if not figure.column:
        return exp.Count(this=exp.Star())
    adding = {"count": exp.Count, "sum": exp.Sum}[figure.function]
    return adding(this=exp.column(places[figure.column]))


def with_noise(values: list[int], spent: Spent) -> list[int]:
    """Return whole numbers with noise."""
    import opendp.prelude as dp  # noqa: PLC0415  265 MB, loaded where noise is drawn

    dp.enable_features("contrib")
    domain = dp.vector_domain(dp.atom_domain(T="i64"))
    if spent.gaussian:
        made = dp.m.make_gaussian(domain, dp.l2_distance(T="f64"), scale=spent.scale)
    else:
        made = dp.m.make_laplace(domain, dp.l1_distance(T="i64"), scale=spent.scale)
    return [int(each) for each in made(values)]


def _table(made: Noisy, drawn: dict[Measure, list[int]]) -> pa.Table:
    request, step = made.count.request, made.count.step
    persons = drawn.get(PERSONS, [])
    few = [step.minimum > 1 and persons[at] < step.minimum for at in range(len(made.cells))]
    columns: dict[str, pa.Array] = {}
    for at, name in enumerate(request.dimensions):
        kind = TYPES[made.count.view.values[name].datatype]
        columns[name] = pa.array([cell[at] for cell in made.cells], kind)
    for each in (*request.measures, *request.pairs):
        values = [
            None if withheld else _figure(made, each, {it: drawn[it][at] for it in made.figures})
            for at, withheld in enumerate(few)
        ]
        whole = all(value is None or isinstance(value, int) for value in values)
        columns[each.name] = pa.array(values, pa.int64() if whole else pa.float64())
    columns[WITHHELD] = pa.array(few, pa.bool_())
    figures = len(request.measures) + len(request.pairs)
    if len(columns) != len(request.dimensions) + figures + 1:
        raise TableRefused("a dimension has the name of another column of the table")
    return pa.table(columns)


def _figure(made: Noisy, measure: Measure, drawn: dict[Measure, int]) -> float | int | None:
    base = made.count.step.rounding
    if measure.function == MOMENT:
        return drawn[measure] / MOMENT_UNITS
    if measure.function in ("count", "persons"):
        return rounded(drawn[measure], base)
    unit = made.spending.range(measure.column)
    whole = drawn[Measure("sum", measure.column)] * Decimal(repr(unit.unit))
    total = rounded(float(whole), base)
    if measure.function == "sum" or total is None:
        return total
    number_of = rounded(drawn[Measure("count", measure.column)], base)
    mean = total / number_of if number_of and number_of > 0 else None
    return None if mean is None else min(max(mean, unit.low), unit.high)


def _scalar(value: Any, datatype: str) -> Scalar:
    if datatype == "boolean":
        return bool(value == "true")
    if datatype in NUMBERS and isinstance(value, str):  # as a dictionary lists it
        return int(value) if datatype == "integer" else float(value)
    return date.fromisoformat(value) if datatype == "date" else value


def _sql(value: Scalar) -> exp.Expr:
    if isinstance(value, bool):
        return exp.true() if value else exp.false()
    if isinstance(value, date):
        return exp.cast(exp.Literal.string(value.isoformat()), "DATE")
    return exp.Literal.string(value) if isinstance(value, str) else number(value or 0)
