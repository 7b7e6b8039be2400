"""Strict reading of JSON, with a pointer to the member at fault.

Rules: one spelling of each value (no duplicate member, no NaN or Infinity, no unknown member, a
boolean is no number); every text and list is bounded, every text fits on one line; the first fault
stops and is named by its RFC 6901 pointer. What the members mean is left to the caller.
"""

from __future__ import annotations

import json
import math
import re
import unicodedata
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, NoReturn

from federated.errors import ManifestInvalid

MAX_BYTES: Final = 4 * 1024 * 1024
MAX_TEXT: Final = 512
MAX_INTEGER: Final = 2**53 - 1  # RFC 8785 section 3.2.2.3: integers that every reader agrees on
_INSTANT: Final = r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z"
_UNSEEN: Final = ("C", "Zl", "Zp")  # Unicode categories: control, lone surrogates, line breaks


@dataclass(frozen=True, slots=True)
class Member:
    """A JSON value and where it stands.

    Attributes:
        value: as read.
        pointer: RFC 6901; empty for the whole document.
    """

    value: Any
    pointer: str = ""

    def refuse(self, fault: str) -> NoReturn:
        """Stop with a fault of this member.

        Raises:
            ManifestInvalid: always.
        """
        raise ManifestInvalid(self.pointer, fault)

    def fields(self, *names: str) -> dict[str, Member]:
        """Return the members of an object that has exactly these names.

        Raises:
            ManifestInvalid: not an object, a member is missing, or one is unknown.
        """
        if not isinstance(self.value, dict):
            self.refuse("must be an object")
        for name in names:
            if name not in self.value:
                self.child(name).refuse("is missing")
        for name in self.value:
            if name not in names:
                self.child(name).refuse("is not a known member")
        return {name: self.child(name) for name in names}

    def child(self, name: str) -> Member:
        """Return the member of an object; its value is None when absent."""
        step = name.replace("~", "~0").replace("/", "~1")
        return Member(self.value.get(name), f"{self.pointer}/{step}")

    def items(self, *, least: int, most: int) -> list[Member]:
        """Return the elements of a list.

        Raises:
            ManifestInvalid: not a list, or its length is out of bounds.
        """
        if not isinstance(self.value, list):
            self.refuse("must be a list")
        self._bounded(len(self.value), least, most, "elements")
        return [Member(item, f"{self.pointer}/{index}") for index, item in enumerate(self.value)]

    def entries(self, *, least: int, most: int) -> dict[str, Member]:
        """Return the members of an object whose names are data.

        Raises:
            ManifestInvalid: not an object, or its size is out of bounds.
        """
        if not isinstance(self.value, dict):
            self.refuse("must be an object")
        self._bounded(len(self.value), least, most, "members")
        return {name: self.child(name) for name in self.value}

    def text(self, *, most: int = MAX_TEXT, pattern: str = r"(?s).+") -> str:
        """Return a text that matches `pattern` as a whole.

        Raises:
            ManifestInvalid: not a text, empty, too long, or of another form.
        """
        if not isinstance(self.value, str) or not self.value:
            self.refuse("must be a text that is not empty")
        self._bounded(len(self.value), 1, most, "characters")
        if not _plain(self.value):
            self.refuse("has characters that cannot be shown")
        if re.fullmatch(pattern, self.value) is None:
            self.refuse("has another form than it must")
        return self.value

    def integer(self, *, least: int, most: int = MAX_INTEGER) -> int:
        """Return an integer within bounds.

        Raises:
            ManifestInvalid: not an integer (1.0 is none), or out of bounds.
        """
        if not isinstance(self.value, int) or isinstance(self.value, bool):
            self.refuse("must be an integer")
        self._bounded(self.value, least, most, "")
        return self.value

    def number(self, *, above: float = -math.inf, most: float = math.inf) -> float:
        """Return a finite number in (above, most].

        Raises:
            ManifestInvalid: not a number, not finite, or out of bounds.
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
        """Return a time written `2026-11-24T15:00:00Z`.

        Raises:
            ManifestInvalid: written otherwise, or no time.
        """
        text = self.text(most=20, pattern=_INSTANT)
        try:
            return datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
        except ValueError:
            self.refuse("is no time")

    def _bounded(self, size: int, least: int, most: int, what: str) -> None:
        if not least <= size <= most:
            self.refuse(f"must have {least} to {most} {what}" if what else _span(least, most))


def read(data: bytes) -> Member:
    """Read a JSON document.

    Args:
        data: UTF-8, at most `MAX_BYTES`.

    Raises:
        ManifestInvalid: not JSON, too large, nested too deeply, a member twice, NaN or Infinity.
    """
    if len(data) > MAX_BYTES:
        raise ManifestInvalid("", f"{len(data)} bytes are over the limit of {MAX_BYTES}")
    try:
        value = json.loads(
            data.decode("utf-8"), object_pairs_hook=_once, parse_constant=_no_constant
        )
    except (ValueError, RecursionError) as exc:
        raise ManifestInvalid("", "not well-formed JSON") from exc
    return Member(value)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs) or not all(_named(name) for name in result):
        raise ValueError("member twice, or its name cannot be shown")
    return result


def _named(name: str) -> bool:
    return 0 < len(name) <= MAX_TEXT and _plain(name)


def _plain(text: str) -> bool:
    return not any(unicodedata.category(sign).startswith(_UNSEEN) for sign in text)


def _no_constant(name: str) -> NoReturn:
    raise ValueError(name)


def _range(above: float, most: float) -> str:
    lower = "" if above == -math.inf else f"above {above:g}"
    upper = "" if most == math.inf else f"at most {most:g}"
    return f"must be {' and '.join(part for part in (lower, upper) if part)}"


def _span(least: int, most: int) -> str:
    return f"must be {least} or more" if most == MAX_INTEGER else f"must be {least} to {most}"
