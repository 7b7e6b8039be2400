"""Datasets that an earlier release published without a check of their files."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from connector.bootstrap.threads.checks import Checks
from connector.errors import DataUnchecked, PersonsOverlap, RowDamaged, RowsMalformed
from connector.services.publication import checking, publish
from tests.support.federation import wait_for
from tests.support.link import DATASET, Link, Node, description, link
from tests.support.publishing import HEADER, OTHER, described, put, refused, verdict_of


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[Link]:
    with link(tmp_path) as pair:
        yield pair


@pytest.fixture
def school(pair: Link) -> Node:
    return pair.school


def forget_checks(school: Node) -> None:
    """Make the datasets those of a release that checked no file."""
    with school.ports.store.write() as tx:
        for census in tx.censuses.find():
            tx.censuses.remove(census.dataset_id)
        for persons in tx.persons.find():
            tx.persons.remove(persons.register_id)


def test_a_dataset_of_an_earlier_release_runs_no_job_until_it_is_checked(
    pair: Link, school: Node
) -> None:
    put(school, description(pair.folder))
    forget_checks(school)
    assert verdict_of(school).code == DataUnchecked.code
    assert checking.waiting(school.ports) == [DATASET]
    assert checking.sweep(school.ports) == []
    assert not verdict_of(school).code
    started = school.ports.workers.started  # type: ignore[attr-defined]
    checking.sweep(school.ports)
    assert school.ports.workers.started == started  # type: ignore[attr-defined]


def test_a_sweep_stops_when_asked_and_goes_on_later(pair: Link, school: Node) -> None:
    put(school, description(pair.folder))
    forget_checks(school)
    assert checking.sweep(school.ports, lambda: True) == [DATASET]
    workers: Any = school.ports.workers
    workers.failing = True
    assert checking.sweep(school.ports) == [DATASET]
    workers.failing = False
    assert checking.sweep(school.ports) == []


def test_a_running_node_checks_by_itself_what_waits(pair: Link, school: Node) -> None:
    put(school, description(pair.folder))
    forget_checks(school)
    checks = Checks(school.ports)
    checks.start()
    assert wait_for(lambda: not checking.waiting(school.ports))
    checks.stop()
    assert not verdict_of(school).code
    assert school.ports.faults == {}


@pytest.mark.parametrize("damage", ["gone", "changed", "malformed"])
def test_a_file_of_an_earlier_release_that_does_not_pass(
    pair: Link, school: Node, damage: str
) -> None:
    raw = described(pair, "a.csv", "p1")
    put(school, raw)
    forget_checks(school)
    path, codes = Path(raw["file"]["path"]), {"gone": "DATA_FILE_MISSING"}
    if damage == "gone":
        path.unlink()
    elif damage == "changed":
        path.write_text(HEADER, encoding="utf-8")
        codes["changed"] = "DATA_FILE_CHANGED"
    else:
        path.write_text(HEADER + "p1,x,x,F\n", encoding="utf-8")
        _republish_digest(school)
        codes["malformed"] = RowsMalformed.code
    checking.sweep(school.ports)
    found = verdict_of(school)
    assert found.code == codes[damage]
    assert found.reasons
    assert put(school, described(pair, "a.csv", "p1", "p2"))
    assert not verdict_of(school).code


def _republish_digest(school: Node) -> None:
    with school.ports.store.write() as tx:
        (dataset,) = tx.datasets.find()
        digest = school.ports.sources.digest(Path(dataset.file.path))
        tx.datasets.put(replace(dataset, file=replace(dataset.file, digest=digest)))


def test_persons_of_two_old_registers_stop_both_until_answered(pair: Link, school: Node) -> None:
    put(school, described(pair, "a.csv", "p1", "p2"))
    put(school, described(pair, "b.csv", "p2", id=OTHER), distinct="forgotten below")
    forget_checks(school)
    checking.sweep(school.ports)
    assert verdict_of(school).code == verdict_of(school, OTHER).code == PersonsOverlap.code
    checking.check(school.ports, OTHER)
    assert verdict_of(school).code == PersonsOverlap.code
    checking.check(school.ports, OTHER, distinct="two towns")
    assert not verdict_of(school).code
    assert not verdict_of(school, OTHER).code


def test_persons_who_could_never_be_counted_are_asked_about(pair: Link, school: Node) -> None:
    raw = described(pair, "a.csv", "p1")
    put(school, raw)
    forget_checks(school)
    Path(raw["file"]["path"]).unlink()
    checking.sweep(school.ports)
    other = described(pair, "b.csv", "p9", id=OTHER)
    assert "could not be counted" in refused(school, other, PersonsOverlap)
    put(school, other, distinct="another town")


def test_nothing_is_published_while_others_cannot_be_checked(pair: Link, school: Node) -> None:
    put(school, described(pair, "a.csv", "p1"))
    forget_checks(school)
    workers: Any = school.ports.workers
    workers.failing = True
    with pytest.raises(DataUnchecked):
        publish.publish(school.ports, described(pair, "b.csv", "p9", id=OTHER))


def test_what_is_looked_through_is_read_a_page_at_a_time(
    pair: Link, school: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As many rows as there may be are never in memory together, and none is passed over."""
    put(school, described(pair, "a.csv", "p1", "p2"))
    for number in range(3):
        raw = described(pair, f"{number}.csv", f"q{number}")
        put(school, {**raw, "id": f"urn:other:{number}"})
    raw = described(pair, "b.csv", "p2", "p3")
    put(school, {**raw, "id": OTHER}, distinct="others of that name")
    before = [verdict_of(school, name) for name in (DATASET, OTHER)]
    forget_checks(school)

    def whole(*_: object, **__: object) -> Any:
        raise AssertionError("all datasets are read together")

    monkeypatch.setattr(checking, "_AT_A_TIME", 2)
    with monkeypatch.context() as patch:
        with school.ports.store.read() as tx:
            patch.setattr(type(tx.datasets), "find", whole)
        names = [DATASET, *(f"urn:other:{number}" for number in range(3)), OTHER]
        assert checking.waiting(school.ports) == names
        assert checking.sweep(school.ports) == []
        (overlap,) = checking.check(school.ports, OTHER).overlaps
    assert [each.code for each in before] == ["", ""]
    assert overlap.persons == 1
    assert verdict_of(school, OTHER).code == PersonsOverlap.code


def test_a_row_that_cannot_be_read_leaves_unknown_what_waits(pair: Link, school: Node) -> None:
    put(school, description(pair.folder))
    with school.ports.store.write() as tx:
        tx._scope.change(text("UPDATE dataset SET file = '{'"))  # type: ignore[attr-defined]
    with pytest.raises(RowDamaged, match="column `file` of table `dataset` cannot be read"):
        checking.waiting(school.ports)
