"""What was measured of a use, for people: figures in words, and a bar for each share."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from connector.management.views.publishing.risk import FindingsView, RiskView

_WIDTH: Final = 20  # signs of a bar
_PARTS: Final = " ▏▎▍▌▋▊▉█"
_SHARES: Final = (
    ("unique", "unique persons"),
    ("rare", "persons in groups of fewer than 5"),
    ("linkable", "linkable persons"),
)


def rows(found: FindingsView) -> Iterator[tuple[str, str]]:
    """Return what a use comes to: names and figures."""
    if found.risk:
        yield from _risk(found.risk)
    if found.withheld is not None:
        yield "cells withheld", bar(found.withheld)
    if found.epsilon is not None:
        yield "ε of all tables", f"{found.epsilon:g}"
    for column, lost in found.marginal.items():
        yield f"information loss, `{column}`", "not released" if lost is None else bar(lost)
    if found.pairs is not None:
        yield "information loss, pairs of columns", bar(found.pairs)


def bar(share: float) -> str:
    """Return a share of 1 as a bar and a percentage."""
    eighths = round(share * _WIDTH * 8)
    whole, rest = divmod(eighths, 8)
    drawn = ("█" * whole + _PARTS[rest] * bool(rest)).ljust(_WIDTH)
    return f"{drawn} {share:.0%}"


def _risk(risk: RiskView) -> Iterator[tuple[str, str]]:
    few = f"{risk.k} persons or more" if risk.k else "fewer than 5 persons"
    yield "same quasi-identifiers (k)", few
    if risk.l is not None:
        yield "distinct values of a sensitive column (l)", str(risk.l)
    if risk.t is not None:
        yield "distance of their distribution from that of all (t)", bar(risk.t)
    for name, text in _SHARES:
        yield text, bar(getattr(risk, name))
