"""Pseudonyms of one scope to those of another, by the rows whose identifiers both stand for.

Rules: a pseudonym cannot be turned back, so that every identifier of the data is given both; who
objected has none. Identifiers and keys stay in this process.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import pyarrow as pa
import pyarrow.compute as pc

from connector.protection.ground import Ground
from connector.protection.persons import Persons
from connector.protection.pseudonymise import Pseudonyms
from connector.protection.shape import shaped
from federated.persons import Suppressed


def translated(
    batches: Iterable[pa.RecordBatch],
    ground: Ground,
    columns: Sequence[str],
    scopes: tuple[bytes, bytes],
    wanted: Sequence[str],
    suppressed: Suppressed | None,
) -> dict[str, str]:
    """Return the pseudonym of the second scope for each of the first that stands for somebody.

    Args:
        batches: the data.
        ground: of them.
        columns: identifiers that are replaced by pseudonyms.
        scopes: key of either, see `pseudonymise.scope_key`.
        wanted: pseudonyms of the first scope.
        suppressed: whose rows are left out.
    """
    first, second = (Pseudonyms(key, ground.person_format) for key in scopes)
    persons, asked = Persons(ground, scopes[0], suppressed), pa.array(wanted, pa.string())
    places = [f"c{at}" for at, each in enumerate(ground.fields) if each.name in columns]
    found: dict[str, str] = {}
    for batch in batches:
        rows = persons.numbered(shaped(batch, ground)).combine_chunks()
        for place in places:
            given = rows.column(place).combine_chunks()
            known = first.replaced(given)
            there = pc.is_in(known, value_set=asked)
            pairs = (known.filter(there), second.replaced(given.filter(there)))
            found.update(zip(*(each.to_pylist() for each in pairs), strict=True))
    return found
