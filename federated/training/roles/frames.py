"""Frames between a node and its worker, over a pair of connected sockets.

A frame is a 4-byte big-endian length, a JSON object of that length (UTF-8), an 8-byte big-endian
length and a payload of that length. Rules: both lengths are bounded before anything is read; every
wait has an end; a broken frame ends the connection. Standard library only. What the headers mean
is left to `worker.py` and to the node.
"""

from __future__ import annotations

import contextlib
import json
import socket
import struct
import threading
import time
from collections.abc import Mapping
from typing import Any, Final

from federated.errors import WorkerFailed

MAX_HEADER: Final = 16 * 1024 * 1024
MAX_PAYLOAD: Final = 512 * 1024 * 1024
_CHUNK: Final = 1 << 20
_HEADER: Final = struct.Struct(">I")
_PAYLOAD: Final = struct.Struct(">Q")


class Frames:
    """One end of the connection. One thread may send while another receives; any may close."""

    def __init__(self, end: socket.socket) -> None:
        self._socket = end
        self._sending = threading.Lock()
        self._receiving = threading.Lock()
        self._unread: list[tuple[dict[str, Any], bytes]] = []

    def send(
        self, header: Mapping[str, Any], payload: bytes = b"", *, seconds: float = 60.0
    ) -> None:
        """Send one frame.

        Raises:
            WorkerFailed: the other end is gone, did not read within `seconds`, or the frame is
                too large.
        """
        text = json.dumps(header, allow_nan=False, separators=(",", ":")).encode()
        if len(text) > MAX_HEADER or len(payload) > MAX_PAYLOAD:
            raise WorkerFailed("a frame is larger than a worker may be sent")
        frame = (_HEADER.pack(len(text)), text, _PAYLOAD.pack(len(payload)), payload)
        with self._sending:
            try:
                self._socket.settimeout(seconds)
                self._socket.sendall(b"".join(frame))
            except TimeoutError as exc:
                raise WorkerFailed("the worker does not read what it is sent") from exc
            except OSError as exc:
                raise WorkerFailed("the worker has ended") from exc

    def receive(self, seconds: float | None) -> tuple[dict[str, Any], bytes]:
        """Return the next frame.

        Args:
            seconds: longest wait for the whole frame; None for as long as the other end lives.

        Raises:
            WorkerFailed: the other end is gone, silent, or sent something else than a frame.
        """
        end = None if seconds is None else time.monotonic() + seconds
        with self._receiving:
            if self._unread:
                return self._unread.pop()
            header = self._part(_HEADER, MAX_HEADER, end)
            payload = self._part(_PAYLOAD, MAX_PAYLOAD, end)
        try:
            value = json.loads(header)
        except (ValueError, RecursionError) as exc:
            raise WorkerFailed("a frame's header is not JSON") from exc
        if not isinstance(value, dict):
            raise WorkerFailed("a frame's header is not an object")
        return value, payload

    def put_back(self, header: dict[str, Any], payload: bytes) -> None:
        """Let the next `receive` return this frame again."""
        with self._receiving:
            self._unread.append((header, payload))

    def close(self) -> None:
        """End the connection; a thread that waits in `receive` gets `WorkerFailed`.

        The descriptor is closed only when no thread uses it, so that its number is not reused
        under a reader.
        """
        with contextlib.suppress(OSError):  # the other end closed first
            self._socket.shutdown(socket.SHUT_RDWR)
        with self._sending, self._receiving:
            self._socket.close()

    def _part(self, length: struct.Struct, most: int, end: float | None) -> bytes:
        (size,) = length.unpack(self._read(length.size, end))
        if size > most:
            raise WorkerFailed("a frame is larger than it may be")
        return self._read(size, end)

    def _read(self, size: int, end: float | None) -> bytes:
        data = bytearray()
        while len(data) < size:
            piece = self._piece(min(size - len(data), _CHUNK), end)
            if not piece:
                raise WorkerFailed("the worker has ended")
            data += piece
        return bytes(data)

    def _piece(self, size: int, end: float | None) -> bytes:
        left = None if end is None else max(end - time.monotonic(), 1e-3)
        try:
            self._socket.settimeout(left)
            return self._socket.recv(size)
        except TimeoutError as exc:
            raise WorkerFailed("the worker was silent too long") from exc
        except OSError as exc:
            raise WorkerFailed("the worker has ended") from exc
