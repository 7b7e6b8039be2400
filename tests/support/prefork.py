"""Processes that are forked from one that has loaded their modules.

    process = popen(["serve", "--home", home], stdout=subprocess.PIPE, stderr=log)
    monkeypatch.setattr("federated.child.Popen", child)

To load a node's modules takes three CPU seconds, those of a worker or of the accountant one to two:
more than most tests do. For each module of `_LOADED` one process of the test run has loaded what it
needs; it has one thread and nothing open, and each process that runs the module is a fork of it.
From there on it is a process like any other: environment, session, pipes, limits and signals are
its own. A node that is such a fork has its children forked, too.

What a fork does not show is tested with whole interpreters: the start of a node, and of commands,
by the quick start and the log; that of a worker, and what it loads once it is confined, by tests
that ask for `whole_children`, and by a whole job of `tests/unit/test_training_federation.py`; that
of the accountant by `tests/unit/test_federated_privacy.py`.
"""

from __future__ import annotations

import atexit
import fcntl
import gc
import json
import os
import runpy
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from functools import cache
from importlib import import_module
from io import TextIOWrapper
from itertools import pairwise
from pathlib import Path
from pkgutil import walk_packages
from typing import IO, Any, NoReturn

from federated import child as _children

_ROOT = Path(__file__).parents[2]
_MOST = 1 << 17  # bytes of a request, most of them the environment
_MOST_FILES = 8
_NUMBER = 8  # bytes of a process id or an exit code
_ASKED = "PREAU_TESTS_FORGE"  # the variable that says where processes are asked for
_NODE = "connector"
_LOADED: Mapping[str, Sequence[str]] = {  # `.*`: with all in the package
    _NODE: (
        *("connector.cli.app", "connector.cli.node", "connector.cli.operation.serve"),
        "connector.config",
        *("connector.management.app", "connector.sdk"),
        *(f"connector.bootstrap.{name}" for name in ("logs", "supervision", "system", "wiring")),
        # Loaded when a node is first asked, as most nodes of tests are.
        *("connector.management.routes.*", "policies_odrl.reading.*", "pyld", "pydantic.v1"),
        *("uvicorn.protocols.http.h11_impl", "uvicorn.lifespan.off", "uvicorn.loops.asyncio"),
        *("anyio._backends._asyncio", "encodings.idna"),
        *(f"sqlalchemy.dialects.{name}" for name in ("sqlite", "postgresql.psycopg")),
        *("psycopg", "grpc.experimental", "cryptography.hazmat.backends.openssl.backend"),
    ),
    "federated.training.worker": (
        *(f"federated.training.roles.{name}" for name in ("census", "lead", "site")),
        *("argparse", "federated.confinement.*", "federated.privacy.process"),
        # What reading rows, and making some up, load when they first need it.
        *("dateutil.relativedelta", "numpy.ma", "numpy.random"),
    ),
    "federated.training.forkserver": (
        *("federated.training.roles.site", "federated.training.opacus.gradients"),
    ),
    "federated.privacy.answering": ("federated.privacy.calibration",),
    "connector.sources.worker": (
        *("connector.sources.origins", "connector.sources.inspection.inspect"),
        "connector.sources.writing",
    ),
    "connector.preparing.worker": (
        *("connector.preparing.carrying", "connector.sources.worker", "dateutil.relativedelta"),
        # What writes SQL for the engine, and draws noise, is loaded when it is first needed.
        *(f"sqlglot.{part}.duckdb" for part in ("dialects", "generators", "parsers")),
        "opendp.prelude",
    ),
}
_THREADS = {"jemalloc_bg_thd"}  # Arrow's; the allocator itself sees to a fork


class Forked:
    """A process as `subprocess.Popen` shows one; only what is used."""

    def __init__(
        self, pid: int, end: socket.socket, stdin: IO[Any] | None, stdout: IO[Any] | None
    ) -> None:
        self.pid, self.stdin, self.stdout = pid, stdin, stdout
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


def popen(words: Sequence[str], **how: Any) -> Forked:
    """Start `preau` with these words; the rest is as of `subprocess.Popen`, output is text."""
    forked = _fork(_NODE, words, how)
    if forked.stdout:
        forked.stdout = TextIOWrapper(forked.stdout, encoding="utf-8")
    return forked


