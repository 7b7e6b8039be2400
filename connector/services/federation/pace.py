"""Waits that hide how long rows took: the shell round `padding.py`.

Rules: what happens inside the block ends, for whoever waits outside, at a public time, also when it
fails; a job that is stopped meanwhile waits no longer.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from connector.domain.catalog.dataset import Dataset
from connector.ports import Pace
from connector.services.federation import padding


@contextmanager
def padded(
    pace: Pace,
    unit: Callable[[], float],
    *,
    stop: threading.Event | None = None,
    began: float | None = None,
    most: float = math.inf,
) -> Iterator[None]:
    """Let a block end at the next multiple of a unit, whether or not it fails.

    Args:
        pace: time.
        unit: seconds, asked when the block is over.
        stop: ends the wait.
        began: when the time began; now, when it is not given.
        most: end of the time that the block has, in seconds from its beginning.
    """
    start = pace.now() if began is None else began
    try:
        yield
    finally:
        spent = pace.now() - start
        left = padding.ends_at(spent, unit(), most) - spent
        if left > 0:
            pace.wait(stop or threading.Event(), left)


def cells_of(dataset: Dataset) -> int:
    """Return how many values a data set has at most, as it is described."""
    return padding.cells(dataset.population, dataset.rows_per_person, len(dataset.columns))
