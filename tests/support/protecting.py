"""Steps, small tables and what the steps make of them, worked out row by row in plain Python."""

from __future__ import annotations

import hashlib
import hmac
import math
from collections.abc import Iterable, Sequence
from datetime import date
from typing import Any, Final

import pyarrow as pa

from connector.domain.catalog import territory
from connector.domain.catalog.layout import Field
from connector.enforcement.steps.generalise import Band, Coding, Generalise, Level
from connector.enforcement.steps.minimise import AT_LEAST, AT_MOST, NONE_OF, Minimise, RowTest
from connector.enforcement.steps.pseudonymise import Pseudonymise, Scope
from connector.enforcement.steps.release import MINIMISED, PSEUDONYMISED, Release
from connector.enforcement.steps.table import TableSteps
from connector.enforcement.steps.where import DELIVERED, Where
from connector.jsonld.canonical import canonical
from connector.protection.ground import Ground
from connector.protection.means import Means, Outcome
from connector.protection.rows import rows
from connector.protection.shape import TYPES

FIELDS: Final = (
    Field("ine", "text"),
    Field("INE", "text"),  # names that differ in case alone
    Field("commune", "text"),
    Field("born", "date", "YYYY-MM-DD"),
    Field("age", "integer"),
    Field("score", "number"),
    Field("boarder", "boolean"),
)
GROUPS: Final = Level("groups of communes", "epci", "0" * 64)
GROUND: Final = Ground(
    FIELDS, person="ine", hierarchies={GROUPS.digest: {"epci": {"35238": "Rennes Métropole"}}}
)
ROOT: Final = bytes(range(32))
SCOPE: Final = Scope("contract", ("urn:uuid:1",))
NAMES: Final = tuple(each.name for each in FIELDS)
MEANS: Final = Means(root=ROOT)


def uses(
    columns: Sequence[str] = NAMES,
    tests: Sequence[RowTest] = (),
    coarser: Sequence[Generalise] = (),
    pseudonyms: Sequence[str] = (),
    scope: Scope = SCOPE,
) -> TableSteps:
    """Return the steps of a delivery."""
    level = PSEUDONYMISED if pseudonyms else MINIMISED
    return TableSteps(
        where=Where(DELIVERED),
        minimise=Minimise(tuple(columns), tuple(tests)),
        pseudonymise=Pseudonymise(tuple(pseudonyms), scope) if pseudonyms else None,
        generalise=tuple(coarser),
        aggregate=None,
        noise=None,
        release=Release(level, ("csv",)),
    )


def table(data: Iterable[Sequence[Any]], ground: Ground = GROUND) -> pa.RecordBatch:
    """Return rows as a batch."""
    columns = list(zip(*data, strict=True)) or [()] * len(ground.fields)
    fields = ground.fields
    made = [pa.array(it, TYPES[f.datatype]) for it, f in zip(columns, fields, strict=True)]
    return pa.record_batch(made, names=[each.name for each in fields])


def delivered(
    steps: TableSteps,
    *batches: pa.RecordBatch,
    ground: Ground = GROUND,
    means: Means = MEANS,
    outcome: Outcome | None = None,
) -> list[tuple[Any, ...]]:
    """Return the rows that leave."""
    found = rows(steps, batches, ground, means, outcome or Outcome())
    table = pa.Table.from_batches(list(found))
    assert tuple(table.schema.names) == steps.minimise.columns
    return list(zip(*(each.to_pylist() for each in table.columns), strict=True))


def expected(
    steps: TableSteps, data: Iterable[Sequence[Any]], root: bytes = ROOT
) -> list[tuple[Any, ...]]:
    """Return what the steps say must leave."""
    named = [dict(zip(NAMES, row, strict=True)) for row in data]
    kept = [row for row in named if all(_passes(test, row) for test in steps.minimise.rows)]
    return [
        tuple(_value(steps, row, name, root) for name in steps.minimise.columns) for row in kept
    ]


def _passes(test: RowTest, row: dict[str, Any]) -> bool:
    value = row[test.column]
    if value is None:
        return False
    values = test.values
    if isinstance(value, date):
        values = tuple(date.fromisoformat(str(each)) for each in values)
    if isinstance(value, bool):
        values = tuple(each == "true" for each in values)
    if test.test == AT_LEAST:
        return bool(value >= values[0])
    if test.test == AT_MOST:
        return bool(value <= values[0])
    return (value in values) != (test.test == NONE_OF)


def _value(steps: TableSteps, row: dict[str, Any], name: str, root: bytes) -> Any:
    value = row[name]
    if name in steps.pseudonyms and steps.pseudonymise:
        return value and pseudonym(value, steps.pseudonymise.scope, root)
    for step in steps.generalise:
        if step.column == name:
            return None if value is None else _coarser(step, value)
    return value


def pseudonym(identifier: str, scope: Scope, root: bytes = ROOT) -> str:
    """Return a pseudonym by its definition."""
    stated = canonical({"use": "pseudonyms", **scope.body()})
    key = hmac.new(root, stated, "sha256").digest()
    made = hashlib.blake2b(identifier.encode(), digest_size=16, key=key, person=b"preau-pseudonym")
    return made.hexdigest()


def _coarser(step: Generalise, value: Any) -> Any:
    how = step.how
    if isinstance(how, Band):
        return math.floor((value - how.start) / how.width) * how.width + how.start
    if isinstance(how, Coding):
        low = value if how.bottom is None else max(value, how.bottom)
        return low if how.top is None else min(low, how.top)
    if isinstance(how, Level):
        return _unit(how, value)
    if how == "suppress":
        return None
    parts = {"year": value.year, "decade": value.year // 10 * 10, "month": f"{value:%Y-%m}"}
    return parts[how]


def _unit(how: Level, code: str) -> str | None:
    if how.digest:
        return GROUND.hierarchies[how.digest][how.level].get(code)
    if how.hierarchy == "communes":
        code = "" if len(code) != 5 else code[:3] if code.startswith("97") else code[:2]
    return territory.units(how.level).get(code)
