"""What a layout states: strict to read, and read back as it was written."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.domain.catalog import layout as layouts
from connector.domain.catalog.layout import Field, Layout
from federated.reading import Member
from tests.support.each import over

CSV: dict[str, Any] = {
    "format": "csv",
    "encoding": "cp1252",
    "separator": ";",
    "quote": '"',
    "decimal": ",",
    "missing": ["NA"],
    "columns": [{"name": "né le", "datatype": "date", "date": "DD/MM/YYYY"}],
}
XLSX: dict[str, Any] = {
    "format": "xlsx",
    "sheet": "Feuil1",
    "decimal": ".",
    "missing": [],
    "columns": [{"name": "note", "datatype": "number"}],
}


def read(body: Any) -> Layout:
    return Layout.read(Member(body, lambda pointer, fault: ValueError(f"{pointer}: {fault}")))


@pytest.mark.parametrize("body", [CSV, XLSX, {**CSV, "folder": True}])
def test_a_layout_is_read_and_written_alike(body: dict[str, Any]) -> None:
    assert read(body).body() == body


@over(
    ("change", "pointer"),
    [
        ({"separator": ":"}, "/separator"),
        ({"encoding": "latin1"}, "/encoding"),
        ({"decimal": None}, "/decimal"),
        ({"sheet": "Feuil1"}, "/sheet"),
        ({"columns": []}, "/columns"),
        ({"columns": [{"name": "a", "datatype": "float"}]}, "/columns/0/datatype"),
        ({"columns": [{"name": "a", "datatype": "date"}]}, "/columns/0/date"),
        (
            {"columns": [{"name": "a", "datatype": "text", "date": "YYYYMMDD"}]},
            "/columns/0/date",
        ),
        ({"columns": [{"name": "a", "datatype": "text"}] * 2}, "/columns"),
        ({"format": "xml"}, "/format"),
    ],
)
def test_what_is_missing_unknown_or_wrong_is_refused(change: dict[str, Any], pointer: str) -> None:
    assert read(CSV)
    with pytest.raises(ValueError, match=f"^{pointer}: "):
        read({**CSV, **change})


FIELDS = st.lists(
    st.builds(
        lambda name, kind, date: Field(name, kind, date if kind == "date" else ""),
        st.text(st.characters(codec="ascii", categories=("L", "N")), min_size=1, max_size=8),
        st.sampled_from(layouts.DATATYPES),
        st.sampled_from(layouts.DATES),
    ),
    min_size=1,
    max_size=4,
    unique_by=lambda field: field.name,
)


@given(
    fields=FIELDS,
    encoding=st.sampled_from(layouts.ENCODINGS),
    separator=st.sampled_from(layouts.SEPARATORS),
    quote=st.sampled_from(layouts.QUOTES),
    decimal=st.sampled_from(layouts.DECIMALS),
    folder=st.booleans(),
)
def test_every_layout_survives_writing(
    fields: list[Field], encoding: str, separator: str, quote: str, decimal: str, *, folder: bool
) -> None:
    stated = Layout(
        *("csv", tuple(fields), folder, decimal, ("NA", "ND")),
        encoding=encoding,
        separator=separator,
        quote=quote,
    )
    assert read(stated.body()) == stated
