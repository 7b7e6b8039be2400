"""The gRPC server: raw bytes in, checks, handler, answer or refusal out.

Rules: requests are kept as bytes until the token's body hash was checked; every unary method of
`routes.py` is served by one generic handler, on `unary_threads` threads, of which one peer may
take three quarters; a request must arrive in `REQUEST_SECONDS`; streams have their own threads;
every refusal is an answer with a code and is recorded; an unforeseen failure is logged here and
answered without a word of its text; no connection grows so old that a CA no longer admitted
keeps it. gRPC cuts off without a code of ours what is larger than `received_bytes`, which is far
above the limit, so that what is merely too large is refused by this node and recorded.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

import grpc

from connector.domain.participant import Participant
from connector.errors import Malformed, MessageTooLarge, PreauError, TooManyRequests, WorldFault
from connector.peer import routes
from connector.peer.authenticate import Gate, shown
from connector.peer.checkpoints import Checkpoints
from connector.peer.client import FRAME_ROOM
from connector.peer.counted import Counted
from connector.peer.credentials import Leaves, ServerTrust
from connector.peer.https_sockets import listening
from connector.peer.patience import Patience
from connector.peer.refusals import Refusals
from connector.peer.routes import STATED, Metadata, Route
from connector.peer.status import refuse, understood, unforeseen
from connector.peer.streams import SPARE_THREADS, Participate
from connector.ports import Ports
from connector.services import correlation
from connector.services.federation.lead.hub import LeadHub
from connector.services.guard import guarded
from connector.services.membership.onboard import REVOCATION

Handler = Callable[[Ports, Participant, Mapping[str, Any]], Mapping[str, Any]]

CONNECTION_SECONDS: Final = 300.0
# What runs on an aged connection may end by itself; streams are judged at each frame anyway.
CONNECTION_GRACE_SECONDS: Final = 3600.0
REQUEST_SECONDS: Final = 10.0
HANDSHAKE_SECONDS: Final = 5.0
CONNECTIONS: Final = 256  # in all, well below the files that a process may open
# What gRPC takes in, so that a message over the limit gets an answer; only known members get here.
RECEIVED_TIMES: Final = 4
RECEIVED_AT_LEAST: Final = 64 * 1024 * 1024
# Calls that may wait for a thread; what is beyond is refused at once.
WAITING_PER_THREAD: Final = 8
STOP_SECONDS: Final = 2.0
_WATCH_SECONDS: Final = 1.0


class PeerServer:
    """Serves peers over mutually authenticated TLS until stopped."""

    def __init__(
        self,
        ports: Ports,
        hub: LeadHub,
        leaves: Leaves,
        *,
        handlers: Mapping[str, Handler],
        checkpoints: Checkpoints,
        refusals: Refusals,
    ) -> None:
        self._ports = ports
        self._handlers = handlers
        self._checkpoints = checkpoints
        self._refusals = refusals
        self._trust = ServerTrust(leaves, ports.store)
        self._gate = Gate(ports)
        self._streams = Participate(ports, hub, self._gate, refusals, checkpoints)
        self._unary = ThreadPoolExecutor(
            ports.settings.unary_threads, thread_name_prefix="peer-unary"
        )
        threads = ports.settings.unary_threads
        self._counted = Counted(threads, max(1, threads * 3 // 4), _too_many_calls)
        self._patience = Patience(REQUEST_SECONDS)
        self._server = grpc.server(
            self._unary,
            options=_options(ports.settings.max_message_bytes),
            maximum_concurrent_rpcs=(
                ports.settings.max_streams + SPARE_THREADS + threads * WAITING_PER_THREAD
            ),
        )
        self._server.add_generic_rpc_handlers(tuple(self._services()))
        self._stopping = threading.Event()
        self._watch = threading.Thread(target=self._watch_trust, name="trust-watch", daemon=True)

    @property
    def streams(self) -> Participate:
        """The stream method."""
        return self._streams

    def start(self) -> int:
        """Bind and serve.

        Returns:
            The port that was bound.

        Raises:
            ConfigurationInvalid: the address is not `host:port`.
            WorldFault: it cannot be bound.
            StoreUnavailable: the participants cannot be read.
        """
        where = self._ports.settings.grpc_listen
        # gRPC would not say why it cannot listen, and print lines of its own.
        listening(where, socket.socket).close()
        try:
            port = self._server.add_secure_port(where, self._trust.credentials())
        except RuntimeError as exc:
            raise WorldFault(f"cannot listen on `{where}`") from exc
        self._patience.start()
        self._server.start()
        self._watch.start()
        return port

    def stop(self) -> None:
        """Stop within seconds: unary calls may end, streams are told."""
        self._stopping.set()
        self._ports.wakeups.notify(REVOCATION)  # only to wake the watching thread
        self._streams.stop()
        self._server.stop(STOP_SECONDS).wait(STOP_SECONDS * 2)
        self._unary.shutdown(wait=False, cancel_futures=True)
        self._patience.stop()
        if self._watch.is_alive():
            self._watch.join(_WATCH_SECONDS * 2)

    def _services(self) -> list[grpc.GenericRpcHandler[bytes, bytes]]:
        methods: dict[str, dict[str, grpc.RpcMethodHandler[bytes, bytes]]] = {}
        for route in routes.ROUTES:
            # Served as a stream of one message, so that the wait for it can be bounded.
            methods.setdefault(route.service, {})[route.name] = (
                grpc.stream_unary_rpc_method_handler(self._behaviour(route), routes.raw, routes.raw)
            )
        _, service, name = routes.PARTICIPATE.split("/")
        methods[service][name] = grpc.stream_stream_rpc_method_handler(
            self._streams, routes.raw, routes.raw
        )
        return [grpc.method_handlers_generic_handler(*entry) for entry in methods.items()]

    def _behaviour(self, route: Route) -> Callable[[Iterator[bytes], grpc.ServicerContext], bytes]:
        def behave(requests: Iterator[bytes], context: grpc.ServicerContext) -> bytes:
            return self._answer(route, requests, context)

        return behave

    def _answer(
        self, route: Route, requests: Iterator[bytes], context: grpc.ServicerContext
    ) -> bytes:
        call = shown(context)
        proven = ""
        try:
            caller = self._gate.identify(call)
            proven = caller.did
            with self._counted.one(caller.did):
                data = self._request(requests, context)
                caller = self._gate.authorise(call, caller, route.method, data)
                self._checkpoints.received(caller.did, call.checkpoint)
                answer = self._handled(route, caller, data)
            context.set_trailing_metadata(self._carried())
        except PreauError as exc:
            failure = exc
        except Exception:  # noqa: BLE001 - the outermost border: whatever it is, no text leaves
            failure = unforeseen(route.method)
        else:
            self._ports.calls.add(route.method)
            return answer
        self._ports.calls.add(route.method, failure.code)
        self._refusals.record(proven, route.method, failure)
        return refuse(context, understood(failure, call.generation))

    def _request(self, requests: Iterator[bytes], context: grpc.ServicerContext) -> bytes:
        """Return the exact bytes of the request once they are there."""
        limit = self._ports.settings.max_message_bytes
        try:
            with self._patience.lasts(context.cancel):
                data = next(requests, None)
        except grpc.RpcError as exc:
            raise Malformed(
                f"the request broke off, did not arrive within {REQUEST_SECONDS:g} seconds, or is"
                f" larger than {received_bytes(limit)} bytes"
            ) from exc
        if data is None:
            raise Malformed("the call carries no message")
        if len(data) > limit:
            raise MessageTooLarge(f"the message has {len(data)} bytes, over the limit of {limit}")
        return data

    def _handled(self, route: Route, caller: Participant, data: bytes) -> bytes:
        body = routes.to_body(routes.read(route.request, data))
        with correlation.about(*correlation.ids_of(body)):
            answer = self._handlers[route.kind](self._ports, caller, body)
        try:
            return routes.from_body(route.answer, answer).SerializeToString()
        except Malformed as exc:  # our own answer, so our own fault
            raise unforeseen(route.method) from exc

    def _carried(self) -> Metadata:
        note = self._checkpoints.own()
        return (*STATED, *(((routes.CHECKPOINT_KEY, note),) if note else ()))

    def _watch_trust(self) -> None:
        while not self._stopping.is_set():
            guarded(self._ports, "trust-watch", self._judge_again, self._stopping.wait)

    def _judge_again(self) -> None:
        if self._ports.wakeups.wait(REVOCATION, _WATCH_SECONDS):
            self._streams.judge_again()


def received_bytes(limit: int) -> int:
    """Return the size up to which gRPC hands on messages, where this node takes `limit` bytes."""
    return max(RECEIVED_TIMES * limit, RECEIVED_AT_LEAST)


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
        ("grpc.max_allowed_incoming_connections", CONNECTIONS),
    ]


def _too_many_calls() -> TooManyRequests:
    return TooManyRequests("too many calls of this peer run at once", hint="try again")
