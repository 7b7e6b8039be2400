"""What workers are forked from: `python -m federated.training.forkserver --fd N --role ROLE …`.

    node → {folder: where workers write, files: what they may read}
         ← {user: number of the user that it runs as}, once the role's libraries are loaded
         → {folder, memory} + the worker's end of a connection, its log
         ← {pid} + a file descriptor that refers to the process (pidfd_open(2))

A worker's libraries take a second of CPU to load, a fork takes milliseconds. Rules: it gives up
network, files, calls and rights before it loads a library, as a worker does; it reads no row and
holds no secret; a fork closes itself to all but its own folder and its own file, and to the calls
that are still open here, before it takes anything (`worker.py`); nothing that is random is drawn
before a fork (`noise.py`). It has one thread, starts no worker by itself, and ends with its node.
Linux.
"""

from __future__ import annotations

import argparse
import contextlib
import gc
import importlib
import json
import os
import signal
import socket
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from federated.child import environment
from federated.confinement.confine import confine, limit_memory, tier_of_rights
from federated.confinement.landlock import seal
from federated.confinement.seccomp import close_calls
from federated.task.engine import ENGINES
from federated.training import code_hash
from federated.training.hollow import hollow_out
from federated.training.launch import ROLES
from federated.training.worker import module_of, work, yield_to_others

MOST: Final = 1 << 18  # bytes of a message


def main() -> None:
    """Load what a role needs, then fork a worker each time that the node asks."""
    words = argparse.ArgumentParser(prog="federated.training.forkserver")
    words.add_argument("--fd", type=int, required=True)
    words.add_argument("--role", choices=ROLES, required=True)
    words.add_argument("--engine", choices=ENGINES, required=True)
    given = words.parse_args()
    yield_to_others()
    isolation, node = confine(), socket.socket(fileno=given.fd)
    order = json.loads(node.recv(MOST))
    seal(Path(order["folder"]), map(Path, order["files"]))
    rights = tier_of_rights(None)
    close_calls(forking=True)
    hollow_out(given.role)
    importlib.import_module(module_of(given.role))
    importlib.import_module("federated.training.engines").load(given.engine)
    code_hash()  # of the sources that were loaded, whatever an upgrade puts in their place
    gc.collect()
    gc.freeze()  # a collection in a fork copies no page of it
    signal.signal(signal.SIGCHLD, lambda *_: _reap())
    node.send(json.dumps({"user": os.geteuid()}).encode())
    while True:
        message, descriptors, _, _ = socket.recv_fds(node, MOST, 2)
        if not message:
            break
        _fork(node, json.loads(message), descriptors, (given.role, isolation, rights))
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    with contextlib.suppress(ChildProcessError):
        while os.wait()[0]:  # nobody else reaps them where the node is the first process
            pass


def _fork(
    node: socket.socket, order: dict[str, Any], given: Sequence[int], said: tuple[str, str, str]
) -> None:
    """Fork a worker, and tell the node what refers to it; its number is not reused before."""
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGCHLD})
    pid = os.fork()
    if pid == 0:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGCHLD})
        node.close()
        _work(order, given, said)
    process = os.pidfd_open(pid)
    socket.send_fds(node, [json.dumps({"pid": pid}).encode()], [process])
    for each in (process, *given):
        os.close(each)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGCHLD})


def _work(order: dict[str, Any], given: Sequence[int], said: tuple[str, str, str]) -> None:
    """Be a worker; does not return."""
    code = 1
    try:
        connection, log = given
        os.setsid()
        for stream in (1, 2):
            os.dup2(log, stream)
        folder = Path(order["folder"])
        os.chdir(folder)
        os.environ.update(environment(folder))
        tempfile.tempdir = None
        limit_memory(order["memory"])
        role, isolation, rights = said
        work(connection, role, isolation, rights)
        code = 0
    except BaseException:  # noqa: BLE001  (the last frame of the process: what it says is logged)
        sys.excepthook(*sys.exc_info())
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _reap() -> None:
    """Let go of the numbers of workers that have ended."""
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


if __name__ == "__main__":
    main()
