"""A catalog as translators write it: the part of gettext's PO files that ours use.

Rule: messages with one translation each. Reading the text itself keeps no compiled copy beside it,
which would differ between any two changes.

Source: GNU gettext manual, section 3 (The Format of PO Files).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Final

_MEMBERS: Final = ("msgid", "msgstr")


def read(lines: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Yield each message with its translation, without the header and what is not translated."""
    return (entry for entry in _entries(lines) if all(entry))


def _entries(lines: Iterable[str]) -> Iterator[tuple[str, str]]:
    english, said, member = "", "", ""
    for line in chain(map(str.rstrip, lines), ["msgid"]):
        name, _, rest = line.partition(" ")
        if name == "msgid":
            yield english, said
            english, said = "", ""
        if name in _MEMBERS:
            member = name
        elif line.startswith('"'):
            rest = line
        else:  # a comment, or nothing
            continue
        part = json.loads(rest) if rest else ""  # escapes are those of JSON
        if member == "msgid":
            english += part
        else:
            said += part
