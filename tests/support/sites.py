"""Two made-up districts whose pupils several sites count, and what is true of them all."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

from tests.support.link import PREAU, description, limit, offer

DISTRICTS: Final = ("north", "south")
_COLUMNS: Final[dict[str, dict[str, Any]]] = {
    "pupil": {"class": "direct identifier", "datatype": "category"},
    "sex": {"class": "quasi-identifier", "datatype": "category", "categories": ["F", "M"]},
    "hours": {"class": "quasi-identifier", "datatype": "number", "lower": 0, "upper": 16},
    "score": {"class": "quasi-identifier", "datatype": "number", "lower": 0, "upper": 20},
    "passed": {"class": "quasi-identifier", "datatype": "category", "categories": ["no", "yes"]},
    "year": {"class": "quasi-identifier", "datatype": "category", "categories": ["1", "2", "3"]},
    "left": {"class": "quasi-identifier", "datatype": "category", "categories": ["no", "yes"]},
}


def pupils(district: str) -> list[dict[str, Any]]:
    """Return 6,400 pupils, so that noise at ε = 4 hides none of the figures."""
    shift = DISTRICTS.index(district)
    rows: list[dict[str, Any]] = []
    for at in range(6400):
        hours, sex, turn = at % 16, "FM"[at // 16 % 2], at // 32
        score = 4 + 0.5 * hours + 2 * (sex == "M") + (turn + shift) % 3 - 1
        passed = (turn * 7 + hours + 3 * (sex == "M") + shift) % 16 < 4 + hours // 2
        year, left = (1, 1, 2, 2, 3, 3, 3, 3)[turn % 8], turn % 2 == 0
        marks = {"passed": "yes" if passed else "no", "left": "yes" if left else "no"}
        rows.append(
            {"pupil": f"{district}{at}", "sex": sex, "hours": hours, "score": score, "year": year}
            | marks
        )
    return rows


def class_of(site: int, number: int) -> list[dict[str, Any]]:
    """Return a few pupils of one of several sites, whose figures are no whole numbers."""
    rows: list[dict[str, Any]] = []
    for at in range(number):
        sex, hours = "FM"[at % 2], 1.3 + (at * 7 + site) % 13 + at / 97
        score = 3.1 + 0.7 * hours + (sex == "M") + ((at * 5 + site) % 7) / 3
        passed = "yes" if (at * 3 + site) % 13 < 2 + hours / 2 else "no"
        year = at // 2 % 3 + 1
        rows.append(
            {"pupil": f"{site}-{at}", "sex": sex, "hours": hours, "score": score, "year": year}
            | {"passed": passed, "left": "no"}
        )
    return rows


def summing(folder: Path, site: str, space: str, peers: list[str], number: int) -> Path:
    """Write a class and its description: `urn:o:SITE` of sums with peers, `…:cells` of cells."""
    folder.mkdir()
    kept = {name: said for name, said in _COLUMNS.items() if name != "left"}
    rows = class_of(len(site), number)
    lines = [",".join(kept), *(",".join(str(row[it]) for it in kept) for row in rows)]
    (folder / "pupils.csv").write_text("\n".join([*lines, ""]), encoding="utf-8")
    until = limit("odrl:dateTime", "lteq", "2027-06-30T00:00:00Z", "dateTime")
    named = {
        "leftOperand": PREAU + "sites",
        "operator": "isAnyOf",
        "rightOperand": [{"@id": each} for each in peers],
    }
    few = limit(PREAU + "minimumCellCount", "gteq", "2", "integer")
    permitted = {"": (PREAU + "federatedSums", [named, few]), ":cells": ("odrl:aggregate", [])}
    offers = [
        {
            **offer(space=space),
            "@id": f"urn:o:{site}{name}",
            "permission": [{"action": action, "constraint": [until, *terms]}],
        }
        for name, (action, terms) in permitted.items()
    ]
    made = description(
        folder,
        id=f"urn:example:{site}",
        title=f"A class of {site}",
        columns=[{"name": name, **said} for name, said in kept.items()],
        rows_per_person=1,
        population=number // 10 * 10 + 10,
        offers=offers,
    )
    made.pop("offer")
    file = folder / "description.json"
    file.write_text(json.dumps(made), encoding="utf-8")
    return file


def published(folder: Path, district: str, space: str) -> Path:
    """Write a district's file, and its description with an offer of tables of each sort.

    `urn:o:DISTRICT` is of cells over ten persons, `urn:o:DISTRICT:noise` of cells with noise.
    """
    folder.mkdir()
    names = list(_COLUMNS)
    lines = [",".join(names), *(",".join(str(row[it]) for it in names) for row in pupils(district))]
    (folder / "pupils.csv").write_text("\n".join([*lines, ""]), encoding="utf-8")
    until = limit("odrl:dateTime", "lteq", "2027-06-30T00:00:00Z", "dateTime")
    person = {"@id": PREAU + "Person"}
    budget = [
        limit(PREAU + "epsilon", "lteq", "9", "decimal"),
        limit(PREAU + "delta", "lteq", "0.00001", "decimal"),
        limit(PREAU + "rowsPerPerson", "lteq", "1", "integer"),
        {"leftOperand": PREAU + "unitOfPrivacy", "operator": "eq", "rightOperand": person},
    ]
    offers = [
        {
            **offer(space=space),
            "@id": f"urn:o:{district}{name}",
            "permission": [{"action": "odrl:aggregate", "constraint": [until, *terms]}],
        }
        for name, terms in (("", []), (":noise", budget))
    ]
    made = description(
        folder,
        id=f"urn:example:{district}",
        title=f"Pupils of the {district}",
        columns=[{"name": name, **said} for name, said in _COLUMNS.items()],
        rows_per_person=1,
        population=6400,
        offers=offers,
    )
    made.pop("offer")
    file = folder / "description.json"
    file.write_text(json.dumps(made), encoding="utf-8")
    return file
