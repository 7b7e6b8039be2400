"""What a request is answered with: a body of the protocol, a status, headers.

Rules: an address that names nothing, or another's, is 404, and so is whatever a caller asks that is
not believed; of catalogs, which name no process, that is 401. Anything else that a peer may not do
is 400, also what our other binding calls a conflict: 409 and 5xx make peers try again. 5xx is said
of this node's own faults alone.

Source: DSP 2025-1, HTTPS Bindings; RFC 9110, sections 10.2.3, 15.5 and 15.6; RFC 6585, section 4.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from starlette.responses import Response

from connector.errors import (
    DataFault,
    MessageTooLarge,
    NotFound,
    PeerFault,
    PeerUnreachable,
    PreauError,
    TooManyRequests,
    TooManyStreams,
    WorldFault,
)
from connector.peer.status import tellable, waiting
from connector.peer.web.client import RETRY_AFTER
from connector.protocol.dsp import faults

JSON: Final = "application/json"
OK: Final = 200
CREATED: Final = 201
_UNBELIEVED: Final = {faults.CATALOG: 401}
_ILLEGAL: Final = 400
_MISSING: Final = 404
_AWAY: Final = 503
_FAILED: Final = 500
# What is answered alike whether or not the caller is known.
_LOADED: Final[Mapping[type[PreauError], int]] = {
    MessageTooLarge: 413,
    TooManyRequests: 429,
    TooManyStreams: 429,
}


@dataclass(frozen=True, slots=True)
class Told:
    """An answer.

    Attributes:
        body: JSON, UTF-8.
        status: of HTTP.
        headers: beside those of every answer.
    """

    body: bytes
    status: int = OK
    headers: Mapping[str, str] = field(default_factory=dict)

    def response(self) -> Response:
        """Return it as the server sends it."""
        return Response(self.body, self.status, self.headers, media_type=JSON)


def told(body: Mapping[str, Any], status: int = OK, **headers: str) -> Told:
    """Return an answer of a JSON body."""
    text = json.dumps(body, ensure_ascii=False, separators=(",", ":"))
    return Told(text.encode(), status, headers)


def refusal(error: PreauError, kind: str, pids: tuple[str, str], *, believed: bool) -> Told:
    """Return the answer that says no.

    Args:
        error: why.
        kind: type of the error's body.
        pids: the provider's and the consumer's, of a process of the caller's; empty where there is
            none.
        believed: false where that is what is refused.
    """
    said, wait = tellable(error), waiting(error)
    headers = {RETRY_AFTER: str(wait)} if wait else {}
    number = _AWAY if said is not error else status(error, kind, believed=believed)
    return told(faults.write(faults.of(kind, said, *pids)), number, **headers)


def status(error: PreauError, kind: str, *, believed: bool) -> int:
    """Return the status of HTTP for a refusal that is none of this node's own faults."""
    loaded = next((it for cls, it in _LOADED.items() if isinstance(error, cls)), 0)
    if loaded:
        return loaded
    if not believed and isinstance(error, PeerFault | PeerUnreachable):
        return _UNBELIEVED.get(kind, _MISSING)
    if isinstance(error, NotFound):
        return _MISSING
    if isinstance(error, PeerFault | DataFault):
        return _ILLEGAL
    return _AWAY if isinstance(error, WorldFault) else _FAILED
