"""Values in few bins: numbers and days by equal counts, texts by the most frequent ones."""

from __future__ import annotations

from typing import Final

import sqlglot.expressions as exp

from connector.protection.expressions import NUMBERS, Value
from connector.protection.risk.judged import Judged

BINS: Final = 10
MOST_TEXTS: Final = 100


def edges(judged: Judged, value: Value) -> list[object]:
    """Return the values after which a new bin begins, in order; at most `BINS` - 1."""
    shares = [f"quantile_disc(v, {at / BINS})" for at in range(1, BINS)]
    values = judged.rows(exp.alias_(_plain(value), "v"), all_of_them=True)
    found = judged.ask(exp.select(*shares, "max(v)").from_(values.subquery("e")))[0]
    *low, most = found
    return sorted({each for each in low if each is not None and each < most})


def binned(value: Value, limits: list[object]) -> exp.Expr:
    """Return the number of the bin that a value is in; no number for no value."""
    made = exp.Case()
    for at, limit in enumerate(limits):
        end = exp.Literal.number(repr(limit))
        made = made.when(exp.LTE(this=_plain(value), expression=end), exp.Literal.number(at))
    there = exp.Not(this=exp.Is(this=value.made.copy(), expression=exp.null()))
    return made.when(there, exp.Literal.number(len(limits)))


def frequent(judged: Judged, value: Value) -> list[str]:
    """Return the texts that most rows have, at most `MOST_TEXTS`."""
    text = exp.alias_(exp.cast(value.made.copy(), "TEXT"), "v")
    rows = judged.rows(text, all_of_them=True).subquery("e")
    query = exp.select("v").from_(rows).where("v IS NOT NULL").group_by("v")
    query = query.order_by("count(*) DESC, v").limit(MOST_TEXTS)
    return [each for (each,) in judged.ask(query)]


def kept(value: Value, texts: list[str]) -> exp.Expr:
    """Return a text if it is one of these; one and the same for all others, none for none."""
    text = exp.cast(value.made.copy(), "TEXT")
    known = exp.In(this=text, expressions=[exp.Literal.string(each) for each in texts])
    there = exp.Not(this=exp.Is(this=value.made.copy(), expression=exp.null()))
    return exp.Case().when(known, text.copy()).when(there, exp.Literal.string("\x00"))


def is_ordered(value: Value) -> bool:
    """Whether values stand in an order that distances are of."""
    return value.datatype in (*NUMBERS, "date")


def _plain(value: Value) -> exp.Expr:
    """Return a value as a number: a day as the days since one."""
    if value.datatype != "date":
        return value.made.copy()
    first = exp.cast(exp.Literal.string("1970-01-01"), "DATE")
    return exp.paren(exp.Sub(this=value.made.copy(), expression=first))
