"""Files of declared hierarchies, each kept under its digest in a private folder of the home.

Rule: a plan names a file by its digest, and contracts that run may name an earlier one, so that
none is removed: they are public, small, and one a year.
"""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from connector.domain.catalog import hierarchy
from connector.domain.catalog.hierarchy import Units
from connector.errors import DataFileMissing, DataFileUnreadable, StoreUnavailable
from connector.sources.files import FileSources


class Hierarchies(FileSources):
    """Declared hierarchies: a part of the port `Sources`."""

    def __init__(self, folder: Path) -> None:
        """Name the folder; it is made when it is needed, 0700."""
        self._hierarchies = folder

    def keep(self, path: Path) -> tuple[str, Units]:
        """Return digest and units of a steward's file, once a copy is on the disk.

        Raises:
            DataFileMissing: no such file.
            DataFileUnreadable: it cannot be read, or is no hierarchy.
            StoreUnavailable: the copy cannot be written.
        """
        data = self.content(path, hierarchy.MOST_BYTES + 1)
        units, digest = hierarchy.read(data), hierarchy.digest(data)
        copy = self._copy(digest)
        part = copy.with_name(f"{secrets.token_hex(8)}.part")
        try:
            self._hierarchies.mkdir(mode=0o700, parents=True, exist_ok=True)
            descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            part.rename(copy)
        except OSError as exc:
            raise StoreUnavailable(f"a hierarchy cannot be kept: {exc.strerror}") from exc
        finally:
            part.unlink(missing_ok=True)
        return digest, units

    def hierarchy(self, digest: str) -> Units:
        """Return the units of a file that is kept.

        Raises:
            DataFault: as `kept`.
        """
        return hierarchy.read(self.content(self.kept(digest), hierarchy.MOST_BYTES))

    def kept(self, digest: str) -> Path:
        """Return where the file of a digest is.

        Raises:
            DataFileMissing: it is not there.
            DataFileUnreadable: it is not the one that was kept.
        """
        path = self._copy(digest)
        if not path.is_file():
            raise DataFileMissing(
                f"no hierarchy with the digest `{digest}` is kept",
                hint=f"put the file back as `{path}`, or publish the dataset again",
            )
        if self.digest(path) != digest:
            raise DataFileUnreadable(f"`{path}` is not the hierarchy that was kept")
        return path

    def _copy(self, digest: str) -> Path:
        return self._hierarchies / f"{digest}.csv"
