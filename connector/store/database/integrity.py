"""Whether the pages of a database are whole, for `preau doctor`.

Rules: nothing is changed; the look is bounded, and one that did not come to its end says so. SQLite
checks its file; PostgreSQL looks after its own pages (`pg_amcheck`), so nothing is said of them.
"""

from __future__ import annotations

import sqlite3
import time
from contextlib import closing
from typing import Final

from connector.errors import ConfigurationInvalid, StoreUnavailable
from connector.store.database.engine import open_engine, translated

SECONDS: Final = 20.0
_STEPS: Final = 10_000  # instructions of SQLite between two looks at the clock


def fault(url: str, seconds: float = SECONDS) -> str | None:
    """Return the first fault of the file; empty when there is none, None when time was up.

    Raises:
        ConfigurationInvalid: not a URL of a database that this node knows.
        StoreUnavailable: the file cannot be opened.
    """
    engine = open_engine(url, seconds)
    try:
        path = engine.url.database
        if engine.dialect.name != "sqlite":
            return ""
    finally:
        engine.dispose()
    if not path:
        raise ConfigurationInvalid("`database` must name a file")
    return _first(path, seconds)


def _first(path: str, seconds: float) -> str | None:
    until = time.monotonic() + seconds
    try:
        with closing(sqlite3.connect(path, timeout=seconds)) as connection:
            connection.set_progress_handler(lambda: time.monotonic() > until, _STEPS)
            found = connection.execute("PRAGMA quick_check(1)").fetchone()
    except sqlite3.DatabaseError as exc:
        if exc.sqlite_errorname == "SQLITE_INTERRUPT":
            return None
        if exc.sqlite_errorname in ("SQLITE_CORRUPT", "SQLITE_NOTADB"):
            return "the file is damaged"
        with translated():
            raise
        raise StoreUnavailable("the database did not answer") from exc
    said = str(found[0]) if found else ""
    return "" if said == "ok" else said.splitlines()[-1][:200]