def child(words: Sequence[str], **how: Any) -> Forked | subprocess.Popen[bytes]:
    """Start a process in place of `subprocess.Popen`; what runs a known module is a fork."""
    python, (module, *arguments) = list(words[:4]), words[4:] or ("",)
    if python != [sys.executable, "-P", "-s", "-m"] or module not in _LOADED:
        return subprocess.Popen(words, **how)
    return _fork(module, arguments, how)


@contextmanager
def whole() -> Iterator[None]:
    """Start children as a node does: interpreters that load their modules once confined."""
    kept, _children.Popen = _children.Popen, subprocess.Popen
    try:
        yield
    finally:
        _children.Popen = kept


def _fork(module: str, arguments: Sequence[str], how: Mapping[str, Any]) -> Forked:
    kept = how.get("pass_fds", ())
    asked = {
        "module": module,
        "argv": ["preau" if module == _NODE else module, *arguments],
        "env": dict(how.get("env") or os.environ),
        "cwd": str(how.get("cwd") or Path.cwd()),
        "session": how.get("start_new_session", False),
        "files": [0, 1, 2, *kept],
    }
    end, other = socket.socketpair()
    with ExitStack() as stack:
        stack.enter_context(other)
        streams = [
            _stream(how.get(name, subprocess.DEVNULL), mode, stack)
            for name, mode in (("stdin", "wb"), ("stdout", "rb"), ("stderr", "rb"))
        ]
        files = [*(theirs for _, theirs in streams), *kept, other.fileno()]
        asking = stack.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM))
        asking.connect(_way())
        socket.send_fds(asking, [json.dumps(asked).encode()], files)
    return Forked(_number(end), end, streams[0][0], streams[1][0])


def _stream(wanted: int | IO[Any], mode: str, stack: ExitStack) -> tuple[IO[Any] | None, int]:
    """Return our end of a stream, if we have one, and the file of the process."""
    if wanted == subprocess.PIPE:
        reading, writing = os.pipe()
        ours, theirs = (reading, writing) if mode == "rb" else (writing, reading)
        stack.callback(os.close, theirs)
        return os.fdopen(ours, mode), theirs
    if wanted == subprocess.DEVNULL:
        return None, stack.enter_context(Path(os.devnull).open("r+b")).fileno()
    return None, wanted if isinstance(wanted, int) else wanted.fileno()


def run(
    words: Sequence[str], seconds: float, env: Mapping[str, str], cwd: Path | None = None
) -> subprocess.CompletedProcess[str]:
    """Run `preau` with these words to its end, as `subprocess.run` would."""
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        process = popen(words, stdout=out, stderr=err, env=env, cwd=cwd)
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


def _said(number: int) -> bytes:
    return number.to_bytes(_NUMBER, sys.byteorder, signed=True)


def _way() -> str:
    """Return the socket where processes are asked for, of this test run or of a new one."""
    return os.environ.get(_ASKED) or begin()


@cache
def begin() -> str:
    """Start what processes are asked of; all that this process starts asks the same.

    It ends with this process.
    """
    if _ASKED not in os.environ:
        folder = tempfile.mkdtemp(prefix="preau-forge-")
        path = f"{folder}/asked"
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as asking:
            asking.bind(path)
            process = subprocess.Popen(
                [sys.executable, "-P", "-s", "-m", "tests.support.prefork"],
                stdin=asking,
                cwd=_ROOT,
                env={**os.environ, "PYTHONPATH": str(_ROOT), "GRPC_VERBOSITY": "NONE"},
            )
        os.environ[_ASKED] = path

        def end() -> None:
            process.terminate()
            process.wait()
            shutil.rmtree(folder)

        atexit.register(end)
    return os.environ[_ASKED]


def main() -> None:
    """Hand each request on standard input to the process that has loaded its module."""
    parent = os.pidfd_open(os.getppid())
    asking = socket.socket(fileno=0)
    forges: dict[str, socket.socket] = {}
    while parent not in select.select([asking, parent], [], [])[0]:
        request, files, _flags, _address = socket.recv_fds(asking, _MOST, _MOST_FILES)
        module = json.loads(request)["module"]
        if module not in forges:
            forges[module], theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            if not os.fork():
                for each in (asking, *forges.values()):
                    each.close()
                for file in (parent, *files):
                    os.close(file)
                _forge(module, theirs)
                return
            theirs.close()
        socket.send_fds(forges[module], [request], files)
        for file in files:
            os.close(file)


