"""The peer face of a node as one thing to start and stop: gRPC and HTTPS.

Rules: `bootstrap` gives everything in; what is started is stopped, in the other order; a start
that fails half-way leaves nothing running. An authority has the HTTPS face only.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from starlette.routing import Route

from connector.config import Settings
from connector.errors import PreauError
from connector.peer.calls.refusals import PUBLIC_PER_MINUTE, Refusals
from connector.peer.calls.server import PeerServer
from connector.peer.calls.unary import Handler
from connector.peer.checkpoints import Checkpoints
from connector.peer.connections.loop import Loop
from connector.peer.connections.relay import Doors, Relay
from connector.peer.credentials import Leaves
from connector.peer.limits.shares import Shares
from connector.peer.web.https import PublicFace
from connector.peer.web.server import HttpsServer
from connector.ports import Ports
from connector.services.federation.lead.hub import LeadHub

# Who shows a token of this node's for data is proven to be a member; nobody else is.
HTTPS_DOORS: Final = Doors(
    strangers=96, per_origin=24, members=64, per_member=32, stranger_seconds=60.0
)
# What serves Flight opens 256 files at most (`federated/confinement`).
FLIGHT_DOORS: Final = Doors(
    strangers=48, per_origin=16, members=96, per_member=8, stranger_seconds=15.0
)
Data = Callable[[Relay], Sequence[Route]]
Dsp = Callable[[Relay, Shares], Sequence[Route]]


@dataclass(frozen=True, slots=True)
class Bound:
    """Ports that were bound.

    Attributes:
        grpc: 0 on an authority.
        https: TCP port.
    """

    grpc: int
    https: int


class PeerFace:
    """Everything by which peers reach this node."""

    def __init__(  # noqa: PLR0913 - what a node of either kind serves
        self,
        ports: Ports,
        hub: LeadHub,
        *,
        handlers: Mapping[str, Handler],
        checkpoints: Checkpoints,
        description: Callable[[], str],
        leaves: Leaves | None = None,
        status_list: Callable[[], str] | None = None,
        template: Callable[[str], str] | None = None,
        data: Data | None = None,
        dsp: Dsp | None = None,
    ) -> None:
        """Prepare.

        Args:
            ports: of this node.
            hub: where streams of jobs are seated.
            handlers: of unary messages, by kind (`services.messages.receive.HANDLERS`).
            checkpoints: what travels with calls; started and stopped here.
            description: returns the node's self-description (`services.publication.catalog_pages`).
            leaves: the node's TLS certificates; None on an authority, which serves no gRPC.
            status_list: returns an authority's status list; None on other nodes.
            template: returns a template of an authority by its digest; None on other nodes.
            data: makes the routes of data, for the door of HTTPS; None on an authority.
            dsp: makes those of the Dataspace Protocol and of DCP; None where it speaks neither.
        """
        settings, self._checkpoints, self._loop = ports.settings, checkpoints, Loop()
        self._door = Relay(self._loop, settings.https_listen, settings.proxies, HTTPS_DOORS)
        self._grpc = (
            PeerServer(
                ports,
                hub,
                leaves,
                self._loop,
                handlers=handlers,
                checkpoints=checkpoints,
                refusals=Refusals(ports),
            )
            if leaves is not None
            else None
        )
        self._flight = self._flight_door(settings) if leaves is not None else None
        shares = self._grpc.shares if self._grpc else Shares(ports)
        routes = [*(data(self._door) if data else ()), *(dsp(self._door, shares) if dsp else ())]
        self._https = HttpsServer(
            PublicFace(
                ports,
                Refusals(ports, per_minute=PUBLIC_PER_MINUTE),
                origin=self._door.origin_of,
                description=description,
                status_list=status_list,
                template=template,
                data=routes,
            ).application(),
            settings.path(settings.https_certificate),
            settings.path(settings.https_key),
            asking=dsp is not None,
        )

    def _flight_door(self, settings: Settings) -> Relay | None:
        where = settings.flight_listen
        return Relay(self._loop, where, settings.proxies, FLIGHT_DOORS) if where else None

    @property
    def grpc(self) -> PeerServer | None:
        """The gRPC server; None on an authority."""
        return self._grpc

    @property
    def door(self) -> Relay:
        """The relay in front of HTTPS."""
        return self._door

    @property
    def flight(self) -> Relay | None:
        """The relay in front of Flight; it leads nowhere while nothing is served there."""
        return self._flight

    def start(self) -> Bound:
        """Start both servers.

        Raises:
            KeyUnusable: the HTTPS certificate cannot be read.
            WorldFault: an address cannot be bound.
            ConfigurationInvalid: an address is not `host:port`.
        """
        self._checkpoints.start()
        self._loop.start()
        try:
            grpc_port = self._grpc.start() if self._grpc else 0
            if self._flight is not None:
                self._flight.start(0)
            return Bound(grpc_port, self._door.start(self._https.start()))
        except PreauError:
            self.stop()
            raise

    def stop(self) -> None:
        """Stop both within bounds."""
        self._door.stop()
        if self._flight is not None:
            self._flight.stop()
        self._https.stop()
        if self._grpc is not None:
            self._grpc.stop()
        self._loop.stop()
        self._checkpoints.stop()
