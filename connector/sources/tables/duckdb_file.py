"""A DuckDB file, read only; no other file and no extension is reached from it."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import Final

import duckdb
import pyarrow as pa

from connector.errors import DataFileUnreadable
from connector.sources.tables.select import BATCH, Table, check_columns, statement

_LOCKED: Final[Mapping[str, str | bool | int]] = {
    "enable_external_access": False,
    "autoinstall_known_extensions": False,
    "autoload_known_extensions": False,
    "allow_community_extensions": False,
    "python_enable_replacements": False,
    "threads": 1,
    "memory_limit": "512MiB",
    "temp_directory": "",
}


@contextmanager
def opened(options: Mapping[str, str], secret: str, table: str) -> Iterator[Table]:
    """Open a table; see `select.Opening`.

    Raises:
        DataFileUnreadable: it is no DuckDB file of this release, or has no such table.
    """
    del secret
    try:
        connection = duckdb.connect(options["path"], read_only=True, config=dict(_LOCKED))
        with closing(connection):
            connection.execute("SET lock_configuration = true")
            yield _Open(connection, table)
    except duckdb.Error:  # not chained: it can quote values
        raise DataFileUnreadable("the table does not exist, or cannot be read as DuckDB") from None


@dataclass(frozen=True, slots=True)
class _Open:
    connection: duckdb.DuckDBPyConnection
    table: str

    def names(self) -> list[str]:
        return self.connection.sql(statement(self.table, (), (), 0, "duckdb")).columns

    def columns(
        self, names: Sequence[str], texts: Collection[str], most: int
    ) -> Iterator[list[pa.Array]]:
        check_columns(names, self.names())
        found = self.connection.sql(statement(self.table, names, texts, most, "duckdb"))
        for batch in found.to_arrow_reader(BATCH):
            yield list(batch.columns)
