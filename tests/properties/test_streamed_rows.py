"""Rows that are read and encoded some after others, in files, are those of the whole at once."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from unittest.mock import patch

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st
from pyarrow import parquet

from federated.task.feature import Missing
from federated.training.rows import encode, owners, parts, store
from federated.training.rows.choice import _digests
from federated.training.rows.encode import Persons, Stated
from federated.training.rows.features import encode_features, taking_part
from federated.training.rows.held import held_out
from federated.training.rows.labels import encode_labels
from federated.training.rows.persons import spelled
from federated.training.rows.table import Table
from tests.support.training_rig import manifest

RIG = manifest()
KINDS = ("nothing", "refuse", "indicator")
ROW = st.fixed_dictionaries(
    {
        "pupil": st.sampled_from(["1", "01", "2", "3", "x", "NA", ""]),
        "grade": st.sampled_from(["K", "1", "9", ""]),
        "score": st.sampled_from(["400", "600", "430", "no", ""]),
        "age": st.sampled_from(["5", "7", "8.5", "15", "1e9", ""]),
        "class": st.sampled_from(["small", "regular", "re,g", ""]),
    }
)
KEY, HELD_KEY = b"of the choice", b"of the persons"


@contextmanager
def _small(size: int) -> Iterator[None]:
    """Let everything be done a few at a time."""
    sizes = ((parts, "_BLOCK"), (parts, "_CELLS"), (owners, "_TOGETHER"), (store, "_BLOCK"))
    with ExitStack() as stack:
        for module, name in sizes:
            stack.enter_context(patch.object(module, name, size))
        yield


def _file(folder: Path, rows: list[dict[str, str]], kind: str, size: int) -> Path:
    path = folder / f"rows.{kind}"
    table = pa.table({name: [row[name] for row in rows] for name in RIG.columns})
    if kind == "parquet":
        table = table.set_column(0, table.column_names[0], table.column(0).dictionary_encode())
        parquet.write_table(table, path, row_group_size=size)
    else:
        lines = [",".join(f'"{value}"' for value in row.values()) for row in table.to_pylist()]
        path.write_text("\n".join([",".join(table.column_names), *lines]), encoding="utf-8")
    return path


def _at_once(table: Table, job: encode.JobManifest) -> list[list[list[float]]]:
    """Return the entries of a table, person by person, and behind those who are held out."""
    names = spelled(table.text(job.unit.column), "number")
    labels, inputs = encode_labels(table, job.target), encode_features(table, job.features)
    held, content = held_out(names, HELD_KEY), list(_digests(table, job, KEY))
    there = taking_part(table, job.features) & ~np.isnan(labels)
    found: dict[tuple[bool, str], list[int]] = {}
    for at, name in enumerate(names.to_pylist()):
        if name is not None and there[at]:
            found.setdefault((bool(held[at]), name), []).append(at)
    kept = {
        who: sorted(sorted(rows, key=lambda at: content[at])[: job.unit.rows])
        for who, rows in found.items()
    }
    order = sorted(kept, key=lambda who: (who[0], found[who][0]))
    return [[[*inputs[at].tolist(), float(labels[at])] for at in kept[who]] for who in order]


def _listed(persons: Persons) -> list[list[list[float]]]:
    return [
        [[*row, label] for row, label, kept in zip(*each, strict=True) if kept]
        for each in zip(*(part.tolist() for part in persons), strict=True)
    ]


@given(
    rows=st.lists(ROW, max_size=25),
    kind=st.sampled_from(["csv", "parquet"]),
    missing=st.sampled_from(KINDS),
    size=st.integers(1, 40),
    most=st.integers(1, 3),
)
def test_a_file_is_encoded_as_its_rows_at_once(
    rows: list[dict[str, str]], kind: str, missing: str, size: int, most: int
) -> None:
    features = tuple(replace(each, missing=Missing(missing)) for each in RIG.features)
    job = replace(RIG, features=features, unit=replace(RIG.unit, rows=most))
    stated = Stated("number", key=KEY, held_key=HELD_KEY)
    with TemporaryDirectory() as folder, _small(size):
        path = _file(Path(folder), rows, kind, size)
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        read = parts.read_table(path, kind, digest, job.columns)
        trained, held = encode.entries(read, job, stated, filed=True)
        found = [*_listed(trained.whole()), *_listed(held.whole())]
    assert read.rows == len(rows)
    assert found == _at_once(read.whole(), job)
    some = np.array([0, len(trained), max(0, len(trained) - 1), 0])
    drawn, again = trained.take(some), trained.whole().take(some)
    assert np.array_equal(drawn.labels, again.labels)
    assert np.array_equal(drawn.mask, again.mask)
    there = drawn.mask > 0
    assert np.array_equal(drawn.inputs[there], again.inputs[there])
