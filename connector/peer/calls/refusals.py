"""Every refused call leaves a line in the node's log, at a bounded rate.

Rules: a refusal is recorded with its code, the method and the DID that the caller proved, or
`unknown`; no text of the caller's, no personal data. At most `PER_MINUTE` lines a minute enter the
audit log, `PER_CALLER` of them of one caller, so that a flood of bad calls cannot fill the disk,
nor push the refusals of others out of the log; what is over is counted, and the count is recorded
with the next line. Each face has a window of its own, so that strangers at the public one push no
refusal of an authenticated call out of the log.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter
from typing import Final

from connector.errors import PreauError, StoreUnavailable
from connector.ports import Ports

PER_MINUTE: Final = 120
PER_CALLER: Final = 30
PUBLIC_PER_MINUTE: Final = 12  # at the face that anybody can reach
_MINUTE: Final = 60.0

_log = logging.getLogger(__name__)


class Refusals:
    """Records refused calls of one face; thread-safe."""

    def __init__(self, ports: Ports, *, per_minute: int = PER_MINUTE) -> None:
        self._ports = ports
        self._per_minute = per_minute
        self._lock = threading.Lock()
        self._window = time.monotonic()
        self._written = 0
        self._unwritten = 0
        self._of: Counter[str] = Counter()

    def record(self, caller: str, method: str, refusal: PreauError) -> None:
        """Record one refusal.

        Args:
            caller: DID that the caller proved; empty when it proved none.
            method: gRPC method or HTTP path.
            refusal: why.
        """
        subject = caller or "unknown"
        missed = self._admit(subject)
        if missed is None:
            return
        try:
            with self._ports.store.write() as tx:
                tx.audit.append(
                    "call.refused", subject, code=refusal.code, method=method, missed=missed
                )
        except StoreUnavailable:
            _log.warning("a refusal of `%s` could not be recorded: %s", method, refusal.code)

    def count(self) -> None:
        """Count a refusal that is not written; the next line that is says how many there were."""
        with self._lock:
            self._unwritten += 1

    def _admit(self, caller: str) -> int | None:
        """Return how many refusals went unrecorded before this one, or None if this one does."""
        with self._lock:
            now = time.monotonic()
            if now - self._window >= _MINUTE:
                self._window, self._written = now, 0
                self._of.clear()
            if self._written >= self._per_minute or self._of[caller] >= PER_CALLER:
                self._unwritten += 1
                return None
            self._written += 1
            self._of[caller] += 1
            missed, self._unwritten = self._unwritten, 0
            return missed
