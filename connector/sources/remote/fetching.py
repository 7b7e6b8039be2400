"""Fetches one file of a connection to standard output, within a size; nothing of it is parsed.

Every kind is a file system of fsspec, whose root is what the connection names; those of further
distributions are found by the group `preau.files` (`connector/sources/further.py`): a function

    files(options: Mapping[str, str], secret: str) -> fsspec.AbstractFileSystem

Rules: the address is the connection's, TLS is checked, a redirect stops; what the server says of
the file's version is the mark of the source. What a server answers is not passed on.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from importlib import import_module
from typing import Any, BinaryIO, Final

from fsspec import AbstractFileSystem

from connector.domain.catalog.connection import FILES
from connector.errors import DataFileChanged, DataFileUnreadable, StoreUnavailable
from connector.sources.further import guarded, loaded

GROUP: Final = "preau.files"
_CHUNK: Final = 1 << 20  # bytes


def fetch(request: Mapping[str, Any], out: BinaryIO) -> dict[str, Any]:
    """Fetch the file that a request to a worker names.

    Raises:
        DataFault: it is not there, or cannot be fetched whole.
        ConfigurationInvalid: the server refuses the secret, or no distribution has this kind.
        StoreUnavailable: it is larger than there is room for.
    """
    stated, most = request["connection"], request["most"]
    system = _system(stated["kind"], stated["options"], stated["secret"])
    state, size = hashlib.sha256(), 0
    with guarded(), system.open(request["beneath"], "rb") as file:
        told = found if isinstance(found := getattr(file, "size", None), int) else None
        _check_room(told or 0, most)
        while chunk := file.read(_CHUNK):
            size += len(chunk)
            _check_room(size, most)
            state.update(chunk)
            out.write(chunk)
        mark = getattr(file, "mark", "")
    if told not in (None, size):
        raise DataFileChanged("the server sent another number of bytes than it stated")
    return {"size": size, "mark": mark or f"sha-256 {state.hexdigest()}"}


def _system(kind: str, options: Mapping[str, str], secret: str) -> AbstractFileSystem:
    if kind in FILES:  # only that one is loaded: its client is large
        files = import_module(f"connector.sources.remote.{kind}").files
    else:
        files = loaded(GROUP, kind, options)
    with guarded():
        made = files(options, secret)
    if not isinstance(made, AbstractFileSystem):
        raise DataFileUnreadable("the source is not a file system of fsspec")
    return made


def _check_room(size: int, most: int) -> None:
    if size > most:
        raise StoreUnavailable(
            "the file is larger than `snapshot_bytes` leaves room for", hint="raise the setting"
        )
