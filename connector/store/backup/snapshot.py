"""All rows of a database as lines of text, and back: what a backup holds of it.

Rules: one transaction sees one state, while others go on writing; a value's text does not depend
on the database, so that rows go from SQLite to PostgreSQL and back; a schema of an older release
is filled as it was and then brought up to date. The audit log's tree is not written but computed
anew from the events, and its head must be the one that is stated.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import BinaryIO, Final

import sqlalchemy as sa
from sqlalchemy import Connection, MetaData, Table
from sqlalchemy.exc import DataError, IntegrityError

from connector.domain.log import merkle
from connector.domain.log.merkle import Frontier, Subtree
from connector.errors import BackupInvalid, ConfigurationInvalid, StoreUnavailable
from connector.store import migrations
from connector.store.backup import row_lines
from connector.store.database.engine import open_engine, reading, translated, writing

_WAIT_SECONDS: Final = 30.0
_ROWS: Final = 500  # that are held in memory at a time
_DERIVED: Final = frozenset({"audit_node", migrations.VERSION_TABLE})


@dataclass(frozen=True, slots=True)
class State:
    """What a database held at one instant.

    Attributes:
        schema: its revision.
        rows: number of rows by table.
        log_size: entries of the audit log.
        log_root: RFC 6962 root of the log, hex.
        charges: rounds charged, by register of persons.
    """

    schema: str
    rows: Mapping[str, int]
    log_size: int
    log_root: str
    charges: Mapping[str, int]


def dump(url: str, out: BinaryIO) -> State:
    """Write every row that a database holds now, and return what it held.

    Raises:
        ConfigurationInvalid: not a URL of a database that this node knows, or its schema is of a
            release that this one does not know.
        StoreUnavailable: the database did not answer.
    """
    _require_file(url)
    engine = open_engine(url, _WAIT_SECONDS)
    try:
        with translated(), reading(engine.execution_options(yield_per=_ROWS)) as connection:
            schema = migrations.current(connection)
            if not migrations.is_known(connection, schema):
                raise ConfigurationInvalid("the database's schema is of another release")
            tables = _tables(connection)
            rows = {name: _dump(connection, table, out) for name, table in tables.items()}
            head = _head(connection, tables)
            return State(schema, rows, head.size, head.root().hex(), _charges(connection, tables))
    finally:
        engine.dispose()


def data_files(url: str) -> list[str]:
    """Return the paths of the data files that a database names, of whatever release it is.

    Raises:
        ConfigurationInvalid: not a URL of a database that this node knows.
        StoreUnavailable: the database did not answer.
    """
    _require_file(url)
    engine = open_engine(url, _WAIT_SECONDS)
    try:
        with translated(), reading(engine) as connection:
            named = connection.scalars(sa.select(sa.table("dataset", sa.column("file")).c.file))
            return sorted({str(json.loads(each)["path"]) for each in named})
    finally:
        engine.dispose()


def load(
    url: str, lines: BinaryIO, stated: State, *, moved: tuple[str, str], replace: bool = False
) -> None:
    """Fill an empty database with the rows that `dump` wrote, or leave it as it is.

    Args:
        url: of the database.
        lines: what `dump` wrote.
        stated: what must be in it.
        moved: home folder then and now; paths of results follow.
        replace: a node's database that is there is dropped first.

    Raises:
        BackupInvalid: the rows do not fit their schema, or are not what is stated.
        ConfigurationInvalid: as `dump`, or the database is not empty.
        StoreUnavailable: the database did not answer, or is in use.
    """
    engine = open_engine(url, _WAIT_SECONDS)
    try:
        with translated(), writing(engine) as connection:
            _make_room(connection, replace=replace)
            if not migrations.is_known(connection, stated.schema):
                raise BackupInvalid(
                    f"its schema `{stated.schema}` is of another release",
                    hint="restore it with the release that made it, or a newer one",
                )
            migrations.bring_to(connection, stated.schema)
            _fill(connection, lines, stated)
            _follow(connection, *moved)
            migrations.bring_to(connection, migrations.HEAD)
    finally:
        engine.dispose()


def _require_file(url: str) -> None:
    """Refuse a SQLite file that is not there, which opening would create."""
    prefix, _, path = url.partition(":///")
    if prefix.startswith("sqlite") and not Path(path).is_file():
        raise StoreUnavailable(f"there is no database `{path}`")


def _tables(connection: Connection) -> dict[str, Table]:
    known = MetaData()
    known.reflect(connection)
    return {name: known.tables[name] for name in sorted(known.tables) if name not in _DERIVED}


def _dump(connection: Connection, table: Table, out: BinaryIO) -> int:
    writers = row_lines.writers(table)
    row_lines.write(out, {"table": table.name, "columns": list(writers)})
    order = [column for name in ("seq", "index") if (column := table.c.get(name)) is not None]
    count = 0
    for row in connection.execute(sa.select(table).order_by(*order)):
        pairs = zip(writers.values(), row, strict=True)
        row_lines.write(out, [row_lines.text(writer, value) for writer, value in pairs])
        count += 1
    return count


def _head(connection: Connection, tables: Mapping[str, Table]) -> Frontier:
    table = tables["audit_head"]
    size, data = connection.execute(sa.select(table.c.size, table.c.frontier)).one()
    step = merkle.HASH_BYTES
    return Frontier(size, tuple(data[at : at + step] for at in range(0, len(data), step)))


def _charges(connection: Connection, tables: Mapping[str, Table]) -> dict[str, int]:
    table = tables.get("register")
    if table is None:  # a schema of the first generation
        return {}
    found = connection.execute(sa.select(table.c.id, table.c.charges))
    return {str(name): int(count) for name, count in found}


def _make_room(connection: Connection, *, replace: bool) -> None:
    found = MetaData()
    found.reflect(connection)
    if not found.tables:
        return
    if not replace or migrations.VERSION_TABLE not in found.tables:
        raise ConfigurationInvalid(
            "the database is not empty",
            hint="name an empty one, or pass `--replace` to give up the node's database there",
        )
    if connection.dialect.name == "postgresql":
        others = sa.text(
            "SELECT count(*) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        if connection.execute(others).scalar():
            raise StoreUnavailable("the database is in use", hint="stop the node first")
    found.drop_all(connection)


def _fill(connection: Connection, lines: BinaryIO, stated: State) -> None:
    tables = _tables(connection)
    for table in tables.values():
        connection.execute(table.delete())  # what the first migration wrote
    seen: dict[str, int] = {}
    try:
        for name, rows in row_lines.blocks(lines, tables):
            if name in seen:
                raise BackupInvalid(f"table `{name}` occurs twice")
            seen[name] = 0
            while chunk := list(islice(rows, _ROWS)):
                connection.execute(tables[name].insert(), chunk)
                seen[name] += len(chunk)
    except (DataError, IntegrityError) as exc:
        raise BackupInvalid("its rows do not match their schema") from exc
    if seen != dict(stated.rows) or set(seen) != set(tables):
        raise BackupInvalid("it does not hold the tables and rows that it states")
    _grow_log(connection, tables, stated)
    if _charges(connection, tables) != dict(stated.charges):
        raise BackupInvalid("its charges are not those that it states")
    _continue_counting(connection, tables)


def _grow_log(connection: Connection, tables: Mapping[str, Table], stated: State) -> None:
    """Compute the log's tree from its events; keep its inner hashes, compare its head."""
    entries = tables["audit_entry"]
    nodes = Table("audit_node", MetaData(), autoload_with=connection)
    frontier = Frontier()
    waiting: list[Subtree] = []
    query = sa.select(entries.c.index, entries.c.event, entries.c.leaf).order_by(entries.c.index)
    for index, event, leaf in connection.execute(query.execution_options(yield_per=_ROWS)):
        if index != frontier.size or leaf != merkle.leaf_hash(event):
            raise BackupInvalid(f"entry {frontier.size} of its audit log is not what was logged")
        frontier, done = merkle.grow(frontier, leaf)
        waiting += done[1:]
        if len(waiting) >= _ROWS:
            _keep_nodes(connection, nodes, waiting)
    _keep_nodes(connection, nodes, waiting)
    same = frontier == _head(connection, tables)
    if not same or (frontier.size, frontier.root().hex()) != (stated.log_size, stated.log_root):
        raise BackupInvalid("the head of its audit log is not that of its entries")