def _forge(module: str, asking: socket.socket) -> None:
    """Load a module's modules, and fork a process for each request until nobody asks."""
    _load(module)
    running: dict[int, tuple[int, socket.socket]] = {}  # process and who asked, by pidfd
    ended: dict[socket.socket, int] = {}
    while True:
        for ready in select.select([asking, *running, *ended], [], [])[0]:
            if ready in running:
                pid, end = running.pop(ready)
                _say_end(ready, end)
                ended[end] = pid
            elif ready is not asking:
                os.waitpid(ended.pop(ready), 0)  # who asked will use its number no more
                ready.close()
            else:
                request, files, _flags, _address = socket.recv_fds(asking, _MOST, _MOST_FILES)
                if not request:
                    return
                end = socket.socket(fileno=files.pop())
                if not (pid := os.fork()):
                    asked = json.loads(request)
                    if asked["session"]:
                        os.setsid()
                    end.sendall(_said(os.getpid()))  # who asked may signal its group from now on
                    for each in (asking, end, *ended, *(other for _, other in running.values())):
                        each.detach()
                    _become(module, asked, files)
                    return
                for file in files:
                    os.close(file)
                running[os.pidfd_open(pid)] = (pid, end)


def _load(module: str) -> None:
    gc.disable()
    if module == _NODE:
        _children.Popen = child  # its children are forks, too
    else:
        with tempfile.TemporaryDirectory() as folder:
            os.environ.update(_children.environment(Path(folder)))
            tempfile.tempdir = None
    for name in _LOADED[module]:
        found = import_module(name.removesuffix(".*"))
        if name.endswith(".*"):
            for each in walk_packages(found.__path__, f"{found.__name__}."):
                import_module(each.name)
    gc.freeze()
    gc.enable()
    threads = {each.read_text().strip() for each in Path("/proc/self/task").glob("[0-9]*/comm")}
    main_thread = Path(f"/proc/self/task/{os.getpid()}/comm").read_text().strip()
    assert threads <= {main_thread, *_THREADS}, f"threads do not survive a fork: {threads}"


def _become(module: str, asked: Mapping[str, Any], files: Sequence[int]) -> None:
    """Be what runs a module with what was asked for; no other file stays open."""
    wanted = asked["files"]
    above = [fcntl.fcntl(file, fcntl.F_DUPFD, max(wanted) + 1) for file in files]
    for file, to in zip(above, wanted, strict=True):
        os.dup2(file, to)
    for low, high in pairwise([*sorted(wanted), os.sysconf("SC_OPEN_MAX")]):
        os.closerange(low + 1, high)
    os.chdir(asked["cwd"])
    os.environ.clear()
    os.environ.update(asked["env"])
    tempfile.tempdir = None
    sys.argv = asked["argv"]
    code: object = 1
    try:
        runpy.run_module(module, run_name="__main__", alter_sys=True)
        code = 0
    except SystemExit as exc:
        code = exc.code
    except BaseException:  # noqa: BLE001 - as an interpreter shows it
        sys.excepthook(*sys.exc_info())
    _end(code)


def _end(code: object) -> NoReturn:
    """End as an interpreter does, but leave its memory to the system.

    To let go of each module costs more than most of these processes do: the pages are copied first,
    which they share with what they are forks of.
    """
    if isinstance(code, str):
        sys.stderr.write(f"{code}\n")
    threading._shutdown()  # type: ignore[attr-defined] # waits for threads
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError):
            stream.flush()
    os._exit(code if isinstance(code, int) else int(code is not None))


def _say_end(process: int, end: socket.socket) -> None:
    """Tell who asked how a process ended; its number stays its own."""
    found = os.waitid(os.P_PIDFD, process, os.WEXITED | os.WNOWAIT)
    os.close(process)
    assert found is not None
    code = found.si_status if found.si_code == os.CLD_EXITED else -found.si_status
    with suppress(OSError):  # nobody waits for it
        end.sendall(_said(code))


if __name__ == "__main__":
    main()
