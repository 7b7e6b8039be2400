"""Rows of a table asked in one test: a test of its own for each costs more than what is asked."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import wraps
from inspect import signature
from typing import Any, Final, TypeVar

import pytest

T = TypeVar("T")
_SHOWN: Final = 200  # characters of a row that fails


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


def over(
    columns: str | Sequence[str], rows: Iterable[Any], ids: Iterable[Any] = ()
) -> Callable[[Callable[..., None]], Any]:
    """Return what makes one test of a test for each row, told in its columns; as `parametrize`.

    Fixtures are those of the test, shared by its rows. A row that fails is called by its values, or
    as `ids` says.
    """
    names = columns.replace(" ", "").split(",") if isinstance(columns, str) else columns
    stated = list(rows) if len(names) > 1 else [(row,) for row in rows]
    called = list(ids) or stated

    def made(law: Callable[..., None]) -> Any:
        @wraps(law)
        def test(**shared: Any) -> None:
            def asked(row: tuple[Sequence[Any], Any]) -> None:
                law(**shared, **dict(zip(names, row[0], strict=True)))

            each(zip(stated, called, strict=True), asked, lambda row: str(row[1])[:_SHOWN])

        left = signature(law)
        kept = [item for name, item in left.parameters.items() if name not in names]
        vars(test)["__signature__"] = left.replace(parameters=kept)
        return test

    return made
