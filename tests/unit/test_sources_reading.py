"""Files as their layouts state them: values, what cannot be read, and what stops."""

from __future__ import annotations

import tracemalloc
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyarrow import parquet

from connector.domain.catalog.layout import Field, Layout
from connector.errors import ColumnMissing, DataFileMissing, DataFileUnreadable
from connector.sources.formats import separated
from connector.sources.reading import Tally, batches
from connector.sources.values import typed
from tests.support.each import over
from tests.support.sheets import write_sheet

FIELDS = (Field("nom", "text"), Field("note", "number"), Field("né", "date", "DD/MM/YYYY"))
ROWS: list[dict[str, Any]] = [
    {"nom": "Zoé", "note": 82.0, "né": date(2010, 12, 31)},
    {"nom": "Éli; né", "note": None, "né": None},
]
TEXT = 'nom{0}note{0}né\r\nZoé{0}"82,0"{0}31/12/2010\r\n\r\n"Éli; né"{0}NA{0}\r\n'


def csv(encoding: str = "utf-8", separator: str = ";", **other: Any) -> Layout:
    stated = {"decimal": ",", "missing": ("NA",), "quote": '"', "fields": FIELDS, **other}
    return Layout("csv", encoding=encoding, separator=separator, **stated)


def rows(path: Path, layout: Layout, tally: Tally | None = None) -> list[dict[str, Any]]:
    found = batches(path, layout, tally if tally is not None else Tally())
    return [row for batch in found for row in batch.to_pylist()]


@over("encoding", ["utf-8", "utf-16", "cp1252", "iso-8859-1", "iso-8859-15"])
@over("separator", [";", ",", "\t", "|"])
def test_csv_is_read_as_stated(tmp_path: Path, encoding: str, separator: str) -> None:
    path = tmp_path / "rows.csv"
    path.write_bytes(TEXT.format(separator).encode(encoding))
    assert rows(path, csv(encoding, separator)) == ROWS
    if encoding == "utf-8":
        path.write_bytes(TEXT.format(separator).encode("utf-8-sig"))
        assert rows(path, csv(encoding, separator)) == ROWS


def test_every_format_gives_the_same_rows(tmp_path: Path) -> None:
    line = '{"nom": "Zoé", "note": 82.0, "né": "31/12/2010", "more": [1]}\n\n{"nom": "Éli; né"}\n'
    (tmp_path / "rows.jsonl").write_text(line, encoding="utf-8")
    schema = pa.schema([("né", pa.date32()), ("nom", pa.string()), ("note", pa.int32())])
    parquet.write_table(pa.Table.from_pylist(ROWS, schema), tmp_path / "rows.parquet")
    cells = [["note", "nom", "né"], [82, "Zoé", "31/12/2010"], ["NA", "Éli; né", ""]]
    write_sheet(tmp_path / "rows.xlsx", "Feuil1", cells)
    stated = {"decimal": ",", "missing": ("NA",)}
    assert rows(tmp_path / "rows.jsonl", Layout("jsonl", FIELDS, **stated)) == ROWS
    assert rows(tmp_path / "rows.parquet", Layout("parquet", FIELDS, **stated)) == ROWS
    assert rows(tmp_path / "rows.xlsx", Layout("xlsx", FIELDS, sheet="Feuil1", **stated)) == ROWS


