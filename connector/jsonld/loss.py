"""What a message of the Dataspace Protocol would lose under its context alone.

Rule: a peer may read JSON-LD, so that a member without a meaning vanishes, and a name that is no
absolute IRI is another name for each reader. Each object is marked with where it stands, expanded,
and found again. Source: JSON-LD 1.1 API, sections 5.1.2 and 5.2.2; DSP 2025-1, context.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from connector.errors import Malformed, MessageTooLarge
from connector.jsonld.dsp_policy import CONTEXT
from policies_odrl import LimitExceeded, OdrlError
from policies_odrl.documents.contexts import UNDEFINED, is_absolute
from policies_odrl.documents.sources import nodes_of
from policies_odrl.reading.nodes import types_of
from policies_odrl.vocabulary import DCT

_PLACE: Final = "urn:preau:place"  # of the object that a node was made of
_VALUES: Final = frozenset({"@value", "@list", "@set"})
# Names by convention: the specification's own `HttpData-PULL` has no IRI.
_BY_CONVENTION: Final = frozenset({DCT + "format"})


def dropped(message: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the JSON pointers of members that the protocol's context drops or leaves relative.

    A relative `@id` or `@type` is named by its own pointer, and of what is dropped only the
    outermost member. The format of a distribution is let be.

    Args:
        message: JSON; its own `@context` is not asked.

    Raises:
        Malformed: no JSON-LD.
        MessageTooLarge: more than is read.
    """
    places: dict[str, Any] = {}
    lost: list[str] = []
    plain = {name: value for name, value in message.items() if name != "@context"}
    try:
        nodes = nodes_of({"@context": CONTEXT, **_marked(plain, "", places, lost)})
    except LimitExceeded as exc:
        raise MessageTooLarge(exc.reason) from exc
    except OdrlError as exc:
        raise Malformed(exc.reason) from exc
    for node in nodes:
        for mark in node.get(_PLACE, ()):
            place = mark["@value"]
            lost += (f"{place}/{_step(it)}" for it in _lost(node, places[place]))
    found = dict.fromkeys(sorted(lost, key=len))
    return tuple(sorted(it for it in found if not any(it.startswith(f"{up}/") for up in found)))


def _marked(value: Any, place: str, places: dict[str, Any], lost: list[str]) -> Any:
    """Return JSON with a mark in each object, and without what is null, which is lost."""
    if isinstance(value, list):
        items = ((f"{place}/{index}", item) for index, item in enumerate(value))
        return [_marked(it, at, places, lost) for at, it in items if not _is_null(it, at, lost)]
    if not isinstance(value, dict):
        return value
    members = ((f"{place}/{_step(name)}", name, item) for name, item in value.items())
    found = {
        name: _marked(item, at, places, lost)
        for at, name, item in members
        if not _is_null(item, at, lost)
    }
    if not _VALUES.isdisjoint(value):
        return found
    places[place] = value
    return {**found, _PLACE: place}


def _is_null(value: Any, place: str, lost: list[str]) -> bool:
    if value is None:
        lost.append(place)
    return value is None


def _step(name: str) -> str:
    return name.replace("~", "~0").replace("/", "~1")


def _lost(node: Mapping[str, Any], made_of: Mapping[str, Any]) -> Iterator[str]:
    """Yield the members of an object of which its node has nothing, or a relative name."""
    if "@id" in made_of and not _is_name(node["@id"]):
        yield "@id"
    if not all(map(_is_name, types_of(node))):
        yield "@type"
    stated = {key: values for key, values in node.items() if not key.startswith("@")}
    undefined = {key.removeprefix(UNDEFINED) for key in stated if not _is_name(key)}
    relative = {
        name.removeprefix(UNDEFINED)
        for key, values in stated.items()
        if key not in _BY_CONVENTION
        for name in _names(values)
        if not _is_name(name)
    }
    for member, value in made_of.items():
        if member in undefined or not relative.isdisjoint(_texts(value)):
            yield member


def _is_name(name: str) -> bool:
    return is_absolute(name) and not name.startswith(UNDEFINED)


def _names(value: Any) -> Iterator[str]:
    """Yield the names and datatypes that the values of a property state."""
    for each in value if isinstance(value, list) else [value]:
        if "@list" in each:
            yield from _names(each["@list"])
        elif "@value" not in each:
            yield each["@id"]
        elif "@type" in each:
            yield each["@type"]


def _texts(value: Any) -> Iterator[str]:
    """Yield the texts of a member that may be names: its own, and datatypes of its values."""
    for each in value if isinstance(value, list) else [value]:
        if isinstance(each, str):
            yield each
        elif isinstance(each, dict) and "@list" in each:
            yield from _texts(each["@list"])
        elif isinstance(each, dict) and "@value" in each:
            yield each.get("@type", "")
