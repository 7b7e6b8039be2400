"""The thread that reminds of decisions that are missing, and ends what nobody decided on in time.

Rules: it sleeps until the next of them is due, or until it is woken by a new one; no fault ends it.
What is done then is `services/approval/timing.py`.
"""

from __future__ import annotations

from connector.bootstrap.system import Steadiness
from connector.bootstrap.threads.background import Background
from connector.ports import Ports
from connector.services.approval import timing
from connector.services.approval.asking import APPROVALS


class Approvals(Background):
    """Waits for due times in one thread until stopped."""

    def __init__(self, ports: Ports) -> None:
        super().__init__(ports, APPROVALS, APPROVALS)
        self._steadiness = Steadiness(ports.clock, ports.pace)

    def _work(self) -> None:
        while not self._stopping.is_set():
            self._guarded(self._turn)

    def _turn(self) -> None:
        seconds = timing.turn(self._ports, steady=self._steadiness.steady())
        if not self._stopping.is_set():
            self._ports.wakeups.wait(APPROVALS, seconds)
