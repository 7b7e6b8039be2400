"""A store that was just opened, on SQLite and on PostgreSQL in turn."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from connector.store import SqlStore
from tests.support.doubles import FixedClock


@pytest.fixture
def open_again(database_url: str) -> Iterator[Callable[..., SqlStore]]:
    """Open the test's database; each call is a node that started anew."""
    opened: list[SqlStore] = []

    def open_(wait: float = 10.0) -> SqlStore:
        opened.append(SqlStore(database_url, FixedClock(), wait=wait))
        return opened[-1]

    yield open_
    for store in opened:
        store.close()


@pytest.fixture
def store(open_again: Callable[..., SqlStore]) -> SqlStore:
    return open_again()


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A database without any table."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'empty.sqlite'}"
        return
    server = request.getfixturevalue("postgres_server")
    url = server.create(migrated=False)
    yield url
    server.drop(url)
