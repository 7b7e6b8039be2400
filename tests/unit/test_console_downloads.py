"""Tables of the console as files: all rows that a list has, in bounded memory, and nothing lost."""

from __future__ import annotations

import csv
import io
import json
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from connector.console import downloads
from connector.console.downloads import AT_A_TIME, FORMATS, MOST_ROWS, OF_ONE, Gathering
from connector.console.pages.auditor import log
from connector.console.pages.listing import listed
from connector.console.parts import Cell, Link, Table, Words
from connector.console.visit import Visit
from connector.domain.log.audit import LogEntry
from connector.domain.page import Damaged, Page
from connector.errors import StoreUnavailable, TooManyRequests
from connector.language.catalog import translated
from connector.ports import Ports
from connector.services.access import accounts
from tests.support.console import Browser, browsers
from tests.support.doubles import ports_for_tests
from tests.support.each import over

CELLS: tuple[Cell, ...] = (
    *("=1+1", Link("@a", "/x"), Words("yes"), 1234567, 0.25, True, None),
    *(datetime(2027, 9, 1, 8, 30, tzinfo=UTC), float("inf"), "a;=1", "b\n-2", "c,+3"),
)
HEADINGS = tuple(f"h{number}" for number in range(len(CELLS)))
_NS = "{urn:oasis:names:tc:opendocument:xmlns:%s:1.0}"


def said(text: str) -> str:
    return translated(text, "fr")


def written(ending: str, *pages: Table) -> bytes:
    return b"".join(FORMATS[ending][1](iter(pages), said))


def sheet(content: bytes) -> list[list[str]]:
    with zipfile.ZipFile(io.BytesIO(content)) as file:
        assert file.testzip() is None
        root = ET.fromstring(file.read("content.xml"))  # noqa: S314 - our own
    return [
        ["".join(cell.itertext()) for cell in row] for row in root.iter(_NS % "table" + "table-row")
    ]


def test_numbers_and_times_are_written_for_machines_and_no_text_is_a_formula() -> None:
    table = Table("T", HEADINGS, [CELLS], "")
    (row,) = list(csv.reader(io.StringIO(written("csv", table).decode("utf-8-sig"))))[1:]
    time = "2027-09-01T08:30:00Z"
    assert row == [
        *("'=1+1", "'@a", "yes", "1234567", "0.25", "true", "", time, "inf"),
        *("a;'=1", "b\n'-2", "c,+3"),
    ]
    (read,) = json.loads(written("json", table))
    assert list(read.values())[:9] == ["=1+1", "@a", "yes", 1234567, 0.25, True, None, time, "inf"]
    headings, cells = sheet(written("ods", table))
    assert headings == list(HEADINGS)
    # In the reader's language, and each with its type: no text is taken for a formula.
    assert cells[:5] == ["=1+1", "@a", "oui", "1234567", "0.25"]


@over("text", ["=1", "+1", "-1", "@x", "\t=1", "a;=1", "a; \t@x", "a\r\n=1", "\uff1d1", "x\t+1"])
def test_no_program_takes_a_text_for_a_formula_whatever_parts_its_cells(text: str) -> None:
    made = written("csv", Table("T", ("h", text), [("x", text)], "")).decode("utf-8-sig")
    for delimiter in (",", ";", "\t"):
        for row in csv.reader(made.splitlines(), delimiter=delimiter, quoting=csv.QUOTE_NONE):
            for cell in row:
                assert not cell.strip(' \t\r\n"').startswith(tuple("=+-@\uff1d")), (delimiter, cell)
    harmless = written("csv", Table("T", ("h",), [("1 - 1 = 0; a-b, c@d  =",)], ""))
    assert b"1 - 1 = 0; a-b, c@d  =" in harmless


@over("blanks", ["\n", "\t", " ", ";", "; ", " \t", "\r\n"])
def test_a_text_of_nothing_but_blanks_takes_no_longer_than_another(blanks: str) -> None:
    """A peer writes descriptions; looking at each blank for all that follow took minutes."""
    much = blanks * 200_000
    assert downloads._harmless(f"x{much}x") == f"x{much}x"
    assert downloads._harmless(f"x{much}\t=1") == f"x{much}\t'=1"


def of_pages(rows: int, size: int) -> Iterator[tuple[int, Table]]:
    """A list of so many rows, a page at a time."""
    for start in range(0, rows, size):
        end = min(start + size, rows)
        following = {"after": str(end)} if end < rows else {}
        cells = [(number, f"row {number}") for number in range(start, end)]
        yield start, Table("T", ("n", "text"), cells, "", following)


def gathered(rows: int, size: int = 1000) -> Iterator[Table]:
    made = dict(of_pages(rows, size))

    def follow(query: Mapping[str, str]) -> Table:
        return made[int(query["after"])]

    return Gathering().pages(
        "ada", made[0], follow, lambda query: f"/list?after={query['after']}&as=csv"
    )


@over("rows", [0 + 1, 999, 1000, 1001, MOST_ROWS])
def test_a_file_holds_all_rows_of_a_list(rows: int) -> None:
    lines = b"".join(FORMATS["csv"][1](gathered(rows), said)).decode("utf-8-sig").splitlines()
    assert lines == ["n,text", *(f"{number},row {number}" for number in range(rows))]


