"""Training with differential privacy next to the data: the only home of flwr.

Importing this package loads no library; its modules do when a worker imports them. `code_hash`
names the recipe, so that a contract or a manifest can say which code may touch the data.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

__all__ = ["code_hash"]


def code_hash() -> str:
    """Return the SHA-256 (hex) over all sources of the package `federated`.

    Each file counts with its relative path and its length, in the order of the paths, so that no
    two sets of files give the same bytes to hash.
    """
    root = Path(__file__).parents[1]
    total = hashlib.sha256()
    for path in sorted(root.rglob("*.py"), key=lambda path: path.relative_to(root).as_posix()):
        source = path.read_bytes()
        name = path.relative_to(root).as_posix().encode()
        total.update(b"%d %s %d " % (len(name), name, len(source)))
        total.update(source)
    return total.hexdigest()
