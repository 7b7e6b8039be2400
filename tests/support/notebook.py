"""Runs the cells of a notebook, in order, in this process."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any


def run(file: Path) -> dict[str, Any]:
    """Return the names that the cells leave."""
    names: dict[str, Any] = {}
    for number, cell in enumerate(json.loads(file.read_text(encoding="utf-8"))["cells"]):
        if cell["cell_type"] == "code":
            exec(compile("".join(cell["source"]), f"{file.name}[{number}]", "exec"), names)  # noqa: S102 - our own page
    return names
