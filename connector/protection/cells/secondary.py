r"""Which further cells are withheld, so that totals do not give away those that must be.

The method is that of hypercubes (Repsilber 1994; Giessing 2001). For each cell x that must be
withheld, of the dimensions S, another value is chosen for each dimension of S, and for every other
dimension one value. Along the box that these span, an amount t is added to the corners that differ
from x in an even number of dimensions and taken from the others. Sums over any dimension of S stay
as they are, so that all totals that leave do. What changes, the corners and their sums over other
dimensions than those of S, is withheld too. If the corners from which it is taken have at least t,
then for all that a reader can see x may be anything from x to x + t: t is the minimum number of
persons of a cell.

This holds for the amounts that add up over cells: rows, and persons where each is in one cell.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import Final

from connector.protection.cells.cell import TOTAL, Cell, Cells, Key, Scalar, Total, level

_TRIED: Final = 24  # other values of a dimension that are tried


def withheld(cells: Cells, minimum: int, *, totals: bool) -> frozenset[Key] | None:
    """Return the cells that do not leave; None where those that must not cannot be protected.

    Args:
        cells: of the table, and of all its totals where they were asked for.
        minimum: fewest persons of a cell.
        totals: whether totals leave.
    """
    unsafe = {key for key, cell in cells.items() if cell.unsafe}
    if not totals:
        return _not_alone(cells, unsafe, minimum)
    found = set(unsafe)
    for key in sorted(unsafe, key=lambda it: (-len(level(it)), repr(it))):
        boxes = _boxes(cells, key, minimum, found)
        best = min(boxes, key=lambda box: _cost(cells, box - found), default=None)
        if best is None:
            return None
        found |= best
    return frozenset(found)


def _not_alone(cells: Cells, unsafe: set[Key], minimum: int) -> frozenset[Key]:
    """Return cells that are withheld and hold enough persons together.

    Without totals nothing is recomputed from this table; with a later total, all of them would be.
    """
    found = set(unsafe)
    others = sorted(set(cells) - found, key=lambda it: (cells[it].persons, repr(it)))
    while found and others and sum(cells[key].persons for key in found) < minimum:
        found.add(others.pop(0))
    return frozenset(found)


def _boxes(cells: Cells, key: Key, minimum: int, found: set[Key]) -> Iterator[frozenset[Key]]:
    places = level(key)
    if not places:
        return
    rest = [at for at in range(len(key)) if at not in places]
    others = [_others(cells, key, at, found) for at in places]
    for fixed in _fixed(cells, key, rest):
        for chosen in product(*others):
            box = _box(cells, fixed, dict(zip(places, chosen, strict=True)), minimum)
            if box is not None:
                yield frozenset(_summed(each, some) for each in box for some in _subsets(rest))


def _box(
    cells: Cells, key: Key, chosen: dict[int, Scalar | Total], minimum: int
) -> list[Key] | None:
    """Return the corners, of all dimensions; None where one is not there, or has too little."""
    corners = []
    for flips in _subsets(list(chosen)):
        corner = tuple(chosen[at] if at in flips else each for at, each in enumerate(key))
        cell: Cell | None = cells.get(corner)
        if cell is None or (len(flips) % 2 and cell.persons < minimum):
            return None
        corners.append(corner)
    return corners


def _others(cells: Cells, key: Key, at: int, found: set[Key]) -> list[Scalar | Total]:
    """Return other values of a dimension: what is withheld already first, then the smallest."""
    alike = [
        each
        for each in cells
        if each[at] is not TOTAL
        and each[at] != key[at]
        and all(a == b for place, (a, b) in enumerate(zip(each, key, strict=True)) if place != at)
    ]
    alike.sort(key=lambda it: (it not in found, cells[it].persons, repr(it)))
    return [each[at] for each in alike[:_TRIED]]


def _fixed(cells: Cells, key: Key, rest: list[int]) -> Iterator[Key]:
    """Yield the cells of all dimensions that a total is of."""
    if not rest:
        yield key
        return
    within = [
        each
        for each in cells
        if TOTAL not in each
        and all(
            a == b for place, (a, b) in enumerate(zip(each, key, strict=True)) if place not in rest
        )
    ]
    yield from sorted(within, key=lambda it: (cells[it].persons, repr(it)))[:_TRIED]


def _subsets(places: list[int]) -> list[frozenset[int]]:
    found = [frozenset[int]()]
    for at in places:
        found += [each | {at} for each in found]
    return found


def _summed(key: Key, places: frozenset[int]) -> Key:
    return tuple(TOTAL if at in places else each for at, each in enumerate(key))


def _cost(cells: Cells, keys: frozenset[Key]) -> int:
    return sum(cells[key].persons for key in keys)
