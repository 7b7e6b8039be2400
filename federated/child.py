"""How a Python child process of this package is started: command line and environment.

Rules: the child sees no variable of the parent but the path of the dynamic loader, hence no
secret; nothing in its working folder can shadow a module; no library in it phones home or spreads
over the machine's cores. Pipes, limits and ending are left to the callers. Standard library only.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

_QUIET = {
    "FLWR_TELEMETRY_ENABLED": "0",
    "FLWR_DISABLE_UPDATE_CHECK": "1",
    "FLWR_DISABLE_RUNTIME_DEPENDENCY_INSTALLATION": "1",
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
}


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
