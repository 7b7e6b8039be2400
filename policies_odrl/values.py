"""Values as they compare: decimals, spans of time, durations, names.

Rules: a value that cannot be read as its operand's kind is None, never a default; an xsd:date is
the whole day in its time zone; a time without a zone is read as UTC (the lint asks for one);
durations stay (months, seconds), because a month has no fixed length.
Source: XML Schema 1.1 Part 2, sections 3.3 and 3.4, appendix E.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from functools import lru_cache
from math import isfinite
from typing import Final

from policies_odrl.logic import Truth, unanimous
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
_INTEGERS: Final[Mapping[str, tuple[int | None, int | None]]] = {
    XSD + "integer": (None, None),
    XSD + "nonNegativeInteger": (0, None),
    XSD + "positiveInteger": (1, None),
    XSD + "nonPositiveInteger": (None, 0),
    XSD + "negativeInteger": (None, -1),
    **{
        XSD + name: (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)
        for name, bits in (("long", 64), ("int", 32), ("short", 16), ("byte", 8))
    },
    **{
        XSD + name: (0, 2**bits - 1)
        for name, bits in (
            ("unsignedLong", 64),
            ("unsignedInt", 32),
            ("unsignedShort", 16),
            ("unsignedByte", 8),
        )
    },
}
_NUMERIC: Final = frozenset({XSD + name for name in ("decimal", "double", "float", "string")})


# Days of 0 to 11 months in a row, at least and at most.
_SHORTEST: Final = (0, 28, 59, 89, 120, 150, 181, 212, 242, 273, 303, 334)
_LONGEST: Final = (0, 31, 62, 92, 123, 153, 184, 215, 245, 276, 306, 337)


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of time: one instant, or a day.

    Attributes:
        start: first instant, aware.
        end: first instant after it; equal to `start` for an instant.
    """

    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class Duration:
    """An xsd:duration.

    Attributes:
        months: years and months.
        seconds: days, hours, minutes and seconds.
    """

    months: int
    seconds: Decimal


@dataclass(frozen=True, slots=True)
class Step:
    """A step of an ordered list.

    Attributes:
        scale: IRI of the left operand whose list it is.
        rank: place in the list, from the weakest.
    """

    scale: str
    rank: int


Scalar = Decimal | Span | Duration | Step

_STEPS: Final = {
    name: Step(scale, rank) for scale, steps in LEVELS.items() for rank, name in enumerate(steps)
}


@dataclass(frozen=True, slots=True)
class Quantity:
    """A measured value with its unit.

    Attributes:
        value: the number.
        unit: IRI of the unit.
    """

    value: Decimal
    unit: str


def scalar(kind: Kind, value: FactValue) -> Scalar | None:
    """Return a value as its kind compares, or None when it is not of that kind."""
    if kind is Kind.NUMBER or kind is Kind.COUNT:
        return number(value)
    if kind is Kind.INSTANT:
        return span(value)
    if kind is Kind.DURATION:
        return duration(value)
    if kind is Kind.LEVEL:
        return step(value)
    return None


def step(value: FactValue) -> Step | None:
    """Return a step of one of the ordered lists, or None; only an IRI names one.

    >>> step(Iri("https://w3id.org/preau/odrl/v1#Minimised")).rank
    1
    """
    known = value.value if isinstance(value, Iri) else value
    return _STEPS.get(known) if isinstance(known, str) else None


def number(value: FactValue) -> Decimal | None:
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
    fits = (low is None or found >= low) and (high is None or found <= high)
    return found if fits else None


def too_long(value: object) -> bool:
    """Return whether a whole number has more digits than anybody means, or Python writes out."""
    return isinstance(value, int) and value.bit_length() > 8 * MAX_LEXICAL


def span(value: FactValue) -> Span | None:
    """Return a stretch of time, or None."""
    if isinstance(value, datetime):
        at = value if value.tzinfo else value.replace(tzinfo=UTC)
        return Span(at, at)
    if isinstance(value, date):
        return _day(datetime.combine(value, time(), UTC))
    return _written_span(*_lexical(value))


@lru_cache(maxsize=4096)  # a policy says the same bounds again and again
def _written_span(datatype: str, text: str) -> Span | None:
    if datatype in {XSD + "dateTime", XSD + "dateTimeStamp", XSD_STRING}:
        found = _instant(text)
        if datatype == XSD + "dateTimeStamp" and naive(text):
            return None
        if found or datatype != XSD_STRING:
            return found
    if datatype in {XSD + "date", XSD_STRING} and (match := _DATE.fullmatch(text)):
        start = _moment(match["day"], "00:00:00", "", match["zone"])
        return _day(start) if start else None
    return None


def naive(value: object) -> bool:
    """Return whether a value is a time or day without a zone, which is read as UTC."""
    if isinstance(value, datetime):
        return value.tzinfo is None
    if isinstance(value, Literal):
        value = value.lexical
    if isinstance(value, str):
        text = value.strip()
        match = _DATETIME.fullmatch(text) or _DATE.fullmatch(text)
        return match is not None and match["zone"] is None
    return False


def duration(value: FactValue) -> Duration | None:
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


def name(value: FactValue) -> str | None:
    """Return the text by which a value is the same as another.

    None for an empty one, and for whatever is no name, truth value or finite number.
    """
    if isinstance(value, Iri):
        return value.value or None
    if isinstance(value, Literal):
        return value.lexical or None
    if isinstance(value, str):
        return value or None
    return str(value) if _finite(value) else None


