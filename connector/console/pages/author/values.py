"""Values of conditions as text that people type, and back.

Rule: a value is shown only where its text gives back the very same value.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from policies_odrl.authoring import full
from policies_odrl.language.phrases import LANGUAGES, names
from policies_odrl.vocabulary import OPERANDS, Kind, prefixed

NAMED: Final = frozenset({Kind.CONCEPT, Kind.LEVEL, Kind.PLACE, Kind.EVENT})
_BETWEEN: Final = "; "
_TYPES: Final = {
    Kind.NUMBER: "xsd:decimal",
    Kind.COUNT: "xsd:decimal",
    Kind.INSTANT: "xsd:dateTime",
    Kind.DURATION: "xsd:duration",
}
_DAY: Final = re.compile(r"\d{4}-\d{2}-\d{2}(Z|[+-]\d{2}:\d{2})?", re.ASCII)
_DAYS: Final = "xsd:date"


def shown(node: Mapping[str, Any], language: str) -> str | None:
    """Return the value of a condition as the text of a field; None where the text would lose it."""
    value, left = node.get("rightOperand"), str(node["leftOperand"])
    if value is None:
        return None
    text = _text(value, language)
    return text if read(text, value, left) == value and text.isprintable() else None


def read(text: str, before: Any, left: str) -> Any:
    """Return the values that a text stands for, in the manner of those before."""
    found = [each.strip() for each in text.split(";") if each.strip()]
    model = before[0] if isinstance(before, list) and before else before
    made = [_value(each, model, left) for each in found]
    return made if isinstance(before, list) or len(made) != 1 else made[0]


def iri(text: str) -> str:
    """Return the IRI that a person means: of a name in any language, a prefixed name, or itself."""
    found = (names("values", language).terms.get(text) for language in LANGUAGES)
    return next(filter(None, found), "") or full(text)


def _text(value: Any, language: str) -> str:
    if isinstance(value, list):
        return _BETWEEN.join(_text(each, language) for each in value)
    if isinstance(value, Mapping):
        return _name(str(value["@id"]), language) if "@id" in value else str(value.get("@value"))
    return str(value)


def _name(name: str, language: str) -> str:
    """Return a name for people that leads back to the IRI, or the IRI."""
    found = (names("values", language).of_term.get(name, ""), prefixed(name))
    return next((each for each in found if each and iri(each) == name), name)


def _value(text: str, model: Any, left: str) -> Any:
    known = OPERANDS.get(full(left)) if left else None
    kind = known.kind if known else None
    if isinstance(model, Mapping) and "@id" in model:
        return {"@id": iri(text)}
    if isinstance(model, Mapping):
        return {**model, **_typed(text, kind, model)}
    if model is not None:
        return text
    if kind in _TYPES:
        return _typed(text, kind, {"@type": _TYPES[kind]})
    return {"@id": iri(text)} if kind in NAMED or ":" in text else text


def _typed(text: str, kind: Kind | None, model: Mapping[str, Any]) -> dict[str, Any]:
    """Return a literal: of a day where it is one, of any number where it is none of a type."""
    datatype = model.get("@type")
    if kind is Kind.INSTANT and datatype in (_DAYS, "xsd:dateTime"):
        datatype = _DAYS if _DAY.fullmatch(text) else "xsd:dateTime"
    elif kind in (Kind.NUMBER, Kind.COUNT):
        text = text.replace(",", ".")
        datatype = datatype if text.isascii() and text.isdecimal() else "xsd:decimal"
    return {"@value": text, **({"@type": datatype} if datatype else {})}
