"""How much work one question may take.

Whoever compares pays first; when nothing is left the answer is Unknown, never a guess.
"""

from __future__ import annotations

from typing import Final

MAX_STEPS: Final = 200_000  # comparisons of two values, names or constraints


class Exhausted(Exception):
    """The limit is reached."""


class Budget:
    """Steps that are left."""

    __slots__ = ("_left",)

    def __init__(self, steps: int = MAX_STEPS) -> None:
        self._left = steps

    @property
    def spent(self) -> bool:
        """Whether the limit was reached."""
        return self._left < 0

    def pay(self, steps: int = 1) -> None:
        """Count steps.

        Raises:
            Exhausted: they are more than what is left.
        """
        self._left -= steps
        if self._left < 0:
            raise Exhausted(f"it would take more than {MAX_STEPS} comparisons")
