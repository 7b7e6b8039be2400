"""Whatever is asked of a node, by its operator or by a peer: what is wrong with its answers.

Each returns what was asked how often, and the faults: none where every answer came in time and no
fault of the node was in it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

from connector.services.negotiation import consumer_side
from tests.support.binding_fuzz import over_grpc, over_https, reached
from tests.support.dsp_nodes import Speaking
from tests.support.live_space import wait_until

PLAIN = {"dsp_requests_per_minute": 10_000_000}
DATASET = "urn:dataset:schools"
AWAY = ("PEER_UNREACHABLE", frozenset({"ReferralMessage"}))  # may name who is not to be had


@dataclass
class Answers:
    """What was seen of a face.

    Attributes:
        seen: status or code -> how often.
        asked: what was asked.
        faults: what is wrong.
    """

    seen: Counter[Any] = field(default_factory=Counter)
    asked: set[str] = field(default_factory=set)
    faults: list[Any] = field(default_factory=list)

    def note(self, what: str, said: Any, fault: object) -> None:
        self.seen[said] += 1
        self.asked.add(what)
        if fault:
            self.faults.append((what, said, fault))


def management(nodes: Sequence[Speaking], examples: int, by: int) -> Answers:
    """Ask the management API of the first node, so often of an operation and kind."""
    from tests.support.management_fuzz import fuzz  # noqa: PLC0415 - half a second

    school, found = nodes[0], Answers()
    token = Path(school.ports.settings.home, "run", "management.token").read_text()
    known = (DATASET, "urn:offer:schools", school.did)
    for each in fuzz(school.node.ready()["management"], token, known, examples=examples, by=by):
        found.note(each.operation, each.status, each.fault)
    return found


def https(nodes: Sequence[Speaking], count: int, by: int) -> Answers:
    """Send so many spoiled messages of each type to the first node, over HTTPS."""
    (school, lab), found = nodes, Answers()
    opened = consumer_side.request(lab.ports, school.did, DATASET, https=True)
    assert wait_until(lambda: lab.negotiation(opened.pid).peer_pid)
    pids = {"negotiations": lab.negotiation(opened.pid).peer_pid, "transfers": "urn:uuid:1"}
    for each in over_https(school, lab.did, pids, count, Random(by)):  # noqa: S311 - a test's
        found.note(*each)
    return found


def grpc(nodes: Sequence[Speaking], count: int, by: int) -> Answers:
    """Send so many odd messages of each kind to the first node, over gRPC."""
    (school, lab), found = nodes, Answers()
    with lab.ports.store.read() as tx:
        known = tx.participants.get(school.did)
    assert known is not None
    peer, (away, may) = reached(known, school.ports), AWAY
    for kind, code in over_grpc(lab.ports, peer, count, Random(by)):  # noqa: S311 - a test's
        failed = code in ("INTERNAL", "PEER_FAULT") or (code == away and kind not in may)
        found.note(kind, code, "failed" if failed else "")
    return found
