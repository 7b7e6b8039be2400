"""Our self-descriptions against the shapes and the context of Gaia-X 25.11 (files of others)."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pyoxigraph
import pytest

from connector.domain.catalog.dataset import Column, ColumnClass, DataFile, Dataset, PrivacyCap
from connector.identity.descriptions import description
from tests.support.contracts import DATASET, NOW, PROVIDER

GX = "https://w3id.org/gaia-x/development#"
REQUIRED = """
PREFIX sh: <http://www.w3.org/ns/shacl#>
SELECT ?path ?required WHERE {
  ?shape sh:targetClass <%s> ; sh:property ?property . ?property sh:path ?path .
  OPTIONAL { ?property sh:minCount ?least }
  BIND(COALESCE(?least, 0) > 0 AS ?required)
}
"""
PARTICIPANT = description.describe_participant(PROVIDER, "Nord", "FR", "123")
SET = description.describe_dataset(
    Dataset(
        id=DATASET,
        title="Reading",
        description="Reading scores",
        personal=True,
        columns=(Column("pupil", ColumnClass.DIRECT_IDENTIFIER, "category"),),
        person_column="pupil",
        rows_per_person=4,
        population=4600,
        collection_purpose="https://w3id.org/dpv#ServiceProvision",
        legal_basis="https://w3id.org/dpv/legal/eu/gdpr#A6-1-e",
        retention="P5Y",
        territory="FR",
        register_id="urn:register",
        cap=PrivacyCap(6.0, 1e-5),
        file=DataFile("/x.csv", "csv", "f" * 64),
        credential="",
        published_at=NOW,
    ),
    PROVIDER,
)


def folder() -> Path:
    return Path(os.environ["PREAU_REFERENCE"]) / "gaia-x"


@cache
def shapes() -> pyoxigraph.Store:
    store = pyoxigraph.Store()
    store.load(path=str(folder() / "gx.shacl.ttl"), format=pyoxigraph.RdfFormat.TURTLE)
    return store


def properties(name: str) -> dict[str, bool]:
    """Return the properties of a class's shape, and whether each is required."""
    found = {
        row["path"].value: row["required"].value == "true"
        for row in shapes().query(REQUIRED % (GX + name))
    }
    assert found, f"no shape of gx:{name}"
    return found


def expanded(term: str) -> str:
    prefix, _, local = term.partition(":")
    return description.CONTEXT[prefix] + local


def nodes(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        if "type" in value:
            yield value
        for item in value.values():
            yield from nodes(item)


def classes(node: dict[str, Any]) -> list[str]:
    types = node["type"] if isinstance(node["type"], list) else [node["type"]]
    return [expanded(item).removeprefix(GX) for item in types if item.startswith("gx:")]


def stated(node: dict[str, Any]) -> set[str]:
    return {expanded(name) for name in node if name not in ("id", "type")}


@pytest.mark.reference
@pytest.mark.parametrize(
    ("subject", "names"),
    [
        (PARTICIPANT, {"LegalPerson", "Address", "LocalRegistrationNumber"}),
        (SET, {"VirtualResource"}),
    ],
)
def test_required_properties_are_there(subject: dict[str, Any], names: set[str]) -> None:
    seen = set()
    for node in nodes(subject):
        for name in classes(node):
            if name == "RegistrationNumber":
                continue  # the open parent of the class beside it
            seen.add(name)
            required = {path for path, needed in properties(name).items() if needed}
            assert required <= stated(node), name
    assert seen == names


@pytest.mark.reference
@pytest.mark.parametrize("name", ["LegalPerson", "Address"])
def test_closed_shapes_get_nothing_of_our_own(name: str) -> None:
    for node in nodes(PARTICIPANT):
        if name in classes(node):
            assert stated(node) <= set(properties(name))


@pytest.mark.reference
def test_namespace_is_the_official_context_s() -> None:
    context = json.loads((folder() / "gx.context.jsonld").read_text())["@context"]
    assert context["gx"] == context["@vocab"] == description.CONTEXT["gx"] == GX
