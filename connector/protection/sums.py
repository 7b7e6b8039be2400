"""A site's part in a sum over sites: rows in, one masked vector out.

Rules: a row counts that passes the tests of the plan and has a value in each column of the step,
whatever the regression; too few persons for the terms, of a value or of a pair of values stop it;
no vector is returned but under the masks of at least two other sites.
Sums are Kahan's, in float64: with n rows they are off by about 2⁻⁵² of the sum, whatever n.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Sequence
from itertools import combinations
from typing import Final

import pyarrow as pa
import sqlglot.expressions as exp

from connector.enforcement.steps.sum_request import SumRequest
from connector.enforcement.steps.summing import Sum
from connector.enforcement.steps.table import TableSteps
from connector.errors import StepUnknown, SumRefused
from connector.protection.cells.count import persons_of
from connector.protection.engine import Engine
from connector.protection.expressions import (
    View,
    all_of,
    is_there,
    number,
    quoted,
    table,
    viewed,
)
from connector.protection.ground import Ground
from connector.protection.means import Means
from connector.protection.persons import PERSON, Persons
from connector.protection.pseudonymise import KEY_BYTES
from connector.protection.shape import numbered, shaped
from federated.aggregation import LEAST_SITES, Side, encoded, masked, spelled, triangle

_USED: Final = "used"
_ROWS: Final = "counted"
_AS_CATEGORIES: Final = 2  # numbers that a column has
SUM: Final = "sum"  # the one column of what leaves


def added(
    steps: TableSteps,
    batches: Iterable[pa.RecordBatch],
    ground: Ground,
    means: Means,
    asked: SumRequest,
    sides: Sequence[Side],
) -> pa.Table:
    """Return the masked vector, an element a row, 32 hexadecimal digits each.

    Where a session is joined only the persons are checked, and there is no row.

    Args:
        steps: of the use.
        batches: with the columns of the ground.
        ground: the data.
        means: see `Means`.
        asked: the round, which was checked against the step and all that left.
        sides: masks of the round, one for each other site.

    Raises:
        ColumnMissing: the data lack a column, or have it with another type.
        DataFileUnreadable: it cannot be computed for these rows.
        StepUnknown: a step does not fit the data, or there are too few masks.
        SumRefused: it would tell of too few persons.
    """
    joins = not asked.members and not sides
    if steps.sum is None or (len(sides) != len(asked.members) - 1 and not joins):
        raise StepUnknown("a sum needs a mask for each other site")
    named = bool(ground.person)
    view = viewed(steps.minimise, (), ground, numbered(ground))
    engine = Engine(ground, means.memory, means.spill)
    try:
        persons = Persons(ground, secrets.token_bytes(KEY_BYTES), means.suppressed)
        engine.keep(_USED, persons.numbered(shaped(None, ground)))
        engine.hold(_USED, (persons.numbered(shaped(batch, ground)) for batch in batches))
        made = _Rows(asked, steps.sum, view)
        engine.keep(_ROWS, engine.ask(made.query))
        _check(made, engine, named=named)
        if joins:
            return pa.table({SUM: pa.array([], pa.string())})
        # INVARIANT: no vector leaves that fewer than two other sites hide.
        if len(sides) < LEAST_SITES - 1:
            raise StepUnknown("a sum needs the masks of at least two other sites, to hide it")
        vector = made.vector(engine, named=named)
    finally:
        engine.close()
    return pa.table({SUM: [spelled(each) for each in masked(encoded(vector), sides)]})


class _Rows:
    """The rows of a regression: `x0`, `x1` … and `y`, the categories `k0` …, and the person."""

    def __init__(self, asked: SumRequest, step: Sum, view: View) -> None:
        self.asked = asked
        self.step = step
        self._view = view
        self.groups = [*asked.levels, *filter(None, asked.event[:1])]

    @property
    def query(self) -> exp.Select:
        """What finds them in the rows that were read."""
        asked = self.asked
        terms = [_double(1.0)]
        for name, levels in asked.levels.items():
            terms += [self._is(name, each) for each in levels[1:]]
        terms += [self._place(name) for name in asked.numbers]
        y = self._place(asked.outcome) if asked.outcome else self._is(*asked.event)
        columns = [exp.alias_(each, f"x{at}") for at, each in enumerate(terms)]
        columns.append(exp.alias_(y, "y"))
        columns += [exp.alias_(self._text(it), f"k{at}") for at, it in enumerate(self.groups)]
        return exp.select(*columns, quoted(PERSON)).from_(table(_USED)).where(self._whole())

    def vector(self, engine: Engine, *, named: bool) -> list[float]:
        """Return the sums, in the order of `SumRequest`.

        Raises:
            SumRefused: few persons have most of the weight, or of the residuals.
        """
        size = self.asked.terms
        x = [exp.column(f"x{at}") for at in range(size)]
        if self.asked.outcome:
            both = [*x, exp.column("y")]
            products = [_times(both[at], both[by]) for at, by in triangle(size + 1)]
            return _sums(engine, products, table(_ROWS))
        score: exp.Expr = _double(0.0)
        for column, beta in zip(x, self.asked.at, strict=True):
            score = exp.Add(this=score, expression=_times(column, _double(beta)))
        power = exp.Exp(this=exp.Neg(this=exp.paren(score)))
        one_more = exp.paren(exp.Add(this=_double(1.0), expression=power))
        chance = exp.Div(this=_double(1.0), expression=one_more, typed=True)
        scored = exp.select(*(each.copy() for each in x), "y", quoted(PERSON))
        scored = scored.select(exp.alias_(chance, "p")).from_(table(_ROWS))
        y, p = exp.column("y"), exp.column("p")
        left = exp.paren(exp.Sub(this=y, expression=p))
        weight = _times(p, exp.paren(exp.Sub(this=_double(1.0), expression=p.copy())))
        self._check_weights(engine, scored, named=named)
        products = [_double(1.0), *(_times(it, left) for it in x)]
        products += [_times(_times(x[at], x[by]), weight) for at, by in triangle(size)]
        return _sums(engine, products, scored.subquery("scored"))

    def _check_weights(self, engine: Engine, scored: exp.Select, *, named: bool) -> None:
        """See that enough persons have weight and residuals: (Σ w)² / Σ w², Kish 1965, by persons.

        A third of the minimum here, in a sum over three sites, is the minimum over all.
        """
        y, p = exp.column("y"), exp.column("p")
        weight = _times(p, exp.Sub(this=_double(1.0), expression=p))
        for each in (weight, exp.Abs(this=exp.Sub(this=y, expression=p))):
            amount = exp.alias_(exp.Sum(this=each) if named else each, "w")
            who = exp.select(amount).from_(scored.copy().subquery("scored"))
            who = who.group_by(quoted(PERSON)) if named else who
            w = exp.column("w")
            sums = [exp.Sum(this=w), exp.Sum(this=_times(w, w))]
            found = engine.ask(exp.select(*sums).from_(who.subquery("who")))
            whole, squares = (column.to_pylist()[0] or 0.0 for column in found.columns)
            if not LEAST_SITES * whole**2 >= self.step.minimum * squares > 0:
                raise SumRefused(
                    "at these coefficients, too few persons of the site determine the sums"
                )

    def _whole(self) -> exp.Expr:
        step = self.step
        there = [is_there(self._view.values[name].made) for name in step.ranges]
        known = [
            exp.In(this=self._text(name), expressions=[exp.Literal.string(it) for it in values])
            for name, values in step.categories.items()
        ]
        found = all_of((self._view.rows, *there, *known))
        assert found is not None  # noqa: S101 - a step has a column
        return found

    def _text(self, name: str) -> exp.Expr:
        return exp.cast(self._view.values[name].made.copy(), "TEXT")

    def _is(self, name: str, value: str) -> exp.Expr:
        same = exp.EQ(this=self._text(name), expression=exp.Literal.string(value))
        return exp.Case().when(same, _double(1.0)).else_(_double(0.0))

    def _place(self, name: str) -> exp.Expr:
        """Return the place of a number in its public range, on [-1, 1]."""
        low, high = self.step.ranges[name]
        away = exp.Sub(
            this=exp.cast(self._view.values[name].made.copy(), "DOUBLE PRECISION"),
            expression=_double((high + low) / 2),
        )
        half = _double((high - low) / 2)
        share = exp.Div(this=exp.paren(away), expression=half, typed=True)
        cut = exp.Case()
        for end, side in ((-1.0, exp.LTE), (1.0, exp.GTE)):
            cut = cut.when(side(this=share.copy(), expression=_double(end)), _double(end))
        return cut.else_(share)


def _check(made: _Rows, engine: Engine, *, named: bool) -> None:
    """See that enough persons are behind the rows, their values and pairs of values.

    Raises:
        SumRefused: they are not.
    """
    step = made.step
    _, persons = _groups(engine, [], named=named)
    if persons < step.minimum:
        raise SumRefused("the site has fewer persons than the contract demands")
    if made.asked.terms > step.parameters * persons:
        raise SumRefused(
            f"the sums have more than {step.parameters} terms for each person of the site"
        )
    places = [f"k{at}" for at in range(len(made.groups))]
    for keys in [*([each] for each in places), *map(list, combinations(places, 2))]:
        if _groups(engine, keys, named=named)[1] < step.minimum:
            raise SumRefused(
                "a value, or a pair of values, belongs to fewer persons than the contract's minimum"
            )
    for column in (*(f"x{at}" for at in range(made.asked.terms)), "y"):
        several, fewest = _groups(engine, [column], named=named)
        if several <= _AS_CATEGORIES and fewest < step.minimum:
            raise SumRefused(
                "a number of a column with few different numbers belongs to fewer persons "
                "than the contract's minimum"
            )


def _groups(engine: Engine, keys: list[str], *, named: bool) -> tuple[int, int]:
    """Return how many groups there are by some columns, and the persons of the smallest."""
    each = exp.select(exp.alias_(persons_of(named=named), "n")).from_(table(_ROWS))
    each = each.group_by(*keys) if keys else each
    counts = [exp.Count(this=exp.Star()), exp.Min(this=exp.column("n"))]
    found = engine.ask(exp.select(*counts).from_(each.subquery("each")))
    several, fewest = (int(column.to_pylist()[0] or 0) for column in found.columns)
    return several, fewest


def _sums(engine: Engine, products: Sequence[exp.Expr], source: exp.Expr) -> list[float]:
    sums = [
        exp.alias_(exp.func("fsum", each.copy(), dialect="duckdb"), f"s{at}")
        for at, each in enumerate(products)
    ]
    found = engine.ask(exp.select(*sums).from_(source))
    return [float(column.to_pylist()[0] or 0.0) for column in found.columns]


def _times(one: exp.Expr, other: exp.Expr) -> exp.Expr:
    return exp.Mul(this=exp.paren(one.copy()), expression=exp.paren(other.copy()))


def _double(value: float) -> exp.Expr:
    return exp.cast(number(value), "DOUBLE PRECISION")
