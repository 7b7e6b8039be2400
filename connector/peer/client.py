"""Calls to peers over gRPC: what `wires.py` gives to peers that have it.

Rules: a channel believes the CAs of its peer and nobody else's, and checks the peer's certificate
by the host of its DID; it is made anew when this node's leaf, the peer's CAs or its endpoint
change, while calls on the old one run to their end. A peer's endpoint is judged like any address
that a peer supplies, resolved once and pinned. Each call carries a token of its own and has a
deadline. Streams are `site_stream.py`'s.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

import grpc

from connector.config import Settings
from connector.domain import generation as generations
from connector.domain.federation.frames import Hello
from connector.domain.participant import Participant
from connector.errors import Malformed, MessageTooLarge, PeerUnreachable, PreauError
from connector.identity import did as dids
from connector.identity import token
from connector.peer import routes
from connector.peer.calls.authenticate import checkpoint_in
from connector.peer.checkpoints import Checkpoints
from connector.peer.credentials import Leaf, Leaves, client_credentials
from connector.peer.fetching import Fetched
from connector.peer.limits.shares import Shares
from connector.peer.site_stream import GrpcSiteStream
from connector.peer.status import translate
from connector.peer.web.addresses import target
from connector.peer.web.lines import CONNECT_SECONDS
from connector.peer.web.pinning import Resolver, pin, resolve
from connector.ports import Clock, Identifiers, Signer

# Room for the frame round a message of the allowed size.
FRAME_ROOM: Final = 64 * 1024


@dataclass(slots=True)
class Link:
    """A channel to one peer, with what it was made of.

    Attributes:
        channel: gRPC channel.
        leaf: certificate that this node shows on it; tokens are bound to it.
        made_of: what must be unchanged for the link to be used again.
        users: calls and streams that run on it.
        retired: close it once nobody uses it.
    """

    channel: grpc.Channel
    leaf: Leaf
    made_of: tuple[object, ...]
    users: int = 0
    retired: bool = False
    lock: threading.Lock = field(default_factory=threading.Lock)

    def take(self) -> bool:
        """Count a user, unless the link is retired; return whether it was counted."""
        with self.lock:
            self.users += not self.retired
            return not self.retired

    def release(self) -> None:
        """Count a user less, and close a retired link that nobody uses."""
        with self.lock:
            self.users -= 1
            idle = self.retired and self.users == 0
        if idle:
            self.channel.close()

    def retire(self) -> None:
        """Close the link as soon as nobody uses it."""
        with self.lock:
            self.retired = True
            idle = self.users == 0
        if idle:
            self.channel.close()


class GrpcWire:
    """Calls, streams and files over gRPC; thread-safe."""

    def __init__(
        self,
        settings: Settings,
        clock: Clock,
        ids: Identifiers,
        signer: Signer,
        leaves: Leaves,
        *,
        resolver: Resolver = resolve,
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._ids = ids
        self._signer = signer
        self._leaves = leaves
        self._resolve = resolver
        self._allow = frozenset(host.lower() for host in settings.unsafe_allow_hosts)
        self._lock = threading.Lock()
        self._links: dict[str, Link] = {}
        self._checkpoints: Checkpoints | None = None
        self._shares: Shares | None = None

    def exchange(self, checkpoints: Checkpoints, shares: Shares | None) -> None:
        """Let checkpoints travel with calls from now on, and count what answers carry.

        Args:
            checkpoints: ours, and what becomes of the peers'.
            shares: of members; None on an authority, which negotiates nothing.
        """
        self._checkpoints = checkpoints
        self._shares = shares

    def call(
        self,
        peer: Participant,
        kind: str,
        body: Mapping[str, Any],
        *,
        seconds: float = 10.0,
        carries: bool = False,
    ) -> Mapping[str, Any]:
        """Send one message and return the answer; see `ports.PeerWire`.

        Raises:
            PeerUnreachable: no answer within `seconds`.
            AddressForbidden: the peer's endpoint is not one that this node calls.
            MessageTooLarge: the message or the answer exceeds the limit.
            TooManyRequests: the answer carries more than the peer may send.
            UpgradeRequired: the peer's node is too old.
            PreauError: the refusal that the peer answered with.
        """
        route = routes.BY_KIND.get(kind)
        if route is None:
            raise Malformed(f"no method takes a `{kind}`")
        raw = routes.from_body(route.request, body).SerializeToString(deterministic=True)
        self._check_size(raw)
        with self._link(peer) as link:
            method = link.channel.unary_unary(route.method, routes.raw, routes.raw)
            metadata = self._metadata(link, peer, route.method, raw)
            metadata = (*metadata, *routes.ASKING) if carries else metadata
            try:
                answer, done = method.with_call(raw, timeout=seconds, metadata=metadata)
            except grpc.RpcError as exc:
                failure = translate(peer.did, exc)
                if isinstance(failure, PeerUnreachable):
                    self._lost(peer, link)
                raise failure from exc
            carried = tuple(done.trailing_metadata() or ())
            generations.check(peer.did, routes.generation_in(carried))
            self._witness(peer, carried)
        found = routes.to_body(routes.read(route.answer, answer))
        if self._shares is not None and found.get("next_kind"):
            self._shares.take(peer.did, found["next_kind"], len(answer))
        return found

    def participate(self, lead: Participant, hello: Hello) -> GrpcSiteStream:
        """Open the stream of a federated job; see `ports.PeerWire`.

        Raises:
            PeerUnreachable: the lead does not answer.
            AddressForbidden: the lead's endpoint is not one that this node calls.
            PreauError: the lead refused.
        """
        raw = routes.write_hello(hello)
        link = self._take(lead)
        stream = GrpcSiteStream(
            lead.did,
            raw,
            limit=self._settings.max_message_bytes,
            seated=lambda metadata: self._witness(lead, metadata),
            released=link.release,
        )
        try:
            metadata = self._metadata(link, lead, routes.PARTICIPATE, raw)
        except PreauError:
            link.release()
            raise
        try:
            stream.open(link.channel, metadata)
        except PeerUnreachable:
            self._lost(lead, link)
            raise
        return stream

    def fetch(self, provider: Participant, pid: str, offset: int) -> Fetched:
        """Fetch the bytes of a transfer from an offset on; see `ports.PeerWire`.

        Raises:
            PeerUnreachable: the provider does not answer, or broke off.
            AddressForbidden: the provider's endpoint is not one that this node calls.
            PreauError: the provider refused, or stopped.
        """
        raw = routes.write_fetch(pid, offset)
        link = self._take(provider)
        stream = Fetched(link.channel, provider.did, raw, link.release)
        try:
            return stream.open(self._metadata(link, provider, routes.FETCH, raw))
        except PreauError as exc:
            stream.close()
            if isinstance(exc, PeerUnreachable):
                self._lost(provider, link)
            raise

    def close(self) -> None:
        """Close all channels; calls that run on them are cut off."""
        with self._lock:
            links, self._links = list(self._links.values()), {}
        for link in links:
            link.channel.close()

    @contextmanager
    def _link(self, peer: Participant) -> Iterator[Link]:
        link = self._take(peer)
        try:
            yield link
        finally:
            link.release()

    def _take(self, peer: Participant) -> Link:
        leaf = self._leaves.current()
        made_of = (leaf.thumbprint, peer.tls_authorities, peer.grpc_endpoint)
        with self._lock:
            link = self._links.get(peer.did)
            if link is not None and link.made_of == made_of and link.take():
                return link
        fresh = Link(self._channel(peer, leaf), leaf, made_of)
        fresh.take()
        with self._lock:
            old, self._links[peer.did] = self._links.get(peer.did), fresh
        if old is not None:
            old.retire()
        return fresh

    def _channel(self, peer: Participant, leaf: Leaf) -> grpc.Channel:
        if not peer.grpc_endpoint or not peer.tls_authorities:
            raise PeerUnreachable(f"`{peer.did}` names no gRPC endpoint")
        size = self._settings.max_message_bytes + FRAME_ROOM
        options = (
            ("grpc.ssl_target_name_override", dids.host(peer.did)),
            ("grpc.max_send_message_length", size),
            ("grpc.max_receive_message_length", size),
            ("grpc.keepalive_time_ms", 30_000),
            ("grpc.keepalive_timeout_ms", 10_000),
            ("grpc.initial_reconnect_backoff_ms", 200),
            # Despite its name: how long connecting and the TLS handshake may take.
            ("grpc.min_reconnect_backoff_ms", 5_000),
            ("grpc.max_reconnect_backoff_ms", 2_000),
            ("grpc.enable_http_proxy", 0),
            ("grpc.service_config_disable_resolution", 1),
            ("grpc.use_local_subchannel_pool", 1),
        )
        host, port = self.pin(peer.grpc_endpoint)
        address = f"ipv6:[{host}]:{port}" if ":" in host else f"ipv4:{host}:{port}"
        return grpc.secure_channel(address, client_credentials(leaf, peer), options)

    def pin(self, endpoint: str) -> tuple[str, int]:
        """Return the address and port of a peer's `host:port`, resolved once and judged.

        Raises:
            AddressForbidden: it is not one that this node calls.
            PeerUnreachable: the name does not resolve.
        """
        goal = target(f"https://{endpoint}/")
        return pin(self._resolve, goal, self._allow, CONNECT_SECONDS), goal.port

    def _metadata(self, link: Link, peer: Participant, method: str, raw: bytes) -> routes.Metadata:
        call_token = token.make(
            self._signer,
            self._settings.did,
            peer.did,
            method,
            raw,
            link.leaf.certificate,
            self._ids.new(),
            self._clock.now(),
        )
        note = self._checkpoints.own() if self._checkpoints else b""
        carried: routes.Metadata = ((routes.TOKEN_KEY, call_token), *routes.STATED)
        return (*carried, (routes.CHECKPOINT_KEY, note)) if note else carried

    def _lost(self, peer: Participant, link: Link) -> None:
        """Let the next call resolve and connect afresh."""
        link.retire()
        if self._checkpoints is not None:
            self._checkpoints.lost(peer.did)

    def _witness(self, peer: Participant, metadata: routes.Metadata) -> None:
        if self._checkpoints is not None:
            self._checkpoints.received(peer.did, checkpoint_in(metadata))

    def _check_size(self, raw: bytes) -> None:
        if len(raw) > self._settings.max_message_bytes:
            raise MessageTooLarge(
                f"the message has {len(raw)} bytes, over the limit of"
                f" {self._settings.max_message_bytes}"
            )
