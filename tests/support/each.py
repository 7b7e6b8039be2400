"""Rows of a table asked in one test: a test of its own for each costs more than what is asked."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

import pytest

T = TypeVar("T")


def each(rows: Iterable[T], law: Callable[[T], None], name: Callable[[T], str] = str) -> None:
    """Ask something of each row.

    Raises:
        BaseExceptionGroup: some rows fail: the fault of each, with its name.
    """
    failed: list[BaseException] = []
    for row in rows:
        try:
            law(row)
        except (Exception, pytest.fail.Exception) as exc:  # noqa: BLE001 - none is lost
            exc.add_note(f"row: {name(row)}")
            failed.append(exc)
    if failed:
        raise BaseExceptionGroup(f"{len(failed)} rows fail", failed)


def batches(
    rows: Sequence[T], size: int, name: Callable[[T], str] = str
) -> tuple[list[Sequence[T]], list[str]]:
    """Return rows in batches of a size, and what to call each of them: by its first row."""
    found = [rows[start : start + size] for start in range(0, len(rows), size)]
    return found, [name(batch[0]) for batch in found]
