"""What a job asks for beside what the data dictionaries say of its columns. Pure.

Rules: a name, a value or a threshold's key that no dictionary knows is refused, with the nearest
that it knows: a job of it would train on nobody and spend ε all the same. What a dictionary does
not say cannot be compared, and that is said. Nothing here knows a row.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import inf
from typing import Final

from connector.domain.catalog.dataset import Column
from connector.errors import ColumnMissing, JobRefused
from connector.identity.descriptions.dataset_facts import DatasetFacts
from connector.services.federation.request.form import nearest
from federated.job import JobManifest
from federated.task.feature import CategoryFeature, NumberFeature
from federated.task.spelling import Ignored, alike
from federated.task.target import (
    Binary,
    Category,
    Classes,
    Count,
    Number,
    Threshold,
    ThresholdByGroup,
)

_MOST_NAMED: Final = 5
_NUMBER: Final = "number"
Range = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Finding:
    """Something about a request that its author should know.

    Attributes:
        where: JSON pointer in the request; empty for the whole.
        what: one line.
        code: of the refusal that it is; empty: a remark, which refuses nothing.
        dataset: whose dictionary or contract says so; empty: all.
    """

    where: str
    what: str
    code: str = ""
    dataset: str = ""


def against_dictionary(manifest: JobManifest, facts: DatasetFacts) -> Iterator[Finding]:
    """Yield what a job has that the dictionary of one of its datasets does not."""
    columns = {column.name: column for column in facts.columns}
    for where, name in _names(manifest):
        if name not in columns:
            what = f"`{name}` is not a column of `{facts.id}`{nearest(name, list(columns))}"
            yield Finding(where, what, ColumnMissing.code, facts.id)
    found = (*_features(manifest, columns), *_target(manifest, columns))
    yield from (Finding(each.where, each.what, each.code, facts.id) for each in found)


def _names(manifest: JobManifest) -> Iterator[tuple[str, str]]:
    for index, feature in enumerate(manifest.features):
        yield f"/features/{index}/column", feature.column
    yield "/target/column", manifest.target.column
    if isinstance(manifest.target, ThresholdByGroup):
        yield "/target/by", manifest.target.by
    yield "/unit/column", manifest.unit.column


def _features(manifest: JobManifest, columns: Mapping[str, Column]) -> Iterator[Finding]:
    for index, feature in enumerate(manifest.features):
        column, where = columns.get(feature.column), f"/features/{index}"
        if column is None:
            continue
        if isinstance(feature, CategoryFeature):
            yield from _unknown(f"{where}/values", feature.values, column, feature.spelling)
        elif column.datatype != _NUMBER:
            yield _no_number(f"{where}/kind", column, "`category`")
        elif isinstance(feature, NumberFeature):
            yield from _apart(where, (feature.low, feature.high), column)


def _target(manifest: JobManifest, columns: Mapping[str, Column]) -> Iterator[Finding]:
    target = manifest.target
    column, where = columns.get(target.column), "/target"
    if column is None:
        return
    if target.numeric and column.datatype != _NUMBER:
        yield _no_number(f"{where}/kind", column, "`category` or `classes`")
        return
    match target:
        case Binary():
            yield from _not_binary(column)
            yield from _unlabelled(column, (0, 1), "0 nor 1")
        case Category():
            yield from _unknown(f"{where}/positive", target.positive, column, target.spelling)
            yield from _all_alike(target, column)
        case Classes():
            yield from _unknown(f"{where}/values", target.values, column, target.spelling)
            yield from _left_out(f"{where}/values", target.values, column, target.spelling)
        case Threshold():
            yield from _beyond(f"{where}/above", [target.above], column)
        case ThresholdByGroup():
            yield from _beyond(f"{where}/thresholds", dict(target.thresholds).values(), column)
            yield from _groups(f"{where}/thresholds", target, columns.get(target.by))
        case Number():
            yield from _apart(where, (target.low, target.high), column)
        case Count():
            yield from _apart(where, (-0.5, target.most + 0.5), column)
            yield from _unlabelled(column, (0, inf), "0 nor a whole number above it")


def _groups(where: str, target: ThresholdByGroup, groups: Column | None) -> Iterator[Finding]:
    if groups is not None:
        keys = list(dict(target.thresholds))
        yield from _unknown(where, keys, groups, target.spelling)
        yield from _left_out(where, keys, groups, target.spelling)


def _no_number(where: str, column: Column, kinds: str) -> Finding:
    what = f"`{column.name}` is published as a category, not as a number: choose the kind {kinds}"
    return Finding(where, what, ColumnMissing.code)


def _unknown(
    where: str, stated: Sequence[str], column: Column, ignored: Ignored
) -> Iterator[Finding]:
    """Yield the stated values that the dictionary does not list."""
    listed = list(column.meaning.values)
    if not listed:
        what = (
            f"the dictionary lists no values of `{column.name}`: the stated values cannot "
            "be checked"
        )
        yield Finding(where, what)
        return
    known = {alike(value, ignored) for value in listed}
    for value in stated:
        if alike(value, ignored) not in known:
            near = nearest(value, listed)
            more = "" if near else f"; it lists {_named(listed)}"
            what = f"`{value}` is not a value of `{column.name}` in the dictionary{near}{more}"
            yield Finding(where, what, JobRefused.code)


def _left_out(
    where: str, stated: Sequence[str], column: Column, ignored: Ignored
) -> Iterator[Finding]:
    """Yield a remark on listed values that are not stated: rows of them have no label."""
    named = {alike(value, ignored) for value in stated}
    missing = [value for value in column.meaning.values if alike(value, ignored) not in named]
    if missing:
        what = f"rows whose `{column.name}` is {_named(missing)} have no label and take no part"
        yield Finding(where, what)


def _apart(where: str, stated: Range, column: Column) -> Iterator[Finding]:
    """Yield that a stated range has nothing in common with the public one, or is wider."""
    public = column.meaning.range
    if public is None:
        yield from _without_range(where, column)
    elif stated[0] >= public[1] or stated[1] <= public[0]:
        what = (
            f"lies outside the range of `{column.name}`, {_ends(public)}: all rows would "
            "have the same value"
        )
        yield Finding(where, what, JobRefused.code)
    elif stated[1] - stated[0] > 2 * (public[1] - public[0]):
        what = f"is more than twice as wide as the range of `{column.name}`, {_ends(public)}"
        yield Finding(where, what)


def _beyond(where: str, limits: Iterable[float], column: Column) -> Iterator[Finding]:
    """Yield that no value, or every value, lies above each threshold."""
    public = column.meaning.range
    if public is None:
        yield from _without_range(where, column)
        return
    sides = {(limit >= public[1]) - (limit < public[0]) for limit in limits}
    if len(sides) == 1 and sides != {0}:
        which = "no value" if sides == {1} else "every value"
        what = (
            f"{which} of `{column.name}`, {_ends(public)}, lies above the threshold: all "
            "rows would have the same label"
        )
        yield Finding(where, what, JobRefused.code)
    elif sides != {0}:
        what = f"some thresholds lie outside the range of `{column.name}`, {_ends(public)}"
        yield Finding(where, what)


def _not_binary(column: Column) -> Iterator[Finding]:
    public, listed = column.meaning.range, column.meaning.values
    outside = public is not None and (public[0] > 0 or public[1] < 1)
    if outside or (listed and not {"0", "1"} <= set(listed)):
        what = f"`{column.name}` does not hold both 0 and 1 in the dictionary; choose another kind"
        yield Finding("/target/kind", what, JobRefused.code)


def _unlabelled(column: Column, labels: Range, called: str) -> Iterator[Finding]:
    """Yield a remark where the dictionary has values that are no label."""
    public = column.meaning.range
    if public is not None and not labels[0] <= public[0] <= public[1] <= labels[1]:
        what = (
            f"rows whose `{column.name}`, {_ends(public)}, is neither {called} have no label and "
            "take no part"
        )
        yield Finding("/target/kind", what)


def _all_alike(target: Category, column: Column) -> Iterator[Finding]:
    listed = {alike(value, target.spelling) for value in column.meaning.values}
    if listed and listed <= {alike(value, target.spelling) for value in target.positive}:
        what = f"has every value of `{column.name}`: all rows would have the same label"
        yield Finding("/target/positive", what, JobRefused.code)


def _without_range(where: str, column: Column) -> Iterator[Finding]:
    what = f"the dictionary states no range of `{column.name}`: the stated range cannot be checked"
    yield Finding(where, what)


def _ends(public: Range) -> str:
    return f"{public[0]:g} to {public[1]:g}"


def _named(values: Sequence[str]) -> str:
    shown = ", ".join(f"`{value}`" for value in values[:_MOST_NAMED])
    more = len(values) - _MOST_NAMED
    return f"{shown} and {more} more" if more > 0 else shown
