"""A node that went back, as its peers see it: proofs, epoch records, what they give back."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from connector.bootstrap.threads import exchange as exchanges
from connector.bootstrap.threads.exchange import Exchange
from connector.domain.log.audit import Checkpoint
from connector.domain.participant import Participant
from connector.errors import BudgetExceeded, CheckpointFork, InRecovery, PeerRolledBack, PreauError
from connector.ports import Ports
from connector.services.continuity import confirmation, custody, recovery
from connector.services.evidence import own_log
from connector.services.evidence.witness import PROOF_EVERY, Witness, check_peer, contradict, newest
from connector.services.federation.lead import jobs as lead_jobs
from connector.store.files.charges import FILE
from federated.job import JobState
from tests.support.federation import LEAD, SITES, Federation, Node
from tests.support.recovering import (
    CONTRACT,
    copied,
    heard_of,
    in_full,
    job,
    keeping_heads,
    known,
    refused,
    released,
    silent,
    turn,
)


@pytest.fixture
def federation(tmp_path: Path) -> Federation:
    return keeping_heads(tmp_path / "space")


def shown(node: Node) -> Checkpoint:
    return own_log.checkpoint(node.ports)


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
    federation.clock.advance(PROOF_EVERY.total_seconds() + 1)
    with pytest.raises(CheckpointFork):
        witness.see(LEAD, shown(lead).note)
    with pytest.raises(InRecovery):
        lead_jobs.submit(lead.ports, federation.request())
    confirmation.confirm(lead.ports)
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
    confirmation.confirm(lead.ports, in_full=True)
    with pytest.raises(InRecovery):  # the lead may have forgotten more than the others ever saw
        confirmation.confirm(site.ports)
    confirmation.confirm(site.ports, in_full=True)
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
    confirmation.confirm(lead.ports, in_full=True)
    turn(lead)
    turn(site)
    assert in_full(site) == [LEAD]
    with pytest.raises(InRecovery):
        confirmation.confirm(site.ports)


def test_a_peer_that_resumed_vouches_again_for_what_is_deposited_anew(
    federation: Federation, tmp_path: Path
) -> None:
    lead, site = federation.lead, federation.site()
    copy = copied(lead, tmp_path / "lead")
    job(federation)
    Witness(site.ports).see(LEAD, shown(lead).note)
    copy.restore(lead, home=True)
    turn(lead)
    confirmation.confirm(lead.ports, in_full=True)
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


def test_only_a_deposit_lets_a_peer_that_resumed_vouch_again(
    federation: Federation, tmp_path: Path
) -> None:
    lead, site = federation.lead, federation.site()
    job(federation)  # of which the lead holds a tally
    copy = copied(lead, tmp_path / "lead")
    job(federation)
    Witness(site.ports).see(LEAD, shown(lead).note)
    copy.restore(lead, home=True)
    turn(lead)
    confirmation.confirm(lead.ports, in_full=True)
    lead.clock.advance(1)
    with lead.ports.store.read() as tx:
        held = newest(tx, SITES[0])
    assert held is not None
    with pytest.raises(CheckpointFork):
        contradict(lead.ports, held, held, "it was rolled back")
    site.ports.asking.answered.clear()
    custody.ask(site.ports, known(site, LEAD))
    assert LEAD not in site.ports.asking.answered


def test_a_peer_that_is_back_is_asked_anew_but_not_at_once_again(
    federation: Federation, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = federation.site()
    asked: list[str] = []

    def ask(ports: Ports, peer: Participant) -> None:
        asked.extend([LEAD] if peer.did == LEAD else [])
        ports.asking.answered[peer.did] = site.clock.now()

    monkeypatch.setattr(custody, "ask", ask)
    exchange = Exchange(site.ports)
    exchange._turn()
    exchange._turn()
    assert asked == [LEAD]  # it answered
    monkeypatch.setattr(exchanges, "AGAIN_SECONDS", 0.0)
    custody.ask_again(site.ports, LEAD)
    exchange._turn()
    exchange._turn()
    assert asked == [LEAD, LEAD]
    monkeypatch.setattr(exchanges, "AGAIN_SECONDS", 60.0)
    custody.ask_again(site.ports, LEAD)
    exchange._turn()
    assert asked == [LEAD, LEAD]
    assert site.ports.asking.again == {LEAD}  # at a later turn


def test_a_peer_that_went_back_hears_again_of_an_epoch(
    federation: Federation, tmp_path: Path
) -> None:
    lead, site = federation.lead, federation.site()
    older, before = copied(lead, tmp_path / "lead"), copied(site, tmp_path / "site")
    job(federation)
    before.restore(site)
    turn(site)
    confirmation.confirm(site.ports)
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
        confirmation.confirm(site.ports, in_full=True)
    with pytest.raises(PeerRolledBack):
        custody.announce(site.ports, federation.caller(site))
    turn(site)
    refused(site, federation)
    assert confirmation.confirm(site.ports, in_full=True).epoch.number == 2
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


def test_a_changed_tally_goes_to_all_when_it_rests_and_to_some_at_a_time(
    federation: Federation, monkeypatch: pytest.MonkeyPatch
) -> None:
    site, given = federation.site(), list[str]()
    monkeypatch.setattr(custody, "deposit", lambda _ports, peer: given.append(peer.did))
    monkeypatch.setattr(exchanges, "APART_SECONDS", 20.0)  # a third of the peers each time
    exchange = Exchange(site.ports)
    exchange._turn()
    job(federation)
    given.clear()
    exchange._turn()
    assert given == []  # a round may come
    exchange._changed = (-exchanges.QUIET_SECONDS, 0.0)
    peers = len(federation.sites)  # the lead, and the other sites
    each = -(-peers // 3)
    while len(given) < peers:
        before = len(given)
        exchange._turn()
        assert 0 < len(given) - before <= each
    exchange._turn()
    assert len(given) == len(set(given)) == peers
