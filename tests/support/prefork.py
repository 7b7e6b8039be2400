"""Processes of `preau` that are forked from one that has loaded its modules.

    process = popen(["serve", "--home", home], stdout=subprocess.PIPE, stderr=log)

To load a node's modules takes three CPU seconds, more than most tests do. One process per session
has loaded them; it has one thread and nothing open, and each `preau` is a fork of it. From there on
it is a process like any other: environment, session, pipes and signals are its own. Tests of the
quick start and of the log start whole interpreters.
"""

from __future__ import annotations

import atexit
import gc
import json
import os
import runpy
import select
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import IO, Any

_ROOT = Path(__file__).parents[2]
_MOST = 1 << 18  # bytes of a request, most of them the environment
_NUMBER = 8  # bytes of a process id or an exit code
_LOADED = (
    *("connector.cli.app", "connector.cli.operation.serve", "connector.config", "connector.sdk"),
    "connector.management.app",
    *(f"connector.bootstrap.{name}" for name in ("logs", "supervision", "system", "wiring")),
)


class Forked:
    """A process as `subprocess.Popen` shows one; only what tests use."""

    def __init__(self, pid: int, end: socket.socket, stdout: IO[str] | None) -> None:
        self.pid, self.stdout = pid, stdout
        self.returncode: int | None = None
        self._end = end

    def poll(self) -> int | None:
        return self._ended(0)

    def wait(self, timeout: float | None = None) -> int:
        code = self._ended(timeout)
        if code is None:
            raise subprocess.TimeoutExpired("preau", timeout or 0)
        return code

    def send_signal(self, which: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, which)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def _ended(self, seconds: float | None) -> int | None:
        if self.returncode is None and select.select([self._end], [], [], seconds)[0]:
            self.returncode = _number(self._end)
            self._end.close()
        return self.returncode


def popen(
    words: Sequence[str],
    *,
    stdout: int | IO[Any] = subprocess.DEVNULL,
    stderr: int | IO[Any] = subprocess.DEVNULL,
    env: Mapping[str, str] | None = None,
    start_new_session: bool = False,
) -> Forked:
    """Start `preau` with these words; the other arguments are those of `subprocess.Popen`."""
    asked = {
        "argv": ["preau", *words],
        "env": dict(os.environ if env is None else env),
        "cwd": str(Path.cwd()),
        "session": start_new_session,
    }
    ours: IO[str] | None = None
    with Path(os.devnull).open("r+b") as nothing:
        out, err = (nothing if each == subprocess.DEVNULL else each for each in (stdout, stderr))
        if out == subprocess.PIPE:
            reading, writing = os.pipe()
            ours, out = os.fdopen(reading), os.fdopen(writing, "wb")
        end, theirs = socket.socketpair()
        files = [each.fileno() for each in (nothing, out, err, theirs)]
        socket.send_fds(_forge(), [json.dumps(asked).encode()], files)
        theirs.close()
        if ours:
            out.close()
    return Forked(_number(end), end, ours)


def run(
    words: Sequence[str], seconds: float, env: Mapping[str, str]
) -> subprocess.CompletedProcess[str]:
    """Run `preau` with these words to its end, as `subprocess.run` would."""
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        process = popen(words, stdout=out, stderr=err, env=env)
        try:
            process.wait(seconds)
        finally:
            process.kill()
            code = process.wait()
        return subprocess.CompletedProcess(words, code, _whole(out), _whole(err))


def _whole(file: IO[str]) -> str:
    file.seek(0)
    return file.read()


def _number(end: socket.socket) -> int:
    said = end.recv(_NUMBER)
    if len(said) < _NUMBER:
        raise RuntimeError("what forks processes has ended")
    return int.from_bytes(said, sys.byteorder, signed=True)


@cache
def _forge() -> socket.socket:
    """Return the way to the process that forks, started when it is first needed."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.support.prefork"],
        stdin=theirs,
        cwd=_ROOT,
        env={**os.environ, "PYTHONPATH": str(_ROOT), "GRPC_VERBOSITY": "NONE"},
    )
    theirs.close()

    def end() -> None:
        ours.close()
        process.wait()

    atexit.register(end)
    return ours


def main() -> None:
    """Fork a process for each request on standard input, until there is nobody to ask."""
    gc.disable()
    for name in _LOADED:
        import_module(name)
    gc.freeze()
    gc.enable()
    assert len(os.listdir("/proc/self/task")) == 1, "threads do not survive a fork"  # noqa: PTH208
    asking = socket.socket(fileno=0)
    ends: dict[int, tuple[int, socket.socket]] = {}  # by pidfd
    while True:
        for ready in select.select([asking, *ends], [], [])[0]:
            if ready is not asking:
                _say_end(ready, *ends.pop(ready))
                continue
            request, files, _flags, _address = socket.recv_fds(asking, _MOST, 4)
            if not request:
                return
            end = socket.socket(fileno=files.pop())
            if not (pid := os.fork()):
                for each in (asking, end, *(other for _, other in ends.values())):
                    each.detach()
                _become(json.loads(request), files)
                return
            for file in files:
                os.close(file)
            end.sendall(pid.to_bytes(_NUMBER, sys.byteorder, signed=True))
            ends[os.pidfd_open(pid)] = (pid, end)


def _become(asked: Mapping[str, Any], files: Sequence[int]) -> None:
    """Be what `python -m connector` is with what was asked for; no other file stays open."""
    for to, file in enumerate(files):
        os.dup2(file, to)
    os.closerange(len(files), os.sysconf("SC_OPEN_MAX"))
    if asked["session"]:
        os.setsid()
    os.chdir(asked["cwd"])
    os.environ.clear()
    os.environ.update(asked["env"])
    sys.argv = asked["argv"]
    runpy.run_module("connector", run_name="__main__", alter_sys=True)


def _say_end(ready: int, pid: int, end: socket.socket) -> None:
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    os.close(ready)
    with end:
        try:
            end.sendall(code.to_bytes(_NUMBER, sys.byteorder, signed=True))
        except OSError:  # nobody waits for it
            return


if __name__ == "__main__":
    main()
