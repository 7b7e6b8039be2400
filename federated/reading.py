"""Strict reading of JSON, with a pointer to the member at fault.

Rules: one spelling of each value (no duplicate member, no NaN or Infinity, no lone surrogate, a
boolean is no number, 6.0 no integer); size and depth are bounded; a text is one line that can be
shown, unless it is asked for as content. The first fault stops, named by its RFC 6901 pointer; what
is raised for it is said by who reads, as what the members mean.
"""

from __future__ import annotations

import json
import math
import re
import unicodedata
from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, NoReturn

MAX_BYTES: Final = 4 * 1024 * 1024
MAX_DEPTH: Final = 64
_TOO_DEEP: Final = f"JSON nested deeper than {MAX_DEPTH}"
MAX_TEXT: Final = 512
MAX_INTEGER: Final = 2**53 - 1  # RFC 8785 section 3.2.2.3: integers that every reader agrees on
_SHA256: Final = re.compile(r"[0-9a-f]{64}")
_INSTANT: Final = re.compile(
    r"[1-9][0-9]{3}-[0-9]{2}-[0-9]{2}T(?:[01][0-9]|2[0-3]):[0-9]{2}:[0-9]{2}Z"
)
_UNSEEN: Final = ("C", "Zl", "Zp")  # Unicode categories: control, lone surrogates, line breaks

Trail = tuple[Any, str | int] | None  # of what is above, and the step from there
Refusal = Callable[[str, str], Exception]  # from a pointer and a fault to what is raised


@dataclass(frozen=True, slots=True)
class Member:
    """A JSON value and where it stands. What each method raises is the reader's `refusal`.

    Attributes:
        value: as read.
        refusal: what is raised for a fault.
        trail: the steps from the whole document, the last one first; None for the whole.
    """

    value: Any
    refusal: Refusal
    trail: Trail = None

    @property
    def pointer(self) -> str:
        """Where it stands, RFC 6901; empty for the whole document."""
        return _pointer(self.trail)

    def refuse(self, fault: str) -> NoReturn:
        """Stop with a fault of this member.

        Raises:
            Exception: always, as `refusal` makes it.
        """
        raise self.refusal(self.pointer, fault)

    def fields(
        self, *names: str, maybe: Collection[str] = (), others: bool = False
    ) -> dict[str, Member]:
        """Return the members of an object that has these names.

        Args:
            names: must be there.
            maybe: may be there; those that are not are not returned either.
            others: whether further members are passed over instead of refused.

        Raises:
            Exception: not an object, a member is missing, or one is unknown.
        """
        found = self._object()
        known = (*names, *(name for name in maybe if name in found)) if maybe else names
        for name in () if others else found:
            if name not in known:
                self._check_name(name)
                self.child(name).refuse(f"is not a known member{_of(names, maybe)}")
        for name in names:
            if name not in found:
                self.child(name).refuse("is missing")
        refusal, trail = self.refusal, self.trail
        return {name: Member(found.get(name), refusal, (trail, name)) for name in known}

    def child(self, name: str) -> Member:
        """Return the member of an object; its value is None when absent.

        Raises:
            Exception: not an object.
        """
        return Member(self._object().get(name), self.refusal, (self.trail, name))

    def items(self, *, least: int = 0, most: int) -> list[Member]:
        """Return the elements of a list.

        Raises:
            Exception: not a list, or its length is out of bounds.
        """
        if not isinstance(self.value, list):
            self.refuse("must be a list")
        self._bounded(len(self.value), least, most, "elements")
        return [
            Member(item, self.refusal, (self.trail, index)) for index, item in enumerate(self.value)
        ]

    def entries(self, *, least: int = 0, most: int) -> dict[str, Member]:
        """Return the members of an object whose names are data.

        Raises:
            Exception: not an object, its size is out of bounds, or a name cannot be shown.
        """
        found = self._object()
        self._bounded(len(found), least, most, "members")
        for name in found:
            self._check_name(name)
        return {name: self.child(name) for name in found}

    def text(self, *, most: int = MAX_TEXT, pattern: str = "") -> str:
        """Return one line of text that matches `pattern`, where there is one, as a whole.

        Raises:
            Exception: not a text, empty, too long, or of another form.
        """
        text = self.content()
        self._bounded(len(text), 1, most, "characters")
        if not is_plain(text):
            self.refuse("has characters that cannot be shown")
        if pattern and re.fullmatch(pattern, text) is None:
            self.refuse("does not have the required form")
        return text

    def content(self) -> str:
        """Return a text of whatever length and lines.

        Raises:
            Exception: not a text.
        """
        if not isinstance(self.value, str):
            self.refuse("must be a text")
        return self.value

    def exactly(self, *known: str) -> str:
        """Return a text that is one of those known.

        Raises:
            Exception: it is another.
        """
        if self.content() not in known:
            self.refuse(f"must be {' or '.join(f'`{each}`' for each in known)}")
        return self.content()

    def digest(self) -> str:
        """Return a SHA-256 in lower-case hex.

        Raises:
            Exception: it is none.
        """
        if _SHA256.fullmatch(self.content()) is None:
            self.refuse("must be a SHA-256 in hex")
        return self.content()

    def flag(self) -> bool:
        """Return true or false.

        Raises:
            Exception: neither.
        """
        if not isinstance(self.value, bool):
            self.refuse("must be true or false")
        return self.value

    def integer(self, *, least: int = 0, most: int = MAX_INTEGER) -> int:
        """Return an integer within bounds.

        Raises:
            Exception: not an integer (1.0 is none), or out of bounds.
        """
        if not isinstance(self.value, int) or isinstance(self.value, bool):
            self.refuse("must be an integer")
        self._bounded(self.value, least, most, "")
        return self.value

    def number(self, *, above: float = -math.inf, most: float = math.inf) -> float:
        """Return a finite number in (above, most].

        Raises:
            Exception: not a number, not finite, or out of bounds.
        """
        if not isinstance(self.value, int | float) or isinstance(self.value, bool):
            self.refuse("must be a number")
        try:
            number = float(self.value)
        except OverflowError:
            self.refuse("must be finite")
        if not math.isfinite(number):
            self.refuse("must be finite")
        if not above < number <= most:
            self.refuse(_range(above, most))
        return number

    def instant(self) -> datetime:
        """Return a time of the form `2026-11-24T15:00:00Z`.

        Raises:
            Exception: written otherwise, or no time.
        """
        try:
            return datetime.fromisoformat(self.value if _INSTANT.fullmatch(self.content()) else "")
        except ValueError:
            self.refuse("must have the form `2026-11-24T15:00:00Z`")

    def _object(self) -> dict[str, Any]:
        if not isinstance(self.value, dict):
            self.refuse("must be an object")
        return self.value

    def _check_name(self, name: str) -> None:
        if not 0 < len(name) <= MAX_TEXT or not is_plain(name):
            self.refuse("has a member whose name cannot be shown")

    def _bounded(self, size: int, least: int, most: int, what: str) -> None:
        if not least <= size <= most:
            self.refuse(f"must have {least} to {most} {what}" if what else _span(least, most))


