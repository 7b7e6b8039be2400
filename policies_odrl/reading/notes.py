"""Labels, titles and classes that describe a node and change nothing of what a policy says.

Rules: what is listed here is kept beside the part that it describes and written again; it has no
part in deciding or comparing. All else that this library does not know may well change the meaning
and stops the reading. `odrl:partOf` is kept here too: whether somebody is a member is a fact about
the world that a party to the policy cannot settle by stating it (IM 2.2.2 and 2.3.2 speak of
external metadata); evidence of it is given with the request.
Sources: IM 2.2 and 2.3 (Dublin Core, vCard and FOAF recommended), 2.8; Vocabulary, Party (its
superclasses).
"""

from __future__ import annotations

from typing import Final

from policies_odrl.model import ODRL, Iri, Notes, Value
from policies_odrl.reading.flat import Node
from policies_odrl.reading.walk import Count, Walk
from policies_odrl.vocabulary import DCT

RDF_TYPE: Final = "http://www.w3.org/1999/02/22-rdf-syntax-ns#type"
_RDFS: Final = "http://www.w3.org/2000/01/rdf-schema#"
_SKOS: Final = "http://www.w3.org/2004/02/skos/core#"
_FOAF: Final = "http://xmlns.com/foaf/0.1/"
_VCARD: Final = "http://www.w3.org/2006/vcard/ns#"
_DCAT: Final = "http://www.w3.org/ns/dcat#"
_SCHEMA: Final = ("http://schema.org/", "https://schema.org/")

LABELS: Final = frozenset(
    [
        *(_RDFS + name for name in ("label", "comment", "seeAlso", "isDefinedBy")),
        *(
            _SKOS + name
            for name in ("prefLabel", "altLabel", "definition", "note", "scopeNote", "example")
        ),
    ]
)
# Of Dublin Core only what says who, when and how it is called; `dct:valid` would be a condition.
_ABOUT_NAMES: Final = (
    "abstract alternative bibliographicCitation contributor created creator date dateSubmitted "
    "description identifier issued modified publisher references source subject title"
)
_ABOUT: Final = frozenset(DCT + name for name in _ABOUT_NAMES.split())
_MEMBER: Final = frozenset({ODRL + "partOf"})
_PERSONAL: Final = (_FOAF, _VCARD)

PARTIES: Final = frozenset(
    [
        *(_FOAF + name for name in ("Agent", "Group", "Organization", "Person")),
        *(_VCARD + name for name in ("Agent", "Group", "Individual", "Kind", "Organization")),
        *(space + name for space in _SCHEMA for name in ("Organization", "Person")),
    ]
)
ASSETS: Final = frozenset(
    _DCAT + name for name in ("Catalog", "DataService", "Dataset", "Distribution", "Resource")
)


def is_label(name: str) -> bool:
    """Return whether a property labels or describes whatever it is stated of.

    >>> is_label("http://www.w3.org/2000/01/rdf-schema#label")
    True
    """
    return name in LABELS or name in _ABOUT


def notes_of(node: Node, walk: Walk) -> Notes:
    """Return the labels of a rule, a constraint or an action.

    Raises:
        IllFormed: one is a node.
        LimitExceeded: too many.
    """
    return _notes(node, walk, {name for name in node.properties() if is_label(name)})


def notes_of_reference(node: Node, walk: Walk, classes: frozenset[str]) -> Notes:
    """Return what describes an asset or a party.

    Args:
        node: the asset or party.
        walk: the way here.
        classes: `PARTIES` or `ASSETS`, whichever it is.

    Raises:
        IllFormed: a description is a node.
        LimitExceeded: too many.
    """
    personal = _PERSONAL if classes is PARTIES else ()
    names = {
        name
        for name in node.properties()
        if is_label(name) or name in _MEMBER or name.startswith(personal)
    }
    types = [(RDF_TYPE, Iri(item)) for item in node.types if item in classes]
    walk.pay(Count.NOTES, len(types))
    return (*types, *_notes(node, walk, names))


def _notes(node: Node, walk: Walk, names: set[str]) -> Notes:
    if not names:
        return ()
    found: list[tuple[str, Value]] = []
    for name in sorted(names):
        values = node.all(name)
        walk.pay(Count.NOTES, len(values))
        found.extend((name, walk.value(value, node)) for value in values)
    return tuple(found)
