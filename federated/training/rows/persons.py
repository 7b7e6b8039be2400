"""Whom the rows of a table are about: one spelling for each person, and keyed digests of them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from federated.errors import DataFileUnreadable
from federated.persons import FORMS, NOBODY_SUPPRESSED, Suppressed, coarse, digest, spelling

DIGEST: Final = np.dtype(">u8")


def spelled(values: pa.Array, form: str, suppressed: Suppressed = NOBODY_SUPPRESSED) -> pa.Array:
    """Return the person of each row in one spelling; null where none is named.

    Args:
        values: the person column as text.
        form: of `FORMS`, see `persons.spelling`.
        suppressed: who is nobody here.

    Raises:
        DataFileUnreadable: no such form.
    """
    if form not in FORMS:
        raise DataFileUnreadable(f"`{form}` is not a known form of person identifiers")
    plain = values.dictionary_encode()
    names = [spelling(name, form) for name in plain.dictionary.to_pylist()]
    if suppressed.digests:
        names = [None if name is None or suppressed.holds(name) else name for name in names]
    return pa.array(names, pa.string()).take(plain.indices)


def digests(names: Iterable[str], key: bytes) -> NDArray[np.uint64]:
    """Return the keyed digests of persons, sorted, each once."""
    made = b"".join(digest(name, key) for name in {coarse(name) for name in names})
    return np.unique(np.frombuffer(made, DIGEST))
