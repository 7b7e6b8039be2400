"""What supervisors and monitors see: health, readiness and figures, and nothing else of a node."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import NoReturn

import httpx
import pytest
from prometheus_client.metrics_core import Sample
from prometheus_client.parser import text_string_to_metric_families

from connector.bootstrap.life import Life
from connector.domain.participant import StatusList
from connector.domain.thread import ThreadFault
from connector.errors import StoreUnavailable
from connector.management import observation
from connector.management.gate import Door
from connector.ports import Ports
from connector.services.health import measure
from connector.services.health.vitals import Vitals
from connector.services.negotiation import negotiate
from connector.services.publication import publish
from tests.support.doubles import NOON, ports_for_tests, settings_for_tests
from tests.support.each import over
from tests.support.link import DATASET, description, link
from tests.support.management import DOOR, FINE, SHOWN, application_of, asked

PATHS = (observation.HEALTH, observation.READY, observation.METRICS)
MONITOR = Door("", open=frozenset(PATHS))
DEAD = Vitals(dead=("outbox",))
NAME = "did:web:node.example"
Found = dict[tuple[str, tuple[str, ...]], float]


class NoStore:
    """A database that does not answer."""

    @contextmanager
    def read(self) -> Iterator[NoReturn]:
        raise StoreUnavailable("the database did not answer")
        yield

    write = read


@pytest.fixture
def ports(tmp_path: Path) -> Ports:
    return ports_for_tests(tmp_path)


@contextmanager
def http(ports: Ports, door: Door = DOOR, vitals: Vitals = FINE) -> Iterator[httpx.Client]:
    with asked(application_of(ports, door, vitals), ports.settings) as client:
        yield client


def figures(text: str) -> Found:
    return {
        (sample.name, labels_of(sample)): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def labels_of(sample: Sample) -> tuple[str, ...]:
    order, _ = measure.FIGURES.get(sample.name, (tuple(sample.labels), ""))
    return tuple(sample.labels[name] for name in order)


def measured(ports: Ports, vitals: Vitals = FINE) -> Found:
    found = measure.measure(ports, vitals, "1")
    assert len({(each.name, each.labels) for each in found}) == len(found)
    for each in found:
        assert len(each.labels) == len(measure.FIGURES[each.name][0]), each
    return {(each.name, each.labels): each.value for each in found}


# --- health and readiness


@pytest.mark.parametrize(
    ("vitals", "store", "health", "reasons"),
    [
        (FINE, True, 200, []),
        (DEAD, True, 503, ["THREAD_DEAD"]),
        (Vitals(stopping=True), True, 200, ["STOPPING"]),
        (FINE, False, 200, ["STORE_UNAVAILABLE"]),
    ],
)
def test_health_asks_for_a_restart_and_readiness_does_not(
    ports: Ports, vitals: Vitals, *, store: bool, health: int, reasons: list[str]
) -> None:
    ports = ports if store else replace(ports, store=NoStore())
    with http(ports, vitals=vitals) as client:
        assert client.get("/health").status_code == health
        answer = client.get("/ready")
        assert answer.status_code == (503 if reasons else 200)
        assert answer.json() == {"ready": not reasons, "reasons": reasons}


@over(
    ("door", "path", "method", "opened"),
    [
        *((DOOR, path, "GET", path != observation.METRICS) for path in PATHS),
        *((MONITOR, path, "GET", True) for path in PATHS),
        *((door, path, "POST", False) for door in (DOOR, MONITOR) for path in PATHS),
        *((door, "/budget", "GET", False) for door in (DOOR, MONITOR)),
        *((door, "/health/../budget", "GET", False) for door in (DOOR, MONITOR)),
        *((door, "//health", "GET", False) for door in (DOOR, MONITOR)),
        *((door, "/health/", "GET", False) for door in (DOOR, MONITOR)),
    ],
)
def test_only_what_is_named_is_answered_without_a_token(
    ports: Ports, door: Door, path: str, method: str, *, opened: bool
) -> None:
    with http(ports, door) as client:
        assert (client.request(method, path).status_code == 401) is not opened


def test_the_port_of_metrics_has_no_token_that_opens_more(ports: Ports) -> None:
    with http(ports, MONITOR) as client:
        for shown in (SHOWN, {"authorization": "Bearer"}, {}):
            assert client.get("/node", headers=shown).status_code == 401
    with http(ports) as client:
        assert client.get("/node", headers=SHOWN).status_code == 200


def test_a_web_page_sees_neither(ports: Ports) -> None:
    with http(ports, MONITOR) as client:
        for path in PATHS:
            assert client.get(path, headers={"origin": "http://evil.example"}).status_code == 401


# --- figures


def test_the_figures_are_what_prometheus_reads(ports: Ports) -> None:
    ports.calls.add("/m", "NOT_FOUND")
    ports.faults["outbox"] = ThreadFault(NOON, "LookupError", "a.b:1 c", 2)
    vitals = Vitals(expiries={"https": NOON + timedelta(hours=1)}, free_bytes=7)
    with http(ports, MONITOR, vitals) as client:
        answer = client.get("/metrics")
    found = figures(answer.text)
    assert answer.headers["content-type"].startswith("text/plain")
    assert {name: value for name, value in found.items() if name[0].startswith("preau_")} == {
        (name, labels): value
        for (name, labels), value in measured(ports, vitals).items()
        if name != "preau_node_info"
    } | {key: value for key, value in found.items() if key[0] == "preau_node_info"}
    assert found["preau_requests_total", ("/m", "NOT_FOUND")] == 1
    assert found["preau_certificate_left_seconds", ("https",)] == 3600
    assert found["process_resident_memory_bytes", ()] > 0


def test_the_figures_follow_what_happens(tmp_path: Path) -> None:
    with link(tmp_path) as pair:
        school, lab = pair.school.ports, pair.lab.ports
        publish.publish(school, description(pair.folder))
        before = measured(school)
        negotiate.request(lab, pair.school.did, DATASET)
        waiting = measured(lab)
        pair.clock.advance(30)
        assert measured(lab)["preau_outbox_oldest_seconds", ()] == 30
        pair.pump()
        after = measured(school)
        with school.store.read() as tx:
            (register,) = tx.registers.find()
    assert waiting["preau_outbox_messages", ("waiting",)] == 1
    assert waiting["preau_negotiations", ("REQUESTED",)] == 1
    assert measured_change(before, after) == {
        ("preau_negotiations", ("FINALIZED",)): 1,
        ("preau_agreements", ("provider",)): 1,
        ("preau_budget_epsilon", (register.id, "promised")): 3,
    }
    assert after["preau_budget_epsilon", (register.id, "cap")] == 10
    assert after["preau_dataset_register_info", (DATASET, register.id)] == 1
    assert after["preau_audit_entries", ()] > before["preau_audit_entries", ()]


def test_members_at_their_quota_are_counted_and_not_named(ports: Ports) -> None:
    assert measured(ports)["preau_member_bytes_most", ()] == 0
    most = ports.settings.member_stored_bytes
    ports.held.counted({"did:web:p": most, "did:web:q": most - 1, "did:web:r": most + 5})
    found = measured(ports)
    assert found["preau_members_at_quota", ()] == 2
    assert found["preau_member_bytes_most", ()] == most + 5


def measured_change(before: Found, after: Found) -> Found:
    kinds = ("preau_negotiations", "preau_agreements", "preau_budget_epsilon", "preau_jobs")
    return {
        key: value - before.get(key, 0)
        for key, value in after.items()
        if key[0] in kinds and value != before.get(key, 0)
    }


def test_a_status_list_has_an_age_and_an_end(ports: Ports) -> None:
    listed = StatusList("https://a.example/1", "x", NOON + timedelta(hours=1), NOON)
    with ports.store.write() as tx:
        tx.status_lists.put(listed)
    ports.clock.advance(5000)  # type: ignore[attr-defined] - the clock of a test
    found = measured(ports)
    assert found["preau_status_list_age_seconds", (listed.url,)] == 5000
    assert found["preau_status_list_left_seconds", (listed.url,)] == 0


def test_what_cannot_be_had_is_left_out(ports: Ports) -> None:
    found = measured(replace(ports, store=NoStore()))
    assert found[measure.READ, ()] == 0
    assert ("preau_jobs", ("site", "RUNNING")) not in found
    assert measured(ports)[measure.READ, ()] == 1


def test_no_name_of_another_is_a_label() -> None:
    labels = {label for labels, _ in measure.FIGURES.values() for label in labels}
    assert not labels & {"peer", "person", "job", "agreement", "negotiation", "address"}


# --- the process


@pytest.fixture
def life(tmp_path: Path) -> Life:
    return Life(settings_for_tests(tmp_path, NAME))


def thread(name: str) -> Callable[[], None]:
    over = threading.Event()
    running = threading.Thread(target=over.wait, name=name, daemon=True)
    running.start()

    def end() -> None:
        over.set()
        running.join()

    return end


def test_a_lasting_thread_that_ended_is_named(life: Life) -> None:
    end_other = thread("renewal")  # of another node in this process
    life.begin()
    ends = {name: thread(name) for name in ("outbox", "peer-loop", "renewal", "checks")}
    life.begun()
    assert life.vitals().dead == ()
    for name in ("checks", "outbox", "peer-loop"):
        ends[name]()
    end_other()
    assert life.vitals().dead == ("outbox", "peer-loop")
    ends["renewal"]()


def test_the_disk_and_the_certificates_are_looked_at(life: Life, tmp_path: Path) -> None:
    found = life.vitals()
    assert found.free_bytes
    assert found.expiries == {}
    assert tmp_path.exists()
