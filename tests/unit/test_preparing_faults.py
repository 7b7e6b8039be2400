"""Sources that are not what was published, read by the real confined process: nothing is made."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import parquet

from connector.domain.catalog.layout import Layout
from connector.errors import DataFault
from connector.preparing.child import ConfinedPreparing
from connector.store.files.extract_files import HomeFiles
from tests.unit.test_preparing import FIELDS, ROWS, task

TEN_GB = 10 * 10**9
MEMORY = 512 << 20  # of the process, bytes


def _long_line(file: Path) -> None:
    """A file of ten gigabytes that takes no place; its second line does not end."""
    with file.open("r+b") as out:
        out.truncate(TEN_GB)


def _other_encoding(file: Path) -> None:
    file.write_bytes(ROWS.encode() + "élève,5,400\n".encode("latin-1"))


def _short_row(file: Path) -> None:
    file.write_text(f"{ROWS}p3,5\n", encoding="utf-8")


def _cut_off(file: Path) -> None:
    whole = pa.table({"ine": ["p1"], "grade": [4.0], "reading": [410.0]})
    parquet.write_table(whole, file)
    file.write_bytes(file.read_bytes()[:-9])


PARQUET = Layout("parquet", FIELDS)
FAULTS: dict[str, tuple[Callable[[Path], None], Layout | None, str]] = {
    "a line of ten gigabytes": (_long_line, None, "line 5"),
    "another encoding": (_other_encoding, None, "line 5"),
    "a row that is cut short": (_short_row, None, "line 5"),
    "a file that is cut short": (_cut_off, PARQUET, "cannot be read as parquet"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_spoiled_source_leaves_nothing_and_one_clear_line(tmp_path: Path, fault: str) -> None:
    spoil, layout, where = FAULTS[fault]
    wanted = task(tmp_path, columns=("grade",))
    spoil(tmp_path / "rows.csv")
    if layout is not None:
        wanted = replace(wanted, layout=layout)
    prepare = ConfinedPreparing(MEMORY, 60)
    with (
        pytest.raises(DataFault) as found,
        HomeFiles(tmp_path, "held").writing("a", "a", 1 << 20) as out,
    ):
        prepare(wanted, out)
    assert where in found.value.reason
    assert "\n" not in found.value.reason
    assert not {"p1", "lève", "410"} & set(found.value.reason.split())
    assert list((tmp_path / "held").iterdir()) == []
