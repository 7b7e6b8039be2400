"""Whatever is asked of a node, by its operator or by a peer: an answer in time, and no fault of it.

`make soak` asks more.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from connector.services.negotiation import consumer_side
from tests.support.binding_fuzz import over_grpc, over_https, reached
from tests.support.dsp_nodes import Speaking, speaking
from tests.support.live_space import wait_until

EXAMPLES, EACH = 1, 10  # of an operation and kind, and of a message
PLAIN = {"dsp_requests_per_minute": 100_000}


@pytest.fixture(scope="module")
def nodes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Speaking]]:
    with speaking(tmp_path_factory.mktemp("fuzz"), "school", "lab", **PLAIN) as found:
        found[0].publish(tmp_path_factory.mktemp("data"), "schools")
        yield found


def test_the_management_api(nodes: list[Speaking]) -> None:
    from tests.support.management_fuzz import fuzz  # noqa: PLC0415 - no other test loads its library

    school, _ = nodes
    token = Path(school.ports.settings.home, "run", "management.token").read_text()
    known = ("urn:dataset:schools", "urn:offer:schools", school.did)
    seen = fuzz(school.node.ready()["management"], token, known, examples=EXAMPLES)
    assert [each for each in seen if each.fault] == []
    kinds = Counter(each.status // 100 for each in seen)
    assert kinds[2] > 20
    assert kinds[4] > 50
    assert len({each.operation for each in seen}) > 80


def test_the_https_binding(nodes: list[Speaking]) -> None:
    school, lab = nodes
    opened = consumer_side.request(lab.ports, school.did, "urn:dataset:schools", https=True)
    assert wait_until(lambda: lab.negotiation(opened.pid).peer_pid)
    pids = {"negotiations": lab.negotiation(opened.pid).peer_pid, "transfers": "urn:uuid:1"}
    seen = list(over_https(school, lab.did, pids, EACH, Random(1)))  # noqa: S311 - a test's choice
    assert [each for each in seen if each[2]] == []
    assert {status for _, status, _ in seen} >= {400, 404}


def test_the_grpc_binding(nodes: list[Speaking]) -> None:
    school, lab = nodes
    with lab.ports.store.read() as tx:
        known = tx.participants.get(school.did)
    assert known is not None
    peer = reached(known, school.ports)
    seen = list(over_grpc(lab.ports, peer, EACH, Random(1)))  # noqa: S311 - a test's choice
    away = {kind for kind, code in seen if code == "PEER_UNREACHABLE"}
    assert away <= {"ReferralMessage"}  # which may name somebody who is not to be had
    codes = {code for _, code in seen}
    assert not {"INTERNAL", "PEER_FAULT"} & codes
    assert len(codes) > 3
