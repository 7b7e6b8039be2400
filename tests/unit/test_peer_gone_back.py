"""A peer whose log went back: nothing new begins with it; what was agreed before stays."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from connector.domain.log.audit import PeerLog
from connector.errors import PeerRolledBack
from connector.ports import Ports
from connector.services.federation.lead import jobs as lead_jobs
from connector.services.health import diagnose, peers
from connector.services.negotiation import negotiate
from connector.services.publication import publish
from tests.support.contracts import NOW
from tests.support.federation import LEAD, SITES, Federation
from tests.support.link import DATASET, Link, description, link
from tests.support.negotiating import State, ask, both, states


def suspect(ports: Ports, peer: str, contradiction: str = "a note") -> None:
    with ports.store.write() as tx:
        tx.peer_logs.put(PeerLog(peer, "", b"", contradiction, "it cannot prove it", NOW))


@pytest.mark.parametrize("contradiction", ["", "a note"])
def test_a_consumer_asks_no_provider_that_went_back(tmp_path: Path, contradiction: str) -> None:
    with link(tmp_path) as pair:
        publish.publish(pair.school.ports, description(tmp_path))
        suspect(pair.lab.ports, pair.school.did, contradiction)
        if not contradiction:
            ask(pair)
            assert states(pair) == both(State.FINALIZED)
            return
        with pytest.raises(PeerRolledBack):
            ask(pair)
        assert pair.lab.negotiations() == []


def begun(pair: Link) -> None:
    negotiate.request(pair.lab.ports, pair.school.did, DATASET)


def offered(pair: Link) -> None:
    (offer,) = publish.offers(pair.school.ports, DATASET)
    pid = negotiate.offer(pair.school.ports, pair.lab.did, DATASET, offer.id).pid
    pair.deliver()
    assert pid
    negotiate.accept(pair.lab.ports, pair.lab.only().pid)


@pytest.mark.parametrize("before", [begun, offered])
def test_a_provider_concludes_nothing_with_a_consumer_that_went_back(
    tmp_path: Path, before: Callable[[Link], None]
) -> None:
    with link(tmp_path) as pair:
        publish.publish(pair.school.ports, description(tmp_path))
        before(pair)
        suspect(pair.school.ports, pair.lab.did)
        pair.pump()
        assert pair.school.agreements() == []
        assert pair.lab.only().state is State.TERMINATED
        assert pair.lab.only().code == PeerRolledBack.code
        with pytest.raises(PeerRolledBack):
            negotiate.offer(pair.school.ports, pair.lab.did, DATASET, "urn:any")


def test_a_site_takes_no_job_of_a_lead_that_went_back(tmp_path: Path) -> None:
    federation = Federation(tmp_path)
    known, body = federation.submission()
    site = federation.site()
    assert federation.ask(site, body)["accepted"]
    suspect(site.ports, LEAD)
    assert federation.ask(site, body)["accepted"]  # decided before
    other, body = federation.submission()
    with pytest.raises(PeerRolledBack):
        federation.ask(site, body)
    assert (site.has_job(known), site.has_job(other)) == (True, False)


def test_a_lead_submits_no_job_to_a_site_that_went_back(tmp_path: Path) -> None:
    federation = Federation(tmp_path)
    assert lead_jobs.submit(federation.lead.ports, federation.request()).id
    suspect(federation.lead.ports, SITES[1])
    with pytest.raises(PeerRolledBack):
        lead_jobs.submit(federation.lead.ports, federation.request())
    assert len(lead_jobs.jobs(federation.lead.ports).values) == 1


def test_doctor_names_a_peer_that_went_back() -> None:
    assert peers.gone_back({}) == []
    (check,) = peers.gone_back({LEAD: "it cannot prove it"})
    assert (LEAD in check.name, check.verdict) == (True, diagnose.WARN)
    assert "preau recovery show" in check.mend
