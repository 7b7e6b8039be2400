"""The port `PeerWire`: over gRPC between Préau nodes, over HTTPS with peers of any make."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Protocol

from connector.domain.federation.frames import Hello
from connector.domain.participant import Participant
from connector.errors import PeerUnreachable
from connector.peer.dsp.wire import DspWire
from connector.ports import SiteStream


class Calls(Protocol):
    """Calls over gRPC, see `ports.PeerWire`."""

    def call(
        self,
        peer: Participant,
        kind: str,
        body: Mapping[str, Any],
        *,
        seconds: float = 10.0,
        carries: bool = False,
    ) -> Mapping[str, Any]:
        """Send one message, and return the answer."""
        ...

    def participate(self, lead: Participant, hello: Hello) -> SiteStream:
        """Open the stream of a federated job."""
        ...

    def fetch(self, provider: Participant, pid: str, offset: int) -> Iterator[bytes]:
        """Fetch the bytes of a transfer."""
        ...


class Wires:
    """`ports.PeerWire` over both; a process stays with the one that it was opened by."""

    def __init__(self, grpc: Calls) -> None:
        """Prepare; nothing goes over HTTPS before `over_https`."""
        self._grpc = grpc
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
            PreauError: as the wire's own.
        """
        if not address and peer.grpc_endpoint:
            return self._grpc.call(peer, kind, body, seconds=seconds, carries=carries)
        if self._https is None:
            raise PeerUnreachable(
                f"`{peer.did}` is reached over HTTPS, where this node does not speak",
                hint="state `dsp_path` in preau.toml",
            )
        return self._https.call(peer, kind, body, seconds=seconds, address=address)

    def participate(self, lead: Participant, hello: Hello) -> SiteStream:
        """Open the stream of a federated job; see `ports.PeerWire`.

        Raises:
            PreauError: as the wire's own.
        """
        return self._between(lead).participate(lead, hello)

    def fetch(self, provider: Participant, pid: str, offset: int) -> Iterator[bytes]:
        """Fetch the bytes of a transfer from an offset on; see `ports.PeerWire`.

        Raises:
            PreauError: as the wire's own.
        """
        return self._between(provider).fetch(provider, pid, offset)

    def _between(self, peer: Participant) -> Calls:
        if not peer.grpc_endpoint:
            raise PeerUnreachable(f"`{peer.did}` names no gRPC endpoint")
        return self._grpc
