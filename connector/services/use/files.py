"""Files of extracts in the node's home: private, whole, and gone when they are to be."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, Final

from connector.domain.transfer.extract import FOLDER
from connector.errors import StoreUnavailable
from connector.ports import Ports

_UNDER_WAY: Final = ".part"


def path_of(ports: Ports, name: str) -> Path:
    """Return where a file of an extract is.

    Args:
        ports: of this node.
        name: `Extract.path`.
    """
    return ports.settings.path(FOLDER) / name


@contextmanager
def writing(ports: Ports, name: str) -> Iterator[BinaryIO]:
    """Write a file that is there under its name only once it is whole and on the disk.

    Raises:
        StoreUnavailable: the disk is full, or the folder cannot be written.
    """
    whole = path_of(ports, name)
    part = whole.with_name(whole.name + _UNDER_WAY)
    try:
        whole.parent.mkdir(mode=0o700, exist_ok=True)
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        part.rename(whole)
    except OSError as exc:
        raise StoreUnavailable(f"an extract cannot be written: {exc.strerror}") from exc
    finally:
        part.unlink(missing_ok=True)


def remove(ports: Ports, name: str) -> None:
    """Remove a file, if it is there."""
    if name:
        with suppress(OSError):
            path_of(ports, name).unlink(missing_ok=True)


def clear(ports: Ports, kept: frozenset[str]) -> None:
    """Remove what no extract names: what a node that died has left."""
    folder = ports.settings.path(FOLDER)
    for each in folder.iterdir() if folder.is_dir() else ():
        if each.name not in kept:
            remove(ports, each.name)
