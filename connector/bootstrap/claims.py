"""DCP of one node: what judges its callers, what answers them, and what runs beside."""

from __future__ import annotations

from functools import partial
from typing import Final, NamedTuple

from starlette.routing import Route

from connector.bootstrap.node import Part
from connector.bootstrap.threads.timed import Timed
from connector.peer.connections.relay import Relay
from connector.peer.dcp.face import DcpFace
from connector.peer.web.client import hurried
from connector.ports import Ports
from connector.services.credentials import issuing, requesting
from connector.services.credentials.authenticating import Authenticator
from connector.services.credentials.callers import DcpCallers
from connector.services.credentials.holding import Holder
from connector.services.credentials.issuing import Issuer
from connector.services.credentials.memberships import Memberships
from connector.services.credentials.resolving import Documents
from connector.services.credentials.verifying import Verifier

# For all that is fetched to judge one call: it waits for it.
JUDGING_SECONDS: Final = 8.0
LISTS: Final = "lists"  # of peers' credentials


class Dcp(NamedTuple):
    """The parts of one node that speak DCP: a holder's and verifier's, or an issuer's."""

    callers: DcpCallers
    verifier: Verifier
    known: Documents
    holder: Holder | None
    issuer: Issuer | None

    def routes(self, ports: Ports, door: Relay) -> list[Route]:
        """Return what peers ask of it over HTTPS."""
        face = DcpFace(ports, door.origin_of, holder=self.holder, issuer=self.issuer)
        return face.routes()

    def parts(self, ports: Ports) -> list[Part]:
        """Return what runs beside: it asks for credentials, or delivers what was asked for."""
        if self.issuer is not None:
            deliver = partial(issuing.turn, known=self.known, offering=Memberships(ports))
            return [Timed(ports, issuing.ISSUANCE, deliver)]
        return [
            Timed(ports, requesting.REQUESTS, partial(requesting.turn, known=self.known)),
            Timed(ports, LISTS, self._lists),
        ]

    def _lists(self, ports: Ports, *, steady: bool) -> float:  # noqa: ARG002  nothing ends by it
        self.verifier.refresh()
        return ports.settings.status_refresh_seconds


def build(ports: Ports) -> Dcp | None:
    """Return what speaks DCP in a node; None where nothing does: it has gRPC alone."""
    participant = ports.settings.kind == "participant"
    if participant and not ports.settings.dsp_path:
        return None
    authenticator = Authenticator(ports)
    verifier = Verifier(ports, authenticator, partial(hurried, seconds=JUDGING_SECONDS))
    return Dcp(
        DcpCallers(ports, verifier),
        verifier,
        authenticator.documents,
        Holder(ports, authenticator) if participant else None,
        None if participant else Issuer(ports, authenticator, Memberships(ports)),
    )
