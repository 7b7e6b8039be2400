"""Files of an HTTPS server, beneath one address."""

from __future__ import annotations

import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Final
from urllib.parse import quote

import httpx

from connector.errors import ConfigurationInvalid, DataFileMissing, DataFileUnreadable
from connector.sources.remote.fetching import Remote

_SECONDS: Final = 30.0  # of silence
_CHUNK: Final = 1 << 20  # bytes
_REFUSED: Final = (401, 403)


@contextmanager
def opened(options: Mapping[str, str], secret: str, path: str) -> Iterator[Remote]:
    """Open a file.

    Args:
        options: `url`, and `roots` where the server's certificate is of others than the system's.
        secret: bearer token; empty for none.
        path: beneath the address.

    Raises:
        DataFileMissing: the server does not answer, or has no such file.
        ConfigurationInvalid: it refuses the token.
        DataFileUnreadable: it answers something else.
    """
    address = f"{options['url'].removesuffix('/')}/{quote(path)}"
    headers = {"Accept-Encoding": "identity"}
    headers |= {"Authorization": f"Bearer {secret}"} if secret else {}
    context = ssl.create_default_context(cafile=options.get("roots"))
    try:
        with (
            httpx.Client(verify=context, timeout=_SECONDS, trust_env=False) as client,
            client.stream("GET", address, headers=headers) as answer,
        ):
            _check(answer)
            mark = answer.headers.get("etag") or answer.headers.get("last-modified", "")
            size = answer.headers.get("content-length", "")
            chunks = answer.iter_raw(_CHUNK)
            yield Remote(int(size) if size.isdecimal() else -1, mark, chunks)
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
