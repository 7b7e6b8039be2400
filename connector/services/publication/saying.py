"""Offers as the Dataspace Protocol says them: the form that is kept when one is published.

Rules: an offer that the protocol's context would narrow or widen by dropping a part is not said
there at all; one that its provider marks for every peer is then refused. The form is kept, since a
translation takes milliseconds and a page of a catalog has a hundred offers.
"""

from __future__ import annotations

from typing import Any, Final

from connector.errors import PolicyOutsideProtocol, PreauError
from connector.jsonld import loss
from connector.jsonld.canonical import canonical
from connector.jsonld.dsp_policy import to_dsp
from connector.jsonld.dsp_shape import CATALOG
from connector.jsonld.kept import kept as remembered

# Of an entry: shown to every peer, or refused; to Préau nodes alone; where it is left out, to every
# peer to whom it can be said.
EVERY: Final = "every"
OWN: Final = "preau"
PEERS: Final = (EVERY, OWN)


@remembered(64)
def form(policy: bytes) -> bytes:
    """Return an offer as it stands in a catalog of the protocol, canonical JSON.

    Args:
        policy: ours, canonical JSON-LD.

    Raises:
        PolicyOutsideProtocol: the protocol cannot say it; the reason has the JSON pointer.
        PolicyInvalid: not ODRL.
    """
    said: dict[str, Any] = to_dsp(policy, kind=CATALOG)
    lost = loss.dropped({"@type": "ContractOfferMessage", "offer": said})
    if lost:
        raise PolicyOutsideProtocol(f"a peer of the Dataspace Protocol would lose `{lost[0]}`")
    return canonical(said)


def kept(policy: bytes, peers: str = "") -> bytes:
    """Return the form that an offer keeps; empty where it is for Préau nodes alone.

    Args:
        policy: ours, canonical JSON-LD.
        peers: for whom it is, see `PEERS`; empty: not said.

    Raises:
        PolicyOutsideProtocol: it is for every peer, and cannot be said to them.
    """
    if peers == OWN:
        return b""
    try:
        return form(policy)
    except PolicyOutsideProtocol as exc:
        if peers != EVERY:
            return b""
        reason = f"the offer is marked for every peer: {exc.reason}"
        raise PolicyOutsideProtocol(reason, hint='leave `"peers": "every"` out') from exc
    except PreauError:
        return b""
