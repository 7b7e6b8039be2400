"""Pages as HTML: templates of our own, escaped, in the language of the reader."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Sequence
from datetime import datetime
from decimal import Decimal
from functools import cache, partial
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape
from markupsafe import Markup

from connector.console.downloads import FORMATS
from connector.console.parts import Cell, Link, Page, Spoken, Table, Words
from connector.console.visit import Visit
from connector.language.catalog import LANGUAGES, translated
from connector.language.typesetting import between, typeset

_FOLDER: Final = Path(__file__).parent / "templates"
_DID: Final = "did:"
_NAMED: Final = re.compile("`([^`\n]+)`")  # in messages
_SMALLEST: Final = 1e-9  # of what is written without an exponent
# Controls of C0 and C1 but tab and line ends, and those of Unicode's annex 9 that embed, override
# and isolate.
_TURNING: Final = (*range(0x202A, 0x202F), *range(0x2066, 0x206A))
_CONTROLS: Final = ({*range(0x20), *range(0x7F, 0xA0)} - {0x09, 0x0A, 0x0D}) | {*_TURNING}
_HIDING: Final = dict.fromkeys(_CONTROLS, "\N{REPLACEMENT CHARACTER}")
_WORD: Final = 16  # characters; of a longer one, such as a digest, a line may break anywhere
_SHOWN: Final = 1000  # rows of a table on a page
_HELD: Final = 200  # rows of a table that is in an address
_NAMES: Final = {"en": "English", "fr": "Français"}


class Renderer:
    """Writes pages; thread-safe."""

    def __init__(self, node: str, *, theme: bool) -> None:
        """Prepare.

        Args:
            node: name of the institution.
            theme: whether it has a style sheet of its own.
        """
        self._said = {"node": node, "theme": theme, "languages": _NAMES}

    def page(self, page: Page, visit: Visit, menu: list[tuple[str, str, bool]]) -> str:
        """Return the HTML of a page.

        Args:
            page: what it shows.
            visit: who asks for it.
            menu: text, path and whether it is this one, of the pages that lead on.
        """
        said = partial(translated, language=visit.language)
        template = _templates().get_template("page.html")
        return template.render(
            self._said,
            page=page,
            visit=visit,
            word=visit.session.masked() if visit.session else "",
            menu=menu,
            language=visit.language,
            others=[each for each in LANGUAGES if each != visit.language],
            said=said,
            colon=between(": ", visit.language),
            typeset=partial(typeset, language=visit.language),
            numeric=_numeric,
            cell=partial(_cell, said, visit),
            where=address,
            saved=partial(_saved, said, visit),
            shortened=_shortened,
            kind=lambda part: type(part).__name__.lower(),
        )


@cache
def _templates() -> Environment:
    """Return the templates, each of which is compiled once."""
    made = Environment(
        loader=FileSystemLoader(_FOLDER),
        autoescape=select_autoescape(default=True),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_seen,
    )
    made.filters["named"] = _NAMED.split  # a sentence and the names in it, in turn
    return made


def _seen(value: Any) -> Any:
    """Return a text with what would hide or turn round others of its line made visible.

    What is escaped already is a template's own, or goes back as it came: a value of a form.
    """
    shown = isinstance(value, str) and not isinstance(value, Markup)
    return value.translate(_HIDING) if shown else value


def address(path: str, query: dict[str, str] | None = None) -> str:
    """Return the address of a page of the console."""
    return f"{path}?{urlencode(query)}" if query else path


def _saved(said: Callable[[str], str], visit: Visit, table: Table) -> list[tuple[str, str]]:
    """Return each ending and where the file of a table is; empty: its form has to be sent again.

    What a form brought is asked for once only: the file itself is in the address (RFC 2397), where
    it is small.
    """
    if not visit.posted:
        query = {**visit.kept, "table": table.name}
        return [(each, address(visit.path, {**query, "as": each})) for each in FORMATS]
    if table.again:
        return [(each, "") for each in FORMATS]
    files = []
    for ending, (media, write) in FORMATS.items() if len(table.rows) <= _HELD else ():
        content = base64.b64encode(b"".join(write(iter((table,)), said))).decode()
        files.append((ending, f"data:{media.partition(';')[0]};base64,{content}"))
    return files


def _shortened(
    table: Table, files: Sequence[tuple[str, str]]
) -> tuple[Sequence[Sequence[Cell]], str]:
    """Return the rows of a table that a page shows, and what is said of those that it does not."""
    left = len(table.rows) - _SHOWN
    if left <= 0 or not files:
        return table.rows, ""
    return table.rows[:_SHOWN], f"further rows, which only its files hold: {left}"


def _cell(said: Callable[[str], str], visit: Visit, value: Cell) -> dict[str, Any]:
    """Return how a cell is shown: text, address, whose DID it is, and whether it is a number.

    Text of others says its language where that is known, and runs in its own direction.
    """
    text = _text(said, visit.language, value)
    theirs = isinstance(value, str | Link | Spoken) and not text.isascii()
    spoken = value.language if isinstance(value, Spoken) else visit.language
    shown = {
        "text": text,
        "number": _is_number(value),
        "theirs": theirs,
        "ours": isinstance(value, Words),
    }
    shown["language"] = "" if spoken == visit.language else spoken
    to = address(value.path, dict(value.query)) if isinstance(value, Link) else ""
    known = isinstance(value, str) and value.startswith(_DID)
    shown["words"] = all(len(each) <= _WORD for each in text.split())
    return {**shown, "to": to, "name": visit.named(str(value)) if known else ""}


def _text(said: Callable[[str], str], language: str, value: Cell) -> str:
    match value:
        case Link(text=text) | Spoken(text=text):
            return text
        case Words(text=text):
            return said(text)
        case bool():
            return said("yes" if value else "no")
        case int() | float():
            return number(value, language)
        case datetime():
            return moment(value, language)
        case _:
            return value or ""


def _numeric(rows: Sequence[Sequence[Cell]]) -> list[bool]:
    """Say of each column of a table whether it holds numbers."""
    columns = zip(*rows, strict=True)
    return [any(_is_number(each) for each in column) for column in columns]


def _is_number(value: Cell) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def number(value: float, language: str) -> str:
    """Return a number as it is written in a language; thousands apart, decimals as they are."""
    text = f"{value:,}" if isinstance(value, int) else f"{value:,.4g}"
    if _SMALLEST <= abs(value) < 1 and "e" in text:
        text = f"{Decimal(text):f}"
    if language != "fr":
        return text
    return text.replace(",", "\N{NARROW NO-BREAK SPACE}").replace(".", ",")


def moment(value: datetime, language: str) -> str:
    """Return a time to the minute, UTC, as it is written in a language."""
    if language == "fr":
        return value.strftime("%d/%m/%Y à %H h %M (UTC)")
    return value.strftime("%Y-%m-%d %H:%M (UTC)")
