"""Composes a node of the product in front of the kit: what is replaced, and what is not.

`wiring.build` makes the node. Replaced are: the client of other hosts, which knows only https and
hosts that are no loopback; TLS of the server; who judges callers; how the callback of a process is
judged; and, while a message of the kit is taken in, what would be answered to it (`playing.py`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Final
from unittest.mock import patch
from urllib.parse import urlsplit

import httpx
from starlette.routing import Route

from connector.bootstrap import dataspace, home, wiring
from connector.bootstrap.node import Node
from connector.config import Settings
from connector.domain.participant import Participant
from connector.errors import AddressForbidden, PeerUnreachable
from connector.identity import did as dids
from connector.peer import face as faces
from connector.peer.connections import relay
from connector.peer.connections.relay import Relay
from connector.peer.dsp.callers import Callers, Connection
from connector.peer.dsp.face import DspFace
from connector.peer.limits.shares import Shares
from connector.peer.web.server import HttpsServer
from connector.ports import Answer, Ports
from connector.ports.peers import NO_HEADERS
from connector.services.credentials.authenticating import Judged
from connector.serving.lean import Config
from connector.serving.server import configured
from tests.dcp_tck.plain import LOOPBACK, PlainWeb
from tests.tck.playing import Player
from tests.tck.scripts import KIT_DID

PATH: Final = "/dsp/2025-1"
_MANY: Final = 100_000  # of whatever the product bounds by participant: the kit is one


def check_loopback(url: str) -> None:
    """Check that an address is one of this machine.

    Raises:
        AddressForbidden: it is not.
    """
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or parts.hostname not in LOOPBACK:
        raise AddressForbidden("only addresses of loopback are called, by http or https")


class KitWeb(PlainWeb):
    """Takes an answer of the kit as it stands: some versions of it end none that has no body."""

    def ask(
        self,
        url: str,
        body: bytes | None = None,
        *,
        headers: Mapping[str, str] = NO_HEADERS,
        limit: int = 1 << 20,
    ) -> Answer:
        check_loopback(url)
        method, stated = "GET" if body is None else "POST", {"Content-Type": "application/json"}
        said = {**headers, **stated}
        content = b""
        try:
            with self._client.stream(method, url, content=body, headers=said) as answer:
                with suppress(httpx.HTTPError):
                    content = answer.read()[:limit]
                return Answer(answer.status_code, content, dict(answer.headers))
        except httpx.HTTPError as exc:
            raise PeerUnreachable(f"the kit does not answer: {type(exc).__name__}") from exc


class PlainServer(HttpsServer):
    """The server of the product without TLS; the relay in front of it listens on loopback."""

    def _configured(self) -> Config:
        return configured(self._app)


class AnyToken:
    """`Callers`: whatever a caller shows, it is the kit."""

    def __init__(self, ports: Ports) -> None:
        self._ports = ports

    def judge(self, authorization: str, connection: Connection) -> Judged:
        del authorization, connection
        with self._ports.store.read() as tx:
            found = tx.participants.get(KIT_DID)
        assert found is not None
        return Judged(found)

    def header(self, address: str, peer: Participant) -> str:
        del address, peer
        return "Bearer any"


def settings_of(folder: Path, port: int) -> Settings:
    """Return the settings of a node that listens on a port of loopback, made in a folder."""
    return Settings(
        home=folder,
        did=dids.from_host("localhost", port),
        name="Under test",
        https_listen=f"127.0.0.1:{port}",
        grpc_listen="127.0.0.1:0",
        space="did:web:authority.example",
        trusted_issuers=("did:web:authority.example",),
        dsp_path=PATH,
        dsp_requests_per_minute=_MANY,
        max_negotiations_per_peer=_MANY,
        max_transfers_per_peer=_MANY,
    )


def root(settings: Settings) -> str:
    """Return the address at which a node is reached, without TLS."""
    return dids.origin(settings.did).replace("https://", "http://")


@contextmanager
def composed(settings: Settings, player: Player) -> Iterator[Node]:
    """Make home and node; it is not started. What is replaced is so until the end of the block."""
    web = KitWeb()

    def base(of: Settings) -> str:
        return root(of) + PATH

    def routes(ports: Ports, callers: Callers, door: Relay, shares: Shares) -> list[Route]:
        found = DspFace(
            ports,
            callers,
            player.received,
            how=dataspace.policies(ports),
            base=base(ports.settings),
            shares=shares,
            origin=door.origin_of,
            proven=door.proven,
            reachable=check_loopback,
        )
        return found.routes()

    home.create(settings)
    with ExitStack() as stack:
        stack.callback(web.close)
        for replaced in (
            patch.object(wiring.GuardedWeb, "of", lambda *_args, **_how: web),
            patch.object(faces, "HttpsServer", PlainServer),
            patch.object(relay, "_tls_record", bool),
            patch.object(dataspace, "base", base),
            patch.object(dataspace, "routes", routes),
            *player.replacing(),
        ):
            stack.enter_context(replaced)
        yield wiring.build(settings, AnyToken)
