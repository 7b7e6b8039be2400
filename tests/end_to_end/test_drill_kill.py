"""Nodes that die at the worst instants: real processes, real SIGKILL, one federation for all tests.

The authority is stopped before anything is negotiated and stays down throughout.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from connector.sdk import Client
from tests.support.command import short_folder
from tests.support.drill import (
    Federation,
    Size,
    committed,
    completed,
    federation,
    kill,
    restart,
    wait_for,
)
from tests.support.drill_faults import contract_faults, faults

pytestmark = pytest.mark.timeout(300)

SIZE = Size(pupils=200, rounds=4, steps=30, round_seconds=60, deadline_seconds=150)
PATIENCE = 120.0


@pytest.fixture(scope="module")
def running() -> Iterator[Federation]:
    with short_folder() as folder, federation(folder, SIZE) as fed:
        yield fed


@pytest.fixture
def fed(running: Federation) -> Federation:
    running.start_stopped()
    return running


def test_with_the_authority_down_contracts_and_jobs_go_on(fed: Federation) -> None:
    assert fed.space.authority.process is None
    assert fed.contract("nord")
    job = fed.submit().id
    assert fed.ended(job, fed.lab, PATIENCE).state == "COMPLETED"
    assert faults(fed, [job]) == []


def test_a_provider_killed_once_it_has_signed_concludes_the_contract(fed: Federation) -> None:
    site = fed.sites["centre"]
    opened = fed.open("centre")
    assert wait_for(site, lambda client: _at_least_signed(client, opened.pid), 30)
    restart(site)
    assert contract_faults(fed.lab, site) == []
    with fed.lab.client() as lab:
        assert lab.negotiation(opened.pid).state == "FINALIZED"


def test_a_consumer_killed_at_once_after_its_request_leaves_nothing_half_made(
    fed: Federation,
) -> None:
    fed.open("sud")
    restart(fed.lab)
    assert contract_faults(fed.lab, fed.sites["sud"]) == []


def test_a_site_and_the_lab_killed_within_rounds_spend_each_round_once(fed: Federation) -> None:
    site = fed.sites["nord"]
    job = fed.submit().id
    assert wait_for(site, committed(job, 2), PATIENCE)
    restart(site)
    assert wait_for(fed.lab, completed(job, 2), PATIENCE)
    restart(fed.lab)
    ended = fed.ended(job, fed.lab, PATIENCE)
    assert (ended.state, ended.round) == ("COMPLETED", SIZE.rounds), ended.reason
    assert faults(fed, [job]) == []


def test_a_site_that_stays_dead_is_waited_for_and_named_and_the_others_are_released(
    fed: Federation,
) -> None:
    site = fed.sites["sud"]
    job = fed.submit(roundSeconds=5.0, deadlineSeconds=_short_deadline(fed)).id
    assert wait_for(site, committed(job, 1), PATIENCE)
    kill(site)
    ended = fed.ended(job, fed.lab, SIZE.deadline_seconds)
    assert (ended.state, ended.code) == ("FAILED", "DEADLINE_PASSED")
    assert site.did in ended.reason
    for name in ("nord", "centre"):
        there = fed.ended(job, fed.sites[name], 30)
        assert there.state in {"FAILED", "CANCELLED"}  # its own clock or the lead's word
        assert there.code
        assert "deadline" in there.reason
    site.start()
    assert faults(fed, [job]) == []


def _short_deadline(fed: Federation) -> float:
    """Return seconds in which a job here surely begins its first round, by those that ran."""
    with fed.lab.client() as lab:
        jobs = [job for job in lab.jobs() if job.state == "COMPLETED"]
    took = [(job.updated_at - job.created_at).total_seconds() for job in jobs]
    return max(20.0, 2 * min(took, default=40.0))


def _at_least_signed(client: Client, consumer_pid: str) -> bool:
    states = {"AGREED", "VERIFIED", "FINALIZED"}
    return any(n.peer_pid == consumer_pid and n.state in states for n in client.negotiations())
