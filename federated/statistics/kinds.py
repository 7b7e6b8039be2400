"""The kinds of statistics: what each asks every site for, and how the answers become one table.

Rule: a site answers once, with one table of cells; all else is done with the answers and costs
nothing more.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final

import numpy as np

from federated.errors import StatisticUnfit
from federated.statistics import cells, logistic, moments, survival
from federated.statistics.answer import Answer, Floats, Pool, chosen, common_range, pool
from federated.statistics.cells import Ends, Row
from federated.statistics.design import Design, terms, values_of
from federated.statistics.result import Result, made

BINS: Final = 16
QUANTILES: Final = (0.25, 0.5, 0.75)
LEVEL: Final = 0.95
_COUNT: Final = {"function": "count", "column": ""}


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A statistic that is asked for.

    Attributes:
        kind: of `KINDS`.
        of: columns that it is of.
        by: columns of categories: groups, or terms of a regression.
        on: columns of numbers that are terms of a regression.
        event: (column, value) of the outcome of `logistic`, `life` and `survival`.
        bins: equal bins of the public range of a column, a power of two.
        quantiles: in (0, 1).
        periods: whether a row is a person in a step, not a person; of `life` and `survival`.
        order: column -> its values in the order in which they are meant.
        level: of the intervals, in (0, 1).
    """

    kind: str
    of: tuple[str, ...] = ()
    by: tuple[str, ...] = ()
    on: tuple[str, ...] = ()
    event: tuple[str, str] = ("", "")
    bins: int = BINS
    quantiles: tuple[float, ...] = QUANTILES
    periods: bool = False
    order: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    level: float = LEVEL


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of statistic.

    Attributes:
        cells: what every site is asked for: members of a table's request.
        rows: what the answers come to.
        of: (least, most) columns that it is of.
        event: whether it has an outcome.
        on: whether it has terms of numbers.
        about: what its intervals are about, for people.
    """

    cells: Callable[[Asked], Mapping[str, Any]]
    rows: Callable[[Asked, Sequence[Answer]], list[Row]]
    of: tuple[int, int]
    about: str
    event: bool = False
    on: bool = False


def request(asked: Asked) -> dict[str, Any]:
    """Return the table that every site is asked for, JSON values.

    Raises:
        StatisticUnfit: there is no such kind, or its columns are not those that it needs.
    """
    kind = KINDS.get(asked.kind)
    if kind is None:
        raise StatisticUnfit(
            f"`{asked.kind}` is not a kind of statistic; known kinds: {', '.join(KINDS)}"
        )
    least, most = kind.of
    if not least <= len(asked.of) <= most:
        needs = f"{least}" if least == most else f"{least} to {most}"
        raise StatisticUnfit(f"`{asked.kind}` needs {needs} columns, and {len(asked.of)} are named")
    if kind.event is not all(asked.event):
        needs = "needs an event, COLUMN=VALUE" if kind.event else "takes no event"
        raise StatisticUnfit(f"`{asked.kind}` {needs}")
    if asked.on and not kind.on:
        raise StatisticUnfit(f"`{asked.kind}` does not take columns of numbers")
    named = [*asked.of, *asked.by, *asked.on, *filter(None, asked.event[:1])]
    if twice := sorted({each for each in named if named.count(each) > 1}):
        raise StatisticUnfit(f"`{twice[0]}` is named twice")
    if not all(0 < each < 1 for each in (*asked.quantiles, asked.level)):
        raise StatisticUnfit("quantiles and the level of intervals are between 0 and 1")
    blank: dict[str, Any] = {"dimensions": list(asked.by), "measures": [_COUNT]}
    return {**blank, **kind.cells(asked)}


def combine(asked: Asked, answers: Sequence[Answer]) -> Result:
    """Return a statistic of what the sites answered to `request(asked)`.

    Raises:
        StatisticUnfit: the answers do not give it.
    """
    if not answers:
        raise StatisticUnfit("no site answered")
    kind = KINDS[asked.kind]
    private = all(each.deviations for each in answers)
    notes = [f"intervals at {asked.level:.0%}, about {kind.about}"]
    if not private:
        least = min(each.minimum for each in answers if not each.deviations)
        notes.insert(0, f"not DP: exact cells, each over at least {least} persons at its site")
    hidden = sum(bool(row["withheld"]) for each in answers for row in each.rows)
    if hidden:
        notes.append(
            f"{hidden} cells withheld at their sites: what they would add is unknown, and "
            "can be large"
        )
    sites = tuple(each.site for each in answers)
    table = made(kind.rows(asked, answers))
    return Result(asked.kind, table, private, asked.level, sites, tuple(notes))


def _pooled(asked: Asked, answers: Sequence[Answer], whole: Sequence[str] | None = None) -> Pool:
    stated = request(asked)
    figures = [_figure(each) for each in stated["measures"]]
    columns = stated.get("moments", [])
    figures += moments.names(columns) if columns else []
    return pool(answers, stated["dimensions"], figures, whole)


def _figure(measure: Mapping[str, str]) -> str:
    return "{function}({column})".format(**measure) if measure["column"] else measure["function"]


def _measured(*functions: str) -> Callable[[Asked], Mapping[str, Any]]:
    def asking(asked: Asked) -> Mapping[str, Any]:
        column = asked.of[0] if asked.of else ""
        return {"measures": [{"function": each, "column": column} for each in functions]}

    return asking


def _totals(asked: Asked, answers: Sequence[Answer]) -> list[Row]:
    found = _pooled(asked, answers)
    return cells.totals(found, next(iter(found.values)), asked.level)


def _means(asked: Asked, answers: Sequence[Answer]) -> list[Row]:
    (column,) = asked.of
    stated = all(column in each.ranges for each in answers)
    ends = common_range(answers, column) if stated else None
    return cells.means(_pooled(asked, answers), column, asked.level, ends)


def _in_bins(asked: Asked) -> Mapping[str, Any]:
    (column,) = asked.of
    return {"dimensions": [*asked.by, column], "bins": {column: asked.bins}}


def _histogram(asked: Asked, answers: Sequence[Answer]) -> list[Row]:
    (column,) = asked.of
    ends = common_range(answers, column)
    return cells.histogram(_pooled(asked, answers), column, asked.bins, ends, asked.level)


def _quantiles(asked: Asked, answers: Sequence[Answer]) -> list[Row]:
    (column,) = asked.of
    ends, found = common_range(answers, column), _pooled(asked, answers)
    return cells.quantiles(found, column, asked.bins, ends, asked.quantiles, asked.level)


def _of_moments(asked: Asked) -> Mapping[str, Any]:
    return {"measures": [], "moments": [*asked.on, *asked.of]}


def _correlations(asked: Asked, answers: Sequence[Answer]) -> list[Row]:
    _ranges(answers, asked.of)
    return moments.correlations(_pooled(asked, answers), asked.of, asked.level)


def _linear(asked: Asked, answers: Sequence[Answer]) -> list[Row]:
    ranges, (ends,) = _ranges(answers, asked.on), _ranges(answers, asked.of)
    found = _pooled(asked, answers)
    categories = {name: values_of(found, name, asked.order.get(name, ())) for name in asked.by}
    design = Design(categories, asked.on, ranges)
    return moments.regression(found, design, asked.of[0], ends, asked.level)


def _ranges(answers: Sequence[Answer], columns: Sequence[str]) -> tuple[Ends, ...]:
    return tuple(common_range(answers, name) for name in columns)


def _of_outcomes(asked: Asked) -> Mapping[str, Any]:
    dimensions = [*asked.by, *asked.of, *asked.on, asked.event[0]]
    bins = {"bins": dict.fromkeys(asked.on, asked.bins)} if asked.on else {}
    return {"dimensions": dimensions, **bins}


def _logistic(asked: Asked, answers: Sequence[Answer]) -> list[Row]:
    found = _whole(_pooled(asked, answers, (*asked.by, *asked.on)))
    survival.check_event(found, asked.event)
    by = (*asked.by, *asked.on)
    keys = survival.group_keys(found, by)
    groups = [tuple(key[at] for at in range(len(by))) for key in found.keys]
    numbers = np.array([[float(each == key) for each in groups] for key in keys])
    outcomes = numbers * survival.outcomes_of(found, asked.event)
    return _fitted(asked, answers, found, keys, (numbers, outcomes))


def _survival(asked: Asked, answers: Sequence[Answer]) -> list[Row]:
    by, (step,) = (*asked.by, *asked.on), asked.of
    found = _whole(_pooled(asked, answers, by))
    survival.check_event(found, asked.event)
    steps = values_of(found, step, asked.order.get(step, ()))
    maps = survival.maps(found, step, asked.event, steps, by=by, periods=asked.periods)
    keys = [(*key, each) for key in survival.group_keys(found, by) for each in steps]
    return _fitted(asked, answers, found, keys, maps)


def _fitted(
    asked: Asked,
    answers: Sequence[Answer],
    found: Pool,
    keys: Sequence[tuple[Any, ...]],
    maps: tuple[Floats, Floats],
) -> list[Row]:
    """Return a logistic regression of grouped counts; the step, if there is one, is behind."""
    full = asked.of[0] if asked.of else ""
    dimensions = (*asked.by, *asked.on, *asked.of)
    categories = {
        name: values_of(found, name, asked.order.get(name, ()))
        for name in (*filter(None, (full,)), *asked.by)
    }
    scores = {name: (asked.bins, common_range(answers, name)) for name in asked.on}
    design = Design(categories, scores=scores, full=full)
    blank = np.zeros(len(keys), dtype=np.int64)
    rows = design.rows(Pool(dimensions, tuple(keys), {}, {}, blank, blank, found.gaussian))
    counts, noise = found.values["count"], found.variances["count"]
    part = (rows, maps[0] @ counts, maps[1] @ counts)
    fitted = logistic.fit([part])
    covariance = logistic.with_noise(fitted, part, maps, noise)
    return terms(design.terms, fitted.coefficients, covariance, asked.level)


def _life(asked: Asked, answers: Sequence[Answer]) -> list[Row]:
    (step,) = asked.of
    found = _pooled(asked, answers, asked.by)
    steps = values_of(found, step, asked.order.get(step, ()))
    return survival.life_table(found, step, asked.event, steps, asked.level, periods=asked.periods)


def _whole(found: Pool) -> Pool:
    """Return the cells that have a value in each dimension, and that a site showed."""
    kept = [at for at, key in enumerate(found.keys) if None not in key and found.sites[at]]
    return chosen(found, kept)


_ROWS: Final = "the rows at the sites"
_MORE: Final = "the population that the rows are a sample of: sampling and noise"
KINDS: Final[Mapping[str, Kind]] = MappingProxyType(
    {
        "count": Kind(_measured("count"), _totals, (0, 1), _ROWS),
        "persons": Kind(_measured("persons"), _totals, (0, 0), _ROWS),
        "sum": Kind(_measured("sum"), _totals, (1, 1), _ROWS),
        "mean": Kind(_measured("sum", "count"), _means, (1, 1), _ROWS),
        "histogram": Kind(_in_bins, _histogram, (1, 1), _ROWS),
        "quantile": Kind(_in_bins, _quantiles, (1, 1), _ROWS),
        "correlation": Kind(_of_moments, _correlations, (2, 10), _MORE),
        "linear": Kind(_of_moments, _linear, (1, 1), _MORE, on=True),
        "logistic": Kind(_of_outcomes, _logistic, (0, 0), _MORE, event=True, on=True),
        "life": Kind(_of_outcomes, _life, (1, 1), _MORE, event=True),
        "survival": Kind(_of_outcomes, _survival, (1, 1), _MORE, event=True, on=True),
    }
)
