"""Text that stands for a name in Turtle: `odrl:action "print"` means what JSON-LD reads it as.

Rules: where ODRL has a name, text is read as one if it can mean one thing only: a term of ODRL, as
its context coerces it, or an IRI of the web. Other text, `"Pedro"` for a party, is left as it is,
because nobody knows whom it names; so is text of any language.
Source: W3C odrl.jsonld (its coercions); RDF 1.1 Turtle, 2.5.1.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from policies_odrl.documents.contexts import odrl_terms
from policies_odrl.documents.iri import is_absolute
from policies_odrl.documents.names import NODES, TERMS
from policies_odrl.model import ODRL, XSD_STRING

_SCHEMES: Final = frozenset({"http", "https", "urn", "did"})


@dataclass(frozen=True, slots=True)
class Reading:
    """Text that was read as a name.

    Attributes:
        property: IRI of the property that states it.
        text: what is written.
        name: the IRI that it is read as.
    """

    property: str
    text: str
    name: str


def named(nodes: Sequence[Mapping[str, Any]]) -> tuple[list[dict[str, Any]], tuple[Reading, ...]]:
    """Return the nodes with text read as names where it stands for them, and what was read so.

    >>> print_text = {"@id": "_:r", ODRL + "action": [{"@value": "print"}]}
    >>> named([print_text])[0]
    [{'@id': '_:r', 'http://www.w3.org/ns/odrl/2/action': \
[{'@id': 'http://www.w3.org/ns/odrl/2/print'}]}]

    Args:
        nodes: node objects of a flattened document.
    """
    readings: list[Reading] = []
    found = []
    for node in nodes:
        body = dict(node)
        for key in body.keys() & _NAMING.keys():
            body[key] = _values(key, body[key], readings)
        found.append(body)
    return found, tuple(readings)


def _values(key: str, values: Any, readings: list[Reading]) -> list[Any]:
    found: list[Any] = []
    seen = {value.get("@id") for value in values if isinstance(value, Mapping)}
    for value in values:
        name = _name(value, term=_NAMING[key])
        if not name:
            found.append(value)
            continue
        readings.append(Reading(key, value["@value"], name))
        if name not in seen:
            seen.add(name)
            found.append({"@id": name})
    return found


def _name(value: Any, *, term: bool) -> str:
    """Return the name that a value stands for as text; empty when it is none, or not text."""
    text = value.get("@value") if isinstance(value, Mapping) else None
    kind = value.get("@type", XSD_STRING) if isinstance(text, str) else ""
    if not isinstance(text, str) or kind != XSD_STRING or "@language" in value:
        return ""
    local = text.removeprefix("odrl:")
    if term and local in odrl_terms():
        return ODRL + local
    return text if is_absolute(text) and text.partition(":")[0].lower() in _SCHEMES else ""


# Property -> whether its values are terms of a vocabulary.
_NAMING: Final = {ODRL + name: True for name in TERMS} | {ODRL + name: False for name in NODES}
