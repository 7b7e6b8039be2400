"""A node that went back to an older state: what it refuses, what it owes, how it goes on.

Each case counts what was really released: ε = 0.5 a round here, never more than the contract's 3.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from connector.bootstrap.exchange import Exchange
from connector.domain.audit import Checkpoint
from connector.domain.budget import ReservationState
from connector.domain.job import Job
from connector.domain.participant import Participant
from connector.errors import (
    BudgetExceeded,
    CapExceeded,
    CheckpointFork,
    InRecovery,
    JobCancelled,
    KeyUnusable,
    PeerRolledBack,
    PreauError,
    Unlawful,
    WorldFault,
)
from connector.services import audit, custody, federate_lead, recovery, recovery_plan
from connector.services.federate_round import Ending, end
from connector.services.witness import Witness, check_peer
from connector.store.charges import FILE
from federated.job import JobState, is_final
from federated.privacy.rule import Rule
from tests.support.contracts import NOW
from tests.support.doubles import charges_in, open_store
from tests.support.federation import (
    END,
    LEAD,
    SITES,
    Federation,
    Node,
    publish,
    reservation,
    running,
    wait_for,
)

ROUND = 0.5
CONTRACT = 3.0


@dataclass
class Copy:
    """A copy of a node's home, as a backup or a snapshot of the machine holds it."""

    folder: Path

    def restore(self, node: Node, *, home: bool = False) -> None:
        """Put the database back; with `home`, the record of charges too."""
        node.ports.store.close()
        for file in node.home.glob("node.sqlite*"):
            file.unlink()
        for name in ("node.sqlite", *([FILE] if home else [])):
            shutil.copy2(self.folder / name, node.home / name)
        restarted(node)


def restarted(node: Node) -> None:
    """Open the database anew, with nothing in memory, as a start does."""
    node.ports.store.close()
    node.ports = replace(
        node.ports,
        store=open_store(node.home, node.clock),
        charges=charges_in(node.home, node.member.did),
    )
    node.ports.asking.answered.clear()
    recovery.begin(node.ports)


def copied(node: Node, folder: Path) -> Copy:
    node.ports.store.close()  # checkpoints the write-ahead log
    shutil.copytree(node.home, folder)
    return Copy(folder)


@pytest.fixture
def federation(tmp_path: Path) -> Federation:
    found = Federation(tmp_path / "space")
    for node in found.nodes.values():
        recovery.begin(node.ports)
    return found


def job(federation: Federation, **changes: Any) -> Job:
    """Run a job of three rounds to its end."""
    nodes = [*federation.sites, federation.lead]
    with running(*nodes):
        job_id = federate_lead.submit(federation.lead.ports, federation.request(**changes)).id
        assert wait_for(lambda: is_final(federation.lead.job(job_id).state))
        if federation.lead.job(job_id).state == JobState.COMPLETED:
            for node in federation.sites:
                assert wait_for(lambda node=node: is_final(node.job(job_id).state))
    return federation.lead.job(job_id)


def released(node: Node) -> float:
    return ROUND * len(node.workers.site.updates)


def turn(node: Node) -> None:
    """Let the node deal with its peers once."""
    exchange = Exchange(node.ports)
    exchange._turn()


def known(node: Node, did: str) -> Participant:
    with node.ports.store.read() as tx:
        found = tx.participants.get(did)
    assert found is not None
    return found


def heard_of(node: Node, other: Node) -> bool:
    """Whether a node has another's newest epoch record."""
    with node.ports.store.read() as tx:
        return bool(tx.epochs.find(origin=other.member.did))


def in_full(node: Node) -> list[str]:
    """Return for whose silence contracts would count in full."""
    debt = recovery_plan.plan(node.ports).debt
    assert debt is not None
    return list(debt.silent)


def refused(node: Node, federation: Federation) -> None:
    _, body = federation.submission()
    with pytest.raises(InRecovery):
        federation.ask(node, body)


@contextmanager
def silent(node: Node, did: str) -> Iterator[None]:
    node.link.down.add(did)
    yield
    node.link.down.discard(did)


