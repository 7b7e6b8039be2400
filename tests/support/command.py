"""Real `preau` processes for tests: run a command, serve a node, stop it, all bounded.

A command that is only a step towards what is tested can be typed in the test's own process, which
saves the start of another.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import IO, Any

import typer
from click import Command
from click.testing import CliRunner, Result

from connector.cli.app import build
from tests.support import prefork

READY_SECONDS = 60.0
STOP_SECONDS = 60.0
COMMAND_SECONDS = 120.0
_TERMINAL = {"NO_COLOR": "1", "COLUMNS": "200"}


@dataclass(frozen=True)
class Done:
    """A command that has ended."""

    code: int
    out: str
    err: str

    @property
    def value(self) -> Any:
        """What `--json` printed."""
        return json.loads(self.out)

    @property
    def error(self) -> dict[str, str]:
        """What `--json` printed on standard error."""
        return dict(json.loads(self.err.splitlines()[-1]))


def preau(
    *words: str,
    home: Path | None = None,
    seconds: float = COMMAND_SECONDS,
    cwd: Path | None = None,
) -> Done:
    """Run a command to its end."""
    where = ("--home", str(home)) if home else ()
    done = prefork.run([*words, *where], seconds, _environment(), cwd)
    return Done(done.returncode, done.stdout, done.stderr)


def invoked(words: Sequence[str], **more: Any) -> Result:
    """Run a command in this process; `more` goes to click's runner."""
    return CliRunner().invoke(_command(), words, **more)


@cache
def _command() -> Command:
    """Return the command's tree, which takes longer to make than most commands to run."""
    return typer.main.get_command(build())


def typed(*words: str, home: Path | None = None) -> Done:
    """Run a command in this process."""
    done = invoked([*words, *(["--home", str(home)] if home else [])], env=_TERMINAL)
    return Done(done.exit_code, done.stdout, done.stderr)


def ok(*words: str, home: Path | None = None, run: Callable[..., Done] = preau) -> Any:
    """Run a command with `--json` that must end with 0, and return what it printed."""
    done = run(*words, "--json", home=home)
    assert done.code == 0, f"{words}: {done.code} {done.err}"
    return done.value


def step(*words: str) -> Any:
    """Run a command in this process that is only a step; it must end with 0."""
    return ok(*words, run=typed)


@contextmanager
def short_folder() -> Iterator[Path]:
    """A folder with a path short enough for Unix sockets."""
    with tempfile.TemporaryDirectory(prefix="preau-") as folder:
        yield Path(folder)


class Served:
    """A node's process, from its `ready` line to its end."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self._log = (home / "serve.log").open("ab")
        self._process = served(home, self._log)
        self.ready = self._read_ready()

    @property
    def pid(self) -> int:
        return self._process.pid

    def log(self) -> str:
        return (self.home / "serve.log").read_text(encoding="utf-8")

    def kill(self) -> None:
        """End it at once, as a power cut would."""
        self._process.kill()
        self._process.wait(STOP_SECONDS)
        self._close()

    def stop(self, by: signal.Signals = signal.SIGTERM) -> int:
        """Ask it once to stop with a signal; return its exit code."""
        if self._process.poll() is None:
            self._process.send_signal(by)
        try:
            return self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(STOP_SECONDS)
            raise
        finally:
            self._close()

    def _close(self) -> None:
        self._log.close()
        if self._process.stdout:
            self._process.stdout.close()

    def _read_ready(self) -> dict[str, Any]:
        guard = threading.Timer(READY_SECONDS, self._process.kill)
        guard.start()
        try:
            assert self._process.stdout is not None
            line = self._process.stdout.readline()
        finally:
            guard.cancel()
        if not line:
            self._process.wait(STOP_SECONDS)
            self._close()
            raise AssertionError(f"the node did not start: {self.log()}")
        return dict(json.loads(line))


def served(home: Path, log: IO[Any]) -> Any:
    """Start `preau serve`, in a session of its own; return its process."""
    words = ("serve", "--json", "--home", str(home))
    return prefork.popen(
        words, stdout=subprocess.PIPE, stderr=log, env=_environment(), start_new_session=True
    )


@contextmanager
def serving(*homes: Path) -> Iterator[list[Served]]:
    """Serve nodes, one process each, and stop them."""
    served: list[Served] = []
    try:
        served.extend(Served(home) for home in homes)
        yield served
    finally:
        for node in served:
            node.stop()


def _environment() -> dict[str, str]:
    root = str(Path(__file__).parents[2])
    return {**os.environ, "PYTHONPATH": root, **_TERMINAL}
