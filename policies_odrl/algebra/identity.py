"""Whether two values name the same thing, where being identical is all that counts.

Rules: equal texts name one thing; texts that differ only in how they are written (case, blanks,
Unicode form, percent-encoding, as numbers, truth values or times) may; so may values of datatypes
that differ, and a language with its region and without; other texts name two things. What lies
under what is left to `relations.py`.
Source: RFC 3986, section 6.2.2 (case and percent-encoding); Unicode Standard Annex 15 (NFKC).
"""

from __future__ import annotations

from typing import Final
from unicodedata import normalize
from urllib.parse import unquote

from policies_odrl.knowledge import Knowledge
from policies_odrl.logic import Truth
from policies_odrl.model import ODRL, XSD_STRING, Literal
from policies_odrl.places import place
from policies_odrl.values import FactValue, duration, name, number, span
from policies_odrl.vocabulary import Kind, Operand

LANGUAGE: Final = ODRL + "language"
_TRUTHS: Final = {"true": True, "1": True, "false": False, "0": False}


def identical(value: FactValue, other: FactValue, operand: Operand, knowledge: Knowledge) -> Truth:
    """Return whether two values of an operand are the same; unknown names may be synonyms."""
    mine, theirs = name(value), name(other)
    if mine is None or theirs is None:
        return Truth.UNDETERMINED
    if mine == theirs or (operand.kind is Kind.PLACE and place(mine) == place(theirs)):
        return Truth.TRUE
    if operand.id == LANGUAGE and (found := languages(mine, theirs)) is not Truth.FALSE:
        return found
    if operand.kind is Kind.IDENTITY:
        types = {datatype_of(value), datatype_of(other)} - {""}
        clash = len(types) > 1  # their texts say nothing of one another
        return Truth.UNDETERMINED if clash or _alike(value, other) else Truth.FALSE
    known = knowledge.closed or (knowledge.knows(mine) and knowledge.knows(theirs))
    return Truth.FALSE if known else Truth.UNDETERMINED


def _alike(value: FactValue, other: FactValue) -> bool:
    """Return whether two texts may be one name, or one number, truth value, time or duration."""
    one, two = _folded(name(value) or ""), _folded(name(other) or "")
    if one == two or (one in _TRUTHS and _TRUTHS[one] == _TRUTHS.get(two)):
        return True
    read = number(one)
    if read is not None and read == number(two):
        return True
    times = (span, duration)
    return any((at := reading(value)) is not None and at == reading(other) for reading in times)


def _folded(text: str) -> str:
    """Return a text without what two writings of one name may differ in."""
    if text.isascii() and text.isprintable() and not ("%" in text or " " in text):
        return text.casefold()  # the usual case, faster
    words = " ".join(normalize("NFKC", unquote(text)).split())
    return "".join(letter for letter in words if letter.isprintable()).strip().casefold()


def datatype_of(value: FactValue) -> str:
    """Return the datatype of a value; empty for a text, a number and a name."""
    if not isinstance(value, Literal) or value.language or value.datatype == XSD_STRING:
        return ""
    return value.datatype if number(value) is None else ""


def languages(value: str, other: str) -> Truth:
    """Return whether two tags name one language; one without a region may be that of any.

    Source: RFC 5646, 2.1.1 (tags have no case).
    """
    if value.casefold() == other.casefold():
        return Truth.TRUE
    either = in_range(value, other) or in_range(other, value)
    return Truth.UNDETERMINED if either else Truth.FALSE


def in_range(tag: str, wide: str) -> bool:
    """Return whether a language lies in a range (RFC 4647, 3.3.1, basic filtering)."""
    one, two = (item.casefold().replace("_", "-") + "-" for item in (tag, wide))
    return one.startswith(two)
