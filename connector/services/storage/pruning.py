"""Drops what has ended: messages delivered, refused jobs, negotiations for nothing, models.

Rules: what is dropped has ended `keep_days` ago, or was delivered an hour ago; contracts, notices,
charges, heads and the log never are. Many small transactions, with a pause after each, so that no
call waits for long; what is left over when a turn has taken enough of them is dropped in the next.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import datetime, timedelta
from itertools import islice
from typing import Final

from connector.domain.federation.job import JobSide
from connector.ports import Ports
from connector.services.federation.lead import release
from connector.services.federation.site.names import job_named
from federated.job import is_final

STEP_ROWS: Final = 500
MOST_STEPS: Final = 200  # in one turn
MOST_FOLDERS: Final = 10_000  # looked at in one turn
PAUSE_SECONDS: Final = 0.05
DELIVERED: Final = timedelta(hours=1)  # nothing looks at a delivered message


def prune(ports: Ports, stopped: Callable[[float], bool]) -> int:
    """Drop what has ended long enough ago; return how many rows that were.

    Args:
        ports: of this node.
        stopped: waits for so many seconds; returns whether the node stops.

    Raises:
        StoreUnavailable: the database did not answer; what was dropped stays dropped.
        WorldFault: the file of a model cannot be removed.
    """
    now = ports.clock.now()
    before, sent = now - timedelta(days=ports.settings.keep_days), now - DELIVERED
    dropped = 0
    for _ in range(MOST_STEPS):
        with ports.store.write() as tx:
            step = tx.holdings.drop(before, sent, STEP_ROWS)
        dropped += step
        if step < STEP_ROWS or stopped(PAUSE_SECONDS):
            break
    _clear_folders(ports, before)
    release.let_go(ports)
    return dropped


def _clear_folders(ports: Ports, before: datetime) -> None:
    """Remove the folders of jobs of other leads that ended before a time."""
    folders = ports.settings.path("jobs").glob("*")
    for folder in islice(folders, MOST_FOLDERS):
        job_id = job_named(folder.name)
        with ports.store.read() as tx:
            job = tx.jobs.get(job_id) if job_id else None
        if job is None or job.side is JobSide.LEAD or not is_final(job.state):
            continue
        if job.updated_at < before:
            shutil.rmtree(folder, ignore_errors=True)


def count(ports: Ports) -> None:
    """Count anew what is stored for each member.

    Raises:
        StoreUnavailable: the database did not answer.
    """
    with ports.store.read() as tx:
        found = tx.holdings.bytes_by_member()
    ports.held.counted(found)
