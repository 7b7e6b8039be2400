"""Tables of databases and of further distributions, as the sources of snapshots."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import duckdb
import psycopg
import pytest
from pyarrow import parquet

from connector.bootstrap.diagnosis.sources import checks
from connector.bootstrap.sources import sources_of
from connector.config import Settings, dump, from_mapping
from connector.domain.catalog.connection import connections
from connector.domain.catalog.layout import TABLE, Field, Layout
from connector.domain.catalog.source import Source
from connector.errors import (
    ColumnMissing,
    ConfigurationInvalid,
    DataFileMissing,
    DataFileUnreadable,
    KeyUnusable,
    PreauError,
)
from connector.services.publication import publish
from connector.sources.snapshots import HomeSources
from tests.support.database import PostgresServer
from tests.support.each import over
from tests.support.link import description, link

FIELDS = (
    Field("ine", "text"),
    Field("grade", "integer"),
    Field("reading", "number"),
    Field("né", "date", "YYYY-MM-DD"),
    Field("present", "boolean"),
)
LAYOUT = Layout(TABLE, FIELDS, missing=("ND",))
CREATE = (
    'CREATE TABLE pupils (ine {text}, grade integer, reading numeric(6, 2), "né" date, '
    "present {boolean}, secret {text})"
)
ROWS = [
    ("e1", 4, 410.5, "2012-01-31", True, "S3CR3T"),
    ("e2", None, 433.25, "2012-02-29", False, "S3CR3T"),
    ("ND", 5, None, None, None, "S3CR3T"),
]
READ = {
    "ine": ["e1", "e2", None],
    "grade": [4, None, 5],
    "reading": [410.5, 433.25, None],
    "present": [True, False, None],
}
FURTHER = """
from contextlib import contextmanager
import socket
import pyarrow as pa

@contextmanager
def open_(options, secret, table):
    yield Table(options, table)

class Table:
    def __init__(self, options, table):
        self.options, self.table = options, table

    def names(self):
        return ["ine", "grade", "reading", "né", "present"]

    def columns(self, names, texts, most):
        if self.table == "network":
            socket.socket()
        if self.table == "home":
            open(self.options["private"]).read()
        if self.table == "short":
            yield [pa.array([1])]
        found = {
            "ine": ["e1", "e2", "ND"], "grade": ["4", None, "5"],
            "reading": [410.5, 433.25, None], "né": ["2012-01-31", "2012-02-29", None],
            "present": ["oui", "non", None],
        }
        yield [pa.array(found[name]) for name in names]

def shelf(options, secret):
    import fsspec
    return fsspec.filesystem("dir", path=options["path"], fs=fsspec.filesystem("file"))
