"""What constraints name, and what is broader than each: purposes, legal bases, measures, places.

Facts of the Data Privacy Vocabulary 2.3; the only ones minted are the grounds of FERPA (34 CFR part
99). Several broader concepts are possible: the hierarchy is a graph. Places lie in one another. A
place that is not in `places.json` is unknown, never elsewhere; where belonging is disputed, the
answer is Undetermined. Source: ISO 3166-1 and 3166-2:FR; UN M49 (Europe); EEA Agreement; the IRIs
are those of DPV's location extension, of the EU Publications Office and of INSEE.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from types import MappingProxyType
from typing import NamedTuple

from policies_odrl.vocabulary import expanded, loaded


@cache
def hierarchy(table: str) -> Mapping[str, tuple[str, ...]]:
    """Return concept -> broader ones, of `purposes`, `legal_bases` or `measures`."""
    found = loaded(f"{table}.json")["broader"].items()
    rows = {expanded(item): tuple(map(expanded, above)) for item, above in found}
    tops = {parent: () for above in rows.values() for parent in above if parent not in rows}
    return MappingProxyType({**rows, **tops})


@cache
def concepts() -> Mapping[str, tuple[str, ...]]:
    """Return every known concept -> broader ones: purposes, legal bases and measures."""
    tables = map(hierarchy, ("purposes", "legal_bases", "measures"))
    return MappingProxyType({item: above for table in tables for item, above in table.items()})


class Atlas(NamedTuple):
    """What is known about places: by place, others that it stands in a relation to."""

    names: Mapping[str, str]  # IRI -> the first IRI of the same place
    wholes: Mapping[str, tuple[str, ...]]  # that it lies in
    outside: Mapping[str, tuple[str, ...]]  # that it does not lie in, although a whole of it does
    unsettled: Mapping[str, tuple[str, ...]]  # of which nobody can say whether it lies in them


@cache
def atlas() -> Atlas:
    """Return the built-in places."""
    data = loaded("places.json")

    def full(name: str) -> str:
        prefix, _, code = name.rpartition(":")
        return str(data["prefixes"][prefix or "loc"]) + code

    def turned(key: str) -> Mapping[str, tuple[str, ...]]:
        found: dict[str, tuple[str, ...]] = {}
        for whole, parts in data[key].items():
            for part in map(full, parts.split()):
                found[part] = (*found.get(part, ()), full(whole))
        return found

    names = {
        full(name): full(code)
        for code, others in data["same"].items()
        for name in (code, *others.split())
    }
    return Atlas(names, turned("within"), turned("outside"), turned("unsettled"))


def place(iri: str) -> str:
    """Return the IRI by which a place is known here; itself when it is not."""
    return atlas().names.get(iri, iri)
