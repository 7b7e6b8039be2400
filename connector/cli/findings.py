"""What was measured of a use, for people: figures in words, and a bar for each share."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from connector.management.views.publishing.risk import FindingsView, RiskView

_WIDTH: Final = 20  # signs of a bar
_PARTS: Final = " ▏▎▍▌▋▊▉█"
_WORDS: Final[Mapping[str, Mapping[str, str]]] = MappingProxyType(
    {
        "en": {
            "k": "same quasi-identifiers (k)",
            "few": "fewer than 5 persons",
            "persons": "{} persons or more",
            "l": "values of a sensitive column (l)",
            "t": "distance of its values (t)",
            "unique": "persons alone",
            "rare": "persons among fewer than 5",
            "linkable": "persons who can be linked",
            "withheld": "cells withheld",
            "epsilon": "ε of all tables",
            "pairs": "loss, two columns",
            "loss": "loss, `{}`",
            "gone": "does not leave",
        },
        "fr": {
            "k": "mêmes quasi-identifiants (k)",
            "few": "moins de 5 personnes",
            "persons": "{} personnes ou plus",
            "l": "valeurs d’une colonne sensible (l)",
            "t": "écart de ses valeurs (t)",
            "unique": "personnes seules",
            "rare": "personnes parmi moins de 5",
            "linkable": "personnes que l’on peut relier",
            "withheld": "cases retenues",
            "epsilon": "ε de tous les tableaux",
            "pairs": "perte, deux colonnes",
            "loss": "perte, « {} »",
            "gone": "ne sort pas",
        },
    }
)


def lines(found: FindingsView, language: str) -> list[str]:
    """Return what a use comes to, a line each."""
    rows = list(_rows(found, _WORDS.get(language, _WORDS["en"])))
    width = max((len(name) for name, _ in rows), default=0)
    return [f"  {found.action}", *(f"    {name.ljust(width)}  {value}" for name, value in rows)]


def bar(share: float) -> str:
    """Return a share of 1 as a bar and a percentage."""
    eighths = round(share * _WIDTH * 8)
    whole, rest = divmod(eighths, 8)
    drawn = ("█" * whole + _PARTS[rest] * bool(rest)).ljust(_WIDTH)
    return f"{drawn} {share:.0%}"


def _rows(found: FindingsView, words: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    if found.risk:
        yield from _risk(found.risk, words)
    if found.withheld is not None:
        yield words["withheld"], bar(found.withheld)
    if found.epsilon is not None:
        yield words["epsilon"], f"{found.epsilon:g}"
    for column, lost in found.marginal.items():
        said = words["gone"] if lost is None else bar(lost)
        yield words["loss"].format(column), said
    if found.pairs is not None:
        yield words["pairs"], bar(found.pairs)


def _risk(risk: RiskView, words: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    yield words["k"], words["persons"].format(risk.k) if risk.k else words["few"]
    if risk.l is not None:
        yield words["l"], str(risk.l)
    if risk.t is not None:
        yield words["t"], bar(risk.t)
    for name in ("unique", "rare", "linkable"):
        yield words[name], bar(getattr(risk, name))
