"""Hierarchies of concepts and places, and what is disjoint, from RDF documents.

Rules: classes, types and broader concepts are one order, parts and wholes another; a property is
known by its local name, so that the usual vocabularies (RDFS, OWL, SKOS, Dublin Core, GeoNames,
schema.org, GeoSPARQL) are read without a list of their namespaces; synonyms lie under one another;
what OWL declares disjoint is disjoint, and individuals that it declares different are, where
nothing is stated to lie under them. All else in such a document is passed over: it is knowledge
about the world, not a policy.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from connector.cli.policy.files import nodes_at
from policies_odrl import Knowledge

_BROADER: Final = frozenset({"subClassOf", "broader", "broaderTransitive", "broadMatch"})
_NARROWER: Final = frozenset({"narrower", "narrowerTransitive", "narrowMatch"})
_WHOLE: Final = frozenset(
    [
        *("partOf", "isPartOf", "part_of", "parentFeature", "parentCountry"),
        *("parentADM1", "parentADM2", "parentADM3", "parentADM4"),
        *("containedInPlace", "containedIn", "locatedIn", "within", "sfWithin"),
    ]
)
_PART: Final = frozenset({"hasPart", "has_part", "contains", "containsPlace", "sfContains"})
_SAME: Final = frozenset({"sameAs", "equivalentClass", "exactMatch"})
_DISJOINT: Final = frozenset({"disjointWith"})
_DIFFERENT: Final = frozenset({"differentFrom"})
_MEMBERS: Final = frozenset({"members", "distinctMembers", "disjointUnionOf"})


@dataclass(slots=True)
class Hierarchies:
    """What documents state, gathered.

    Attributes:
        broader: name -> its types, superclasses and broader concepts.
        wholes: name -> what it is part of.
        disjoint: names of which no two have anything in common.
        different: names that are different individuals.
    """

    broader: dict[str, dict[str, None]] = field(default_factory=dict)
    wholes: dict[str, dict[str, None]] = field(default_factory=dict)
    disjoint: list[frozenset[str]] = field(default_factory=list)
    different: list[frozenset[str]] = field(default_factory=list)

    def add(self, nodes: Iterable[Mapping[str, Any]]) -> None:
        """Take in what a document states."""
        for node in nodes:
            name = str(node["@id"])
            types = [str(item) for item in node.get("@type", ())]
            if not name.startswith("_:"):
                self._above(self.broader, name, types)
            for key, values in node.items():
                if not key.startswith("@"):
                    self._state(name, types, _local(key), _names(values))

    def knowledge(self) -> Knowledge:
        """Return what was gathered."""
        below = {upper for above in self.broader.values() for upper in above}
        below |= {upper for above in self.wholes.values() for upper in above}
        groups = [*self.disjoint, *(group - below for group in self.different)]
        return Knowledge(
            broader={name: tuple(above) for name, above in self.broader.items()},
            wholes={name: tuple(above) for name, above in self.wholes.items()},
            disjoint=tuple(group for group in groups if len(group) > 1),
        )

    def _state(self, name: str, types: Sequence[str], key: str, values: Sequence[str]) -> None:
        if key in _MEMBERS:
            different = any(_local(item) == "AllDifferent" for item in types)
            (self.different if different else self.disjoint).append(frozenset(values))
        elif key in _BROADER:
            self._above(self.broader, name, values)
        elif key in _WHOLE:
            self._above(self.wholes, name, values)
        for other in values:
            if key in _NARROWER:
                self._above(self.broader, other, [name])
            elif key in _PART:
                self._above(self.wholes, other, [name])
            elif key in _SAME:
                self._above(self.broader, name, [other])
                self._above(self.broader, other, [name])
            elif key in _DISJOINT:
                self.disjoint.append(frozenset({name, other}))
            elif key in _DIFFERENT:
                self.different.append(frozenset({name, other}))

    def _above(self, table: dict[str, dict[str, None]], name: str, above: Iterable[str]) -> None:
        own = table.setdefault(name, {})
        own.update(dict.fromkeys(item for item in above if not item.startswith("_:")))


def hierarchies_in(folder: Path) -> Knowledge:
    """Return what the documents of a folder state; nothing where there is no such folder.

    Raises:
        ConfigurationInvalid: one cannot be read.
        PolicyInvalid: one is neither Turtle nor JSON-LD.
    """
    found = Hierarchies()
    files = sorted(item for item in folder.glob("*") if item.suffix in {".ttl", ".jsonld", ".json"})
    for file in files:
        found.add(nodes_at(file))
    return found.knowledge()


def _local(name: str) -> str:
    return name.rstrip("/#").replace("/", "#").rpartition("#")[2]


def _names(values: Iterable[Mapping[str, Any]]) -> list[str]:
    """Return the names among the values of a property; those of a list, one by one."""
    found: list[str] = []
    for value in values:
        if "@list" in value:
            found.extend(_names(value["@list"]))
        elif "@id" in value:
            found.append(value["@id"])
    return found
