"""A table of results that terminals and notebooks show."""

from __future__ import annotations

import html
import importlib
from collections.abc import Mapping, Sequence
from typing import Any


class Shown(Sequence[Mapping[str, Any]]):
    """Rows by column name, in order; `print` and notebooks draw them."""

    def __init__(self, rows: Sequence[Mapping[str, Any]]) -> None:
        self._rows = list(rows)

    def __getitem__(self, index: Any) -> Any:
        return self._rows[index]

    def __len__(self) -> int:
        return len(self._rows)

    @property
    def columns(self) -> list[str]:
        """Names of all columns, in order of their first row."""
        return list(dict.fromkeys(name for row in self._rows for name in row))

    def cells(self) -> list[list[str]]:
        """Return the rows as texts."""
        return [[_text(row.get(name)) for name in self.columns] for row in self._rows]

    def pandas(self) -> Any:
        """Return the rows as a pandas frame; needs pandas, which the node does not bring."""
        return importlib.import_module("pandas").DataFrame(self._rows, columns=self.columns)

    def __str__(self) -> str:
        lines = [self.columns, *self.cells()]
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
        return "\n".join(
            "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
            for line in lines
        )

    __repr__ = __str__  # what a notebook shows where it draws no HTML

    def _repr_html_(self) -> str:
        head = _row("th", self.columns)
        return f"<table>{head}{''.join(_row('td', cells) for cells in self.cells())}</table>"


def _row(tag: str, cells: Sequence[str]) -> str:
    return f"<tr>{''.join(f'<{tag}>{html.escape(cell)}</{tag}>' for cell in cells)}</tr>"


def _text(value: Any) -> str:
    if value is None:
        return ""
    return f"{value:.4g}" if isinstance(value, float) else str(value)
