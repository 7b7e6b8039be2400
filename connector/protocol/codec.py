"""Reads and writes the fields of messages, strictly.

A message body is a JSON object with the field names of its protocol buffer (protobuf's JSON
mapping, every field present): octets are standard base64 text, 64-bit numbers are decimal text.
Rules: an unknown, missing or ill-typed field, an over-long one, a control character, or a second
spelling of the same octets is `Malformed`; nothing is repaired. A message class names the form
of each field in its annotation (`Annotated[str, Text()]`).
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol, Self, get_type_hints

from connector.domain.federation import identifier
from connector.errors import Malformed

MAX_ID: Final = 512  # characters; DIDs, IRIs and pids are far below
MAX_LINE: Final = 1_000  # characters of one reason
MAX_LINES: Final = 64
MAX_TOKEN: Final = 262_144  # characters of a compact JWS or VC-JWT
MAX_POLICY: Final = 262_144  # bytes of a policy
MAX_DOCUMENT: Final = 1_048_576  # bytes of an agreement or manifest
MAX_NOTE: Final = 4096  # characters of a signed note
MAX_SEALED: Final = 4_194_304 + 64  # bytes of a sealed tally

_CONTROL: Final = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
_DECIMAL: Final = re.compile("0|[1-9][0-9]{0,18}")


_FORMS: Final[dict[type[Body], dict[str, Form]]] = {}  # read once per class


class Form(Protocol):
    """How one field is spelled in a body."""

    def read(self, value: Any) -> Any:
        """Return the field's value; raises Malformed with what is wrong."""
        ...

    def write(self, value: Any) -> Any:
        """Return the JSON value."""
        ...


@dataclass(frozen=True, slots=True)
class Text:
    """A line of text.

    Attributes:
        limit: most characters.
        empty: whether it may be empty.
        spaces: whether it may hold white space (an identifier may not).
        lines: whether it may hold line feeds.
        among: the only values allowed; empty for any.
    """

    limit: int = MAX_ID
    empty: bool = False
    spaces: bool = False
    lines: bool = False
    among: tuple[str, ...] = ()

    def read(self, value: Any) -> str:
        """Return the text.

        Raises:
            Malformed: not text, empty, too long, or with characters that do not belong.
        """
        if not isinstance(value, str):
            raise Malformed("is not text")
        if len(value) > self.limit:
            raise Malformed(f"is longer than {self.limit} characters")
        if not value and not self.empty:
            raise Malformed("is empty")
        shown = value.replace("\n", "") if self.lines else value
        if _CONTROL.search(shown) or (not self.spaces and any(map(str.isspace, value))):
            raise Malformed("holds a character that is not allowed")
        if self.among and value not in self.among:
            raise Malformed(f"is not one of {', '.join(self.among)}")
        return value

    def write(self, value: str) -> str:
        """Return the text."""
        return value


@dataclass(frozen=True, slots=True)
class Identifier:
    """An id that a folder is named after, see `domain/federation/identifier.py`."""

    def read(self, value: Any) -> str:
        """Return the id.

        Raises:
            Malformed: not text, or not of the form.
        """
        if not isinstance(value, str):
            raise Malformed("is not text")
        if identifier.uuid_in(value) is None:
            raise Malformed(f"is not of the form `{identifier.FORM}`")
        return value

    def write(self, value: str) -> str:
        """Return the text."""
        return value


@dataclass(frozen=True, slots=True)
class Octets:
    """Bytes, as canonical standard base64 (RFC 4648 section 4).

    Attributes:
        limit: most bytes.
        empty: whether there may be none.
    """

    limit: int = MAX_DOCUMENT
    empty: bool = False

    def read(self, value: Any) -> bytes:
        """Return the bytes.

        Raises:
            Malformed: not text, not canonical base64, none, or too many.
        """
        if not isinstance(value, str):
            raise Malformed("is not base64 text")
        if len(value) > self.limit * 4 // 3 + 4:
            raise Malformed(f"is longer than {self.limit} bytes")
        try:
            data = base64.b64decode(value.encode("ascii"), validate=True)
        except (binascii.Error, ValueError) as exc:
            raise Malformed("is not base64") from exc
        if self.write(data) != value:
            raise Malformed("is not canonical base64")
        if len(data) > self.limit:
            raise Malformed(f"is longer than {self.limit} bytes")
        if not data and not self.empty:
            raise Malformed("is empty")
        return data

    def write(self, value: bytes) -> str:
        """Return the base64 text."""
        return base64.b64encode(value).decode("ascii")


