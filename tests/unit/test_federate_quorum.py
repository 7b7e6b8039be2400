"""Jobs that start and go on with whoever is there: sites are down, refuse, are slow, return."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from connector.errors import ApprovalAwaited
from connector.identity import card
from connector.identity import document as documents
from connector.services.continuity import recovery
from connector.services.evidence import own_log
from connector.services.federation.history import told
from connector.services.federation.lead import book
from connector.services.federation.lead import jobs as lead_jobs
from connector.services.federation.site import jobs as site_jobs
from connector.services.federation.site import run as site_run
from federated.job import JobState
from federated.privacy.rule import Rule
from tests.support.federation import LEAD, SITES, Federation, Node, wait_for
from tests.support.jobs import all_running, over, rows, site_over, submitted, waiting

A, B, C = SITES
PRIVACY = {
    "epsilon": 1.5,
    "delta": 1e-6,
    "noiseMultiplier": 2.0,
    "samplingRate": 0.5,
    "steps": 20,
    "clip": 1.0,
}


@pytest.fixture
def federation(tmp_path: Path) -> Federation:
    """Contracts that allow two of three sites, and a lead that waits for nobody long."""
    found = Federation(tmp_path, sites="2")
    waiting(found.lead, 0.2)
    return found


def hold_before(lead: Node, number: int, then: Callable[[], object]) -> None:
    """Do something between two rounds, once."""
    script = lead.workers.lead

    class Replies(dict[int, list[str]]):
        def __setitem__(self, key: int, value: list[str]) -> None:
            super().__setitem__(key, value)
            if key == number - 1 and len(script.starts) == 1:
                then()

    script.replies = Replies(script.replies)


def begun(federation: Federation, **changes: object) -> str:
    """Submit a job whose first round waits for every site, however short its lead's patience is."""
    lead = federation.lead
    lead.workers.lead.hold.clear()
    job_id = submitted(federation, **changes)
    assert wait_for(lambda: set(lead.hub.connected(job_id)) == set(SITES))
    lead.workers.lead.hold.set()
    return job_id


def answers(federation: Federation) -> dict[int, list[str]]:
    return dict(federation.lead.workers.lead.replies)


def events(federation: Federation, job_id: str) -> list[str]:
    return [kind for kind in federation.lead.log(job_id) if kind.startswith("job.site.")]


def test_a_site_that_refuses_is_named_and_left_out(federation: Federation) -> None:
    bad = federation.site(1)
    bad.ports = replace(bad.ports, code_hash="00" * 32)
    with all_running(federation):
        job_id = submitted(federation, quorum=2)
        over(federation, job_id, JobState.COMPLETED)
        site_over(federation, job_id, JobState.COMPLETED, [federation.site(0), federation.site(2)])
    assert answers(federation) == {number: [A, C] for number in (1, 2, 3)}
    shown = {
        each["site"]: each for each in lead_jobs.progress(federation.lead.ports, job_id)["sites"]
    }
    assert (shown[B]["decision"], shown[B]["code"]) == ("refused", "JOB_REFUSED")
    lines = [told(entry) for entry in own_log.events(federation.lead.ports, 0, 99, job_id).values]
    assert lines[0] == "signed and stored; its sites are asked"
    assert any(line.startswith(f"`{B}` refused: JOB_REFUSED: ") for line in lines)
    assert lines[-2:] == [f"round 3 is over; `{A}`, `{C}` answered", "completed"]
    file, model = (
        lead_jobs.card(federation.lead.ports, job_id),
        lead_jobs.result(federation.lead.ports, job_id).read_bytes(),
    )
    read = card.read(file, documents.read(federation.lead.member.data, LEAD), model)
    stated = {
        each["site"]: (each["rounds"], each["decision"], each["code"]) for each in read["sites"]
    }
    assert stated == {
        A: (3, "accepted", ""),
        B: (0, "refused", "JOB_REFUSED"),
        C: (3, "accepted", ""),
    }


def test_a_site_that_is_down_from_the_start_joins_at_the_round_after_it_is_back(
    federation: Federation,
) -> None:
    lead, late = federation.lead, federation.site(1)
    lead.link.down.add(B)

    def back() -> None:
        row = rows(federation, job_id)[B]
        assert (row.decision, row.code) == ("pending", "PEER_UNREACHABLE")
        lead.link.down.clear()
        assert wait_for(lambda: B in lead.hub.connected(job_id))

    hold_before(lead, 2, back)
    with all_running(federation):
        job_id = submitted(federation, quorum=2)
        over(federation, job_id, JobState.COMPLETED)
        site_over(federation, job_id, JobState.COMPLETED)
    assert answers(federation) == {1: [A, C], 2: [A, B, C], 3: [A, B, C]}
    assert late.reservation(job_id).counted_rounds(Rule.RENYI) == 2
    spent = [each["epsilon"] for each in lead_jobs.progress(lead.ports, job_id)["sites"]]
    assert spent == [1.5, 1.0, 1.5]


