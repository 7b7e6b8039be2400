"""Whatever is asked of a node, by its operator or by a peer: an answer in time, and no fault of it.

`make soak` asks more.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import pytest

from tests.support import faces_fuzz
from tests.support.dsp_nodes import Speaking, speaking

EXAMPLES, EACH = 1, 10  # of an operation and kind, and of a message


@pytest.fixture(scope="module")
def nodes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Speaking]]:
    with speaking(tmp_path_factory.mktemp("fuzz"), "school", "lab", **faces_fuzz.PLAIN) as found:
        found[0].publish(tmp_path_factory.mktemp("data"), "schools")
        yield found


def test_the_management_api(nodes: list[Speaking]) -> None:
    found = faces_fuzz.management(nodes, EXAMPLES, 0)
    assert found.faults == []
    kinds = Counter[int]()
    for status, count in found.seen.items():
        kinds[status // 100] += count
    assert kinds[2] > 20
    assert kinds[4] > 50
    assert len(found.asked) > 80


def test_the_https_binding(nodes: list[Speaking]) -> None:
    found = faces_fuzz.https(nodes, EACH, 1)
    assert found.faults == []
    assert set(found.seen) >= {400, 404}


def test_the_grpc_binding(nodes: list[Speaking]) -> None:
    found = faces_fuzz.grpc(nodes, EACH, 1)
    assert found.faults == []
    assert len(found.seen) > 3
