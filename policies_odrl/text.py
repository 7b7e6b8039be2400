"""Terms, values and constraints in one line, as reasons and tables show them."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Final

from policies_odrl.algebra.domain import Fact
from policies_odrl.algebra.periods import Recurrence, Stretch
from policies_odrl.model import ODRL, Condition, Constraint, Iri, Literal
from policies_odrl.values import Quantity, too_long
from policies_odrl.vocabulary import CC, DPV, PREAU, PREFIXES

_NAMESPACES: Final = (ODRL, PREAU, PREFIXES["education"], DPV, CC)
MAX_SHOWN: Final = 200


def term(name: str) -> str:
    """Return the local name of a known term, or the whole IRI."""
    for namespace in _NAMESPACES:
        if name.startswith(namespace) and len(name) > len(namespace):
            return name.removeprefix(namespace)
    return name[:MAX_SHOWN]


def value(item: Fact) -> str:
    """Return a value as people read it."""
    if isinstance(item, Iri):
        return term(item.value)
    if isinstance(item, Literal):
        return item.lexical[:MAX_SHOWN]
    if isinstance(item, Quantity):
        return f"{item.value} {term(item.unit)}"
    if isinstance(item, str | int | float | Decimal):
        return "a number too long to show" if too_long(item) else term(str(item))
    return _time(item)


def _time(item: date | timedelta | Stretch | Recurrence) -> str:
    if isinstance(item, datetime):
        return instant(item)
    if isinstance(item, Stretch):
        return f"{instant(item.start)} to {instant(item.end)}"
    if isinstance(item, Recurrence):
        return f"last on {instant(item.last)}" if item.last else "never yet"
    return str(item)


def instant(at: datetime) -> str:
    """Return an instant as `2026-11-24T15:00:00Z`."""
    zoned = at if at.tzinfo else at.replace(tzinfo=UTC)
    with suppress(OverflowError):  # at an end of the calendar it is shown in its own zone
        zoned = zoned.astimezone(UTC)
    return zoned.isoformat().replace("+00:00", "Z")


def values(items: Iterable[Fact]) -> str:
    """Return several values in one line."""
    return ", ".join(value(item) for item in items)


def condition(item: Condition) -> str:
    """Return `left operator right`, or a connective with its operands in brackets."""
    if not isinstance(item, Constraint):
        return f"{item.connective.value}({', '.join(map(condition, item.operands))})"
    right = values(item.right) or values(Iri(name) for name in item.reference)
    unit = f" {term(item.unit)}" if item.unit else ""
    return f"{term(item.left)} {item.operator.value} {right}{unit}"
