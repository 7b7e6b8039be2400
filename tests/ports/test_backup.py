"""A backup of a running node holds one state of its database, and any database takes it in."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
import sqlalchemy as sa

from connector import config
from connector.bootstrap.backups import archive, backup
from connector.config import Settings
from connector.errors import ConfigurationInvalid, StoreUnavailable
from connector.services.continuity.recovery import RECORDED
from connector.store import SqlStore, migrations
from connector.store.backup import snapshot
from tests.support.doubles import FixedClock
from tests.support.hammer import CHARGED, JOB, hammered
from tests.support.samples import copy_rows, first_generation

BACKUPS = 2

Database = Callable[[str], str]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return first_generation(tmp_path / "space") / "school"


@pytest.fixture
def database(request: pytest.FixtureRequest) -> Iterator[Database]:
    """An empty database of a kind; the URL is empty for SQLite in the home."""
    made: list[str] = []

    def create(kind: str) -> str:
        if kind == "sqlite":
            return ""
        made.append(request.getfixturevalue("postgres_server").create(migrated=False))
        return made[-1]

    yield create
    for url in made:
        request.getfixturevalue("postgres_server").drop(url)


def node(home: Path, url: str) -> Settings:
    """Return the settings of the sample's school, on a database of its own where a URL is given."""
    settings = config.load(home)
    if not url:
        return settings
    copy_rows(home / "node.sqlite", url)
    return replace(settings, database=url)


def rows(url: str) -> bytes:
    out = io.BytesIO()
    snapshot.dump(url, out)
    return out.getvalue()


@pytest.mark.parametrize("target", ["sqlite", "postgresql"])
@pytest.mark.parametrize("source", ["sqlite", "postgresql"])
def test_what_was_backed_up_is_restored_row_for_row_and_brought_up_to_date(
    home: Path, tmp_path: Path, database: Database, source: str, target: str
) -> None:
    settings = node(home, database(source))
    made = backup.make(settings, tmp_path / "b.tar", clock=FixedClock())
    assert (made.schema, made.did, made.log_size) == ("0002", settings.did, 51)
    migrations.upgrade(settings.database_url)
    source_store = SqlStore(settings.database_url, FixedClock())
    with source_store.write() as tx:  # the one line that a restore adds to a log without it
        tx.audit.append(RECORDED, settings.did)
    source_store.close()
    restored = tmp_path / "restored"
    backup.restore(tmp_path / "b.tar", restored, database=database(target), clock=FixedClock())
    there = config.load(restored)
    assert rows(there.database_url) == rows(settings.database_url)
    with sa.create_engine(there.database_url).connect() as connection:
        assert (connection.dialect.name, migrations.current(connection)) == (
            target,
            migrations.HEAD,
        )
        nodes = sa.text("SELECT level, position, hash FROM audit_node ORDER BY level, position")
        assert len(connection.execute(nodes).all()) == 49
    connection.engine.dispose()
    store = SqlStore(there.database_url, FixedClock())
    with store.write() as tx:  # numbers go on where they were
        tx.outbox.put(replace(tx.outbox.find()[0], id="urn:new"))
        tx.audit.append("node.started", settings.did)
        assert tx.outbox.find()[-1].id == "urn:new"
        assert tx.audit.head()[0] == 53
    store.close()


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_a_backup_under_load_is_of_one_instant(
    home: Path, tmp_path: Path, database: Database, kind: str
) -> None:
    settings = node(home, database(kind))
    migrations.upgrade(settings.database_url)
    with hammered(settings.database_url):
        files = [tmp_path / f"{number}.tar" for number in range(BACKUPS)]
        made = [backup.make(settings, file) for file in files]
    assert all(one.log_size < other.log_size for one, other in pairwise(made))
    for number, file in enumerate(files):
        backup.restore(file, tmp_path / f"home-{number}", database=database(kind))
        there = config.load(tmp_path / f"home-{number}")
        store = SqlStore(there.database_url, FixedClock())
        with store.read() as tx:
            reservation = tx.reservations.get(JOB)
            assert reservation is not None
            (register,) = tx.registers.find()
            others = sum(each.committed_rounds for each in tx.reservations.find())
            recorded = [each.round for each in tx.rounds.find(job_id=JOB)]
            logged = tx.audit.entries(limit=10**6, subject=JOB, kind=CHARGED)
            assert len(recorded) == len(logged) == reservation.committed_rounds > 0
            assert register.charges == others == sum(made[number].charges.values())
            assert tx.audit.root(made[number].log_size).hex() == made[number].log_root
        store.close()


