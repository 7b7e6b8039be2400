"""What a column seems to say about persons, from its name and the forms of its values. Pure.

Rules: what is unknown is proposed as the more careful class; the proposal is never the last word.
Forms: INE of eleven characters (ten digits and a letter, or nine and two); UAI with its check
letter (number modulo 23 over the alphabet without I, O and Q); NIR with its key (97 minus the
number modulo 97; Corsica's 2A and 2B stand for 19 and 18).
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

from connector.domain.catalog.dataset import ColumnClass
from connector.sources.inspection.words import Reason

_DIRECT, _QUASI = ColumnClass.DIRECT_IDENTIFIER, ColumnClass.QUASI_IDENTIFIER
_SENSITIVE, _OTHER = ColumnClass.SENSITIVE, ColumnClass.OTHER
_UAI_LETTERS: Final = "ABCDEFGHJKLMNPRSTUVWXYZ"
_AGREEING: Final = 0.8  # share of values that have a form
_UNIQUE: Final = 0.9  # distinct values of all
_ENOUGH: Final = 20  # values, to call them unique
_WORDS, _SIGNS = 5, 30  # of a sentence, at the mean
_NIR: Final = re.compile(r"([1-478][0-9]{4})([0-9]{2}|2[AB])([0-9]{6})([0-9]{2})?")
_STREETS: Final = (
    "rue|avenue|av|boulevard|bd|allee|allees|place|pl|impasse|chemin|route|quai|cours|square|"
    "residence|lotissement|street|road|lane"
)


@dataclass(frozen=True, slots=True)
class Seen:
    """What was seen of a column.

    Attributes:
        name: as in the file.
        values: not missing, without blanks at their ends.
        datatype: as it seems to be.
    """

    name: str
    values: Sequence[str]
    datatype: str


def class_of(seen: Seen) -> tuple[ColumnClass, Reason]:
    """Return the class that is proposed for a column, and why."""
    for code, kind, form in _FORMS:
        if seen.values and _share(seen.values, form) >= _AGREEING:
            return kind, Reason(code)
    name = folded(seen.name)
    for code, kind, pattern in _names():
        if pattern.search(name):
            return kind, Reason(code)
    return _by_values(seen)


def rank(code: str) -> int:
    """Return how well a column names persons, by the reason for its class; 0: not at all."""
    return len(_PERSONS) - _PERSONS.index(code) if code in _PERSONS else 0


def is_uai(value: str) -> bool:
    """Return whether a value is a UAI whose check letter is right."""
    found = re.fullmatch(r"([0-9]{7})([A-Z])", value.upper(), re.ASCII)
    return bool(found) and _UAI_LETTERS[int(value[:7]) % len(_UAI_LETTERS)] == value[7].upper()


def is_nir(value: str) -> bool:
    """Return whether a value has the form of a NIR, and its key is right where it has one."""
    found = _NIR.fullmatch(re.sub(r"[ .]", "", value.upper()))
    if not found:
        return False
    corsica = {"2A": "19", "2B": "18"}
    number = int(found[1] + corsica.get(found[2], found[2]) + found[3])
    return found[4] is None or int(found[4]) == 97 - number % 97


def folded(name: str) -> str:
    """Return a column's name as words of lower-case letters: `dateNaissance` is two."""
    parted = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name)
    plain = unicodedata.normalize("NFKD", parted.casefold())
    kept = "".join(sign for sign in plain if not unicodedata.combining(sign))
    return " ".join(re.findall(r"[a-z]+|[0-9]+", kept))


def _by_values(seen: Seen) -> tuple[ColumnClass, Reason]:
    number = len(seen.values)
    if seen.datatype == "text" and number and _are_sentences(seen.values):
        return _SENSITIVE, Reason("free", sure=False)
    if seen.datatype == "date":
        return _QUASI, Reason("day", sure=False)
    unique = number >= _ENOUGH and len(set(seen.values)) >= _UNIQUE * number
    if unique and seen.datatype in ("text", "integer"):
        return _DIRECT, Reason("unique", sure=False)
    if seen.datatype == "text" and number:
        return _QUASI, Reason("category", sure=False)
    return _OTHER, Reason("nothing", sure=False)


def _are_sentences(values: Sequence[str]) -> bool:
    words = sum(len(each.split()) for each in values) / len(values)
    return words >= _WORDS and sum(map(len, values)) / len(values) >= _SIGNS


def _share(values: Sequence[str], form: Callable[[str], bool]) -> float:
    return sum(map(form, values)) / len(values)


def _matches(pattern: str) -> Callable[[str], bool]:
    compiled = re.compile(pattern, re.IGNORECASE | re.ASCII)
    return lambda value: compiled.fullmatch(value) is not None


_FORMS: Final[tuple[tuple[str, ColumnClass, Callable[[str], bool]], ...]] = (
    ("ine", _DIRECT, _matches(r"[0-9]{9}([0-9][A-Z]|[A-Z]{2})")),
    ("uai", _QUASI, is_uai),
    ("nir", _DIRECT, is_nir),
    ("email", _DIRECT, _matches(r"[^@\s]+@[^@\s]+\.[a-z]{2,}")),
    ("phone", _DIRECT, _matches(r"(?:(?:\+|00)33[ .]?|0)[1-9](?:[ .-]?[0-9]{2}){4}")),
    ("ip", _DIRECT, _matches(r"[0-9]{1,3}(\.[0-9]{1,3}){3}")),
    ("postal", _DIRECT, _matches(rf"[0-9]+ ?(?:bis|ter|[a-d])?,? +(?:{_STREETS})\b.*")),
)


@cache
def _names() -> Sequence[tuple[str, ColumnClass, re.Pattern[str]]]:
    """Return the rows of `names.json`: of those that fit a name, the first counts.

    Names are words of lower-case letters, see `folded`; `PERSON` stands for a word for a person.
    """
    data = json.loads(Path(__file__).with_name("names.json").read_text(encoding="utf-8"))
    person = f"(?:{'|'.join(data['person'])})"
    return [
        (
            row["reason"],
            ColumnClass(row["class"]),
            re.compile(rf"\b(?:{'|'.join(row['names']).replace('PERSON', person)})\b"),
        )
        for row in data["rows"]
    ]


# Reasons for a class by which a column names persons, the best first.
_PERSONS: Final = ("ine", "nir", "named-person", "email", "named-id", "unique")
