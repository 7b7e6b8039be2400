"""The border between domain values and rows of SQL tables.

Rules: a value comes back equal; numbers, text, bytes and times have columns of their own, nested
values become JSON text; what one of the databases could not hold (NUL characters, lone
surrogates, whole numbers past 64 bits) is refused before it gets there, on both alike. What comes
back is of its field's type, or refused: SQLite holds any value in any column.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from datetime import datetime
from enum import Enum
from functools import cache, lru_cache
from operator import attrgetter
from types import UnionType
from typing import Any, Final, TypeVar, Union, get_args, get_origin, get_type_hints

from connector.errors import Malformed
from connector.jsonld.kept import kept
from federated.errors import EventUnknown

T = TypeVar("T")

# PostgreSQL indexes no more than about 2,700 bytes in all, and no identifier needs more than this.
MAX_KEY_BYTES: Final = 1024

_WHOLE_LIMIT: Final = 2**63
_JSON: Final = json.JSONEncoder(allow_nan=False, separators=(",", ":"))
_KEPT: Final = 1024  # nested values of one field, which cannot change once they are built

# What reading a spoiled column raises: an unknown member of an enum, text that is no JSON or no
# time, a nested value without its fields, spending without a known cost.
SPOILED: Final = (
    *(ValueError, TypeError, LookupError, AttributeError, RecursionError, Malformed),
    EventUnknown,
)


@dataclass(frozen=True, slots=True)
class Codec:
    """How one field goes to its column and back."""

    to_column: Callable[[Any], Any]
    from_column: Callable[[Any], Any]


def to_row(value: Any) -> dict[str, Any]:
    """Return the columns of a domain value.

    Raises:
        Malformed: a text or number cannot be stored.
    """
    fields_, into, of = _writer(type(value))
    return {name: to(held) for name, to, held in zip(fields_, into, of(value), strict=True)}


def from_row(kind: type[T], row: Mapping[Any, Any]) -> T:
    """Build the domain value of a row.

    Raises:
        Exception: of `SPOILED`: a column holds what its field cannot.
    """
    codecs = codecs_of(kind)
    return kind(**{name: codec.from_column(row[name]) for name, codec in codecs.items()})


def from_record(kind: type[T], record: Sequence[Any]) -> T:
    """Build the domain value of a row that has its fields, in their order, and nothing else.

    Raises:
        Exception: as `from_row`.
    """
    return _maker(kind)(record)  # type: ignore[no-any-return]  # of the kind


def reader(kind: type[T], most: int) -> Callable[[Sequence[Any]], T]:
    """Return `from_record`, which returns one of the last `most` values again for an equal row.

    A value follows from what its row holds alone, so that none is ever out of date.
    """
    if not most:
        return _maker(kind)
    kept = _kept_reader(kind, most)
    return lambda record: kept(*record)


def to_column(kind: type[T], value: T) -> Any:
    """Return what the column of a field of this type holds.

    Raises:
        Malformed: a text or number cannot be stored.
    """
    return _codec(kind).to_column(value)


def codecs_of(kind: type[Any]) -> Mapping[str, Codec]:
    """Return the codec of each field of a domain dataclass, in order."""
    return _codecs(kind)


def fields_of(kind: type[Any]) -> tuple[str, ...]:
    """Return the fields of a domain dataclass, in order."""
    return _fields(kind)


def storable(text: str) -> str:
    """Return the text if both databases can hold it.

    Raises:
        Malformed: it has a NUL character or a lone surrogate.
    """
    if "\x00" in text or not (text.isascii() or _encodable(text)):
        raise Malformed("a text holds a character that cannot be stored")
    return text


def storable_key(text: str) -> str:
    """Return the text if both databases can hold and index it.

    Raises:
        Malformed: as `storable`, or it is longer than `MAX_KEY_BYTES` in UTF-8.
    """
    if len(storable(text).encode()) > MAX_KEY_BYTES:
        raise Malformed(f"an identifier is longer than {MAX_KEY_BYTES} bytes")
    return text


def _encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def whole_number(number: int) -> int:
    """Return the number if both databases can hold it.

    Raises:
        Malformed: it is past 64 bits.
    """
    if not -_WHOLE_LIMIT <= number < _WHOLE_LIMIT:
        raise Malformed("a whole number exceeds 64 bits")
    return number


def _aware(time: datetime) -> datetime:
    if time.tzinfo is None:
        raise ValueError("a time without a time zone cannot be stored")
    return time


def finite(number: float) -> float:
    """Return the number if it is one.

    Raises:
        Malformed: it is infinite, or not a number.
    """
    if not math.isfinite(number):
        raise Malformed("a number is not finite")
    return float(number)


def _same(value: Any) -> Any:
    return value


def _read(kind: type[Any]) -> Callable[[Any], Any]:
    """Return how a column of a plain type is read."""

    def read(value: Any) -> Any:
        if type(value) is not kind:
            raise TypeError(kind.__name__)
        return value

    return read


_PLAIN: Final[dict[Any, Callable[[Any], Any]]] = {
    str: storable,
    int: whole_number,
    float: finite,
    bool: bool,
    bytes: _same,
    datetime: _aware,
}
_READ: Final[dict[Any, Callable[[Any], Any]]] = {kind: _read(kind) for kind in _PLAIN}
_READ[float] = finite


def _codec(hint: Any) -> Codec:
    if hint in _PLAIN:
        return Codec(_PLAIN[hint], _READ[hint])
    if isinstance(hint, type) and issubclass(hint, Enum):
        return Codec(lambda member: member.value, hint)
    if get_origin(hint) in (Union, UnionType):
        return _optional(_codec(_only_some(hint)))
    return Codec(
        lambda value: _JSON.encode(_plain(value)),
        kept(_KEPT)(lambda text: _rebuilt(hint, json.loads(text))),
    )


def _optional(inner: Codec) -> Codec:
    return Codec(
        lambda value: None if value is None else inner.to_column(value),
        lambda column: None if column is None else inner.from_column(column),
    )


def _only_some(hint: Any) -> Any:
    """Return X of `X | None`."""
    (some,) = (arg for arg in get_args(hint) if arg is not type(None))
    return some


def _plain(value: Any) -> Any:
    if is_dataclass(value):
        return {item.name: _plain(getattr(value, item.name)) for item in fields(value)}
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return storable(value) if isinstance(value, str) else value


def _rebuilt(hint: Any, plain: Any) -> Any:
    if is_dataclass(hint) and isinstance(hint, type):
        hints = _hints(hint)
        return hint(**{name: _rebuilt(hints[name], item) for name, item in plain.items()})
    if get_origin(hint) is tuple:
        return _rebuilt_tuple(get_args(hint), _read(list)(plain))
    if get_origin(hint) in (Union, UnionType):
        return None if plain is None else _rebuilt(_only_some(hint), plain)
    if hint is float and type(plain) is int:  # as JSON may write it
        return finite(plain)
    if hint is str:
        return storable(_READ[str](plain))
    return _READ[hint](plain) if hint in _READ else hint(plain)


def _rebuilt_tuple(hints: tuple[Any, ...], plain: list[Any]) -> tuple[Any, ...]:
    each, *rest = hints
    if rest != [...]:
        return tuple(_rebuilt(*pair) for pair in zip(hints, plain, strict=True))
    return tuple(_rebuilt(each, item) for item in plain)


def _making(kind: type[Any]) -> Callable[[Sequence[Any]], Any]:
    """Return `from_record` of a kind: what stands in its column as it is, is only looked at."""
    names, codecs = fields_of(kind), list(codecs_of(kind).values())
    plain = {_READ[each]: each for each in _READ if each is not float}
    looked_at = [
        (at, plain[codec.from_column])
        for at, codec in enumerate(codecs)
        if codec.from_column in plain
    ]
    read = [
        (at, codec.from_column) for at, codec in enumerate(codecs) if codec.from_column not in plain
    ]

    def make(record: Sequence[Any]) -> Any:
        if len(record) != len(codecs):
            raise ValueError(kind.__name__)
        for at, hint in looked_at:
            if type(record[at]) is not hint:
                raise TypeError(hint.__name__)
        values = list(record)
        for at, from_column in read:
            values[at] = from_column(values[at])
        return kind(**dict(zip(names, values, strict=True)))

    return make


def _writing(kind: type[Any]) -> tuple[tuple[str, ...], list[Callable[[Any], Any]], Any]:
    codecs = codecs_of(kind)
    held = attrgetter(*codecs)
    of = held if len(codecs) > 1 else lambda value: (held(value),)
    return fields_of(kind), [codec.to_column for codec in codecs.values()], of


def _built(kind: type[Any]) -> Mapping[str, Codec]:
    return {name: _codec(hint) for name, hint in _hints(kind).items()}


def _made(kind: type[Any], most: int) -> Callable[..., Any]:
    # By type as well: SQLite may hold a real number where a whole one is expected.
    return lru_cache(most, typed=True)(lambda *record: from_record(kind, record))


_kept_reader: Final[Callable[[Any, int], Callable[..., Any]]] = cache(_made)
_hints: Final[Callable[[Any], Mapping[str, Any]]] = cache(get_type_hints)
_codecs: Final[Callable[[Any], Mapping[str, Codec]]] = cache(_built)
_maker: Final[Callable[[Any], Callable[[Sequence[Any]], Any]]] = cache(_making)
_writer: Final[Callable[[Any], Any]] = cache(_writing)
_fields: Final[Callable[[Any], tuple[str, ...]]] = cache(lambda kind: tuple(_codecs(kind)))
