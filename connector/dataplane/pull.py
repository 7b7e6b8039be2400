"""HTTP pull: `GET /data/{extract}` with a bearer token, for any client of a consumer's.

Rule: whoever shows the token is judged as the consumer is, before the first byte and twice a second
while bytes flow. How they flow is `flowing.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Final

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from connector.dataplane.flowing import Flow, Going, flowing
from connector.errors import TokenMissing
from connector.ports import Ports
from connector.services.transfer import provider_side, pulling

MOST_AT_ONCE: Final = 64
MOST_OF_ONE: Final = 32
PATH: Final = pulling.PATH + "{extract}"
_BEARER: Final = "bearer "


class Pull:
    """Serves extracts of one node.

    Args:
        ports: of this node.
        proven: told the port of a connection on loopback, and of which member it was found to be.
    """

    def __init__(self, ports: Ports, proven: Callable[[int, str], None]) -> None:
        self._ports = ports
        self._proven = proven
        self._going = Going(MOST_AT_ONCE, MOST_OF_ONE)

    def route(self) -> Route:
        """Return the route."""
        return Route(PATH, self.data, methods=["GET"])

    async def data(self, request: Request) -> Response:
        """Answer a request."""
        token = _token(request)
        name = str(request.path_params["extract"])
        transfer, extract = await run_in_threadpool(pulling.admitted, self._ports, name, token)
        if request.client is not None:
            self._proven(request.client.port, transfer.peer)
        pid, peer = transfer.pid, transfer.peer
        flow = Flow(
            extract=extract,
            reader=peer,
            read=partial(self._ports.extracts.read, extract),
            judge=partial(provider_side.judge, self._ports, pid, peer),
            passed=partial(provider_side.passed, self._ports, pid),
            headers={"Cache-Control": "no-store"},
        )
        return flowing(request, flow, self._going)


def _token(request: Request) -> str:
    stated = request.headers.get("authorization", "")
    if not stated.lower().startswith(_BEARER):
        raise TokenMissing("the request carries no bearer token")
    return stated[len(_BEARER) :].strip()
