"""How long a contract takes, and how many a node concludes in a second.

Two node processes on this host, each with its own database; the authority is stopped. A
negotiation counts from the consumer's record of its request to its record of FINALIZED, by the
consumer's clock to the microsecond; the commit of that record ends just after.
"""

from __future__ import annotations

import statistics
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from queue import Empty, Queue
from typing import Any

import contracts
import pupils
import sqlalchemy
from bare_loop import COMMITS, SIGNATURES, VERIFICATIONS, bare_loop
from row import Plan, Row, at_least, at_most, beside, percentile
from space import Node, Space, cpu_seconds, space

from connector import config
from connector.bootstrap.system import SystemClock
from connector.sdk import Client
from connector.store import SqlStore
from tests.support.database import PostgresServer

PART = "negotiation"
WARM_UP = 8
AT_ONCE = 8
EACH = 10
WAIT_SECONDS = 30.0
LOOK_SECONDS = 0.02
DATASET = "urn:star:sud"
# Small enough that hundreds of contracts fit the cap.
EPSILON, CAP = 0.01, {"epsilon": 100.0, "delta": 0.1}
BAR_MS = 45.0
BAR_RATES = {"SQLite": 35.0, "PostgreSQL": 25.0}  # negotiations a second


@dataclass
class Pair:
    """Provider and consumer.

    Attributes:
        provider: publishes.
        consumer: asks.
        client: of the consumer.
        ends: of the consumer's negotiations.
        https: whether they speak the Dataspace Protocol over HTTPS.
    """

    provider: Node
    consumer: Node
    client: Client
    ends: Ends
    https: bool = False

    def open(self, client: Client | None = None) -> str:
        """Ask for a contract and return the negotiation."""
        asking = client or self.client
        return asking.negotiate(self.provider.did, DATASET, https=self.https).pid

    @contextmanager
    def store_of(self, node: Node) -> Iterator[SqlStore]:
        """Open a node's database beside it."""
        store = SqlStore(config.load(node.home).database_url, SystemClock())
        try:
            yield store
        finally:
            store.close()

    def provider_store(self) -> AbstractContextManager[SqlStore]:
        """Open the provider's database beside its node."""
        return self.store_of(self.provider)

    def wait(self, pid: str) -> None:
        """Wait for the end of a negotiation.

        Raises:
            RuntimeError: it was not concluded in time.
        """
        if self.ends.wait(pid) != "FINALIZED":
            record = self.client.negotiation(pid)
            why = f"{record.state} {record.code} {'; '.join(record.reasons)}"
            raise RuntimeError(f"the negotiation {pid} was not concluded: {why}")


class Ends:
    """Looks in a node's database for the ends of all negotiations that are waited for.

    One thread asks for all of them, in one statement without a transaction: a look of each that
    waits would take a quarter of the machine that is measured.
    """

    def __init__(self, url: str) -> None:
        self._engine = sqlalchemy.create_engine(url, isolation_level="AUTOCOMMIT")
        self._waiting: dict[str, Queue[str]] = {}
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()

    def wait(self, pid: str) -> str:
        """Return the state in which a negotiation ended; nothing where it did not in time."""
        found = self._waiting.setdefault(pid, Queue())
        try:
            return found.get(timeout=WAIT_SECONDS)
        except Empty:
            return ""
        finally:
            del self._waiting[pid]

    def stop(self) -> None:
        """Look no more."""
        self._over.set()
        self._thread.join()
        self._engine.dispose()

    def _look(self) -> None:
        query = sqlalchemy.text("SELECT pid, state FROM negotiation WHERE pid IN :pids")
        pids = sqlalchemy.bindparam("pids", type_=sqlalchemy.String(), expanding=True)
        query = query.bindparams(pids)
        with self._engine.connect() as connection:
            while not self._over.wait(LOOK_SECONDS):
                waiting = dict(self._waiting)
                for pid, state in connection.execute(query, {"pids": list(waiting)}):
                    if state in ("FINALIZED", "TERMINATED"):
                        waiting[pid].put(state)


def measure(folder: Path, plan: Plan) -> list[Row]:
    """Measure on SQLite, then on PostgreSQL."""
    with pair_of(folder / "sqlite") as pair:
        rows = _rows(pair, "SQLite", f"sqlite:///{folder / 'loop'}", plan)
    server = PostgresServer()
    try:
        urls = [server.create(migrated=False) for _ in range(2)]
        with pair_of(folder / "pg", *urls) as pair:
            rows += _rows(pair, "PostgreSQL", server.create(migrated=False), plan)
    finally:
        server.stop()
    return rows


