"""Java properties: what the kit is told, read and written."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

PREFIX: Final = "dataspacetck."
_ESCAPED: Final = re.compile(r"\\(.)")


def read(text: str) -> dict[str, str]:
    """Return the properties of a file; of several lines of one name the last counts."""
    found = {}
    for line in re.sub(r"\\\r?\n\s*", "", text).splitlines():
        stripped = line.strip()
        if not stripped or stripped[0] in "#!":
            continue
        name, _, value = re.sub(r"\s*[=:]\s*|\s+", "\0", stripped, count=1).partition("\0")
        found[name] = _ESCAPED.sub(r"\1", value)
    return found


def write(file: Path, values: Mapping[str, str]) -> None:
    """Write a file of properties by renaming it, so that whoever sees it sees all of it."""
    escaped = ((name, value.replace("\\", "\\\\")) for name, value in sorted(values.items()))
    part = file.with_name(f".{file.name}.part")
    part.write_text("".join(f"{name}={value}\n" for name, value in escaped))
    part.replace(file)