"""
UUID = "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"
# Column -> type, literal, datatype of the layout, what is read.
TYPES = {
    "money": ("money", "'1'", "text", "$1.00"),
    "uuid": ("uuid", f"'{UUID}'", "text", UUID),
    "mood": ("mood", "'calm'", "text", "calm"),
    "list": ("integer[]", "'{1,2}'", "text", "{1,2}"),
    "span": ("interval", "'1 day'", "text", "1 day"),
    "small": ("smallint", "7", "integer", 7),
    "rough": ("real", "1.1", "number", 1.100000023841858),  # as it is in binary
    "exact": ("numeric", "123456789012345.25", "number", 123456789012345.25),
    "whole": ("numeric(18)", "123456789012345678", "integer", 123456789012345678),
    "bytes": ("bytea", "'abc'", "number", None),
}


def in_sqlite(home: Path, _server: Callable[[], PostgresServer]) -> Mapping[str, str]:
    with closing(sqlite3.connect(home / "school.db")) as database, database:
        database.execute(CREATE.format(text="text", boolean="text"))
        shown = {True: "true", False: "false", None: None}
        rows = [(*row[:4], shown[row[4]], row[5]) for row in ROWS]  # type: ignore[index] - a bool
        database.executemany("INSERT INTO pupils VALUES (?, ?, ?, ?, ?, ?)", rows)
    return {"kind": "sqlite", "path": "school.db"}


def in_duckdb(home: Path, _server: Callable[[], PostgresServer]) -> Mapping[str, str]:
    with duckdb.connect(str(home / "school.duckdb")) as database:
        database.execute(CREATE.format(text="varchar", boolean="boolean"))
        database.executemany("INSERT INTO pupils VALUES (?, ?, ?, ?, ?, ?)", ROWS)
    return {"kind": "duckdb", "path": "school.duckdb"}


def in_postgresql(home: Path, server: Callable[[], PostgresServer]) -> Mapping[str, str]:
    url = server().create(migrated=False).replace("+psycopg", "")
    with psycopg.connect(url) as database, database.cursor() as cursor:
        cursor.execute(CREATE.format(text="text", boolean="boolean").encode())
        cursor.executemany("INSERT INTO pupils VALUES (%s, %s, %s, %s, %s, %s)", ROWS)
    (home / "keys").mkdir()
    (home / "keys" / "db").touch(mode=0o600)
    (home / "keys" / "db").write_text("S3CR3T\n", encoding="utf-8")
    parts = urlsplit(url)
    return {
        "kind": "postgresql",
        "host": parse_qs(parts.query)["host"][0],
        "database": parts.path.strip("/"),
        "user": parts.username or "postgres",
        "secret": "keys/db",
    }


def in_further(home: Path, _server: Callable[[], PostgresServer]) -> Mapping[str, str]:
    """Install a distribution into a folder of its own, as `pip install --target` leaves it."""
    facts = home / "packages" / "tiny_source-1.0.dist-info"
    facts.mkdir(parents=True)
    (facts / "METADATA").write_text("Metadata-Version: 2.1\nName: tiny-source\nVersion: 1.0\n")
    (facts / "entry_points.txt").write_text(
        "[preau.sources]\ntiny = tiny_source:open_\n[preau.files]\nshelf = tiny_source:shelf\n"
    )
    (facts.parent / "tiny_source.py").write_text(FURTHER, encoding="utf-8")
    (home / "private").touch(mode=0o600)
    return {"kind": "tiny", "packages": "packages", "private": str(home / "private")}


PLACES = {
    "sqlite": in_sqlite,
    "duckdb": in_duckdb,
    "postgresql": in_postgresql,
    "further": in_further,
}


@pytest.fixture(params=PLACES)
def place(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[str, Settings]:
    server = lambda: request.getfixturevalue("postgres_server")  # noqa: E731 - only one kind asks
    return request.param, settings(tmp_path, school=PLACES[request.param](tmp_path, server))


def settings(home: Path, **stated: Mapping[str, Any]) -> Settings:
    values = {"did": "did:web:school.example", "name": "A school", "connections": stated}
    return from_mapping(home, values)


def source(table: str = "pupils", **changes: Any) -> Source:
    return replace(Source(connection="school", table=table, layout=LAYOUT), **changes)


def refused(sources: HomeSources, asked: Source, code: type[PreauError]) -> str:
    with pytest.raises(code) as refusal:
        sources.take(asked)
    assert "S3CR3T" not in refusal.value.reason
    assert not [each for each in sources._folder.glob("*") if each.suffix == ".part"]
    return refusal.value.reason


def test_each_kind_of_table_reads_the_same(place: tuple[str, Settings]) -> None:
    kind, stated = place
    sources = sources_of(stated)
    taken = sources.take(source())
    found = parquet.read_table(taken.path).to_pydict()
    assert {name: found[name] for name in READ} == READ
    assert [str(each) for each in found["né"]] == ["2012-01-31", "2012-02-29", "None"]
    assert "secret" not in found
    assert (taken.source.malformed, taken.source.unreadable) == (0, ())
    proposed = sources.inspect(source())
    assert proposed["layout"]["format"] == TABLE
    types = {each["name"]: each["datatype"] for each in proposed["layout"]["columns"]}
    assert types | {"né": "date", "reading": "number", "present": "boolean"} == types
    assert proposed["rows"] == 3
    unknown = Layout(TABLE, (*FIELDS, Field("none", "text")))
    if kind != "further":
        refused(sources, source("none"), PreauError)
        refused(sources, source('pupils"; DROP TABLE pupils; --'), PreauError)
        refused(sources, source("a.b.pupils"), DataFileUnreadable)
        assert sources.take(source()).digest == taken.digest
    refused(sources, source(layout=unknown), ColumnMissing)


def test_code_of_others_runs_in_the_confined_process(tmp_path: Path) -> None:
    tiny = in_further(tmp_path, PostgresServer)
    closed = sources_of(settings(tmp_path, school=tiny))
    assert "PermissionError" in refused(closed, source("network"), DataFileUnreadable)
    assert "PermissionError" in refused(closed, source("home"), DataFileUnreadable)
    assert "other columns" in refused(closed, source("short"), DataFileUnreadable)
    networked = sources_of(settings(tmp_path, school={**tiny, "network": True}))
    networked.take(source("network"))
    nobody = sources_of(settings(tmp_path, school={"kind": "tiny"}))
    assert "no distribution" in refused(nobody, source(), ConfigurationInvalid)


def test_a_file_system_of_others_serves_files(tmp_path: Path) -> None:
    shelf = {**in_further(tmp_path, PostgresServer), "kind": "shelf", "serves": "files"}
    shelf["network"] = "true"  # its event loop is made of sockets
    (tmp_path / "shelf").mkdir()
    (tmp_path / "shelf" / "rows.jsonl").write_text('{"ine": "e1"}\n', encoding="utf-8")
    (tmp_path / "shelf" / "link.jsonl").symlink_to(tmp_path / "private")
    sources = sources_of(settings(tmp_path, school={**shelf, "path": "shelf"}))
    layout = Layout("jsonl", (Field("ine", "text"),), missing=())
    asked = source(table="", path="rows.jsonl", layout=layout)
    taken = sources.take(asked)
    assert parquet.read_table(taken.path).to_pydict() == {"ine": ["e1"]}
    digest = sha256((tmp_path / "shelf" / "rows.jsonl").read_bytes()).hexdigest()
    assert taken.source.mark == f"sha-256 {digest}"
    refused(sources, replace(asked, path="none.jsonl"), DataFileMissing)
    said = refused(sources, replace(asked, path="link.jsonl"), DataFileUnreadable)
    assert said == "the source failed with `PermissionError`"
    tiny = sources_of(settings(tmp_path, school={**shelf, "kind": "tiny"}))
    assert "no distribution" in refused(tiny, asked, ConfigurationInvalid)


def test_what_arrow_has_no_type_for_comes_in_the_words_of_the_database(
    tmp_path: Path, postgres_server: PostgresServer
) -> None:
    stated = in_postgresql(tmp_path, lambda: postgres_server)
    columns = ", ".join(f'CAST({text} AS {kind}) AS "{n}"' for n, (kind, text, *_) in TYPES.items())
    day = "CASE row WHEN 1 THEN 'infinity' ELSE date '2012-01-31' END AS until"
    where = f"dbname={stated['database']} host={stated['host']} user={stated['user']}"
    with psycopg.connect(where) as database:
        database.execute("CREATE TYPE mood AS ENUM ('calm')")
        rows = f"{columns}, {day} FROM generate_series(1, 3) AS row"
        database.execute(f"CREATE TABLE kinds AS SELECT {rows}".encode())
        database.execute("CREATE VIEW failing AS SELECT ine, 1 / (grade - 5) AS grade FROM pupils")
    sources = sources_of(settings(tmp_path, school=stated))
    fields = [Field(name, datatype) for name, (_, _, datatype, _) in TYPES.items()]
    layout = Layout(TABLE, (*fields, Field("until", "date", "YYYY-MM-DD")), decimal=",", missing=())
    taken = sources.take(source("kinds", layout=layout))
    found = parquet.read_table(taken.path).to_pydict()
    assert {name: found[name][0] for name in TYPES} == {n: row[3] for n, row in TYPES.items()}
    assert [each and each.year for each in found["until"]] == [None, 2012, 2012]
    assert [(each.column, each.values) for each in taken.source.unreadable] == [("until", 1)]
    for name in ("money", "span"):
        numbers = Layout(TABLE, (Field(name, "number"),))
        assert "are not of type number" in refused(
            sources, source("kinds", layout=numbers), PreauError
        )
    said = refused(sources, source("failing", layout=Layout(TABLE, FIELDS[:2])), DataFileUnreadable)
    assert said.startswith("the database stopped")


def test_a_database_that_is_written_to_is_left_alone(tmp_path: Path) -> None:
    sources = sources_of(settings(tmp_path, school=in_sqlite(tmp_path, PostgresServer)))
    with closing(sqlite3.connect(tmp_path / "school.db")) as database:
        database.execute("PRAGMA journal_mode = WAL")
        with database:
            database.execute("DELETE FROM pupils WHERE grade = 4")
        assert "is being written to" in refused(sources, source(), DataFileUnreadable)
    taken = sources.take(source())
    assert parquet.read_table(taken.path).num_rows == 2


def test_a_server_that_does_not_answer_is_said_without_its_address(tmp_path: Path) -> None:
    gone = {"kind": "postgresql", "host": "127.0.0.1", "port": 1, "database": "d", "user": "u"}
    sources = sources_of(settings(tmp_path, school=gone))
    assert "does not answer" in (said := refused(sources, source(), DataFileMissing))
    assert "127.0.0.1" not in said
    secret = sources_of(settings(tmp_path, school={**gone, "secret": "keys/none"}))
    refused(secret, source(), KeyUnusable)


@over(
    ("stated", "says"),
    [
        ({"kind": "sqlite"}, "lacks `path`"),
        ({"kind": "sqlite", "path": "a", "user": "b"}, "an option `user` that its kind does not"),
        ({"path": "a"}, "a `kind`"),
        ({"kind": "lrs", "serves": "rows"}, "serves `tables` or `files`"),
        ({"kind": "https", "url": "http://data.example"}, "an `https://` address"),
        ({"kind": "https", "url": "https://u:p@data.example"}, "without user or query"),
        ({"kind": "s3", "bucket": "b", "endpoint": "https://x/?a=b"}, "without user or query"),
    ],
)
def test_connections_are_stated_as_their_kind_demands(stated: dict[str, str], says: str) -> None:
    with pytest.raises(ConfigurationInvalid, match=says):
        connections({"school": stated})


def test_settings_keep_connections_and_doctor_shows_them(tmp_path: Path) -> None:
    lake = {"kind": "s3", "bucket": "b", "endpoint": "https://s3.example", "secret": "keys/lake"}
    stated = settings(tmp_path, lake=lake, school={"kind": "duckdb", "path": "s.duckdb"})
    assert "[connections.lake]" in dump(stated)
    shown = {each.name: (each.verdict, each.finding) for each in checks(stated)}
    assert shown["connection lake"][0] == "fail"
    assert shown["connection school"] == ("ok", "duckdb, s.duckdb; stays on this machine")
    with pytest.raises(ConfigurationInvalid, match="tables"):
        from_mapping(tmp_path, {"did": "d", "name": "n", "connections": {"a": 1}})


def test_a_description_names_a_connection_and_peers_learn_nothing_of_it(tmp_path: Path) -> None:
    with link(tmp_path) as pair:
        school = pair.school
        stated = replace(
            school.ports.settings, connections={"school": in_sqlite(school.home, PostgresServer)}
        )
        ports = replace(school.ports, settings=stated, sources=sources_of(stated))
        columns = [
            {"name": "ine", "class": "direct identifier", "datatype": "category"},
            {"name": "reading", "class": "sensitive", "datatype": "number"},
        ]
        raw = description(
            pair.folder,
            file={"connection": "school", "table": "pupils"},
            layout=LAYOUT.body(),
            columns=columns,
            person_column="ine",
            malformed_share=0.5,
        )
        found = publish.publish(ports, raw)
        assert found.file.place == "school: pupils"
        with ports.store.read() as tx:
            logged = b"".join(entry.event for entry in tx.audit.entries())
        assert b"school.db" not in logged
        assert b"urn:example:pupils" in logged
        for said in (
            found.credential,
            *(offer.policy.decode() for offer in publish.offers(ports, found.id)),
        ):
            assert "school.db" not in said
        for file, why in (
            ({"connection": "none", "table": "pupils"}, "no connection `none`"),
            ({"connection": "school", "path": "a", "format": "jsonl"}, "serves tables"),
            ({"connection": "school", "table": "pupils", "format": "csv"}, "`file/format`"),
        ):
            layout = LAYOUT.body() | ({} if "table" in file else {"format": "jsonl"})
            with pytest.raises(PreauError, match=why):
                publish.publish(ports, raw | {"file": file, "layout": layout})
