"""Places and what they lie in: countries, the EU, the EEA, Europe, and France by region.

Rules: places lie in one another, they are no classes of one another; a place that is not in
`places.json` is unknown, never elsewhere; where belonging is disputed, the answer is Undetermined.
The same place under several IRIs is one place. GeoNames and the like come through `Knowledge`.
Source: ISO 3166-1 and 3166-2:FR; UN M49 (Europe); EEA Agreement; the IRIs are those of DPV's
location extension, of the EU Publications Office and of INSEE.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from policies_odrl.logic import Truth


@dataclass(frozen=True, slots=True)
class Atlas:
    """What is known about places.

    Attributes:
        names: IRI -> the first IRI of the same place.
        wholes: place -> places that it lies in.
        outside: place -> places that it does not lie in, although a whole of it does.
        unsettled: place -> places of which nobody can say whether it lies in them.
    """

    names: Mapping[str, str]
    wholes: Mapping[str, tuple[str, ...]]
    outside: Mapping[str, frozenset[str]]
    unsettled: Mapping[str, frozenset[str]]


@cache
def atlas() -> Atlas:
    """Return the built-in places."""
    data = json.loads(files("policies_odrl").joinpath("places.json").read_text("utf-8"))
    names = _names(data)
    wholes: dict[str, list[str]] = {}
    for whole, parts in _pairs(data, names, "within"):
        for part in parts:
            wholes.setdefault(part, []).append(whole)
    return Atlas(
        names,
        {place: tuple(found) for place, found in wholes.items()},
        _turned(_pairs(data, names, "outside")),
        _turned(_pairs(data, names, "unsettled")),
    )


def place(iri: str) -> str:
    """Return the IRI by which a place is known here; itself when it is not.

    >>> place("http://publications.europa.eu/resource/authority/country/FRA")
    'https://w3id.org/dpv/loc#FR'
    """
    return atlas().names.get(iri, iri)


def surroundings(iri: str, wholes: Mapping[str, tuple[str, ...]]) -> frozenset[str]:
    """Return a place and all that it lies in.

    Args:
        iri: any IRI of the place.
        wholes: more of `Atlas.wholes`; each place under the IRI that `place` gives.
    """
    known, start = atlas(), place(iri)
    seen, stack = {iri, start}, [start]
    while stack:
        item = stack.pop()
        for above in (*known.wholes.get(item, ()), *wholes.get(item, ())):
            if above not in seen:
                seen.add(above)
                stack.append(above)
    return frozenset(seen)


def lies_in(iri: str, whole: str, wholes: Mapping[str, tuple[str, ...]]) -> Truth | None:
    """Return whether a place lies in another, or None when nothing is known about it.

    >>> paris = "http://id.insee.fr/geo/departement/75"
    >>> lies_in(paris, "https://w3id.org/dpv/loc#EU", {})
    <Truth.TRUE: 'true'>
    >>> lies_in("https://w3id.org/dpv/loc#TR", "https://w3id.org/dpv/loc#Europe", {})
    <Truth.UNDETERMINED: 'undetermined'>
    """
    known, around, wanted = atlas(), surroundings(iri, wholes), place(whole)
    if any(wanted in known.outside.get(item, ()) for item in around):
        return Truth.FALSE
    if wanted in around:
        return Truth.TRUE
    if any(wanted in known.unsettled.get(item, ()) for item in around):
        return Truth.UNDETERMINED
    return None


def _names(data: dict[str, Any]) -> dict[str, str]:
    iris, codes = data["iris"], data["iris"]["code"]
    same: dict[str, list[str]] = {}

    def add(code: str, *prefixed: tuple[Iterable[str], str]) -> None:
        own = [prefix + code for prefix in codes]
        own += [prefix + name for prefixes, name in prefixed for prefix in prefixes]
        same[code] = own + iris["other"].get(code, [])

    for code in data["within"]:
        add(code)
    for pair in data["countries"].split():
        code, alpha3 = pair.split(":")
        add(code, (iris["alpha3"], alpha3))
    for code, region in data["france"].items():
        add(code, (iris["region"], region["insee"]))
        for name in region["departments"].split():
            add(f"FR-{name}", (iris["department"], name))
    for code, item in data["overseas"].items():
        alpha2, alpha3 = item["country"].split(":")
        department = (iris["department"], code.removeprefix("FR-"))
        add(
            code,
            (iris["region"], item["insee"]),
            department,
            (codes, alpha2),
            (iris["alpha3"], alpha3),
        )
    return {iri: found[0] for found in same.values() for iri in found}


def _pairs(
    data: dict[str, Any], names: Mapping[str, str], key: str
) -> list[tuple[str, tuple[str, ...]]]:
    prefix = data["iris"]["code"][0]
    rows: list[tuple[str, Iterable[str]]] = [(k, v.split()) for k, v in data[key].items()]
    if key == "within":
        rows += [
            (code, [f"FR-{name}" for name in region["departments"].split()])
            for code, region in data["france"].items()
        ]
    return [
        (names[prefix + whole], tuple(names[prefix + part] for part in parts))
        for whole, parts in rows
    ]


def _turned(pairs: list[tuple[str, tuple[str, ...]]]) -> dict[str, frozenset[str]]:
    found: dict[str, set[str]] = {}
    for whole, parts in pairs:
        for part in parts:
            found.setdefault(part, set()).add(whole)
    return {part: frozenset(wholes) for part, wholes in found.items()}