def test_a_database_that_is_not_empty_is_kept(
    home: Path, tmp_path: Path, database: Database
) -> None:
    url = database("postgresql")
    settings = node(home, url)
    before = rows(url)
    backup.make(settings, tmp_path / "b.tar")
    with pytest.raises(ConfigurationInvalid, match="database is not empty"):
        backup.restore(tmp_path / "b.tar", tmp_path / "restored", database=url)
    assert rows(url) == before
    assert not (tmp_path / "restored").exists()
    backup.restore(tmp_path / "b.tar", tmp_path / "restored", database=database("postgresql"))


def test_a_nodes_database_is_replaced_only_while_nobody_uses_it(
    home: Path, tmp_path: Path, database: Database
) -> None:
    url = database("postgresql")
    settings = node(home, url)
    (home / "preau.toml").write_text(config.dump(settings))
    backup.make(settings, tmp_path / "b.tar")
    store = SqlStore(url, FixedClock())
    migrations.upgrade(url)
    with store.write() as tx:
        tx.audit.append("node.started", settings.did)
    with pytest.raises(StoreUnavailable, match="in use"):
        backup.restore(tmp_path / "b.tar", home, replace_home=True)
    with store.read() as tx:
        assert tx.audit.head()[0] == 52
    store.close()
    backup.restore(tmp_path / "b.tar", home, replace_home=True)
    with store.read() as tx:
        assert [each.kind for each in tx.audit.entries(start=51)] == [RECORDED]
    store.close()
    assert config.load(home).database == url


def test_tables_of_another_program_are_never_dropped(
    home: Path, tmp_path: Path, database: Database
) -> None:
    url = database("postgresql")
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        connection.execute(sa.text("CREATE TABLE theirs (id integer)"))
    engine.dispose()
    backup.make(config.load(home), tmp_path / "b.tar")
    with pytest.raises(ConfigurationInvalid, match="database is not empty"):
        backup.restore(tmp_path / "b.tar", home, database=url, replace_home=True)
    with engine.connect() as connection:
        assert sa.inspect(connection).get_table_names() == ["theirs"]
    engine.dispose()


def test_what_a_worker_leaves_in_its_folder_stops_no_backup(home: Path, tmp_path: Path) -> None:
    kept = home / "jobs" / ("f" * 64) / "model.npz"
    left = home / "jobs" / "of a worker" / "model.npz"
    linked = home / "jobs" / "linked" / "model.card.json"
    for file in (kept, left, linked):
        file.parent.mkdir(parents=True)
    beside = kept.with_name("model.receipts.json")
    for file in (kept, beside, left, left.with_name("model.npz.tmp")):
        file.write_bytes(b"model")
    linked.symlink_to(tmp_path)
    migrations.upgrade(node(home, "").database_url)
    backup.make(node(home, ""), tmp_path / "b.tar")
    with tarfile.open(tmp_path / "b.tar") as found:
        jobs = [name for name in found.getnames() if "/jobs/" in name]
    assert sorted(jobs) == [f"home/jobs/{kept.parent.name}/{each.name}" for each in (kept, beside)]


def test_profiles_and_hierarchies_of_the_home_are_kept_and_others_are_named(
    home: Path, tmp_path: Path
) -> None:
    digest = "a" * 64
    (home / "hierarchies").mkdir()
    for name in (f"{digest}.csv", "half.part"):
        (home / "hierarchies" / name).write_text("text")
    names = ("profiles/a.ttl", "profiles/.b.ttl", "c.ttl", str(tmp_path / "d.ttl"))
    (home / "profiles").mkdir()
    for name in names:
        (home / name).write_text("text")
    settings = replace(node(home, ""), profiles=(*names, names[0]))
    migrations.upgrade(settings.database_url)
    backup.make(settings, tmp_path / "b.tar")
    with tarfile.open(tmp_path / "b.tar") as found:
        kept = [name for name in found.getnames() if "ttl" in name or "hierarchies" in name]
    assert kept == ["home/profiles/a.ttl", f"home/hierarchies/{digest}.csv"]
    left = [each for each in backup.outside(settings) if each.endswith("ttl")]
    assert left == [str(home / name) for name in names[1:]]


def test_no_database_is_no_backup(home: Path, tmp_path: Path) -> None:
    settings = config.load(home)
    (home / "node.sqlite").rename(home / "gone")
    with pytest.raises(StoreUnavailable, match="no database"):
        backup.make(settings, tmp_path / "b.tar")
    assert list(tmp_path.glob("*b.tar*")) == []
    assert not (home / "node.sqlite").exists()
    (home / "gone").rename(home / "node.sqlite")
    backup.make(settings, tmp_path / "b.tar")
    with archive.opened(tmp_path / "b.tar") as found:
        assert found.manifest.log_size == 51
