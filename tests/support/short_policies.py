"""Policies in rows of test data, in short: what every one of them says is left out.

A document without context in which `@type` is Set, `@id` is `urn:example:policy` and the profile is
ours unless it says otherwise (`null`: it has none), and a plain constraint is a line: `odrl:count
lteq 5`, `odrl:purpose isAnyOf dpv:Marketing dpv:PublicBenefit`, `odrl:dateTime lteq
2027-01-01^^xsd:date`. Bare numbers are decimals, bare names are IRIs.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from policies_odrl.vocabulary import PROFILE

_USUAL: Final = {"@id": "urn:example:policy", "@type": "Set", "profile": PROFILE}
_DPV: Final = "https://w3id.org/dpv#"
_PREAU: Final = PROFILE + "#"
_SPACES: Final = {"dpv:": _DPV, "preau:": _PREAU}
_NUMBER: Final = re.compile(r"-?\d+(\.\d+)?")
_PLAIN: Final = {"leftOperand", "operator", "rightOperand"}


def expanded(document: Any) -> Any:
    """Return a document written out."""
    whole = {**_USUAL, **document}
    return {key: _expanded(value) for key, value in whole.items() if value is not None}


def shortened(document: Mapping[str, Any]) -> Any:
    """Return a document in short."""
    found = {key: value for key, value in document.items() if _USUAL.get(key) != value}
    found.update({key: None for key in _USUAL if key not in document})
    return {key: _shortened(value) for key, value in found.items()}


def _expanded(value: Any, key: str = "") -> Any:
    if isinstance(value, list):
        return [_expanded(item, key) for item in value]
    if isinstance(value, Mapping):
        return {name: _expanded(item, name) for name, item in value.items()}
    if isinstance(value, str) and " " in value and key in _CONDITIONS:
        left, operator, *right = value.split()
        values = [_value(item) for item in right]
        whole = values if len(values) > 1 else values[0]
        return {"leftOperand": _full(left), "operator": operator, "rightOperand": whole}
    return _full(value) if isinstance(value, str) and key in {"action", "@id"} else value


def _shortened(value: Any, key: str = "") -> Any:
    if isinstance(value, list):
        return [_shortened(item, key) for item in value]
    if not isinstance(value, Mapping):
        return _brief(value) if isinstance(value, str) and key in {"action", "@id"} else value
    if key in _CONDITIONS and set(value) == _PLAIN:
        line = _line(value)
        if line and _expanded(line, key) == value:
            return line
    return {name: _shortened(item, name) for name, item in value.items()}


_CONDITIONS: Final = {"constraint", "odrl:refinement", "and", "or", "xone", "andSequence", "@list"}


def _line(value: Mapping[str, Any]) -> str:
    right = value["rightOperand"]
    words = [_word(item) for item in (right if isinstance(right, list) else [right])]
    if not all(words) or not isinstance(value["leftOperand"], str):
        return ""
    return " ".join([_brief(value["leftOperand"]), str(value["operator"]), *words])


def _word(item: Any) -> str:
    if not isinstance(item, Mapping):
        return ""
    if set(item) == {"@id"}:
        found = _brief(item["@id"])
    elif set(item) == {"@value", "@type"}:
        lexical, kind = item["@value"], item["@type"]
        bare = kind == "xsd:decimal" and _NUMBER.fullmatch(lexical)
        found = lexical if bare else f"{lexical}^^{kind}"
    else:
        return ""
    return "" if " " in found else found


def _value(word: str) -> Any:
    if _NUMBER.fullmatch(word):
        return {"@value": word, "@type": "xsd:decimal"}
    lexical, mark, kind = word.rpartition("^^")
    return {"@value": lexical, "@type": kind} if mark else {"@id": _full(word)}


def _full(name: str) -> str:
    for prefix, space in _SPACES.items():
        if name.startswith(prefix):
            return space + name.removeprefix(prefix)
    return name


def _brief(name: str) -> str:
    for prefix, space in _SPACES.items():
        if name.startswith(space):
            return prefix + name.removeprefix(space)
    return name
