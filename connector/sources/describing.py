"""Whether a file is as a description says that it is read.

Leaves reading it to `reading.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from connector.domain.catalog.layout import Layout
from connector.errors import DescriptionIncomplete
from federated.reading import Member


def read_source(description: Mapping[str, Any]) -> tuple[Path, Layout]:
    """Return where the file of a description is, and its layout.

    Raises:
        DescriptionIncomplete: one of them is missing or wrong.
    """
    stated = Member(dict(description), _refusal)
    path = stated.child("file").child("path").text(most=4096)
    if not Path(path).is_absolute():
        stated.child("file").child("path").refuse("must be an absolute path")
    return Path(path), Layout.read(stated.child("layout"))


def contradictions(layout: Layout, counts: Mapping[str, Any]) -> list[str]:
    """Return which columns are not what the layout states: most of their values are not.

    Args:
        layout: by which a file was read.
        counts: rows, missing and unreadable values.
    """
    return [
        f"most values of column `{field.name}` are not of type {field.datatype}"
        for field in layout.fields
        if 2 * counts["unreadable"][field.name] > counts["rows"] - counts["missing"][field.name]
    ]


def _refusal(pointer: str, fault: str) -> DescriptionIncomplete:
    return DescriptionIncomplete(f"`{pointer.removeprefix('/')}` {fault}")
