"""Messages of the Dataspace Protocol against what its authors publish: schemas and examples."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any, Final

import pytest

from connector.errors import PreauError
from connector.jsonld.loss import dropped
from connector.protocol.dsp.extensions import TERMS
from connector.protocol.dsp.members import CONTEXT
from tests.support.dsp import SAMPLES, Sample, octets
from tests.support.each import over
from tests.support.schemas import faults

pytestmark = pytest.mark.reference
REFERENCE = Path(os.environ.get("PREAU_REFERENCE", "/nowhere")) / "dsp"
SCHEMAS = REFERENCE / "schemas"
WRONG: Final = (None, 1, "", [], [1], {})
# What an example is called besides the name of its schema.
_NAMED: Final = {"nested-catalog": "catalog", "contract-agreement-message-full": None}
_EXAMPLES: Final = sorted(
    path
    for path in (REFERENCE / "examples").rglob("*.json")
    if not path.stem.endswith("did-service")
)
_LARGEST: Final = {
    each.schema: each for each in sorted(SAMPLES, key=lambda each: len(octets(each.body)))
}.values()


def _schema(path: Path) -> str:
    stem = path.stem.removesuffix("_initial").removesuffix("-full")
    return _NAMED.get(stem) or stem


def _reader(schema: str) -> Sample:
    return next(each for each in SAMPLES if each.schema == schema)


@over("sample", SAMPLES)
def test_what_is_written_validates(sample: Sample) -> None:
    assert faults(SCHEMAS, f"{sample.schema}-schema.json", sample.body) == []


@over("sample", [each for each in SAMPLES if each.schema != "protocol-version"])
def test_what_is_written_loses_nothing_under_the_protocols_context(sample: Sample) -> None:
    assert sample.body["@context"] == [CONTEXT]
    assert dropped(sample.body) == ()


@pytest.mark.parametrize("path", _EXAMPLES, ids=lambda path: path.stem)
def test_examples_are_read_and_said_again(path: Path) -> None:
    body = json.loads(path.read_text("utf-8"))
    sample = _reader(_schema(path))
    again = sample.write(sample.read(octets(body)))
    if path.stem == "catalog-request-message":
        del body["filter"]  # an empty one
    assert {name: value for name, value in again.items() if not name.startswith(TERMS)} == body


def test_each_schema_has_a_sample_and_each_example_a_reader() -> None:
    published = {path.stem.removesuffix("-schema") for path in SCHEMAS.rglob("*.json")}
    # Parts of others; addresses in DID documents are read where those are.
    parts = {"contract", "transfer", "data-address", "context", "did-service"}
    assert {each.schema for each in SAMPLES} == published - parts
    assert len(_EXAMPLES) == 25


@over("sample", _LARGEST)
def test_what_a_schema_refuses_is_refused(sample: Sample) -> None:
    """Each member, left out or of another form; the schema is asked without empty lists."""
    refused = 0
    for pointer, body in _spoilt(sample.body):
        reason = _refusal(sample, body)
        refused += bool(reason)
        assert reason.isprintable(), pointer
        assert len(reason) < 1000, pointer
        if reason or pointer.endswith("/binding"):  # what is of another binding is passed over
            continue
        accepted = _without_empty_lists(body)
        assert faults(SCHEMAS, f"{sample.schema}-schema.json", accepted) == [], pointer
    assert refused


def _refusal(sample: Sample, body: dict[str, Any]) -> str:
    try:
        sample.read(octets(body))
    except PreauError as exc:
        return exc.reason
    return ""


def _spoilt(body: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield a body without each member, and with each member of another form."""
    for path in _paths(body):
        if _terms(path):
            continue  # the reader of policies judges them
        for wrong in (..., *WRONG):
            copy = deepcopy(body)
            holder: Any = copy
            for step in path[:-1]:
                holder = holder[step]
            if wrong is ...:
                del holder[path[-1]]
            else:
                holder[path[-1]] = wrong
            yield "/".join(map(str, path)), copy


def _paths(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    found = value.items() if isinstance(value, dict) else enumerate(value)
    for step, item in found:
        yield (*path, step)
        if isinstance(item, dict | list):
            yield from _paths(item, (*path, step))


def _terms(path: tuple[Any, ...]) -> bool:
    return any(step in ("permission", "timestamp") for step in path)


def _without_empty_lists(value: Any) -> Any:
    if isinstance(value, list):
        return [_without_empty_lists(each) for each in value]
    if isinstance(value, dict):
        return {name: _without_empty_lists(each) for name, each in value.items() if each != []}
    return value
