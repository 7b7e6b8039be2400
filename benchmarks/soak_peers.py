"""What `make soak` does besides jobs: negotiations, and whatever may be asked of a node's faces."""

from __future__ import annotations

import logging
import tempfile
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from tests.support import dsp_negotiations, faces_fuzz
from tests.support.dsp_nodes import Speaking, speaking

_FACES: dict[str, Callable[[Sequence[Speaking], int, int], faces_fuzz.Answers]] = {
    "HTTPS": faces_fuzz.https,
    "gRPC": faces_fuzz.grpc,
    "management API": faces_fuzz.management,  # which may end what the others ask for
}


def negotiations(count: int, seed: int) -> tuple[str, str]:
    """Play negotiations through the codec; return how they ended, and the first fault."""
    try:
        return counted(dsp_negotiations.soak(count, seed)), ""
    except Exception as exc:  # noqa: BLE001 - whatever it is, it is what was looked for
        again = (
            f"PYTHONPATH=.:examples/star python -m tests.support.dsp_negotiations {count} {seed}"
        )
        again += " PART  # plays one part"
        return "", "\n".join([f"{type(exc).__name__}: {exc}", *exc.__notes__, again])


def faces(count: int, seed: int) -> tuple[str, str]:
    """Ask a node anything, so often of each message; return what was asked, and the first fault."""
    logging.disable()
    said = []
    with tempfile.TemporaryDirectory(prefix="ps-") as name:
        folder = Path(name)
        with speaking(folder / "nodes", "school", "lab", **faces_fuzz.PLAIN) as nodes:
            (folder / "data").mkdir()
            nodes[0].publish(folder / "data", "schools")
            for face, ask in _FACES.items():
                found = ask(nodes, count, seed)
                if found.faults:
                    return "; ".join(said), f"{face}: {found.faults[0]}"
                said.append(f"{face}: {found.seen.total()} ({counted(found.seen)})")
    return "; ".join(said), ""


def counted(counts: Counter[Any]) -> str:
    """Return how often each was seen, on one line."""
    return ", ".join(f"{name or 'taken'} {count}" for name, count in sorted(counts.items()))
