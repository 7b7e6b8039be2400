"""The JSON schemas that a specification publishes, by which its messages are judged."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jsonschema import Draft201909Validator

# DSP 2025-1 refers so to `transfer-schema.json`; no reader resolves it without the slash. DCP 1.0's
# schema of contexts calls itself v08, and all others call it v1.0.
_MEANT = {"#definitions/": "#/definitions/", "/dspace-dcp/v08/": "/dspace-dcp/v1.0/"}

# Schemas that DCP 1.0 refers to and does not publish: whatever is there passes.
_ELSEWHERE = "https://identity.foundation/presentation-exchange/schemas/"
_OPEN = [{"$id": f"{_ELSEWHERE}presentation-{name}.json"} for name in ("definition", "submission")]


def faults(folder: Path, name: str, body: Mapping[str, Any]) -> list[str]:
    """Return what a schema of a folder has against a body, each with its JSON path.

    Args:
        folder: of the schemas, with the folders below it.
        name: of the schema's file.
        body: JSON.
    """
    judge = _judges(folder)[name]
    return [f"{each.json_path}: {each.message}" for each in judge.iter_errors(body)]


@cache
def _judges(folder: Path) -> dict[str, Draft201909Validator]:
    from jsonschema import Draft201909Validator  # noqa: PLC0415 - half a second
    from referencing import Registry, Resource  # noqa: PLC0415 - same
    from referencing.jsonschema import DRAFT201909  # noqa: PLC0415 - same

    texts = {path.name: path.read_text("utf-8") for path in sorted(folder.rglob("*.json"))}
    schemas = {name: json.loads(_mended(text)) for name, text in texts.items()}
    made = [Resource.from_contents(each, DRAFT201909) for each in (*schemas.values(), *_OPEN)]
    registry: Registry[Any] = Registry().with_resources((each.id(), each) for each in made).crawl()
    return {
        name: Draft201909Validator(schema, registry=registry) for name, schema in schemas.items()
    }


def _mended(text: str) -> str:
    for broken, meant in _MEANT.items():
        text = text.replace(broken, meant)
    return text
