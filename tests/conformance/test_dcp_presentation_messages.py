"""Messages of DCP's Resolution API against its published schemas, context and examples."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pyld import jsonld
from pyld.context_resolver import ContextResolver

from connector.errors import Malformed
from connector.identity.dcp import query
from connector.identity.dcp.definition import Definition
from connector.identity.dcp.message import CONTEXT
from tests.support.each import over
from tests.support.schemas import faults

pytestmark = pytest.mark.reference
REFERENCE = Path(os.environ.get("PREAU_REFERENCE", "/nowhere")) / "dcp"
EXAMPLES = REFERENCE / "examples/presentation"
SCHEMAS = REFERENCE / "schemas"
SCOPES = ["org.eclipse.dspace.dcp.vc.type:Member", "org.eclipse.dspace.dcp.vc.id:urn:uuid:1"]
WRITTEN = {
    "query": query.query(SCOPES),
    "response": query.response(["a.b.c", "d.e.f"]),
}
READ: dict[str, Callable[[bytes], object]] = {
    "query": query.read_query,
    "response": query.read_response,
}


def example(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((EXAMPLES / name).read_text("utf-8"))
    return found


@over("kind", WRITTEN)
def test_what_is_written_validates(kind: str) -> None:
    schema = f"presentation-{kind}-message-schema.json"
    assert faults(SCHEMAS, schema, WRITTEN[kind]) == []
    assert faults(SCHEMAS, schema, WRITTEN[kind] | {"type": "Other"}) != []
    assert faults(SCHEMAS, schema, WRITTEN[kind] | {"@context": []}) != []


@over("kind", WRITTEN)
def test_what_a_schema_refuses_is_refused(kind: str) -> None:
    """Each member, left out or of another form."""
    schema, refused = f"presentation-{kind}-message-schema.json", 0
    for name in WRITTEN[kind]:
        for wrong in (..., None, 1, True, "", "x", [], [1], ["x"], {}):
            spoilt = WRITTEN[kind] | {name: wrong}
            body = {key: each for key, each in spoilt.items() if each is not ...}
            if faults(SCHEMAS, schema, body):
                refused += 1
                with pytest.raises(Malformed):
                    READ[kind](json.dumps(body).encode())
    assert refused


def test_an_answer_without_presentation_validates() -> None:
    assert faults(SCHEMAS, "presentation-response-message-schema.json", query.response([])) == []


@over("kind", WRITTEN)
def test_nothing_that_is_written_is_lost_under_the_context(kind: str) -> None:
    context = json.loads((REFERENCE / "contexts/dcp.jsonld").read_text("utf-8"))

    def load(url: str, _options: object = None) -> dict[str, Any]:
        assert url == CONTEXT
        remote = {"contentType": "application/ld+json", "contextUrl": None}
        return {**remote, "documentUrl": url, "document": context}

    dropped: list[str] = []
    (found,) = jsonld.expand(
        WRITTEN[kind],
        {"documentLoader": load, "contextResolver": ContextResolver({}, load), "base": None},
        on_property_dropped=lambda name, *_, **__: dropped.append(str(name)),
    )
    assert dropped == []
    namespace = "https://w3id.org/dspace-dcp/v1.0/"
    members = {name.removeprefix(namespace) for name in found} - {"@type"}
    assert members == set(WRITTEN[kind]) - {"@context", "type"}
    assert found["@type"] == [namespace + WRITTEN[kind]["type"]]


def test_the_examples_are_read() -> None:
    """Scopes of the first are placeholders of no alias, presentations of the others no JWTs."""
    for name in ("", "-w-presentation-submission"):
        stated = example(f"presentation-response-message{name}.json")
        found = query.read_response(json.dumps(stated).encode())
        assert list(found) == stated["presentation"]
    asked = example("presentation-query-message.json")
    with pytest.raises(Malformed, match="/scope/0: must begin with"):
        query.read_query(json.dumps(asked).encode())
    assert len(query.read_query(json.dumps(asked | {"scope": SCOPES}).encode())) == 2
    defined = example("presentation-query-message-w-presentation-definition.json")
    read = query.read_query(json.dumps(defined).encode())
    assert isinstance(read, Definition)
    assert read.descriptors[0].id == "organization credential"
