"""Snapshots of sources: what every use reads, from its taking to its end."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from connector.bootstrap.diagnosis import probe
from connector.domain import instant
from connector.domain.catalog.dataset import Dataset
from connector.errors import (
    DataFileChanged,
    DataFileMissing,
    DataFileUnreadable,
    PersonsExceeded,
    RowsMalformed,
    StoreUnavailable,
)
from connector.services.health import data
from connector.services.health.diagnose import Check
from connector.services.publication import checking, publish, snapshots, withdrawing
from connector.services.use import layouts
from connector.sources.reading import Tally, batches
from connector.sources.snapshots import HomeSources
from federated.training.rows.parts import read_table
from federated.training.rows.table import Table
from tests.support.link import DATASET, Link, Node, description, link
from tests.support.management import commanded

ROWS = "pupil;grade;reading;sex\n" + "".join(f"é{at};{at % 3 + 1};{at},5;F\n" for at in range(40))
LAYOUT: dict[str, Any] = {
    "format": "csv",
    "encoding": "cp1252",
    "separator": ";",
    "quote": '"',
    "decimal": ",",
    "missing": ["ND"],
    "columns": [
        {"name": "pupil", "datatype": "text"},
        {"name": "grade", "datatype": "integer"},
        {"name": "reading", "datatype": "number"},
        {"name": "sex", "datatype": "text"},
    ],
}


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[Link]:
    with link(tmp_path) as pair:
        yield pair


@pytest.fixture
def school(pair: Link) -> Node:
    return pair.school


def written(pair: Link, text: str = ROWS) -> Path:
    path = pair.folder / "rows.csv"
    path.write_bytes(text.encode("cp1252"))
    return path


def raw(pair: Link, text: str = ROWS, **changes: Any) -> dict[str, Any]:
    file = {"path": str(written(pair, text)), "format": "csv"}
    return description(pair.folder, file=file, layout=LAYOUT, **changes)


def as_trained(dataset: Dataset) -> Table:
    """Return the rows as the worker of a job reads them."""
    file = dataset.file
    return read_table(
        Path(file.path), file.format, file.digest, ["pupil", "grade", "reading"]
    ).whole()


def held(school: Node) -> list[str]:
    folder = school.home / "snapshots"
    return sorted(each.name for each in folder.iterdir()) if folder.is_dir() else []


def test_every_use_reads_the_snapshot(pair: Link, school: Node) -> None:
    found = publish.publish(school.ports, raw(pair))
    path = Path(found.file.path)
    assert path.parent == school.home / "snapshots"
    assert path.stem == found.file.digest == school.ports.sources.digest(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    trained = as_trained(found)
    assert trained.text("pupil").to_pylist()[0] == "é0"
    assert list(trained.numbers("reading")[:2]) == [0.5, 1.5]
    (delivered,) = batches(path, layouts.layout_of(found), Tally())
    assert delivered.column("reading").to_pylist()[:2] == [0.5, 1.5]
    (entry,) = school.log("dataset.published")
    assert json.loads(entry.event)["facts"]["file"] == found.file.digest


def test_uses_go_on_with_the_snapshot_until_a_fresh_one_is_taken(pair: Link, school: Node) -> None:
    before = publish.publish(school.ports, raw(pair))
    written(pair, ROWS + "new;1;500;M\n")
    assert as_trained(before).rows == 40
    assert checking.check(school.ports, DATASET).code == ""
    after = snapshots.refresh(school.ports, DATASET)
    assert as_trained(after.dataset).rows == 41
    assert after.effects == ("jobs read the new file",)
    assert after.dataset == publish.dataset(school.ports, DATASET)
    assert replace(after.dataset, file=before.file) == before
    assert len(school.log("dataset.refreshed")) == 1
    assert [made.withdrawn for made in publish.offers(school.ports, DATASET)] == [False]


def test_a_fresh_snapshot_that_may_not_be_published_changes_nothing(
    pair: Link, school: Node
) -> None:
    before = publish.publish(school.ports, raw(pair, population=40))
    for text, fault in (
        (ROWS + "new;1;500;M\n", PersonsExceeded),
        ("pupil;grade;reading;sex\n" + "é;1;1.5;F\n" * 3, DataFileUnreadable),
        (ROWS.replace("é1;2;1,5", "é1;2;"), None),
    ):
        written(pair, text)
        if fault is None:
            snapshots.refresh(school.ports, DATASET)
            continue
        with pytest.raises(fault):
            snapshots.refresh(school.ports, DATASET)
        assert publish.dataset(school.ports, DATASET) == before


def test_a_file_that_jobs_read_is_its_own_snapshot(pair: Link, school: Node) -> None:
    published = publish.publish(school.ports, description(pair.folder))
    path = Path(published.file.path)
    assert not held(school)
    path.write_text(path.read_text(encoding="utf-8") + "p9,2,1,F\n", encoding="utf-8")
    assert checking.check(school.ports, DATASET).code == DataFileChanged.code
    fresh = snapshots.refresh(school.ports, DATASET).dataset
    assert fresh.file.digest == school.ports.sources.digest(path)
    assert checking.check(school.ports, DATASET).code == ""


def test_what_could_not_be_read_counts_against_the_dataset(pair: Link, school: Node) -> None:
    odd = ROWS.replace("é1;2;1,5", "é1;2;1.5").replace("é2;3;2,5", "é2;x;2.5")
    publish.publish(school.ports, raw(pair, odd))
    with school.ports.store.read() as tx:
        counts = tx.censuses.get(DATASET).counts  # type: ignore[union-attr] - it is there
    assert counts is not None
    assert {each.column: each.values for each in counts.unreadable if each.values} == {
        "reading": 2,
        "grade": 1,
    }
    assert (counts.rows, counts.malformed) == (40, 2)
    with pytest.raises(RowsMalformed, match="2 of 40 rows are malformed"):
        publish.publish(school.ports, raw(pair, odd, malformed_share=0.01))


def test_a_snapshot_is_kept_while_its_dataset_is_used(pair: Link, school: Node) -> None:
    first = publish.publish(school.ports, raw(pair))
    written(pair, ROWS + "new;1;500;M\n")
    second = snapshots.refresh(school.ports, DATASET).dataset
    snapshots.clear(school.ports)
    assert len(held(school)) == 2  # one that was just taken may be of a publication under way
    for each in (school.home / "snapshots").iterdir():
        os.utime(each, (0, 0))
    snapshots.clear(school.ports)
    assert held(school) == [Path(second.file.path).name] != [Path(first.file.path).name]
    withdrawing.withdraw_dataset(school.ports, DATASET, "over")
    snapshots.clear(school.ports)
    assert not held(school)
    again = snapshots.refresh(school.ports, DATASET).dataset
    assert (again.file.path, again.file.digest) == (second.file.path, second.file.digest)


def test_who_looks_after_a_dataset_sees_that_its_source_changed(pair: Link, school: Node) -> None:
    before = publish.publish(school.ports, raw(pair)).file.source
    assert datetime.now(UTC) - instant.read(before.taken_at) < timedelta(minutes=5)
    with commanded(school.ports) as preau:

        def said() -> tuple[str, list[Check]]:
            found = json.loads(preau("dataset", "check", DATASET, "--json").stdout)
            assert (
                found["snapshot_at"] == publish.dataset(school.ports, DATASET).file.source.taken_at
            )
            with school.ports.store.read() as tx:
                checks = probe._data(school.ports.settings, tx)
            return found["source"], [
                each for each in checks if each.name.startswith(("snapshots", "source of"))
            ]

        state, (line,) = said()
        assert state == snapshots.SAME
        assert (line.verdict, line.finding[:6]) == ("ok", "1 of 1")
        path = written(pair, ROWS + "new;1;500;M\n")
        state, (line, changed) = said()
        assert state == snapshots.CHANGED
        assert line.finding.startswith("0 of 1")
        assert (changed.verdict, changed.name) == ("warn", f"source of {DATASET}")
        assert before.taken_at in changed.finding
        assert "preau dataset refresh" in changed.mend
        snapshots.refresh(school.ports, DATASET)
        assert said()[0] == snapshots.SAME
        path.unlink()
        state, (_, gone) = said()
        assert state.startswith(DataFileMissing.code)
        assert DataFileMissing.code in gone.finding


def test_a_source_on_a_server_is_not_asked() -> None:
    found = data.sources(
        {"a": (snapshots.ON_SERVER, "2026-11-01T00:00:00Z"), "b": (snapshots.LARGE, "")}
    )
    (line,) = found
    assert "0 of 2 sources are unchanged since they were read; 2 are not compared" in line.finding
    assert "the oldest snapshot is 2026-11-01T00:00:00Z" in line.finding


def test_a_source_that_cannot_be_read_whole_leaves_nothing(pair: Link, school: Node) -> None:
    good = raw(pair)
    small = HomeSources(school.home / "snapshots", 100)
    with pytest.raises(StoreUnavailable, match="`snapshot_bytes`"):
        publish.publish(replace(school.ports, sources=small), good)
    with pytest.raises(DataFileUnreadable, match="line 42: has 2 fields"):
        publish.publish(school.ports, raw(pair, ROWS + "é;1\n"))
    Path(good["file"]["path"]).unlink()
    with pytest.raises(DataFileMissing):
        publish.publish(school.ports, good)
    assert not held(school)


def test_a_folder_is_one_source(pair: Link, school: Node) -> None:
    for year in ("2024", "2025"):
        folder = pair.folder / "rows" / f"year={year}"
        folder.mkdir(parents=True)
        (folder / "rows.csv").write_bytes(ROWS.encode("cp1252"))
    layout = {**LAYOUT, "folder": True}
    layout["columns"] = [*LAYOUT["columns"], {"name": "year", "datatype": "integer"}]
    stated = {"file": {"path": str(pair.folder / "rows"), "format": "csv"}, "layout": layout}
    found = publish.publish(school.ports, raw(pair) | stated)
    assert as_trained(found).rows == 80
    assert found.file.source.mark == school.ports.sources.take(found.file.source).source.mark
