"""Ports for servers on this machine, which nobody else takes before the server is up.

A DID names its port, so that the number is chosen before the server listens. The kernel gives
outgoing connections, and whoever binds port 0, the numbers of one range: none of those is chosen.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path

RANGE = Path("/proc/sys/net/ipv4/ip_local_port_range")
FIRST, LAST = 10_000, 65_535
# Neighbouring process ids begin far from each other.
_STRIDE = 7919


class Ports(Iterator[int]):
    """Ports that are free when they are given, none of them twice.

    Args:
        part: which part of all ports, counted from 0.
        parts: how many processes share the ports without meeting.
    """

    def __init__(self, part: int = 0, parts: int = 1) -> None:
        low, high = map(int, RANGE.read_text(encoding="ascii").split())
        every = range(FIRST, LAST + 1)
        mine = ([port for port in every if not low <= port <= high] or every)[part::parts]
        start = os.getpid() * _STRIDE % len(mine)
        self._left = iter([*mine[start:], *mine[:start]])

    def __next__(self) -> int:
        """Return a port of the loopback.

        Raises:
            RuntimeError: every port was given or is taken.
        """
        for port in self._left:
            with socket.socket() as probe:
                try:
                    probe.bind(("127.0.0.1", port))
                except OSError:
                    continue
                return port
        raise RuntimeError("no port of this process's part is free; run fewer processes at once")
