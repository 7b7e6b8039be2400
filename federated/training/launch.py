"""Starts worker processes: the node's end of `worker.py`.

Rules: the worker gets one socket, an environment without secrets and a folder of its own; it ends
when the node ends, because it watches that socket; every wait is bounded; nothing heavy is
imported here, so that a node stays small. Standard library only. What is sent over the socket is
`roles/frames.py`.
"""

from __future__ import annotations

import importlib.util
import os
import signal
import socket
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from federated.child import start
from federated.errors import WorkerFailed
from federated.memory import for_file
from federated.privacy.process import ProcessAccountant
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
_GRACE_SECONDS: Final = 0.5  # it ends at once when its node hangs up, unless it is stuck


class ProcessWorker:
    """A running worker process."""

    def __init__(self, process: subprocess.Popen[bytes], frames: Frames) -> None:
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
        except subprocess.TimeoutExpired:  # not reaped, hence its number is still its own
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()


class ProcessWorkers:
    """Starts workers as `python -m federated.training.worker`."""

    def __init__(self, *, memory: int = 0) -> None:
        """Keep the limits of the workers.

        Args:
            memory: most private memory of a worker in bytes, of which a census may use half; 0 for
                no limit.
        """
        self._memory = memory

    def start(self, role: str, folder: Path) -> ProcessWorker:
        """Start a worker in one of `ROLES`.

        Args:
            role: what it does.
            folder: made when missing (0700); the only place where it writes.

        Raises:
            WorkerFailed: it did not start, or the extra `federated` is not installed.
        """
        if role not in ROLES:
            raise WorkerFailed(f"`{role}` is no role of a worker")
        missing = [name for name in ROLES[role] if importlib.util.find_spec(name) is None]
        if missing:
            raise WorkerFailed(f"the extra `federated` is not installed: no {', '.join(missing)}")
        ours, theirs = socket.socketpair()
        try:
            process = self._spawn(role, folder, theirs.fileno())
        except OSError as exc:
            ours.close()
            raise WorkerFailed(f"the worker did not start: {exc.strerror}") from exc
        finally:
            theirs.close()
        return ProcessWorker(process, Frames(ours))

    def _spawn(self, role: str, folder: Path, end: int) -> subprocess.Popen[bytes]:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        memory = for_file(self._memory) if role == "census" else self._memory
        words = ("--fd", str(end), "--role", role, "--memory", str(memory))
        log = os.open(
            folder / f"{role}.log", os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600
        )
        try:
            return start(
                *("federated.training.worker", *words),
                folder=folder,
                stdout=log,
                stderr=log,
                pass_fds=(end,),
            )
        finally:
            os.close(log)
