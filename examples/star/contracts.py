"""What the académies publish and what the lab asks for: data only, in the standards' terms."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import pupils

CONTEXT = [
    "https://w3id.org/dspace/2025/1/context.jsonld",
    "https://w3id.org/dspace/2025/1/odrl-profile.jsonld",
]
PROFILE = "https://w3id.org/preau/odrl/v1"
TRAINING = f"{PROFILE}#federatedTraining"
RESEARCH = "https://w3id.org/dpv#AcademicResearch"
RESEARCH_IN_EDUCATION = "https://w3id.org/dpv/sector/education#ResearchManagement"
MARKETING = "https://w3id.org/dpv#Marketing"
TEACHING = "https://w3id.org/dpv/sector/education#StudentPerformanceAssessment"
PUBLIC_TASK = "https://w3id.org/dpv/legal/eu/gdpr#A6-1-e"

EPSILON = 3.0
DELTA = 1e-5
CAP = {"epsilon": 4.5, "delta": 3e-5}
SITES = 3

# The second contract, with one académie: a table of counts with noise, and an extract.
RELEASING = "centre"
TABLES_EPSILON = 0.4
TABLES_DELTA = 1e-6
EXTRACT = ("id", "gr", "cltype", "sx", "read", "math")
SCHOOL = ("schtype", "ses", "birthy")


def offer(
    name: str, space: str, until: datetime, *, epsilon: float = EPSILON, sites: int = SITES
) -> dict[str, Any]:
    """Return the ODRL offer of a part of STAR.

    Args:
        name: of the académie; part of the offer's id.
        space: DID of the space whose members may use it.
        until: end of what is offered.
        epsilon: ε in total per agreement.
        sites: fewest that take part in a job.
    """
    preau = f"{PROFILE}#"
    rules = [
        _constraint("odrl:purpose", "isA", {"@id": RESEARCH_IN_EDUCATION}),
        _constraint(f"{preau}membership", "eq", {"@id": space}),
        _constraint(f"{preau}unitOfPrivacy", "eq", {"@id": f"{preau}Person"}),
        _constraint(f"{preau}rowsPerPerson", "lteq", _number(pupils.UNIT["rows"])),
        _constraint(f"{preau}epsilon", "lteq", _number(epsilon)),
        _constraint(f"{preau}delta", "lteq", _number(DELTA)),
        _constraint(f"{preau}minimumSites", "gteq", _number(sites)),
        _constraint("odrl:dateTime", "lteq", _time(until)),
    ]
    return _offer(f"urn:star:{name}:offer:{epsilon:g}", [(TRAINING, rules)])


def levels(space: str, until: datetime) -> dict[str, dict[str, Any]]:
    """Return offers of rows and tables, by level of protection, the least protected first.

    Args:
        space: DID of the space whose members may use them.
        until: end of what is offered.
    """
    preau = f"{PROFILE}#"
    known = [
        _constraint("odrl:purpose", "isA", {"@id": RESEARCH_IN_EDUCATION}),
        _constraint(f"{preau}membership", "eq", {"@id": space}),
        _constraint("odrl:dateTime", "lteq", _time(until)),
    ]
    pseudonymised = _constraint(f"{preau}protectionLevel", "gteq", {"@id": f"{preau}Pseudonymised"})
    budget = [
        _constraint(f"{preau}unitOfPrivacy", "eq", {"@id": f"{preau}Person"}),
        _constraint(f"{preau}rowsPerPerson", "lteq", _number(pupils.UNIT["rows"])),
        _constraint(f"{preau}epsilon", "lteq", _number(TABLES_EPSILON)),
        _constraint(f"{preau}delta", "lteq", _number(TABLES_DELTA)),
    ]
    permissions = {
        "rows, all columns": ("odrl:read", [pseudonymised]),
        "rows, nine columns": ("odrl:read", [pseudonymised, _columns(EXTRACT + SCHOOL)]),
        "rows, six columns": ("odrl:read", [pseudonymised, _columns(EXTRACT)]),
        "tables, at least 10 pupils": ("odrl:aggregate", []),
        f"tables with noise, ε ≤ {TABLES_EPSILON:g}": ("odrl:aggregate", budget),
    }
    return {
        level: _offer(f"urn:star:level:{at}", [(action, known + more)])
        for at, (level, (action, more)) in enumerate(permissions.items())
    }


def released(name: str, space: str, until: datetime) -> dict[str, Any]:
    """Return the second offer of an académie: tables with noise, and rows of six columns.

    Args:
        name: of the académie.
        space: DID of the space whose members may use it.
        until: end of what is offered.
    """
    *_, rows, _, tables = levels(space, until).values()
    permissions = [each["permission"][0] for each in (tables, rows)]
    return {**rows, "@id": f"urn:star:{name}:offer:released", "permission": permissions}


def _columns(names: tuple[str, ...]) -> dict[str, Any]:
    left = f"{PROFILE}#columns"
    return {"leftOperand": left, "operator": "isAnyOf", "rightOperand": list(names)}


def _offer(identifier: str, permissions: list[tuple[str, list[dict[str, Any]]]]) -> dict[str, Any]:
    return {
        "@context": CONTEXT,
        "@id": identifier,
        "@type": "Offer",
        "profile": PROFILE,
        "permission": [{"action": name, "constraint": rules} for name, rules in permissions],
    }


def dataset(name: str, file: Path, population: int, offers: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the description that an académie publishes."""
    return {
        "id": f"urn:star:{name}",
        "title": f"Project STAR, académie {name}",
        "description": "Yearly records of pupils from kindergarten to grade 3, 1985 to 1989.",
        "personal": True,
        "file": {"path": str(file), "format": "csv"},
        "columns": [
            {"name": column, "class": kind, "datatype": datatype, "description": words}
            | pupils.DICTIONARY.get(column, {})
            for column, kind, datatype, words in pupils.COLUMNS
        ],
        "person_column": pupils.UNIT["column"],
        "rows_per_person": pupils.UNIT["rows"],
        "population": population,
        "collection_purpose": TEACHING,
        "legal_basis": PUBLIC_TASK,
        "retention": "P10Y",
        "territory": "FR",
        "cap": CAP,
        "offers": offers,
    }


