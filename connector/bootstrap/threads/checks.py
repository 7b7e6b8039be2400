"""The thread that checks the data files of datasets that an earlier release published.

Rules: one file after the other, each within bounds; what cannot be checked now is tried again with
long pauses, and runs no job meanwhile; once all are checked, the thread ends. What a check is, is
`services/publication/checking.py`.
"""

from __future__ import annotations

from typing import Final

from connector.bootstrap.threads.background import Background
from connector.ports import Ports
from connector.services.publication import checking

PAUSE_SECONDS: Final = 300.0


class Checks(Background):
    """Checks in one thread until nothing is left, or stopped."""

    def __init__(self, ports: Ports) -> None:
        super().__init__(ports, "checks")
        self._done = False

    def _work(self) -> None:
        while not self._stopping.is_set():
            self._guarded(self._sweep)
            if self._done:
                return
            self._stopping.wait(PAUSE_SECONDS)

    def _sweep(self) -> None:
        self._done = not checking.sweep(self._ports, self._stopping.is_set)
