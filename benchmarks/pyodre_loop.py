"""A decision of pyodre, again and again: run by `policies.py` with an interpreter that has it."""

from __future__ import annotations

import sys
import time
from pathlib import Path

from pyodre.odre import ODRE


def main() -> None:
    """Print the CPU time of one decision in seconds, the best of several rounds."""
    policy, many = Path(sys.argv[1]).read_text(encoding="utf-8"), int(sys.argv[2])
    engine = ODRE()
    if not engine.enforce(policy):
        raise SystemExit("pyodre does not grant what it has to")
    found = []
    for _ in range(5):
        before = time.process_time()
        for _ in range(many):
            engine.enforce(policy)
        found.append((time.process_time() - before) / many)
    print(min(found))


if __name__ == "__main__":
    main()
