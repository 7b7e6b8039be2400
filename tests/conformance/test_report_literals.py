"""How reports write the facts of a request."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from policies_odrl import Literal, Quantity, text
from policies_odrl.algebra.periods import Recurrence, Stretch
from policies_odrl.model import XSD
from tests.conformance.reports.literals import stated
from tests.support.each import over

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)


@over(
    ("fact", "lexical", "datatype"),
    [
        ("text", "text", "string"),
        (7, "7", "integer"),
        (0.5, "0.5", "double"),
        (Decimal("1E+3"), "1000", "decimal"),
        (datetime(2026, 6, 1, 12, 0, 0, 250_000, UTC), "2026-06-01T12:00:00.25Z", "dateTime"),
        (datetime(2026, 6, 1, 12), "2026-06-01T12:00:00Z", "dateTime"),  # noqa: DTZ001 - no zone
        (date(2026, 6, 1), "2026-06-01", "date"),
        (timedelta(hours=-1, seconds=-0.5), "-PT3600.5S", "dayTimeDuration"),
        (timedelta(days=1), "PT86400S", "dayTimeDuration"),
        (Quantity(Decimal("2.50"), "urn:e:euro"), "2.50", "decimal"),
        (Stretch(NOW, NOW + timedelta(minutes=1)), "PT60S", "dayTimeDuration"),
        (Recurrence(NOW), text.value(Recurrence(NOW)), "string"),
    ],
)
def test_facts_become_literals(fact: object, lexical: str, datatype: str) -> None:
    assert stated(fact) == Literal(lexical, XSD + datatype)  # type: ignore[arg-type]
