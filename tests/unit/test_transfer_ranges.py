"""Which part of a file a request asks for: rows of RFC 9110 section 14."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from connector.dataplane.ranges import Part, part_of
from tests.support.each import over

WHOLE = Part(0, 10, partial=False)


@over(
    ("stated", "part"),
    [
        ("", WHOLE),
        ("bytes=0-", Part(0, 10, partial=True)),
        ("bytes=4-", Part(4, 10, partial=True)),
        ("bytes=4-4", Part(4, 5, partial=True)),
        ("bytes=4-99", Part(4, 10, partial=True)),
        ("bytes=-3", Part(7, 10, partial=True)),
        ("bytes=-99", Part(0, 10, partial=True)),
        ("bytes=9-", Part(9, 10, partial=True)),
        ("bytes=10-", None),
        ("bytes=-0", None),
        ("bytes=5-4", WHOLE),
        ("bytes=0-1,3-4", WHOLE),
        ("bytes=-", WHOLE),
        ("rows=0-1", WHOLE),
        ("bytes=a-b", WHOLE),
        ("bytes=" + "9" * 40 + "-", WHOLE),
    ],
)
def test_rows(stated: str, part: Part | None) -> None:
    assert part_of(10, stated) == part


def test_a_range_of_another_file_is_none() -> None:
    assert part_of(10, "bytes=4-", fresh=False) == WHOLE


def test_nothing_of_an_empty_file() -> None:
    assert part_of(0, "") == Part(0, 0, partial=False)
    assert part_of(0, "bytes=0-") is None


@given(st.binary(max_size=50), st.lists(st.integers(0, 60), max_size=6))
def test_parts_from_where_one_broke_off_are_the_file(data: bytes, stops: list[int]) -> None:
    got = b""
    for stop in [*stops, len(data)]:
        part = part_of(len(data), f"bytes={len(got)}-")
        if part is None:
            break
        got += data[part.start : min(part.end, max(stop, part.start))]
    assert got == data
