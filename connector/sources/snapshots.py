"""Snapshots of sources: what a layout reads, written once, in a private folder of the node's home.

Rules: a confined process reads the source, the node sees bytes of a finished file; a snapshot has
its name once it is whole and on the disk, and its source was the same before and after; all of them
together take no more room than the settings allow.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, BinaryIO, Final

from connector.domain.catalog.source import Snapshot, Source
from connector.domain.privacy.census import ColumnCount
from connector.errors import DataFileChanged, DataFileUnreadable, StoreUnavailable
from connector.sources import child
from connector.sources.describing import contradictions
from connector.sources.files import FileSources

_SPARED: Final = 3600.0  # seconds; a publication takes less from its snapshot to its end
_ENDING: Final = ".parquet"


class HomeSources(FileSources):
    """Sources of a node, and their snapshots: the port `Sources`."""

    def __init__(self, folder: Path, most: int) -> None:
        """Keep the limits; nothing is read.

        Args:
            folder: of the snapshots; made when it is needed, 0700.
            most: bytes that all snapshots may take.
        """
        self._folder = folder
        self._most = most

    def take(self, source: Source) -> Snapshot:
        """Read a source by its layout, and write what was read once; see `ports.Sources`.

        Raises:
            DataFault: it is not there, cannot be read, or is not of its layout.
            StoreUnavailable: the snapshot cannot be written, or all of them take too much room.
            WorkerFailed: the process that reads it ended without an answer.
        """
        part = self._folder / f"{secrets.token_hex(8)}.part"
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                out = _Measured(file, self._room())
                found, mark = self._read(source, out)
                file.flush()
                os.fsync(file.fileno())
            digest = out.state.hexdigest()
            path = self._folder / f"{digest}{_ENDING}"
            part.rename(path)
        except OSError as exc:
            raise StoreUnavailable(f"a snapshot cannot be written: {exc.strerror}") from exc
        finally:
            part.unlink(missing_ok=True)
        counts = (
            ColumnCount(name, values) for name, values in found["unreadable"].items() if values
        )
        known = replace(source, mark=mark, malformed=found["malformed"], unreadable=tuple(counts))
        return Snapshot(str(path), digest, known)

    def clear(self, kept: frozenset[str]) -> None:
        """Remove snapshots; see `ports.Sources`."""
        young = time.time() - _SPARED
        for each in self._folder.iterdir() if self._folder.is_dir() else ():
            with suppress(OSError):
                if str(each) not in kept and each.stat().st_mtime < young:
                    each.unlink()

    def _read(self, source: Source, out: _Measured) -> tuple[dict[str, Any], str]:
        path = Path(source.path)
        before = self.mark(path)
        found = child.convert(path, source.layout, out)
        if faults := contradictions(source.layout, found):
            raise DataFileUnreadable(
                f"`{source.place}` is not of its layout: {'; '.join(faults)}",
                hint="`preau source inspect` proposes a layout",
            )
        if self.mark(path) != before:
            raise DataFileChanged(f"`{source.place}` changed while it was read", hint="try again")
        return found, before

    def _room(self) -> int:
        return self._most - sum(each.stat().st_size for each in self._folder.iterdir())


class _Measured:
    """A file that is written once: counts and hashes what goes in, and stops at a bound."""

    def __init__(self, file: BinaryIO, room: int) -> None:
        self._file = file
        self._room = room
        self.state = hashlib.sha256()

    def write(self, data: bytes) -> None:
        """Write bytes.

        Raises:
            StoreUnavailable: there is no room for them.
        """
        self._room -= len(data)
        if self._room < 0:
            raise StoreUnavailable(
                "the snapshots of all datasets take more room than `snapshot_bytes` allows",
                hint="raise the setting, or withdraw datasets that nobody uses",
            )
        self.state.update(data)
        self._file.write(data)
