"""Nodes restored from their backups between jobs: real processes, and no ε comes back.

Whatever is restored, the school counts every job whose updates left it, or the whole contract where
nobody can tell.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from connector.errors import InRecovery
from tests.support.command import short_folder
from tests.support.database import PostgresServer
from tests.support.restore_drill import CONTRACT, DATASET, LITTLE, OTHER, WENT_BACK, Pair, pair

pytestmark = pytest.mark.timeout(600)


@pytest.fixture
def two(postgres_server: PostgresServer) -> Iterator[Pair]:
    """The site's database is on a server, the lead's a file."""
    with short_folder() as folder, pair(folder, postgres_server) as made:
        yield made


def test_no_epsilon_comes_back(two: Pair, postgres_server: PostgresServer) -> None:
    two.negotiate()
    site_and_lead_are_restored_one_after_the_other(two)
    two.negotiate()
    site_and_lead_are_lost_together(two, postgres_server.create(migrated=False))
    the_database_of_the_site_is_deleted(two)


def site_and_lead_are_restored_one_after_the_other(two: Pair) -> None:
    two.job()
    school, lab = two.backup(two.school), two.backup(two.lab)
    last = two.job()
    two.merge()
    spent = two.spent()
    assert len(spent) == 2

    two.restore(two.school, school, "--replace")
    assert two.refusal(LITTLE).startswith(WENT_BACK)
    plan = two.recovery(two.school)
    assert ([job.job for job in plan.jobs], plan.contracts) == ([last.id], [])
    two.confirm(two.school)
    assert two.spent() == spent
    assert two.registers() == [(DATASET, OTHER)]
    assert two.refusal(settled=True).startswith("BUDGET_EXCEEDED")

    two.restore(two.lab, lab, "--replace")
    assert two.recovery(two.lab, lambda view: bool(view.faults)).faults
    assert two.refusal(LITTLE).startswith(WENT_BACK)
    two.confirm(two.lab)
    assert two.refusal(settled=True).startswith("BUDGET_EXCEEDED")
    assert two.spent() == spent


def site_and_lead_are_lost_together(two: Pair, database: str) -> None:
    school, lab = two.backup(two.school), two.backup(two.lab)
    two.job()
    two.lab.stop()

    two.restore(two.school, school, lost=True)  # its counterparty is silent
    plan = two.recovery(two.school, lambda view: bool(view.silent))
    assert (two.agreement, CONTRACT) in [(each.agreement, each.epsilon) for each in plan.contracts]
    # The lead's new machine keeps its database on a server. It answers, and has forgotten the job.
    two.restore(two.lab, lab, "--database", database, lost=True)
    two.recovery(two.lab, lambda view: bool(view.faults))
    two.confirm(two.lab)
    assert two.recovery(two.school, lambda view: bool(view.faults)).contracts == plan.contracts
    with pytest.raises(InRecovery):
        two.confirm(two.school)
    two.confirm(two.school, in_full=True)
    assert two.refusal(settled=True).startswith("BUDGET_EXCEEDED")


def the_database_of_the_site_is_deleted(two: Pair) -> None:
    two.delete_database(two.school)
    assert two.recovery(two.school, lambda view: bool(view.faults)).faults
    with pytest.raises(InRecovery):
        two.confirm(two.school)  # it knows nobody who could tell
    with two.school.client() as client:
        assert client.datasets() == []