@pytest.mark.parametrize("counting", [False, True])
def test_a_site_that_dies_in_a_job_and_returns_joins_at_the_next_round(
    federation: Federation, monkeypatch: pytest.MonkeyPatch, *, counting: bool
) -> None:
    """It returns between two rounds, or just as the one that it missed is written down."""
    lead, site, count = federation.lead, federation.site(1), book.count

    def back() -> None:
        site.reopen()
        site.start()
        assert wait_for(lambda: B in lead.hub.connected(job_id))

    def counted(*facts: Any) -> None:
        back()
        monkeypatch.undo()
        count(*facts)

    def die() -> None:
        if counting:
            monkeypatch.setattr(book, "count", counted)
        else:
            hold_before(lead, 3, back)
        site.stop()

    with all_running(federation):
        hold_before(lead, 2, die)
        job_id = begun(federation, quorum=2)
        over(federation, job_id, JobState.COMPLETED)
        site_over(federation, job_id, JobState.COMPLETED)
    assert answers(federation)[3] == [A, B, C]
    assert [number for number, _ in site.workers.site.updates] == [1, 3]
    assert site.reservation(job_id).counted_rounds(Rule.RENYI) == 2
    assert events(federation, job_id)[-2:] == ["job.site.away", "job.site.back"]
    assert {row.rounds for row in rows(federation, job_id).values()} == {2, 3}


@pytest.mark.parametrize("by_message", [False, True])
def test_a_site_that_returns_after_the_end_learns_how_the_job_ended(
    federation: Federation, *, by_message: bool
) -> None:
    lead, site = federation.lead, federation.site(1)
    with all_running(federation):
        hold_before(lead, 2, site.stop)
        job_id = begun(federation, quorum=2)
        over(federation, job_id, JobState.COMPLETED)
        if by_message:
            lead.restart()  # it has no stream of the job any more
        site.reopen()
        site.start()
        if by_message:
            federation.deliver()
        site_over(federation, job_id, JobState.COMPLETED, [site])
    assert site.reservation(job_id).counted_rounds(Rule.RENYI) == site.job(job_id).round <= 2


def test_an_answer_that_was_lost_costs_its_round_and_the_site_goes_on(
    federation: Federation,
) -> None:
    """Released and never heard: the others' receipts of that round are shown before the next."""
    lead, site = federation.lead, federation.site(1)
    waiting(lead, 0.0)

    def cut() -> None:
        site.link.cut_replies = 1
        site.link.down.add(LEAD)  # it comes back after the round only
        hold_before(lead, 3, back)

    def back() -> None:
        assert wait_for(lambda: len(site.workers.site.updates) == 2)
        site.link.down.clear()
        assert wait_for(lambda: B in lead.hub.connected(job_id))

    with all_running(federation):
        hold_before(lead, 2, cut)
        job_id = begun(federation, quorum=2)
        over(federation, job_id, JobState.COMPLETED)
        site_over(federation, job_id, JobState.COMPLETED)
    assert [sites == [A, B, C] for sites in answers(federation).values()] == [True, False, True]
    assert site.reservation(job_id).counted_rounds(Rule.RENYI) == 3
    assert rows(federation, job_id)[B].rounds == 2


@pytest.mark.parametrize("known", [True, False])
def test_a_lead_that_dies_after_an_answer_was_lost_asks_its_site_again(
    federation: Federation, *, known: bool
) -> None:
    """It has written down what it handed out; where it could not, the site says what it signed."""
    lead, site = federation.lead, federation.site(1)
    waiting(lead, 0.0)

    def cut() -> None:
        site.link.cut_replies = 1
        site.link.down.add(LEAD)
        hold_before(lead, 5, lead.workers.lead.hold.clear)

    with all_running(federation):
        hold_before(lead, 2, cut)
        job_id = begun(federation, quorum=2, rounds=10, privacy=PRIVACY)
        assert wait_for(lambda: lead.job(job_id).round == 4)
        assert [number for number, _ in site.workers.site.updates] == [1, 2]
        lead.stop()
        assert rows(federation, job_id)[B].asked == 2
        if not known:
            with lead.ports.store.write() as tx:
                tx.sites.put(replace(tx.sites.lock(job_id, B), asked=0))
        site.link.down.clear()
        lead.reopen()
        waiting(lead, 15.0)
        lead.start()
        over(federation, job_id, JobState.COMPLETED)
        site_over(federation, job_id, JobState.COMPLETED)
    assert [B in sites for sites in answers(federation).values()] == [
        True,
        *[False] * 3,
        *[True] * 6,
    ]


