"""The process that serves extracts over Arrow Flight: `python -m …dataplane.flight.server`.

Standard input is a socket to the node (`messages.py`). Rules: files, calls and rights are given up
before Flight is loaded; what is served comes as an open file with its key, for one stream; the
process ends when its node does. INVARIANT: the node says before the first byte, and twice a second,
which streams stand; no byte leaves `STANDS_SECONDS` after it last said so.
"""

from __future__ import annotations

import io
import itertools
import os
import queue
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from cryptography.exceptions import InvalidTag

from connector.dataplane.flight import messages, ticket
from connector.dataplane.flight.ticket import Asked
from connector.errors import (
    ExtractUnavailable,
    Malformed,
    PeerUnreachable,
    PreauError,
    Untrusted,
    from_code,
)
from connector.store.files import sealed
from federated.confinement.confine import confine, tier_of_rights
from federated.confinement.landlock import seal
from federated.confinement.seccomp import close_calls

BATCH: Final = 1 << 20  # bytes of the file in one record batch
STANDS_SECONDS: Final = 0.9
SILENT_SECONDS: Final = 10.0  # a node that says nothing for so long ends its streams
ANSWER_SECONDS: Final = 10.0
COLUMN: Final = "data"
_PACKAGE: Final = Path(__file__).parents[2]


