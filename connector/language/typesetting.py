"""French punctuation: the blanks before `: ; ? !` and within « » do not break a line. Pure.

Rule: what is quoted, in backticks or as a value of a policy, stays as it is, and so does what a
message names: a message is typeset before its names are filled in.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

_QUOTED: Final = re.compile(r'(`[^`\n]*`|"(?:[^"\\\n]|\\.)*")')
_BETWEEN: Final[Mapping[str, Mapping[str, str]]] = MappingProxyType(
    {"fr": {"; ": " ; ", ": ": " : ", " or ": " ou ", " and ": " et "}}
)
_KEPT: Final = re.compile("(?<=«) | (?=[:;?!»])")


def typeset(text: str, language: str) -> str:
    """Return a text of ours as it is printed in a language.

    Args:
        text: with ordinary blanks.
        language: that it is in.
    """
    if language != "fr":
        return text
    parts = _QUOTED.split(text)
    parts[::2] = [_KEPT.sub("\N{NO-BREAK SPACE}", part) for part in parts[::2]]
    return "".join(parts)


def between(sign: str, language: str) -> str:
    """Return what a language puts between two parts of a text.

    Args:
        sign: what English puts there, with its blanks.
        language: that the parts are in.
    """
    return typeset(_BETWEEN.get(language, {}).get(sign, sign), language)
