"""The node's end of `forkserver.py`: asks it for workers, and knows them by file descriptors.

Rules: one question at a time, each wait bounded; a server that fails at anything is let go, and the
caller starts its worker as a process of its own. What it is started with holds for its life: files
that are not on its list cannot be read by any fork of it. Standard library only, Linux.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import socket
import subprocess
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from federated.child import start
from federated.confinement.confine import hand_over

_LOADING: Final = 60.0
_FORKING: Final = 10.0
_MOST: Final = 1 << 18  # bytes of a message


class Fork:
    """A worker process that is a child of the server's."""

    def __init__(self, pid: int, descriptor: int) -> None:
        self.pid = pid
        self._descriptor = descriptor

    def wait(self, timeout: float | None = None) -> None:
        """Wait for its end.

        Raises:
            subprocess.TimeoutExpired: it still runs.
        """
        if self._descriptor < 0:
            return
        poll = select.poll()
        poll.register(self._descriptor, select.POLLIN)
        if not poll.poll(None if timeout is None else timeout * 1000.0):
            raise subprocess.TimeoutExpired("worker", timeout or 0.0)
        self._close()

    def kill(self) -> None:
        """End it, unless it has ended."""
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(self._descriptor, signal.SIGKILL)

    def _close(self) -> None:
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)

    def __del__(self) -> None:
        self._close()


class ForkServer:
    """A running server of one role and one engine."""

    def __init__(self, role: str, engine: str, folder: Path, files: Iterable[Path]) -> None:
        """Start it; it loads its libraries meanwhile.

        Args:
            role: one of `launch.ROLES`.
            engine: by which its workers compute.
            folder: beneath it are the workers' own.
            files: all that workers may read.

        Raises:
            OSError: it did not start.
        """
        self.files = frozenset(files)
        self.folder = folder
        self._seen = frozenset(map(_seen, self.files))
        self._asking = threading.Lock()
        self._user: int | None = None
        self._socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        try:
            self._process = self._started(role, engine, theirs.fileno())
        except OSError:
            self._socket.close()
            raise
        finally:
            theirs.close()
        try:
            names = [str(each) for each in sorted(self.files)]
            self._socket.send(json.dumps({"folder": str(folder), "files": names}).encode())
        except OSError:
            self.close()
            raise

    def _started(self, role: str, engine: str, end: int) -> subprocess.Popen[bytes]:
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW
        log = os.open(self.folder / f"{role}-{engine}.log", flags, 0o600)
        try:
            return start(
                *("federated.training.forkserver", "--fd", str(end)),
                *("--role", role, "--engine", engine),
                folder=self.folder,
                stdout=log,
                stderr=log,
                pass_fds=(end,),
            )
        finally:
            os.close(log)

    def serves(self, folder: Path, files: frozenset[Path]) -> bool:
        """Return whether workers beneath a folder can be forked here, and read some files.

        A file that took the place of another is not the one that can be read.
        """
        return folder == self.folder and self._seen.issuperset(map(_seen, files))

    def fork(self, folder: Path, memory: int, end: int, log: int) -> Fork:
        """Return a new worker.

        Args:
            folder: its own.
            memory: its most private memory in bytes; 0 for no limit.
            end: its end of the connection, a file descriptor; the caller closes its own.
            log: what it writes to; the same.

        Raises:
            OSError: the server is gone, or does not answer.
        """
        with self._asking:
            if self._user is None:
                self._socket.settimeout(_LOADING)
                self._user = int(self._read(self._socket.recv(_MOST))["user"])
            if os.geteuid() == 0 and self._user != 0:
                hand_over(folder, self._user)
            self._socket.settimeout(_FORKING)
            order = json.dumps({"folder": str(folder), "memory": memory}).encode()
            socket.send_fds(self._socket, [order], [end, log])
            message, descriptors, _, _ = socket.recv_fds(self._socket, _MOST, 1)
            return Fork(int(self._read(message)["pid"]), descriptors[0])

    def _read(self, message: bytes) -> dict[str, int]:
        if not message:
            raise ConnectionResetError("the server of workers has ended")
        found: dict[str, int] = json.loads(message)
        return found

    def close(self) -> None:
        """Let it end, with the last of the workers that run."""
        self._socket.close()
        threading.Thread(target=self._process.wait, name="workers-gone", daemon=True).start()


def _seen(path: Path) -> tuple[Path, int, int]:
    """Return what tells a file from another of the same name, made later."""
    try:
        found = path.stat()
    except OSError:
        return path, 0, 0
    return path, found.st_dev, found.st_ino
