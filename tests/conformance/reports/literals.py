"""Facts as the typed values that documents hold.

Rule: a value that came as a literal keeps its lexical form; others get the usual form of their
XML Schema type. A quantity gives its number (its unit stands in the constraint), a clock the time
that has run; what has no type of its own is put into words.
Source: XML Schema 1.1 Part 2, canonical forms.
"""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Final

from policies_odrl import text
from policies_odrl.algebra.domain import Fact
from policies_odrl.algebra.periods import Stretch
from policies_odrl.model import XSD, Iri, Literal, Value
from policies_odrl.values import Quantity

_TYPES: Final = {str: "string", int: "integer", float: "double", date: "date"}


def stated(fact: Fact) -> Value:
    """Return a fact as an IRI or a literal.

    >>> stated(3)
    Literal(lexical='3', datatype='http://www.w3.org/2001/XMLSchema#integer', language='')
    """
    if isinstance(fact, Iri | Literal):
        return fact
    plain = fact.value if isinstance(fact, Quantity) else fact
    if isinstance(plain, datetime):
        return instant(plain)
    span = plain.end - plain.start if isinstance(plain, Stretch) else plain
    if isinstance(span, timedelta):
        return Literal(_duration(span), XSD + "dayTimeDuration")
    if isinstance(plain, Decimal):
        return Literal(f"{plain:f}", XSD + "decimal")
    kind = _TYPES.get(type(plain))
    return Literal(str(plain), XSD + kind) if kind else Literal(text.value(plain))


def instant(at: datetime) -> Literal:
    """Return a time as `2026-11-24T15:00:00Z`; one without a zone is read as UTC.

    >>> instant(datetime(2026, 11, 24, 15, tzinfo=UTC)).lexical
    '2026-11-24T15:00:00Z'
    """
    zoned = at if at.tzinfo else at.replace(tzinfo=UTC)
    with suppress(OverflowError):  # outside the years that Python knows in UTC
        zoned = zoned.astimezone(UTC)
    if zoned.utcoffset():
        return Literal(zoned.isoformat(), XSD + "dateTime")
    whole, dot, fraction = zoned.isoformat().removesuffix("+00:00").partition(".")
    return Literal(f"{whole}{dot}{fraction.rstrip('0')}Z", XSD + "dateTime")


def _duration(span: timedelta) -> str:
    micro = abs(span) // timedelta(microseconds=1)
    seconds = f"{Decimal(micro) / 1_000_000:f}"
    return f"{'-' if span < timedelta() else ''}PT{seconds}S"
