"""Whether members are answered while one address floods a node's gRPC port.

A node process. Another process (`flood.py`), all of it from one address, holds 500 idle sockets,
opens each again that is closed, and opens 200 new connections a second, of which every second one
says a TLS hello. Meanwhile a member calls from another address: on a connection that it has, and on
a new connection each time.
"""

from __future__ import annotations

import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

from row import Plan, Row, at_least, command
from space import Node, space

from connector import config
from connector.bootstrap.keys.own import Identity
from connector.bootstrap.system import SystemClock, UuidIdentifiers
from connector.domain.participant import Participant
from connector.errors import PreauError
from connector.peer.client import GrpcWire
from connector.peer.credentials import Leaves
from connector.store import SqlStore

PART = "connections"
BAR = 99.0  # per cent of calls answered
IDLE, A_SECOND = 500, 200
ORIGIN = "127.0.0.66"
FLOOD = Path(__file__).parent / "flood.py"
CALL = "ConsistencyRequestMessage"


def measure(folder: Path, plan: Plan) -> list[Row]:
    """Measure calls of members of one node under a flood."""
    with space(folder) as made:
        node, member = made.node("Academie"), made.node("Voisin")
        with member.client() as client:
            client.meet(node.did)
        member.stop()
        wire, peer = _member(member, node)
        port = peer.grpc_endpoint.rpartition(":")[2]
        flood = subprocess.Popen(
            [sys.executable, str(FLOOD), port, ORIGIN, str(IDLE), str(A_SECOND)],
            stdout=subprocess.PIPE,
            text=True,
        )
        try:
            if flood.stdout is None or flood.stdout.readline() != "idle\n":
                raise RuntimeError("the flood did not begin")
            old, new = _called(wire, peer, plan.times(20, 5))
        finally:
            flood.terminate()
            tried = int(flood.communicate(timeout=30)[0].split()[-1])
    note = f"{len(old)} calls; {IDLE} idle sockets, {tried} new connections meanwhile"
    slowest = f"{note}; slowest answer {max(old + new):.2f} s"
    return [
        at_least("calls of members answered under a flood", _share(old), BAR, "%", PART, slowest),
        at_least(
            "calls of members on new connections answered under a flood",
            _share(new), BAR, "%", PART, note,
        ),
        Row("new connections of one address meanwhile", tried, f"{A_SECOND} a second",
            "connections", command(PART)),
    ]  # fmt: skip


def _member(member: Node, node: Node) -> tuple[GrpcWire, Participant]:
    """Return what calls as a member whose process is stopped, and whom it calls."""
    settings = config.load(member.home)
    identity, clock = Identity(settings), SystemClock()
    leaves = Leaves(identity.tls_authority, settings.did, clock, settings.leaf_seconds)
    store = SqlStore(settings.database_url, clock)
    with store.read() as tx:
        peer = tx.participants.get(node.did)
    store.close()
    if peer is None:
        raise RuntimeError("the two did not meet")
    return GrpcWire(settings, clock, UuidIdentifiers(), identity.signer, leaves), peer


def _called(wire: GrpcWire, peer: Participant, seconds: float) -> tuple[list[float], list[float]]:
    """Return how long calls took, infinity where none was answered: on an old link, on new ones."""
    old, new = [], []
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        old.append(_ask(wire, peer))
        fresh = _fresh(wire)
        new.append(_ask(fresh, peer))
        fresh.close()
        time.sleep(0.02)
    return old, new


def _fresh(wire: GrpcWire) -> GrpcWire:
    return GrpcWire(wire._settings, wire._clock, wire._ids, wire._signer, wire._leaves)  # noqa: SLF001 - the same member, without its connection


def _ask(wire: GrpcWire, peer: Participant) -> float:
    began = datetime.now(UTC)
    try:
        wire.call(peer, CALL, {"from_size": 1, "to_size": 2})
    except PreauError as exc:
        print(exc.code, exc.reason, file=sys.stderr)
        return float("inf")
    return (datetime.now(UTC) - began).total_seconds()


def _share(seconds: list[float]) -> float:
    return 100 * sum(each < float("inf") for each in seconds) / len(seconds)
