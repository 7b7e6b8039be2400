"""A dataset about no person, and offers of it to anybody."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from tests.support.link import CONTEXT, description

SCHOOLS = "urn:example:schools"
LICENCE = "https://licence.example/open"
ROWS = "".join(f"075{at:04}A,{at % 9}\n" for at in range(2000))
ATTRIBUTION = "http://creativecommons.org/ns#attributionName"
PUBLIC = "http://publications.europa.eu/resource/authority/access-right/PUBLIC"
OPEN: dict[str, Any] = {
    "dct:accessRights": {"@id": PUBLIC},
    "dct:license": {"@id": LICENCE},
    ATTRIBUTION: "Ministry",
}
ATTRIBUTE = {"action": "odrl:attribute"}


def open_offer(
    narrowed: Mapping[str, Any] = MappingProxyType({}), /, **members: Any
) -> dict[str, Any]:
    rule = {"action": "odrl:read", "duty": [ATTRIBUTE], **narrowed}
    return {
        "@context": CONTEXT,
        "@id": "urn:offer:open",
        "@type": "Offer",
        "profile": "https://w3id.org/preau/odrl/v1",
        **OPEN,
        "permission": [rule],
        **members,
    }


def schools(folder: Path, terms: dict[str, Any], **changes: Any) -> dict[str, Any]:
    file = folder / "schools.csv"
    if not file.exists():
        file.write_text(f"uai,classes\n{ROWS}", encoding="utf-8")
    columns = [
        {"name": "uai", "class": "other", "datatype": "category"},
        {"name": "classes", "class": "other", "datatype": "number"},
    ]
    found = description(
        folder,
        id=SCHOOLS,
        file={"path": str(file), "format": "csv"},
        columns=columns,
        personal=False,
        offer=terms,
    )
    for left_out in ("person_column", "cap", "rows_per_person", "population"):
        found.pop(left_out)
    return {**found, **changes}
