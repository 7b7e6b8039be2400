"""What describes a part of a policy and changes nothing of what the policy says.

Rules: metadata and labels are kept beside the part that they describe and written again; they have
no part in deciding, and are compared before anything is signed. All else that this library does not
know may well change the meaning, and what it belongs to is not decided (`walk.py`, `unread`).
`odrl:partOf` is kept here too: whether somebody is a member is a fact about the world that a party
to the policy cannot settle by stating it (IM 2.2.2 and 2.3.2 speak of external metadata); evidence
of it is given with the request.
Sources: IM 2.2 and 2.3 (Dublin Core, vCard and FOAF recommended), 2.8; Vocabulary, Party (its
superclasses).
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from typing import Final

from policies_odrl.documents.names import IDS, SPACE, of_odrl
from policies_odrl.model import ODRL, RDF_JSON, Literal, Notes, Value
from policies_odrl.reading.flat import RDF_TYPE, Left, Node
from policies_odrl.reading.walk import Count, Walk
from policies_odrl.vocabulary import CC, DCT

_RDFS: Final = "http://www.w3.org/2000/01/rdf-schema#"
_SKOS: Final = "http://www.w3.org/2004/02/skos/core#"
_OWL: Final = "http://www.w3.org/2002/07/owl#"
_SCHEMA: Final = ("http://schema.org/", "https://schema.org/")


class Scope(Enum):
    """What is described, and so how much of what is said can be description only."""

    THING = "an asset or a party"  # whatever it is said to be, it is the same one
    WHOLE = "a policy or a rule"
    PART = "a constraint or an action"


LABELS: Final = frozenset(
    [
        *(_RDFS + name for name in ("label", "comment", "seeAlso", "isDefinedBy")),
        *(
            _SKOS + name
            for name in ("prefLabel", "altLabel", "definition", "note", "scopeNote", "example")
        ),
        ODRL + "description",
        # Where information is asked for, or an action carried out: not what is asked or done.
        *(IDS + name for name in ("pipEndpoint", "pxpEndpoint", "title", "description")),
        # Whose rules they are, the rules say; where they do not, these are read as the parties.
        *(IDS + name for name in ("provider", "consumer", "contractDate", "contractDocument")),
    ]
)
# Of Dublin Core what says who, when and how it is called: all that describes a constraint.
_ABOUT_NAMES: Final = (
    "abstract alternative bibliographicCitation contributor created creator date dateSubmitted "
    "description identifier issued modified publisher references source subject title"
)
_ABOUT: Final = frozenset(DCT + name for name in _ABOUT_NAMES.split())
_METADATA: Final = (DCT, CC, *_SCHEMA)
# What these vocabularies have to say when something holds, or what may be done.
_CONDITIONS: Final = frozenset(
    space + name
    for space in _METADATA
    for name in [
        "valid",
        "available",
        "validFrom",
        "validThrough",
        "validUntil",
        "validFor",
        "expires",
        "availabilityStarts",
        "availabilityEnds",
        "permits",
        "prohibits",
        "requires",
        "accessRights",
        "conditionsOfAccess",
        "audience",
        "mediator",
        "educationLevel",
        "jurisdiction",
        "spatial",
        "temporal",
        "spatialCoverage",
        "temporalCoverage",
        "areaServed",
        "eligibleRegion",
        "ineligibleRegion",
        "eligibleCustomerType",
        "eligibleDuration",
        "eligibleQuantity",
        "eligibleTransactionVolume",
        "requiredGender",
        "requiredMinAge",
        "requiredMaxAge",
        "typicalAgeRange",
    ]
)
# Classes that say of a term that it is one.
_TERMS: Final = frozenset({_SKOS + "Concept", _OWL + "NamedIndividual", _OWL + "Thing"})


def is_label(name: str) -> bool:
    """Return whether a property labels or describes whatever it is stated of.

    >>> is_label("http://www.w3.org/2000/01/rdf-schema#label")
    True
    """
    return name in LABELS or name in _ABOUT


def describes(name: str, scope: Scope) -> bool:
    """Return whether a property only describes what it is stated of.

    >>> describes(DCT + "license", Scope.WHOLE), describes(DCT + "valid", Scope.WHOLE)
    (True, False)
    """
    if is_label(name):
        return True
    if scope is Scope.THING:
        return not of_odrl(name) or name == ODRL + "partOf"
    return scope is Scope.WHOLE and name.startswith(_METADATA) and name not in _CONDITIONS


def describing_class(name: str, scope: Scope) -> bool:
    """Return whether a class only describes what states it."""
    return not of_odrl(name) and (scope is Scope.THING or name in _TERMS)


def besides(node: Node, scope: Scope, classes: Sequence[str], walk: Walk) -> tuple[Notes, Left]:
    """Return what else a node says: descriptions, and what is not understood.

    Args:
        node: a node of which everything else was read.
        scope: what it is.
        classes: local names of the ODRL classes that it has.
        walk: the way here.

    Raises:
        LimitExceeded: too many descriptions, or too long ones.
    """
    notes: list[tuple[str, Value]] = []
    strange: Left = []
    for name, values in node.left(classes):
        known = describes(name, scope) if name != RDF_TYPE else False
        kept = [
            item
            for item in values
            if known or (name == RDF_TYPE and describing_class(str(item.get("@id")), scope))
        ]
        said = [(value, walk.value(value, node)) for value in kept]
        kept = [value for value, found in said if not _rules(found)]
        walk.pay(Count.NOTES, len(kept))
        notes.extend((name, found) for _, found in said if not _rules(found))
        rest = [item for item in values if item not in kept]
        if rest:
            strange.append((name, rest))
    return tuple(notes), strange


def _rules(value: Value) -> bool:
    """Return whether a value that is a node of its own speaks in words of ODRL."""
    if not isinstance(value, Literal) or value.datatype != RDF_JSON:
        return False
    return SPACE in value.lexical.casefold()
