"""Units of measure: the common ones, brought to one base so that two of them compare.

Rules: only units of one dimension compare; a unit that is not here equals nothing but itself; a
currency has several names and is never converted; a month or a year is no fixed number of seconds
and is not here. Names are those of QUDT, UCUM (`w3id.org/uom`), the Ontology of units of Measure,
DBpedia, Wikidata, and of lists of ISO 4217 codes.
Source of the factors: SI Brochure, 9th edition; IEC 80000-13 (binary prefixes).
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Context, Decimal
from types import MappingProxyType
from typing import Final

from policies_odrl.values import Duration

QUDT: Final = "http://qudt.org/vocab/unit/"
UCUM: Final = "https://w3id.org/uom/"
OM: Final = "http://www.ontology-of-units-of-measure.org/resource/om-2/"
DBPEDIA: Final = "http://dbpedia.org/resource/"

# Dimension -> size in the base unit (byte, second, one, metre) -> names in QUDT, UCUM, OM, DBpedia;
# `-` where a vocabulary has none.
_TABLE: Final = {
    "information": """
        0.125 BIT bit bit Bit
        1 BYTE By byte Byte
        1000 KiloBYTE kBy kilobyte Kilobyte
        1000000 MegaBYTE MBy megabyte Megabyte
        1000000000 GigaBYTE GBy gigabyte Gigabyte
        1000000000000 TeraBYTE TBy terabyte Terabyte
        1000000000000000 PetaBYTE PBy petabyte Petabyte
        1024 KibiBYTE KiBy kibibyte Kibibyte
        1048576 MebiBYTE MiBy mebibyte Mebibyte
        1073741824 GibiBYTE GiBy gibibyte Gibibyte
        1099511627776 TebiBYTE TiBy tebibyte Tebibyte
    """,
    "time": """
        0.000001 MicroSEC us microsecond-Time Microsecond
        0.001 MilliSEC ms millisecond-Time Millisecond
        1 SEC s second-Time Second
        60 MIN min minute-Time Minute
        3600 HR h hour Hour
        86400 DAY d day Day
        604800 WK wk week Week
    """,
    "ratio": """
        1 UNITLESS 1 one -
        0.01 PERCENT % percent Percentage
        0.001 PERMILLE [ppth] - Per_mille
        0.000001 PPM [ppm] partsPerMillion Parts_per_million
    """,
    "length": """
        0.001 MilliM mm millimetre Millimetre
        0.01 CentiM cm centimetre Centimetre
        1 M m metre Metre
        1000 KiloM km kilometre Kilometre
        0.0254 IN [in_i] inch-International Inch
    """,
}
_EXACT: Final = Context(prec=2_000)  # no product of two values that `values.number` reads rounds


def _units() -> Mapping[str, tuple[str, Decimal]]:
    found: dict[str, tuple[str, Decimal]] = {}
    for dimension, rows in _TABLE.items():
        for row in rows.strip().splitlines():
            size, *names = row.split()
            for namespace, name in zip((QUDT, UCUM, OM, DBPEDIA), names, strict=True):
                if name != "-":
                    found[namespace + name] = (dimension, Decimal(size))
    return MappingProxyType(found)


UNITS: Final = _units()


def in_base(value: Decimal, unit: str) -> tuple[str, Decimal] | None:
    """Return (dimension, value in its base unit), or None for an unknown unit.

    >>> in_base(Decimal(2), QUDT + "KiloBYTE")
    ('information', Decimal('2000'))
    >>> in_base(Decimal(2), "urn:example:euro") is None
    True
    """
    known = UNITS.get(unit)
    return None if known is None else (known[0], _EXACT.multiply(value, known[1]))


# What stands before the ISO 4217 code in the IRI of a currency.
_CODED: Final = (
    QUDT + "CCY_",
    "http://qudt.org/vocab/currency/",
    "http://publications.europa.eu/resource/authority/currency/",
    "http://cvx.iptc.org/iso4217a/",
    "urn:iso:std:iso:4217:",
)
# Code -> names in DBpedia and Wikidata.
_CURRENCIES: Final = {
    "EUR": ("Euro", "Q4916"),
    "USD": ("United_States_dollar", "Q4917"),
    "GBP": ("Pound_sterling", "Q25224"),
    "CHF": ("Swiss_franc", "Q25344"),
    "JPY": ("Japanese_yen", "Q8146"),
}
_NAMED: Final = MappingProxyType(
    {
        namespace + name: code
        for code, names in _CURRENCIES.items()
        for namespace, name in zip((DBPEDIA, "http://www.wikidata.org/entity/"), names, strict=True)
    }
)


def canonical(unit: str) -> str:
    """Return the one name of a currency that is written in several ways; another unit as it is.

    >>> canonical("http://dbpedia.org/resource/Euro"), canonical(UCUM + "m") == UCUM + "m"
    ('EUR', True)
    """
    if not unit:
        return unit
    for start in _CODED:
        code = unit.removeprefix(start)
        if len(code) == 3 and code.isascii() and code.isupper():  # noqa: PLR2004 - ISO 4217
            return code
    return _NAMED.get(unit, unit)


def length(value: Decimal, unit: str) -> Duration | None:
    """Return a number of a unit of time as a duration, or None for another unit."""
    found = in_base(value, unit)
    return Duration(0, found[1]) if found is not None and found[0] == "time" else None
