"""CSV by lines: each row is one line, and what is wrong with a line is that line's alone."""

from __future__ import annotations

import pytest

from federated.errors import ColumnMissing, DataFileUnreadable
from federated.training.rows import lines
from federated.training.rows.lines import Lost
from tests.support.data_files import read_csv
from tests.support.each import over

BEFORE = [["1", "a"]]
AFTER = [["2", "b"]]


def _rows(data: bytes, *columns: str) -> tuple[list[list[str]], Lost]:
    table = read_csv(data, columns)
    return [list(row.values()) for row in table.data.to_pylist()], table.lost


@pytest.mark.parametrize("end", [b"\n", b"\r\n"], ids=["LF", "CRLF"])
@pytest.mark.parametrize("last", [True, False], ids=["ended", "open"])
def test_rows_of_a_file(end: bytes, *, last: bool) -> None:
    data = end.join([b"\xef\xbb\xbfid,x,class", b'7,,"re,g"', b'8,1,"say ""hi"""'])
    found, lost = _rows(data + (end if last else b""), "class", "id")
    assert found == [["re,g", "7"], ['say "hi"', "8"]]
    assert lost == Lost()


@pytest.mark.parametrize("data", [b"id,class\n", b"id,class"])
def test_a_file_without_rows(data: bytes) -> None:
    assert _rows(data, "id") == ([], Lost())


@over(
    ("line", "fault"),
    [
        (b"9", Lost(fields=1)),
        (b"9,c,c", Lost(fields=1)),
        (b"9\r3,c", Lost(fields=1)),
        (b"9," + b"c" * 200_000, Lost(fields=1)),
        (b"9,\xff", Lost(encoding=1)),
        (b"9,\x00", Lost(encoding=1)),
        (b"9," + b"c" * lines.LONGEST_LINE, Lost(encoding=1)),
        (b'9,"c', Lost(quotes=1)),
        (b'"9,c', Lost(quotes=1)),
        (b'9,"c"d', Lost(quotes=1)),
        (b'9,"c"d,"', Lost(quotes=1)),
        (b"", Lost()),
    ],
)
def test_a_line_that_is_no_row_is_left_out_alone(line: bytes, fault: Lost) -> None:
    found, lost = _rows(b"\n".join([b"id,class", b"1,a", line, b'2,"b"']), "id", "class")
    assert found == BEFORE + AFTER
    assert lost == fault


def test_a_quoted_line_break_makes_two_lines_of_which_none_is_hidden() -> None:
    found, lost = _rows(b'id,class\n1,a\n9,"x\n2,b\n3,c"\n', "id", "class")
    assert found == [*BEFORE, *AFTER, ["3", 'c"']]
    assert lost == Lost(quotes=1)  # by which publication refuses the file


def test_two_quotes_that_would_close_each_other_are_seen_on_each_line() -> None:
    found, lost = _rows(b'id,class\n9,"x\ny",8\n2,b\n', "id", "class")
    assert found == [['y"', "8"], *AFTER]
    assert lost == Lost(quotes=1)


@pytest.mark.parametrize(
    "data",
    [
        *(b"", b"\n1,a\n", b"id\xff,class\n", b'id,"class\n1,a"\n'),
        b"id,class," + b"c," * lines.LONGEST_LINE,
    ],
    ids=["empty", "blank", "encoding", "quotes", "long"],
)
def test_a_file_without_a_header_is_refused(data: bytes) -> None:
    with pytest.raises(DataFileUnreadable, match="no header"):
        read_csv(data, ["id"])


@pytest.mark.parametrize("header", [b"id,other", b"id,class,class"])
def test_a_column_is_there_once(header: bytes) -> None:
    with pytest.raises(ColumnMissing, match="`class`"):
        read_csv(header + b"\n1,a,b\n", ["class"])