def test_a_node_that_did_not_go_back_recovers_nothing(federation: Federation) -> None:
    site = federation.site()
    assert job(federation).state == JobState.COMPLETED
    restarted(site)
    turn(site)
    assert recovery_plan.plan(site.ports).debt is None
    with pytest.raises(Unlawful):
        recovery_plan.confirm(site.ports)
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
        assert recovery_plan.plan(site.ports).faults == ()
        site.ports.asking.over.clear()
        _, body = federation.submission()
        with pytest.raises(WorldFault):
            federation.ask(site, body)
        site.ports.asking.over.set()
    turn(site)
    refused(site, federation)
    plan = recovery_plan.plan(site.ports)
    assert plan.debt is not None
    assert (plan.debt.exact, [each.job_id for each in plan.debt.jobs]) == (True, [first.id])
    epoch = recovery_plan.confirm(site.ports)
    assert epoch.number == 1
    assert site.reservation(first.id).counted_steps(Rule.RENYI) == 6
    turn(site)
    assert job(federation).state == JobState.COMPLETED
    third = job(federation)
    assert (third.state, third.code) == (JobState.REFUSED, BudgetExceeded.code)
    assert released(site) == CONTRACT


def test_a_lead_finds_out_before_its_next_job_is_charged(
    federation: Federation, tmp_path: Path
) -> None:
    """Whole machine restored, and the asking at the start went by: the deposit tells."""
    site = federation.site()
    copy = copied(site, tmp_path / "copy")
    job(federation)
    copy.restore(site, home=True)
    second = job(federation)
    assert second.state == JobState.FAILED
    assert f"{InRecovery.code}, this node went back" in second.reason
    assert site.job(second.id).state == JobState.ACCEPTED
    assert released(site) == 1.5
    refused(site, federation)


def test_a_silent_counterparty_s_contract_counts_in_full(
    federation: Federation, tmp_path: Path
) -> None:
    site = federation.site()
    copy = copied(site, tmp_path / "copy")
    job(federation)
    copy.restore(site)
    with silent(site, LEAD):
        turn(site)
        plan = recovery_plan.plan(site.ports)
        assert plan.debt is not None
        assert (plan.debt.silent, LEAD in plan.unasked) == ((LEAD,), True)
        with pytest.raises(InRecovery):
            recovery_plan.confirm(site.ports)
        recovery_plan.confirm(site.ports, in_full=True)
    turn(site)
    second = job(federation)
    assert (second.state, second.code) == (JobState.REFUSED, BudgetExceeded.code)
    assert released(site) == 1.5
    with site.ports.store.read() as tx:
        spent = tx.reservations.find(agreement_id=federation.agreements[SITES[0]].id)
    assert sum(each.epsilon for each in spent) == pytest.approx(CONTRACT)
    assert all(each.state is ReservationState.CLOSED for each in spent)


def test_a_cap_that_was_lowered_since_the_copy_stays_low(
    federation: Federation, tmp_path: Path
) -> None:
    site = federation.site()
    before = site.register.cap
    assert before is not None
    copy = copied(site, tmp_path / "copy")
    with site.ports.store.write() as tx:
        tx.registers.put(replace(site.register, cap=replace(before, epsilon=before.epsilon / 2)))
        tx.audit.append("register.lowered", site.register.id)
    recovery.record(site.ports)
    copy.restore(site)
    assert site.register.cap == before
    recovery_plan.confirm(site.ports, in_full=True)
    assert site.register.cap == replace(before, epsilon=before.epsilon / 2)


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
        tx.audit.append(audit.ACCEPTED, "urn:job:of:another:contract")
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
    recovery_plan.confirm(site.ports, in_full=True)
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
    recovery_plan.confirm(site.ports, in_full=True)
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
        recovery_plan.confirm(site.ports, in_full=True)
    assert "move it away" in refusal.value.hint
    assert recovery_plan.epochs(site.ports) == []
    (site.home / FILE).unlink()
    recovery_plan.confirm(site.ports, in_full=True)
    recovery.check(site.ports)


