"""How a Python child process of this package is started: command line and environment.

Rules: the child sees no variable of the parent but the path of the dynamic loader, hence no
secret; nothing in its working folder can shadow a module; no library in it phones home or spreads
over the machine's cores. Pipes, limits and ending are left to the callers. Standard library only.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from subprocess import DEVNULL, Popen

_QUIET = {
    "FLWR_TELEMETRY_ENABLED": "0",
    "FLWR_DISABLE_UPDATE_CHECK": "1",
    "FLWR_DISABLE_RUNTIME_DEPENDENCY_INSTALLATION": "1",
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "ARROW_DEFAULT_MEMORY_POOL": "system",  # the others keep what they had once
}


def start(
    module: str,
    *arguments: str,
    folder: Path,
    stdin: int = DEVNULL,
    stdout: int = DEVNULL,
    stderr: int = DEVNULL,
    pass_fds: Sequence[int] = (),
    session: bool = True,
) -> Popen[bytes]:
    """Start a module of this package.

    Args:
        module: run as the main one.
        arguments: its own.
        folder: where it works, its home, and its only place to write.
        stdin: as of `subprocess.Popen`, as the next three.
        stdout: of the child.
        stderr: of the child.
        pass_fds: files that it keeps, by the same numbers.
        session: whether it leads a session, hence a process group, of its own.

    Raises:
        OSError: it did not start.
    """
    return Popen(  # noqa: S603  (our own module, our own arguments)
        command(module, *arguments),
        stdin=stdin,
        stdout=stdout,
        stderr=stderr,
        pass_fds=pass_fds,
        cwd=folder,
        env=environment(folder),
        start_new_session=session,
    )


def command(module: str, *arguments: str) -> list[str]:
    """Return the command line that runs a module of this package.

    `-P` keeps the working folder and `-s` the user's packages out of the module search path.
    """
    return [sys.executable, "-P", "-s", "-m", module, *arguments]


def environment(folder: Path) -> dict[str, str]:
    """Return the whole environment of a child.

    Args:
        folder: its home, and its only place to write.
    """
    inherited = {name: os.environ[name] for name in ("LD_LIBRARY_PATH",) if name in os.environ}
    return {
        **inherited,
        **_QUIET,
        "PATH": os.defpath,
        "LANG": "C.UTF-8",
        "USER": "preau",
        "LOGNAME": "preau",
        "HOME": str(folder),
        "TMPDIR": str(folder),
        "FLWR_HOME": str(folder / "flwr"),
        "PYTHONPATH": str(Path(__file__).parents[1]),
    }
