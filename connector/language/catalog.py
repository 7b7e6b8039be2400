"""The catalog of each language, and a text in it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import cache, lru_cache
from pathlib import Path
from typing import Final

from connector.language import po
from connector.language.matching import NAME, Message, Messages

DOMAIN: Final = "preau"
CLICK: Final = "messages"  # gettext's domain of programs that name none, as click and typer
FOLDER: Final = Path(__file__).parent / "locale"
ENGLISH: Final = "en"
LANGUAGES: Final = (ENGLISH, "fr")
_DEEPEST: Final = 4  # messages within messages
_HIGH: Final = ("; ", ": ")  # French sets a blank before them
_SEPARATORS: Final = ("\n", *_HIGH, ", ")
_QUOTED: Final = re.compile(r"`[^`\n]*`")


def translated(text: str, language: str) -> str:
    """Return a text in a language; as it is where the language has no such message.

    Args:
        text: what the code says, in English, filled in.
        language: one of `LANGUAGES`.
    """
    return text if language == ENGLISH or not text else _translated(text, language, _DEEPEST)


@lru_cache(maxsize=4096)
def _translated(text: str, language: str, deepest: int) -> str:
    exact, shaped = _catalog(language)
    said = text.strip()
    if said in exact:
        return text.replace(said, exact[said]) if said else text
    if not deepest or not any(map(str.isalpha, text)):
        return text

    def within(part: str) -> str:
        return _translated(part, language, deepest - 1)

    def listed(part: str) -> str:  # a word of a list is somebody's name
        return within(part) if " " in part.strip() else part

    for message, values in shaped.of(said):
        return text.replace(said, message.filled(values, within))
    for separator in _SEPARATORS:
        if separator in said and len(parts := _parts(text, separator)) > 1:
            said_of = listed if separator == ", " else within
            return _joined(map(said_of, parts), separator, language)
    return text


def _parts(text: str, separator: str) -> list[str]:
    """Return a text split where a separator stands in nothing that is quoted."""
    bare = _QUOTED.sub(lambda quoted: "`" * len(quoted[0]), text)
    ends = [found.start() for found in re.finditer(re.escape(separator), bare)]
    starts = [0, *(end + len(separator) for end in ends)]
    return [text[start:end] for start, end in zip(starts, [*ends, len(text)], strict=True)]


def _joined(parts: Iterable[str], separator: str, language: str) -> str:
    if language == "fr" and separator in _HIGH:
        return f" {separator}".join(part.rstrip(" ") for part in parts)
    return separator.join(parts)


@cache
def _catalog(language: str) -> tuple[Mapping[str, str], Messages]:
    folder = FOLDER / language / "LC_MESSAGES"
    said: dict[str, str] = {}
    for domain in (CLICK, DOMAIN):
        said |= po.read((folder / f"{domain}.po").read_text("utf-8"))
    shaped = [Message(k, v) for k, v in said.items() if NAME.search(k)]
    return {k: v for k, v in said.items() if not NAME.search(k)}, Messages(shaped)
