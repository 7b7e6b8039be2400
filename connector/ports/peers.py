"""Peers: documents over HTTPS, calls and streams over gRPC."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, Protocol

from connector.domain.federation.frames import Hello, LeadFrame, SiteFrame
from connector.domain.participant import Participant


class Web(Protocol):
    """Guarded HTTPS client for peer-supplied addresses."""

    def get(self, url: str, *, limit: int = 1 << 20) -> bytes:
        """Fetch a document: HTTPS only, no redirect, bounded in time and size.

        Raises:
            AddressForbidden: the address is not one that this node may fetch.
            PeerUnreachable: no answer, or not 200.
            MessageTooLarge: more than `limit` bytes.
        """

    def post(self, url: str, body: bytes, *, limit: int = 1 << 16) -> bytes:
        """As `get`, posting a JSON body."""


class Mail(Protocol):
    """E-mail to the addresses of this node's own institution."""

    def send(self, subject: str, text: str, at: datetime) -> None:
        """Send one message, dated UTC.

        Raises:
            WorldFault: the server does not take it.
            KeyUnusable: its password cannot be read.
        """


class PeerWire(Protocol):
    """Calls to peers over gRPC. Kinds and bodies are those of `connector/protocol/messages.py`."""

    def call(
        self,
        peer: Participant,
        kind: str,
        body: Mapping[str, Any],
        *,
        seconds: float = 10.0,
        carries: bool = False,
    ) -> Mapping[str, Any]:
        """Send one message, with a token made for it, and return the answer.

        Where it `carries`, the peer's next message may come with it.

        Raises:
            PeerUnreachable: no answer within `seconds`.
            TooManyRequests: the answer carries more than the peer may send.
            PreauError: the refusal that the peer answered with, by its code.
        """

    def participate(self, lead: Participant, hello: Hello) -> SiteStream:
        """Open the stream of a federated job, as its site.

        Raises:
            PeerUnreachable: the lead does not answer.
            PreauError: the lead refused.
        """

    def fetch(self, provider: Participant, pid: str, offset: int) -> Iterator[bytes]:
        """Fetch the bytes of a transfer, by the provider's pid, as they come.

        Raises:
            PeerUnreachable: the provider does not answer, or broke off.
            PreauError: the provider refused, or stopped.
        """


class Flight(Protocol):
    """Data over Arrow Flight, in processes of their own."""

    def offer(self) -> str:
        """Have extracts served; return `host:port` of it, empty where none is served now."""

    def fetch(
        self, provider: Participant, address: str, token: str, offset: int
    ) -> Iterator[bytes]:
        """Fetch the bytes of a file from an offset on, as they come.

        Args:
            provider: whose certificate is believed.
            address: `host:port`, as the provider said.
            token: the same.
            offset: bytes that are here.

        Raises:
            PeerUnreachable: the provider does not answer there, or broke off.
            AddressForbidden: the address is not one that this node calls.
            WorkerFailed: the process that fetches did not start.
            PreauError: the provider refused, or stopped.
        """


class SiteStream(Protocol):
    """A site's end of a job's stream."""

    def receive(self, seconds: float) -> LeadFrame | None:
        """Return the next frame, or None when none came within `seconds`.

        Raises:
            PeerUnreachable: the stream broke.
        """

    def send(self, frame: SiteFrame) -> None:
        """Send a frame.

        Raises:
            PeerUnreachable: the stream is broken.
        """

    def close(self) -> None:
        """End the stream."""
