"""What offers come to on the rows, side by side: who stands out, and what is lost."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from connector.console.parts import Bars, Cell, Notice, Paragraphs, Part, Table, Words
from connector.domain.privacy.findings import Findings
from connector.errors import PreauError
from connector.identity.statements.risk_report import JudgedUse
from policies_odrl.language.phrases import word

_HEADINGS: Final = (
    *("offer", "use", "k", "l", "t", "alone", "rare", "linkable"),
    *("cells withheld", "ε that tables spend", "pairs of columns", "values lost, worst column"),
)
_FEW: Final = "fewer than 5"  # of which no number is told, see `Risk.k`
_MEANT: Final = (
    "Persons are alike who have the same quasi-identifiers.",
    "k: fewest persons who are alike; l: fewest values of a sensitive column among them.",
    "t: how far their values are from those of all, from 0 to 1.",
    "alone, rare: share of persons like nobody else, and like fewer than five.",
    "linkable: share of persons whom another source would find again.",
)
Measured = tuple[JudgedUse, ...] | PreauError


def side_by_side(offers: Iterable[tuple[str, Measured]], language: str) -> list[Part]:
    """Return figures of offers as a table, with bars of persons alone and of what is lost.

    Args:
        offers: what each is called, and what it comes to, or why that cannot be said.
        language: of the reader.
    """
    parts: list[Part] = []
    rows: list[tuple[Cell, ...]] = []
    alone: list[tuple[str, float]] = []
    lost: list[tuple[str, float]] = []
    for name, found in offers:
        if isinstance(found, PreauError):
            text = f"offer {name} cannot be measured: {found.reason}"
            parts.append(Notice(text, "wrong", found.code, found.hint))
            continue
        for use in found:
            said = word(use.action, language, "actions")
            rows.append((name, said, *_cells(use.findings)))
            if use.findings.risk is not None:
                alone.append((name + ", " + said, use.findings.risk.unique))
            lost.append((name + ", " + said, _worst(use.findings)))
    empty = "No use of these offers reads rows or tables: what training spends stands in the offer."
    parts.append(Table("Risk and use, side by side", *_told(rows), empty, name="levels"))
    if alone:
        parts.append(Paragraphs("What the figures say", _MEANT))
    if alone:
        parts.append(Bars("Share of persons alone with their quasi-identifiers", alone))
    if lost:
        parts.append(Bars("Share of values lost, worst column", lost))
    return parts


def _told(rows: list[tuple[Cell, ...]]) -> tuple[list[str], list[list[Cell]]]:
    """Return the headings and cells of the columns in which any offer has a figure."""
    kept = [
        place
        for place in range(len(_HEADINGS))
        if not rows or any(row[place] is not None for row in rows)
    ]
    return [_HEADINGS[place] for place in kept], [[row[place] for place in kept] for row in rows]


def _cells(found: Findings) -> tuple[Cell, ...]:
    risk = found.risk
    of_persons: tuple[Cell, ...] = (None,) * 6
    if risk is not None:
        of_persons = (risk.k or Words(_FEW), risk.l, risk.t, risk.unique, risk.rare, risk.linkable)
    return (*of_persons, found.withheld, found.epsilon, found.pairs, _worst(found))


def _worst(found: Findings) -> float:
    """Return the greatest distance of a column; one that does not leave is lost."""
    return max((1.0 if each is None else each for each in found.marginal.values()), default=0.0)
