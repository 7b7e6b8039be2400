"""What has ended is dropped by the node's timer, in bounded steps; what proves something stays."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from connector.bootstrap.system import STEADY_SECONDS
from connector.bootstrap.threads.renewal import Renewal
from connector.config import LEAST_KEEP_DAYS, from_mapping
from connector.domain.delivery import ReceivedMessage
from connector.domain.federation.job import JobSide
from connector.domain.holdings import ROW_BYTES
from connector.errors import ConfigurationInvalid
from connector.ports import Ports
from connector.services.federation.site.names import job_folder, job_named
from connector.services.negotiation import negotiate
from connector.services.negotiation.outcomes import SIGNED_AGE
from connector.services.publication import publish
from connector.services.storage import pruning
from federated.job import JobState
from tests.ports.test_store_holdings import job
from tests.support.doubles import QuickPace, ports_for_tests
from tests.support.link import DATASET, Link, description, link
from tests.support.negotiating import ask

PEER = "did:web:p"


def handled(ports: Ports, number: int) -> None:
    with ports.store.write() as tx:
        for each in range(number):
            tx.inbox.put(ReceivedMessage(f"{each}", PEER, "ab", b"{}", ports.clock.now()))


def left(ports: Ports) -> int:
    with ports.store.read() as tx:
        return tx.inbox.count()


def pass_days(ports: Ports, days: int) -> None:
    ports.clock.advance(timedelta(days=days).total_seconds())  # type: ignore[attr-defined] - a test's


@pytest.fixture
def ports(tmp_path: Path) -> Ports:
    return ports_for_tests(tmp_path)


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[Link]:
    with link(tmp_path) as pair:
        publish.publish(pair.school.ports, description(pair.folder))
        yield pair


def on(_seconds: float) -> bool:
    return False


def test_steps_are_bounded_and_end_when_the_node_stops(
    ports: Ports, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pruning, "STEP_ROWS", 2)
    handled(ports, 7)
    pass_days(ports, ports.settings.keep_days + 1)
    assert pruning.prune(ports, lambda _seconds: True) == 2
    monkeypatch.setattr(pruning, "MOST_STEPS", 2)
    assert pruning.prune(ports, on) == 4
    assert pruning.prune(ports, on) == 1
    assert left(ports) == 0


def test_nothing_goes_before_its_time(ports: Ports) -> None:
    handled(ports, 3)
    pass_days(ports, ports.settings.keep_days - 1)
    assert pruning.prune(ports, on) == 0
    assert left(ports) == 3


def evidence(ports: Ports) -> tuple[Any, ...]:
    with ports.store.read() as tx:
        kept = (tx.agreements, tx.kept_lists, tx.checkpoints, tx.notices)
        found = [each.find() for each in kept]
        return (*found, tx.audit.head(), [entry.event for entry in tx.audit.entries()])


def test_a_contract_and_its_evidence_stay(pair: Link) -> None:
    pid = ask(pair)
    ended = negotiate.request(pair.lab.ports, pair.school.did, DATASET).pid
    negotiate.terminate(pair.lab.ports, ended)
    pair.pump()
    pair.clock.advance(timedelta(days=60).total_seconds())
    for node in (pair.school, pair.lab):
        before = evidence(node.ports)
        assert pruning.prune(node.ports, on) > 0
        assert evidence(node.ports) == before
        assert len(node.agreements()) == 1
        assert [each.state.value for each in node.negotiations()] == ["FINALIZED"]
        assert left(node.ports) == 0
    assert negotiate.negotiation(pair.lab.ports, pid).agreement_id


def test_folders_of_others_jobs_go_and_no_others(ports: Ports) -> None:
    def named(number: int) -> str:
        return f"urn:uuid:00000000-0000-4000-8000-00000000000{number}"

    def folder(job_id: str) -> Path:
        made = job_folder(ports, job_id)
        (made / "site.log").write_text("x")
        return made

    ended = job(named(1), JobState.FAILED)
    named_here = replace(ended, id=f"urn:preau:job:{'ab' * 32}")
    led = replace(ended, id=named(2), side=JobSide.LEAD)
    running = replace(ended, id=named(3), state=JobState.RUNNING)
    with ports.store.write() as tx:
        for each in (ended, named_here, led, running):
            tx.jobs.put(each)
    gone, stay = [folder(each.id) for each in (ended, named_here)], [folder(led.id)]
    stay += [folder(running.id), folder(named(4)), ports.settings.path("jobs") / "notes"]
    stay[-1].mkdir()
    pruning.prune(ports, on)
    assert all(each.exists() for each in gone)
    pass_days(ports, ports.settings.keep_days + 1)
    pruning.prune(ports, on)
    assert [each.exists() for each in gone] == [False, False]
    assert all(each.exists() for each in stay)
    assert job_named("..") == ""


def test_the_nodes_timer_counts_and_drops(ports: Ports) -> None:
    pace = QuickPace()
    ports = replace(ports, pace=pace, settings=replace(ports.settings, trusted_issuers=()))
    renewal = Renewal(ports, None)  # type: ignore[arg-type] - it has no keys to look at
    handled(ports, 3)
    pass_days(ports, ports.settings.keep_days + 1)
    renewal._refresh()  # the clock jumped: nothing is ended by it
    assert left(ports) == 3
    assert ports.held.of(PEER) == 3 * (ROW_BYTES + len("{}"))
    pace.pass_by(STEADY_SECONDS + 1)
    ports.clock.advance(STEADY_SECONDS + 1)  # type: ignore[attr-defined] - as above
    renewal._refresh()
    assert left(ports) == 0


def test_messages_are_known_for_longer_than_peers_send_them(tmp_path: Path) -> None:
    def settings(days: int) -> Callable[[], object]:
        return lambda: from_mapping(tmp_path, {"did": "d", "name": "n", "keep_days": days})

    assert timedelta(days=LEAST_KEEP_DAYS) > SIGNED_AGE
    settings(LEAST_KEEP_DAYS)()
    with pytest.raises(ConfigurationInvalid, match="31 or more"):
        settings(LEAST_KEEP_DAYS - 1)()
