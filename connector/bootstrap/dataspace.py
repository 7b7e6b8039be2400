"""The Dataspace Protocol of one node: what its face and its wire know of services and settings."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from starlette.routing import Route

from connector.config import Settings
from connector.domain.participant import Participant
from connector.errors import Unlawful
from connector.identity import did as dids
from connector.jsonld.dsp_policy import from_dsp, to_dsp
from connector.peer.connections.relay import Relay
from connector.peer.dsp.callers import Callers
from connector.peer.dsp.face import DspFace
from connector.peer.dsp.translating import remembered
from connector.peer.dsp.wire import DspWire, Known, Own
from connector.peer.limits.shares import Shares
from connector.ports import Ports
from connector.protocol import transfer_messages as t
from connector.protocol.dsp import data_address
from connector.protocol.dsp.data_address import DataAddress
from connector.protocol.dsp.policies import Policies
from connector.services.membership import reaching
from connector.services.messages import receive
from connector.services.transfer import pulling

MakeCallers = Callable[[Ports], Callers]


def base(settings: Settings) -> str:
    """Return the address that each path of the protocol is appended to."""
    return dids.origin(settings.did) + settings.dsp_path


def routes(ports: Ports, callers: Callers, door: Relay, shares: Shares) -> list[Route]:
    """Return the routes of the protocol, and of its version document."""
    face = DspFace(
        ports,
        callers,
        receive.received,
        how=policies(ports),
        base=base(ports.settings),
        shares=shares,
        origin=door.origin_of,
        proven=door.proven,
    )
    return face.routes()


def wire(ports: Ports, callers: Callers) -> DspWire:
    """Return what sends messages of the protocol."""
    own = Own(
        callback=base(ports.settings),
        process=partial(_process, ports),
        access=partial(_access, ports),
        base=partial(reaching.base_of, ports.web),
    )
    return DspWire(ports.web, callers, policies(ports), own)


def policies(ports: Ports) -> Policies:
    """Return how policies are read and written, under the profiles of the node."""
    return remembered(Policies(to_dsp, partial(from_dsp, profiles=ports.mechanisms.profiles)))


def _process(ports: Ports, pid: str) -> Known | None:
    with ports.store.read() as tx:
        found = tx.negotiations.get(pid) or tx.transfers.get(pid)
    return Known(found.role, found.peer_pid) if found is not None else None


def _access(ports: Ports, peer: Participant, pid: str) -> DataAddress | None:
    """Return where a transfer may be pulled, with a token that is made now."""
    asked = t.TransferAccessMessage(pid).to_body()
    try:
        found = pulling.receive_access(ports, peer, asked)
    except Unlawful:  # it was suspended or ended meanwhile, of which the peer hears next
        return None
    return data_address.of_access(t.TransferAccess.from_body(found))
