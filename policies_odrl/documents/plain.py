"""JSON text to plain values, strictly: one spelling of each value.

Rules: no member twice, no NaN, no number that no double holds, no lone surrogate; bytes are bounded
before parsing, depth while the value is looked through (`sources.py`).
Source: RFC 8259, sections 4, 6 and 8.1; RFC 7493 (I-JSON).
"""

from __future__ import annotations

import json
import math
from typing import Any, Final, NoReturn

from policies_odrl.errors import IllFormed

_MARK: Final = "\ufeff"  # byte order mark, which some editors write first


def parsed(text: str) -> Any:
    """Return the value of a JSON text.

    Raises:
        IllFormed: not JSON, or a value has several readings.
    """
    try:
        value = json.loads(
            text, object_pairs_hook=_once, parse_constant=_constant, parse_float=_finite
        )
        if "\\u" in text:  # half of a character may hide in an escape
            json.dumps(value, ensure_ascii=False).encode()
    except RecursionError as exc:
        raise IllFormed("JSON nested too deep") from exc
    except json.JSONDecodeError as exc:
        raise IllFormed(
            "not well-formed JSON: {why} in line {line}", why=exc.msg, line=exc.lineno
        ) from exc
    except ValueError as exc:  # an integer of thousands of digits, half of a character
        raise IllFormed("not well-formed JSON") from exc
    return value


def without_mark(data: bytes | str) -> str:
    """Return content as text, without byte order mark.

    Raises:
        IllFormed: not UTF-8, or half of a character.
    """
    try:
        text = data if isinstance(data, str) else data.decode()
        text.encode()
    except UnicodeError as exc:
        raise IllFormed("not UTF-8 text") from exc
    return text.removeprefix(_MARK)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise IllFormed("`{name}` stands twice in one object", name=twice[:200])
    return found


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise IllFormed("a number that no double holds")
    return value


def _constant(text: str) -> NoReturn:
    raise IllFormed("`{name}` is no number of JSON", name=text)
