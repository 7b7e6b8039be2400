"""How coarse something leaves: from policy and data dictionary to generalising steps.

Rules: a column whose dictionary says whose codes it holds, or declares a hierarchy of them, gets
coarser, as far as the policy's granularity demands; where no step here can do that, the policy does
not fit the dataset. Nor does it where no column says whose codes it holds: which of them tell a
territory is not known then. What a dictionary lets leave at a level alone does so in every plan.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from connector.domain.catalog import coarseness, territory
from connector.domain.catalog.coarseness import Bands
from connector.domain.catalog.dataset import Column
from connector.domain.catalog.dictionary import TERRITORIES, Meaning
from connector.enforcement.ground import Ground
from connector.enforcement.steps.generalise import Band, Coding, Generalise, How, Level
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
    """Return the steps after which no smaller unit leaves than policy and dictionary allow.

    Args:
        atoms: what the policy requires.
        columns: those that leave.
        ground: the dataset.

    Raises:
        PolicyInvalid: it demands what no step here makes of this dataset.
    """
    level, exact = demanded(atoms)
    if level and not any(map(_told, ground.columns)):
        raise PolicyInvalid(
            "the policy limits territories, and no column of the dataset says whose codes it holds",
            hint="state `territory` in the data dictionary of the columns that hold such codes",
        )
    steps = (_step(each, level if _told(each) else "", exact=exact) for each in columns)
    return tuple(filter(None, steps))


def units(how: How, column: Column) -> tuple[str, ...]:
    """Return all that can stand in a column after a step; empty where that is not public."""
    if not isinstance(how, Level):
        return ()
    declared = column.meaning.hierarchy
    if not how.digest:
        return tuple(sorted(set(territory.units(how.level).values())))
    found = declared.tier(how.level) if declared else None
    return found.units if found else ()


def _told(column: Column) -> bool:
    """Whether a column says to which territories its codes belong."""
    declared = column.meaning.hierarchy
    tiers = declared.tiers if declared else ()
    return bool(column.meaning.territory) or any(each.name in _SIZES for each in tiers)


def _step(column: Column, level: str, *, exact: bool) -> Generalise | None:
    meaning = column.meaning
    if own := _own(column):
        return Generalise(column.name, own)
    suits = not level or _fits(meaning.territory, level, exact=exact)
    if suits and not meaning.leaves_as:
        return None
    ways = [each for each in _ways(meaning) if not level or _fits(each.level, level, exact=exact)]
    if not ways:
        raise PolicyInvalid(
            f"this node cannot generalise `{column.name}` to {level}: leave the column out",
            hint="a `hierarchy` in its data dictionary says to which units its codes belong",
        )
    smallest = min(ways, key=lambda each: _SIZES.index(each.level)) if level else ways[0]
    return Generalise(column.name, smallest)


def _own(column: Column) -> How | None:
    """Return how days or numbers leave; None where a column has codes, or leaves as it is."""
    stated = column.meaning.leaves_as
    if column.datatype != "number":
        coded = column.meaning.hierarchy or column.meaning.territory
        return stated if stated in coarseness.DAYS and not coded else None
    found = coarseness.of_numbers(stated)
    if isinstance(found, Bands):
        return Band(found.width, found.start)
    return None if found is None else Coding(found.bottom, found.top)


def _ways(meaning: Meaning) -> tuple[Level, ...]:
    """Return the levels at which a column can leave: those declared, then those that nodes know."""
    declared, known, least = meaning.hierarchy, territory.OF_CODES.get(meaning.territory), 0
    found: list[Level] = []
    if declared is not None:
        names = [each.name for each in declared.tiers]
        least = names.index(meaning.leaves_as) if meaning.leaves_as else 0
        found += [Level(declared.name, each, declared.digest) for each in names[least:]]
    if known is not None:
        fit = (it for it in territory.LEVELS if _fits(it, meaning.leaves_as, exact=False))
        found += [Level(known.hierarchy, each) for each in fit]
    return tuple(found)


def _fits(unit: str, level: str, *, exact: bool) -> bool:
    """Whether a territory is one that a demand allows; without one, any is."""
    if not level or unit == level:
        return True
    sized = unit in _SIZES and level in _SIZES
    return sized and not exact and _SIZES.index(unit) >= _SIZES.index(level)
