"""The story of `examples/dataspace/`, with real processes, HTTPS and gRPC."""

from __future__ import annotations

import two_spaces

from tests.support.command import served, short_folder, step
from tests.support.ports import free_port


def test_a_node_of_two_spaces_is_revoked_in_one_only() -> None:
    with short_folder() as folder:
        found = two_spaces.run(folder / "s", run=step, port=free_port, serve=served)
    first, second = found["contracts"].values()
    assert first != second
    assert found["standing"] == [first, second]
    assert found["ok"], found
