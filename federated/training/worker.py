"""A worker process: `python -m federated.training.worker --fd N --role ROLE`, or a fork of one.

Rules: the process gives up network, files, calls and rights before it loads a library or a row: it
waits for its first frame, which names its data file, and closes itself to all other files; nothing
else than the frames of its role leaves it; a failure is a code and a reason, without any value of a
row; it ends when its node does, and has less of the CPU than that. Contracts, budgets and replays
are the node's; the frames are those of `roles/`.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib
import logging
import os
import socket
from pathlib import Path
from typing import Any

from federated.confinement.confine import confine, end_with, tier_of_rights
from federated.confinement.landlock import SEALED, seal
from federated.confinement.seccomp import FILTERED, close_calls
from federated.errors import FederatedError, WorkerFailed
from federated.training.hollow import hollow_out
from federated.training.launch import ROLES
from federated.training.roles.frames import Frames

START_SECONDS = 600.0
NICE = 10  # its node answers first, and workers share what is left
EXPENDABLE = 500  # of 1000: where the machine has no memory left, a worker ends before its node


def main() -> None:
    """Run a worker until its job or its node ends."""
    words = argparse.ArgumentParser(prog="federated.training.worker")
    words.add_argument("--fd", type=int, required=True)
    words.add_argument("--role", choices=ROLES, required=True)
    words.add_argument("--memory", type=int, default=0)
    given = words.parse_args()
    yield_to_others()
    work(given.fd, given.role, confine(given.memory))


def yield_to_others() -> None:
    """Let the node, and what else the machine does, come first."""
    os.nice(NICE)
    with contextlib.suppress(OSError):  # proc_pid_oom_score_adj(5); a machine may not have it
        Path("/proc/self/oom_score_adj").write_text(str(EXPENDABLE), encoding="ascii")


def work(descriptor: int, role: str, isolation: str, rights: str | None = None) -> None:
    """Answer the frames of a role until the job or the node ends.

    Args:
        descriptor: of the connection to the node.
        role: one of `ROLES`.
        isolation: what is in force so far, as `confine` says it.
        rights: what `tier_of_rights` said where rights were given up, and libraries loaded, before;
            None where that is to be done.
    """
    frames = Frames(socket.socket(fileno=descriptor))
    try:
        header, payload = frames.receive(START_SECONDS)
        isolation += f"+{SEALED}" if seal(Path.cwd(), _files(header)) else ""
        isolation += tier_of_rights(Path.cwd()) if rights is None else rights
        isolation += f"+{FILTERED}" if close_calls() else ""
        end_with(descriptor)
        frames.put_back(header, payload)
        if rights is None:
            hollow_out(role)
        # Only now, confined: the role's module loads its libraries.
        importlib.import_module(module_of(role)).run(frames, isolation)
    except FederatedError as exc:
        logging.getLogger(__name__).warning("%s: %s", exc.code, exc.reason)
        with contextlib.suppress(WorkerFailed):  # the node may be what is gone
            frames.send({"op": "failed", "code": exc.code, "reason": exc.reason})


def module_of(role: str) -> str:
    """Return the module that a role is."""
    return f"federated.training.roles.{role}"


def _files(header: dict[str, Any]) -> list[Path]:
    """Return the data file that a first frame names; what it must name is said by the role."""
    data = header.get("data")
    path = data.get("path") if isinstance(data, dict) else None
    return [Path(path)] if isinstance(path, str) else []


if __name__ == "__main__":
    main()