def job(
    agreements: list[str], *, purpose: str = RESEARCH_IN_EDUCATION, rounds: int = 20
) -> dict[str, Any]:
    """Return the lab's job: an MLP that predicts whether a pupil reads above the threshold.

    Its features are columns by name: ranges and categories are those of the dictionaries that the
    académies published. Width, clip, steps and learning rate were chosen on training pupils of
    another division.
    """
    return {
        "purpose": purpose,
        "agreements": agreements,
        "model": {"kind": "mlp", "hidden": [32], "activation": "tanh"},
        "features": list(pupils.FEATURES),
        "target": pupils.TARGET,
        "unit": pupils.UNIT,
        "privacy": {
            "epsilon": EPSILON,
            "delta": DELTA,
            "samplingRate": 0.2,
            "steps": 10 * rounds,
            "clip": 2.0,
        },
        "learningRate": 2.0,
        "rounds": rounds,
        "quorum": SITES,
        "roundSeconds": 60,
        "deadlineSeconds": 1800,
    }


def _constraint(operand: str, operator: str, value: dict[str, str]) -> dict[str, Any]:
    return {"leftOperand": operand, "operator": operator, "rightOperand": value}


def _number(value: float) -> dict[str, str]:
    kind = "integer" if isinstance(value, int) else "decimal"
    text = str(value) if isinstance(value, int) else f"{value:.10f}".rstrip("0").rstrip(".")
    return {"@value": text, "@type": f"xsd:{kind}"}


def _time(value: datetime) -> dict[str, str]:
    return {"@value": value.strftime("%Y-%m-%dT%H:%M:%SZ"), "@type": "xsd:dateTime"}
