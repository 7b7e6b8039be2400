"""The HTTPS endpoints of DCP 1.0: a holder's Credential Service, an authority's Issuer Service.

Rules: every route but metadata and the status list, which are nobody's secret, judges the
self-issued token that a request brings; bodies are bounded in size and time, requests by the
address that they come from; every refusal is problem JSON (RFC 9457) and is recorded. What is
answered is `services/credentials/`'s.

Source: DCP 1.0, sections 5.4 (query), 6.4 to 6.8 (issuance).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Final, NamedTuple

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from connector.errors import PreauError, TooManyRequests
from connector.identity import did as dids
from connector.peer.calls.refusals import PUBLIC_PER_MINUTE, Refusals
from connector.peer.limits.rate import Rate, too_many
from connector.peer.limits.turns import Threads, Turns
from connector.peer.web import body as bodies
from connector.peer.web import shown
from connector.peer.web.https import JWT
from connector.ports import Ports
from connector.services.credentials import memberships
from connector.services.credentials.authenticating import bearer
from connector.services.credentials.holding import Holder
from connector.services.credentials.issuing import Issuer

PATH: Final = "/dcp"
MAX_BODY: Final = 1 << 20
THREADS: Final = 8
AT_ONCE: Final = 4  # of one address
WAITING: Final = 16  # of one address
WAIT_SECONDS: Final = 20.0
_CREATED: Final = 201


class _Connection(NamedTuple):
    """What a request shows of its caller beside its token."""

    certificate: str


Work = Callable[[str, _Connection, bytes, str], Response]


class DcpFace:
    """Answers what holders, verifiers and issuers ask of one node."""

    def __init__(
        self,
        ports: Ports,
        origin: Callable[[int], str],
        *,
        holder: Holder | None = None,
        issuer: Issuer | None = None,
    ) -> None:
        """Prepare.

        Args:
            ports: of this node.
            origin: returns by what a connection is counted, of its port on loopback.
            holder: this node's Credential Service, where it has one.
            issuer: its Issuer Service, where it has one; of one node only one of the two.
        """
        self._ports, self._origin = ports, origin
        self._holder, self._issuer = holder, issuer
        self._rate = Rate(
            ports.settings.dsp_requests_per_minute, refusal=too_many("too many requests")
        )
        self._turns = Threads(
            ThreadPoolExecutor(THREADS, thread_name_prefix="dcp"),
            Turns(THREADS, waiting=WAITING, at_once=AT_ONCE),
        )
        self._refusals = Refusals(ports, per_minute=PUBLIC_PER_MINUTE)

    def routes(self) -> list[Route]:
        """Return the routes."""
        found = []
        if self._holder is not None:
            found += [
                self._route("POST", "/presentations/query", self._present),
                self._route("POST", "/credentials", self._take),
                self._route("POST", "/offers", self._offered),
            ]
        if self._issuer is not None:
            found += [
                self._route("POST", "/credentials", self._request),
                self._route("GET", "/requests/{pid:path}", self._status),
                Route(f"{PATH}/metadata", self._metadata, methods=["GET"]),
                Route(memberships.STATUS_PATH, self._list, methods=["GET"]),
            ]
        return found

    def _route(self, method: str, path: str, work: Work) -> Route:
        name = f"dcp_{path.split('{', maxsplit=1)[0].strip('/').replace('/', '_')}"

        async def endpoint(request: Request) -> Response:
            return await self._answer(request, name, work)

        endpoint.__name__ = name  # by which its calls are counted
        return Route(PATH + path, endpoint, methods=[method])

    async def _answer(self, request: Request, name: str, work: Work) -> Response:
        origin = self._origin(request.client.port) if request.client else ""
        try:
            self._rate.take(origin)
            data = await bodies.read(request, MAX_BODY) if request.method == "POST" else b""
            token = bearer(request.headers.get("authorization", ""))
            proxies = self._ports.settings.certificate_proxies
            connection = _Connection(shown.of(request, origin, proxies))
            pid = str(request.path_params.get("pid", ""))
            async with asyncio.timeout(WAIT_SECONDS):
                return await self._turns.run(origin, partial(work, token, connection, data, pid))
        except TimeoutError as exc:
            self._refusals.count()
            raise TooManyRequests("the node is busy", retry_after=5.0) from exc
        except TooManyRequests:
            self._refusals.count()
            raise
        except PreauError as exc:
            await run_in_threadpool(self._refusals.record, "", name, exc)
            raise

    def _present(self, token: str, shown: _Connection, data: bytes, _pid: str) -> Response:
        assert self._holder is not None  # noqa: S101  its route is there
        return JSONResponse(self._holder.present(token, shown, data))

    def _take(self, token: str, shown: _Connection, data: bytes, _pid: str) -> Response:
        assert self._holder is not None  # noqa: S101  same
        self._holder.take(token, shown, data)
        return Response()

    def _offered(self, token: str, shown: _Connection, data: bytes, _pid: str) -> Response:
        assert self._holder is not None  # noqa: S101  same
        self._holder.offered(token, shown, data)
        return Response()

    def _request(self, token: str, shown: _Connection, data: bytes, _pid: str) -> Response:
        assert self._issuer is not None  # noqa: S101  same
        pid = self._issuer.request(token, shown, data)
        location = f"{dids.origin(self._ports.settings.did)}{PATH}/requests/{pid}"
        return Response(status_code=_CREATED, headers={"Location": location})

    def _status(self, token: str, shown: _Connection, _data: bytes, pid: str) -> Response:
        assert self._issuer is not None  # noqa: S101  same
        return JSONResponse(self._issuer.status(token, shown, pid).body())

    def _metadata(self, _request: Request) -> Response:
        assert self._issuer is not None  # noqa: S101  same
        return JSONResponse(self._issuer.metadata().body())

    def _list(self, _request: Request) -> Response:
        return Response(memberships.status_list(self._ports), media_type=JWT)
