"""Writes what a provider sends into a folder: resumed, verified, and whole or not there.

Rules: bytes go into `NAME.part`, and what is there already is counted and hashed first; the file
gets its name once its digest is the one that the provider signed, and is on the disk by then. Other
bytes are removed. What broke off is asked for again from where it ended, for as long as something
comes now and then.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Final

from connector.errors import (
    ContentMismatch,
    NodeUnreachable,
    PeerUnreachable,
    TransferInactive,
    WorldFault,
    from_code,
)
from connector.management.views.contracts.transfers import TransferView
from connector.sdk.transport import Transport

if TYPE_CHECKING:
    import pyarrow as pa

_PART: Final = ".part"
_STARTED: Final = "STARTED"
_READ: Final = 1 << 20  # bytes
FORMATS: Final = ("arrow", "parquet", "csv", "jsonl")
_PAUSE_SECONDS: Final = 0.5
_SCHEME: Final = "urn:uuid:"
_PASSING: Final = (NodeUnreachable, PeerUnreachable)


@dataclass(frozen=True, slots=True)
class Received:
    """A file that was received whole.

    Attributes:
        path: of the file.
        transfer: as it stands, with both receipts once the provider has ours.
    """

    path: Path
    transfer: TransferView

    def arrow(self) -> pa.Table:
        """Return its rows; needs pyarrow, which the node has."""
        from connector.dataplane.tables import table  # noqa: PLC0415 - it loads pyarrow

        return table(self.path)

    def pandas(self) -> Any:
        """Return its rows as a pandas frame; needs pandas, which the node does not bring."""
        return self.arrow().to_pandas()


def name_of(transfer: TransferView) -> str:
    """Return how the file of a transfer is called."""
    stated = transfer.content.format if transfer.content else ""
    return f"{transfer.extract.removeprefix(_SCHEME)}.{stated}"


def note_of(folder: Path, agreement: str) -> Path:
    """Return where the id of a request under a contract is noted until its file is there."""
    return folder / f"{hashlib.sha256(agreement.encode()).hexdigest()[:16]}.asked"


def noted(note: Path) -> str:
    """Return the id of a request that was noted; empty where none was.

    Raises:
        WorldFault: the note cannot be read.
    """
    try:
        return note.read_text(encoding="utf-8").strip() if note.exists() else ""
    except (OSError, ValueError) as exc:
        raise WorldFault(f"`{note}` cannot be read", hint="remove it to start over") from exc


def write_note(note: Path, request: str) -> None:
    """Note the id of a request.

    Raises:
        WorldFault: the folder cannot be written.
    """
    try:
        note.parent.mkdir(parents=True, exist_ok=True)
        note.write_text(f"{request}\n", encoding="utf-8")
    except OSError as exc:
        raise WorldFault(f"`{note}` cannot be written: {exc.strerror}") from exc


def receive(
    wire: Transport,
    transfer: TransferView,
    folder: Path,
    progress: Callable[[int, int], None] | None,
    seconds: float,
) -> Path:
    """Fetch the file of a transfer that has started, and return where it is.

    Args:
        wire: to the node.
        transfer: as it stands.
        folder: where the file goes.
        progress: told bytes so far and bytes in all.
        seconds: for which nothing may come.

    Raises:
        TransferInactive: the transfer is suspended, over, or has not started in time.
        ContentMismatch: the bytes are not those that the provider signed; nothing is kept.
        WorldFault: the file cannot be written, or nothing came for too long.
    """
    _check_started(transfer)
    content = transfer.content
    if content is None:
        raise TransferInactive("the provider does not state what it sends")
    stream = partial(_content, wire, transfer.id)
    expected = Expected(content.digest, content.bytes)
    return receive_file(folder / name_of(transfer), expected, stream, progress, seconds)


def receive_whole(
    wire: Transport,
    transfer: TransferView,
    folder: Path,
    progress: Callable[[int, int], None] | None,
) -> tuple[Path, str, int]:
    """Fetch the file of a provider that states nothing of it; it is whole when no more comes.

    Args:
        wire: to the node.
        transfer: as it stands.
        folder: where the file goes.
        progress: told bytes so far, twice: nobody knows how many there are.

    Returns:
        The file, its SHA-256 (hex) and its size.

    Raises:
        TransferInactive: the transfer is suspended, over, or has not started in time.
        WorldFault: the file cannot be written.
    """
    _check_started(transfer)
    file = folder / f"{transfer.id.removeprefix(_SCHEME)}.data"
    part = file.with_name(file.name + _PART)
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with part.open("a+b") as out:
            hashed, size = _hashed(out), -1
            while size < out.tell():  # what broke off goes on; at the end nothing comes
                size = out.tell()
                for chunk in _content(wire, transfer.id, size):
                    hashed.update(chunk)
                    out.write(chunk)
                    if progress is not None:
                        progress(out.tell(), out.tell())
            out.flush()
            os.fsync(out.fileno())
        part.rename(file)
        _synced(file.parent)
    except OSError as exc:
        raise WorldFault(f"`{file}` cannot be written: {exc.strerror}") from exc
    return file, hashed.hexdigest(), size


def _check_started(transfer: TransferView) -> None:
    if transfer.state != _STARTED:
        why = f": {transfer.reasons[0]}" if transfer.reasons else ""
        reason = f"the transfer is {transfer.state}{why}"
        raise from_code(transfer.code or TransferInactive.code, reason)


def _content(wire: Transport, transfer: str, offset: int) -> Iterator[bytes]:
    return wire.stream("/transfer/content", {"id": transfer, "offset": offset})


@dataclass(frozen=True, slots=True)
class Expected:
    """What a file must be.

    Attributes:
        digest: SHA-256, hex.
        bytes: its size.
    """

    digest: str
    bytes: int


def receive_file(
    file: Path,
    expected: Expected,
    stream: Callable[[int], Iterator[bytes]],
    progress: Callable[[int, int], None] | None,
    seconds: float,
) -> Path:
    """Fetch a file from where an earlier call broke off, and return where it is.

    Args:
        file: its name.
        expected: what it must be.
        stream: yields its bytes from an offset on.
        progress: told bytes so far and bytes in all.
        seconds: for which nothing may come.

    Raises:
        ContentMismatch: the bytes are others; nothing is kept.
        WorldFault: the file cannot be written, or nothing came for too long.
    """
    part = file.with_name(file.name + _PART)
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        if _is_there(file, expected):
            return file
        with part.open("a+b") as out:
            _fill(stream, _Part(out, expected, progress), seconds)
        part.rename(file)
        _synced(file.parent)
    except ContentMismatch:
        part.unlink(missing_ok=True)
        raise
    except OSError as exc:
        raise WorldFault(f"`{file}` cannot be written: {exc.strerror}") from exc
    return file


class _Part:
    """What of a file is here."""

    def __init__(
        self, out: BinaryIO, content: Expected, progress: Callable[[int, int], None] | None
    ) -> None:
        self._out = out
        self._content = content
        self._progress = progress
        self._hashed = _hashed(out)
        self.have = out.tell()

    @property
    def whole(self) -> bool:
        """Whether nothing is missing, or there is too much."""
        return self.have >= self._content.bytes

    def take(self, chunks: Iterator[bytes]) -> None:
        """Write what comes, until it ends or is too much."""
        for chunk in chunks:
            self.have += len(chunk)
            self._hashed.update(chunk)
            self._out.write(chunk)
            if self._progress is not None:
                self._progress(self.have, self._content.bytes)
            if self.have > self._content.bytes:
                return

    def check(self) -> None:
        """Check the whole, and have it on the disk.

        Raises:
            ContentMismatch: it is not what the provider signed.
        """
        found = (self.have, self._hashed.hexdigest())
        if found != (self._content.bytes, self._content.digest):
            raise ContentMismatch("the bytes are not those that the provider signed")
        self._out.flush()
        os.fsync(self._out.fileno())


def _fill(stream: Callable[[int], Iterator[bytes]], part: _Part, seconds: float) -> None:
    """Fetch what is missing, as long as something comes now and then."""
    until = time.monotonic() + seconds
    while not part.whole:
        before = part.have
        try:
            part.take(stream(before))
        except _PASSING:
            if time.monotonic() >= until:
                raise
        if part.have > before:
            until = time.monotonic() + seconds
        elif time.monotonic() >= until:
            raise PeerUnreachable(
                "the provider sends nothing", hint="run the same command again to continue"
            )
        if not part.whole:
            time.sleep(_PAUSE_SECONDS)
    part.check()


def _hashed(file: BinaryIO) -> Any:
    """Return the hash of all that is in a file, and stay at its end."""
    file.seek(0)
    found = hashlib.sha256()
    while data := file.read(_READ):
        found.update(data)
    return found


def _is_there(file: Path, content: Expected) -> bool:
    """Return whether the file is there, from an earlier call; another of its name is refused.

    Raises:
        WorldFault: another file has that name.
    """
    if not file.exists():
        return False
    with file.open("rb") as found:
        if _hashed(found).hexdigest() == content.digest:
            return True
    raise WorldFault(f"`{file}` exists already, and is another file", hint="name another folder")


def _synced(folder: Path) -> None:
    """Have the name of a file on the disk."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
