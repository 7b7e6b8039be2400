"""How the process of a node is: its lasting threads, its certificates, its disk.

Rules: threads are known by name; those that end by design are not lasting. Judging is
`services/health/vitals.py`.
"""

from __future__ import annotations

import shutil
import threading
from datetime import datetime
from typing import Final

from connector.bootstrap.keys import tls_rotation
from connector.config import Settings
from connector.errors import CertificateMismatch
from connector.identity import certificate
from connector.services.health.vitals import Vitals

# Threads that run as long as the node does; without one it answers, and does not do its work.
LASTING: Final = frozenset(
    {"outbox", "renewal", "exchange", "https", "trust-watch", "management"}
    | {"job-watcher", "lead-watcher", "witness", "peer-loop", "approvals", "duties"}
)


class Life:
    """Watches one node's process from `begin` on."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._before: set[threading.Thread] = set()
        self._lasting: list[threading.Thread] = []
        self.stopping = False

    def begin(self) -> None:
        """Note what ran before; another node may run in this process."""
        self._before = set(threading.enumerate())

    def begun(self) -> None:
        """Note the lasting threads: all are started."""
        found = [each for each in threading.enumerate() if each.name in LASTING]
        self._lasting = [each for each in found if each not in self._before]

    def vitals(self) -> Vitals:
        """Return how the process is now."""
        dead = sorted(each.name for each in self._lasting if not each.is_alive())
        return Vitals(tuple(dead), self.stopping, self._expiries(), self._free())

    def _expiries(self) -> dict[str, datetime]:
        settings = self._settings
        files = {"https": settings.https_certificate}
        if settings.kind == "participant":
            files["tls-ca"] = tls_rotation.newest(settings)
        found = {name: self._expiry(file) for name, file in files.items()}
        return {name: end for name, end in found.items() if end is not None}

    def _expiry(self, file: str) -> datetime | None:
        try:
            return certificate.expires(self._settings.path(file).read_bytes())
        except (OSError, CertificateMismatch):
            return None

    def _free(self) -> int | None:
        try:
            return shutil.disk_usage(self._settings.home).free
        except OSError:
            return None
