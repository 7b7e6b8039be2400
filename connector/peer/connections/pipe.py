"""A way for bytes from socket to socket that this process does not read (splice(2), Linux).

Rule: the pipe is empty between moves, so that one serves all connections of a thread.
"""

from __future__ import annotations

import fcntl
import os
from contextlib import suppress
from typing import Final

MOST: Final = 1 << 18  # bytes: what a caller does not take waits in memory
_FLAGS: Final = os.SPLICE_F_MOVE | os.SPLICE_F_NONBLOCK


class Pipe:
    """For one thread; close it."""

    def __init__(self) -> None:
        self._out, self._in = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        with suppress(OSError):  # the user has many pipes: it stays as small as it was made
            fcntl.fcntl(self._in, fcntl.F_SETPIPE_SZ, MOST)

    def move(self, source: int, target: int) -> tuple[int, bytes]:
        """Move what has come to a socket into another.

        Errors are left to who reads or writes next: they meet the same ones.

        Args:
            source: descriptor, does not block.
            target: same.

        Returns:
            how many bytes came, and those of them that the target does not take now.
        """
        came = left = 0
        with suppress(OSError):
            came = left = os.splice(source, self._in, MOST, flags=_FLAGS)
            while left:
                left -= os.splice(self._out, target, left, flags=_FLAGS)
        return came, os.read(self._out, left) if left else b""

    def close(self) -> None:
        """Close both ends."""
        os.close(self._out)
        os.close(self._in)
