"""The département of a code, in the words of the SQL engine."""

from __future__ import annotations

import sqlglot.expressions as exp

from connector.domain.catalog.territory import COMMUNES


def departement(code: exp.Expr, hierarchy: str) -> exp.Expr:
    """Return the département of a code of a hierarchy; no value for a commune that is none."""
    if hierarchy != COMMUNES:
        return code

    def first(signs: int) -> exp.Expr:
        return exp.Substring(
            this=code.copy(), start=exp.Literal.number(1), length=exp.Literal.number(signs)
        )

    whole = exp.EQ(this=exp.Length(this=code.copy()), expression=exp.Literal.number(5))
    overseas = exp.EQ(this=first(2), expression=exp.Literal.string("97"))
    return exp.Case().when(exp.and_(whole.copy(), overseas), first(3)).when(whole, first(2))
