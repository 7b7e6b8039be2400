"""Files parsed by a confined process, and the command that has it done."""

from __future__ import annotations

import json
import re
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pyarrow import parquet

from connector.domain.catalog.layout import JOBS_MISSING, Layout
from connector.domain.catalog.proposal import describe
from connector.domain.catalog.source import Source
from connector.errors import (
    DataFileMissing,
    DataFileUnreadable,
    DescriptionIncomplete,
    WorkerFailed,
)
from connector.services.publication import describing as publication
from connector.sources import child
from connector.sources.describing import read_source
from federated.persons import MISSING
from tests.support.command import invoked

TEXT = "élève;note;né\r\n" + "".join(
    f"e{at % 7};{at % 20},5;{at % 28 + 1:02d}/01/2012\r\n" for at in range(70)
)
SAID = {
    "id": "urn:example:pupils",
    "collection_purpose": "urn:example:teaching",
    "legal_basis": "urn:example:task",
    "retention": "P1Y",
    "territory": "FR",
    "cap": {"epsilon": 1.0, "delta": 1e-6},
    "offer": {"permission": []},
}


@pytest.fixture
def pupils(tmp_path: Path) -> Path:
    path = tmp_path / "pupils.csv"
    path.write_bytes(TEXT.encode("cp1252"))
    return path


@pytest.fixture(scope="module")
def described(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `preau source inspect --out` wrote, and a person completed."""
    folder = tmp_path_factory.mktemp("described")
    path = folder / "pupils.csv"
    path.write_bytes(TEXT.encode("cp1252"))
    words = ["source", "inspect", str(path), "--lang", "fr", "--out", str(folder / "d.json")]
    done = invoked(words)
    assert done.exit_code == 0, done.output
    assert "separator  ;  chaque ligne vue a autant de champs que l'en-tête" in done.stdout
    proposed = json.loads((folder / "d.json").read_text(encoding="utf-8"))
    (folder / "d.json").write_text(json.dumps({**proposed, **SAID}), encoding="utf-8")
    return folder / "d.json"


def published(body: dict[str, Any]) -> publication.Draft:
    return publication.read(body, Path("/home"), datetime(2026, 11, 28, tzinfo=UTC))


@pytest.mark.usefixtures("whole_children")
def test_the_process_is_confined(pupils: Path) -> None:
    found = child.inspect(pupils)
    assert found["rows"] == 70
    assert re.match(r"process", found["isolation"])
    assert "seccomp" in found["isolation"]


def test_faults_come_back_as_they_are(pupils: Path, tmp_path: Path) -> None:
    pupils.write_bytes(TEXT.encode("cp1252") + b'"open;1;2\n')
    with pytest.raises(DataFileUnreadable, match="line 72: has a quote that is not closed"):
        child.inspect(pupils)
    with pytest.raises(DataFileMissing):
        child.inspect(tmp_path / "none.csv")


def test_a_process_that_ends_without_an_answer_is_said(pupils: Path) -> None:
    with pytest.raises(WorkerFailed, match=r"without an answer|before it was asked"):
        child.inspect(pupils, seconds=0)


@pytest.mark.usefixtures("whole_children")
def test_memory_is_bounded(pupils: Path) -> None:
    with pytest.raises((WorkerFailed, DataFileUnreadable)):
        child.inspect(pupils, memory=8 << 20)


def test_a_confirmed_description_is_published_from_its_source_or_converted(described: Path) -> None:
    body = json.loads(described.read_text(encoding="utf-8"))
    assert (body["person_column"], body["population"], body["rows_per_person"]) == ("élève", 10, 10)
    assert published(body).dataset.file.source.path == str(described.with_name("pupils.csv"))
    out = described.with_name("pupils.parquet")
    done = invoked(["source", "convert", str(described), "--out", str(out), "--json"])
    assert json.loads(done.stdout)["rows"] == 70
    assert parquet.read_table(out)["note"].to_pylist()[:3] == [0.5, 1.5, 2.5]
    parquet_body = {**body, "file": {"path": str(out), "format": "parquet"}}
    del parquet_body["layout"]
    assert published(parquet_body).dataset.population == 10
    again = invoked(["source", "convert", str(described), "--out", str(out)])
    assert again.exit_code == 1
    assert "exists" in again.stderr


def test_a_layout_that_jobs_read_is_published_as_it_is(described: Path) -> None:
    body = json.loads(described.read_text(encoding="utf-8"))
    plain = {"encoding": "utf-8", "separator": ",", "quote": '"', "decimal": "."}
    layout = {**body["layout"], **plain}
    assert not published({**body, "layout": layout}).dataset.file.source.stated
    for change in ({"separator": ";"}, {"decimal": ","}, {"missing": ["ND"]}, {"folder": True}):
        source = published({**body, "layout": {**layout, **change}}).dataset.file.source
        assert source.stated
    with pytest.raises(DescriptionIncomplete, match="`file` needs a `layout`"):
        published({**body, "layout": None, "file": {**body["file"], "format": "xlsx"}})
    with pytest.raises(DescriptionIncomplete, match="`layout/sheet` is not a known member"):
        published({**body, "layout": {**layout, "sheet": "x"}})
    with pytest.raises(DescriptionIncomplete, match="lacks the column `note`"):
        published({**body, "layout": {**layout, "columns": layout["columns"][:1]}})
    assert set(MISSING) == {"", *JOBS_MISSING}


@pytest.mark.usefixtures("whole_children")
def test_rows_are_streamed_to_another_process(described: Path, pupils: Path) -> None:
    _, layout = read_source(json.loads(described.read_text(encoding="utf-8")))
    with child.rows(pupils, layout) as found:
        table = pa.ipc.open_stream(found.pipe).read_all()
        counted = found.end()
    assert table.num_rows == counted["rows"] == 70
    assert table["né"][0].as_py() == date(2012, 1, 1)
    pupils.write_bytes(TEXT.encode("cp1252") + b"e1;1\n")
    with child.rows(pupils, layout) as found:
        found.pipe.read()
        with pytest.raises(DataFileUnreadable, match="line 72: has 2 fields"):
            found.end()


def test_a_file_that_is_not_of_its_layout_leaves_nothing(described: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.csv"
    other.write_bytes("élève;note;né\na;12.5;01/01/2012\nb;;01/01/2012\n".encode("cp1252"))
    out = tmp_path / "other.parquet"
    words = ["source", "convert", str(described), "--data", str(other), "--out", str(out)]
    done = invoked(words)
    assert done.exit_code == 1
    assert "most values of column `note` are not of type number" in done.stderr
    assert list(tmp_path.iterdir()) == [other]


def test_a_description_says_where_its_file_is(described: Path) -> None:
    body = json.loads(described.read_text(encoding="utf-8"))
    path, layout = read_source(body)
    assert isinstance(layout, Layout)
    assert path == described.with_name("pupils.csv")
    for change in ({"file": {"path": "pupils.csv"}}, {"layout": {}}, {"file": 1}):
        with pytest.raises(DescriptionIncomplete):
            read_source({**body, **change})


def test_what_only_a_person_knows_is_left_empty(pupils: Path) -> None:
    with pytest.raises(DescriptionIncomplete, match="missing: id"):
        published(describe(Source(path=str(pupils)), child.inspect(pupils)))
