"""Snapshots of sources: what a layout reads, written once, in a private folder of the node's home.

Rules: a confined process reads the source, the node sees bytes of a finished file; what is fetched
is parsed by another process than the one that reached the network; a snapshot has its name once it
is whole and on the disk, and its source was the same before and after; all of them together take no
more room than the settings allow.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO, Final

from connector.domain import instant
from connector.domain.catalog.source import HIERARCHIES, Snapshot, Source
from connector.domain.privacy.census import ColumnCount
from connector.errors import DataFileChanged, DataFileUnreadable, StoreUnavailable
from connector.sources import child
from connector.sources.describing import contradictions
from connector.sources.hierarchies import Hierarchies
from connector.sources.places import Places

_SPARED: Final = 3600.0  # seconds; a publication takes less from its snapshot to its end
_ENDING: Final = ".parquet"


class HomeSources(Hierarchies):
    """Sources of a node, and their snapshots: the port `Sources`."""

    def __init__(self, folder: Path, most: int, places: Places | None = None) -> None:
        """Keep the limits; nothing is read.

        Args:
            folder: of the snapshots; made when it is needed, 0700.
            most: bytes that all snapshots may take.
            places: connections of the node; None: it has none.
        """
        super().__init__(folder.with_name(HIERARCHIES))
        self._folder = folder
        self._most = most
        self._places = places or Places(folder, {}, Path.read_bytes)

    def take(self, source: Source) -> Snapshot:
        """Read a source by its layout, and write what was read once; see `ports.Sources`.

        Raises:
            DataFault: it is not there, cannot be read, or is not of its layout.
            ConfigurationInvalid: it names a connection that the settings do not state.
            StoreUnavailable: the snapshot cannot be written, or all of them take too much room.
            WorkerFailed: a process that reads it ended without an answer.
        """
        with self._private() as (part, file):
            out = _Measured(file, self._room())
            with self._placed(source) as (place, mark):
                found = child.convert(place, source.layout, out)
            file.flush()
            os.fsync(file.fileno())
            if faults := contradictions(source.layout, found):
                raise DataFileUnreadable(
                    f"`{source.place}` does not match its layout: {'; '.join(faults)}",
                    hint="`preau source inspect` proposes a layout",
                )
            digest = out.state.hexdigest()
            path = self._folder / f"{digest}{_ENDING}"
            part.rename(path)
        counts = (
            ColumnCount(name, values) for name, values in found["unreadable"].items() if values
        )
        known = replace(
            source,
            mark=mark,
            malformed=found["malformed"],
            unreadable=tuple(counts),
            taken_at=instant.text(datetime.now(UTC).replace(microsecond=0)),
        )
        return Snapshot(str(path), digest, known)

    def changed(self, source: Source) -> bool | None:
        """Return whether a source is another than its snapshot was taken of; see `ports.Sources`.

        Raises:
            DataFault: it is not there, or cannot be read.
            ConfigurationInvalid: it names a connection that the settings do not state.
        """
        connection = self._places.of(source)
        own = self._places.own_file(connection) if connection else Path(source.path)
        return self.mark(own) != source.mark if own else None

    def inspect(self, source: Source) -> dict[str, Any]:
        """Return what is proposed for a source, of which no layout is known.

        Raises:
            DataFault: as `take`.
            StoreUnavailable: there is no room to fetch it.
            WorkerFailed: a process that reads it ended without an answer.
        """
        with self._placed(source) as (place, _):
            return child.inspect(place)

    def clear(self, kept: frozenset[str]) -> None:
        """Remove snapshots; see `ports.Sources`."""
        young = time.time() - _SPARED
        for each in self._folder.iterdir() if self._folder.is_dir() else ():
            with suppress(OSError):
                if str(each) not in kept and each.stat().st_mtime < young:
                    each.unlink()

    @contextmanager
    def _placed(self, source: Source) -> Iterator[tuple[child.Place, str]]:
        """Yield where a worker finds the rows, and the mark of the source.

        Raises:
            DataFileChanged: the source changed meanwhile.
        """
        connection = self._places.of(source)
        if connection is not None and connection.serves_files:
            with self._private() as (part, file):
                told = self._places.told(connection, source)
                mark = child.fetch(told, self._room(), file)["mark"]
                file.flush()
                yield part, mark
            return
        own = self._places.own_file(connection) if connection else Path(source.path)
        before = self.mark(own) if own else ""
        yield self._places.told(connection, source) if connection else Path(source.path), before
        if own and self.mark(own) != before:
            raise DataFileChanged(f"`{source.place}` changed while it was read", hint="try again")

    @contextmanager
    def _private(self) -> Iterator[tuple[Path, BinaryIO]]:
        """Yield a new private file of the folder, which is gone at the end unless it was renamed.

        Raises:
            StoreUnavailable: the disk is full, or the folder cannot be written.
        """
        part = self._folder / f"{secrets.token_hex(8)}.part"
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                yield part, file
        except OSError as exc:
            raise StoreUnavailable(f"a snapshot cannot be written: {exc.strerror}") from exc
        finally:
            part.unlink(missing_ok=True)

    def _room(self) -> int:
        taken = 0
        for each in self._folder.iterdir():
            with suppress(FileNotFoundError):
                taken += each.stat().st_size
        return self._most - taken


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
