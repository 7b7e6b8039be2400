"""PostgreSQL through ADBC: one read-only transaction, whose rows come as columns of Arrow.

Rules: TLS with the server's name and certificate checked, but on this machine; the whole table is
one statement of bounded time; what Arrow has no type for comes as text, in the database's own
words; what the server says is not passed on, since it can quote values.
"""

from __future__ import annotations

import ipaddress
import ssl
from collections.abc import Collection, Generator, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final
from urllib.parse import quote, urlencode

import adbc_driver_manager as adbc
import adbc_driver_postgresql as driver
import pyarrow as pa

from connector.errors import DataFileMissing, DataFileUnreadable, PreauError
from connector.sources.child import SECONDS
from connector.sources.tables.select import Table, check_columns, statement

_CONNECT_SECONDS: Final = 10
_STATEMENT_SECONDS: Final = int(SECONDS) - 60  # the answer comes before the process is ended
_BATCH: Final = 2 << 20  # bytes of a batch, about
_TYPE: Final = b"POSTGRESQL:type"  # of a field's metadata: name of the type, of a domain its base
# The driver's own list of types: it would read the catalog of every table of the database.
_TYPES: Final = MappingProxyType({"adbc.postgresql.type_resolver_mode": "builtin"})
# Types that stand as they are, as types of Arrow; others are cast to text by the server.
_KEPT: Final = frozenset(
    (
        *(b"bool", b"int2", b"int4", b"int8", b"float4", b"float8", b"numeric", b"date"),
        *(b"text", b"varchar", b"bpchar", b"bytea"),
    )
)
# Narrower numbers -> what a layout's own datatypes are.
_WIDER: Final[Mapping[pa.DataType, pa.DataType]] = MappingProxyType(
    {pa.int16(): pa.int64(), pa.int32(): pa.int64(), pa.float32(): pa.float64()}
)
# SQLSTATE -> what it means here (PostgreSQL, appendix A).
_STATES: Final[Mapping[str, tuple[type[PreauError], str]]] = MappingProxyType(
    {
        "42P01": (DataFileMissing, "the database has no such table"),
        "3F000": (DataFileMissing, "the database has no such schema"),
        "42501": (DataFileUnreadable, "the user of the connection may not read the table"),
        "57014": (DataFileUnreadable, "the database took too long"),
    }
)


@contextmanager
def opened(options: Mapping[str, str], secret: str, table: str) -> Iterator[Table]:
    """Open a table; see `select.Opening`.

    Raises:
        DataFileMissing: the server does not answer or refuses the user, or has no such table.
        DataFileUnreadable: the table cannot be read.
    """
    with ExitStack() as held:
        connection = _connected(_address(options, secret), held)
        held.enter_context(_translated())
        connection.set_autocommit(False)
        yield _Open(connection, table, held)


def _address(options: Mapping[str, str], secret: str) -> str:
    here = _is_here(options["host"])
    roots = options.get("roots", "" if here else ssl.get_default_verify_paths().cafile or "system")
    stated = {
        "host": options["host"],
        "port": options.get("port", "5432"),
        "dbname": options["database"],
        "user": options["user"],
        "password": secret,
        "sslmode": "prefer" if here else "verify-full",
        "sslrootcert": roots,
        "passfile": "/dev/null",
        "connect_timeout": str(_CONNECT_SECONDS),
        "options": "-c default_transaction_read_only=on -c datestyle=ISO "
        "-c default_transaction_isolation=repeatable\\ read "
        f"-c statement_timeout={_STATEMENT_SECONDS}s",
    }
    given = {name: value for name, value in stated.items() if value}
    return f"postgresql://?{urlencode(given, quote_via=quote)}"


def _connected(address: str, held: ExitStack) -> adbc.AdbcConnection:
    try:
        database = held.enter_context(driver.connect(address, dict(_TYPES)))
        connection: adbc.AdbcConnection = held.enter_context(adbc.AdbcConnection(database))
    except adbc.Error:  # its text may name the server, and no code says what failed
        raise DataFileMissing(
            "the database does not answer, or not over TLS, or not this user"
        ) from None
    return connection


@dataclass(frozen=True, slots=True)
class _Open:
    connection: adbc.AdbcConnection
    table: str
    held: ExitStack  # what ends before the connection does

    def names(self) -> list[str]:
        return list(self._schema().names)

    def columns(
        self, names: Sequence[str], texts: Collection[str], most: int
    ) -> Iterator[list[pa.Array]]:
        found = self._read(names, texts, most)
        self.held.callback(found.close)
        return found

    def _read(
        self, names: Sequence[str], texts: Collection[str], most: int
    ) -> Generator[list[pa.Array], None, None]:
        schema = self._schema()
        check_columns(names, schema.names)
        kinds = {each.name: (each.metadata or {}).get(_TYPE) for each in schema}
        cast = [name for name in names if name in texts or kinds[name] not in _KEPT]
        with adbc.AdbcStatement(self.connection) as asked:
            asked.set_options(**{driver.StatementOptions.BATCH_SIZE_HINT_BYTES.value: _BATCH})
            asked.set_sql_query(statement(self.table, names, cast, most, "postgres"))
            stream, _ = asked.execute_query()
            with pa.RecordBatchReader.from_stream(stream) as reader:
                while (batch := _next(reader)) is not None:
                    yield list(map(_plain, batch.columns))

    def _schema(self) -> pa.Schema:
        with adbc.AdbcStatement(self.connection) as asked:
            asked.set_sql_query(statement(self.table, (), (), 0, "postgres"))
            return pa.schema(asked.execute_schema())


def _next(reader: pa.RecordBatchReader) -> pa.RecordBatch | None:
    try:
        return reader.read_next_batch()
    except StopIteration:
        return None
    except (OSError, pa.ArrowException):  # Arrow's stream has no place for the SQLSTATE
        raise DataFileUnreadable(
            "the database stopped before the end of the table, or took too long"
        ) from None


def _plain(array: pa.Array) -> pa.Array:
    if pa.types.is_binary(array.type):
        return pa.nulls(len(array), pa.string())
    return array.cast(_WIDER.get(array.type, array.type))


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except adbc.Error as exc:
        other = (DataFileUnreadable, "the table cannot be read")
        kind, reason = _STATES.get(exc.sqlstate or "", other)
        raise kind(reason) from None


def _is_here(host: str) -> bool:
    """Whether a host is this machine: a socket's folder, or an address of its own."""
    try:
        return host.startswith("/") or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
