"""Which rows of a person take part, where there are more than the unit of privacy allows.

Rules: rows are chosen by a keyed digest of their content, so that neither the order of a file nor a
lead decides; the key is the site's own and one contract's, hence the choice stays over rounds and
restarts, and over jobs that read the same columns. It depends on that person's rows and nobody
else's. Rows of one content are alike. Rows are looked at as many at a time as memory is made for,
those of a person together.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from typing import Final

import numpy as np
from numpy.typing import NDArray

from federated.manifest import JobManifest
from federated.training.rows.owners import HIGH, LOW, Owners, together
from federated.training.rows.store import Records, Store
from federated.training.rows.table import Rows, Table

_DIGEST: Final = 16  # bytes
_CROWDED: Final = np.dtype(
    [(HIGH, "<u8"), (LOW, "<u8"), ("place", "<u8"), ("content", f"S{2 * _DIGEST}")]
)


def chosen(
    rows: Rows, manifest: JobManifest, owners: Owners, key: bytes
) -> tuple[NDArray[np.uint32], NDArray[np.bool_]]:
    """Return of each usable row the place of its person's first one, and whether it takes part.

    Args:
        rows: with the manifest's columns.
        manifest: of the job.
        owners: of the usable rows.
        key: of the digests, at most 64 bytes.
    """
    first = np.empty(len(owners), np.uint32)
    kept = np.ones(len(owners), np.bool_)
    for group in owners.groups():
        first[group.places] = np.repeat(group.places[group.starts], group.sizes)
        kept[group.places] = np.repeat(group.sizes <= manifest.unit.rows, group.sizes)
    crowded = Store(_CROWDED, filed=owners.filed)
    for start, block in owners.blocks():
        places = np.flatnonzero(~kept[start : start + len(block)])
        if len(places):
            crowded.append(_with_content(rows, manifest, block[places], start + places, key))
    for group in together(crowded, "content"):
        most = np.repeat(group.starts + manifest.unit.rows, group.sizes)
        places = group.records["place"].astype(np.int64)
        kept[places] = np.arange(len(places)) < most
    return first, kept


def _with_content(
    rows: Rows, manifest: JobManifest, owners: Records, places: NDArray[np.int64], key: bytes
) -> Records:
    made = np.empty(len(owners), _CROWDED)
    made[HIGH], made[LOW], made["place"] = owners[HIGH], owners[LOW], places
    some = rows.some(owners["row"].astype(np.int64))
    made["content"] = [each for part in some for each in _digests(part, manifest, key)]
    return made


def _digests(rows: Table, manifest: JobManifest, key: bytes) -> Iterator[str]:
    """Yield the digest of each row: of the values of the columns that the job reads, by name."""
    values = (rows.text(column).to_pylist() for column in sorted(manifest.columns))
    for row in zip(*values, strict=True):
        made = hashlib.blake2b(json.dumps(row).encode(), digest_size=_DIGEST, key=key)
        yield made.hexdigest()
