"""The file that `preau backup` writes: a manifest, then parts, as an uncompressed tar.

Rules: the manifest comes first and names every part with its size and SHA-256; nothing else may be
in the file. A part is a plain file whose name is one of those that a home can have; links, devices,
sparse files and long headers are refused, and nothing is compressed, so that a small file cannot
grow. Everything is verified before anything is handed out. What parts mean is `backup.py`.
"""

from __future__ import annotations

import hashlib
import io
import json
import re
import shutil
import tarfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, BinaryIO, Final, TypeVar, get_origin, get_type_hints

from connector.errors import BackupInvalid

FORMAT: Final = 1
MANIFEST: Final = "manifest.json"
DATABASE: Final = "database.jsonl"
HOME: Final = "home/"
_BLOCK: Final = tarfile.BLOCKSIZE
_CHUNK: Final = 1 << 20  # bytes
_LARGEST_MANIFEST: Final = 16 << 20  # bytes
_STEP: Final = r"[A-Za-z0-9_][A-Za-z0-9._-]{0,40}"
_FOLDER: Final = r"[A-Za-z0-9_][A-Za-z0-9._-]{0,63}"  # of a job
_DIGEST: Final = r"[0-9a-f]{64}\.csv"
_NAME: Final = re.compile(
    rf"database\.jsonl|home/(preau\.toml|keys/({_STEP}/)?{_STEP}|profiles/{_STEP}|hierarchies/{_DIGEST}"
    rf"|jobs/{_FOLDER}/model\.(npz|(card|receipts)\.json))"
)

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Part:
    """One file within.

    Attributes:
        name: `database.jsonl`, or `home/` and the path below the home of a file that a home has.
        size: bytes.
        sha256: lower-case hex.
    """

    name: str
    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a backup says of itself.

    Attributes:
        format: of this file; see `FORMAT`.
        release: of the program that made it.
        made_at: UTC, `2026-11-24T15:00:00Z`; no change after it is in the backup.
        did: whose backup it is.
        home: folder of the node then.
        keys: whether `keys/` is in it.
        schema: revision of the database.
        rows: number of rows by table.
        log_size: entries of the audit log.
        log_root: RFC 6962 root of the log, hex.
        charges: rounds charged, by register of persons.
        parts: all that follows, in order.
    """

    format: int
    release: str
    made_at: str
    did: str
    home: str
    keys: bool
    schema: str
    rows: Mapping[str, int]
    log_size: int
    log_root: str
    charges: Mapping[str, int]
    parts: tuple[Part, ...]


class Writer:
    """Parts on their way into a backup; the manifest, which stands before them, is made last."""

    def __init__(self, spool: BinaryIO) -> None:
        """Begin.

        Args:
            spool: empty; holds the parts until the manifest is known.
        """
        self._spool = spool
        self._parts: list[Part] = []

    def add(self, name: str, fill: Callable[[BinaryIO], T]) -> T:
        """Add a part that `fill` writes, and return what `fill` does.

        Raises:
            BackupInvalid: a name that no part may have.
        """
        if not is_name(name):
            raise BackupInvalid(f"`{name}` has a name that a backup cannot hold")
        start = self._spool.tell()
        self._spool.write(bytes(_BLOCK))
        part = _Part(self._spool)
        buffered = io.BufferedWriter(part, _CHUNK)
        result = fill(buffered)
        buffered.flush()
        self._spool.write(_padding(part.size))
        end = self._spool.tell()
        self._spool.seek(start)
        self._spool.write(_header(name, part.size))
        self._spool.seek(end)
        self._parts.append(Part(name, part.size, part.digest.hexdigest()))
        return result

    def finish(self, out: BinaryIO, **stated: Any) -> Manifest:
        """Write the whole file and return its manifest; `stated` are its other members."""
        manifest = Manifest(format=FORMAT, parts=tuple(self._parts), **stated)
        text = json.dumps(asdict(manifest), ensure_ascii=False, indent=1).encode()
        out.write(_header(MANIFEST, len(text)) + text + _padding(len(text)))
        self._spool.seek(0)
        shutil.copyfileobj(self._spool, out, _CHUNK)
        out.write(bytes(2 * _BLOCK))
        return manifest


class _Part(io.RawIOBase):
    """Bytes on their way into the spool, counted and hashed."""

    def __init__(self, spool: BinaryIO) -> None:
        self._spool = spool
        self.size = 0
        self.digest = hashlib.sha256()

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self.digest.update(data)
        self.size += len(data)
        return self._spool.write(data)


def is_name(name: str) -> bool:
    """Return whether a part may have this name."""
    return _NAME.fullmatch(name) is not None


class Archive:
    """A backup file that was verified from its first byte to its last."""

    def __init__(self, file: BinaryIO) -> None:
        """Read the manifest and compare every part with it.

        Raises:
            BackupInvalid: it is not the file that it states, byte for byte.
        """
        self._file = file
        size = _entered(file, MANIFEST, _LARGEST_MANIFEST)
        self.manifest = _manifest(b"".join(_chunks(file, size)))
        self._at: dict[Part, int] = {}
        for part in self.manifest.parts:
            if _entered(file, part.name, part.size) != part.size:
                raise BackupInvalid(f"part `{part.name}` does not have the stated size")
            self._at[part] = file.tell()
            digest = hashlib.sha256()
            for chunk in _chunks(file, part.size):
                digest.update(chunk)
            if digest.hexdigest() != part.sha256:
                raise BackupInvalid(f"part `{part.name}` is damaged")
        if file.read(2 * _BLOCK + 1) != bytes(2 * _BLOCK):
            raise BackupInvalid("there is data after its last part, or its end is missing")

    def content(self, part: Part) -> BinaryIO:
        """Return the bytes of a part; one part is read at a time."""
        self._file.seek(self._at[part])
        return io.BufferedReader(_Window(self._file, part.size))


class _Window(io.RawIOBase):
    """The next bytes of a file, as a file of its own."""

    def __init__(self, file: BinaryIO, size: int) -> None:
        self._file = file
        self._left = size

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = self._file.read(min(len(buffer), self._left))
        buffer[: len(data)] = data
        self._left -= len(data)
        return len(data)


@contextmanager
def opened(file: Path) -> Iterator[Archive]:
    """Open and verify a backup.

    Raises:
        BackupInvalid: it cannot be read, or is not the file that it states; each names the file,
            those too that the reader of its parts raises.
    """
    try:
        handle = file.open("rb")
    except OSError as exc:
        raise BackupInvalid(f"`{file}` cannot be read: {exc.strerror}") from exc
    with handle:
        try:
            yield Archive(handle)
        except BackupInvalid as exc:
            raise BackupInvalid(f"`{file}`: {exc.reason}", hint=exc.hint) from exc


def _header(name: str, size: int) -> bytes:
    info = tarfile.TarInfo(name)
    info.size, info.mode = size, 0o600
    return info.tobuf(tarfile.GNU_FORMAT)  # sizes past 8 GiB


def _padding(size: int) -> bytes:
    return bytes(-size % _BLOCK)


def _entered(file: BinaryIO, name: str, most: int) -> int:
    """Read a header that must be of a plain file of this name; return its size in bytes."""
    try:
        info = tarfile.TarInfo.frombuf(file.read(_BLOCK), "ascii", "strict")
    except (tarfile.HeaderError, ValueError) as exc:
        raise BackupInvalid("it is truncated, or is not a backup") from exc
    if info.type != tarfile.REGTYPE or info.name != name or not 0 <= info.size <= most:
        raise BackupInvalid(f"`{name}` was expected and something else was found")
    return info.size


def _chunks(file: BinaryIO, size: int) -> Iterator[bytes]:
    left = size
    while left:
        chunk = file.read(min(left, _CHUNK))
        if not chunk:
            raise BackupInvalid("it is truncated")
        left -= len(chunk)
        yield chunk
    if file.read(len(_padding(size))) != _padding(size):
        raise BackupInvalid("it is truncated, or holds more than it states")


def _manifest(data: bytes) -> Manifest:
    try:
        raw = json.loads(data)
        if not isinstance(raw, dict) or raw.get("format") != FORMAT:
            raise BackupInvalid("its format is not one that this release reads")
        parts = tuple(_built(Part, each) for each in raw.pop("parts"))
        manifest = _built(Manifest, {**raw, "parts": parts})
    except (ValueError, TypeError, KeyError, RecursionError) as exc:
        raise BackupInvalid("its manifest cannot be read") from exc
    names = [part.name for part in parts]
    if len(set(names)) != len(names) or not all(map(is_name, names)) or DATABASE not in names:
        raise BackupInvalid("its manifest names parts that no backup has")
    return manifest


def _built(kind: type[T], raw: Mapping[str, Any]) -> T:
    hints = get_type_hints(kind)
    if set(raw) != set(hints) or not all(_fits(hints[name], raw[name]) for name in raw):
        raise TypeError
    return kind(**raw)


def _fits(hint: Any, value: Any) -> bool:
    if hint is int:
        return type(value) is int and value >= 0
    if get_origin(hint) is Mapping:
        return isinstance(value, dict) and all(_fits(int, each) for each in value.values())
    return isinstance(value, get_origin(hint) or hint)
