r"""How far persons stand out in rows that leave: classes of equal quasi-identifiers.

Measures, over classes of rows with the same quasi-identifiers (a missing value is a value):
k is the fewest persons of a class (Sweeney 2002), l the fewest distinct values of a sensitive
column in one (Machanavajjhala et al. 2007), t the greatest distance of its distribution in a class
from that of all rows (Li et al. 2007): for text, ½ Σ |p − q|; for numbers and days, in bins of
equal counts, (Σ |P − Q|) / (bins − 1) of the cumulated shares. Linking: of persons in the rows, m
match one person there; of a tenth that is kept out, c do. Linking adds (m − c) / (1 − c).
"""

from __future__ import annotations

from typing import Final

import sqlglot.expressions as exp

from connector.domain.catalog.dataset import ColumnClass
from connector.domain.privacy.findings import FEW, Risk, in_steps, told
from connector.protection.expressions import NUMBERS, quoted
from connector.protection.persons import PERSON
from connector.protection.risk.bins import binned, edges
from connector.protection.risk.judged import Judged

_CONTROL: Final = 10  # one person of so many is kept out
_COARSE: Final = 20  # steps of the distance


def risk(judged: Judged) -> Risk:
    """Return how far persons stand out in the rows that leave."""
    keys = judged.leaving(ColumnClass.QUASI_IDENTIFIER)
    k, persons, unique, rare = _sizes(judged, keys)
    found = [_sensitive(judged, keys, name) for name in judged.leaving(ColumnClass.SENSITIVE)]
    return Risk(
        k=in_steps(k),
        l=min((fewest for fewest, _ in found), default=None),
        t=max((distance for _, distance in found), default=None),
        unique=told(unique / persons, persons) if persons else 0.0,
        rare=told(rare / persons, persons) if persons else 0.0,
        linkable=_linkable(judged, keys),
    )


def _sizes(judged: Judged, keys: list[str]) -> tuple[int, int, int, int]:
    """Return the fewest persons of a class, all, those alone in one, those among few in one."""
    sized = exp.select(
        quoted(PERSON), exp.alias_(_over(exp.Count(this=exp.Star()), len(keys)), "n")
    ).from_(_distinct(judged, keys))
    query = exp.select(
        "min(n)",
        "count(DISTINCT person)",
        *(f"count(DISTINCT CASE WHEN n <= {most} THEN person END)" for most in (1, FEW - 1)),
    ).from_(sized.subquery("s"))
    ((k, persons, unique, rare),) = judged.ask(query)
    return k or 0, persons, unique, rare


def _linkable(judged: Judged, keys: list[str]) -> float:
    kept_out = f"abs(person % {_CONTROL}) = 0"
    members = exp.Sum(this=exp.maybe_parse(f"CASE WHEN {kept_out} THEN 0 ELSE 1 END"))
    sized = exp.select(quoted(PERSON), exp.alias_(_over(members, len(keys)), "n")).from_(
        _distinct(judged, keys)
    )
    counts = (
        f"count(DISTINCT CASE WHEN {which}({kept_out}) AND {matched} THEN person END)"
        for which in ("NOT ", "")
        for matched in ("TRUE", "n = 1")
    )
    ((within, matched, without, wrongly),) = judged.ask(
        exp.select(*counts).from_(sized.subquery("s"))
    )
    chance = wrongly / without if without else 0.0
    if not within or chance >= 1:
        return 0.0
    return told(max(0.0, (matched / within - chance) / (1 - chance)), within)


def _sensitive(judged: Judged, keys: list[str], name: str) -> tuple[int, float]:
    """Return the fewest distinct values of a class, and the greatest distance from all rows."""
    value = judged.view.values[name]
    ordered = value.datatype in (*NUMBERS, "date")
    limits = edges(judged, value) if ordered else []
    held = binned(value, limits) if ordered else exp.cast(value.made.copy(), "TEXT")
    columns = [*_named(judged, keys), exp.alias_(held, "v"), exp.alias_(value.made.copy(), "raw")]
    rows = judged.rows(*columns).subquery("r")
    spread = (
        _ordered(judged, rows, len(keys), len(limits)) if ordered else _nominal(rows, len(keys))
    )
    distinct = "count(DISTINCT raw) + max(CASE WHEN raw IS NULL THEN 1 ELSE 0 END) AS l"
    fewest = exp.select(distinct).from_(rows.copy()).group_by(*_keys(len(keys)))
    ((l,),) = judged.ask(exp.select("min(l)").from_(fewest.subquery("f")))  # noqa: E741  as it is called
    ((distance,),) = judged.ask(spread)
    return l or 0, min(1.0, -(-(distance or 0.0) * _COARSE // 1) / _COARSE)


def _nominal(rows: exp.Expr, keys: int) -> exp.Select:
    """Return what finds the greatest ½ Σ |p − q|, which is Σ max(p − q, 0)."""
    count: exp.Expr = exp.Sum(this=exp.Count(this=exp.Star()))
    counted = (
        exp.select(
            *_keys(keys),
            "count(*) AS c",
            exp.alias_(_over(count, keys), "n"),
            exp.alias_(exp.Window(this=count.copy(), partition_by=[exp.column("v")]), "q"),
            exp.alias_(exp.Window(this=count.copy()), "m"),
        )
        .from_(rows.copy())
        .group_by(*_keys(keys), "v")
    )
    share = "sum(greatest(CAST(c AS DOUBLE) / n - CAST(q AS DOUBLE) / m, 0)) AS d"
    classes = exp.select(share).from_(counted.subquery("c")).group_by(*_keys(keys))
    return exp.select("max(d)").from_(classes.subquery("d"))


def _ordered(judged: Judged, rows: exp.Expr, keys: int, limits: int) -> exp.Select:
    """Return what finds the greatest distance of cumulated shares, over bins in order."""
    upto = [f"avg(CASE WHEN v <= {at} THEN 1.0 ELSE 0.0 END)" for at in range(limits)]
    overall = (
        judged.ask(exp.select(*upto).from_(rows.copy()).where("v IS NOT NULL"))[0] if upto else ()
    )
    parts = [f"abs({share} - {whole or 0.0!r})" for share, whole in zip(upto, overall, strict=True)]
    distance = f"({' + '.join(parts)}) / {limits} AS d" if parts else "0.0 AS d"
    classes = exp.select(distance).from_(rows.copy()).where("v IS NOT NULL").group_by(*_keys(keys))
    return exp.select("max(d)").from_(classes.subquery("d"))


def _distinct(judged: Judged, keys: list[str]) -> exp.Subquery:
    return judged.rows(*_named(judged, keys), quoted(PERSON)).distinct().subquery("r")


def _named(judged: Judged, keys: list[str]) -> list[exp.Expr]:
    return [
        exp.alias_(judged.view.values[name].made.copy(), f"k{at}") for at, name in enumerate(keys)
    ]


def _keys(count: int) -> list[exp.Expr]:
    """Return the keys of classes; without any, all rows are one class."""
    return [exp.column(f"k{at}") for at in range(count)]


def _over(what: exp.Expr, keys: int) -> exp.Window:
    return exp.Window(this=what, partition_by=_keys(keys))
