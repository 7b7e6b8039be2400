"""Values as they compare: decimals, spans of time, durations, names.

A value that cannot be read as its operand's kind is None, never a default; a time without a zone is
read as UTC; durations stay (months, seconds), because a month has no fixed length.
Source: XML Schema 1.1 Part 2, sections 3.3 and 3.4, appendix E.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from functools import lru_cache
from math import isfinite
from typing import Final
from unicodedata import normalize
from urllib.parse import unquote

from policies_odrl.frozen import frozen
from policies_odrl.model import XSD, XSD_STRING, Iri, Literal
from policies_odrl.vocabulary import LEVELS, Kind

MAX_LEXICAL: Final = 512
MAX_EXPONENT: Final = 400

FactValue = str | int | float | Decimal | datetime | date | timedelta | Iri | Literal

_NUMBER: Final = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d{1,4})?", re.ASCII)
_ZONE: Final = r"(?P<zone>Z|[+-](?:(?:0\d|1[0-3]):[0-5]\d|14:00))?"
_DATE: Final = re.compile(r"(?P<day>\d{4}-\d{2}-\d{2})" + _ZONE, re.ASCII)
_DATETIME: Final = re.compile(
    r"(?P<day>\d{4}-\d{2}-\d{2})T(?P<time>\d{2}:\d{2}:\d{2})(?:\.(?P<fraction>\d{1,12}))?" + _ZONE,
    re.ASCII,
)
_DURATION: Final = re.compile(
    r"(?P<sign>-)?P(?=.)(?:(?P<y>\d{1,6})Y)?(?:(?P<m>\d{1,6})M)?(?:(?P<d>\d{1,9})D)?"
    r"(?:T(?=.)(?:(?P<h>\d{1,9})H)?(?:(?P<min>\d{1,9})M)?(?:(?P<s>\d{1,9}(?:\.\d{1,9})?)S)?)?",
    re.ASCII,
)
# Types whose lexical form and range are narrower than `_NUMBER` (XML Schema 1.1 Part 2, 3.3, 3.4).
_INTEGERS: Final[dict[str, tuple[int | None, int | None]]] = {
    XSD + "integer": (None, None),
    XSD + "nonNegativeInteger": (0, None),
    XSD + "positiveInteger": (1, None),
    XSD + "nonPositiveInteger": (None, 0),
    XSD + "negativeInteger": (None, -1),
}
for _name, _bits in (("Long", 64), ("Int", 32), ("Short", 16), ("Byte", 8)):
    _INTEGERS[XSD + _name.lower()] = (-(2 ** (_bits - 1)), 2 ** (_bits - 1) - 1)
    _INTEGERS[XSD + "unsigned" + _name] = (0, 2**_bits - 1)
_MOMENTS: Final = frozenset({XSD + "dateTime", XSD + "dateTimeStamp", XSD_STRING})
_NUMERIC: Final = frozenset({XSD + name for name in ("decimal", "double", "float", "string")})

_TRUTHS: Final = {"true": True, "1": True, "false": False, "0": False}
# Days of 0 to 11 months in a row, at least and at most.
_SHORTEST: Final = (0, 28, 59, 89, 120, 150, 181, 212, 242, 273, 303, 334)
_LONGEST: Final = (0, 31, 62, 92, 123, 153, 184, 215, 245, 276, 306, 337)


@frozen
class Span:
    """A stretch of time: an instant that is its own end, or a day and the instant after it."""

    start: datetime  # aware
    end: datetime


@frozen
class Duration:
    """An xsd:duration: years and months, and what has a fixed length."""

    months: int
    seconds: Decimal


@frozen
class Step:
    """A step of the ordered list of a left operand (its IRI), by rank from the weakest."""

    scale: str
    rank: int


Scalar = Decimal | Span | Duration | Step

_STEPS: Final = {
    name: Step(scale, rank) for scale, steps in LEVELS.items() for rank, name in enumerate(steps)
}


@frozen
class Quantity:
    """A measured value with the IRI of its unit."""

    value: Decimal
    unit: str


def scalar(kind: Kind, value: FactValue) -> Scalar | None:
    """Return a value as its kind compares, or None when it is not of that kind."""
    reads = _READS.get(kind)
    return reads(value) if reads else None


def step(value: object) -> Step | None:
    """Return a step of one of the ordered lists, or None; only an IRI names one."""
    known = value.value if isinstance(value, Iri) else value
    return _STEPS.get(known) if isinstance(known, str) else None


def number(value: object) -> Decimal | None:
    """Return a finite decimal, or None; a literal must be what its datatype says."""
    if isinstance(value, Literal):
        text = value.lexical.strip()
        plain = not value.language and len(text) <= MAX_LEXICAL
        return _typed_number(value.datatype, text) if plain else None
    if isinstance(value, bool) or not isinstance(value, str | int | float | Decimal):
        return None
    if isinstance(value, Decimal):
        return value if value.is_finite() and abs(value.adjusted()) <= MAX_EXPONENT else None
    text = "" if too_long(value) else str(value).strip()
    return _written_number(text) if len(text) <= MAX_LEXICAL else None


@lru_cache(maxsize=4096)  # a policy says the same bounds again and again
def _written_number(text: str) -> Decimal | None:
    if not _NUMBER.fullmatch(text):
        return None
    result = Decimal(text)
    return result if abs(result.adjusted()) <= MAX_EXPONENT else None


@lru_cache(maxsize=4096)
def _typed_number(datatype: str, text: str) -> Decimal | None:
    found = _written_number(text)
    if found is None or datatype in _NUMERIC:
        exponent = datatype == XSD + "decimal" and "e" in text.lower()
        return None if exponent else found
    if datatype not in _INTEGERS or not text.lstrip("+-").isdigit():
        return None
    low, high = _INTEGERS[datatype]
    return found if (low is None or found >= low) and (high is None or found <= high) else None


def too_long(value: object) -> bool:
    """Return whether a whole number has more digits than anybody means, or Python writes out."""
    return isinstance(value, int) and value.bit_length() > 8 * MAX_LEXICAL


def span(value: object) -> Span | None:
    """Return a stretch of time, or None."""
    if isinstance(value, datetime):
        at = value if value.tzinfo else value.replace(tzinfo=UTC)
        return Span(at, at)
    if isinstance(value, date):
        return _day(datetime.combine(value, time(), UTC))
    return _written_span(*_lexical(value))


@lru_cache(maxsize=4096)  # a policy says the same bounds again and again
def _written_span(datatype: str, text: str) -> Span | None:
    if datatype in _MOMENTS and (match := _DATETIME.fullmatch(text)):
        if datatype == XSD + "dateTimeStamp" and match["zone"] is None:
            return None
        at = _moment(match["day"], match["time"], match["fraction"] or "", match["zone"])
        return Span(at, at) if at else None
    if datatype in {XSD + "date", XSD_STRING} and (match := _DATE.fullmatch(text)):
        start = _moment(match["day"], "00:00:00", "", match["zone"])
        return _day(start) if start else None
    return None


def naive(value: object) -> bool:
    """Return whether a value is a time or day without a zone, which is read as UTC."""
    if isinstance(value, datetime):
        return value.tzinfo is None
    text = value.lexical if isinstance(value, Literal) else value
    if not isinstance(text, str):
        return False
    match = _DATETIME.fullmatch(text.strip()) or _DATE.fullmatch(text.strip())
    return match is not None and match["zone"] is None


def duration(value: object) -> Duration | None:
    """Return a duration, or None."""
    if isinstance(value, timedelta):
        micro = value // timedelta(microseconds=1)
        return Duration(0, Decimal(micro) / 1_000_000)
    datatype, text = _lexical(value)
    if datatype not in {XSD + "duration", XSD + "dayTimeDuration", XSD_STRING}:
        return None
    match = _DURATION.fullmatch(text)
    if not match or (datatype == XSD + "dayTimeDuration" and (match["y"] or match["m"])):
        return None
    part = {name: Decimal(match[name] or 0) for name in ("y", "m", "d", "h", "min", "s")}
    sign = -1 if match["sign"] else 1
    seconds = part["d"] * 86_400 + part["h"] * 3_600 + part["min"] * 60 + part["s"]
    return Duration(sign * int(part["y"] * 12 + part["m"]), sign * seconds)


def name(value: object) -> str | None:
    """Return the text that tells a value from others; None if empty or no name, truth or number."""
    if isinstance(value, Iri):
        return value.value or None
    if isinstance(value, Literal):
        return value.lexical or None
    if isinstance(value, str):
        return value or None
    if isinstance(value, Decimal):
        return str(value) if value.is_finite() else None
    if isinstance(value, float):
        return str(value) if isfinite(value) else None
    return str(value) if isinstance(value, int) and not too_long(value) else None


def datatype_of(value: object) -> str:
    """Return the datatype of a value; empty for a text, a number and a name."""
    if not isinstance(value, Literal) or value.language or value.datatype == XSD_STRING:
        return ""
    return value.datatype if number(value) is None else ""


def alike(value: object, other: object) -> bool:
    """Return whether two texts may be one name, or one number, truth value, time or duration.

    Source: RFC 3986, 6.2.2 (case and percent-encoding); Unicode Standard Annex 15 (NFKC).
    """
    one, two = _folded(name(value) or ""), _folded(name(other) or "")
    if one == two or (one in _TRUTHS and _TRUTHS[one] == _TRUTHS.get(two)):
        return True
    if (read := number(one)) is not None and read == number(two):
        return True
    times = (span, duration)
    return any((at := reading(value)) is not None and at == reading(other) for reading in times)


def _folded(text: str) -> str:
    """Return a text without what two writings of one name may differ in."""
    if text.isascii() and text.isprintable() and not ("%" in text or " " in text):
        return text.casefold()  # the usual case, faster
    words = " ".join(normalize("NFKC", unquote(text)).split())
    return "".join(letter for letter in words if letter.isprintable()).strip().casefold()


def in_range(tag: str, wide: str) -> bool:
    """Return whether a language lies in a range (RFC 4647, 3.3.1, basic filtering)."""
    one, two = (item.casefold().replace("_", "-") + "-" for item in (tag, wide))
    return one.startswith(two)


def at_most(left: Scalar, right: Scalar) -> bool:
    """Return whether a value is certainly no later, longer or more than another of its kind."""
    if isinstance(left, Span) and isinstance(right, Span):
        reaches = left.start < right.end or right.start == right.end  # a day ends before its end
        return left.end <= right.end and reaches
    if isinstance(left, Duration) and isinstance(right, Duration):
        return 1 not in orders(left, right)
    if isinstance(left, Step) and isinstance(right, Step):
        return left.scale == right.scale and left.rank <= right.rank
    return isinstance(left, Decimal) and isinstance(right, Decimal) and left <= right


def orders(left: Duration, right: Duration) -> frozenset[int]:
    """Return how two durations compare with the months at their shortest and at their longest.

    Source: XML Schema 1.1 Part 2, 3.3.6.1.
    """
    months = left.months - right.months
    seconds = left.seconds - right.seconds
    least, most = _month_days(abs(months))
    low, high = (least, most) if months >= 0 else (-most, -least)
    gaps = (low * 86_400 + seconds, high * 86_400 + seconds)
    return frozenset((gap > 0) - (gap < 0) for gap in gaps)


def _month_days(months: int) -> tuple[int, int]:
    if months == 0:
        return (0, 0)
    years, rest = divmod(months, 12)
    least = years * 365 + max(0, years // 4 - years // 100 - 1) + _SHORTEST[rest]
    most = years * 365 + (years + 3) // 4 + _LONGEST[rest]
    return (least, most)


def _lexical(value: object) -> tuple[str, str]:
    if isinstance(value, Literal) and not value.language and len(value.lexical) <= MAX_LEXICAL:
        return value.datatype, value.lexical.strip()
    if isinstance(value, str) and len(value) <= MAX_LEXICAL:
        return XSD_STRING, value.strip()
    return "", ""


def _moment(day: str, clock: str, fraction: str, zone: str | None) -> datetime | None:
    """Return a moment, or None where there is none in the years 1 to 9999 of UTC."""
    ends = clock == "24:00:00" and not fraction.strip("0")  # of the day (XSD 1.1 Part 2, 3.3.7)
    try:
        start = "00:00:00" if ends else clock
        at = datetime.fromisoformat(f"{day}T{start}.{fraction[:6]:0<6}{zone or 'Z'}")
        at += timedelta(days=ends)
        at.astimezone(UTC)  # whoever shows or stores it says it in UTC
    except (ValueError, OverflowError):
        return None
    return at


def _day(start: datetime) -> Span:
    try:
        return Span(start, start + timedelta(days=1))
    except OverflowError:  # the last day that there is: it ends with all time
        rest = datetime.max.replace(tzinfo=UTC) - start
        return Span(start, start.astimezone(UTC) + min(rest, timedelta(days=1)))


_READS: Final[dict[Kind, Callable[[FactValue], Scalar | None]]] = {
    Kind.NUMBER: number,
    Kind.COUNT: number,
    Kind.INSTANT: span,
    Kind.DURATION: duration,
    Kind.LEVEL: step,
}
