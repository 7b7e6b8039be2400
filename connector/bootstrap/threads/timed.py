"""A thread that does what time alone brings about: decisions that lapse, duties that fall due.

Rules: it sleeps until the next of them, or until it is woken by a change; no fault ends it. What is
done then is a service's turn, which says in how many seconds to look again.
"""

from __future__ import annotations

from typing import Protocol

from connector.bootstrap.system import Steadiness
from connector.bootstrap.threads.background import Background
from connector.ports import Ports


class Turn(Protocol):
    """Does what is due, and returns in how many seconds to look again."""

    def __call__(self, ports: Ports, *, steady: bool) -> float:
        """Where the clock is not `steady`, nothing is ended by it."""


class Timed(Background):
    """Waits for due times in one thread until stopped."""

    def __init__(self, ports: Ports, name: str, turn: Turn) -> None:
        """Prepare.

        Args:
            ports: of this node.
            name: of the thread, and of what wakes it.
            turn: what it does.
        """
        super().__init__(ports, name, name)
        self._name = name
        self._turn = turn
        self._steadiness = Steadiness(ports.clock, ports.pace)

    def _work(self) -> None:
        while not self._stopping.is_set():
            self._guarded(self._once)

    def _once(self) -> None:
        seconds = self._turn(self._ports, steady=self._steadiness.steady())
        if not self._stopping.is_set():
            self._ports.wakeups.wait(self._name, seconds)
