"""What every typed step has: a kind, a version, and a strict reader and writer of its members."""

from __future__ import annotations

from typing import Any, ClassVar, Protocol, Self

from federated.reading import Member


class Typed(Protocol):
    """A step that can be executed: a frozen value."""

    kind: ClassVar[str]

    @property
    def version(self) -> int:
        """Of its members: the first that could say what it says."""

    def body(self) -> dict[str, Any]:
        """Return its members, JSON values."""

    @classmethod
    def read(cls, member: Member) -> Self:
        """Return the step that these members say.

        Raises:
            StepUnknown: a member is missing, unknown or out of range.
        """
