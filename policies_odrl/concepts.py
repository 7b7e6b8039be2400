"""Concepts that constraints name: purposes, legal bases, measures, and what is broader than each.

Facts of the Data Privacy Vocabulary 2.3, in `purposes.json`, `legal_bases.json` and
`measures.json`; the only ones minted are the grounds of FERPA, a second jurisdiction's list of
legal bases (34 CFR part 99). Several broader concepts are possible: the hierarchy is a graph.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from types import MappingProxyType

from policies_odrl.vocabulary import expanded, loaded


@cache
def hierarchy(table: str) -> Mapping[str, tuple[str, ...]]:
    """Return concept -> broader ones, of `purposes`, `legal_bases` or `measures`.

    >>> hierarchy("measures")["https://w3id.org/dpv#Anonymisation"]
    ('https://w3id.org/dpv#Deidentification',)
    """
    found = loaded(f"{table}.json")["broader"].items()
    rows = {expanded(item): tuple(map(expanded, above)) for item, above in found}
    tops = {parent: () for above in rows.values() for parent in above if parent not in rows}
    return MappingProxyType({**rows, **tops})


@cache
def concepts() -> Mapping[str, tuple[str, ...]]:
    """Return every known concept -> broader ones: purposes, legal bases and measures."""
    tables = map(hierarchy, ("purposes", "legal_bases", "measures"))
    return MappingProxyType({item: above for table in tables for item, above in table.items()})
