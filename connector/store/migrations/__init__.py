"""How the schema came about, step by step; `upgrade` brings a database to the newest step.

Rules: a revision is never changed once released; nodes that start together on one PostgreSQL take
turns. Alembic is imported only when there is something to do: it costs memory that a running node
does not need.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from enum import Enum
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection, MetaData, Table, inspect, select, text
from sqlalchemy.schema import Column
from sqlalchemy.types import String

from connector.errors import ConfigurationInvalid
from connector.store.database.engine import open_engine, reading, translated, writing

HEAD: Final = "0040"
VERSION_TABLE: Final = "alembic_version"
_TURN: Final = 0x50524541  # advisory lock of PostgreSQL, any fixed number
_WAIT_SECONDS: Final = 30.0


class Schema(Enum):
    """How a database's schema stands to the one of this release."""

    CURRENT = "current"
    OLDER = "older"  # or none at all
    NEWER = "newer"


def upgrade(url: str) -> None:
    """Create or bring up to date the schema of a database.

    Raises:
        ConfigurationInvalid: not a URL of a database that this node knows, or its schema is of a
            release that this one does not know.
        StoreUnavailable: the database did not answer, or stayed locked.
    """
    engine = open_engine(url, _WAIT_SECONDS)
    try:
        with translated(), writing(engine) as connection:
            _take_turn(connection)
            bring_to(connection, HEAD)
    finally:
        engine.dispose()


def schema(url: str) -> Schema:
    """Return how a database's schema stands to this release's; nothing is changed.

    Raises:
        ConfigurationInvalid: not a URL of a database that this node knows.
        StoreUnavailable: the database did not answer.
    """
    with _looking(url) as connection:
        found = current(connection)
        if found == HEAD:
            return Schema.CURRENT
        known = not found or is_known(connection, found)
        return Schema.OLDER if known else Schema.NEWER


def revision(url: str) -> str:
    """Return the revision of a database, empty when it has none; as `schema`."""
    with _looking(url) as connection:
        return current(connection)


@contextmanager
def _looking(url: str) -> Iterator[Connection]:
    engine = open_engine(url, _WAIT_SECONDS)
    try:
        with translated(), reading(engine) as connection:
            yield connection
    finally:
        engine.dispose()


def current(connection: Connection) -> str:
    """Return the revision of a database; empty when it has none."""
    if not inspect(connection).has_table(VERSION_TABLE):
        return ""
    table = Table(VERSION_TABLE, MetaData(), Column("version_num", String(32)))
    return str(connection.execute(select(table.c.version_num)).scalar() or "")


def configuration(connection: Connection) -> Any:
    """Return Alembic's configuration for a connection; no file is read."""
    from alembic.config import Config  # noqa: PLC0415 - 11 MB, only when a schema changes

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    return config


def is_known(connection: Connection, revision: str) -> bool:
    """Return whether a revision is the newest, or one that led to it."""
    if revision == HEAD:
        return True
    from alembic.script import ScriptDirectory  # noqa: PLC0415 - as above

    scripts = ScriptDirectory.from_config(configuration(connection))
    return revision in {each.revision for each in scripts.walk_revisions()}


def bring_to(connection: Connection, revision: str) -> None:
    """Bring a schema up to a revision, in the connection's transaction.

    Raises:
        ConfigurationInvalid: the schema is of a release that this one does not know.
    """
    if current(connection) == revision:
        return
    from alembic import command  # noqa: PLC0415 - as above
    from alembic.util import CommandError  # noqa: PLC0415 - as above

    try:
        command.upgrade(configuration(connection), revision)
    except CommandError as exc:
        raise ConfigurationInvalid(
            "the database's schema is of another release", hint="install the newer release again"
        ) from exc


def _take_turn(connection: Connection) -> None:
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:turn)"), {"turn": _TURN})
