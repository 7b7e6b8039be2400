"""Open data of any node, read over HTTPS without a node of one's own and without a contract.

Rules: the file gets its name once it is whole and is what the node said; beside it stands what was
said of it: licence, attribution, plan and source. Bytes are fetched from where the entry was only.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final, TypeVar
from urllib.parse import urlsplit

import httpx

from connector.errors import (
    BY_CODE,
    Malformed,
    NotFound,
    PeerUnreachable,
    PreauError,
    TooManyRequests,
    TooManyStreams,
    WorldFault,
    from_code,
)
from connector.jsonld.canonical import parse_object
from connector.sdk import receiving
from connector.sdk.receiving import Expected

T = TypeVar("T")

_SECONDS: Final = 60.0
_MOST_ENTRY: Final = 1 << 20  # bytes
_CHUNK: Final = 1 << 18  # bytes
_PAUSES: Final = (0.5, 5.0)  # seconds: least and most between two tries


@dataclass(frozen=True, slots=True)
class OpenFile:
    """Open data as they were read.

    Attributes:
        path: of the file.
        entry: what the node said of it, as parsed; it stands beside the file, too.
    """

    path: Path
    entry: dict[str, Any]

    @property
    def licence(self) -> str:
        """IRI of the licence."""
        return str(self.entry["dct:license"]["@id"])

    @property
    def attribution(self) -> str:
        """What is to be named as the source."""
        return str(self.entry["cc:attributionName"])


def get_open(
    url: str,
    out: Path | str,
    *,
    format: str = "",  # noqa: A002 - the word of contracts
    transport: httpx.BaseTransport | None = None,
    progress: Callable[[int, int], None] | None = None,
    seconds: float = _SECONDS,
) -> OpenFile:
    """Fetch open data into a folder, from where an earlier call broke off.

    Args:
        url: of the entry: `https://HOST/open/DATASET`.
        out: folder.
        format: `csv`, `parquet`, `jsonl` or `arrow`; empty for what the node prefers.
        transport: of HTTP; none for one that trusts the roots of this machine.
        progress: told bytes so far and bytes in all.
        seconds: for which the node may be silent.

    Raises:
        NotFound: nothing is open there, or not in that format.
        Malformed: what it says of itself cannot be read.
        ContentMismatch: the bytes are not those that the node said; nothing is kept.
        PeerUnreachable: the node does not answer.
        WorldFault: the file cannot be written.
    """
    if urlsplit(url).scheme != "https":
        raise Malformed(
            f"`{url}` is not an address of open data", hint="such an address begins with `https://`"
        )
    folder = Path(out)
    headers = {"Accept-Encoding": "identity"}  # the digest is of the bytes as they are
    with httpx.Client(transport=transport, timeout=seconds, headers=headers) as http:
        address, name = _address(_entry(http, url, seconds), url, format)
        size, digest = _patiently(partial(_head, http, address), seconds)
        file = folder / f"{digest[:16]}.{name}"
        expected = Expected(digest, size)
        receiving.receive_file(file, expected, partial(_bytes, http, address), progress, seconds)
        said = _entry(http, url, seconds)  # now with the signature under the digest
    return OpenFile(file, _noted(file, said))


def _entry(http: httpx.Client, url: str, seconds: float) -> tuple[bytes, dict[str, Any]]:
    def asked() -> tuple[bytes, dict[str, Any]]:
        with _answered(http, "GET", url) as answer:
            data = b""
            for chunk in answer.iter_raw(_CHUNK):
                data += chunk
                if len(data) > _MOST_ENTRY:
                    raise Malformed(f"the description of the data at `{url}` is too long")
        return data, parse_object(data, limit=_MOST_ENTRY)

    return _patiently(asked, seconds)


def _address(said: tuple[bytes, dict[str, Any]], url: str, wanted: str) -> tuple[str, str]:
    """Return where the bytes are, and their format."""
    try:
        found = {
            str(each["dct:format"]): str(each["dcat:downloadURL"]["@id"])
            for each in said[1]["dcat:distribution"]
        }
        name = wanted or next(iter(found))
        licence, attribution = said[1]["dct:license"]["@id"], said[1]["cc:attributionName"]
    except (KeyError, TypeError, StopIteration) as exc:
        raise Malformed(f"`{url}` is not a description of open data") from exc
    if name not in receiving.FORMATS or name not in found:
        raise NotFound(f"`{url}` has no file of format `{name}`")
    if urlsplit(found[name])[:2] != urlsplit(url)[:2] or not (licence and attribution):
        raise Malformed(f"`{url}` names a file on another server, or states no licence")
    return found[name], name


def _head(http: httpx.Client, address: str) -> tuple[int, str]:
    with _answered(http, "HEAD", address) as answer:
        digest = answer.headers.get("etag", "").strip('"')
        size = answer.headers.get("content-length", "")
    if not (len(digest) == 64 and set(digest) <= set("0123456789abcdef") and size.isdecimal()):  # noqa: PLR2004 - hex digits of SHA-256
        raise Malformed(f"`{address}` does not state the size and the digest of its file")
    return int(size), digest


def _bytes(http: httpx.Client, address: str, offset: int) -> Iterator[bytes]:
    headers = {"Range": f"bytes={offset}-"} if offset else {}
    with _answered(http, "GET", address, headers) as answer:
        if offset and answer.status_code != httpx.codes.PARTIAL_CONTENT:
            raise PeerUnreachable(f"`{address}` does not resume an interrupted transfer")
        try:
            yield from answer.iter_raw(_CHUNK)
        except httpx.HTTPError as exc:
            raise PeerUnreachable(f"`{address}` closed the connection too early") from exc


@contextmanager
def _answered(
    http: httpx.Client, method: str, url: str, headers: dict[str, str] | None = None
) -> Iterator[httpx.Response]:
    try:
        with http.stream(method, url, headers=headers) as answer:
            if not answer.is_success:
                raise _refusal(url, answer)
            yield answer
    except httpx.HTTPError as exc:
        raise PeerUnreachable(f"`{url}` does not answer") from exc


def _refusal(url: str, answer: httpx.Response) -> PreauError:
    wait = answer.headers.get("retry-after", "")
    if answer.status_code == httpx.codes.TOO_MANY_REQUESTS:
        return TooManyRequests(f"`{url}` is not ready", retry_after=float(wait or 1))
    if answer.status_code == httpx.codes.NOT_FOUND:
        return NotFound(f"there are no open data at `{url}`")
    try:
        answer.read()
        said = parse_object(answer.content, limit=_MOST_ENTRY)
    except (httpx.HTTPError, Malformed):
        said = {}
    code, detail = said.get("code"), said.get("detail")
    if isinstance(code, str) and code in BY_CODE and isinstance(detail, str):
        return from_code(code, f"`{url}` refused: {detail[:300]}")
    return PeerUnreachable(f"`{url}` answers with status {answer.status_code}")


def _patiently(ask: Callable[[], T], seconds: float) -> T:
    """Ask until the node is ready to answer."""
    until, (least, most) = time.monotonic() + seconds, _PAUSES
    while True:
        try:
            return ask()
        except (TooManyRequests, TooManyStreams) as exc:
            if time.monotonic() >= until:
                raise
            time.sleep(min(max(exc.retry_after, least), most))


def _noted(file: Path, said: tuple[bytes, dict[str, Any]]) -> dict[str, Any]:
    data, found = said
    note = file.with_name(f"{file.name}.about.json")
    try:
        note.write_bytes(data)
    except OSError as exc:
        raise WorldFault(f"`{note}` cannot be written: {exc.strerror}") from exc
    return found