def test_a_site_in_recovery_joins_once_its_operator_has_confirmed(
    federation: Federation, monkeypatch: pytest.MonkeyPatch
) -> None:
    lead, honest = federation.lead, recovery.faults
    waiting(lead, 0.0)
    monkeypatch.setattr(site_run, "RECOVERY_PAUSE", 0.0)
    gone_back: list[str] = []

    def faults(tx: object, charges: object, did: str, *rest: object) -> tuple[str, ...]:
        return tuple(gone_back) if did == B else honest(tx, charges, did, *rest)  # type: ignore[arg-type]

    def confirm() -> None:
        assert wait_for(lambda: rows(federation, job_id)[B].code == "RECOVERY")
        assert rows(federation, job_id)[B].decision == "away"
        gone_back.clear()
        assert wait_for(lambda: B in lead.hub.connected(job_id))

    def go_back() -> None:
        gone_back.append("the log went back")
        hold_before(lead, 3, confirm)

    monkeypatch.setattr(recovery, "faults", faults)
    with all_running(federation):
        hold_before(lead, 2, go_back)
        job_id = begun(federation, quorum=2)
        over(federation, job_id, JobState.COMPLETED)
        site_over(federation, job_id, JobState.COMPLETED)
    assert [B in sites for sites in answers(federation).values()] == [True, False, True]


def test_a_site_that_is_slow_misses_the_round_and_joins_at_the_next(
    federation: Federation,
) -> None:
    lead, site = federation.lead, federation.site(1)
    script = site.workers.site
    script.silent = True
    hold_before(lead, 2, lambda: setattr(script, "silent", False))
    long = {"rounds": 20, "roundSeconds": 1, "privacy": PRIVACY}  # a busy machine is late, too
    with all_running(federation):
        job_id = submitted(federation, quorum=2, **long)
        over(federation, job_id, JobState.COMPLETED)
        site_over(federation, job_id, JobState.COMPLETED)
    taken = [B in sites for sites in answers(federation).values()]
    assert (taken[0], any(taken)) == (False, True)
    assert "job.site.away" in events(federation, job_id)


def test_a_site_that_cannot_answer_any_round_leaves_and_the_others_go_on(
    federation: Federation,
) -> None:
    federation.site(1).workers.site.refuse = "DATA_FILE_CHANGED"
    with all_running(federation):
        job_id = begun(federation, quorum=2)
        over(federation, job_id, JobState.COMPLETED)
        site_over(federation, job_id, JobState.FAILED, [federation.site(1)])
    assert answers(federation)[3] == [A, C]
    assert (row := rows(federation, job_id)[B]).decision == "left"
    assert row.code == "WORKER_FAILED"


def test_persons_who_decide_late_let_their_site_join(
    federation: Federation, monkeypatch: pytest.MonkeyPatch
) -> None:
    lead, decided = federation.lead, []
    honest = site_jobs._check

    def check(ports: object, *rest: object) -> object:
        if ports.settings.did == B and not decided:  # type: ignore[attr-defined]
            raise ApprovalAwaited("one of two persons has agreed")
        return honest(ports, *rest)  # type: ignore[arg-type]

    def decide() -> None:
        assert rows(federation, job_id)[B].code == "APPROVAL_AWAITED"
        decided.append(B)
        assert wait_for(lambda: B in lead.hub.connected(job_id))

    monkeypatch.setattr(site_jobs, "_check", check)
    hold_before(lead, 3, decide)
    with all_running(federation):
        job_id = submitted(federation, quorum=2)
        over(federation, job_id, JobState.COMPLETED)
        site_over(federation, job_id, JobState.COMPLETED)
    assert answers(federation) == {1: [A, C], 2: [A, C], 3: [A, B, C]}


def test_a_lead_that_dies_knows_who_is_away_and_asks_who_has_not_decided(
    federation: Federation,
) -> None:
    lead, away = federation.lead, federation.site(0)
    lead.link.down.add(B)
    lead.workers.lead.die_before = []

    def stop() -> None:
        away.stop()
        lead.workers.lead.hold.clear()

    with all_running(federation):
        hold_before(lead, 2, stop)
        job_id = submitted(federation, quorum=2)
        assert wait_for(lambda: lead.job(job_id).round == 1)
        lead.stop()
        lead.link.down.clear()
        away.reopen()
        lead.reopen()
        lead.start()
        away.start()
        over(federation, job_id, JobState.COMPLETED)
        site_over(federation, job_id, JobState.COMPLETED, [away, federation.site(2)])
    assert lead.job(job_id).round == 3
    assert {2, 3} <= set(answers(federation))


def test_the_refusals_that_leave_no_quorum_are_all_named(federation: Federation) -> None:
    lead = federation.lead
    for site in federation.sites[:2]:
        site.ports = replace(site.ports, code_hash="00" * 32)
    with all_running(federation):
        job_id = submitted(federation, quorum=2)
        job = over(federation, job_id, JobState.REFUSED)
    assert (job.code, lead.workers.lead.starts) == ("JOB_REFUSED", [])
    assert all(f"`{did}`: " in job.reason for did in (A, B))
