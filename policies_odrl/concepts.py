"""Concepts that constraints name: purposes, legal bases, measures, and what is broader than each.

Facts of the Data Privacy Vocabulary 2.3, in `purposes.json`, `legal_bases.json` and
`measures.json`; the only ones minted are the grounds of FERPA, a second jurisdiction's list of
legal bases (34 CFR part 99). Several broader concepts are possible: the hierarchy is a graph.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache, lru_cache
from types import MappingProxyType

from policies_odrl.vocabulary import closure, expanded, loaded


@cache
def purposes() -> Mapping[str, tuple[str, ...]]:
    """Return purpose IRI -> broader ones (DPV 2.3, core and education sector)."""
    return _table("purposes.json")


@cache
def legal_bases() -> Mapping[str, tuple[str, ...]]:
    """Return legal basis IRI -> broader ones: DPV, GDPR articles 6, 9 and 45 to 49, FERPA.

    >>> gdpr = "https://w3id.org/dpv/legal/eu/gdpr#"
    >>> legal_bases()[gdpr + "A6-1-e-public-interest"]
    ('https://w3id.org/dpv#PublicInterest', 'https://w3id.org/dpv/legal/eu/gdpr#A6-1-e')
    """
    return _table("legal_bases.json")


@cache
def measures() -> Mapping[str, tuple[str, ...]]:
    """Return technical or organisational measure IRI -> broader ones (DPV 2.3).

    >>> measures()["https://w3id.org/dpv#Anonymisation"]
    ('https://w3id.org/dpv#Deidentification',)
    """
    return _table("measures.json")


@cache
def concepts() -> Mapping[str, tuple[str, ...]]:
    """Return every known concept -> broader ones: purposes, legal bases and measures."""
    return MappingProxyType({**purposes(), **legal_bases(), **measures()})


@lru_cache(maxsize=1024)
def wider_concepts(concept: str) -> frozenset[str]:
    """Return a concept and all broader ones; empty when it is not known.

    >>> consent = "https://w3id.org/dpv#Consent"
    >>> consent in wider_concepts("https://w3id.org/dpv/legal/eu/gdpr#A6-1-a")
    True
    """
    table = concepts()
    return closure(concept, table) if concept in table else frozenset()


def _table(name: str) -> Mapping[str, tuple[str, ...]]:
    found = loaded(name)["broader"].items()
    table = {expanded(item): tuple(map(expanded, above)) for item, above in found}
    tops = {parent: () for above in table.values() for parent in above if parent not in table}
    return MappingProxyType({**table, **tops})