def _keep_nodes(connection: Connection, nodes: Table, waiting: list[Subtree]) -> None:
    if waiting:
        rows = [{"level": t.level, "position": t.index, "hash": t.hash} for t in waiting]
        connection.execute(nodes.insert(), rows)
        waiting.clear()


def _continue_counting(connection: Connection, tables: Mapping[str, Table]) -> None:
    """Let PostgreSQL number new rows after those that came with a number; SQLite does so itself."""
    if connection.dialect.name != "postgresql":
        return
    for table in tables.values():
        if "seq" in table.c:
            last = connection.execute(sa.select(sa.func.max(table.c.seq))).scalar()
            if last is not None:
                counter = sa.func.pg_get_serial_sequence(table.name, "seq")
                connection.execute(sa.select(sa.func.setval(counter, last)))


def _follow(connection: Connection, before: str, now: str) -> None:
    """Put the new home where results of jobs name the old one."""
    jobs = Table("job", MetaData(), autoload_with=connection)
    prefix = before.rstrip("/") + "/"
    rest = sa.func.substr(jobs.c.result, len(prefix) + 1)
    connection.execute(
        jobs.update()
        .where(sa.func.substr(jobs.c.result, 1, len(prefix)) == prefix)
        .values(result=sa.literal(now.rstrip("/") + "/") + rest)
    )
