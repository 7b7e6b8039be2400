"""Starts worker processes: the node's end of `worker.py`.

Workers of sites are forked from a process that has loaded their libraries (`forkserver.py`), where
the system has what that needs; any other is a program of its own. Rules: the worker gets one
socket, an environment without secrets and a folder of its own; it ends when the node ends, because
it watches that socket; every wait is bounded; nothing heavy is imported here, so that a node stays
small. Standard library only. What is sent over the socket is `roles/frames.py`.
"""

from __future__ import annotations

import contextlib
import importlib.util
import logging
import os
import signal
import socket
import subprocess
import threading
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from federated.child import start
from federated.errors import WorkerFailed
from federated.memory import for_file
from federated.privacy.process import ProcessAccountant
from federated.task.engine import EXACT
from federated.training.forks import Fork, ForkServer
from federated.training.roles.frames import Frames

__all__ = ["ProcessAccountant", "ProcessWorker", "ProcessWorkers"]

_TRAINING: Final = ("flwr", "numpy", "pyarrow", "cryptography")
# What each role needs to be installed.
ROLES: Final[Mapping[str, Sequence[str]]] = {
    "site": _TRAINING,
    "lead": _TRAINING,
    "census": ("numpy", "pyarrow"),
    "rehearsal": _TRAINING,
}
FORKED: Final = "site"  # the role of which many start, and at once
MOST_FILES: Final = 256  # that forks of one process may read
_GRACE_SECONDS: Final = 0.5  # it ends at once when its node hangs up, unless it is stuck

_log = logging.getLogger(__name__)


class ProcessWorker:
    """A running worker process."""

    def __init__(self, process: subprocess.Popen[bytes] | Fork, frames: Frames) -> None:
        self._process = process
        self._frames = frames

    @property
    def pid(self) -> int:
        """Process id, also of its process group."""
        return self._process.pid

    def send(self, header: Mapping[str, Any], payload: bytes = b"") -> None:
        """Send one frame.

        Raises:
            WorkerFailed: the process is gone, or does not read.
        """
        self._frames.send(header, payload)

    def receive(self, seconds: float) -> tuple[dict[str, Any], bytes]:
        """Return the next frame.

        Raises:
            WorkerFailed: the process is gone, or silent for `seconds`.
        """
        return self._frames.receive(seconds)

    def stop(self) -> None:
        """End the process: it has a moment to end by itself, then it is killed."""
        self._frames.close()
        try:
            self._process.wait(_GRACE_SECONDS)
        except subprocess.TimeoutExpired:  # it runs, hence its number is its own
            with contextlib.suppress(ProcessLookupError):  # it leads no group yet
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.kill()
            self._process.wait()


class ProcessWorkers:
    """Starts workers as `python -m federated.training.worker`, or forks them."""

    def __init__(self, *, memory: int = 0) -> None:
        """Keep the limits of the workers.

        Args:
            memory: most private memory of a worker in bytes, of which a census may use half; 0 for
                no limit.
        """
        self._memory = memory
        self._guard = threading.Lock()
        self._servers: dict[str, ForkServer] = {}  # by engine
        self._closed = not hasattr(os, "pidfd_open")

    def start(
        self, role: str, folder: Path, files: Iterable[Path] = (), engine: str = EXACT
    ) -> ProcessWorker:
        """Start a worker in one of `ROLES`.

        Args:
            role: what it does.
            folder: made when missing (0700); the only place where it writes.
            files: what it may be told to read; without any it is never forked.
            engine: of a site's worker, which computes by no other.

        Raises:
            WorkerFailed: it did not start, or the extra `federated` is not installed.
        """
        if role not in ROLES:
            raise WorkerFailed(f"`{role}` is not a role of a worker")
        missing = [name for name in ROLES[role] if importlib.util.find_spec(name) is None]
        if missing:
            raise WorkerFailed(f"the extra `federated` is not installed: no {', '.join(missing)}")
        ours, theirs = socket.socketpair()
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            log = _log_of(folder, role)
            try:
                ends = (theirs.fileno(), log)
                process = self._process(role, folder, (frozenset(files), engine), ends)
            finally:
                os.close(log)
        except OSError as exc:
            ours.close()
            raise WorkerFailed(f"the worker did not start: {exc.strerror}") from exc
        finally:
            theirs.close()
        return ProcessWorker(process, Frames(ours))

    def ready(self, folder: Path, files: Iterable[Path], engines: Iterable[str]) -> None:
        """Let workers of a site be forked from now on; returns at once.

        Args:
            folder: made when missing (0700); beneath it are the workers' own.
            files: what they may be told to read; without any, what is held ready is let go.
            engines: by which they compute.
        """
        wanted = frozenset(files)
        if any(importlib.util.find_spec(name) is None for name in ROLES[FORKED]):
            return
        if not wanted:
            self._drop(*self._servers)
            return
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            for engine in engines:
                self._serving(folder, wanted, engine)
        except OSError as exc:
            _log.warning("workers are not forked: %s", exc)

    def close(self) -> None:
        """Let go of the processes that workers are forked from."""
        self._closed = True
        self._drop(*self._servers)

    def _process(
        self, role: str, folder: Path, needs: tuple[frozenset[Path], str], ends: tuple[int, int]
    ) -> subprocess.Popen[bytes] | Fork:
        if role == FORKED and needs[0]:
            try:
                server = self._serving(folder.parent, *needs)
                if server is not None:
                    return server.fork(folder, self._memory, *ends)
            except (OSError, ValueError, LookupError) as exc:
                _log.warning("a worker was not forked: %s", exc)
                self._drop(needs[1])
        return self._spawn(role, folder, *ends)

    def _serving(self, folder: Path, files: frozenset[Path], engine: str) -> ForkServer | None:
        """Return what serves an engine and some files, started anew where none does."""
        with self._guard:
            if self._closed:
                return None
            held = self._servers.get(engine)
            if held is not None and held.serves(folder, files):
                return held
            found = ForkServer(FORKED, engine, folder, files | _others(held, folder))
            self._servers[engine] = found
        if held is not None:
            held.close()
        return found

    def _drop(self, *engines: str) -> None:
        with self._guard:
            dropped = [self._servers.pop(each) for each in engines if each in self._servers]
        for each in dropped:
            each.close()

    def _spawn(self, role: str, folder: Path, end: int, log: int) -> subprocess.Popen[bytes]:
        memory = for_file(self._memory) if role == "census" else self._memory
        return start(
            *("federated.training.worker", "--fd", str(end), "--role", role),
            *("--memory", str(memory)),
            folder=folder,
            stdout=log,
            stderr=log,
            pass_fds=(end,),
        )


def _others(held: ForkServer | None, folder: Path) -> frozenset[Path]:
    """Return the files of what served a folder before, unless they have become too many."""
    if held is None or held.folder != folder or len(held.files) >= MOST_FILES:
        return frozenset()
    return held.files


def _log_of(folder: Path, role: str) -> int:
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW
    return os.open(folder / f"{role}.log", flags, 0o600)
