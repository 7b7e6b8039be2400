"""PostgreSQL: one read-only transaction, a cursor of the server, some rows at a time.

Rules: TLS with the server's name and certificate checked, but on this machine; a statement has a
bounded time; what the server says is not passed on, since it can quote values.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

import psycopg
import pyarrow as pa
from psycopg.conninfo import make_conninfo

from connector.errors import (
    ColumnMissing,
    ConfigurationInvalid,
    DataFileMissing,
    DataFileUnreadable,
    PreauError,
)
from connector.sources.tables.select import BATCH, Table, arrays, statement

_CONNECT_SECONDS: Final = 10
_SECONDS: Final = 600  # of a statement, that is of a batch
_REFUSED: Final = (ConfigurationInvalid, "the database refuses the user, or its secret")
# SQLSTATE -> what it means here (PostgreSQL, appendix A).
_STATES: Final[Mapping[str, tuple[type[PreauError], str]]] = MappingProxyType(
    {
        "42P01": (DataFileMissing, "the database has no such table"),
        "3F000": (DataFileMissing, "the database has no such schema"),
        "3D000": (DataFileMissing, "the server has no such database"),
        "42703": (ColumnMissing, "the table lacks a column of the layout"),
        "42501": (DataFileUnreadable, "the user of the connection may not read the table"),
        "57014": (DataFileUnreadable, "the database took too long"),
        "28P01": _REFUSED,
        "28000": _REFUSED,
    }
)


@contextmanager
def opened(options: Mapping[str, str], secret: str, table: str) -> Iterator[Table]:
    """Open a table; see `select.Opening`.

    Raises:
        DataFileMissing: the server does not answer, or has no such table.
        ConfigurationInvalid: it refuses the user.
        DataFileUnreadable: the table cannot be read.
    """
    stated: dict[str, str | int] = {
        "host": options["host"],
        "port": options.get("port", "5432"),
        "dbname": options["database"],
        "user": options["user"],
        "sslmode": "prefer" if _is_here(options["host"]) else "verify-full",
        "sslrootcert": options.get("roots", "system"),
        "passfile": "/dev/null",
        "connect_timeout": _CONNECT_SECONDS,
        "options": f"-c default_transaction_read_only=on -c statement_timeout={_SECONDS}s "
        "-c default_transaction_isolation=repeatable\\ read -c datestyle=ISO",
    }
    if stated["sslmode"] == "prefer" and "roots" not in options:
        del stated["sslrootcert"]  # `system` demands the stricter mode
    stated |= {"password": secret} if secret else {}
    with _translated(), psycopg.connect(make_conninfo("", **stated)) as connection:
        yield _Open(connection, table)


@dataclass(frozen=True, slots=True)
class _Open:
    connection: psycopg.Connection[Any]
    table: str

    def names(self) -> list[str]:
        with self.connection.cursor() as cursor:
            cursor.execute(statement(self.table, (), (), 0, "postgres").encode())
            return [each.name for each in cursor.description or ()]

    def columns(
        self, names: Sequence[str], texts: Collection[str], most: int
    ) -> Iterator[list[pa.Array]]:
        with self.connection.cursor("preau", binary=True) as cursor:
            cursor.itersize = BATCH
            cursor.execute(statement(self.table, names, texts, most, "postgres").encode())
            while rows := cursor.fetchmany(BATCH):
                yield arrays(rows, len(names))


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except psycopg.Error as exc:
        other: tuple[type[PreauError], str] = (DataFileUnreadable, "the table cannot be read")
        if isinstance(exc, psycopg.OperationalError) and exc.sqlstate is None:
            other = (
                DataFileMissing,
                "the database does not answer, or not over TLS, or not this user",
            )
        kind, reason = _STATES.get(exc.sqlstate or "", other)
        raise kind(reason) from None


def _is_here(host: str) -> bool:
    """Whether a host is this machine: a socket's folder, or an address of its own."""
    try:
        return host.startswith("/") or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
