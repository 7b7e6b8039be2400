"""The schema that the migrations make is the one that the tables declare, on both databases."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from connector.domain.catalog.dataset import Offer
from connector.errors import ConfigurationInvalid, StoreUnavailable
from connector.jsonld.canonical import canonical
from connector.jsonld.dsp_policy import to_dsp
from connector.ports import Transaction
from connector.store import SqlStore
from connector.store.migrations import HEAD, configuration, current, upgrade
from connector.store.repository import SqlRepository
from connector.store.tables.declared import METADATA
from tests.support.doubles import NOON, FixedClock
from tests.support.link import CONTEXT

ROOT = Path(__file__).parents[2]


@pytest.fixture
def engine(empty_url: str) -> Iterator[sa.Engine]:
    engine = sa.create_engine(empty_url)
    yield engine
    engine.dispose()


def test_migrated_schema_and_declared_tables_are_the_same(
    empty_url: str, engine: sa.Engine
) -> None:
    upgrade(empty_url)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, METADATA) == []
        inspector = sa.inspect(connection)
        for name, table in METADATA.tables.items():
            assert _checks(table) == {c["name"] for c in inspector.get_check_constraints(name)}


def test_the_comparison_sees_a_difference(empty_url: str, engine: sa.Engine) -> None:
    upgrade(empty_url)
    with engine.begin() as connection:
        connection.execute(sa.text("ALTER TABLE outbox ADD COLUMN colour VARCHAR"))
        connection.execute(sa.text("DROP INDEX job_state"))
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        found = {difference[0] for difference in compare_metadata(context, METADATA)}
    assert found == {"remove_column", "add_index"}


def test_upgrading_again_keeps_what_is_there(empty_url: str, engine: sa.Engine) -> None:
    upgrade(empty_url)
    store = SqlStore(empty_url, FixedClock())
    with store.write() as tx:
        tx.audit.append("test.event", "s")
    upgrade(empty_url)
    with store.read() as tx:
        assert tx.audit.head()[0] == 1
    store.close()
    with engine.connect() as connection:
        assert current(connection) == HEAD


def test_nodes_that_start_together_take_turns(empty_url: str, engine: sa.Engine) -> None:
    failed: list[BaseException] = []

    def run() -> None:
        try:
            upgrade(empty_url)
        except BaseException as exc:  # noqa: BLE001 - shown by the assertion below
            failed.append(exc)

    threads = [threading.Thread(target=run, daemon=True) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not any(thread.is_alive() for thread in threads)
    assert failed == []
    with engine.connect() as connection:
        assert connection.execute(sa.text("SELECT count(*) FROM audit_head")).scalar() == 1


def test_a_failed_upgrade_leaves_nothing(empty_url: str, engine: sa.Engine) -> None:
    with engine.begin() as connection:
        connection.execute(sa.text("CREATE TABLE outbox (id VARCHAR)"))
    with pytest.raises(StoreUnavailable):
        upgrade(empty_url)
    with engine.connect() as connection:
        assert sa.inspect(connection).get_table_names() == ["outbox"]
        assert current(connection) == ""


def test_a_schema_of_a_newer_release_is_refused(empty_url: str, engine: sa.Engine) -> None:
    upgrade(empty_url)
    with engine.begin() as connection:
        connection.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(ConfigurationInvalid, match="another release"):
        upgrade(empty_url)


def test_the_schema_can_be_taken_back(empty_url: str, engine: sa.Engine) -> None:
    from alembic import command  # noqa: PLC0415 - imported where it is used, as in the node

    upgrade(empty_url)
    with engine.begin() as connection:
        command.downgrade(configuration(connection), "base")
        assert sa.inspect(connection).get_table_names() == ["alembic_version"]


def test_offers_that_are_carried_over_get_their_form(empty_url: str, engine: sa.Engine) -> None:
    from alembic import command  # noqa: PLC0415 - as above

    upgrade(empty_url)
    rule = {"action": "odrl:use"}
    refined = {"@id": "odrl:use", "odrl:refinement": [{"leftOperand": "count"}]}
    told = {
        name: canonical({"@context": CONTEXT, "@type": "Offer", "@id": name, "permission": [each]})
        for name, each in (("urn:plain", rule), ("urn:refined", {"action": refined}))
    }
    store = SqlStore(empty_url, FixedClock())
    with store.write() as tx:
        for name, policy in told.items():
            tx.offers.put(Offer(name, "urn:d", policy, "00", NOON))
    store.close()
    with engine.begin() as connection:
        command.downgrade(configuration(connection), "0036")
    upgrade(empty_url)
    store = SqlStore(empty_url, FixedClock())
    with store.read() as tx:
        forms = {each.id: each.dsp for each in tx.offers.find()}
    store.close()
    assert forms == {
        "urn:plain": canonical(to_dsp(told["urn:plain"], kind="catalog")),
        "urn:refined": b"",
    }


def test_a_store_without_schema_says_so(empty_url: str) -> None:
    store = SqlStore(empty_url, FixedClock())
    with pytest.raises(StoreUnavailable, match="did not answer"), store.read() as tx:
        tx.issuers.find()
    store.close()


def test_the_newest_revision_is_the_one_the_node_expects(engine: sa.Engine) -> None:
    with engine.connect() as connection:
        scripts = ScriptDirectory.from_config(configuration(connection))
    assert scripts.get_heads() == [HEAD]


def test_each_table_has_the_fields_of_its_value(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'node.sqlite'}"
    upgrade(url)
    store = SqlStore(url, FixedClock())
    with store.read() as tx:
        others = {"audit", "promises", "shelf", "tokens", "holdings"}
        for name in set(Transaction.__annotations__) - others:
            repository: SqlRepository[Any] = getattr(tx, name)
            columns = set(repository._table.columns.keys()) - {"seq", "words"}
            assert columns == {item.name for item in fields(repository._kind)}, name
    store.close()


def test_alembic_is_not_loaded_when_the_schema_is_current(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'node.sqlite'}"
    program = (
        "import sys; from connector.store.migrations import upgrade; "
        "upgrade(sys.argv[1]); print('alembic' in sys.modules)"
    )
    seen = [
        subprocess.run(
            [sys.executable, "-c", program, url],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
        ).stdout
        for _ in range(2)
    ]
    assert seen == ["True\n", "False\n"]


def _checks(table: sa.Table) -> set[Any]:
    return {c.name for c in table.constraints if isinstance(c, sa.CheckConstraint)}
