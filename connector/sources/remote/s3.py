"""Objects of an S3-compatible store, beneath a bucket and prefix: fsspec over Arrow's client."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final
from urllib.parse import urlsplit

from fsspec import AbstractFileSystem
from fsspec.implementations.arrow import ArrowFile, ArrowFSWrapper
from pyarrow import fs

from connector.errors import ConfigurationInvalid, DataFileMissing, DataFileUnreadable

_SECONDS: Final = 30.0
_PARTS: Final = 2  # of the secret: the name of a key, and the key
_REFUSED: Final = ("ACCESS_DENIED", "SIGNATURE_DOES_NOT_MATCH", "INVALID_ACCESS_KEY_ID", "403")


def files(options: Mapping[str, str], secret: str) -> AbstractFileSystem:
    """Return the file system.

    Args:
        options: `bucket`, and maybe `endpoint`, `region`, `prefix`, `roots`.
        secret: name of a key, a blank or line break, and the key; empty for public objects.

    Raises:
        ConfigurationInvalid: the secret is none.
    """
    parts = secret.split()
    if secret and len(parts) != _PARTS:
        raise ConfigurationInvalid(
            "the secret of the connection must be the name of a key and the key"
        )
    keys = dict(zip(("access_key", "secret_key"), parts, strict=True)) if parts else {}
    store = fs.S3FileSystem(
        **keys,
        anonymous=not parts,
        region=options.get("region", "us-east-1"),
        scheme="https",
        endpoint_override=urlsplit(options.get("endpoint", "")).netloc or None,
        tls_ca_file_path=options.get("roots"),
        connect_timeout=_SECONDS,
        request_timeout=_SECONDS,
        retry_strategy=fs.AwsStandardS3RetryStrategy(max_attempts=2),
    )
    return _Files(
        store, "/".join(filter(None, (options["bucket"], options.get("prefix", "").strip("/"))))
    )


class _Files(ArrowFSWrapper):  # type: ignore[misc]  # it ships no types
    """Objects beneath a bucket and prefix."""

    cachable = False  # no instance outlives its use

    def __init__(self, store: fs.S3FileSystem, beneath: str) -> None:
        super().__init__(store)
        self._beneath = beneath

    @classmethod
    def _strip_protocol(cls, path: str) -> str:
        return path  # it is beneath the prefix, and never an address

    def _open(self, path: str, mode: str = "rb", **_: Any) -> ArrowFile:
        """Open an object.

        Raises:
            DataFileMissing: there is no such object.
            ConfigurationInvalid: the store refuses the key.
            DataFileUnreadable: the store does not answer.
        """
        with _translated():
            return _Object(self, self.fs.open_input_file(f"{self._beneath}/{path}"), path, mode)


class _Object(ArrowFile):  # type: ignore[misc]  # same
    @property
    def mark(self) -> str:
        with _translated():
            found: bytes = (self.stream.metadata() or {}).get("ETag", b"")
        return found.decode("ascii", "replace")

    def read(self, size: int = -1) -> bytes:
        with _translated():
            return bytes(self.stream.read(size))


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except FileNotFoundError:
        raise DataFileMissing("the store has no such object") from None
    except OSError as exc:
        if any(each in str(exc) for each in _REFUSED):
            raise ConfigurationInvalid("the store refuses the connection's secret") from None
        raise DataFileUnreadable("the store does not answer over TLS, or stopped") from None
