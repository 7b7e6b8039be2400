"""The node's public HTTPS face: who it is, and the door for first contact.

Rules: every route is public, and the table `PUBLIC` says why, but for those that are handed in,
which judge a token or serve what is open to anybody; nothing here speaks for a caller;
the one route that makes the node act, first contact, is limited per address, in all, in size, in
time and in how many run at once, of one address one at a time. Refusals are problem JSON (RFC 9457)
and are recorded, without the DID that nobody proved; those for asking too often are only counted.
TLS 1.2 or newer.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from typing import Any, Final

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from connector.domain import generation as generations
from connector.domain.calls import OK, Calls
from connector.errors import (
    AddressForbidden,
    DidUnresolvable,
    Malformed,
    MessageTooLarge,
    NotFound,
    PeerUnreachable,
    PreauError,
    TooManyRequests,
    status,
)
from connector.identity import did as dids
from connector.jsonld.canonical import parse_object
from connector.peer.calls.refusals import Refusals
from connector.peer.limits.rate import Rate, too_many
from connector.peer.limits.turns import Threads, Turns
from connector.peer.status import tellable, unforeseen, waiting
from connector.peer.web import body as bodies
from connector.peer.web.client import RETRY_AFTER, hurried
from connector.ports import Ports
from connector.services.membership import fetching, onboard

JWT: Final = "application/vc+jwt"
JOSE: Final = "application/jose"
PROBLEM: Final = "application/problem+json"
FIRST_CONTACT: Final = "/first-contact"
GENERATION: Final = fetching.GENERATION_PATH
MAX_BODY: Final = 2048
CONTACTS_AT_ONCE: Final = 16  # of all addresses; of one address one at a time
CONTACTS_WAITING: Final = 4  # of one address
CONTACTS_IN_ALL: Final = 10  # times what one address may, of all together
CONTACT_SECONDS: Final = 8.0  # for all that is fetched in one
WAIT_SECONDS: Final = 10.0  # as long as our own nodes wait for the answer (`client.py`)
# What the fetching of a stranger's document, membership and description may end with.
_FETCHING: Final = (AddressForbidden, DidUnresolvable, MessageTooLarge, NotFound, PeerUnreachable)
CODE: Final = "preau.code"  # in the scope of a request: how it was answered

# Every route of a node, and why nobody need log in to use it.
PUBLIC: Final[Mapping[str, str]] = {
    "did.json": "did:web: a DID document is fetched before anything is known of the fetcher",
    "/membership": "the credential by which a stranger judges this node at first contact",
    "/self-description": "who the institution is: made to be read by anyone",
    "/datasets/{id:path}": "descriptions of datasets that are offered to every member; no data",
    GENERATION: "whether the two nodes can work together: a number, asked before anything else",
    FIRST_CONTACT: "a stranger names itself; limited per address, in all, in size and at once",
    "/memberships/{did:path}": "an authority's members fetch their credentials; signed, no secret",
    "/status/1": "an authority's revocation list; a bit string without names",
    "/templates/{digest}": "what an authority asks of every offer; signed, made to be read",
}


class PublicFace:
    """Answers the public routes of one node."""

    def __init__(
        self,
        ports: Ports,
        refusals: Refusals,
        *,
        origin: Callable[[int], str],
        description: Callable[[], str],
        status_list: Callable[[], str] | None = None,
        template: Callable[[str], str] | None = None,
        data: Sequence[Route] = (),
    ) -> None:
        """Prepare.

        Args:
            ports: of this node.
            refusals: where refused first contacts are recorded.
            origin: returns by what a connection is counted, of its port on loopback.
            description: returns this node's self-description, VC-JWT.
            status_list: returns an authority's status list, VC-JWT; None on other nodes.
            template: returns a template of an authority by its digest, JWS; None on other nodes.
            data: further routes: each judges what a request may read or ask.
        """
        self._ports = ports
        self._data = data
        self._refusals = refusals
        self._origin = origin
        self._own_description = description
        self._status_list = status_list
        self._template = template
        self._rate = Rate(
            ports.settings.first_contacts_per_minute,
            factor=CONTACTS_IN_ALL,
            refusal=too_many("too many first contacts"),
        )
        self._turns = Threads(
            ThreadPoolExecutor(CONTACTS_AT_ONCE, thread_name_prefix="contact"),
            Turns(CONTACTS_AT_ONCE, waiting=CONTACTS_WAITING, at_once=1),
        )

    def application(self) -> Starlette:
        """Return the ASGI application."""
        routes = [
            Route(path, self._document, methods=["GET"])
            for path in dict.fromkeys((_path(self._ports.settings.did), "/.well-known/did.json"))
        ]
        if self._status_list is None:
            routes += [
                Route("/membership", self._membership, methods=["GET"]),
                Route("/self-description", self._description, methods=["GET"]),
                Route("/datasets/{id:path}", self._dataset, methods=["GET"]),
                Route(GENERATION, self._generation, methods=["GET"]),
                Route(FIRST_CONTACT, self._first_contact, methods=["POST"]),
            ]
        else:
            routes += [
                Route("/memberships/{did:path}", self._member, methods=["GET"]),
                Route("/status/1", self._status, methods=["GET"]),
                Route("/templates/{digest}", self._one_template, methods=["GET"]),
            ]
        return Starlette(
            routes=[*routes, *self._data],
            middleware=[Middleware(_Counting, calls=self._ports.calls)],
            exception_handlers={
                PreauError: _refused,
                HTTPException: _http_fault,
                Exception: _failed,
            },
        )

    def _document(self, _request: Request) -> Response:
        return Response(self._ports.own_document(), media_type="application/did+json")

    def _membership(self, request: Request) -> Response:
        membership = self._ports.own_membership(request.query_params.get(fetching.SPACE, ""))
        if not membership:
            raise NotFound("this node has no membership yet")
        return Response(membership, media_type=JWT)

    def _description(self, _request: Request) -> Response:
        return Response(self._own_description(), media_type=JWT)

    def _generation(self, _request: Request) -> Response:
        return JSONResponse({"generation": generations.GENERATION})

    def _dataset(self, request: Request) -> Response:
        wanted = request.path_params["id"]
        with self._ports.store.read() as tx:
            dataset = tx.datasets.get(wanted)
            offers = tx.offers.find(
                dataset_id=wanted, audience="", derived_from="", withdrawn=False
            )
        if dataset is None or not offers:
            raise NotFound("no such dataset")
        return Response(dataset.credential, media_type=JWT)

    def _member(self, request: Request) -> Response:
        with self._ports.store.read() as tx:
            member = tx.members.get(request.path_params["did"])
        if member is None:
            raise NotFound("no such member")
        return Response(member.credential, media_type=JWT)

    def _status(self, _request: Request) -> Response:
        if self._status_list is None:
            raise NotFound("this node is not an authority")
        return Response(self._status_list(), media_type=JWT)

    def _one_template(self, request: Request) -> Response:
        if self._template is None:
            raise NotFound("this node publishes no templates")
        return Response(self._template(request.path_params["digest"]), media_type=JOSE)

    async def _first_contact(self, request: Request) -> Response:
        data = await bodies.read(request, MAX_BODY)
        address = self._origin(request.client.port) if request.client else ""
        try:
            self._rate.take(address)
            async with asyncio.timeout(WAIT_SECONDS):
                await self._turns.run(address, partial(self._welcome, data))
        except TimeoutError as exc:
            self._refusals.count()
            raise TooManyRequests(
                "the first contact took too long", hint="try again in a minute", retry_after=60.0
            ) from exc
        except TooManyRequests:
            self._refusals.count()
            raise
        except PreauError as exc:
            cause = exc.__cause__
            told = cause if isinstance(cause, _FETCHING) else exc
            await run_in_threadpool(self._refusals.record, "", FIRST_CONTACT, told)
            raise
        return JSONResponse({"did": self._ports.settings.did, "admitted": True})

    def _welcome(self, data: bytes) -> None:
        did = _did(parse_object(data, limit=MAX_BODY))
        dids.parse(did)
        ports = replace(self._ports, web=hurried(self._ports.web, CONTACT_SECONDS))
        try:
            onboard.welcome(ports, did)
        except _FETCHING as exc:  # why would tell a stranger what this node can reach
            raise PeerUnreachable(
                "this node could not read what that DID and its document name",
                hint="ask its operator, who finds the cause in the log",
            ) from exc


class _Counting:
    """ASGI middleware that counts requests by the name of what answers, and by code."""

    def __init__(self, app: ASGIApp, calls: Calls) -> None:
        self._app = app
        self._calls = calls

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, and count it."""
        code = PreauError.code
        try:
            await self._app(scope, receive, send)
            code = scope.get(CODE, OK)
        finally:
            name = getattr(scope.get("endpoint"), "__name__", "unknown").strip("_")
            self._calls.add(f"https:{name}", code)


