"""Peers: documents and messages over HTTPS, calls and streams over gRPC."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import Any, Final, Protocol

from connector.domain.federation.frames import Hello, LeadFrame, SiteFrame
from connector.domain.participant import Participant

NO_HEADERS: Final[Mapping[str, str]] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Answer:
    """What an address answered, whatever its status.

    Attributes:
        status: of HTTP; never a redirect.
        body: exact bytes.
        headers: by name in lower case; of a name that comes several times, joined by commas.
    """

    status: int
    body: bytes = field(repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)


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

    def ask(
        self,
        url: str,
        body: bytes | None = None,
        *,
        headers: Mapping[str, str] = NO_HEADERS,
        limit: int = 1 << 20,
    ) -> Answer:
        """Send a request, and return the answer of whatever status.

        Args:
            url: of the peer.
            body: to post, JSON where `headers` name no `Content-Type`; None to get.
            headers: beside those of every request; what they hold is never logged.
            limit: most bytes of the answer's body.

        Raises:
            AddressForbidden: the address is not one that this node calls, or it redirects.
            PeerUnreachable: no answer.
            MessageTooLarge: the answer's body is longer.
            Malformed: a header cannot be sent.
        """

    def fetch(self, url: str, token: str, offset: int) -> Iterator[bytes]:
        """Fetch the bytes of a file from an offset on, as they come.

        Args:
            url: of the peer.
            token: bearer token.
            offset: bytes that are here already.

        Raises:
            AddressForbidden: the address is not one that this node calls, or it redirects.
            PeerUnreachable: no answer, another status than of success, or nothing came for too
                long.
            Malformed: the token cannot be sent.
        """


class Mail(Protocol):
    """E-mail to the addresses of this node's own institution."""

    def send(self, subject: str, text: str, at: datetime) -> None:
        """Send one message, dated UTC.

        Raises:
            WorldFault: the server does not take it.
            KeyUnusable: its password cannot be read.
        """


class PeerWire(Protocol):
    """Calls to peers. Kinds and bodies are those of `connector/protocol/messages.py`."""

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
        """Send one message, with a token made for it, and return the answer.

        Args:
            peer: to whom.
            kind: of the message.
            body: its fields.
            seconds: longest exchange.
            carries: whether the peer's next message may come with the answer; over gRPC only.
            address: where the peer takes messages of a process over HTTPS; empty: over gRPC, or
                where its DID document says if it has no such endpoint.

        Returns:
            Fields of the answer; over HTTPS none where the peer took the message without a word.

        Raises:
            PeerUnreachable: no answer within `seconds`.
            NotFound: over HTTPS also where the peer is not ready for the message yet.
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
