"""Files of an HTTPS server, beneath one address, as a file system of fsspec.

fsspec's own follows redirects, asks a server three times for one file, and brings aiohttp.
"""

from __future__ import annotations

import io
import ssl
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any, Final
from urllib.parse import quote

import httpx
from fsspec import AbstractFileSystem

from connector.errors import ConfigurationInvalid, DataFileMissing, DataFileUnreadable

_SECONDS: Final = 30.0  # of silence
_CHUNK: Final = 1 << 20  # bytes
_REFUSED: Final = (401, 403)


def files(options: Mapping[str, str], secret: str) -> AbstractFileSystem:
    """Return the file system.

    Args:
        options: `url`, and `roots` where the server's certificate is of others than the system's.
        secret: bearer token; empty for none.
    """
    return _Files(options, secret)


class _Files(AbstractFileSystem):  # type: ignore[misc]  # it ships no types
    """Each file is one GET; nothing is listed or written."""

    protocol = "https"
    cachable = False  # fsspec would keep instances by their arguments: by the secret

    def __init__(self, options: Mapping[str, str], secret: str) -> None:
        super().__init__()
        self._root = options["url"].removesuffix("/")
        self._headers = {"Accept-Encoding": "identity"}
        self._headers |= {"Authorization": f"Bearer {secret}"} if secret else {}
        self._tls = ssl.create_default_context(cafile=options.get("roots"))

    @classmethod
    def _strip_protocol(cls, path: str) -> str:
        return path  # it is beneath the address, and never one itself

    def _open(self, path: str, mode: str = "rb", **_: Any) -> io.RawIOBase:
        """Open a file.

        Raises:
            DataFileMissing: the server does not answer, or has no such file.
            ConfigurationInvalid: it refuses the token.
            DataFileUnreadable: it answers something else.
        """
        del mode
        with ExitStack() as held, _translated():
            client = held.enter_context(
                httpx.Client(verify=self._tls, timeout=_SECONDS, trust_env=False)
            )
            address = f"{self._root}/{quote(path)}"
            answer = held.enter_context(client.stream("GET", address, headers=self._headers))
            _check(answer)
            return _File(answer, held.pop_all())


class _File(io.RawIOBase):
    """The body of an answer.

    Attributes:
        size: bytes that the server states; None where it states none.
        mark: what it states of the version; empty where it states none.
    """

    def __init__(self, answer: httpx.Response, held: ExitStack) -> None:
        super().__init__()
        self._held = held
        size = answer.headers.get("content-length", "")
        self.size = int(size) if size.isdecimal() else None
        self.mark = answer.headers.get("etag") or answer.headers.get("last-modified", "")
        self._chunks = answer.iter_raw(_CHUNK)
        self._left = b""

    def readable(self) -> bool:
        return True

    def readinto(self, into: Any) -> int:
        with _translated():
            self._left = self._left or next(self._chunks, b"")
        found = self._left[: len(into)]
        into[: len(found)] = found
        self._left = self._left[len(found) :]
        return len(found)

    def close(self) -> None:
        self._held.close()
        super().close()


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except httpx.HTTPError:
        raise DataFileMissing("the server does not answer over TLS, or stopped") from None


def _check(answer: httpx.Response) -> None:
    status = answer.status_code
    if (
        status == httpx.codes.OK
        and answer.headers.get("content-encoding", "identity") == "identity"
    ):
        return
    if status in _REFUSED:
        raise ConfigurationInvalid("the server refuses the connection's secret")
    if status in (httpx.codes.NOT_FOUND, httpx.codes.GONE):
        raise DataFileMissing("the server has no such file")
    what = "leads elsewhere" if answer.is_redirect else f"answers with status {status}"
    raise DataFileUnreadable(f"the server {what}")
