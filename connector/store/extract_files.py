"""The files of extracts in the node's home: the port `ExtractFiles`.

Rule: a file is opened for each read, so that one that was deleted gives nothing more; only a plain
file of the folder itself is read, and only one of the size that it was made with.
"""

from __future__ import annotations

import os
from pathlib import Path

from connector.domain.transfer.extract import Extract
from connector.errors import ExtractUnavailable


class HomeExtracts:
    """Reads files of one folder, and no others."""

    def __init__(self, folder: Path) -> None:
        """Keep the folder; nothing is read."""
        self._folder = folder

    def read(self, extract: Extract, offset: int, size: int) -> bytes:
        """Return `size` bytes of an extract, from an offset on; see `ports.ExtractFiles`.

        Raises:
            ExtractUnavailable: they are not there, or the file is not as it was made.
        """
        if not extract.path or Path(extract.path).name != extract.path:
            raise ExtractUnavailable("the extract has no file")
        try:
            handle = os.open(self._folder / extract.path, os.O_RDONLY | os.O_NOFOLLOW)
            try:
                whole = os.fstat(handle).st_size == extract.bytes
                data = os.pread(handle, size, offset) if whole else b""
            finally:
                os.close(handle)
        except OSError as exc:
            raise ExtractUnavailable("the file of the extract cannot be read") from exc
        if len(data) != size:
            raise ExtractUnavailable("the file of the extract is not as it was made")
        return data
