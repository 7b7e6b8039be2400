"""The port `PeerWire`: over gRPC between Préau nodes, over HTTPS with peers of any make."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from typing import Any, Final

from connector.domain.federation.frames import Hello
from connector.domain.participant import Participant
from connector.errors import PeerUnreachable
from connector.peer.client import GrpcWire
from connector.peer.dsp.wire import DspWire
from connector.peer.healing import Healing
from connector.ports import SiteStream

LEAST_SECONDS: Final = 1.0  # what a repeated call gets at least
STREAM_SECONDS: Final = 10.0  # how long opening a stream waits for an introduction


class Wires:
    """`ports.PeerWire` over both; a process stays with the one that it was opened by."""

    def __init__(self, grpc: GrpcWire, healing: Healing) -> None:
        """Prepare; nothing goes over HTTPS before `over_https`.

        Args:
            grpc: to peers that have it.
            healing: mends what stands between this node and those.
        """
        self._grpc = grpc
        self._healing = healing
        self._https: DspWire | None = None

    def over_https(self, wire: DspWire) -> None:
        """Speak the Dataspace Protocol too, from now on."""
        self._https = wire

    def call(
        self,
        peer: Participant,
        kind: str,
        body: Mapping[str, Any],
        *,
        seconds: float = 10.0,
        carries: bool = False,
        address: str = "",
    ) -> Mapping[str, Any]:
        """Send one message, and return the answer; see `ports.PeerWire`.

        Raises:
            PreauError: as the wire's own; the first failure when nothing could be healed.
        """
        if address or not peer.grpc_endpoint:
            return self._over_https(peer).call(peer, kind, body, seconds=seconds, address=address)
        until = time.monotonic() + seconds

        def attempt(whom: Participant) -> Mapping[str, Any]:
            left = min(max(until - time.monotonic(), LEAST_SECONDS), seconds)
            return self._grpc.call(whom, kind, body, seconds=left, carries=carries)

        return self._healing.mended(peer, attempt, until)

    def participate(self, lead: Participant, hello: Hello) -> SiteStream:
        """Open the stream of a federated job; see `ports.PeerWire`.

        Raises:
            PreauError: as the wire's own; the first failure when nothing could be healed.
        """
        _check_endpoint(lead)
        until = time.monotonic() + STREAM_SECONDS
        return self._healing.mended(lead, lambda whom: self._grpc.participate(whom, hello), until)

    def fetch(self, provider: Participant, pid: str, offset: int) -> Iterator[bytes]:
        """Fetch the bytes of a transfer from an offset on; see `ports.PeerWire`.

        Raises:
            PreauError: as the wire's own; the first failure when nothing could be healed.
        """
        _check_endpoint(provider)
        until = time.monotonic() + STREAM_SECONDS
        return self._healing.mended(
            provider, lambda whom: self._grpc.fetch(whom, pid, offset), until
        )

    def _over_https(self, peer: Participant) -> DspWire:
        if self._https is None:
            raise PeerUnreachable(
                f"`{peer.did}` can only be reached over HTTPS, where this node offers no "
                "Dataspace Protocol",
                hint="state `dsp_path` in preau.toml",
            )
        return self._https


def _check_endpoint(peer: Participant) -> None:
    if not peer.grpc_endpoint:
        raise PeerUnreachable(f"`{peer.did}` names no gRPC endpoint")
