"""For which territories something leaves: from the policy's granularity to generalising steps.

Rules: a column whose dictionary says whose codes it holds gets coarser, as far as the policy
demands; where no step here can do that, the policy does not fit the dataset. Nor does it where no
column says whose codes it holds: which of them tell a territory is not known then.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from connector.domain.catalog import territory
from connector.domain.catalog.dataset import Column
from connector.domain.catalog.dictionary import TERRITORIES
from connector.enforcement.ground import Ground
from connector.enforcement.steps.generalise import Generalise, Level
from connector.enforcement.terms import GRANULARITY
from connector.errors import PolicyInvalid
from policies_odrl import Constraint, Operator
from policies_odrl.values import name
from policies_odrl.vocabulary import PREAU

_SIZES: Final = tuple(TERRITORIES)
_NAMED: Final = {PREAU + unit: each for each, unit in TERRITORIES.items()}


def known(item: Constraint) -> bool:
    """Whether a constraint names one territory that this node knows."""
    return len(item.right) == 1 and name(item.right[0]) in _NAMED


def demanded(atoms: Iterable[Constraint]) -> tuple[str, bool]:
    """Return the smallest territory that a policy allows, and whether it allows no other.

    Returns:
        One of `TERRITORIES`; empty where the policy says nothing.

    Raises:
        PolicyInvalid: it demands several at once.
    """
    stated = [
        (item.operator is Operator.EQ, _NAMED[name(item.right[0]) or ""])
        for item in atoms
        if item.left == GRANULARITY
    ]
    if not stated:
        return "", False
    largest = max((each for _, each in stated), key=_SIZES.index)
    exact = {each for equal, each in stated if equal}
    if exact and exact != {largest}:
        raise PolicyInvalid("the policy demands several territorial granularities at once")
    return largest, bool(exact)


def coarser(
    atoms: Iterable[Constraint], columns: Iterable[Column], ground: Ground
) -> tuple[Generalise, ...]:
    """Return the steps after which no smaller territory leaves than a policy allows.

    Args:
        atoms: what the policy requires.
        columns: those that leave.
        ground: the dataset.

    Raises:
        PolicyInvalid: it demands what no step here makes of this dataset.
    """
    level, exact = demanded(atoms)
    if level and not any(each.meaning.territory for each in ground.columns):
        raise PolicyInvalid(
            "the policy limits territories, and no column of the dataset says whose codes it holds",
            hint="state `territory` in the data dictionary of the columns that hold such codes",
        )
    told = (each for each in columns if level and each.meaning.territory)
    return tuple(step for each in told if (step := _step(each, level, exact=exact)))


def _step(column: Column, level: str, *, exact: bool) -> Generalise | None:
    own, least = _SIZES.index(column.meaning.territory), _SIZES.index(level)
    if own == least or (own > least and not exact):
        return None
    hierarchy = territory.OF_CODES.get(column.meaning.territory)
    fit = [each for each in territory.LEVELS if _SIZES.index(each) >= least]
    if hierarchy is None or not fit or (exact and fit[0] != level):
        raise PolicyInvalid(
            f"no step of this node gives `{column.name}` by {level}: leave the column out"
        )
    return Generalise(column.name, Level(hierarchy, fit[0]))