def problem(error: PreauError) -> dict[str, Any]:
    """Return an error as problem JSON (RFC 9457 section 3)."""
    told = tellable(error)
    return {
        "type": f"https://w3id.org/preau/problems#{error.code}",
        "title": error.code.replace("_", " ").lower(),
        "status": status(error.code)[1],
        "detail": told.reason,
        "code": error.code,
        "hint": told.hint,
    }


def _answer(error: PreauError) -> Response:
    wait = waiting(error)  # RFC 9110 section 10.2.3
    headers = {RETRY_AFTER: str(wait)} if wait else None
    return JSONResponse(problem(error), status(error.code)[1], headers, media_type=PROBLEM)


def _refused(request: Request, error: Exception) -> Response:
    fault = error if isinstance(error, PreauError) else unforeseen("https")
    request.scope[CODE] = fault.code
    return _answer(fault)


def _failed(request: Request, _error: Exception) -> Response:
    return _answer(unforeseen(request.url.path))


def _http_fault(request: Request, error: Exception) -> Response:
    number = error.status_code if isinstance(error, HTTPException) else 500
    fault = NotFound("no such address") if number == 404 else Malformed("not a request for this")  # noqa: PLR2004 - HTTP's own number
    request.scope[CODE] = fault.code
    return JSONResponse({**problem(fault), "status": number}, number, media_type=PROBLEM)


def _did(body: dict[str, Any]) -> str:
    did = body.get("did")
    if set(body) != {"did"} or not isinstance(did, str):
        raise Malformed('the body must be {"did": …}')
    return dids.parse(did).did


def _path(did: str) -> str:
    return dids.document_url(did).removeprefix(dids.origin(did))
