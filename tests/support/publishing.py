"""Files of pupils that a school publishes, and what the node says of them."""

from __future__ import annotations

from typing import Any

import pytest

from connector.errors import PreauError
from connector.services.publication import publish
from connector.services.publication.verdicts import Verdict, passed, verdict
from tests.support.link import DATASET, Link, Node, description

OTHER = "urn:uuid:00000000-0000-4000-8000-000000000077"
HEADER = "pupil,grade,reading,sex\n"


def described(pair: Link, name: str, *pupils: str, **changes: Any) -> dict[str, Any]:
    """Return a description of a file with these pupils, one row each."""
    path = pair.folder / name
    path.write_text(HEADER + "".join(f"{pupil},2,410,F\n" for pupil in pupils), encoding="utf-8")
    file = {"path": str(path), "format": "csv"}
    return description(pair.folder, **{"file": file, **changes})


def put(school: Node, raw: dict[str, Any], **more: Any) -> str:
    return publish.publish(school.ports, raw, **more).register_id


def verdict_of(school: Node, dataset_id: str = DATASET) -> Verdict:
    with school.ports.store.read() as tx:
        dataset = tx.datasets.get(dataset_id)
        assert dataset is not None
        found = verdict(dataset, tx.censuses.find())
        assert passed(tx, dataset) == (not found.code)
    return found


def refused(school: Node, raw: dict[str, Any], code: type[PreauError], **more: Any) -> str:
    before = school.state_of_everything()
    with pytest.raises(code) as refusal:
        publish.publish(school.ports, raw, **more)
    assert school.state_of_everything() == before
    assert "\n" not in refusal.value.reason
    return refusal.value.reason
