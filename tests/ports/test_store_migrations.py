"""What a database of an earlier release becomes, on both databases."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic import command

from connector.domain.catalog.dataset import PrivacyCap
from connector.domain.privacy.register import Register, own_register
from connector.domain.space import Space
from connector.errors import RowDamaged
from connector.jsonld.canonical import canonical
from connector.services.evidence.own_log import MERGED
from connector.services.membership import belonging
from connector.services.privacy import budget
from connector.store import SqlStore
from connector.store.mapping import to_row
from connector.store.migrations import configuration, upgrade
from connector.store.unit import SqlTransaction
from federated.privacy.event import Events, sampled_gaussian
from federated.privacy.rule import Accounting, Rule, order_for
from tests.support.doubles import FixedClock, settings_for_tests

BEFORE = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.fixture
def engine(empty_url: str) -> Iterator[sa.Engine]:
    """A database of the release before registers."""
    engine = sa.create_engine(empty_url)
    with engine.begin() as connection:
        command.upgrade(configuration(connection), "0002")
    yield engine
    engine.dispose()


def insert(engine: sa.Engine, table: str, **columns: Any) -> None:
    with engine.begin() as connection:
        rows = sa.Table(table, sa.MetaData(), autoload_with=connection)
        blank = {c.name: _BLANK[str(c.type).split("(")[0]] for c in rows.columns if not c.nullable}
        del blank["seq"]
        connection.execute(rows.insert().values({**blank, **columns}))


_BLANK = {"VARCHAR": "", "TEXT": "[]", "BOOLEAN": False, "BIGINT": 1, "INTEGER": 1}
_BLANK |= {
    "BLOB": b"",
    "BYTEA": b"",
    "FLOAT": 1.0,
    "DOUBLE PRECISION": 1.0,
    "TIMESTAMP": BEFORE,
    "DATETIME": BEFORE,
}


def dataset(
    engine: sa.Engine, name: str, digest: str, cap: tuple[float, float] | None, **columns: str
) -> None:
    stated = None if cap is None else json.dumps({"epsilon": cap[0], "delta": cap[1]})
    file = json.dumps({"path": "/x", "format": "csv", "digest": digest})
    at = BEFORE + timedelta(days=len(name))
    insert(engine, "dataset", id=name, cap=stated, file=file, published_at=at, **columns)


def reservation(engine: sa.Engine, job: str, dataset_id: str, rounds: int) -> None:
    insert(
        engine,
        "reservation",
        job_id=job,
        dataset_id=dataset_id,
        steps=10,
        committed_rounds=rounds,
        state="open",
    )


@contextmanager
def upgraded(url: str) -> Iterator[SqlTransaction]:
    upgrade(url)
    store = SqlStore(url, FixedClock())
    with store.read() as tx:
        yield tx
    store.close()


def test_a_dataset_gets_a_register_with_its_cap_and_what_was_spent(
    empty_url: str, engine: sa.Engine
) -> None:
    dataset(engine, "urn:a", "d1", (3.0, 1e-5))
    dataset(engine, "urn:bb", "d2", (1.0, 1e-6))
    reservation(engine, "j1", "urn:a", 2)
    reservation(engine, "j2", "urn:a", 3)
    with upgraded(empty_url) as tx:
        first, second = tx.registers.find()
        assert [each.register_id for each in tx.datasets.find()] == [first.id, second.id]
        assert [each.job_id for each in tx.reservations.find(register_id=first.id)] == ["j1", "j2"]
    assert (first.id, second.id) == (own_register("urn:a"), own_register("urn:bb"))
    assert first.accounting == Accounting(Rule.RENYI, order_for(3.0, 1e-5))
    assert second.accounting == Accounting(Rule.RENYI, order_for(1.0, 1e-6))
    assert (first.charges, second.charges) == (5, 0)
    assert first.cap == PrivacyCap(3.0, 1e-5)


def test_datasets_of_the_same_file_share_the_smallest_cap_and_all_that_they_spent(
    empty_url: str, engine: sa.Engine
) -> None:
    dataset(engine, "urn:a", "same", (3.0, 1e-6))
    dataset(engine, "urn:bb", "same", (2.0, 1e-5))
    dataset(engine, "urn:ccc", "other", (5.0, 1e-5))
    for index, name in enumerate(("urn:a", "urn:bb", "urn:ccc")):
        reservation(engine, f"j{index}", name, index + 1)
    with upgraded(empty_url) as tx:
        shared, other = tx.registers.find()
        together = tx.reservations.find(register_id=shared.id)
        assert len(tx.datasets.find(register_id=shared.id)) == 2
    assert [each.dataset_id for each in together] == ["urn:a", "urn:bb"]
    assert shared.cap == PrivacyCap(2.0, 1e-6)
    assert shared.accounting.order == order_for(2.0, 1e-6)
    assert (shared.charges, other.charges) == (3, 3)


def test_data_of_no_person_has_a_register_without_cap(empty_url: str, engine: sa.Engine) -> None:
    dataset(engine, "urn:a", "d", None)
    with upgraded(empty_url) as tx:
        (found,) = tx.registers.find()
    assert (found.cap, found.accounting) == (None, Accounting(Rule.SUMS))


def test_a_job_states_its_mechanism_as_events(empty_url: str, engine: sa.Engine) -> None:
    dataset(engine, "urn:a", "d", (3.0, 1e-5))
    whole: dict[str, Any] = {"steps": 10, "steps_per_round": 2}
    odd: dict[str, Any] = {"steps": 11, "steps_per_round": 4}
    for job, figures in {"j1": whole, "j2": odd}.items():
        figures |= {"noise_multiplier": 1.5, "sampling_rate": 0.25, "committed_rounds": 2}
        insert(engine, "reservation", job_id=job, dataset_id="urn:a", state="open", **figures)
    with upgraded(empty_url) as tx:
        first, second = tx.reservations.find()
    assert (first.events, first.rounds) == (Events((sampled_gaussian(1.5, 0.25, 2),)), 5)
    assert (second.events, second.rounds) == (Events((sampled_gaussian(1.5, 0.25, 4),)), 3)


def test_a_job_that_no_mechanism_costs_stops_what_counts_it(
    empty_url: str, engine: sa.Engine
) -> None:
    dataset(engine, "urn:a", "d", (3.0, 1e-5))
    columns = {"noise_multiplier": 0.0, "steps": 10, "committed_rounds": 2}
    insert(engine, "reservation", job_id="j", dataset_id="urn:a", state="open", **columns)
    with upgraded(empty_url) as tx:
        (register,) = tx.registers.find()
        with pytest.raises(RowDamaged):
            budget.spending(tx, register)


def test_a_dataset_published_before_has_no_check_on_record(
    empty_url: str, engine: sa.Engine
) -> None:
    dataset(engine, "urn:a", "d", (3.0, 1e-5))
    with upgraded(empty_url) as tx:
        (found,) = tx.datasets.find()
        assert (tx.censuses.find(), tx.persons.find()) == ([], [])
    assert (found.person_format, found.malformed_share) == ("text", 0.05)


def test_what_a_negotiation_lacked_before_is_bytes(empty_url: str) -> None:
    engine = sa.create_engine(empty_url)
    with engine.begin() as connection:
        command.upgrade(configuration(connection), "0001")
    insert(engine, "negotiation", pid="urn:old", policy=b"{}", role="provider")
    engine.dispose()
    upgrade(empty_url)
    engine = sa.create_engine(empty_url)
    with engine.connect() as connection:
        row = connection.execute(sa.text("SELECT asked, offered FROM negotiation")).one()
    engine.dispose()
    assert [bytes(value) for value in row] == [b"", b""]


def test_a_register_that_was_merged_says_into_which(empty_url: str) -> None:
    engine = sa.create_engine(empty_url)
    with engine.begin() as connection:
        command.upgrade(configuration(connection), "0014")
    accounting = to_row(Register("", None, Accounting(Rule.SUMS), 0, BEFORE))["accounting"]
    merges = [("urn:gone", "urn:kept"), ("urn:used", "urn:kept"), ("urn:kept", "urn:gone")]
    for name, _ in merges:
        insert(engine, "register", id=name, accounting=accounting)
    for index, (name, into) in enumerate(merges):
        event = canonical({"facts": {"source": name}})
        columns = {"kind": MERGED, "subject": into, "event": event, "leaf": b"", "at": BEFORE}
        with engine.begin() as connection:
            entries = sa.Table("audit_entry", sa.MetaData(), autoload_with=connection)
            connection.execute(entries.insert().values(index=index, **columns))
    dataset(engine, "urn:a", "d", None, register_id="urn:used")  # it was given data again
    engine.dispose()
    with upgraded(empty_url) as tx:
        marks = {each.id: each.merged_into for each in tx.registers.find()}
    assert marks == {"urn:gone": "urn:kept", "urn:used": "", "urn:kept": ""}


def test_what_was_concluded_before_is_of_the_configured_space(
    empty_url: str, tmp_path: Path
) -> None:
    engine = sa.create_engine(empty_url)
    with engine.begin() as connection:
        command.upgrade(configuration(connection), "0037")
    insert(engine, "agreement", id="urn:old", role="provider", standing="running")
    insert(engine, "offer", id="urn:old")
    insert(engine, "participant", did="did:web:peer.example", membership="a.b.c")
    engine.dispose()
    settings = settings_for_tests(
        tmp_path, "did:web:node.example", spaces=(Space("did:web:two.example", name="two"),)
    )
    with upgraded(empty_url) as tx:
        (contract,) = tx.agreements.find()
        (offer,) = tx.offers.find()
        (peer,) = tx.participants.find()
    for space in (contract.space, offer.space, peer.space):
        assert belonging.named(settings, space).id == settings.space
    there = belonging.placed(settings, peer)
    assert (there.space, there.membership) == (settings.space, "a.b.c")
    assert there.seen_in("did:web:two.example").membership == ""
