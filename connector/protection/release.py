"""The last look before rows leave: they have the columns of the plan, with values as it says.

What a column is checked for does not depend on how it was made, so that a fault in an earlier step
is seen here.
"""

from __future__ import annotations

from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from connector.enforcement.steps.generalise import SUPPRESS
from connector.enforcement.steps.table import TableSteps
from connector.errors import StepUnknown

_PSEUDONYM: Final = "^[0-9a-f]{32}$"


def released(steps: TableSteps, made: pa.Table) -> pa.RecordBatch:
    """Return rows that may leave, as one batch.

    Raises:
        StepUnknown: they are not what the plan says; nothing of them leaves.
    """
    if tuple(made.schema.names) != steps.minimise.columns:
        raise StepUnknown("the result has other columns than the plan")
    for name in steps.pseudonyms:
        if not _all_match(made.column(name), _PSEUDONYM):
            raise StepUnknown("the result has an identifier where the plan has pseudonyms")
    for step in steps.generalise:
        if step.how == SUPPRESS and made.column(step.column).null_count != made.num_rows:
            raise StepUnknown("the result has values where the plan has none")
    columns = [each.combine_chunks() for each in made.columns]
    return pa.record_batch(columns, names=made.schema.names)


def _all_match(values: pa.ChunkedArray, pattern: str) -> bool:
    if not pa.types.is_string(values.type):
        return False
    return bool(pc.all(pc.match_substring_regex(values, pattern), min_count=0).as_py())