@over("ending", [*FORMATS])
def test_a_file_that_is_cut_says_so_and_where_the_rest_begins(
    ending: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(downloads, "MOST_ROWS", 2000)
    content = b"".join(FORMATS[ending][1](gathered(2001), said))
    if ending == "ods":
        content = "".join(sheet(content)[-1]).encode()
    assert "/list?after=2000&as=csv" in content.decode()[-200:]
    assert "ce fichier s'arrête".encode() in content[-200:]


@over("ending", [*FORMATS])
def test_what_cannot_be_had_or_shown_is_said_in_the_file(ending: str) -> None:
    def follow(_query: Mapping[str, str]) -> Table:
        raise StoreUnavailable("the database does not answer")

    first = Table("T", ("n",), [(1,)], "", {"after": "1"}, lost=("row x: cannot be shown: y",))
    pages = Gathering().pages("ada", first, follow, lambda _: "/list?after=1")
    content = b"".join(FORMATS[ending][1](pages, lambda text: text))
    text = str(sheet(content)) if ending == "ods" else content.decode()
    for line in ("row x: cannot be shown", "STORE_UNAVAILABLE", "/list?after=1"):
        assert line in text


def test_few_files_of_many_pages_are_made_at_a_time_and_not_all_for_one_account() -> None:
    gathering = Gathering()
    (_, first), *_ = of_pages(2, 1)

    def begun(account: str) -> Iterator[Table]:
        pages = gathering.pages(account, first, lambda _: first, lambda _: "")
        next(pages)
        return pages

    held = [begun("ada") for _ in range(OF_ONE)]
    with pytest.raises(TooManyRequests):
        begun("ada")
    held += [begun(f"p{number}") for number in range(AT_A_TIME - OF_ONE)]
    with pytest.raises(TooManyRequests):
        begun("dana")
    short = Table("T", ("n",), [(1,)], "")
    assert len(list(gathering.pages("ada", short, lambda _: first, str))) == 1
    held.pop(0).close()  # type: ignore[attr-defined]  # who leaves makes room
    held.append(begun("dana"))
    with pytest.raises(TooManyRequests):
        begun("ada")


@pytest.fixture
def ports(tmp_path: Path) -> Ports:
    made = ports_for_tests(tmp_path)
    with made.store.write() as tx:
        for number in range(2500):
            tx.audit.append("dataset.published", f"urn:{number % 2}", note="<script>=1</script>")
    return made


def rows_of(browser: Browser, path: str) -> list[list[str]]:
    answer = browser.get(path)
    assert answer.headers["content-disposition"] == 'attachment; filename="log.csv"'
    return list(csv.reader(io.StringIO(answer.content.decode("utf-8-sig"))))[1:]


def test_a_person_gets_all_that_the_filters_select(ports: Ports) -> None:
    with browsers(ports, "auditor") as (auditor,):
        assert "A file holds all rows" in auditor.get("/log").text
        assert len(rows_of(auditor, "/log?as=csv&subject=urn%3A1")) == 1250
        own = len(rows_of(auditor, "/log?as=csv&kind=account"))
        everything = rows_of(auditor, "/log?as=csv&after=40")  # of the second page as well
        assert [int(each[0]) for each in everything] == list(range(41, 2500 + own))
        assert len(rows_of(auditor, "/log?as=csv&start=2400")) == 100 + own
        second = auditor.get("/log").text.split('href="/log?after=')[1].split('"')[0]
        saved = auditor.get(f"/log?after={second}").text.split("as=csv")[0].rsplit('href="', 1)[1]
        assert "after" not in saved  # which page is looked at does not matter


def test_a_file_ends_with_the_session(ports: Ports, monkeypatch: pytest.MonkeyPatch) -> None:
    gathered_pages = Gathering.pages

    def ended(self: Gathering, *stated: object) -> Iterator[Table]:
        for page in gathered_pages(self, *stated):  # type: ignore[arg-type]
            yield page
            if accounts.standing(ports, "auditor") is not None:
                accounts.close(ports, "auditor")

    monkeypatch.setattr(Gathering, "pages", ended)
    with browsers(ports, "auditor") as (auditor,):
        rows = rows_of(auditor, "/log?as=csv")
    assert len(rows) == 1002
    assert "LOGIN_REFUSED" in rows[-2][0]
    assert "/log?after=999&as=csv" in rows[-1][0]


def test_what_cannot_be_read_is_named_and_ends_no_list() -> None:
    visit = Visit(None, None, "en", "/log", {"kind": "job", "as": "csv"}, {}, rows=2)
    entry = LogEntry(7, "job.failed", datetime(2027, 9, 1, tzinfo=UTC), "urn:1", b"{}", b"")
    page = Page((entry,), "", (Damaged("9", "ROW_DAMAGED: spoiled"),))
    (table,) = log.entries("Log", page, visit, "")
    assert isinstance(table, Table)
    assert table.lost == ["9: cannot be shown: ROW_DAMAGED: spoiled"]
    assert table.next == {"kind": "job", "after": "9"}
    more = replace(page, next="x")
    (table,) = listed(
        "Log", ("n",), more, lambda each: (each.index,), empty="", name="log", visit=visit
    )
    assert isinstance(table, Table)
    assert (len(table.lost), table.next) == (1, {"kind": "job", "after": "x"})
