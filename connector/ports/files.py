"""Files: sources of data, extracts, and the record of what was charged."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Protocol

from connector.domain.catalog.hierarchy import Units
from connector.domain.catalog.source import Snapshot, Source
from connector.domain.privacy.tally import Tally
from connector.domain.transfer.held import HeldFile, Writing


class Sources(Protocol):
    """Data files of the institution."""

    def digest(self, path: Path) -> str:
        """Return the SHA-256 (hex) of the file.

        Raises:
            DataFileMissing: no such file.
            DataFileUnreadable: it cannot be read.
        """

    def inspect(self, source: Source) -> Mapping[str, Any]:
        """Return how a source would be read and what its columns seem to be, as JSON.

        Raises:
            DataFault: it is not there, or cannot be read.
            ConfigurationInvalid: it names a connection that the settings do not state.
            StoreUnavailable: there is no room to fetch it.
            WorkerFailed: the process that reads it ended without an answer.
        """

    def take(self, source: Source) -> Snapshot:
        """Read a source by its layout, and write what was read once.

        Raises:
            DataFault: it is not there, cannot be read, or is not of its layout.
            ConfigurationInvalid: it names a connection that the settings do not state.
            StoreUnavailable: the snapshot cannot be written, or all of them take too much room.
            WorkerFailed: the process that reads it ended without an answer.
        """

    def changed(self, source: Source) -> bool | None:
        """Return whether a source is another than its snapshot was taken of.

        Returns:
            None where only a server could say: nothing is connected to.

        Raises:
            DataFault: it is not there, or cannot be read.
            ConfigurationInvalid: it names a connection that the settings do not state.
        """

    def keep(self, path: Path) -> tuple[str, Units]:
        """Return digest and units of a file of a hierarchy, once a copy is on the disk for good.

        Raises:
            DataFault: it is not there, cannot be read, or is no hierarchy.
            StoreUnavailable: the copy cannot be written.
        """

    def hierarchy(self, digest: str) -> Units:
        """Return the units of a hierarchy that is kept.

        Raises:
            DataFault: as `kept`.
        """

    def kept(self, digest: str) -> Path:
        """Return where the copy of a hierarchy is.

        Raises:
            DataFault: it is not there, or not the one that was kept.
        """

    def clear(self, kept: frozenset[str]) -> None:
        """Remove snapshots, but those that stay and one that may be of a publication under way.

        Args:
            kept: paths of those that stay.
        """


class HeldFiles(Protocol):
    """Files that the node holds encrypted in a folder of its home."""

    def writing(self, held_id: str, name: str, most: int) -> AbstractContextManager[Writing]:
        """Write a file that is there under its name only once it is whole and on the disk.

        Args:
            held_id: to which its key is bound.
            name: of the file.
            most: bytes.

        Raises:
            StoreUnavailable: the disk is full, or the folder cannot be written.
            QuotaReached: it is larger.
            KeyUnusable: the home's key cannot be used.
        """

    def read(self, held: HeldFile, offset: int, size: int) -> memoryview:
        """Return `size` bytes of a file, from an offset on.

        Raises:
            ExtractUnavailable: they are not there, or the file is not as it was made.
        """

    def opened(self, held: HeldFile) -> tuple[int, bytes]:
        """Return a descriptor, which the caller closes, and the key of the file.

        How the file is sealed: `store/files/sealed.py`.

        Raises:
            ExtractUnavailable: it is not there, of another size, or its key is gone.
        """

    def there(self, held: HeldFile) -> bool:
        """Return whether a file is there, of its size, with a key that opens it."""

    def remove(self, name: str) -> None:
        """Remove a file, if it is there."""

    def clear(self, kept: frozenset[str]) -> None:
        """Remove all files but these: what a node that died has left."""


class Charges(Protocol):
    """What was charged, outside the database: in a file of the home, and sealed for peers."""

    def recorded(self) -> Tally | None:
        """Return the newest tally of the home; None when there is no record at all.

        Raises:
            KeyUnusable: the record is there and cannot be read.
        """

    def record(self, tally: Tally) -> None:
        """Write a tally to the disk, unless one that came as far is there; return once it is safe.

        Raises:
            KeyUnusable: it cannot be written.
        """

    def seal(self, tally: Tally) -> bytes:
        """Return a tally as only this node can read it; the same bytes for the same tally.

        Raises:
            KeyUnusable: the key cannot be used.
            MessageTooLarge: it is larger than peers take.
        """

    def unseal(self, sealed: bytes) -> Tally:
        """Return a tally that this node sealed.

        Raises:
            SignatureInvalid: it did not, or the bytes were altered.
            KeyUnusable: the key cannot be used.
        """
