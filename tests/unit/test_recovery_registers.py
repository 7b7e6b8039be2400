"""A node that went back: what its registers of persons hold, and those merged since."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from connector.domain.catalog.dataset import PrivacyCap
from connector.domain.privacy.register import Register
from connector.domain.privacy.tally import Forfeit
from connector.errors import CapExceeded, RegisterFixed
from connector.services.continuity import confirmation, recovery
from connector.services.evidence import own_log
from connector.services.privacy import budget, registers
from connector.services.privacy.merging import merge
from tests.support.contracts import NOW
from tests.support.federation import Federation, Node
from tests.support.recovering import copied, job, keeping_heads, turn


@pytest.fixture
def federation(tmp_path: Path) -> Federation:
    return keeping_heads(tmp_path / "space")


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
    confirmation.confirm(site.ports, in_full=True)
    assert site.register.cap == replace(before, epsilon=before.epsilon / 2)


def test_a_register_that_the_copy_lacks_keeps_its_cap(
    federation: Federation, tmp_path: Path
) -> None:
    site = federation.site()
    copy = copied(site, tmp_path / "copy")
    later = registers.declare(site.ports, "urn:later", PrivacyCap(1.0, 1e-5))
    recovery.record(site.ports)
    copy.restore(site)
    confirmation.confirm(site.ports, in_full=True)
    assert later in registers.registers(site.ports).values
    with pytest.raises(RegisterFixed):
        registers.declare(site.ports, later.id, PrivacyCap(9.0, 1e-5))


def test_a_job_is_refused_whose_register_is_forfeited_while_it_is_accounted_for(
    federation: Federation, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = federation.site()
    account = budget.account

    def slow(*seen: Any) -> budget.Figures:
        with site.ports.store.write() as tx:
            tx.forfeits.put(Forfeit(site.register.id, 1, "it counts in full", NOW))
        return account(*seen)

    monkeypatch.setattr(budget, "account", slow)
    _, body = federation.submission()
    answer = federation.ask(site, body)
    assert (answer["accepted"], answer["code"]) == (False, CapExceeded.code)


def register_now(site: Node) -> Register:
    with site.ports.store.read() as tx:
        (dataset,) = tx.datasets.find()
        return registers.register_of(tx, dataset)


@pytest.mark.parametrize("home", [False, True])
def test_registers_that_were_merged_since_the_copy_are_merged_again(
    federation: Federation, tmp_path: Path, *, home: bool
) -> None:
    """With `home`, a peer alone tells of it."""
    site = federation.site()
    other = registers.declare(site.ports, "urn:r:other", PrivacyCap(9.0, 1e-5)).id
    copy = copied(site, tmp_path / "copy")
    first, apart = job(federation), site.register
    kept = merge(site.ports, apart.id, other)
    turn(site)
    copy.restore(site, home=home)
    turn(site)
    assert register_now(site) == replace(apart, charges=0)
    confirmation.confirm(site.ports)
    assert (register_now(site).id, register_now(site).cap) == (other, kept.cap)
    assert site.reservation(first.id).register_id == other
    marks = {each.id: each.merged_into for each in registers.registers(site.ports).values}
    assert (marks[apart.id], marks[other]) == (other, "")


def test_registers_that_two_histories_merged_into_different_ones_are_one(
    federation: Federation, tmp_path: Path
) -> None:
    site = federation.site()
    own = site.register.id
    others = [registers.declare(site.ports, f"urn:r:{n}", PrivacyCap(n, 1e-5)).id for n in (9, 8)]
    copy = copied(site, tmp_path / "copy")
    merge(site.ports, own, others[0])
    turn(site)
    copy.restore(site, home=True)
    merge(site.ports, own, others[1])  # before a peer is asked, nothing says that it went back
    turn(site)
    confirmation.confirm(site.ports, in_full=True)
    with site.ports.store.read() as tx:
        assert len({registers.kept_in(tx, name) for name in (own, *others)}) == 1
    assert register_now(site).cap == PrivacyCap(4.5, 1e-5)


def test_a_merge_that_no_tally_tells_of_costs_the_caps(
    federation: Federation, tmp_path: Path
) -> None:
    site = federation.site()
    other = registers.declare(site.ports, "urn:r:other", PrivacyCap(9.0, 1e-5)).id
    copy = copied(site, tmp_path / "copy")
    merge(site.ports, other, site.register.id)
    head = own_log.checkpoint(site.ports)
    with federation.lead.ports.store.write() as tx:
        tx.checkpoints.put(head)
    copy.restore(site, home=True)
    turn(site)
    debt = confirmation.plan(site.ports).debt
    assert debt is not None
    assert debt.registers == tuple(sorted((other, site.register.id)))
