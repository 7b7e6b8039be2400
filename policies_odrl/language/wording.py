"""Numbers, dates and durations in words, both ways, and what a number of privacy comes to.

What is written in words is read back as the same lexical form; a value for which that does not hold
(`P01D`, the 13th month) has no words. Sources: XML Schema 1.1 Part 2, 3.3.3, 3.3.6, 3.3.7, 3.3.9;
for ε, the ratio e^ε of two probabilities, and for δ, the probability with which that bound may
fail (C. Dwork and A. Roth, The Algorithmic Foundations of Differential Privacy, 2.3.1).
"""

from __future__ import annotations

import re
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Final

from policies_odrl.language.phrases import index, stated
from policies_odrl.model import XSD, Literal
from policies_odrl.vocabulary import PREAU

Heard = tuple[Literal, int]

_MONTHS, _PARTS, _MINUS = (stated("figures")[name] for name in ("months", "parts", "minus"))
_DATE_PARTS: Final = 3
_DECIMAL: Final = tuple(
    re.compile(rf"-?(?:0|[1-9]\d{{0,39}})(?:{mark}\d{{1,40}})?(?![\w\-])", re.ASCII)
    for mark in (r"\.", ",")
)
_MOMENT: Final = re.compile(
    r"(\d{4})-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])"
    r"(?:T([01]\d|2[0-3]):([0-5]\d):([0-5]\d(?:\.\d{1,12})?))?(Z|[+-]\d{2}:\d{2})?",
    re.ASCII,
)
_CLOCKS: Final = (
    r"(?: at (\d{2}):(\d{2})(?::(\d{2}(?:\.\d{1,12})?))?)?",
    r"(?: à (\d{2}) h (\d{2})(?: min (\d{2}(?:,\d{1,12})?) s)?)?",
)
_SAID_MOMENT: Final = tuple(
    re.compile(
        rf"({first}[1-9]\d?) ({months.replace(' ', '|')}) (\d{{4}}){clock}"
        r"(?: \(UTC([+-]\d{2}:\d{2})?\))?",
        re.ASCII,
    )
    for first, months, clock in zip(("", "1er|"), _MONTHS, _CLOCKS, strict=True)
)
_DURATION: Final = re.compile(
    r"(-?)P(?=.)(?:(\d{1,6})Y)?(?:(\d{1,6})M)?(?:(\d{1,9})D)?"
    r"(?:T(?=.)(?:(\d{1,9})H)?(?:(\d{1,9})M)?(?:(\d{1,9}(?:\.\d{1,9})?)S)?)?",
    re.ASCII,
)
_AMOUNT: Final = r" ?((?:0|[1-9]\d{0,8})%s) (?:%s|%s)(?!\w)"
_SAID_PARTS: Final = tuple(
    tuple(
        re.compile(_AMOUNT % (fraction if letter == "S" else "", *nouns[place]), re.ASCII)
        for letter, *nouns in _PARTS
    )
    for place, fraction in enumerate((r"(?:\.\d{1,9})?", r"(?:,\d{1,9})?"))
)
_LARGEST: Final = Decimal(30)  # ε whose ratio is worth a figure
_SMALLEST: Final = Decimal(10) ** -18  # δ, likewise


def said(item: Literal, lang: str) -> str:
    """Return a decimal, date, time or duration in words, or an empty string."""
    say = _WRITERS.get(item.datatype)
    words = say(item.lexical, index(lang)) if say else ""
    return words if words and heard(words, 0, lang) == (item, len(words)) else ""


def heard(text: str, start: int, lang: str) -> Heard | None:
    """Return what the words at a place say and where they end, or None."""
    place = index(lang)
    found = _hear_moment(text, start, place) or _hear_duration(text, start, place)
    return found or heard_number(text, start, lang)


