"""Measures what a use of a plan comes to on real rows: risk, loss of use, ε."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import pyarrow as pa

from connector.domain.catalog.dataset import ColumnClass
from connector.domain.privacy.findings import Findings
from connector.enforcement.steps.table import TableSteps
from connector.protection.ground import Ground
from connector.protection.means import Means
from connector.protection.risk.fidelity import fidelity
from connector.protection.risk.gaps import gaps
from connector.protection.risk.judged import judged
from connector.protection.risk.standing_out import risk


def measure(
    steps: TableSteps,
    batches: Iterable[pa.RecordBatch],
    ground: Ground,
    means: Means,
    classes: Mapping[str, ColumnClass],
) -> Findings:
    """Return what the steps of a use come to on these rows, as it may be told.

    Args:
        steps: of the use.
        batches: with the columns of the ground.
        ground: the data.
        means: see `Means`.
        classes: column -> its class towards persons.

    Raises:
        ColumnMissing: the data lack a column, or have it with another type.
        DataFileUnreadable: they cannot be judged.
        StepUnknown: a step does not fit the data.
    """
    with judged(steps, batches, ground, means, classes) as rows:
        if steps.aggregate is None:
            marginal, pairs = fidelity(rows)
            return Findings(
                risk=risk(rows) if ground.person else None, marginal=marginal, pairs=pairs
            )
        share, lost = gaps(rows, steps.aggregate)
    epsilon = steps.noise.epsilon if steps.noise else None
    return Findings(withheld=share, epsilon=epsilon, marginal=lost)