def test_a_job_that_no_tally_tells_of_costs_the_cap(federation: Federation, tmp_path: Path) -> None:
    """The whole machine went back, and the lead gives a head without the tally."""
    site, lead = federation.site(), federation.lead
    copy = copied(site, tmp_path / "copy")
    job(federation)
    head = audit.checkpoint(site.ports)
    for node in federation.nodes.values():
        with node.ports.store.write() as tx:
            tx.peer_logs.remove(SITES[0])
            tx.checkpoints.put(head)
    copy.restore(site, home=True)
    turn(site)
    plan = recovery_plan.plan(site.ports)
    assert plan.debt is not None
    assert (plan.debt.contracts, len(plan.debt.registers)) == ((), 1)
    recovery_plan.confirm(site.ports, in_full=True)
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
        recovery_plan.confirm(site.ports)
    recovery_plan.confirm(site.ports, in_full=True)
    assert site.reservation(first.id).counted_steps(Rule.RENYI) == 6
    assert site.dataset is not None
    publish(site, site.dataset.population)
    federation._introduce(site, [node.member for node in federation.nodes.values()])
    with site.ports.store.write() as tx:
        tx.agreements.put(federation.agreements[SITES[0]])
    turn(site)
    _, body = federation.submission()
    answer = federation.ask(site, body)
    assert (answer["accepted"], answer["code"]) == (False, BudgetExceeded.code)


def test_a_job_is_charged_to_the_register_that_its_data_is_in(
    federation: Federation, tmp_path: Path
) -> None:
    """Registers were merged after the copy; with the database, that went back too."""
    site = federation.site()
    copy = copied(site, tmp_path / "copy")
    first = job(federation)
    with site.ports.store.write() as tx:
        kept = site.reservation(first.id)
        tx.reservations.put(replace(kept, register_id="urn:merged"))
        tx.audit.append("register.merged", "urn:merged")
    recovery.record(site.ports)
    copy.restore(site)
    turn(site)
    recovery_plan.confirm(site.ports)
    assert site.dataset is not None
    assert site.reservation(first.id).register_id == site.dataset.register_id


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
    recovery_plan.confirm(site.ports, in_full=True)
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
    recovery_plan.confirm(site.ports)
    ended = site.job(job_id)
    assert (ended.state, ended.code) == (JobState.FAILED, InRecovery.code)
    assert site.reservation(job_id).counted_steps(Rule.RENYI) == 6
    assert lead.ports.settings.did == LEAD


# --- how peers see it


def shown(node: Node) -> Checkpoint:
    return audit.checkpoint(node.ports)


def test_a_restored_lead_begins_nothing_until_its_record_is_in(
    federation: Federation, tmp_path: Path
) -> None:
    lead, site = federation.lead, federation.site()
    copy = copied(lead, tmp_path / "copy")
    job(federation)
    witness = Witness(site.ports)
    witness.see(LEAD, shown(lead).note)
    held = shown(lead)
    copy.restore(lead)
    turn(lead)
    federation.clock.advance(5)
    with pytest.raises(CheckpointFork):
        witness.see(LEAD, shown(lead).note)
    with pytest.raises(InRecovery):
        federate_lead.submit(lead.ports, federation.request())
    recovery_plan.confirm(lead.ports)
    with pytest.raises(PeerRolledBack), site.ports.store.read() as tx:
        check_peer(tx, LEAD)
    turn(lead)
    with site.ports.store.read() as tx:
        check_peer(tx, LEAD)
        (record,) = tx.epochs.find(origin=LEAD)
        (kept,) = tx.checkpoints.find(origin=LEAD)
    assert (record.held, kept.epoch) == (held.note, 1)
    assert job(federation).state == JobState.COMPLETED


def test_lead_and_site_restored_together(federation: Federation, tmp_path: Path) -> None:
    lead, site, other = federation.lead, federation.site(), federation.site(1)
    copies = [(node, copied(node, tmp_path / node.home.name)) for node in (lead, site)]
    job(federation)
    turn(site)  # as a running node does after a job
    Witness(other.ports).see(LEAD, shown(lead).note)
    for node, copy in copies:
        copy.restore(node, home=True)
    for node in (lead, site):
        turn(node)  # the other sites tell both
        with pytest.raises(InRecovery):
            recovery.check(node.ports)
    recovery_plan.confirm(lead.ports, in_full=True)
    with pytest.raises(InRecovery):  # the lead may have forgotten more than the others ever saw
        recovery_plan.confirm(site.ports)
    recovery_plan.confirm(site.ports, in_full=True)
    for node in (lead, site, lead, site):
        turn(node)
    assert job(federation).code == BudgetExceeded.code
    assert released(site) < CONTRACT