@dataclass(frozen=True, slots=True)
class Whole:
    """A number of 64 bits without sign; protobuf's JSON mapping writes it as decimal text."""

    def read(self, value: Any) -> int:
        """Return the number.

        Raises:
            Malformed: neither a whole number nor its canonical decimal text.
        """
        if isinstance(value, str) and _DECIMAL.fullmatch(value):
            return int(value)
        if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**63:
            return value
        raise Malformed("is not a whole number")

    def write(self, value: int) -> str:
        """Return decimal text."""
        return str(value)


@dataclass(frozen=True, slots=True)
class Flag:
    """True or false."""

    def read(self, value: Any) -> bool:
        """Return the flag.

        Raises:
            Malformed: not a boolean.
        """
        if not isinstance(value, bool):
            raise Malformed("is neither true nor false")
        return value

    def write(self, value: bool) -> bool:  # noqa: FBT001 - the value is the whole argument
        """Return the flag."""
        return value


@dataclass(frozen=True, slots=True)
class Several:
    """A list.

    Attributes:
        item: form of each item; None where `of` is given.
        limit: most items.
        of: message class of each item.
    """

    item: Form | None = None
    limit: int = MAX_LINES
    of: type[Body] | None = None

    def read(self, value: Any) -> tuple[Any, ...]:
        """Return the items.

        Raises:
            Malformed: not a list, too long, or a bad item.
        """
        if not isinstance(value, list | tuple):
            raise Malformed("is not a list")
        if len(value) > self.limit:
            raise Malformed(f"has more than {self.limit} items")
        return tuple(self._read(item) for item in value)

    def write(self, value: tuple[Any, ...]) -> list[Any]:
        """Return a JSON list."""
        if self.item is not None:
            return [self.item.write(item) for item in value]
        return [item.to_body() for item in value]

    def _read(self, item: Any) -> Any:
        if self.item is not None:
            return self.item.read(item)
        assert self.of is not None  # noqa: S101 - a message class names one of the two
        return self.of.from_body(item)


@dataclass(frozen=True, slots=True)
class Body:
    """A message: its fields carry their form in their annotations."""

    @classmethod
    def from_body(cls, body: Any) -> Self:
        """Read a body.

        Raises:
            Malformed: not an object, a field unknown, missing or ill-formed, or fields that do
                not belong together.
        """
        if not isinstance(body, Mapping):
            raise Malformed(f"`{cls.__name__}` is not an object")
        forms = forms_of(cls)
        for name in sorted(map(str, body.keys() - forms.keys())):
            raise Malformed(f"`{cls.__name__}` has no field `{name[:64]}`")
        values = {name: _field(cls, name, form, body) for name, form in forms.items()}
        message = cls(**values)
        message.check()
        return message

    def to_body(self) -> dict[str, Any]:
        """Return the body, every field present."""
        return {
            name: form.write(getattr(self, name)) for name, form in forms_of(type(self)).items()
        }

    def check(self) -> None:
        """Check what one field demands of another; raises Malformed. Most messages have nothing."""


def forms_of(cls: type[Body]) -> dict[str, Form]:
    """Return the form of each field of a message class, in order."""
    if cls not in _FORMS:
        hints = get_type_hints(cls, include_extras=True)
        _FORMS[cls] = {name: hint.__metadata__[0] for name, hint in hints.items()}
    return _FORMS[cls]


def _field(cls: type[Body], name: str, form: Form, body: Mapping[str, Any]) -> Any:
    if name not in body:
        raise Malformed(f"`{cls.__name__}` lacks the field `{name}`")
    try:
        return form.read(body[name])
    except Malformed as exc:
        if exc.reason.startswith("`"):  # a field of a nested message: it names itself
            raise
        raise Malformed(f"field `{name}` of `{cls.__name__}` {exc.reason}") from exc
