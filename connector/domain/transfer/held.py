"""Files that the node holds encrypted for a time, and how they are written. Pure."""

from __future__ import annotations

from typing import Protocol


class HeldFile(Protocol):
    """What is known of such a file: an extract, or a copy of what was received."""

    @property
    def id(self) -> str:
        """To which its key is bound."""

    @property
    def path(self) -> str:
        """Name of the file in its folder; empty while there is none."""

    @property
    def bytes(self) -> int:
        """Size of the plain text."""

    @property
    def sealed_key(self) -> str:
        """Its key, hex, wrapped by that of the home; empty once it is destroyed."""


class Sink(Protocol):
    """Where bytes go."""

    def write(self, data: bytes, /) -> int:
        """Take bytes; return how many."""


class Writing(Sink, Protocol):
    """A file that is being written.

    Attributes:
        bytes: of plain text so far.
        digest: SHA-256 of the plain text, hex; empty until it is whole.
        sealed_key: see `HeldFile`; empty until it is whole.
    """

    bytes: int
    digest: str
    sealed_key: str