class Stream:
    """One stream, as the node lets it flow."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.answers: queue.SimpleQueue[tuple[dict[str, Any], int | None]] = queue.SimpleQueue()
        self.position = 0
        self._changed = threading.Condition()
        self._heard = time.monotonic()
        self._refusal: PreauError | None = None

    def stands(self, refusal: PreauError | None) -> None:
        """Note what the node said of it."""
        with self._changed:
            self._heard = time.monotonic()
            self._refusal = self._refusal or refusal
            self._changed.notify_all()

    def check(self) -> None:
        """Wait until the node has said of late that the stream stands.

        Raises:
            PeerUnreachable: it says nothing any more.
            PreauError: it said that it does not.
        """
        with self._changed:
            while self._refusal is None:
                since = time.monotonic() - self._heard
                if since < STANDS_SECONDS:
                    return
                if since > SILENT_SECONDS:
                    raise PeerUnreachable("the node does not answer the process that serves Flight")
                self._changed.wait(SILENT_SECONDS - since + STANDS_SECONDS)
            raise self._refusal


class ToNode:
    """The socket to the node; thread-safe."""

    def __init__(self, end: socket.socket) -> None:
        self._end = end
        self._numbers = itertools.count(1)
        self._streams: dict[int, Stream] = {}

    def listen(self) -> None:
        """Hear what the node says until it is gone, and end this process then."""
        while True:
            try:
                heard = messages.receive(self._end)
            except (OSError, ValueError):
                heard = None
            if heard is None:
                os._exit(0)
            message, descriptor = heard
            for number in message.get("stand", ()):
                if stream := self._streams.get(number):
                    stream.stands(None)
            stream = self._streams.get(message.get("stream", 0))
            if stream is not None and "code" in message and descriptor is None:
                stream.stands(from_code(message["code"], message["reason"]))
            if stream is not None:
                stream.answers.put((message, descriptor))
            elif descriptor is not None:  # it was not waited for
                os.close(descriptor)

    def ask(self, asked: Asked, port: int) -> tuple[Stream, dict[str, Any], int]:
        """Ask whether a stream may begin; return it, what is to be served, and the open file.

        Raises:
            PreauError: it may not.
            PeerUnreachable: the node does not answer.
        """
        stream = Stream(next(self._numbers))
        self._streams[stream.number] = stream
        try:
            told = {"token": asked.token, "offset": asked.offset, "rows": asked.rows}
            messages.send(self._end, {"ask": stream.number, "port": port, **told})
            answer, descriptor = stream.answers.get(timeout=ANSWER_SECONDS)
        except (OSError, queue.Empty) as exc:
            self.over(stream)
            raise PeerUnreachable("the node does not answer the process that serves it") from exc
        if descriptor is None:
            del self._streams[stream.number]
            raise from_code(answer["code"], answer["reason"])
        return stream, answer, descriptor

    def over(self, stream: Stream) -> None:
        """Say that a stream has ended, and where."""
        self._streams.pop(stream.number, None)
        try:
            messages.send(self._end, {"over": stream.number, "position": stream.position})
        except OSError:  # the node is gone, and this process is about to be
            return


class Opened(io.RawIOBase):
    """The plain text of a sealed file from a position on; with it ends its stream."""

    def __init__(
        self, node: ToNode, stream: Stream, descriptor: int, key: bytes, size: int
    ) -> None:
        super().__init__()
        self._node = node
        self._stream = stream
        self._descriptor = descriptor
        self._key = key
        self._size = size

    def close(self) -> None:
        """Give the file back; also where a client goes, and nobody holds this any more."""
        if not self.closed:
            super().close()
            os.close(self._descriptor)
            self._node.over(self._stream)

    def readable(self) -> bool:
        """Return that it is."""
        return True

    def read(self, size: int = -1, /) -> memoryview:
        """Return the next bytes, once it is known that they may leave.

        Raises:
            ExtractUnavailable: the file is not as it was made.
            PreauError: they may not.
        """
        self._stream.check()
        at = self._stream.position
        wanted = self._size - at if size < 0 else min(size, self._size - at)
        try:
            data = sealed.read(self._descriptor, self._key, self._size, at, wanted)
        except (InvalidTag, OSError) as exc:
            raise ExtractUnavailable(
                "the file of the extract was changed since it was made"
            ) from exc
        if len(data) != wanted:
            raise ExtractUnavailable("the file of the extract was changed since it was made")
        self._stream.position = at + wanted
        return data

    def chunks(self) -> Iterator[memoryview]:
        """Yield the rest of the file, the first chunk up to a multiple of `BATCH`."""
        while self._stream.position < self._size:
            yield self.read(BATCH - self._stream.position % BATCH)


def main() -> None:
    """Serve until the node is gone."""
    end = socket.socket(fileno=0)
    heard = messages.receive(end)
    if heard is None:
        return
    told, _ = heard
    confine(told["memory"], network=True)
    seal(Path.cwd(), [_PACKAGE], network=True)
    tier_of_rights(Path.cwd())
    close_calls(serving=True)
    node = ToNode(end)
    # Only now, confined: Flight is loaded, and threads begin.
    server = _serving(node, told["certificate"].encode(), told["key"].encode())
    told.clear()
    messages.send(end, {"listening": server.port})
    node.listen()


def _serving(node: ToNode, certificate: bytes, key: bytes) -> Any:
    import pyarrow as pa  # noqa: PLC0415 - see `main`
    from pyarrow import flight, ipc  # noqa: PLC0415 - same

    binary = pa.binary()
    schema = pa.schema([(COLUMN, binary)])
    empty = (0).to_bytes(4, "little")

    def failure(exc: PreauError) -> flight.FlightError:
        kind = (
            flight.FlightUnauthenticatedError
            if isinstance(exc, Untrusted)
            else flight.FlightUnauthorizedError
        )
        return kind(f"{exc.code}: {exc.reason}", exc.code.encode())

    def batch(data: memoryview) -> pa.RecordBatch:
        ends = pa.py_buffer(empty + len(data).to_bytes(4, "little"))
        column = pa.Array.from_buffers(binary, 1, [None, ends, pa.py_buffer(data)])
        return pa.RecordBatch.from_arrays([column], schema=schema)

    def flowing(file: Opened, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        try:
            yield from batches
        except PreauError as exc:
            raise failure(exc) from None
        finally:  # a failure holds what it came through, and with it the file
            file.close()

    class Server(flight.FlightServerBase):  # type: ignore[misc] # pyarrow has no types
        """Serves what the node lets flow."""

        def do_get(
            self, context: flight.ServerCallContext, asked: flight.Ticket
        ) -> flight.FlightDataStream:
            """Serve one stream."""
            try:
                wanted = ticket.read(asked.ticket)
                stream, answer, descriptor = node.ask(wanted, _port(context.peer()))
            except PreauError as exc:
                raise failure(exc) from None
            stream.position = wanted.offset
            key = bytes.fromhex(answer["key"])
            file = Opened(node, stream, descriptor, key, answer["bytes"])
            try:
                if not wanted.rows:
                    found = schema, (batch(chunk) for chunk in file.chunks())
                else:
                    options = ipc.IpcReadOptions(use_threads=False)  # the streams share the cores
                    reader = ipc.open_stream(pa.PythonFile(file, mode="r"), options=options)
                    found = reader.schema, iter(reader)
            except PreauError as exc:
                raise failure(exc) from None
            return flight.GeneratorStream(found[0], flowing(file, found[1]))

    return Server("grpc+tls://127.0.0.1:0", tls_certificates=[(certificate, key)])


def _port(peer: str) -> int:
    """Return the port of loopback from which a connection comes, as gRPC spells its peer."""
    port = peer.rpartition(":")[2]
    if not port.isdecimal():
        raise Malformed("the connection has no port")
    return int(port)


if __name__ == "__main__":
    main()
