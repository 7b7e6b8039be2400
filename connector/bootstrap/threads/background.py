"""A part of the node that is one thread: started with it, and stopped within bounds."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Final

from connector.ports import Ports
from connector.services.guard import guarded

_STOP_SECONDS: Final = 15.0


class Background(ABC):
    """Works in one thread until stopped; no fault ends it."""

    def __init__(self, ports: Ports, name: str, wakeup: str = "") -> None:
        """Prepare.

        Args:
            ports: of this node.
            name: of the thread.
            wakeup: what it sleeps on, to be woken when it is to stop; empty: nothing.
        """
        self._ports = ports
        self._wakeup = wakeup
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._work, name=name, daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End within 15 seconds; what is under way is bounded, and goes on at the next start."""
        self._stopping.set()
        if self._wakeup:
            self._ports.wakeups.notify(self._wakeup)
        self._thread.join(_STOP_SECONDS)

    @abstractmethod
    def _work(self) -> None:
        """Work until `_stopping` is set."""

    def _guarded(self, step: Callable[[], object]) -> bool:
        """Take a step; return whether it met no fault that nobody foresaw."""
        return guarded(self._ports, self._thread.name, step, self._stopping.wait)
