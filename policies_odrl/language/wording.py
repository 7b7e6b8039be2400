"""Numbers, dates and durations in words, both ways.

Rules: what is written in words is read back as the same lexical form; a value for which that does
not hold (`P01D`, the 13th month) has no words. Decimals keep the digits that were stated; a date
without a time zone is said without one. Sources: XML Schema 1.1 Part 2, 3.3.3, 3.3.6, 3.3.7, 3.3.9.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from policies_odrl.language.phrases import LANGUAGES
from policies_odrl.model import XSD, Literal

Heard = tuple[Literal, int]

_MONTHS: Final = (
    "January February March April May June July August September October November December",
    "janvier février mars avril mai juin juillet août septembre octobre novembre décembre",
)
# letter of xsd:duration -> (singular, plural), English and French, in order; T stands between.
_PARTS: Final = (
    ("Y", ("year", "years"), ("an", "ans")),
    ("M", ("month", "months"), ("mois", "mois")),
    ("D", ("day", "days"), ("jour", "jours")),
    ("H", ("hour", "hours"), ("heure", "heures")),
    ("M", ("minute", "minutes"), ("minute", "minutes")),
    ("S", ("second", "seconds"), ("seconde", "secondes")),
)
_DATE_PARTS: Final = 3
_MINUS: Final = ("minus ", "moins ")
_DECIMAL: Final = re.compile(r"-?(?:0|[1-9]\d{0,39})(?:\.\d{1,40})?", re.ASCII)
_SAID_DECIMAL: Final = (
    re.compile(r"-?(?:0|[1-9]\d{0,39})(?:\.\d{1,40})?(?![\w\-])", re.ASCII),
    re.compile(r"-?(?:0|[1-9]\d{0,39})(?:,\d{1,40})?(?![\w\-])", re.ASCII),
)
_MOMENT: Final = re.compile(
    r"(\d{4})-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])"
    r"(?:T([01]\d|2[0-3]):([0-5]\d):([0-5]\d(?:\.\d{1,12})?))?(Z|[+-]\d{2}:\d{2})?",
    re.ASCII,
)
_ZONE: Final = r"(?: \(UTC([+-]\d{2}:\d{2})?\))?"
_SAID_MOMENT: Final = (
    re.compile(
        rf"([1-9]\d?) ({'|'.join(_MONTHS[0].split())}) (\d{{4}})"
        rf"(?: at (\d{{2}}):(\d{{2}})(?::(\d{{2}}(?:\.\d{{1,12}})?))?)?{_ZONE}",
        re.ASCII,
    ),
    re.compile(
        rf"(1er|[1-9]\d?) ({'|'.join(_MONTHS[1].split())}) (\d{{4}})"
        rf"(?: à (\d{{2}}) h (\d{{2}})(?: min (\d{{2}}(?:,\d{{1,12}})?) s)?)?{_ZONE}",
        re.ASCII,
    ),
)
_DURATION: Final = re.compile(
    r"(-?)P(?=.)(?:(\d{1,6})Y)?(?:(\d{1,6})M)?(?:(\d{1,9})D)?"
    r"(?:T(?=.)(?:(\d{1,9})H)?(?:(\d{1,9})M)?(?:(\d{1,9}(?:\.\d{1,9})?)S)?)?",
    re.ASCII,
)


def said(item: Literal, lang: str) -> str:
    """Return a decimal, date, time or duration in words, or an empty string."""
    say = _SAYERS.get(item.datatype)
    if say is None or item.language:
        return ""
    words = say(item.lexical, LANGUAGES.index(lang))
    return words if words and heard(words, 0, lang) == (item, len(words)) else ""


def heard(text: str, start: int, lang: str) -> Heard | None:
    """Return what the words at a place say and where they end, or None."""
    index = LANGUAGES.index(lang)
    for hear in (_hear_moment, _hear_duration, _hear_decimal):
        found = hear(text, start, index)
        if found is not None:
            return found
    return None


def heard_number(text: str, start: int, lang: str) -> Heard | None:
    """Return the number at a place, whatever noun follows it, or None."""
    return _hear_decimal(text, start, LANGUAGES.index(lang))


def _say_decimal(lexical: str, index: int) -> str:
    if not _DECIMAL.fullmatch(lexical):
        return ""
    return lexical.replace(".", ",") if index else lexical


def _hear_decimal(text: str, start: int, index: int) -> Heard | None:
    match = _SAID_DECIMAL[index].match(text, start)
    if match is None:
        return None
    return Literal(match[0].replace(",", "."), XSD + "decimal"), match.end()


def _say_moment(lexical: str, index: int) -> str:
    match = _MOMENT.fullmatch(lexical)
    if match is None:
        return ""
    year, month, day, hour, minute, second, zone = match.groups()
    number = str(int(day))
    words = "1er" if index and number == "1" else number
    words += f" {_MONTHS[index].split()[int(month) - 1]} {year}"
    if hour is not None:
        words += _clock(hour, minute, second, index)
    if zone:
        words += f" (UTC{'' if zone == 'Z' else zone})"
    return words


def _clock(hour: str, minute: str, second: str, index: int) -> str:
    exact = "" if second == "00" else second
    if index == 0:
        return f" at {hour}:{minute}" + (f":{exact}" if exact else "")
    return f" à {hour} h {minute}" + (f" min {exact.replace('.', ',')} s" if exact else "")


def _hear_moment(text: str, start: int, index: int) -> Heard | None:
    match = _SAID_MOMENT[index].match(text, start)
    if match is None:
        return None
    day, name, year, hour, minute, second, offset = match.groups()
    month = _MONTHS[index].split().index(name) + 1
    lexical = f"{year}-{month:02d}-{int(day.removesuffix('er')):02d}"
    if hour is not None:
        lexical += f"T{hour}:{minute}:{(second or '00').replace(',', '.')}"
    if match[0].endswith(")"):
        lexical += offset or "Z"
    return Literal(lexical, XSD + ("date" if hour is None else "dateTime")), match.end()


def _say_duration(lexical: str, index: int) -> str:
    match = _DURATION.fullmatch(lexical)
    if match is None or _PADDED.search(lexical):
        return ""
    words = [
        f"{_amount(amount, index)} {_noun(place, amount, index)}"
        for place, amount in enumerate(match.groups()[1:])
        if amount is not None
    ]
    return (_MINUS[index] if match[1] else "") + " ".join(words)


def _amount(amount: str, index: int) -> str:
    return amount.replace(".", ",") if index else amount


def _noun(place: int, amount: str, index: int) -> str:
    single = amount == "1" or (index == 1 and (amount == "0" or amount.startswith(("0.", "1."))))
    return _PARTS[place][1 + index][0 if single else 1]


def _hear_duration(text: str, start: int, index: int) -> Heard | None:
    sign = "-" if text.startswith(_MINUS[index], start) else ""
    at = start + (len(_MINUS[index]) if sign else 0)
    lexical, found = "", 0
    for place, pattern in enumerate(_SAID_PARTS[index]):
        match = pattern.match(text, at)
        if match is None:
            continue
        if place >= _DATE_PARTS and "T" not in lexical:
            lexical += "T"
        lexical += match[1].replace(",", ".") + _PARTS[place][0]
        at, found = match.end(), found + 1
    return (Literal(f"{sign}P{lexical}", XSD + "duration"), at) if found else None


def _part_pattern(place: int, index: int) -> re.Pattern[str]:
    mark = "," if index else r"\."
    fraction = rf"(?:{mark}\d{{1,9}})?" if place == len(_PARTS) - 1 else ""
    nouns = "|".join(sorted(_PARTS[place][1 + index], key=len, reverse=True))
    return re.compile(rf" ?(\d{{1,9}}{fraction}) (?:{nouns})(?!\w)", re.ASCII)


_SAID_PARTS: Final = tuple(
    tuple(_part_pattern(place, index) for place in range(len(_PARTS)))
    for index in range(len(LANGUAGES))
)
_PADDED: Final = re.compile(r"(?<![\d.])0\d")
_SAYERS: Final[dict[str, Callable[[str, int], str]]] = {
    XSD + "decimal": _say_decimal,
    XSD + "date": _say_moment,
    XSD + "dateTime": _say_moment,
    XSD + "duration": _say_duration,
}
