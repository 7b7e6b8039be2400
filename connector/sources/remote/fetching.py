"""Fetches one file of a connection to standard output, within a size; nothing of it is parsed.

Rules: the address is the connection's, TLS is checked, a redirect stops; what the server says of
the file's version is the mark of the source. What a server answers is not passed on.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, BinaryIO

from connector.errors import DataFileChanged, StoreUnavailable


@dataclass(frozen=True, slots=True)
class Remote:
    """A file of a server that is being read.

    Attributes:
        size: bytes that the server states; -1 where it states none.
        mark: what it states of the version; empty where it states none.
        chunks: the bytes.
    """

    size: int
    mark: str
    chunks: Iterator[bytes]


def fetch(request: Mapping[str, Any], out: BinaryIO) -> dict[str, Any]:
    """Fetch the file that a request to a worker names.

    Raises:
        DataFault: it is not there, or cannot be fetched whole.
        ConfigurationInvalid: the server refuses the secret.
        StoreUnavailable: it is larger than there is room for.
    """
    stated, most = request["connection"], request["most"]
    state, size = hashlib.sha256(), 0
    with _opened(stated["kind"], stated["options"], stated["secret"], request["beneath"]) as file:
        _check_room(file.size, most)
        for chunk in file.chunks:
            size += len(chunk)
            _check_room(size, most)
            state.update(chunk)
            out.write(chunk)
    if file.size not in (-1, size):
        raise DataFileChanged("the server sent another number of bytes than it stated")
    return {"size": size, "mark": file.mark or f"sha-256 {state.hexdigest()}"}


def _opened(
    kind: str, options: Mapping[str, str], secret: str, path: str
) -> AbstractContextManager[Remote]:
    if kind == "s3":
        from connector.sources.remote import s3  # noqa: PLC0415 - its client is large

        return s3.opened(options, secret, path)
    from connector.sources.remote import https  # noqa: PLC0415 - same

    return https.opened(options, secret, path)


def _check_room(size: int, most: int) -> None:
    if size > most:
        raise StoreUnavailable(
            "the file is larger than `snapshot_bytes` leaves room for", hint="raise the setting"
        )
