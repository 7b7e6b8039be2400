"""Where a peer takes what the Dataspace Protocol opens with it: the base of its HTTPS binding.

Rules: its DID document says so, by a `CatalogService`, or by a `DataService` whose address is that
of a version document; else that document is asked for at the host of the DID. Of several endpoints
of our version the first counts that asks for no identity but ours.

Source: DSP 2025-1, Exposure of Versions, and the services of DID documents.
"""

from __future__ import annotations

from typing import Final

from connector.domain.participant import Participant
from connector.errors import DidUnresolvable
from connector.identity import did as dids
from connector.identity import document as documents
from connector.identity.dcp import services
from connector.identity.dcp.services import Service
from connector.identity.document import DidDocument
from connector.ports import Web
from connector.protocol.dsp import versions

_CATALOG: Final = "/catalog"
_OURS: Final = "DCP"


def base_of(web: Web, peer: Participant) -> str:
    """Return the address that each path of the protocol is appended to.

    Raises:
        UpgradeRequired: it speaks other versions of the protocol only.
        NotFound: it names no endpoint.
        PeerUnreachable: it does not answer.
        PreauError: what it answers is no version document, or its address is forbidden.
    """
    document = documents.read(peer.document, peer.did)
    stated = _listed(document, Service.CATALOG)
    if stated:
        return stated.removesuffix(_CATALOG)
    root = _listed(document, Service.DATA).removesuffix(versions.PATH) or dids.origin(peer.did)
    found = versions.spoken(versions.read(web.get(root + versions.PATH, limit=versions.MAX_BYTES)))
    fitting = (each for each in found if each.auth is None or each.auth.protocol == _OURS)
    return next(fitting, found[0]).base(root)


def address(web: Web, peer: Participant, *, https: bool = False) -> str:
    """Return where a peer takes messages over HTTPS; empty where they go over gRPC.

    Args:
        web: guarded client.
        peer: to whom.
        https: whether a Préau node is spoken to so, too.

    Raises:
        PreauError: as `base_of`.
    """
    return base_of(web, peer) if https or not peer.grpc_endpoint else ""


def _listed(document: DidDocument, service: Service) -> str:
    """Return the endpoint of a service; empty where none is listed that can be used."""
    try:
        return services.endpoint(document, service)
    except DidUnresolvable:
        return ""
