"""The kit's names at the border: it calls itself and all else by names that are no IRIs.

Inside, its participant is a DID, and datasets and offers of this node have the names that
`connector/jsonld/opaque.py` makes of such names. What the kit hears has its own names again.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any, Final
from urllib.parse import unquote

from connector.jsonld import opaque
from connector.protocol import messages as m
from connector.protocol.dsp.negotiation import Negotiated
from connector.protocol.dsp.transfer import Transferred

KIT: Final = "TCK_PARTICIPANT"
DID: Final = "did:web:kit.example"
_INSIDE: Final = re.compile(re.escape(opaque.SPACE) + r'([^"]*)')


def outward(data: bytes) -> bytes:
    """Return JSON with the names that the kit knows."""
    text = _INSIDE.sub(lambda found: unquote(found[1]), data.decode())
    return text.replace(DID, KIT).encode()


def inward(value: Negotiated | Transferred) -> Negotiated | Transferred:
    """Return a message of the kit with the names of this node."""
    if isinstance(value, Transferred):
        return value
    message: Any = value.message
    if isinstance(message, m.ContractRequestMessage):
        ours = {name: opaque.inward(getattr(message, name)) for name in ("dataset", "offer_id")}
        message = replace(message, **ours)
    if isinstance(message, m.ContractRequestMessage | m.ContractOfferMessage):
        message = replace(message, policy=_parties(message.policy))
    return replace(value, message=message, policy=_parties(value.policy))


def _parties(policy: bytes) -> bytes:
    return policy.replace(opaque.inward(KIT).encode(), DID.encode())
