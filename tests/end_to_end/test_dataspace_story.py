"""The story of `examples/dataspace/`, with real processes, HTTPS and gRPC."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import two_spaces

from tests.support.command import served, short_folder, step
from tests.support.ports import free_port

NEGOTIATIONS = "SELECT dataset_id, address LIKE 'https://%/dsp/2025-1%' FROM negotiation"


def test_a_node_of_two_spaces_is_revoked_in_one_only() -> None:
    with short_folder() as folder:
        found = two_spaces.run(folder / "s", run=step, port=free_port, serve=served)
        spoken = over_https(folder / "s/schools/laboratoire/node.sqlite")
    first, second = found["contracts"].values()
    assert first != second
    assert found["standing"] == [first, second]
    assert found["ok"], found
    assert spoken == {"urn:school:pupils": False, "urn:hospital:stays": True}


def over_https(database: Path) -> dict[str, bool]:
    with closing(sqlite3.connect(database)) as connection:
        return {name: bool(https) for name, https in connection.execute(NEGOTIATIONS)}
