"""Pages as HTML: templates of our own, escaped, in the language of the reader."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from connector.console.parts import Cell, Link, Page, Words
from connector.console.visit import Visit
from connector.language.catalog import LANGUAGES, translated

_FOLDER: Final = Path(__file__).parent / "templates"
_NAMES: Final = {"en": "English", "fr": "Français"}


class Renderer:
    """Writes pages; thread-safe."""

    def __init__(self, node: str, *, theme: bool) -> None:
        """Prepare.

        Args:
            node: name of the institution.
            theme: whether it has a style sheet of its own.
        """
        self._environment = Environment(
            loader=FileSystemLoader(_FOLDER),
            autoescape=select_autoescape(default=True),
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._environment.globals.update(node=node, theme=theme, languages=_NAMES)

    def page(self, page: Page, visit: Visit, menu: list[tuple[str, str, bool]]) -> str:
        """Return the HTML of a page.

        Args:
            page: what it shows.
            visit: who asks for it.
            menu: text, path and whether it is this one, of the pages that lead on.
        """
        said = partial(translated, language=visit.language)
        return self._environment.get_template("page.html").render(
            page=page,
            visit=visit,
            menu=menu,
            language=visit.language,
            others=[each for each in LANGUAGES if each != visit.language],
            said=said,
            cell=partial(_cell, said, visit.language),
            where=address,
            kind=lambda part: type(part).__name__.lower(),
        )


def address(path: str, query: dict[str, str] | None = None) -> str:
    """Return the address of a page of the console."""
    return f"{path}?{urlencode(query)}" if query else path


def _cell(said: Callable[[str], str], language: str, value: Cell) -> dict[str, Any]:
    """Return how a cell is shown: text, address and whether it is a number."""
    match value:
        case Link(text=text, path=path, query=query):
            return {"text": text, "to": address(path, dict(query)), "number": False}
        case Words(text=text):
            return {"text": said(text), "to": "", "number": False}
        case bool():
            return {"text": said("yes" if value else "no"), "to": "", "number": False}
        case int() | float():
            return {"text": number(value, language), "to": "", "number": True}
        case datetime():
            return {"text": moment(value, language), "to": "", "number": False}
        case _:
            return {"text": value or "", "to": "", "number": False}


def number(value: float, language: str) -> str:
    """Return a number as it is written in a language; thousands apart, decimals as they are."""
    text = f"{value:,}" if isinstance(value, int) else f"{value:,.4g}"
    if language != "fr":
        return text
    return text.replace(",", "\N{NARROW NO-BREAK SPACE}").replace(".", ",")


def moment(value: datetime, language: str) -> str:
    """Return a time to the minute, UTC, as it is written in a language."""
    if language == "fr":
        return value.strftime("%d/%m/%Y à %H h %M (UTC)")
    return value.strftime("%Y-%m-%d %H:%M (UTC)")
