"""A database put back to an older state is noticed and charged, on SQLite and on PostgreSQL."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from connector.domain.catalog.dataset import PrivacyCap
from connector.domain.privacy.budget import Reservation, ReservationState
from connector.domain.privacy.register import Register
from connector.errors import InRecovery
from connector.ports import Ports
from connector.services.continuity import confirmation, recovery
from connector.services.privacy import budget
from connector.store import SqlStore
from federated.privacy.event import Events, sampled_gaussian
from federated.privacy.rule import Accounting, Rule
from tests.support.contracts import NOW
from tests.support.database import PostgresServer, sqlite_url
from tests.support.doubles import FixedClock, ports_for_tests

REGISTER = Register("urn:r", PrivacyCap(3.0, 1e-5), Accounting(Rule.SUMS), 0, NOW)
JOB = Reservation(
    job_id="urn:j",
    agreement_id="urn:a",
    dataset_id="urn:d",
    register_id="urn:r",
    events=Events((sampled_gaussian(1.0, 0.5, 2),)),
    rounds=3,
    committed_rounds=0,
    epsilon=1.5,
    delta=1e-6,
    state=ReservationState.OPEN,
    created_at=NOW,
)


Opened = Callable[[str], Ports]


@pytest.fixture
def ported(tmp_path: Path) -> Iterator[Opened]:
    """Open a database beside the one home; all are closed at the end."""
    stores: list[SqlStore] = []

    def open_(url: str) -> Ports:
        stores.append(SqlStore(url, FixedClock()))
        return ports_for_tests(tmp_path, store=stores[-1])

    yield open_
    for store in stores:
        store.close()


def charged(ports: Ports, *rounds: int) -> None:
    for number in rounds:
        recovery.check(ports)
        with ports.store.write() as tx:
            budget.commit_round(tx, JOB.job_id, number)
            tx.audit.append("job.round.committed", JOB.job_id, round=number)
        recovery.record(ports)


def on_sqlite(folder: Path) -> tuple[str, Callable[[], str]]:
    url = sqlite_url(folder)

    def copy() -> str:
        (folder / "old").mkdir()
        shutil.copy2(folder / "node.sqlite", folder / "old" / "node.sqlite")
        return f"sqlite:///{folder / 'old' / 'node.sqlite'}"

    return url, copy


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_an_older_database_beside_a_newer_record(
    kind: str, tmp_path: Path, ported: Opened, request: pytest.FixtureRequest
) -> None:
    if kind == "sqlite":
        url, copy = on_sqlite(tmp_path)
    else:
        server: PostgresServer = request.getfixturevalue("postgres_server")
        url = server.create()
        copy = lambda: server.copy(url)  # noqa: E731 - beside the other
    ports = ported(url)
    recovery.begin(ports)
    with ports.store.write() as tx:
        tx.registers.put(REGISTER)
        tx.reservations.put(JOB)
        tx.audit.append("job.accepted", JOB.job_id)
    charged(ports, 1)
    ports.store.close()  # type: ignore[attr-defined] - the store is an SqlStore
    old = copy()
    charged(ports, 2)
    ports.store.close()  # type: ignore[attr-defined] - same
    restored = ported(old)
    recovery.begin(restored)
    with pytest.raises(InRecovery):
        charged(restored, 2)
    confirmation.confirm(restored, in_full=True)
    recovery.check(restored)
    with restored.store.read() as tx:
        kept, register = tx.reservations.get(JOB.job_id), tx.registers.get("urn:r")
    assert kept == replace(JOB, state=ReservationState.CLOSED, committed_rounds=3)
    assert register is not None
    assert register.charges == 2
    recovery.begin(ported(old))
    with pytest.raises(InRecovery):  # and the other one does not come back either
        recovery.check(ported(url))
