"""From what stands in a file to values of the declared datatype.

Rules: what cannot be read as declared is null, and counted; no message quotes it. Nothing is
guessed: decimal sign, dates and missing values are those of the layout.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from connector.domain.catalog.layout import Field, Layout
from connector.sources.spellings import boolean_of, date_of, number_form

TYPES: Final = {
    "text": pa.string(),
    "number": pa.float64(),
    "integer": pa.int64(),
    "date": pa.date32(),
    "boolean": pa.bool_(),
}
_FIRST: Final = pa.scalar(date.min, pa.date32())
_LAST: Final = pa.scalar(date.max, pa.date32())
_INTEGER: Final = r"^[+-]?[0-9]{1,18}$"


def typed(values: pa.Array, field: Field, layout: Layout) -> tuple[pa.Array, pa.Array | None]:
    """Return values of a column's datatype, and which could not be read; None where all could.

    Args:
        values: text, or values of a type that the file itself has; null where there are none.
        field: the column.
        layout: of its file.
    """
    wanted = TYPES[field.datatype]
    if pa.types.is_dictionary(values.type):
        values = values.dictionary_decode()
    if values.type == wanted and field.datatype != "text":
        return _of_the_calendar(values) if field.datatype == "date" else (_finite(values), None)
    text = present(as_text(values, layout.decimal), layout.missing)
    made = _READERS[field.datatype](text, field, layout)
    if made.null_count == text.null_count:
        return made, None
    return made, pc.and_(pc.is_null(made), pc.is_valid(text))


def as_text(values: pa.Array, decimal: str = ".") -> pa.Array:
    """Return values as text; those of a type without a text form are null.

    Args:
        values: of any type.
        decimal: sign for numbers that are no text.
    """
    kind = values.type
    if pa.types.is_string(kind):
        return values
    try:
        text = values.cast(pa.string())
    except pa.ArrowException:  # not shown: it quotes a value
        return pa.nulls(len(values), pa.string())
    numeric = pa.types.is_floating(kind) or is_decimal(kind)
    return pc.replace_substring(text, ".", decimal) if numeric and decimal != "." else text


def is_decimal(kind: pa.DataType) -> bool:
    """Return whether values of a type are decimal numbers, maybe of no bound, as `numeric` is."""
    unbounded = isinstance(kind, pa.OpaqueType) and kind.type_name == "numeric"
    return unbounded or bool(pa.types.is_decimal(kind))


def present(text: pa.Array, missing: tuple[str, ...]) -> pa.Array:
    """Return text without what is a spelling of a missing value."""
    plain = pc.utf8_trim_whitespace(text)
    absent = pc.is_in(plain, pa.array(["", *missing], pa.string()))
    return pc.if_else(absent, pa.scalar(None, pa.string()), text)


def _finite(values: pa.Array) -> pa.Array:
    if not pa.types.is_floating(values.type):
        return values
    return pc.if_else(pc.is_finite(values), values, pa.scalar(None, values.type))


def _of_the_calendar(days: pa.Array) -> tuple[pa.Array, pa.Array | None]:
    """Return days of years with four digits; `infinity` of a database is a number that is none."""
    odd = pc.fill_null(pc.or_(pc.less(days, _FIRST), pc.greater(days, _LAST)), fill_value=False)
    if not odd.true_count:
        return days, None
    return pc.if_else(odd, pa.scalar(None, days.type), days), odd


def _text(text: pa.Array, field: Field, layout: Layout) -> pa.Array:
    del field, layout
    return text


def _number(text: pa.Array, field: Field, layout: Layout) -> pa.Array:
    del field
    kept = _matching(text, number_form(layout.decimal))
    if layout.decimal != ".":
        kept = pc.replace_substring(kept, layout.decimal, ".")
    return _finite(kept.cast(pa.float64()))


def _integer(text: pa.Array, field: Field, layout: Layout) -> pa.Array:
    del field, layout
    return _matching(text, _INTEGER).cast(pa.int64())


def _matching(text: pa.Array, form: str) -> pa.Array:
    plain = pc.utf8_trim_whitespace(text)
    kept = pc.if_else(pc.match_substring_regex(plain, form), plain, pa.scalar(None, pa.string()))
    return pc.replace_substring_regex(kept, r"^\+", "")


def _date(text: pa.Array, field: Field, layout: Layout) -> pa.Array:
    del layout
    return _once_each(text, lambda each: date_of(each, field.date), pa.date32())


def _boolean(text: pa.Array, field: Field, layout: Layout) -> pa.Array:
    del field, layout
    return _once_each(text, boolean_of, pa.bool_())


def _once_each(text: pa.Array, read: Callable[[str], Any], kind: pa.DataType) -> pa.Array:
    """Read each spelling once: days and words repeat."""
    spelled = text.dictionary_encode()
    return pa.array([read(each) for each in spelled.dictionary.to_pylist()], kind).take(
        spelled.indices
    )


_READERS: Final[dict[str, Callable[[pa.Array, Field, Layout], pa.Array]]] = {
    "text": _text,
    "number": _number,
    "integer": _integer,
    "date": _date,
    "boolean": _boolean,
}