def _rows(pair: Pair, database: str, loop: str, plan: Plan) -> list[Row]:
    for _ in range(WARM_UP):
        pair.wait(pair.open())
    alone = spans(pair, plan.times(60, 15))
    rate, cpu = at_once(pair, AT_ONCE, plan.times(EACH, 3))
    floor = [seconds * 1e3 for seconds in bare_loop(loop, plan.times(60, 15))]
    walls = [span * 1e3 for span in alone.values()]
    times = f"{len(walls)} one after another; p95 {percentile(walls, 0.95):.1f}"
    peer = "bare loop in one process"
    title = f"negotiation, request to FINALIZED, {database}"
    note = (
        f"{SIGNATURES} signatures, {VERIFICATIONS} verifications and {COMMITS} commits, without "
        "network, policy or queue"
    )
    return [
        at_most(f"{title}, p50", statistics.median(walls), BAR_MS, "ms", PART, times),
        beside(f"{title}, p95", percentile(walls, 0.95), peer, percentile(floor, 0.95), "ms", PART),
        at_least(
            f"negotiations, {AT_ONCE} at once, {database}",
            rate,
            BAR_RATES[database],
            "1/s",
            PART,
            f"CPU of both nodes {cpu * 1e3:.0f} ms each; {peer}, one at a time: "
            f"{1e3 / statistics.mean(floor):.1f} a second ({note})",
        ),
    ]


def spans(pair: Pair, count: int) -> dict[str, float]:
    """Return negotiation -> seconds from request to FINALIZED, by the consumer's record."""
    pids = []
    for _ in range(count):
        pids.append(pair.open())
        pair.wait(pids[-1])
    return {pid: _span(pair.client, pid) for pid in pids}


def _span(client: Client, pid: str) -> float:
    record = client.negotiation(pid)
    return (record.updated_at - record.created_at).total_seconds()


def at_once(pair: Pair, many: int, each: int) -> tuple[float, float]:
    """Return negotiations per second, and the seconds of CPU that both nodes took for each.

    So many threads conclude them, each one after another.
    """
    nodes, pids = (pair.provider, pair.consumer), list[str]()

    def work() -> None:
        with pair.consumer.client() as client:
            for _ in range(each):
                pid = pair.open(client)
                pair.wait(pid)
                pids.append(pid)

    threads = [threading.Thread(target=work) for _ in range(many)]
    used = cpu_seconds(nodes)
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    used = cpu_seconds(nodes) - used  # without the look at the records, which is below
    if len(pids) != many * each:
        raise RuntimeError(f"{len(pids)} of {many * each} negotiations were concluded")
    records = [pair.client.negotiation(pid) for pid in pids]
    begun = min(record.created_at for record in records)
    ended = max(record.updated_at for record in records)
    return len(pids) / (ended - begun).total_seconds(), used / len(pids)


@contextmanager
def pair_of(
    folder: Path,
    *urls: str,
    cap: dict[str, float] = CAP,
    delta: str = "",
    accounting: dict[str, str] | None = None,
    described: Callable[[Path], dict[str, Any]] | None = None,
    dsp_path: str = "",
    both: bool = False,
) -> Iterator[Pair]:
    """Make provider and consumer, introduce them, and stop the authority.

    The dataset is the demonstration's, unless another is `described` in a folder; `both` publish
    it where that is said, the consumer as its own.

    With a `dsp_path` both speak the Dataspace Protocol, hold their memberships as credentials, and
    the authority goes on: whoever verifies a credential fetches its list.
    """
    with space(folder) as made:
        names = ("Provider", "Consumer")
        if urls:
            nodes = [made.node(n, database=url) for n, url in zip(names, urls, strict=True)]
        else:
            nodes = [made.node(name) for name in names]
        provider, consumer = nodes
        if described is not None:
            with provider.client() as client:
                client.publish(described(folder))
        else:
            stated = {"cap": cap} | ({"accounting": accounting} if accounting else {})
            for publisher in nodes if both else [provider]:
                _publish(publisher, made, folder, stated, delta)
        with consumer.client() as client:
            client.meet(provider.did)
            if dsp_path:
                _speak(dsp_path, provider, consumer)
            else:
                made.authority.stop()
            ends = Ends(config.load(consumer.home).database_url)
            try:
                yield Pair(provider, consumer, client, ends, https=bool(dsp_path))
            finally:
                ends.stop()


def _speak(dsp_path: str, *nodes: Node) -> None:
    """Let nodes speak the Dataspace Protocol; return once each holds its credential of DCP."""
    for node in nodes:
        node.stop()
        settings = node.home / config.FILE_NAME
        text = settings.read_text(encoding="utf-8")
        settings.write_text(text.replace('dsp_path = ""', f'dsp_path = "{dsp_path}"'))
        node.start()
    for node in nodes:
        store = SqlStore(config.load(node.home).database_url, SystemClock())
        until = time.monotonic() + WAIT_SECONDS
        held = False
        while not held:
            with store.read() as tx:
                held = bool(tx.held_credentials.find())
            if time.monotonic() > until:
                raise RuntimeError(f"{node.name} was given no credential")
            time.sleep(LOOK_SECONDS)
        store.close()


def _publish(provider: Node, made: Space, folder: Path, stated: dict[str, Any], delta: str) -> None:
    division = pupils.divide(pupils.load())
    file = folder / "star.csv"
    pupils.write(division.parts["sud"], file)
    until = datetime.now(UTC) + timedelta(days=1)
    offer = contracts.offer("sud", made.authority.did, until, epsilon=EPSILON)
    for constraint in offer["permission"][0]["constraint"]:
        if delta and constraint["leftOperand"].endswith("#delta"):
            constraint["rightOperand"]["@value"] = delta
    described = contracts.dataset("sud", file, division.population("sud"), [offer])
    with provider.client() as client:
        client.publish({**described, **stated})
