"""What the node and the process that serves Flight say to each other, over a pair of sockets.

Rules: one JSON object is one packet (SOCK_SEQPACKET), so that nothing is read in part; the file of
a stream comes as an open descriptor with its key, so that the process needs no path and no other
key; what is no message of these ends the process.
"""

from __future__ import annotations

import json
import os
import select
import socket
from typing import Any, Final

MOST: Final = 64 * 1024  # bytes of a message


def pair() -> tuple[socket.socket, socket.socket]:
    """Return both ends."""
    return socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)


def ready(descriptor: int, seconds: float) -> bool:
    """Wait until there is something to read; return whether there is."""
    poll = select.poll()  # a node has more files open than `select` knows
    poll.register(descriptor, select.POLLIN)
    return bool(poll.poll(seconds * 1000))


def send(end: socket.socket, message: dict[str, Any], descriptor: int | None = None) -> None:
    """Send a message, with a descriptor that the other side gets a copy of.

    Raises:
        OSError: nobody is there any more.
    """
    socket.send_fds(end, [json.dumps(message).encode()], [] if descriptor is None else [descriptor])


def receive(end: socket.socket) -> tuple[dict[str, Any], int | None] | None:
    """Return the next message and what came with it; None when the other side is gone.

    Raises:
        ValueError: it is no JSON object.
        OSError: nothing came in the socket's time, or it broke.
    """
    data, descriptors, _, _ = socket.recv_fds(end, MOST, 1)
    if not data:
        return None
    message = json.loads(data)
    if not isinstance(message, dict):
        for each in descriptors:
            os.close(each)
        raise ValueError("no message")  # noqa: TRY004 - as of `json.loads`
    return message, descriptors[0] if descriptors else None
