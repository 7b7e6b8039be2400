"""The mechanism `sums`: a site adds to sums over sites, of which nobody sees its own part.

Without noise, hence not differential privacy: only a permission of its own, `preau:federatedSums`,
lets a contract have it, and it names the sites. What leaves is under masks, and tells nothing
but in the sum over all of them.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from connector.domain.catalog.dataset import Column
from connector.enforcement import figures
from connector.enforcement.ground import Ground
from connector.enforcement.mechanism import AT_LEAST, EQ, Upheld
from connector.enforcement.mechanisms import query, row_conditions, rows, tables
from connector.enforcement.plan import Label, Step
from connector.enforcement.steps import registry as steps
from connector.enforcement.steps.minimise import Minimise
from connector.enforcement.steps.release import AGGREGATED as CELLS
from connector.enforcement.steps.release import Release
from connector.enforcement.steps.summing import Sum
from connector.enforcement.steps.typed import Typed
from connector.enforcement.steps.where import QUERY, Where
from connector.enforcement.terms import (
    CELL_COUNT,
    FEDERATED_SUMS,
    GRANULARITY,
    NAMED_SITES,
    PROTECTION,
    SCOPE,
    SITES,
)
from connector.errors import PolicyInvalid
from federated.aggregation import LEAST_SITES
from policies_odrl import Constraint, Operator, Permission

NAME: Final = "sums"
ACTIONS: Final = frozenset({FEDERATED_SUMS})
NAMES: Final = frozenset({Operator.IS_ANY_OF})


def _compile(rule: Permission, ground: Ground) -> tuple[Step, ...]:
    atoms = figures.required(rule.constraints)
    columns, _ = tables.allowed(atoms, ground)
    columns = tuple(each for each in columns if not tables.identifies(each, ground))
    ranges = {each.name: ends for each in columns if (ends := _range(each))}
    values = {each.name: found for each in columns if len(found := _values(each)) > 1}
    if not ranges and not values:
        raise PolicyInvalid(
            "no column is left to make sums of: the data dictionary states no public range and "
            "no values"
        )
    sites = named_sites(atoms)
    least = figures.bound(atoms, SITES, max, Decimal(LEAST_SITES))
    minimum = figures.bound(atoms, CELL_COUNT, max, Decimal(query.MINIMUM))
    added = Sum(
        sites=sites,
        minimum_sites=max(figures.whole(least, SITES), LEAST_SITES),
        minimum=figures.whole(minimum, CELL_COUNT),
        ranges=ranges,
        categories=values,
    )
    made: tuple[Typed, ...] = (
        Where(QUERY),
        Minimise(added.columns, row_conditions.tests(atoms, ground)),
        added,
        Release(CELLS, query.FORMATS),
    )
    return tuple(map(steps.signed, made))


def named_sites(atoms: tuple[Constraint, ...]) -> tuple[str, ...]:
    """Return the other sites of sums: those that all constraints name.

    Raises:
        PolicyInvalid: they are too few.
    """
    stated = [item for item in atoms if item.left == NAMED_SITES]
    lists = [figures.names((item,), NAMED_SITES, NAMES) for item in stated]
    found = tuple(each for each in lists[0] if all(each in it for it in lists)) if lists else ()
    if len(found) < LEAST_SITES - 1:
        raise PolicyInvalid(
            f"sums over sites must name at least {LEAST_SITES - 1} other sites in `{NAMED_SITES}`"
        )
    return found


def _range(column: Column) -> tuple[float, float] | None:
    """Return the public range of a column of numbers, where it has one that is no point."""
    ends = column.meaning.range if column.datatype == "number" else None
    return ends if ends and ends[0] < ends[1] else None


def _values(column: Column) -> tuple[str, ...]:
    return column.meaning.values if column.datatype != "number" else ()


MECHANISM: Final = rows.mechanism(
    NAME,
    ACTIONS,
    "summing step",
    {
        CELL_COUNT: Upheld(
            Label.ENFORCED, "summing step: fewest persons of the site and of a value", AT_LEAST
        ),
        PROTECTION: Upheld(
            Label.ENFORCED,
            "summing step: only sums leave",
            EQ | AT_LEAST,
            fits=query.only_cells,
        ),
        SCOPE: Upheld(Label.ENFORCED, "summing step: no pseudonym leaves", tables.ONE_OF),
        NAMED_SITES: Upheld(
            Label.ENFORCED, "summing step: masks with these sites, by their keys", NAMES
        ),
        SITES: Upheld(
            Label.ENFORCED, "summing step: fewest sites of a sum, three at least", AT_LEAST
        ),
    },
    _compile,
    without=GRANULARITY,
)
