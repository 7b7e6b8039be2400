"""Files that the node holds for a time, in a folder of its home: the port `HeldFiles`.

Rules: plain text is never on the disk; a file is there under its name only once it is whole and
safe; it is opened for each read, so that one that was deleted gives nothing more; only a plain file
of the folder itself is read, and only one of the size that it was made with. The home's key that
wraps those of the files is in no backup: what a backup holds of them opens nothing.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidTag

from connector.domain.transfer.held import HeldFile, Writing
from connector.errors import ExtractUnavailable, KeyUnusable, StoreUnavailable
from connector.store.files import keys, sealed

KEY_FILE: Final = "keys/extracts.key"
_UNDER_WAY: Final = ".part"


class HomeFiles:
    """Files of one folder, and no others."""

    def __init__(self, home: Path, folder: str) -> None:
        """Keep where they are; nothing is read.

        Args:
            home: of the node.
            folder: of the files, below it.
        """
        self._folder = home / folder
        self._key_file = home / KEY_FILE

    @contextmanager
    def writing(self, held_id: str, name: str, most: int) -> Iterator[Writing]:
        """Write a file, encrypted; see `ports.HeldFiles`.

        Raises:
            StoreUnavailable: the disk is full, or the folder cannot be written.
            QuotaReached: it is larger than `most` bytes.
            KeyUnusable: the home's key cannot be used.
        """
        whole = self._folder / name
        part = whole.with_name(whole.name + _UNDER_WAY)
        try:
            self._folder.mkdir(mode=0o700, exist_ok=True)
            descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                made = sealed.SealedWriter(file, most)
                yield made
                made.end(self._home_key(make=True), held_id)
                file.flush()
                os.fsync(file.fileno())
            part.rename(whole)
            keys.sync_folder(self._folder)
        except OSError as exc:
            raise StoreUnavailable(f"a file cannot be written: {exc.strerror}") from exc
        finally:
            part.unlink(missing_ok=True)

    def read(self, held: HeldFile, offset: int, size: int) -> memoryview:
        """Return `size` bytes of a file, from an offset on; see `ports.HeldFiles`.

        Raises:
            ExtractUnavailable: they are not there, or the file is not as it was made.
        """
        handle, key = self.opened(held)
        try:
            data = sealed.read(handle, key, held.bytes, offset, size)
        except (InvalidTag, OSError) as exc:
            raise ExtractUnavailable(
                "the file of the extract was changed since it was made"
            ) from exc
        finally:
            os.close(handle)
        if len(data) != size:
            raise ExtractUnavailable("the file of the extract was changed since it was made")
        return data

    def there(self, held: HeldFile) -> bool:
        """Return whether a file can be opened; see `ports.HeldFiles`."""
        try:
            os.close(self.opened(held)[0])
        except ExtractUnavailable:
            return False
        return True

    def remove(self, name: str) -> None:
        """Remove a file, if it is there."""
        if name:
            with suppress(OSError):
                (self._folder / name).unlink(missing_ok=True)

    def clear(self, kept: frozenset[str]) -> None:
        """Remove all files but these."""
        for each in self._folder.iterdir() if self._folder.is_dir() else ():
            if each.name not in kept:
                self.remove(each.name)

    def opened(self, held: HeldFile) -> tuple[int, bytes]:
        """Open a file; return its descriptor, and its key; see `ports.HeldFiles`.

        Raises:
            ExtractUnavailable: it is not there, of another size, or its key is gone.
        """
        if not held.path or Path(held.path).name != held.path:
            raise ExtractUnavailable("the extract has no file")
        try:
            key = sealed.unwrap(held.sealed_key, self._home_key(make=False), held.id)
            handle = os.open(self._folder / held.path, os.O_RDONLY | os.O_NOFOLLOW)
        except KeyUnusable as exc:
            raise ExtractUnavailable("the key of the extract no longer exists") from exc
        except OSError as exc:
            raise ExtractUnavailable("the file of the extract cannot be read") from exc
        if os.fstat(handle).st_size != sealed.sealed_size(held.bytes):
            os.close(handle)
            raise ExtractUnavailable("the file of the extract was changed since it was made")
        return handle, key

    def _home_key(self, *, make: bool) -> bytes:
        """Return the key that wraps those of files; read each time, as it is after a restore."""
        if make:
            keys.private_folder(self._key_file.parent)
        return keys.secret(self._key_file, make=make)