def read(data: bytes, refusal: Refusal, *, limit: int = MAX_BYTES) -> Member:
    """Read a JSON document.

    Args:
        data: UTF-8.
        refusal: what is raised for a fault, here and by what is returned.
        limit: most bytes.

    Raises:
        Exception: not JSON, too large, nested past `MAX_DEPTH`, a member twice, a number that no
            double holds, or text with a lone surrogate (RFC 7493 sections 2.1, 2.2).
    """
    if len(data) > limit:
        raise refusal("", f"JSON of {len(data)} bytes is over the limit of {limit}")
    escapes, fault = b"\\u" in data, None
    try:
        text = data.decode("utf-8")
        try:
            value, finite = _FINITE.decode(text), True
        except OverflowError:
            value, finite = _ANY.decode(text), False
        if escapes or not finite or data.count(b"{") + data.count(b"[") >= MAX_DEPTH:
            fault = _fault(value, escapes=escapes)
    except RecursionError as exc:
        raise refusal("", _TOO_DEEP) from exc
    except _TwiceError as exc:
        raise refusal("", "an object in the JSON has a member twice") from exc
    except json.JSONDecodeError as exc:
        line, column = exc.lineno, exc.colno
        raise refusal("", f"not well-formed JSON in line {line}, column {column}") from exc
    except ValueError as exc:  # no UTF-8, a number that JSON has not
        raise refusal("", "not well-formed JSON") from exc
    if fault is not None:
        raise refusal(*fault)
    return Member(value, refusal)


class _TwiceError(ValueError):
    """An object has a member twice."""


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        raise _TwiceError
    return result


def _fault(value: Any, *, escapes: bool) -> tuple[str, str] | None:
    """Return pointer and fault of a value that JSON's grammar allows and we do not, or None.

    Args:
        value: as it was loaded.
        escapes: whether its text has any; only so a lone surrogate can be in UTF-8.

    Raises:
        ValueError: the name of a member has a lone surrogate.
    """
    stack: list[tuple[Any, int, Trail]] = [([value], 0, None)]
    while stack:
        holder, depth, trail = stack.pop()
        named = isinstance(holder, dict)
        if escapes and named:
            "".join(holder).encode()
        for name, item in holder.items() if named else enumerate(holder):
            kind = type(item)
            if kind is dict or kind is list:
                if item and depth >= MAX_DEPTH - 1:
                    return "", _TOO_DEEP
                stack.append((item, depth + 1, (trail, name) if depth else None))
            elif kind is float and not math.isfinite(item):
                return _pointer((trail, name) if depth else None), "must be finite"
            elif escapes and kind is str and any(map(_is_surrogate, item)):
                return _pointer((trail, name) if depth else None), "has a lone surrogate"
    return None


def _pointer(trail: Trail) -> str:
    pointer = ""
    while trail is not None:
        trail, name = trail
        step = str(name).replace("~", "~0").replace("/", "~1")
        pointer = f"/{step}{pointer}"
    return pointer


def _is_surrogate(sign: str) -> bool:
    return "\ud800" <= sign <= "\udfff"


def is_plain(text: str) -> bool:
    """Whether a text has no control character, lone surrogate or line break."""
    return text.isprintable() or not any(
        unicodedata.category(sign).startswith(_UNSEEN) for sign in text
    )


def _no_constant(name: str) -> NoReturn:
    raise ValueError(name)


def _real(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise OverflowError(text)
    return number


_ANY: Final = json.JSONDecoder(object_pairs_hook=_once, parse_constant=_no_constant)
_FINITE: Final = json.JSONDecoder(
    object_pairs_hook=_once, parse_constant=_no_constant, parse_float=_real
)


def _of(names: Collection[str], maybe: Collection[str]) -> str:
    known = dict.fromkeys((*names, *maybe))
    return f": known are {', '.join(f'`{name}`' for name in known)}" if known else ""


def _range(above: float, most: float) -> str:
    lower = "" if above == -math.inf else f"above {above:g}"
    upper = "" if most == math.inf else f"at most {most:g}"
    return f"must be {' and '.join(part for part in (lower, upper) if part)}"


def _span(least: int, most: int) -> str:
    return f"must be {least} or more" if most == MAX_INTEGER else f"must be {least} to {most}"
