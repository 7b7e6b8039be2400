"""The mechanism `query`: tables of cells over enough persons, computed where the data are.

No row leaves: a level of protection is upheld up to `Aggregated`, and a scope of pseudonyms is met
by there being none. A contract that states no minimum of persons per cell has that of `MINIMUM`.
"""

from __future__ import annotations

from decimal import Decimal
from types import MappingProxyType
from typing import Final

from connector.enforcement import figures
from connector.enforcement.audited import DEADLINES, DUTIES
from connector.enforcement.ground import Ground
from connector.enforcement.mechanism import AT_LEAST, EQ, Mechanism, Upheld
from connector.enforcement.mechanisms import tables, territories
from connector.enforcement.plan import Label, Step
from connector.enforcement.steps import registry as steps
from connector.enforcement.steps.aggregate import Aggregate
from connector.enforcement.steps.minimise import Minimise
from connector.enforcement.steps.release import AGGREGATED as CELLS
from connector.enforcement.steps.release import Release
from connector.enforcement.steps.typed import Typed
from connector.enforcement.steps.where import QUERY, Where
from connector.enforcement.terms import (
    AGGREGATE,
    AGGREGATED,
    CELL_COUNT,
    PROTECTION,
    READ,
    REPRODUCE,
    SCOPE,
)
from connector.errors import PolicyInvalid, UseRefused
from policies_odrl import Constraint, Iri, Knowledge, Permission, Truth
from policies_odrl.algebra.domain import Fact
from policies_odrl.evaluation.operands import check

NAME: Final = "query"
MINIMUM: Final = 10  # persons
FORMATS: Final = ("jsonl",)


def _compile(rule: Permission, ground: Ground) -> tuple[Step, ...]:
    atoms = figures.required(rule.constraints)
    columns, _ = tables.allowed(atoms, ground)
    columns = tuple(each for each in columns if not tables.identifies(each, ground))
    if not columns:
        raise PolicyInvalid("no column is left to make cells of: all identify persons")
    measures = tuple(each.name for each in columns if each.datatype == "number")
    names = tuple(each.name for each in columns)
    minimum = figures.bound(atoms, CELL_COUNT, max, Decimal(MINIMUM))
    persons = ("persons",) if ground.personal else ()
    sums = ("sum", "mean") if measures else ()
    aggregate = Aggregate(
        dimensions=names,
        measures=measures,
        functions=("count", *persons, *sums),
        minimum=figures.whole(minimum, CELL_COUNT),
    )
    made: tuple[Typed, ...] = (
        Where(QUERY),
        Minimise(names),
        *territories.coarser(atoms, columns, ground),
        aggregate,
        Release(CELLS, FORMATS),
    )
    return tuple(map(steps.signed, made))


def _cells(item: Constraint) -> bool:
    """Return whether cells are as protected as a constraint demands."""
    known: Fact = Iri(AGGREGATED)
    return check(item, (known,), Knowledge())[0] is Truth.TRUE


_NO_ROW: Final = Upheld(Label.CHECKED, "evaluation of each request: only cells leave")
MECHANISM: Final = Mechanism(
    name=NAME,
    actions=frozenset({AGGREGATE}),
    by="aggregating step",
    upholds=MappingProxyType(
        {
            **tables.CHECKED,
            CELL_COUNT: Upheld(
                Label.ENFORCED, "aggregating step: fewest persons per cell", AT_LEAST
            ),
            PROTECTION: Upheld(
                Label.ENFORCED, "aggregating step: only cells leave", EQ | AT_LEAST, fits=_cells
            ),
            SCOPE: Upheld(Label.ENFORCED, "aggregating step: no pseudonym leaves", tables.ONE_OF),
        }
    ),
    compile=_compile,
    codes=tables.CODES,
    refused=UseRefused.code,
    duties=DUTIES,
    deadlines=DEADLINES,
    forbids=MappingProxyType({READ: _NO_ROW, REPRODUCE: _NO_ROW, **tables.FORBIDS}),
)