def test_what_is_not_as_stated_is_null_and_counted(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text("nom;note;né\na;8.5;31/02/2010\nb;9,5;2010-12-31\nNA;;\n", encoding="utf-8")
    tally = Tally()
    assert [row["note"] for row in rows(path, csv(), tally)] == [None, 9.5, None]
    assert tally.rows == 3
    assert tally.unreadable == {"nom": 0, "note": 1, "né": 2}
    assert tally.missing == {"nom": 1, "note": 1, "né": 1}


@over(
    ("kind", "date_form", "texts", "read"),
    [
        ("integer", "", ["7", "+7", " -7 ", "7.0", "9" * 19], [7, 7, -7, None, None]),
        ("number", "", ["1,5", "1e3", ",5", "1.5", "1e999", "∞"], [1.5, 1e3, 0.5, *[None] * 3]),
        ("boolean", "", ["oui", "Vrai", "no", "1"], [True, True, False, None]),
        ("date", "YYYYMMDD", ["20250102", "20251301"], [date(2025, 1, 2), None]),
        ("text", "", ["007", " x "], ["007", " x "]),
    ],
)
def test_each_datatype_reads_its_spellings(
    kind: str, date_form: str, texts: list[str], read: list[Any]
) -> None:
    made, odd = typed(pa.array(texts), Field("c", kind, date_form), csv())
    assert made.to_pylist() == read
    assert (odd.to_pylist() if odd else [False] * len(read)) == [each is None for each in read]


@given(st.lists(st.decimals(-(10**9), 10**9, places=3), max_size=20))
def test_decimals_survive_either_sign(numbers: list[Any]) -> None:
    for sign in (".", ","):
        texts = pa.array([str(each).replace(".", sign) for each in numbers], pa.string())
        made, _ = typed(texts, Field("c", "number"), csv(decimal=sign))
        assert made.to_pylist() == [float(each) for each in numbers]


@given(
    st.lists(st.text(st.sampled_from("aé\"'; ,\r\x0b\x85\u2028"), max_size=6), max_size=6),
    st.integers(1, 3),
)
def test_what_arrow_reads_fast_is_what_stands_there(lines: list[str], width: int) -> None:
    places = list(reversed(range(width)))
    for layout in (csv(), csv(quote="")):
        fast = separated.unquoted(lines, layout, width, places)
        if fast:
            slow = separated.quoted(lines, layout, 1, width, places)
            assert [each.to_pylist() for each in fast] == [each.to_pylist() for each in slow]


def test_a_file_without_quotes_is_read_fast() -> None:
    lines = ["é;1\r", "\r", ";\r", ""]
    assert separated.unquoted(lines, csv(), 2, [1, 0]) == [pa.array(["1", ""]), pa.array(["é", ""])]
    assert separated.unquoted(['"é";1'], csv(), 2, [0]) == []
    assert separated.unquoted(["é;1;2"], csv(), 2, [0]) == []


SECRET = "Zoé-82"


@over(
    ("content", "what"),
    [
        (f'nom;note;né\na;1;\n"{SECRET};1;\n'.encode(), "line 3: has a quote that is not closed"),
        (f'nom;note;né\n"{SECRET}"x;1;\n'.encode(), "line 2: has a quote that is not closed"),
        (f"nom;note;né\n\n{SECRET};1\n".encode(), "line 3: has 2 fields, the header has 3"),
        (f"nom;note;né\n{SECRET}\0;1;\n".encode(), "line 2: holds a NUL"),
        (b"nom;note;n\xc3\xa9\na;1;\nZo\xe9-82;;\n", "line 3: is not text in utf-8"),
        ("nom;note;né\n".encode() + b"Z" * 5_000_000, "line 2: is longer than 1048576"),
    ],
)
def test_what_is_no_row_stops_with_its_line(tmp_path: Path, content: bytes, what: str) -> None:
    path = tmp_path / "rows.csv"
    path.write_bytes(content)
    with pytest.raises(DataFileUnreadable, match=what) as stopped:
        rows(path, csv())
    assert SECRET not in str(stopped.value)
    assert stopped.value.__cause__ is None


@pytest.mark.parametrize("line", ["[1]", '{"nom": 1, "nom": 2}', '{"note": NaN}', "{", "[" * 10**5])
def test_a_line_that_is_no_object_stops(tmp_path: Path, line: str) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text(f'{{"nom": "a"}}\n{line}\n', encoding="utf-8")
    with pytest.raises(DataFileUnreadable, match="line 2: is not a JSON object"):
        rows(path, Layout("jsonl", FIELDS))


@pytest.mark.parametrize("kind", ["parquet", "xlsx"])
def test_a_file_of_another_format_stops(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "rows"
    path.write_bytes(b"PK\x03\x04 PAR1 nothing of the kind")
    with pytest.raises(DataFileUnreadable, match="cannot be read as"):
        rows(path, Layout(kind, FIELDS, sheet="Feuil1"))


def test_a_folder_is_its_files_and_what_their_folders_say(tmp_path: Path) -> None:
    for year in ("2024", "2025"):
        (tmp_path / f"annee={year}").mkdir()
        text = f"nom;note;né\nélève {year};1;\n"
        (tmp_path / f"annee={year}" / "part.csv").write_text(text, encoding="utf-8")
    (tmp_path / "_SUCCESS").touch()
    layout = csv(fields=(Field("annee", "integer"), Field("nom", "text")), folder=True)
    found = rows(tmp_path, layout)
    assert found == [{"annee": year, "nom": f"élève {year}"} for year in (2024, 2025)]
    (tmp_path / "link.csv").symlink_to("/etc/passwd")
    with pytest.raises(DataFileUnreadable, match="holds a symbolic link"):
        rows(tmp_path, layout)
    with pytest.raises(DataFileUnreadable, match="is a folder"):
        rows(tmp_path, csv())


def test_a_column_must_be_there_once(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    for header in ("nom;note;date", "nom;nom;note;né"):
        path.write_text(f"{header}\n", encoding="utf-8")
        with pytest.raises(ColumnMissing):
            rows(path, csv())
    with pytest.raises(DataFileMissing):
        rows(tmp_path / "none.csv", csv())


def test_memory_does_not_follow_the_size_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    line = f"{'x' * 1_000};1,5;31/12/2010\n"
    with path.open("w", encoding="utf-8") as file:
        file.write("nom;note;né\n")
        for _ in range(20):
            file.write(line * 1_000)
    before, rows_read, arrow = pa.total_allocated_bytes(), 0, 0
    tracemalloc.start()
    for batch in batches(path, csv(), Tally()):
        rows_read += batch.num_rows
        arrow = max(arrow, pa.total_allocated_bytes() - before)
    _, python = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert rows_read == 20_000
    assert python + arrow < path.stat().st_size // 2, (python, arrow)