def _finite(value: object) -> bool:
    """Return whether a value is a truth value or a finite number that can be written out."""
    if isinstance(value, Decimal):
        return value.is_finite()
    if isinstance(value, float):
        return isfinite(value)
    return isinstance(value, int) and not too_long(value)


def same(left: Scalar, right: Scalar) -> Truth:
    """Return whether two values of one kind are equal."""
    if isinstance(left, Span) and isinstance(right, Span):
        return _same_span(left, right)
    if isinstance(left, Duration) and isinstance(right, Duration):
        order = compare_durations(left, right)
        return Truth.UNDETERMINED if order is None else Truth.of(order == 0)
    if isinstance(left, Decimal) and isinstance(right, Decimal):
        return Truth.of(left == right)
    if isinstance(left, Step) and isinstance(right, Step) and left.scale == right.scale:
        return Truth.of(left.rank == right.rank)
    return Truth.UNDETERMINED


def before(left: Scalar, right: Scalar, *, or_same: bool) -> Truth:
    """Return whether `left` lies before `right`, or within it when `or_same`."""
    if isinstance(left, Span) and isinstance(right, Span):
        return _span_before(left, right, or_same=or_same)
    if isinstance(left, Duration) and isinstance(right, Duration):
        found = orders(left, right)
        return unanimous(Truth.of(order < 0 or (or_same and order == 0)) for order in found)
    if isinstance(left, Decimal) and isinstance(right, Decimal):
        return Truth.of(left < right or (or_same and left == right))
    if isinstance(left, Step) and isinstance(right, Step) and left.scale == right.scale:
        return Truth.of(left.rank < right.rank or (or_same and left.rank == right.rank))
    return Truth.UNDETERMINED


def _same_span(left: Span, right: Span) -> Truth:
    if left == right:
        return Truth.TRUE
    if right.start <= left.start and left.end <= right.end and left.start < right.end:
        return Truth.TRUE
    within = right.start == right.end and left.start == right.start  # first instant of the day
    if left.end <= right.start or (right.end <= left.start and not within):
        return Truth.FALSE
    return Truth.UNDETERMINED


def compare_durations(left: Duration, right: Duration) -> int | None:
    """Return -1, 0 or 1, or None where a month's length decides (XSD 1.1 Part 2, 3.3.6.1)."""
    found = orders(left, right)
    return next(iter(found)) if len(found) == 1 else None


def orders(left: Duration, right: Duration) -> frozenset[int]:
    """Return how two durations compare with the months at their shortest and at their longest.

    >>> sorted(orders(Duration(1, Decimal(0)), Duration(0, Decimal(31 * 86_400))))
    [-1, 0]
    """
    months = left.months - right.months
    seconds = left.seconds - right.seconds
    least, most = _month_days(abs(months))
    low, high = (least, most) if months >= 0 else (-most, -least)
    return frozenset({_sign(low * 86_400 + seconds), _sign(high * 86_400 + seconds)})


def _month_days(months: int) -> tuple[int, int]:
    if months == 0:
        return (0, 0)
    years, rest = divmod(months, 12)
    least = years * 365 + max(0, years // 4 - years // 100 - 1) + _SHORTEST[rest]
    most = years * 365 + (years + 3) // 4 + _LONGEST[rest]
    return (least, most)


def _sign(value: Decimal) -> int:
    return (value > 0) - (value < 0)


def _span_before(left: Span, right: Span, *, or_same: bool) -> Truth:
    limit = right.end if or_same else right.start
    reaches = or_same and right.start == right.end  # an instant is its own last moment
    if left.start == left.end:
        return Truth.of(left.start < limit or (reaches and left.start == limit))
    if left.end <= limit:
        return Truth.TRUE
    outside = left.start > limit or (left.start == limit and not reaches)
    return Truth.FALSE if outside else Truth.UNDETERMINED


def _lexical(value: FactValue | Quantity) -> tuple[str, str]:
    if isinstance(value, Literal) and not value.language and len(value.lexical) <= MAX_LEXICAL:
        return value.datatype, value.lexical.strip()
    if isinstance(value, str) and len(value) <= MAX_LEXICAL:
        return XSD_STRING, value.strip()
    return "", ""


def _instant(text: str) -> Span | None:
    match = _DATETIME.fullmatch(text)
    if not match:
        return None
    at = _moment(match["day"], match["time"], match["fraction"] or "", match["zone"])
    return Span(at, at) if at else None


def _moment(day: str, clock: str, fraction: str, zone: str | None) -> datetime | None:
    """Return a moment, or None where there is none in the years 1 to 9999 of UTC."""
    ends = clock == "24:00:00" and not fraction.strip("0")  # of the day (XSD 1.1 Part 2, 3.3.7)
    try:
        start = "00:00:00" if ends else clock
        at = datetime.fromisoformat(f"{day}T{start}.{fraction[:6]:0<6}").replace(tzinfo=_zone(zone))
        at += timedelta(days=ends)
        at.astimezone(UTC)  # whoever shows or stores it says it in UTC
    except (ValueError, OverflowError):
        return None
    return at


def _zone(text: str | None) -> timezone:
    if text is None or text == "Z":
        return UTC
    offset = timedelta(hours=int(text[1:3]), minutes=int(text[4:6]))
    return timezone(-offset if text[0] == "-" else offset)


def _day(start: datetime) -> Span:
    try:
        return Span(start, start + timedelta(days=1))
    except OverflowError:  # the last day that there is: it ends with all time
        rest = datetime.max.replace(tzinfo=UTC) - start
        return Span(start, start.astimezone(UTC) + min(rest, timedelta(days=1)))
