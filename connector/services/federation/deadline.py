"""When a job is over: its manifest's deadline, on a clock that does not jump.

Rules: the deadline becomes a time that is left once, when a run begins; from then on the wall clock
ends nothing and prolongs nothing. A wall clock that is behind gives no more than the job had when
it was stored.
"""

from __future__ import annotations

from datetime import datetime

from connector.domain.federation.job import Job
from connector.errors import DeadlinePassed
from connector.ports import Ports

# A lead may be away for as long as a node takes to be installed anew, or for ten rounds, if that is
# longer, before a site gives its worker's place to another job.
LEAST_PATIENCE = 600.0
PATIENCE_ROUNDS = 10


def patience(round_seconds: float) -> float:
    """Return for how long a silent lead is waited for as if it came back soon, seconds."""
    return max(LEAST_PATIENCE, PATIENCE_ROUNDS * round_seconds)


class Deadline:
    """The end of one job, for one run of it; thread-safe."""

    def __init__(self, ports: Ports, job: Job, at: datetime) -> None:
        """Begin to count.

        Args:
            ports: of this node.
            job: as it is stored.
            at: its manifest's deadline, UTC.
        """
        self._pace = ports.pace
        left = min(at - ports.clock.now(), at - job.created_at)
        self._end = ports.pace.now() + left.total_seconds()

    def left(self) -> float:
        """Return the seconds until the end; none or less once it has passed."""
        return self._end - self._pace.now()

    def check(self) -> None:
        """See that it has not passed.

        Raises:
            DeadlinePassed: it has.
        """
        if self.left() <= 0:
            raise DeadlinePassed("the job's deadline passed")
