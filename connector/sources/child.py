"""Has files parsed by a confined process: the node's end of `worker.py`.

Rules: no file is parsed by who asks; the child gets a path, a layout and limits, an environment
without secrets and a folder of its own that is gone afterwards; every wait is bounded. Standard
library only.
"""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any, BinaryIO, Final, Protocol, cast

from connector.domain.catalog.layout import Layout
from connector.errors import DataFileMissing, WorkerFailed, from_code
from federated.child import start

MEMORY: Final = 2 << 30  # bytes
SECONDS: Final = 1800.0
_WORKER: Final = "connector.sources.worker"
_MOST_ANSWER: Final = 16 << 20  # bytes


Place = Path | Mapping[str, Any]  # a file or folder, or what is told of a connection (`places.py`)


def inspect(place: Place, *, memory: int = MEMORY, seconds: float = SECONDS) -> dict[str, Any]:
    """Return what is proposed for a file, a folder or a table (`inspection/inspect.py`).

    Args:
        place: of it.
        memory: most private memory in bytes.
        seconds: longest wait.

    Raises:
        DataFileMissing: it is not there.
        DataFileUnreadable: it cannot be read; the reason says what and where.
        ColumnMissing: files of a folder have other columns than the first.
        WorkerFailed: the process ended without an answer.
    """
    request = {"act": "inspect", **_told(place), "memory": memory}
    with running(request, subprocess.DEVNULL, seconds) as (_, end):
        return answered(end, memory, seconds)


class Rows:
    """Rows of a file on their way.

    Attributes:
        pipe: their bytes; they mean nothing before `end` has returned.
    """

    def __init__(self, pipe: BinaryIO, end: Callable[[], dict[str, Any]]) -> None:
        self.pipe = pipe
        self._end = end

    def end(self) -> dict[str, Any]:
        """Return what was counted, once the pipe was read to its end.

        Raises:
            DataFileMissing: the file is not there.
            DataFileUnreadable: it is not of that layout; the reason says what and where.
            ColumnMissing: it lacks a column.
            WorkerFailed: the process ended without an answer.
        """
        return self._end()


@contextmanager
def rows(
    place: Place,
    layout: Layout,
    *,
    form: str = "arrow",
    memory: int = MEMORY,
    seconds: float = SECONDS,
) -> Iterator[Rows]:
    """Have rows read by their layout; the process ends with the context.

    Args:
        place: where they are.
        layout: how it is read.
        form: `arrow` (IPC stream, for another process) or `parquet` (for a file).
        memory: most private memory in bytes.
        seconds: longest wait.

    Raises:
        DataFileMissing: it is not there.
        WorkerFailed: the process did not start.
    """
    stated = {"act": "read", **_told(place), "layout": layout.body(), "form": form}
    request = {**stated, "memory": memory}
    with running(request, subprocess.PIPE, seconds) as (pipe, end):
        yield Rows(cast("BinaryIO", pipe), lambda: answered(end, memory, seconds))


class Sink(Protocol):
    """Where bytes go."""

    def write(self, data: bytes, /) -> object:
        """Write bytes."""


def convert(place: Place, layout: Layout, out: Sink) -> dict[str, Any]:
    """Read rows by their layout, write them as Parquet, and return what was counted.

    Args:
        place: where they are.
        layout: how it is read.
        out: where the bytes go; they mean nothing when this raises.

    Raises:
        DataFault: as `Rows.end`.
        WorkerFailed: the process ended without an answer.
    """
    with rows(place, layout, form="parquet") as found:
        shutil.copyfileobj(found.pipe, out, 1 << 20)
        return found.end()


def fetch(told: Mapping[str, Any], most: int, out: Sink) -> dict[str, Any]:
    """Fetch a file of a connection, and return its size and mark (`remote/fetching.py`).

    Args:
        told: of the connection and the path beneath it.
        most: bytes that there is room for.
        out: where the bytes go; they mean nothing when this raises.

    Raises:
        DataFault: it is not there, or cannot be fetched whole.
        ConfigurationInvalid: the server refuses the secret.
        StoreUnavailable: there is no room for it.
        WorkerFailed: the process ended without an answer.
    """
    request = {"act": "fetch", **told, "most": most, "memory": MEMORY}
    with running(request, subprocess.PIPE, SECONDS) as (pipe, end):
        shutil.copyfileobj(cast("BinaryIO", pipe), out, 1 << 20)
        return answered(end, MEMORY, SECONDS)


def _told(place: Place) -> Mapping[str, Any]:
    return {"path": whole(place)} if isinstance(place, Path) else place


def whole(path: Path) -> str:
    """Return the path of a file or folder, links followed.

    Raises:
        DataFileMissing: it is not there.
    """
    try:
        return str(path.resolve(strict=True))
    except (OSError, ValueError):  # a NUL character in the path
        raise DataFileMissing(f"no file `{path.name}`") from None


@contextmanager
def running(
    request: dict[str, Any], stdout: int, seconds: float, module: str = _WORKER
) -> Iterator[tuple[IO[bytes] | None, socket.socket]]:
    """Run a worker and send it a request; yield its output, and the socket of its answer.

    Args:
        request: JSON values.
        stdout: as of `subprocess.Popen`.
        seconds: longest life.
        module: whose `main` answers, see `worker.serve`.

    Raises:
        WorkerFailed: the process did not start.
    """
    ours, theirs = socket.socketpair()
    with tempfile.TemporaryDirectory(prefix="preau-source-") as name, ours:
        folder = Path(name)
        with theirs:
            try:
                # Nothing is read of its errors: a traceback could hold a row.
                process = start(module, folder=folder, stdin=theirs.fileno(), stdout=stdout)
            except OSError as exc:
                raise WorkerFailed(f"the reader did not start: {exc.strerror}") from exc
        late = threading.Timer(seconds, process.kill)
        late.daemon = True
        late.start()
        try:
            _send(ours, request)
            yield process.stdout, ours
        finally:
            late.cancel()
            process.kill()
            if process.stdout is not None:
                process.stdout.close()
            process.wait()


def _send(end: socket.socket, request: dict[str, Any]) -> None:
    try:
        end.sendall(json.dumps(request).encode() + b"\n")
    except OSError as exc:
        raise WorkerFailed("the reader ended before it was asked") from exc


def answered(end: socket.socket, memory: int, seconds: float) -> dict[str, Any]:
    """Return what a worker answered.

    Args:
        end: the socket that `running` yields.
        memory: what it may use, in bytes.
        seconds: how long it may live.

    Raises:
        WorkerFailed: the process ended without an answer.
        PreauError: what it answered.
    """
    line = b""
    with suppress(OSError), end.makefile("rb") as lines:
        line = lines.readline(_MOST_ANSWER)
    if not line.endswith(b"\n"):
        raise WorkerFailed(
            "the reader ended without an answer",
            hint=f"the file may need more than {memory >> 20} MiB or {seconds:.0f} s",
        )
    answer: dict[str, Any] = json.loads(line)
    if "code" in answer:
        raise from_code(answer["code"], answer["reason"])
    return answer
