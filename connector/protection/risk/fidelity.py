r"""How far what leaves departs from the rows: errors of one column and of two.

The error is the total variation ½ Σ |p − p̂| between the shares of values in all rows, in bins where
they are numbers or many, and those that a reader of the extract can work out. A value that was made
coarser is spread evenly over the values that it stands for, and each is taken as independent of the
other column within them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from itertools import combinations, product
from typing import Any, Final

import sqlglot.expressions as exp

from connector.domain.catalog.dataset import ColumnClass
from connector.protection.expressions import Value
from connector.protection.risk.bins import binned, edges, frequent, is_ordered, kept
from connector.protection.risk.judged import Judged
from connector.protection.shape import numbered

MOST_PAIRED: Final = 8  # columns
_PLACES: Final = 2

Shares = Mapping[Any, float]
Spread = Mapping[Any, list[Any]]  # what leaves -> the values that it stands for


class Axis:
    """A column as it is compared: bins of all rows, and of what leaves."""

    def __init__(self, judged: Judged, name: str) -> None:
        """Look at its values.

        Args:
            judged: the rows.
            name: of a column that leaves.
        """
        ground = judged.ground
        before = Value(numbered(ground)(name), ground.datatype(name))
        after = judged.view.values[name]
        same = after.datatype == before.datatype
        if is_ordered(before):
            limits = edges(judged, before)
            self.before = binned(before, limits)
            self.after = binned(after, limits) if same else exp.cast(after.made.copy(), "TEXT")
        else:
            texts = frequent(judged, before)
            self.before = kept(before, texts)
            plain = same and name not in judged.steps.generalised
            self.after = kept(after, texts) if plain else exp.cast(after.made.copy(), "TEXT")
        self.stands_for = _stands_for(judged, self)


def fidelity(judged: Judged) -> tuple[dict[str, float | None], float | None]:
    """Return the errors of columns, None of those that do not leave, and of pairs on average."""
    names = judged.leaving(*(each for each in ColumnClass if each.value != "direct identifier"))
    axes = {name: Axis(judged, name) for name in names}
    hidden = {judged.ground.person, *judged.steps.pseudonyms}
    marginal: dict[str, float | None] = {
        each.name: _error(judged, [axes[each.name]]) if each.name in axes else None
        for each in judged.ground.fields
        if each.name not in hidden
        and judged.classes.get(each.name) is not ColumnClass.DIRECT_IDENTIFIER
    }
    pairs = [
        _error(judged, [axes[one], axes[other]])
        for one, other in combinations(names[:MOST_PAIRED], 2)
    ]
    return marginal, round(sum(pairs) / len(pairs), _PLACES) if pairs else None


def _error(judged: Judged, axes: list[Axis]) -> float:
    before = _shares(judged, [each.before for each in axes], all_of_them=True)
    after = _shares(judged, [each.after for each in axes], all_of_them=False)
    made: defaultdict[Any, float] = defaultdict(float)
    for key, share in after.items():
        values = [axis.stands_for[each] for axis, each in zip(axes, key, strict=True)]
        each_one = share / _product(map(len, values))
        for value in product(*values):
            made[value] += each_one
    keys = {*before, *made}
    return round(sum(abs(before.get(it, 0.0) - made.get(it, 0.0)) for it in keys) / 2, _PLACES)


def _shares(judged: Judged, columns: list[exp.Expr], *, all_of_them: bool) -> Shares:
    rows = judged.ask(_grouped(judged, columns, all_of_them=all_of_them))
    total = sum(count for *_, count in rows) or 1
    return {tuple(key): count / total for *key, count in rows}


def _stands_for(judged: Judged, axis: Axis) -> Spread:
    found: defaultdict[Any, list[Any]] = defaultdict(list)
    for before, after, _ in judged.ask(
        _grouped(judged, [axis.before, axis.after], all_of_them=False)
    ):
        found[after].append(before)
    return found


def _grouped(judged: Judged, columns: list[exp.Expr], *, all_of_them: bool) -> exp.Select:
    named = [exp.alias_(each.copy(), f"o{at}") for at, each in enumerate(columns)]
    rows = judged.rows(*named, all_of_them=all_of_them).subquery("r")
    names = [f"o{at}" for at in range(len(columns))]
    return exp.select(*names, "count(*) AS n").from_(rows).group_by(*names)


def _product(sizes: Iterable[int]) -> int:
    made = 1
    for each in sizes:
        made *= each
    return made
