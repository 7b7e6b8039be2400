"""The catalog of each language, and a text in it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache, lru_cache
from itertools import starmap
from pathlib import Path
from typing import Final

from connector.language import po, policies
from connector.language.matching import NAME, Message, Messages, Naming, named
from connector.language.typesetting import between, typeset

DOMAIN: Final = "preau"
CLICK: Final = "messages"  # gettext's domain of programs that name none, as click and typer
FOLDER: Final = Path(__file__).parent / "locale"
ENGLISH: Final = "en"
LANGUAGES: Final = (ENGLISH, "fr")
_DEEPEST: Final = 6  # messages within messages
_LONGEST: Final = 4  # parts of a text that are looked for as one message
# Characters of a text, and of what is looked for as one message; a peer's line has 1,000 at most.
_MOST_TEXT, _MOST_LINE = 8000, 1000
_NAMING: Final = (", ", " -> ")  # between them a word is somebody's name
_WITHIN: Final = ": "  # a sentence goes on behind it
_SEPARATORS: Final = ("\n", "; ", _WITHIN, *_NAMING)
_CHOICES: Final = (" or ", " and ")
_QUOTED: Final = re.compile(r"`[^`\n]*`")
# What the rest of a text is about: of `key: it is missing` and `` `key` is missing``.
_HEAD: Final = re.compile(r"\s*(?:`[^`\n]*`|[^\s`]+)(?=: \S)")
_SUBJECT: Final = re.compile(r"`[^`\n]*` ")


def translated(text: str, language: str) -> str:
    """Return a text in a language; as it is where the language has no such message.

    Args:
        text: what the code says, in English, filled in; of `Naming` the names stay as they are.
        language: one of `LANGUAGES`.

    Returns:
        The text itself where it is far longer than what this node says.
    """
    if language == ENGLISH or not text or len(text) > _MOST_TEXT:
        return text
    if isinstance(text, Naming):
        return translated(text.message, language).format_map(text.names)
    return _translated(text, language, _DEEPEST)


@lru_cache(maxsize=4096)
def _translated(text: str, language: str, deepest: int) -> str:
    said = text.strip()
    if (found := _message(said, language, deepest)) is not None:
        return text.replace(said, found)
    if not deepest or not any(map(str.isalpha, text)):
        return text
    if head := _HEAD.match(text):
        parts = [head[0], text[head.end() + 2 :]]
        return _joined((_translated(it, language, deepest - 1) for it in parts), ": ", language)
    for separator in _SEPARATORS:
        if separator == _WITHIN and (subject := _SUBJECT.match(said)):
            rest = said[subject.end() :]
            if (found := _message(rest, language, deepest)) is not None:
                return text.replace(rest, found)
        if len(parts := _parts(text, separator)) > 1:
            return _joined(_pieces(parts, separator, language, deepest - 1), separator, language)
    return _chosen(text, language, deepest)


def _message(said: str, language: str, deepest: int) -> str | None:
    """Return what a text without blanks around it is in a language; None where it is no message."""
    exact, shaped = _catalog(language)
    if said in exact:
        return exact[said] if said else None
    if not deepest or len(said) > _MOST_LINE or not any(map(str.isalpha, said)):
        return None
    for message, values in shaped.of(said):
        return message.filled(values, lambda part: _translated(part, language, deepest - 1))
    return None


def _chosen(text: str, language: str, deepest: int) -> str:
    """Return a text of which each part is quoted or a message, such as `` `x` or a number``."""
    for choice in _CHOICES:
        parts = [
            part if _QUOTED.fullmatch(part.strip()) else _message(part.strip(), language, deepest)
            for part in _parts(text, choice)
        ]
        if len(parts) > 1 and all(parts):
            return _joined(filter(None, parts), choice, language)
    return text


def _pieces(parts: Sequence[str], separator: str, language: str, deepest: int) -> Iterator[str]:
    """Yield the parts of a text translated; the longest run of parts that is a message, as one."""
    place = 0
    while place < len(parts):
        part, after = parts[place], min(len(parts), place + _LONGEST)
        if separator in _NAMING and " " not in part.strip():
            yield part
            place += 1
            continue
        for end in range(after, place + 1, -1):
            said = (run := separator.join(parts[place:end])).strip()
            if end - place < len(parts) and (found := _message(said, language, deepest)):
                yield run.replace(said, found)
                place = end
                break
        else:
            yield _translated(part, language, deepest)
            place += 1


def _parts(text: str, separator: str) -> list[str]:
    """Return a text split where a separator stands in nothing that is quoted."""
    bare = _QUOTED.sub(lambda quoted: "`" * len(quoted[0]), text)
    ends = [found.start() for found in re.finditer(re.escape(separator), bare)]
    starts = [0, *(end + len(separator) for end in ends)]
    return [text[start:end] for start, end in zip(starts, [*ends, len(text)], strict=True)]


def _joined(parts: Iterable[str], separator: str, language: str) -> str:
    sign = between(separator, language)
    *before, last = parts
    # What stands behind a blank is typeset already, and may be of a person's own text.
    return "".join(each + (separator if each[-1:].isspace() else sign) for each in before) + last


@cache
def _catalog(language: str) -> tuple[Mapping[str, str], Messages]:
    """Return the messages without names, by themselves, and the others.

    One after another: a whole catalog at once would leave holes of its size in the memory.
    """
    exact: dict[str, str] = {}
    shaped: dict[str, str] = {}
    for english, twin in _stated(language):
        # Where a message goes on with another, the sign between them is no part of either.
        message = named(english).lstrip(",;: ")
        said = typeset(named(twin).lstrip(",;: "), language)
        (shaped if NAME.search(message) else exact)[message] = said
    return exact, Messages(starmap(Message, shaped.items()))


def _stated(language: str) -> Iterator[tuple[str, str]]:
    """Yield what is said in a language; of two with one message the last counts."""
    yield from policies.sentences(language)
    for domain in (CLICK, DOMAIN):
        with (FOLDER / language / "LC_MESSAGES" / f"{domain}.po").open(encoding="utf-8") as lines:
            yield from po.read(lines)