def heard_number(text: str, start: int, lang: str) -> Heard | None:
    """Return the number at a place, whatever noun follows it, or None."""
    match = _DECIMAL[index(lang)].match(text, start)
    return (Literal(match[0].replace(",", "."), XSD + "decimal"), match.end()) if match else None


def figure(plain: str, lang: str) -> str:
    """Return a number as people write it: `100,000` or, in French, `100 000`."""
    whole, point, rest = plain.partition(".")
    grouped = f"{int(whole):,}" if whole else ""
    french = index(lang) == 1
    return (grouped.replace(",", " ") if french else grouped) + _pointed(point, french) + rest


def meaning(left: str, value: Decimal | None) -> str:
    """Return what the value of a left operand comes to in round figures, or an empty string."""
    if value is not None and left == PREAU + "epsilon" and 0 <= value <= _LARGEST:
        found = value.exp()
    elif value is not None and left == PREAU + "delta" and _SMALLEST <= value <= 1:
        found = 1 / value
    else:
        return ""
    two_digits = Decimal(1).scaleb(max(found.adjusted(), 0) - 1)
    return f"{found.quantize(two_digits, ROUND_HALF_EVEN):f}"


def _pointed(text: str, place: int) -> str:
    return text.replace(".", ",") if place else text


def _say_moment(lexical: str, place: int) -> str:
    match = _MOMENT.fullmatch(lexical)
    if match is None:
        return ""
    year, month, day, hour, minute, second, zone = match.groups()
    number = "1er" if place and day == "01" else day.removeprefix("0")
    words = f"{number} {_MONTHS[place].split()[int(month) - 1]} {year}"
    if hour is not None:
        exact = "" if second == "00" else _pointed(second, place)
        words += f" à {hour} h {minute}" if place else f" at {hour}:{minute}"
        words += (f" min {exact} s" if place else f":{exact}") if exact else ""
    return words + (f" (UTC{zone.removeprefix('Z')})" if zone else "")


def _hear_moment(text: str, start: int, place: int) -> Heard | None:
    match = _SAID_MOMENT[place].match(text, start)
    if match is None:
        return None
    day, name, year, hour, minute, second, offset = match.groups()
    month = _MONTHS[place].split().index(name) + 1
    lexical = f"{year}-{month:02d}-{int(day.removesuffix('er')):02d}"
    if hour is not None:
        lexical += f"T{hour}:{minute}:{(second or '00').replace(',', '.')}"
    if match[0].endswith(")"):
        lexical += offset or "Z"
    return Literal(lexical, XSD + ("date" if hour is None else "dateTime")), match.end()


def _say_duration(lexical: str, place: int) -> str:
    match = _DURATION.fullmatch(lexical)
    if match is None:
        return ""
    words = []
    for (_, *nouns), amount in zip(_PARTS, match.groups()[1:], strict=True):
        small = place == 1 and amount and amount.partition(".")[0] in {"0", "1"}
        one, many = nouns[place]
        if amount is not None:
            words.append(f"{_pointed(amount, place)} {one if small or amount == '1' else many}")
    return (_MINUS[place] if match[1] else "") + " ".join(words)


def _hear_duration(text: str, start: int, place: int) -> Heard | None:
    sign = "-" if text.startswith(_MINUS[place], start) else ""
    first = at = start + (len(_MINUS[place]) if sign else 0)
    lexical = ""
    for part, pattern in enumerate(_SAID_PARTS[place]):
        match = pattern.match(text, at)
        if match is not None:
            mark = "T" if part >= _DATE_PARTS and "T" not in lexical else ""
            lexical += mark + match[1].replace(",", ".") + _PARTS[part][0]
            at = match.end()
    return (Literal(f"{sign}P{lexical}", XSD + "duration"), at) if at > first else None


_WRITERS: Final = {
    XSD + "decimal": _pointed,
    XSD + "date": _say_moment,
    XSD + "dateTime": _say_moment,
    XSD + "duration": _say_duration,
}
