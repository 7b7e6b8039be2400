"""The gRPC server: it lives on an event loop, behind a relay, and hands calls to their behaviour.

Rules: the server listens on loopback only; what reaches it came through the relay, which bounds
connections; unary calls and streams have threads of their own; no connection grows so old that a CA
no longer admitted keeps it. gRPC cuts off without a code of ours what is larger than
`received_bytes`; what is smaller, and too large for a unary call, this node refuses and records.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

import grpc

from connector.errors import WorldFault
from connector.peer import routes
from connector.peer.calls.authenticate import Gate
from connector.peer.calls.border import Border
from connector.peer.calls.fetch import STREAMS, Fetch
from connector.peer.calls.reception import Reception
from connector.peer.calls.refusals import Refusals
from connector.peer.calls.streams import SPARE_STREAMS, Participate
from connector.peer.calls.unary import OPEN, OPEN_PER_CALLER, Handler, Unary
from connector.peer.checkpoints import Checkpoints
from connector.peer.client import FRAME_ROOM
from connector.peer.connections.loop import Loop
from connector.peer.connections.relay import Doors, Relay
from connector.peer.credentials import Leaves, ServerTrust
from connector.peer.limits.arrivals import Arrivals
from connector.peer.limits.shares import Shares
from connector.peer.limits.turns import Threads, Turns
from connector.ports import Ports
from connector.services.federation.lead.hub import LeadHub
from connector.services.guard import guarded
from connector.services.membership.onboard import REVOCATION
from connector.serving.sockets import INNER

CONNECTION_SECONDS: Final = 300.0
# What runs on an aged connection may end by itself; streams are judged at each frame anyway.
CONNECTION_GRACE_SECONDS: Final = 3600.0
HANDSHAKE_SECONDS: Final = 5.0
# Each relayed connection takes three files of the 8,192 that a process may open
# (`serving/sockets.py`).
DOORS: Final = Doors(
    strangers=128, per_origin=24, members=512, per_member=16, stranger_seconds=15.0
)
# What gRPC takes in of one message: `peer/limits/arrivals.py` counts on it.
RECEIVED_AT_LEAST: Final = 16 * 1024 * 1024
STOP_SECONDS: Final = 2.0
_WATCH_SECONDS: Final = 1.0


class PeerServer:
    """Serves peers over mutually authenticated TLS until stopped."""

    def __init__(
        self,
        ports: Ports,
        hub: LeadHub,
        leaves: Leaves,
        loop: Loop,
        *,
        handlers: Mapping[str, Handler],
        checkpoints: Checkpoints,
        refusals: Refusals,
    ) -> None:
        settings = ports.settings
        threads = settings.unary_threads
        self._ports = ports
        self._loop = loop
        self._trust = ServerTrust(leaves, ports.store, ports.wakeups)
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="peer-unary")
        self._door = Relay(loop, settings.grpc_listen, settings.proxies, DOORS)
        gate, arrivals = Gate(ports), Arrivals(received_bytes(ports.settings.max_message_bytes))
        turns = Threads(self._threads, Turns(threads, waiting=OPEN_PER_CALLER))
        reception = Reception(gate, self._door, turns)
        self._border = Border(ports, gate, reception, turns, arrivals, refusals)
        self._unary = Unary(self._border, handlers, checkpoints)
        self._streams = Participate(self._border, hub, checkpoints)
        self._fetch = Fetch(self._border)
        self._server: grpc.aio.Server | None = None
        self._stopping = threading.Event()
        self._watch = threading.Thread(target=self._watch_trust, name="trust-watch", daemon=True)

    @property
    def streams(self) -> Participate:
        """The stream method."""
        return self._streams

    @property
    def shares(self) -> Shares:
        """What members may send, with answers to our calls too."""
        return self._unary.shares

    @property
    def door(self) -> Relay:
        """The relay in front."""
        return self._door

    def start(self) -> int:
        """Bind and serve.

        Returns:
            The port that was bound.

        Raises:
            ConfigurationInvalid: the address is not `host:port`.
            WorldFault: it cannot be bound.
            StoreUnavailable: the participants cannot be read.
        """
        inner = self._loop.run(self._serve(self._trust.credentials()))
        port = self._door.start(inner)
        self._watch.start()
        return port

    def stop(self) -> None:
        """Stop within seconds: unary calls may end, streams are told."""
        self._stopping.set()
        self._ports.wakeups.notify(REVOCATION)  # only to wake the watching thread
        self._streams.stop()
        self._fetch.stop()
        server, self._server = self._server, None
        if server is not None:
            self._loop.run(server.stop(STOP_SECONDS))
        self._door.stop()
        self._threads.shutdown(wait=False, cancel_futures=True)
        self._border.stop()
        if self._watch.is_alive():
            self._watch.join(_WATCH_SECONDS * 2)

    async def _serve(self, credentials: grpc.ServerCredentials) -> int:
        settings = self._ports.settings
        server = grpc.aio.server(
            options=_options(settings.max_message_bytes),
            maximum_concurrent_rpcs=settings.max_streams + STREAMS + SPARE_STREAMS + OPEN,
        )
        server.add_generic_rpc_handlers(tuple(self._services()))
        try:
            port = server.add_secure_port(INNER, credentials)
        except RuntimeError as exc:
            raise WorldFault("the gRPC server cannot listen on loopback") from exc
        await server.start()
        self._server = server
        return port

    def _services(self) -> list[grpc.GenericRpcHandler[bytes, bytes]]:
        methods: dict[str, dict[str, grpc.RpcMethodHandler[bytes, bytes]]] = {}
        for route in routes.ROUTES:
            # Served as a stream of one message, so that the wait for it can be bounded.
            methods.setdefault(route.service, {})[route.name] = (
                grpc.stream_unary_rpc_method_handler(
                    self._unary.behaviour(route),
                    routes.raw,
                    routes.raw,
                )
            )
        _, service, name = routes.PARTICIPATE.split("/")
        methods[service][name] = grpc.stream_stream_rpc_method_handler(
            self._streams.serve,
            routes.raw,
            routes.raw,
        )
        _, service, name = routes.FETCH.split("/")
        # Of one message too, and for the same reason.
        methods[service][name] = grpc.stream_stream_rpc_method_handler(
            self._fetch.serve, routes.raw, routes.raw
        )
        return [grpc.method_handlers_generic_handler(*entry) for entry in methods.items()]

    def _watch_trust(self) -> None:
        while not self._stopping.is_set():
            guarded(self._ports, "trust-watch", self._judge_again, self._stopping.wait)

    def _judge_again(self) -> None:
        if self._ports.wakeups.wait(REVOCATION, _WATCH_SECONDS):
            self._streams.judge_again()


def received_bytes(limit: int) -> int:
    """Return the size up to which gRPC hands on messages, where this node takes `limit` bytes."""
    return max(limit, RECEIVED_AT_LEAST) + FRAME_ROOM


def _options(limit: int) -> list[tuple[str, Any]]:
    return [
        ("grpc.max_receive_message_length", received_bytes(limit)),
        ("grpc.max_send_message_length", limit + FRAME_ROOM),
        ("grpc.max_metadata_size", 16 * 1024),
        ("grpc.max_concurrent_streams", 128),
        ("grpc.max_connection_age_ms", int(CONNECTION_SECONDS * 1000)),
        ("grpc.max_connection_age_grace_ms", int(CONNECTION_GRACE_SECONDS * 1000)),
        ("grpc.keepalive_time_ms", 30_000),
        ("grpc.keepalive_timeout_ms", 10_000),
        ("grpc.http2.min_ping_interval_without_data_ms", 10_000),
        ("grpc.so_reuseport", 0),
        ("grpc.server_handshake_timeout_ms", int(HANDSHAKE_SECONDS * 1000)),
        ("grpc.max_allowed_incoming_connections", DOORS.strangers + DOORS.members),
    ]
