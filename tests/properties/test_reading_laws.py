"""One line more or less changes at most one person's entry, whatever its bytes are."""

from __future__ import annotations

from collections import Counter
from unittest.mock import patch

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from federated.persons import FORMS
from federated.training.rows import lines
from federated.training.rows.encode import encode
from federated.training.rows.lines import Lost, Reader
from federated.training.rows.persons import spelled
from federated.training.rows.table import Table
from tests.support.data_files import read_csv
from tests.support.training_rig import manifest

JOB = manifest()
HEADER = ",".join(JOB.columns)
FIELD = st.one_of(
    st.sampled_from(["1", "01", "2", "K", "430", "1e999", "-1e-400", "inf", "NA", "", "small"]),
    st.sampled_from(['"', '"x', 'x"', '"x"y', '""', '"a,b"', "\x00", "\r", "\ufeff", "é"]),
    st.text(st.characters(blacklist_characters="\n", blacklist_categories=["Cs"]), max_size=6),
)
PLAIN = st.builds(
    lambda *fields: ",".join(fields).encode(),
    st.sampled_from("12345"),
    st.sampled_from(["400", "500", "600"]),
    st.sampled_from(["K", "1"]),
    st.sampled_from(["5", "10", "15", ""]),
    st.sampled_from(["small", "regular", '"x,y"']),
)
ODD = st.one_of(
    st.binary(max_size=30).map(lambda line: line.replace(b"\n", b"")),
    st.lists(FIELD, min_size=1, max_size=6).map(lambda fields: ",".join(fields).encode()),
)


def _table(rows: list[bytes]) -> Table:
    return read_csv(b"\n".join([HEADER.encode(), *rows]), JOB.columns)


def _entries(rows: list[bytes], form: str) -> list[bytes]:
    persons = encode(_table(rows), JOB, form)
    parts = (persons.inputs, persons.labels, persons.mask)
    return [b"".join(part[i].tobytes() for part in parts) for i in range(len(persons))]


@given(
    rows=st.lists(st.one_of(PLAIN, ODD), max_size=12),
    line=ODD | PLAIN,
    place=st.integers(0, 12),
    form=st.sampled_from(sorted(FORMS)),
)
def test_a_line_changes_at_most_one_entry(
    rows: list[bytes], line: bytes, place: int, form: str
) -> None:
    without = Counter(_entries(rows, form))
    found = Counter(_entries([*rows[:place], line, *rows[place:]], form))
    assert (found - without).total() <= 1
    assert (without - found).total() <= 1


@given(rows=st.lists(st.one_of(PLAIN, ODD), max_size=12), line=ODD)
def test_a_line_is_a_row_or_lost_by_itself(rows: list[bytes], line: bytes) -> None:
    alone, among, without = _table([line]), _table([*rows, line]), _table(rows)
    assert among.rows == without.rows + alone.rows
    assert among.lost.total == without.lost.total + alone.lost.total
    assert among.data.to_pylist() == without.data.to_pylist() + alone.data.to_pylist()


@given(rows=st.lists(PLAIN | ODD, max_size=12), size=st.integers(1, 40))
def test_blocks_are_read_as_one_file(rows: list[bytes], size: int) -> None:
    data = b"\n".join([HEADER.encode(), *rows])
    with patch.object(lines, "LONGEST_LINE", 40):
        found = read_csv(data, JOB.columns, size)
        each = [_table([row]) for row in rows]
    assert found.data.to_pylist() == [row for one in each for row in one.data.to_pylist()]
    assert found.lost.total == sum(one.lost.total for one in each)


@given(rows=st.lists(PLAIN, min_size=1, max_size=30))
def test_many_rows_at_once_are_as_each_by_itself(rows: list[bytes]) -> None:
    each = Reader([HEADER.encode()], JOB.columns)
    fields = [each._one(row) for row in rows]
    assert each.lost() == Lost()
    assert [list(row.values()) for row in _table(rows).data.to_pylist()] == fields


VALUE = st.sampled_from([b"1", b" 2.5 ", b"1e-400", b"1e999", b"NA", b"\xff", b"7"]) | st.binary(
    max_size=6
)


def _unchecked(values: list[bytes]) -> Table:
    """Return a text column as a Parquet file may hold it: nobody has looked at its bytes."""
    raw = pa.array(values, pa.binary())
    return Table(pa.table({"a": pa.Array.from_buffers(pa.string(), len(raw), raw.buffers())}))


@given(values=st.lists(VALUE, max_size=8), odd=VALUE, place=st.integers(0, 8))
def test_a_value_changes_no_other(values: list[bytes], odd: bytes, place: int) -> None:
    place = min(place, len(values))
    found, without = _unchecked([*values[:place], odd, *values[place:]]), _unchecked(values)
    text = found.text("a").to_pylist()
    assert text[:place] + text[place + 1 :] == without.text("a").to_pylist()
    numbers = np.delete(found.numbers("a"), place)
    assert np.array_equal(numbers, without.numbers("a"), equal_nan=True)
    for form in FORMS:
        persons = spelled(found.text("a"), form).to_pylist()
        assert (
            persons[:place] + persons[place + 1 :] == spelled(without.text("a"), form).to_pylist()
        )
