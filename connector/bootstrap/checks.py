"""The thread that checks the data files of datasets that an earlier release published.

Rules: one file after the other, each within bounds; what cannot be checked now is tried again with
long pauses, and runs no job meanwhile; once all are checked, the thread ends. What a check is, is
`services/publication/checking.py`.
"""

from __future__ import annotations

import threading
from typing import Final

from connector.ports import Ports
from connector.services.guard import guarded
from connector.services.publication import checking

PAUSE_SECONDS: Final = 300.0
_STOP_SECONDS: Final = 15.0


class Checks:
    """Checks in one thread until nothing is left, or stopped."""

    def __init__(self, ports: Ports) -> None:
        self._ports = ports
        self._stopping = threading.Event()
        self._done = False
        self._thread = threading.Thread(target=self._work, name="checks", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End; a check under way is left to its worker, which ends with the node."""
        self._stopping.set()
        self._thread.join(_STOP_SECONDS)

    def _work(self) -> None:
        while not self._stopping.is_set():
            guarded(self._ports, "checks", self._sweep, self._stopping.wait)
            if self._done:
                return
            self._stopping.wait(PAUSE_SECONDS)

    def _sweep(self) -> None:
        self._done = not checking.sweep(self._ports, self._stopping.is_set)
