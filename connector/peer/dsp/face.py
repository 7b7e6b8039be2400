"""The HTTPS binding of the Dataspace Protocol 2025-1, for both roles of this node.

Rules: every route but the version document judges its caller before anything else is looked at, and
a process of another's is not there. What moves a process has moved it before the answer. A body is
bounded before it is read, requests by the address that they come from before anybody is believed,
and by their sender then; every wait is bounded. Every refusal is a body of the protocol, and is
recorded.

Source: DSP 2025-1, Catalog, Contract Negotiation and Transfer Process HTTPS Bindings; Exposure of
Versions.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Final

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from connector.domain.contract.negotiation import Negotiation
from connector.domain.participant import Participant
from connector.domain.transfer.transfer import Transfer
from connector.errors import (
    IllegalMessage,
    Malformed,
    NotFound,
    PreauError,
    TokenReplayed,
    TooManyRequests,
    UnknownPeer,
)
from connector.peer.calls.refusals import PUBLIC_PER_MINUTE, Refusals
from connector.peer.calls.use import Use
from connector.peer.dsp import catalog, limits
from connector.peer.dsp.answers import CREATED, OK, Told, refusal, told
from connector.peer.dsp.callers import Callers, Connection
from connector.peer.limits.rate import Rate, too_many
from connector.peer.limits.shares import Shares
from connector.peer.limits.turns import Threads, Turns
from connector.peer.status import released, unforeseen
from connector.peer.web import body as bodies
from connector.peer.web import shown
from connector.peer.web.addresses import target
from connector.peer.web.https import CODE
from connector.ports import Ports
from connector.protocol.dsp import (
    binding,
    catalog_request,
    faults,
    members,
    negotiation,
    transfer,
    versions,
)
from connector.protocol.dsp.negotiation import Negotiated
from connector.protocol.dsp.policies import Policies
from connector.protocol.dsp.transfer import Transferred
from connector.protocol.messages import ContractNegotiation
from connector.protocol.transfer_messages import TransferProcess
from connector.services import correlation
from connector.services.negotiation import steps as negotiations
from connector.services.transfer import steps as transfers

THREADS: Final = 16
WAITING: Final = 64  # requests of one origin that wait for a thread
WAIT_SECONDS: Final = 20.0
ORIGIN_FACTOR: Final = 4  # peers that may share an address
_BEARER: Final = "bearer "
_STATES: Final = {
    binding.NEGOTIATIONS: faults.NEGOTIATION,
    binding.TRANSFERS: faults.TRANSFER,
}

Process = ContractNegotiation | TransferProcess
Received = Callable[[Ports, Participant, Negotiated | Transferred], Process]


@dataclass(frozen=True, slots=True)
class Asked:
    """A request, as it came.

    Attributes:
        authorization: the header; empty where there is none.
        data: its body.
        query: of its address.
        name: that its path has: of a process or dataset; empty where it has none.
    """

    authorization: str
    data: bytes
    query: str
    name: str


@dataclass(slots=True)
class Visit:
    """What is known of a request while it is answered.

    Attributes:
        endpoint: name of what answers.
        kind: type of the body of an error.
        connection: what it shows beside its header.
        port: of its connection on loopback.
        ports: of this node; once its sender was judged, their first write uses its token.
        caller: DID of its sender; empty until it was judged.
        doubted: whether its sender is being judged, or was, and is not believed.
        pids: the provider's and the consumer's of the process that it is about, once it was found.
    """

    endpoint: str
    kind: str
    connection: Connection
    port: int
    ports: Ports
    caller: str = ""
    doubted: bool = False
    pids: tuple[str, str] = ("", "")


Work = Callable[[Visit, Participant, Asked], Told]


class DspFace:
    """Answers what peers ask of one node over HTTPS."""

    def __init__(  # noqa: PLR0913 - what a face needs of the node around it
        self,
        ports: Ports,
        callers: Callers,
        received: Received,
        *,
        how: Policies,
        base: str,
        shares: Shares,
        origin: Callable[[int], str],
        proven: Callable[[int, str], None],
        reachable: Callable[[str], object] = target,
    ) -> None:
        """Prepare.

        Args:
            ports: of this node.
            callers: judges who calls.
            received: takes in what moves a process, and returns where that stands.
            how: policies are read and written.
            base: address that each path is appended to.
            shares: of members, the same as over gRPC.
            origin: returns by what a connection is counted, of its port on loopback.
            proven: told that port, and of which member the connection was found to be.
            reachable: raises where a callback address is none that this node calls.
        """
        self._ports, self._callers, self._received = ports, callers, received
        self._how, self._base = how, base
        self._path = ports.settings.dsp_path
        self._shares, self._origin, self._proven = shares, origin, proven
        self._reachable = reachable
        each = ports.settings.dsp_requests_per_minute
        self._of_origin = Rate(each * ORIGIN_FACTOR, refusal=too_many("too many requests"))
        self._of_peer = Rate(each, refusal=too_many("too many requests of this participant"))
        self._turns = Threads(
            ThreadPoolExecutor(THREADS, thread_name_prefix="dsp"), Turns(THREADS, waiting=WAITING)
        )
        self._refused = Refusals(ports)
        self._strangers = Refusals(ports, per_minute=PUBLIC_PER_MINUTE)

    def routes(self) -> list[Route]:
        """Return the routes."""
        found = [Route(versions.PATH, self._versions, methods=["GET"])]
        found += self._route("POST", binding.CATALOG_REQUEST, faults.CATALOG, self._catalog)
        name = binding.DATASET.replace("{id}", "{name:path}")
        found += self._route("GET", name, faults.CATALOG, self._dataset)
        for kind, path in binding.OPENING.items():
            found += self._route("POST", path, _kind(path), partial(self._opened, kind))
        for kind, path in binding.MOVING.items():
            named = path.replace("{pid}", "{name}")
            found += self._route("POST", named, _kind(path), partial(self._moved, kind))
        for path, kind in _STATES.items():
            found += self._route("GET", f"{path}/{{name}}", kind, self._state)
        return found

    def _route(self, method: str, path: str, kind: str, work: Work) -> list[Route]:
        """Return the routes of a path, with a slash at its end and without."""
        name = f"dsp_{path.replace('{name}', '').replace('{name:path}', '').strip('/')}"
        name = "_".join(part for part in name.replace("/", "_").split("_") if part)

        async def endpoint(request: Request) -> Response:
            return await self._answer(request, name, kind, work)

        endpoint.__name__ = name  # by which its calls are counted
        ends = ("",) if path.endswith(":path}") else ("", "/")
        return [Route(f"{self._path}{path}{end}", endpoint, methods=[method]) for end in ends]

    def _versions(self, _request: Request) -> Response:
        auth = versions.Auth("DCP", "1.0", ("vc20-bssl/jwt",))
        own = versions.Version(
            members.VERSION, self._path, identifier_type="did:web", service_id=self._base, auth=auth
        )
        return told(versions.write([own])).response()

    async def _answer(self, request: Request, name: str, kind: str, work: Work) -> Response:
        port = request.client.port if request.client else 0
        visit = Visit(name, kind, Connection(self._origin(port)), port, self._ports)
        try:
            found = await self._worked(request, visit, work)
        except TimeoutError:
            failure: PreauError = TooManyRequests("the node is busy", retry_after=5.0)
        except PreauError as exc:
            failure = released(exc)
        except Exception:  # noqa: BLE001 - the outermost border: whatever it is, no text leaves
            failure = unforeseen(name)
        else:
            return found.response()
        request.scope[CODE] = failure.code
        await self._record(visit, failure)
        believed = not visit.doubted
        return refusal(failure, visit.kind, visit.pids, believed=believed).response()

    async def _worked(self, request: Request, visit: Visit, work: Work) -> Told:
        origin, settings = visit.connection.origin, self._ports.settings
        self._of_origin.take(origin)
        certificate = shown.of(request, origin, settings.certificate_proxies)
        visit.connection = Connection(origin, certificate)
        data = b""
        if request.method == "POST":
            data = await bodies.read(request, settings.dsp_message_bytes)
        asked = Asked(
            request.headers.get("authorization", ""),
            data,
            request.url.query,
            str(request.path_params.get("name", "")),
        )
        async with asyncio.timeout(WAIT_SECONDS):
            return await self._turns.run(origin, partial(self._judged, visit, asked, work))

    async def _record(self, visit: Visit, failure: PreauError) -> None:
        refusals = self._refused if visit.caller else self._strangers
        if isinstance(failure, TooManyRequests):
            refusals.count()
        else:
            await run_in_threadpool(refusals.record, visit.caller, visit.endpoint, failure)

    def _judged(self, visit: Visit, asked: Asked, work: Work) -> Told:
        visit.doubted = True
        caller, unused = self._callers.judge(asked.authorization, visit.connection)
        if caller.did == self._ports.settings.did:
            raise UnknownPeer("a node does not call itself")
        visit.caller, visit.doubted = caller.did, False
        self._proven(visit.port, caller.did)
        if unused is None:
            return self._worked_for(caller, visit, asked, work)
        use = Use(self._ports.store, unused)
        visit.ports = replace(self._ports, store=use)
        try:
            try:
                return self._worked_for(caller, visit, asked, work)
            finally:  # also where the call was refused
                use.settle()
        except TokenReplayed:
            visit.doubted = True
            raise

    def _worked_for(self, caller: Participant, visit: Visit, asked: Asked, work: Work) -> Told:
        self._of_peer.take(caller.did)
        return work(visit, caller, asked)

    def _catalog(self, visit: Visit, caller: Participant, asked: Asked) -> Told:
        self._shares.take(caller.did, "CatalogRequestMessage", len(asked.data))
        request = catalog_request.read(asked.data, asked.query)
        body, links = catalog.page(visit.ports, caller, request, self._how, self._base)
        return told(body, Link=links) if links else told(body)

    def _dataset(self, visit: Visit, caller: Participant, asked: Asked) -> Told:
        return told(catalog.dataset(visit.ports, caller, asked.name, self._how, self._base))

    def _opened(self, kind: str, visit: Visit, caller: Participant, asked: Asked) -> Told:
        self._shares.take(caller.did, kind, len(asked.data))
        value = self._read(kind, asked)
        message = value.message
        visit.pids = (getattr(message, "provider_pid", ""), getattr(message, "consumer_pid", ""))
        if not value.callback:
            raise Malformed(f"`{kind}` /callbackAddress: is missing where a process is opened")
        self._reachable(value.callback)
        if isinstance(value, Transferred):
            limits.check_open(visit.ports, caller, message.consumer_pid)
        return self._taken(visit, caller, value, CREATED)

    def _moved(self, kind: str, visit: Visit, caller: Participant, asked: Asked) -> Told:
        found = self._process(visit, caller, asked.name)
        self._shares.take(caller.did, kind, len(asked.data))
        value = self._read(kind, asked)
        own = f"{found.role.value}_pid"
        if getattr(value.message, own) != found.pid:
            raise Malformed(
                f"`{kind}` /{found.role.value}Pid: is not the process that the address names"
            )
        if binding.sender_of(kind) not in (None, found.role.other):
            raise IllegalMessage(f"the {found.role.other} of a process sends no `{kind}`")
        return self._taken(visit, caller, value, OK)

    def _state(self, visit: Visit, caller: Participant, asked: Asked) -> Told:
        found = self._process(visit, caller, asked.name)
        if isinstance(found, Negotiation):
            return _standing(ContractNegotiation.from_body(negotiations.answer_of(found)), OK)
        return _standing(transfers.answer_of(found), OK)

    def _process(self, visit: Visit, caller: Participant, pid: str) -> Negotiation | Transfer:
        """Return a process of the caller's with this node.

        Raises:
            NotFound: there is none of that pid, or it is another's.
        """
        with self._ports.store.read() as tx:
            if visit.kind == faults.TRANSFER:
                found: Negotiation | Transfer | None = tx.transfers.get(pid)
            else:
                found = tx.negotiations.get(pid)
        if found is None or found.peer != caller.did:
            raise NotFound("no such process with this participant")
        steps: Any = negotiations if isinstance(found, Negotiation) else transfers
        visit.pids = tuple(steps.pids(found).values())
        return found

    def _read(self, kind: str, asked: Asked) -> Negotiated | Transferred:
        if kind in transfer.TYPES:
            return transfer.read(asked.data, (kind,))
        value = negotiation.read(asked.data, self._how, (kind,))
        scheme, token = asked.authorization[: len(_BEARER)], asked.authorization[len(_BEARER) :]
        return replace(value, token=token.strip() if scheme.lower() == _BEARER else "")

    def _taken(
        self, visit: Visit, caller: Participant, value: Negotiated | Transferred, status: int
    ) -> Told:
        ids = (getattr(value.message, "provider_pid", ""), value.message.consumer_pid)
        with correlation.about(*ids):
            process = self._received(visit.ports, caller, value)
        visit.pids = (process.provider_pid, process.consumer_pid)
        return _standing(process, status)


def _kind(path: str) -> str:
    return next(kind for start, kind in _STATES.items() if path.startswith(start))


def _standing(process: Process, status: int) -> Told:
    """Return where a process stands; a pid that this side was not told yet is nobody's."""
    provider, consumer = process.provider_pid or members.NIL, process.consumer_pid or members.NIL
    if isinstance(process, TransferProcess):
        stated = replace(process, provider_pid=provider, consumer_pid=consumer)
        return told(transfer.write_state(stated), status)
    apart = replace(process, provider_pid=provider, consumer_pid=consumer, next_kind="", next=b"")
    return told(negotiation.write_state(apart), status)