def test_a_counterparty_that_went_back_itself_vouches_for_nothing(
    federation: Federation, tmp_path: Path
) -> None:
    lead, site = federation.lead, federation.site()
    copies = [(node, copied(node, tmp_path / node.home.name)) for node in (lead, site)]
    job(federation)
    for node, copy in copies:
        copy.restore(node)
        (node.home / FILE).unlink()  # the whole home was lost
    for node in federation.sites[1:]:
        lead.link.down.add(node.member.did)
        site.link.down.add(node.member.did)
    turn(site)
    assert in_full(site) == [LEAD]
    recovery_plan.confirm(lead.ports, in_full=True)
    turn(lead)
    turn(site)
    assert in_full(site) == [LEAD]
    with pytest.raises(InRecovery):
        recovery_plan.confirm(site.ports)


def test_a_peer_that_resumed_vouches_again_for_what_is_deposited_anew(
    federation: Federation, tmp_path: Path
) -> None:
    lead, site = federation.lead, federation.site()
    copy = copied(lead, tmp_path / "lead")
    job(federation)
    Witness(site.ports).see(LEAD, shown(lead).note)
    copy.restore(lead, home=True)
    turn(lead)
    recovery_plan.confirm(lead.ports, in_full=True)
    asking = Exchange(site.ports)
    asking._turn()
    site.ports.asking.answered.clear()
    custody.ask(site.ports, known(site, LEAD))
    assert LEAD not in site.ports.asking.answered
    lead.clock.advance(1)
    turn(lead)  # it asks, and is told again
    asking._turn()
    custody.ask(site.ports, known(site, LEAD))
    assert LEAD in site.ports.asking.answered


def test_a_peer_that_went_back_hears_again_of_an_epoch(
    federation: Federation, tmp_path: Path
) -> None:
    lead, site = federation.lead, federation.site()
    older, before = copied(lead, tmp_path / "lead"), copied(site, tmp_path / "site")
    job(federation)
    before.restore(site)
    turn(site)
    recovery_plan.confirm(site.ports)
    exchange = Exchange(site.ports)
    exchange._turn()
    assert heard_of(lead, site)
    older.restore(lead, home=True)
    exchange._turn()
    assert not heard_of(lead, site)  # it was told, and has forgotten
    turn(lead)
    exchange._turn()
    assert heard_of(lead, site)


def test_a_record_that_covers_too_little_is_refused(federation: Federation, tmp_path: Path) -> None:
    """The site confirms without asking the lead, which then shows what it holds."""
    site, lead = federation.site(), federation.lead
    copy = copied(site, tmp_path / "copy")
    with site.ports.store.write() as tx:
        tx.audit.append("later", site.member.did)
    recovery.record(site.ports)
    charges = (site.home / FILE).read_bytes()
    job(federation)
    copy.restore(site, home=True)
    (site.home / FILE).write_bytes(charges)
    with silent(site, LEAD):
        recovery_plan.confirm(site.ports, in_full=True)
    with pytest.raises(PeerRolledBack):
        custody.announce(site.ports, federation.caller(site))
    turn(site)
    refused(site, federation)
    assert recovery_plan.confirm(site.ports, in_full=True).number == 2
    turn(site)
    with lead.ports.store.read() as tx:
        assert [each.number for each in tx.epochs.find(origin=SITES[0])] == [2]


def test_a_peer_gives_back_to_the_owner_only(federation: Federation) -> None:
    job(federation)
    lead = federation.lead
    for did in SITES:
        body = custody.return_head(lead.ports, federation.caller(lead, did), {})
        assert body["deposit"].startswith(f"{did}\n")
    (stranger,) = [node for node in federation.sites if node.member.did == SITES[1]]
    answer = custody.return_head(stranger.ports, federation.caller(stranger), {})
    assert answer["sealed"] == ""


def test_a_peer_cannot_invent_a_head(federation: Federation) -> None:
    """What it gives back is believed by the node's own signature and seal alone."""
    site = federation.site()
    job(federation)
    lead = federation.lead
    with lead.ports.store.write() as tx:
        tx.checkpoints.remove(SITES[0], next(iter(tx.checkpoints.find(origin=SITES[0]))).size)
        tx.checkpoints.put(replace(shown(lead), origin=SITES[0], size=10_000))
    with pytest.raises(PreauError):
        custody.ask(site.ports, federation.caller(site))
    recovery.check(site.ports)
    assert LEAD not in site.ports.asking.answered
