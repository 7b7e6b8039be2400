"""Training with differential privacy next to the data: the only home of flwr, torch and opacus.

Importing this package loads no library; its modules do when a worker imports them. `code_hash`
names the recipe, so that a contract or a manifest can say which code may touch the data.
"""

from __future__ import annotations

import hashlib
import importlib.util
from functools import cache
from pathlib import Path
from typing import Final

from federated.task.engine import EXACT, OPACUS, recipe

__all__ = ["available", "code_hash"]

_OPACUS: Final = ("torch", "opacus")


def available() -> tuple[str, ...]:
    """Return the engines that are installed, without loading any."""
    there = all(importlib.util.find_spec(name) is not None for name in _OPACUS)
    return (EXACT, OPACUS) if there else (EXACT,)


def code_hash(engine: str = EXACT) -> str:
    """Return the SHA-256 (hex) of a recipe: all sources of the package `federated`, and an engine.

    Each file counts with its relative path and its length, in the order of the paths, so that no
    two sets of files give the same bytes to hash. They are read once by a process.
    """
    return recipe(_sources(), engine)


@cache
def _sources() -> str:
    """Return the SHA-256 (hex) of all sources of the package `federated`."""
    root = Path(__file__).parents[1]
    total = hashlib.sha256()
    for path in sorted(root.rglob("*.py"), key=lambda path: path.relative_to(root).as_posix()):
        source = path.read_bytes()
        name = path.relative_to(root).as_posix().encode()
        total.update(b"%d %s %d " % (len(name), name, len(source)))
        total.update(source)
    return total.hexdigest()
