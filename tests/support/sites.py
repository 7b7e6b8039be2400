"""Made-up districts whose pupils sites count and train on, and what is true of them all."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

from tests.support.link import PREAU, PURPOSE, description, limit, offer

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
        sex, hours = "FM"[at % 2], 1.3 + (at * 7 + site) % 13 + at % 97 / 97
        score = 3.1 + 0.7 * hours + (sex == "M") + ((at * 5 + site) % 7) / 3
        passed = "yes" if (at * 3 + site) % 13 < 2 + hours / 2 else "no"
        year = at // 2 % 3 + 1
        rows.append(
            {"pupil": f"{site}-{at}", "sex": sex, "hours": hours, "score": score, "year": year}
            | {"passed": passed, "left": "no"}
        )
    return rows


def summing(folder: Path, site: str, space: str, peers: list[str], number: int) -> Path:
    """Write a class and its description: `urn:o:SITE` of sums with peers, `…:cells` of cells.

    `…:trained` is of training, with evaluations without noise beside these peers; `…:plain` is of
    training alone.
    """
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
    five = limit(PREAU + "minimumCellCount", "gteq", "5", "integer")
    (training,) = offer(space=space, sites="2")["permission"]
    exact = {"action": PREAU + "exactEvaluation", "constraint": [until, named, five]}
    sums = {"action": PREAU + "federatedSums", "constraint": [until, named, few]}
    permitted = {
        "": [sums],
        ":cells": [{"action": "odrl:aggregate", "constraint": [until]}],
        ":trained": [training, exact],
        ":plain": [training],
    }
    offers = [
        {**offer(space=space), "@id": f"urn:o:{site}{name}", "permission": rules}
        for name, rules in permitted.items()
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


def exactly(agreements: list[str]) -> dict[str, Any]:
    """Return a job over classes whose model is evaluated without noise."""
    hours = {"column": "hours", "kind": "number", "low": 0, "high": 16, "missing": 8}
    privacy = {"epsilon": 1, "delta": 1e-6, "samplingRate": 0.5, "steps": 4, "clip": 1}
    return {
        "purpose": PURPOSE,
        "agreements": agreements,
        "model": {"kind": "logistic"},
        "features": [hours],
        "target": {"kind": "category", "column": "passed", "positive": ["yes"]},
        "unit": {"column": "pupil", "rows": 1},
        "privacy": privacy,
        "learningRate": 1,
        "rounds": 2,
        "evaluation": {"noiseMultiplier": "none"},
    }


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


def pseudonymous(space: str, terms: list[dict[str, Any]]) -> dict[str, Any]:
    """Return an offer of rows with pseudonyms of the contract, on these terms."""
    more = {
        "protectionLevel": ("gteq", {"@id": f"{PREAU}Pseudonymised"}),
        "pseudonymScope": ("eq", {"@id": f"{PREAU}PerContract"}),
        "columns": ("isAnyOf", ["pupil", "reading"]),
    }
    stated = [
        {"leftOperand": PREAU + left, "operator": operator, "rightOperand": right}
        for left, (operator, right) in more.items()
    ]
    rule = {"action": "odrl:read", "constraint": [*terms, *stated]}
    return {**offer(space=space), "@id": "urn:o:pseudonyms", "permission": [rule]}


def turned(folder: Path, space: str) -> Path:
    """Write rows of which a quarter says the reverse of the rest, and an offer to train on those.

    Of them pupils of more hours pass; of all others, and of all together, those of fewer.
    """
    folder.mkdir()
    rows = ((at, at % 16, "a" if at % 64 < 16 else "b") for at in range(3200))
    lines = [f"t{at},{hours},{kind},{_passed(hours, kind)}" for at, hours, kind in rows]
    text = "\n".join(["pupil,hours,kind,passed", *lines, ""])
    (folder / "turned.csv").write_text(text, encoding="utf-8")
    kind = {"class": "quasi-identifier", "datatype": "category", "categories": ["a", "b"]}
    chosen = {"leftOperand": PREAU + "rowCondition", "operator": "isAllOf"}
    rows_of_a = {**chosen, "rightOperand": ["kind in a"]}
    once = limit(PREAU + "rowsPerPerson", "lteq", "1", "integer")
    columns = {**_COLUMNS, "kind": kind}
    made = description(
        folder,
        id="urn:example:turned",
        file={"path": str(folder / "turned.csv"), "format": "csv"},
        columns=[{"name": name, **columns[name]} for name in ("pupil", "hours", "kind", "passed")],
        rows_per_person=1,
        population=3200,
        offer={**offer(space=space, sites="1", extra=(once, rows_of_a)), "@id": "urn:o:turned"},
    )
    file = folder / "description.json"
    file.write_text(json.dumps(made), encoding="utf-8")
    return file


def of_hours(agreement: str, purpose: str) -> dict[str, Any]:
    """Return a request for one weight, that of hours, in one round."""
    return {
        "purpose": purpose,
        "agreements": [agreement],
        "model": {"kind": "logistic"},
        "features": [
            {"column": "hours", "kind": "number", "low": 0, "high": 16, "missing": "refuse"}
        ],
        "target": {"kind": "category", "column": "passed", "positive": ["yes"]},
        "unit": {"column": "pupil", "rows": 1},
        "privacy": {"epsilon": 2, "delta": 6e-6, "samplingRate": 0.2, "steps": 20, "clip": 2},
        "learningRate": 1,
        "rounds": 1,
        "quorum": 1,
    }


def _passed(hours: int, kind: str) -> str:
    return "yes" if (hours >= 8) is (kind == "a") else "no"
