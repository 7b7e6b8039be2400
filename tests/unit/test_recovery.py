"""A node that went back to an older state: what it refuses, what it owes, how it goes on.

Each case counts what was really released: ε = 0.5 a round here, never more than the contract's 3.
"""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from connector.domain.contract.notice import Act
from connector.domain.log.audit import ReturnedHead
from connector.domain.privacy.budget import ReservationState
from connector.errors import (
    BudgetExceeded,
    CapExceeded,
    InRecovery,
    JobCancelled,
    KeyUnusable,
    NotFound,
    Unlawful,
    WorldFault,
)
from connector.services.continuity import confirmation, counting, custody, recovery
from connector.services.evidence import own_log
from connector.services.federation.lead import jobs as lead_jobs
from connector.services.federation.lead.book import load
from connector.services.federation.site.rounds import Ending, end
from connector.services.messages.deliver import deliver_due
from connector.services.negotiation import notices, telling
from connector.store.files.charges import FILE
from federated.job import JobState
from federated.privacy.rule import Rule
from tests.support.contracts import NOW
from tests.support.federation import (
    END,
    LEAD,
    SITES,
    Federation,
    publish,
    reservation,
    running,
    wait_for,
)
from tests.support.recovering import (
    CONTRACT,
    copied,
    in_full,
    job,
    keeping_heads,
    refused,
    released,
    restarted,
    silent,
    turn,
)


@pytest.fixture
def federation(tmp_path: Path) -> Federation:
    return keeping_heads(tmp_path / "space")


def test_a_node_that_did_not_go_back_recovers_nothing(federation: Federation) -> None:
    site = federation.site()
    assert job(federation).state == JobState.COMPLETED
    restarted(site)
    turn(site)
    assert confirmation.plan(site.ports).debt is None
    with pytest.raises(Unlawful):
        confirmation.confirm(site.ports)
    assert job(federation).state == JobState.COMPLETED
    assert released(site) == CONTRACT


