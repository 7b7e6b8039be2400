"""What makes a site ready for jobs: contracts that let train, and not each of them anew."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from connector.services.federation.site import readiness
from connector.services.federation.site.names import WAKEUP
from connector.services.negotiation import negotiate
from connector.services.publication import publish
from tests.support.doubles import FixedClock
from tests.support.link import Link, description, link
from tests.support.negotiating import ask
from tests.support.opening import SCHOOLS, open_offer, schools


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[Link]:
    with link(tmp_path, carries=True) as pair:
        roomy = description(pair.folder, cap={"epsilon": 100, "delta": 0.1})
        publish.publish(pair.school.ports, roomy)
        yield pair


class Bell:
    """Counts who was woken."""

    def __init__(self) -> None:
        self.rung: list[str] = []

    def notify(self, name: str) -> None:
        self.rung.append(name)


class Workers:
    """Keeps what is to be held ready."""

    def __init__(self) -> None:
        self.told: list[list[Path]] = []

    def ready(self, _folder: Path, files: Iterable[Path], _engines: object) -> None:
        self.told.append(list(files))


def test_only_a_contract_that_lets_train_wakes_who_runs_jobs(pair: Link) -> None:
    bell = Bell()
    pair.school.ports = replace(pair.school.ports, wakeups=bell)  # type: ignore[arg-type]  # only notifies
    publish.publish(pair.school.ports, schools(pair.folder, open_offer()))
    negotiate.request(pair.lab.ports, pair.school.did, SCHOOLS)
    pair.pump()
    assert bell.rung.count(WAKEUP) == 0
    ask(pair)
    assert bell.rung.count(WAKEUP) == 1


def test_a_look_that_found_nothing_new_is_followed_by_a_rest(pair: Link) -> None:
    workers, file = Workers(), Path(str(description(pair.folder)["file"]["path"]))
    clock = FixedClock()
    ports = replace(pair.school.ports, workers=workers, clock=clock)  # type: ignore[arg-type]  # as above
    ready = readiness.Readiness(ports)
    ready.look()
    told: list[list[Path]] = [[]]
    for _ in range(3):
        ask(pair)
        ready.look()
        told = [*told, [file]][:3]  # the third contract on a dataset is not looked at
        assert workers.told == told
    clock.advance(readiness.REST.total_seconds())
    ready.look()
    assert workers.told == [*told, [file]]
