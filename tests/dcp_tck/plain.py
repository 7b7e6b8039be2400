"""The port `Web` over plain HTTP on loopback, as the kit speaks it, and over nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final
from urllib.parse import urlsplit

import httpx

from connector.errors import AddressForbidden, MessageTooLarge, NotFound, PeerUnreachable
from connector.ports import Answer
from connector.ports.peers import NO_HEADERS

LOOPBACK: Final = frozenset({"localhost", "127.0.0.1"})
SECONDS: Final = 10.0


class PlainWeb:
    """Reads `https` as `http`, in addresses and in the DID documents that it fetches."""

    def __init__(self) -> None:
        self._client = httpx.Client(timeout=SECONDS, trust_env=False)

    def close(self) -> None:
        self._client.close()

    def get(self, url: str, *, limit: int = 1 << 20) -> bytes:
        answer = self.ask(url, limit=limit)
        if answer.status == 404:
            raise NotFound(f"nothing at `{url}`")
        if answer.status != 200:
            raise PeerUnreachable(f"`{url}` answers with status {answer.status}")
        if urlsplit(url).path.endswith("did.json"):  # the product reads endpoints of `https` alone
            return answer.body.replace(b'"http://', b'"https://')
        return answer.body

    def post(self, url: str, body: bytes, *, limit: int = 1 << 16) -> bytes:
        return self.ask(url, body, limit=limit).body

    def ask(
        self,
        url: str,
        body: bytes | None = None,
        *,
        headers: Mapping[str, str] = NO_HEADERS,
        limit: int = 1 << 20,
    ) -> Answer:
        parts = urlsplit(url)
        if parts.hostname not in LOOPBACK:
            raise AddressForbidden(f"`{parts.hostname}` is not on loopback")
        stated = {**headers, **({} if body is None else {"Content-Type": "application/json"})}
        method = "GET" if body is None else "POST"
        address = parts._replace(scheme="http").geturl()
        try:
            answer = self._client.request(method, address, content=body, headers=stated)
        except httpx.HTTPError as exc:
            raise PeerUnreachable(f"no answer from `{parts.netloc}`") from exc
        if len(answer.content) > limit:
            raise MessageTooLarge(f"`{parts.netloc}` sent more than {limit} bytes")
        return Answer(answer.status_code, answer.content, dict(answer.headers))