@pytest.mark.parametrize("home", [False, True], ids=["database", "whole machine"])
def test_a_restored_site_spends_what_was_left_and_no_more(
    federation: Federation,
    tmp_path: Path,
    home: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    site = federation.site()
    copy = copied(site, tmp_path / "copy")
    first = job(federation)
    assert first.state == JobState.COMPLETED
    copy.restore(site, home=home)
    if home:  # nothing on the machine tells; a peer does
        assert confirmation.plan(site.ports).faults == ()
        site.ports.asking.over.clear()
        _, body = federation.submission()
        with pytest.raises(WorldFault):
            federation.ask(site, body)
        site.ports.asking.over.set()
    turn(site)
    refused(site, federation)
    plan = confirmation.plan(site.ports)
    assert plan.debt is not None
    assert (plan.debt.exact, [each.job_id for each in plan.debt.jobs]) == (True, [first.id])
    done = confirmation.confirm(site.ports)
    assert (done.epoch.number, done.debt, done.gone) == (1, plan.debt, ())
    with site.ports.store.read() as tx:
        (charged,) = tx.audit.entries(subject=first.id, kind=confirmation.CHARGED)
    assert b'"epsilon":1.5' in charged.event
    assert site.reservation(first.id).counted_rounds(Rule.RENYI) == 3
    turn(site)
    assert job(federation).state == JobState.COMPLETED
    with pytest.raises(BudgetExceeded):  # by the lead's own arithmetic
        job(federation)
    _, body = federation.submission()
    assert federation.ask(site, body)["code"] == BudgetExceeded.code
    assert released(site) == CONTRACT


def test_a_contract_that_cannot_be_read_counts_by_the_figures_on_record(
    federation: Federation, tmp_path: Path
) -> None:
    """One of an older release must not keep the node from recovering, nor from recording."""
    site = federation.site()
    agreement = federation.agreements[SITES[0]]
    copy = copied(site, tmp_path / "copy")
    assert job(federation).state == JobState.COMPLETED
    copy.restore(site)
    with site.ports.store.write() as tx:
        tx.agreements.put(replace(agreement, document=b"{}"))
    with silent(site, LEAD):
        turn(site)
        done = confirmation.confirm(site.ports, in_full=True)
    (whole,) = done.debt.contracts
    assert (whole.id, whole.epsilon, whole.delta) == (
        agreement.id,
        agreement.epsilon,
        agreement.delta,
    )
    recovery.record(site.ports)


def test_a_peer_is_not_told_how_the_node_fell_short(federation: Federation, tmp_path: Path) -> None:
    site = federation.site()
    copy = copied(site, tmp_path / "copy")
    assert job(federation).state == JobState.COMPLETED
    copy.restore(site)
    turn(site)
    (home, peer, *_) = confirmation.plan(site.ports).faults
    assert ("entries" in home, LEAD in peer) == (True, True)
    _, body = federation.submission()
    with pytest.raises(InRecovery) as told:
        federation.ask(site, body)
    assert told.value.reason == "this node was rolled back to an older state"


@pytest.mark.parametrize(
    ("act", "code"), [(Act.ENDED, "CONTRACT_ENDED"), (Act.SUSPENDED, "CONTRACT_SUSPENDED")]
)
@pytest.mark.parametrize("home", [False, True], ids=["database", "whole machine"])
def test_a_contract_that_was_taken_back_does_not_run_again(
    federation: Federation,
    tmp_path: Path,
    home: bool,  # noqa: FBT001 - a parameter of the test
    act: Act,
    code: str,
) -> None:
    """Its lead gives nothing back; what the home holds tells, or what another peer does."""
    site = federation.site()
    contract = federation.agreements[SITES[0]].id
    copy = copied(site, tmp_path / "copy")
    notices.give(site.ports, contract, act, "the parents' council objects")
    turn(site)
    with federation.lead.ports.store.write() as tx:
        for held in tx.checkpoints.find(origin=SITES[0]):
            tx.checkpoints.remove(held.origin, held.size)
        tx.peer_logs.remove(SITES[0])
    copy.restore(site, home=home)
    turn(site)
    refused(site, federation)
    assert list(confirmation.plan(site.ports).taken_back) == [contract]
    assert confirmation.confirm(site.ports).taken_back == (contract,)
    _, body = federation.submission()
    turn(site)
    assert federation.ask(site, body)["code"] == code
    (notice,) = notices.of_agreement(site.ports, contract)
    assert notice.act is act
    deliver_due(site.ports)
    kept = notices.of_agreement(federation.lead.ports, contract)
    assert {each.act for each in kept} == {act}
    turn(site)
    assert confirmation.plan(site.ports).faults == ()


def test_what_a_peer_gave_back_and_the_database_spoiled_is_named(federation: Federation) -> None:
    site = federation.site()
    with site.ports.store.write() as tx:
        tx.returned_heads.put(ReturnedHead(LEAD, "no note", "", b"", NOW))
    refused(site, federation)
    plan = confirmation.plan(site.ports)
    assert plan.faults == (f"what `{LEAD}` gave back of this log can no longer be read",)
    confirmation.confirm(site.ports, in_full=True)
    assert confirmation.plan(site.ports).faults == ()


def test_a_contract_that_was_resumed_runs_on(federation: Federation, tmp_path: Path) -> None:
    site = federation.site()
    contract = federation.agreements[SITES[0]].id
    copy = copied(site, tmp_path / "copy")
    notices.give(site.ports, contract, Act.SUSPENDED, "under review")
    notices.give(site.ports, contract, Act.RESUMED, "reviewed")
    copy.restore(site)
    turn(site)
    assert confirmation.confirm(site.ports).taken_back == ()
    turn(site)
    assert job(federation).state == JobState.COMPLETED


def test_who_went_back_gets_again_what_both_signed_about_contracts(
    federation: Federation, tmp_path: Path
) -> None:
    """The lead's own notice, and the site's that neither home nor another peer tells of."""
    site, lead = federation.site(), federation.lead
    contract = federation.agreements[SITES[0]].id
    _, body = federation.submission()
    copy = copied(site, tmp_path / "copy")
    notices.give(site.ports, contract, Act.SUSPENDED, "under review")
    notices.give(lead.ports, contract, Act.ENDED, "the study is over")
    deliver_due(site.ports)
    deliver_due(lead.ports)
    with lead.ports.store.write() as tx:  # so that a peer tells of the later state
        tx.checkpoints.put(own_log.checkpoint(site.ports))
    before = {each.statement for each in notices.of_agreement(lead.ports, contract)}
    copy.restore(site, home=True)
    turn(site)
    assert confirmation.confirm(site.ports).taken_back == ()
    turn(site)  # announces the epoch
    telling.turn(lead.ports)
    for _ in before:  # one of a contract at a time
        deliver_due(lead.ports)
    after = {each.statement for each in notices.of_agreement(site.ports, contract)}
    assert len(before) == 2
    assert after == before
    with lead.ports.store.read() as tx:
        assert tx.outbox.find(delivered_at=None) == []
    assert federation.ask(site, body)["code"] == "CONTRACT_ENDED"


def test_a_peer_is_named_once_by_the_newest_head_that_it_holds(
    federation: Federation, tmp_path: Path
) -> None:
    """It gives back the head that it saw last and the one that was deposited."""
    site = federation.site()
    copy = copied(site, tmp_path / "copy")
    job(federation)
    with site.ports.store.write() as tx:
        tx.audit.append("later", site.member.did)
    newest = own_log.checkpoint(site.ports)
    with federation.lead.ports.store.write() as tx:
        tx.checkpoints.put(newest)
    copy.restore(site, home=True)
    turn(site)
    with site.ports.store.read() as tx:
        held = [head.size for peer, head in recovery.lost_heads(tx, SITES[0]) if peer == LEAD]
    assert len(held) == 2
    named = [line for line in confirmation.plan(site.ports).faults if f"`{LEAD}`" in line]
    assert [f"of {newest.size} entries" in line for line in named] == [True]


def test_a_lead_finds_out_before_its_next_job_is_charged(
    federation: Federation, tmp_path: Path
) -> None:
    """Whole machine restored, and the asking at the start went by: the deposit tells."""
    site = federation.site()
    copy = copied(site, tmp_path / "copy")
    job(federation)
    copy.restore(site, home=True)
    with running(*federation.sites, federation.lead):
        second = lead_jobs.submit(federation.lead.ports, federation.request()).id
        assert wait_for(lambda: _waited_for(federation, second) == InRecovery.code)
        assert federation.lead.job(second).state == JobState.RUNNING  # its operator may confirm
        assert site.job(second).state == JobState.ACCEPTED
        lead_jobs.cancel(federation.lead.ports, second)
    assert released(site) == 1.5
    refused(site, federation)


def _waited_for(federation: Federation, job_id: str) -> str:
    _, rows = load(federation.lead.ports, job_id)
    return next(row.code for row in rows if row.site == SITES[0])


def test_a_silent_counterparty_s_contract_counts_in_full(
    federation: Federation, tmp_path: Path
) -> None:
    site = federation.site()
    copy = copied(site, tmp_path / "copy")
    job(federation)
    copy.restore(site)
    with silent(site, LEAD):
        turn(site)
        plan = confirmation.plan(site.ports)
        assert plan.debt is not None
        assert (plan.debt.silent, LEAD in plan.unasked) == ((LEAD,), True)
        with pytest.raises(InRecovery):
            confirmation.confirm(site.ports)
        confirmation.confirm(site.ports, in_full=True)
    turn(site)
    second = job(federation)
    assert (second.state, second.code) == (JobState.REFUSED, BudgetExceeded.code)
    assert released(site) == 1.5
    with site.ports.store.read() as tx:
        spent = tx.reservations.find(agreement_id=federation.agreements[SITES[0]].id)
    assert sum(each.epsilon for each in spent) == pytest.approx(CONTRACT)
    assert all(each.state is ReservationState.CLOSED for each in spent)


def test_a_contract_that_ended_since_the_copy_counts_in_full(
    federation: Federation, tmp_path: Path
) -> None:
    """What a node writes in recovery does not say that the contract had ended before."""
    site = federation.site()
    copy = copied(site, tmp_path / "copy")
    job(federation)
    federation.clock.advance((END - NOW).total_seconds() + 2)
    copy.restore(site)
    with site.ports.store.write() as tx:
        tx.audit.append("command.refused", site.member.did)
    assert in_full(site) == [LEAD]


def test_a_contract_that_ended_before_the_last_job_owes_what_is_known(
    federation: Federation, tmp_path: Path
) -> None:
    site = federation.site()
    federation.clock.advance((END - NOW).total_seconds() + 2)
    with site.ports.store.write() as tx:
        tx.audit.append(own_log.ACCEPTED, "urn:job:of:another:contract")
    copy = copied(site, tmp_path / "copy")
    with site.ports.store.write() as tx:
        tx.audit.append("later", site.member.did)
    recovery.record(site.ports)
    copy.restore(site)
    assert in_full(site) == []


def test_a_contract_without_epsilon_left_still_owes_its_delta(federation: Federation) -> None:
    site, agreement = federation.site(), federation.agreements[SITES[0]]
    with site.ports.store.write() as tx:
        whole = {"epsilon": CONTRACT, "committed_rounds": 3, "state": ReservationState.CLOSED}
        tx.reservations.put(reservation("urn:j", agreement.id, agreement.dataset_id, **whole))
    (site.home / FILE).unlink()
    confirmation.confirm(site.ports, in_full=True)
    with site.ports.store.read() as tx:
        found = tx.reservations.find(agreement_id=agreement.id)
    limit = recovery.limit_of(agreement, site.register.id)
    assert sum(each.epsilon for each in found) == pytest.approx(limit.epsilon)
    assert sum(each.delta for each in found) == pytest.approx(limit.delta)


def test_a_contract_that_the_copy_lacks_counts_where_its_jobs_do(
    federation: Federation, tmp_path: Path
) -> None:
    """Its data set was in another register at the time of the copy."""
    site, agreement = federation.site(), federation.agreements[SITES[0]]
    assert site.dataset is not None
    with site.ports.store.write() as tx:
        tx.agreements.remove(agreement.id)
    copy = copied(site, tmp_path / "copy")
    with site.ports.store.write() as tx:
        tx.agreements.put(agreement)
        tx.registers.put(replace(site.register, id="urn:later"))
        tx.datasets.put(replace(site.dataset, register_id="urn:later"))
        lost = reservation("urn:j", agreement.id, site.dataset.id)
        tx.reservations.put(replace(lost, register_id="urn:later"))
        tx.audit.append("later", site.member.did)
    recovery.record(site.ports)
    copy.restore(site)
    confirmation.confirm(site.ports, in_full=True)
    with site.ports.store.read() as tx:
        found = tx.reservations.find(register_id=site.register.id)
    assert sum(each.epsilon for each in found) == pytest.approx(CONTRACT)


def test_a_job_that_a_lead_calls_off_at_once_takes_no_place_in_the_record(
    federation: Federation,
) -> None:
    site = federation.site()
    called_off, body = federation.submission()
    assert federation.ask(site, body)["accepted"]
    recorded = site.ports.charges.recorded()
    assert recorded is not None
    assert set(recorded.jobs) == {called_off}
    end(site.ports, called_off, Ending(JobState.CANCELLED, JobCancelled.code, "called off"))
    recovery.record(site.ports)
    recorded = site.ports.charges.recorded()
    assert recorded is not None
    assert recorded.jobs == {}
    first = job(federation)
    recorded = site.ports.charges.recorded()
    assert recorded is not None
    assert set(recorded.jobs) == {first.id}


def test_a_record_that_cannot_be_read_stops_the_confirmation_before_it_writes(
    federation: Federation,
) -> None:
    site = federation.site()
    (site.home / FILE).write_text("{")
    (site.home / FILE).chmod(0o600)
    with pytest.raises(KeyUnusable) as refusal:
        confirmation.confirm(site.ports, in_full=True)
    assert "move it away" in refusal.value.hint
    assert confirmation.epochs(site.ports) == []
    (site.home / FILE).unlink()
    confirmation.confirm(site.ports, in_full=True)
    recovery.check(site.ports)


def test_a_job_that_no_tally_tells_of_costs_the_cap(federation: Federation, tmp_path: Path) -> None:
    """The whole machine went back, and the lead gives a head without the tally."""
    site, lead = federation.site(), federation.lead
    copy = copied(site, tmp_path / "copy")
    job(federation)
    head = own_log.checkpoint(site.ports)
    for node in federation.nodes.values():
        with node.ports.store.write() as tx:
            tx.peer_logs.remove(SITES[0])
            tx.checkpoints.put(head)
    copy.restore(site, home=True)
    turn(site)
    plan = confirmation.plan(site.ports)
    assert plan.debt is not None
    assert (plan.debt.contracts, len(plan.debt.registers)) == ((), 1)
    confirmation.confirm(site.ports, in_full=True)
    turn(site)
    second = job(federation)
    assert (second.state, second.code) == (JobState.REFUSED, CapExceeded.code)
    assert lead.job(second.id).reason


def test_a_deleted_database_is_no_new_node(federation: Federation) -> None:
    site = federation.site()
    first = job(federation)
    site.ports.store.close()
    for file in site.home.glob("node.sqlite*"):
        file.unlink()
    restarted(site)
    with pytest.raises(InRecovery):
        recovery.check(site.ports)
    with pytest.raises(InRecovery):
        confirmation.confirm(site.ports)
    done = confirmation.confirm(site.ports, in_full=True)
    assert [each.id for each in done.gone] == [federation.agreements[SITES[0]].id]
    with site.ports.store.read() as tx:
        (lost,) = tx.audit.entries(subject=done.gone[0].id, kind=counting.FORFEITED)
    assert b"counts as fully spent" in lost.event
    with pytest.raises(NotFound) as unknown:
        load(site.ports, first.id)
    assert first.id in unknown.value.hint
    with pytest.raises(NotFound) as unknown:
        load(site.ports, "urn:never")
    assert unknown.value.hint == ""
    assert site.reservation(first.id).counted_rounds(Rule.RENYI) == 3
    assert site.dataset is not None
    register = site.register
    assert register.charges == 3
    publish(site, site.dataset.population)
    federation._introduce(site, [node.member for node in federation.nodes.values()])
    with site.ports.store.write() as tx:
        tx.registers.put(register)
        tx.agreements.put(federation.agreements[SITES[0]])
    turn(site)
    _, body = federation.submission()
    answer = federation.ask(site, body)
    assert (answer["accepted"], answer["code"]) == (False, BudgetExceeded.code)


def test_a_home_without_record_beside_an_empty_database_is_not_believed(tmp_path: Path) -> None:
    federation = Federation(tmp_path)
    site = federation.site()
    (site.home / FILE).unlink()
    with site.ports.store.read() as tx:
        assert recovery._of_home(tx, site.ports.charges, site.member.did)


def test_a_lost_record_is_noticed_and_a_first_one_is_made(federation: Federation) -> None:
    site = federation.site()
    (site.home / FILE).unlink()
    refused(site, federation)
    recovery.begin(site.ports)  # the log says that there was one
    refused(site, federation)
    confirmation.confirm(site.ports, in_full=True)
    recovery.check(site.ports)


def test_a_database_that_is_swapped_under_a_running_node(
    federation: Federation, tmp_path: Path
) -> None:
    """What was written since the copy is gone when the next round is charged."""
    site = federation.site()
    copy = copied(site, tmp_path / "copy")
    job(federation)
    before = (site.home / FILE).read_bytes()
    site.ports.store.close()
    for file in site.home.glob("node.sqlite*"):
        file.unlink()
    shutil.copy2(copy.folder / "node.sqlite", site.home / "node.sqlite")
    with pytest.raises(InRecovery):
        recovery.record(site.ports)
    assert (site.home / FILE).read_bytes() == before


def test_a_running_job_waits_and_ends_with_the_confirmation(
    federation: Federation, tmp_path: Path
) -> None:
    site, lead = federation.site(), federation.lead
    job_id, body = federation.submission()
    assert federation.ask(site, body)["accepted"]
    copy = copied(site, tmp_path / "copy")
    with site.ports.store.write() as tx:
        tx.audit.append("later", site.member.did)
    recovery.record(site.ports)
    copy.restore(site)
    custody.ask(site.ports, federation.caller(site))
    with running(site):
        assert wait_for(lambda: (LEAD, "participate") in site.link.calls)
    assert (site.job(job_id).state, site.workers.site.orders) == (JobState.ACCEPTED, [])
    confirmation.confirm(site.ports)
    ended = site.job(job_id)
    assert (ended.state, ended.code) == (JobState.FAILED, InRecovery.code)
    assert site.reservation(job_id).counted_rounds(Rule.RENYI) == 3
    assert lead.ports.settings.did == LEAD
