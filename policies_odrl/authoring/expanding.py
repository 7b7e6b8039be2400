"""Compact JSON-LD of our own templates as the flattened nodes that `read` takes.

Rules: only the few shapes that templates use, under one fixed set of terms (those of the Dataspace
Protocol's contexts and of our profile's); a name that is not among them is a fault of the template
and stops. A value never becomes a key, a keyword or a prefix: what is filled in stays a value.
JSON-LD of others is read by `connector/jsonld`; a test compares the two on every template.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from policies_odrl.errors import IllFormed
from policies_odrl.language import prefixes
from policies_odrl.language.mistakes import mistake
from policies_odrl.model import ODRL

PREFIXES: Final[Mapping[str, str]] = {
    name: prefixes.PREFIXES[name]
    for name in ("odrl", "preau", "dpv", "education", "eu-gdpr", "cc", "dct", "xsd")
}
_NAMED: Final = frozenset({"profile", "target", "assigner", "assignee"})  # values are IRIs
_TERMS: Final = frozenset({"action", "operator", "leftOperand"})  # values are terms
_PARTS: Final = frozenset(
    ["permission", "prohibition", "obligation", "duty", "constraint", "or", "and", "rightOperand"]
)


def nodes_of(document: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the flattened nodes of a document without `@context`.

    >>> nodes_of({"@id": "urn:p", "@type": "Set"})
    [{'@id': 'urn:p', '@type': ['http://www.w3.org/ns/odrl/2/Set']}]

    Raises:
        IllFormed: a name that templates do not use.
    """
    found: list[dict[str, Any]] = []
    _node(document, found)
    return found


def full(name: str) -> str:
    """Return the IRI of a prefixed name, or of a term of ODRL; an IRI is itself.

    >>> full("dpv:Purpose"), full("read")
    ('https://w3id.org/dpv#Purpose', 'http://www.w3.org/ns/odrl/2/read')
    """
    prefix, colon, local = name.partition(":")
    if not colon:
        return ODRL + name
    return PREFIXES[prefix] + local if prefix in PREFIXES else name


def _node(document: Mapping[str, Any], found: list[dict[str, Any]]) -> str:
    name = document.get("@id") or f"_:b{len(found)}"
    node: dict[str, Any] = {"@id": name}
    found.append(node)
    for key, value in document.items():
        if key == "@type":
            node[key] = [full(value)]
        elif key != "@id":
            items = value if isinstance(value, list) else [value]
            node[_property(key)] = [_value(key, item, found) for item in items]
    return str(name)


def _property(key: str) -> str:
    if key in _NAMED | _TERMS | _PARTS or key.partition(":")[0] in PREFIXES:
        return full(key)
    raise mistake(IllFormed, "template-name", name=key)


def _value(key: str, item: Any, found: list[dict[str, Any]]) -> dict[str, Any]:
    if isinstance(item, str):
        return {"@id": full(item) if key in _TERMS else item} if _names(key) else {"@value": item}
    if "@value" in item:
        typed = {"@type": full(item["@type"])} if "@type" in item else {}
        return {"@value": item["@value"], **typed}
    if set(item) == {"@id"}:
        return {"@id": item["@id"]}
    return {"@id": _node(item, found)}


def _names(key: str) -> bool:
    return key in _NAMED | _TERMS
