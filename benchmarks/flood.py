"""Flood a port: `python flood.py PORT SOURCE IDLE A_SECOND`; until it is terminated.

Holds idle sockets, opens each again that the node closed, and opens new connections, of which every
second one says a TLS hello. Prints a line once the idle ones are there, and at the end how many new
connections it tried.
"""

from __future__ import annotations

import signal
import socket
import ssl
import sys
import time
from collections import deque
from contextlib import suppress


def main() -> None:
    """Flood until terminated."""
    port, source, idle, rate = int(sys.argv[1]), sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
    ended: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, _: ended.append(number))
    held = [_opened(port, source) for _ in range(idle)]
    print("idle", flush=True)
    hello, tried, began = _hello(), 0, time.monotonic()
    recent: deque[socket.socket] = deque()
    while not ended:
        while tried < (time.monotonic() - began) * rate and not ended:
            new = _opened(port, source)
            tried += 1
            with suppress(OSError):
                if tried % 2:
                    new.sendall(hello)
            recent.append(new)
            if len(recent) > rate:
                recent.popleft().close()
            spot = tried % idle
            if _closed(held[spot]):
                held[spot].close()
                held[spot] = _opened(port, source)
        time.sleep(0.002)
    print(tried, flush=True)


def _opened(port: int, source: str) -> socket.socket:
    new = socket.socket()
    with suppress(OSError):
        new.bind((source, 0))
        new.connect(("127.0.0.1", port))
    new.setblocking(False)  # noqa: FBT003 - the socket's own signature
    return new


def _closed(held: socket.socket) -> bool:
    try:
        return held.recv(1) == b""
    except BlockingIOError:
        return False
    except OSError:
        return True


def _hello() -> bytes:
    outgoing = ssl.MemoryBIO()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    half = context.wrap_bio(ssl.MemoryBIO(), outgoing, server_hostname="localhost")
    with suppress(ssl.SSLWantReadError):
        half.do_handshake()
    return outgoing.read()


if __name__ == "__main__":
    main()
