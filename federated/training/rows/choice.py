"""Which rows of a person take part, where there are more than the unit of privacy allows.

Rules: rows are chosen by a keyed digest of their content, so that neither the order of a file nor a
lead decides; the key is the site's own and one contract's, hence the choice stays over rounds and
restarts, and over jobs that read the same columns. It depends on that person's rows and nobody
else's. Rows of one content are alike.
"""

from __future__ import annotations

import hashlib
import json

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from federated.manifest import JobManifest
from federated.training.rows.table import Table

Places = NDArray[np.int64]
_DIGEST = 16  # bytes


def chosen(
    table: Table, manifest: JobManifest, usable: Places, person: pa.Array, key: bytes
) -> tuple[Places, Places, Places]:
    """Return the rows that take part, each one's entry (persons by first row), and its place there.

    Args:
        table: with the manifest's columns.
        manifest: of the job.
        usable: places in the table of the rows that may take part, in order.
        person: of each of them.
        key: of the digests, at most 64 bytes.
    """
    entry = person.dictionary_encode().indices.to_numpy(zero_copy_only=False).astype(np.int64)
    sizes = np.bincount(entry)
    kept = np.ones(len(entry), dtype=np.bool_)
    crowded = np.flatnonzero(sizes[entry] > manifest.unit.rows)
    if len(crowded):
        digests = _digests(table.take(usable[crowded]), manifest, key)
        order = np.lexsort((digests, entry[crowded]))
        kept[crowded[order]] = _places(entry[crowded][order]) < manifest.unit.rows
    rows, entry = usable[kept], entry[kept]
    order = np.argsort(entry, kind="stable")
    place = np.empty(len(entry), dtype=np.int64)
    place[order] = _places(entry[order])
    return rows, entry, place


def _digests(rows: Table, manifest: JobManifest, key: bytes) -> NDArray[np.bytes_]:
    """Return the digest of each row: of the values of the columns that the job reads, by name."""
    values = (rows.text(column).to_pylist() for column in sorted(manifest.columns))
    return np.array(
        [
            hashlib.blake2b(json.dumps(row).encode(), digest_size=_DIGEST, key=key).hexdigest()
            for row in zip(*values, strict=True)
        ],
        dtype=f"S{2 * _DIGEST}",
    )


def _places(ordered: Places) -> Places:
    """Return the place of each row among those of its entry, which stand together."""
    first = np.flatnonzero(np.diff(ordered, prepend=-1))
    return np.arange(len(ordered)) - np.repeat(first, np.diff(first, append=len(ordered)))
