"""Which persons are held out: never trained on by a job that evaluates, and evaluated on instead.

Rules: a person is held out by a keyed digest of the name alone; the key is the site's own and one
contract's, hence the choice stays over rounds, jobs and restarts. The share is a constant of the
recipe, which contracts name by its hash, so that every such job of a contract holds out the same
persons. Rows decide nothing: whoever comes or goes changes nobody else's part.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from federated.persons import digest
from federated.task.evaluation import HELD_OUT

_BELOW: Final = int(HELD_OUT * 2**64)


def held_out(person: pa.Array, key: bytes) -> NDArray[np.bool_]:
    """Tell of each row whether its person is held out; one of nobody is not.

    Args:
        person: of each row, in one spelling, see `persons.spelled`.
        key: of the digests.
    """
    plain = person.dictionary_encode()
    held = [int.from_bytes(digest(name, key)) < _BELOW for name in plain.dictionary.to_pylist()]
    found = pc.fill_null(pa.array(held, pa.bool_()).take(plain.indices), fill_value=False)
    return np.asarray(found, dtype=np.bool_)
