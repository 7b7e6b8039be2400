"""A SQLite file, read as it stands: `immutable` neither locks nor writes beside it.

That no other program writes to it is seen by who asks, before and after (`snapshots.py`).
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from urllib.parse import quote

import pyarrow as pa

from connector.errors import DataFileUnreadable
from connector.sources.tables.select import BATCH, Table, arrays, check_columns, statement


@contextmanager
def opened(options: Mapping[str, str], secret: str, table: str) -> Iterator[Table]:
    """Open a table; see `select.Opening`.

    Raises:
        DataFileUnreadable: it is no SQLite file, or has no such table.
    """
    del secret
    address = f"file:{quote(options['path'])}?mode=ro&immutable=1"
    try:
        with closing(sqlite3.connect(address, uri=True)) as connection:
            connection.execute("PRAGMA trusted_schema = OFF")
            connection.execute("PRAGMA cell_size_check = ON")
            yield _Open(connection, table)
    except sqlite3.Error:  # not chained: it quotes a text that is not UTF-8
        raise DataFileUnreadable("the table does not exist, or cannot be read as SQLite") from None


@dataclass(frozen=True, slots=True)
class _Open:
    connection: sqlite3.Connection
    table: str

    def names(self) -> list[str]:
        found = self.connection.execute(statement(self.table, (), (), 0, "sqlite"))
        return [each[0] for each in found.description]

    def columns(
        self, names: Sequence[str], texts: Collection[str], most: int
    ) -> Iterator[list[pa.Array]]:
        check_columns(names, self.names())  # SQLite takes an unknown quoted name for a text
        found = self.connection.execute(statement(self.table, names, texts, most, "sqlite"))
        while rows := found.fetchmany(BATCH):
            yield arrays(rows, len(names))
