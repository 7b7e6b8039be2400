"""Homes and databases that an older release left, as data: see `tests/samples/v1/README.md`.

Rows go into PostgreSQL by the schema of that time, so that both databases migrate from the same
state.
"""

from __future__ import annotations

import io
import lzma
import sqlite3
import tarfile
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from alembic import command

from connector.store import migrations

FOLDER = Path(__file__).parents[1] / "samples"
NODES = ("authority", "school", "lab")
REVISION = "0002"
MADE_AT = datetime(2026, 11, 27, 5, 20, tzinfo=UTC)  # just after the nodes were stopped
_STORED_PATH = "/tmp/preau-sample"  # noqa: S108 - as the nodes of the sample wrote it


def first_generation(folder: Path) -> Path:
    """Unpack the space of the first generation and return its folder; paths in it are mended."""
    with tarfile.open(fileobj=io.BytesIO(_unpacked())) as archive:
        archive.extractall(folder, filter="data")
    for node in NODES:
        settings = folder / node / "preau.toml"
        settings.write_text(settings.read_text().replace(_STORED_PATH, str(folder)))
        with sqlite3.connect(folder / node / "node.sqlite") as database:
            for table, column in (("dataset", "file"), ("job", "result")):
                mended = f"UPDATE {table} SET {column} = replace({column}, ?, ?)"  # noqa: S608 - ours
                database.execute(mended, (_STORED_PATH, str(folder)))
        database.close()
    return folder


def copy_rows(file: Path, url: str) -> None:
    """Make the sample's schema in an empty database and fill it with the rows of a SQLite file."""
    source, target = sa.create_engine(f"sqlite:///{file}"), sa.create_engine(url)
    with source.connect() as old, target.begin() as new:
        command.upgrade(migrations.configuration(new), REVISION)
        tables = sa.MetaData()
        tables.reflect(new)
        for table in tables.sorted_tables:
            new.execute(table.delete())
            found = sa.Table(table.name, sa.MetaData(), autoload_with=old)
            rows = [
                {name: _aware(value) for name, value in row.items()}
                for row in old.execute(sa.select(found)).mappings()
            ]
            if rows:
                new.execute(table.insert(), rows)
            if "seq" in table.c:
                new.execute(_continue_counting(table.name))
    source.dispose()
    target.dispose()


def _continue_counting(table: str) -> Any:
    counted = f"SELECT max(seq) FROM {table}"  # noqa: S608 - a name of our schema
    return sa.text(f"SELECT setval(pg_get_serial_sequence('{table}', 'seq'), ({counted}))")


def _aware(value: Any) -> Any:
    return value.replace(tzinfo=UTC) if isinstance(value, datetime) else value


@cache
def _unpacked() -> bytes:
    return lzma.decompress((FOLDER / "v1" / "space.tar.xz").read_bytes())
