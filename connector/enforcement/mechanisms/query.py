"""The mechanism `query`: tables of cells over enough persons, computed where the data are.

No row leaves: a level of protection is upheld up to `Aggregated`, and a scope of pseudonyms is met
by there being none. A contract that states no minimum of persons per cell has that of `MINIMUM`,
or, where it states a budget of privacy, none: its cells have noise instead.
"""

from __future__ import annotations

import math
from dataclasses import replace
from decimal import Decimal
from types import MappingProxyType
from typing import Final

from connector.domain.catalog import territory
from connector.domain.catalog.dataset import Column
from connector.enforcement import figures
from connector.enforcement.ground import Ground
from connector.enforcement.mechanism import AT_LEAST, EQ, Figures, Upheld
from connector.enforcement.mechanisms import (
    outputs,
    privacy,
    row_conditions,
    rows,
    tables,
    territories,
)
from connector.enforcement.plan import Label, Step
from connector.enforcement.steps import registry as steps
from connector.enforcement.steps.aggregate import Aggregate
from connector.enforcement.steps.generalise import Generalise
from connector.enforcement.steps.minimise import Minimise
from connector.enforcement.steps.noise import Noise, Range
from connector.enforcement.steps.release import AGGREGATED as CELLS
from connector.enforcement.steps.release import Release
from connector.enforcement.steps.typed import Typed
from connector.enforcement.steps.where import QUERY, Where
from connector.enforcement.terms import (
    AGGREGATE,
    AGGREGATED,
    CELL_COUNT,
    PERSON,
    PROTECTION,
    PUBLISH,
    READ,
    REPRODUCE,
    REVIEWERS,
    ROWS,
    SCOPE,
)
from connector.errors import PolicyInvalid
from policies_odrl import Constraint, Iri, Knowledge, Permission, Truth
from policies_odrl.algebra.domain import Fact
from policies_odrl.evaluation.operands import check

NAME: Final = "query"
ACTIONS: Final = frozenset({AGGREGATE, PUBLISH})  # what is published is a table made here
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
    coarser = territories.coarser(atoms, columns, ground)
    noise = _noise(rule, ground, columns, coarser)
    minimum = figures.bound(atoms, CELL_COUNT, max, Decimal(1 if noise else MINIMUM))
    persons = ("persons",) if ground.personal else ()
    sums = ("sum", "mean") if measures else ()
    ranges = {each.name: each.meaning.range for each in columns if each.datatype == "number"}
    aggregate = Aggregate(
        dimensions=names,
        measures=measures,
        functions=("count", *persons, *sums),
        minimum=figures.whole(minimum, CELL_COUNT),
        ranges={} if noise else {name: ends for name, ends in ranges.items() if ends},
    )
    made: tuple[Typed, ...] = (
        Where(QUERY),
        Minimise(names, row_conditions.tests(atoms, ground)),
        *coarser,
        aggregate,
        *((noise,) if noise else ()),
        *outputs.steps(atoms),
        Release(CELLS, FORMATS),
    )
    return tuple(map(steps.signed, made))


def _spends(atoms: tuple[Constraint, ...]) -> bool:
    return any(item.left in privacy.OPERANDS for item in atoms)


def _figures(rule: Permission) -> Figures:
    spends = _spends(figures.required(rule.constraints))
    return Figures(*privacy.budget(rule)) if spends else Figures()


def _noise(
    rule: Permission,
    ground: Ground,
    columns: tuple[Column, ...],
    coarser: tuple[Generalise, ...],
) -> Noise | None:
    """Return the noise of a use, None where its contract states no budget.

    What is public of its columns is what the data dictionary says, and all units of a territory or
    of a declared hierarchy; a column of numbers has a range, a list of values, or both.

    Raises:
        PolicyInvalid: the budget is not whole, or the dataset names no persons.
    """
    atoms = figures.required(rule.constraints)
    if not _spends(atoms):
        return None
    privacy.check_unit(atoms)
    if not (ground.personal and ground.person_column):
        raise PolicyInvalid(
            "a privacy budget protects persons, but the dataset has no person column"
        )
    epsilon, delta = privacy.budget(rule)
    rows = figures.bound(atoms, ROWS, min, Decimal(ground.rows_per_person))
    ranged = [(each.name, each.meaning.range) for each in columns if each.datatype == "number"]
    return Noise(
        *(epsilon, delta, PERSON, figures.whole(rows, ROWS)),
        ranges={name: _range(*ends) for name, ends in ranged if ends},
        categories={each.name: values for each in columns if (values := _values(each))},
        units={it.column: found for it in coarser if (found := _units(it, columns))},
    )


def _range(low: float, high: float) -> Range:
    """Return a public range, counted in a unit with 1,000 to 10,000 of them up to its larger end.

    What rounding to a unit loses is a thousandth of what one person's noise is.
    """
    digits = math.ceil(math.log10(max(abs(low), abs(high)))) - 4
    return Range(low, high, float(f"1e{digits}"))


def _values(column: Column) -> tuple[str, ...]:
    """Return the public values of a column, each once: numbers as one number is written."""
    meaning = column.meaning
    if meaning.territory == territory.DEPARTEMENT and not meaning.values:
        return tuple(sorted(territory.units(territory.DEPARTEMENT)))
    if column.datatype != "number":
        return meaning.values
    return tuple(dict.fromkeys(f"{float(each):.15g}" for each in column.meaning.values))


def _units(step: Generalise, columns: tuple[Column, ...]) -> tuple[str, ...]:
    column = next(each for each in columns if each.name == step.column)
    return territories.units(step.how, column)


def only_cells(item: Constraint) -> bool:
    """Return whether cells are as protected as a constraint demands."""
    known: Fact = Iri(AGGREGATED)
    return check(item, (known,), Knowledge())[0] is Truth.TRUE


_NO_ROW: Final = Upheld(Label.CHECKED, "evaluation of each request: only cells leave")
MECHANISM: Final = replace(
    rows.mechanism(
        NAME,
        ACTIONS,
        "aggregating step",
        {
            CELL_COUNT: Upheld(
                Label.ENFORCED, "aggregating step: fewest persons per cell", AT_LEAST
            ),
            PROTECTION: Upheld(
                Label.ENFORCED, "aggregating step: only cells leave", EQ | AT_LEAST, fits=only_cells
            ),
            SCOPE: Upheld(Label.ENFORCED, "aggregating step: no pseudonym leaves", tables.ONE_OF),
            REVIEWERS: outputs.UPHELD,
            **privacy.upheld("noise step", "noise for all rows of a person that count"),
        },
        _compile,
    ),
    codes=MappingProxyType({**tables.CODES, **privacy.CODES}),
    figures=_figures,
    forbids=MappingProxyType({READ: _NO_ROW, REPRODUCE: _NO_ROW, **tables.FORBIDS}),
)
