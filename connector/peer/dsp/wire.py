"""Messages to peers of the Dataspace Protocol over HTTPS, of whatever make.

Rules: what goes out is what gRPC would carry, said in the protocol; all of it goes through the one
guarded client, with a header made for the address. A 2xx is taken, whatever its body; a body that
says where the process stands is the answer. A refusal is a 4xx, by the code of its body; 404 may be
of a peer that is not ready, and 5xx says nothing. What is fetched of a catalog is only asked for
where its first page came from.

Source: DSP 2025-1, HTTPS Bindings.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from connector.domain.contract.negotiation import Role
from connector.domain.participant import Participant
from connector.errors import (
    MessageTooLarge,
    NotFound,
    NotSupported,
    PeerFault,
    PeerUnreachable,
    PreauError,
    TooManyRequests,
    from_code,
)
from connector.jsonld.canonical import canonical, parse_object, sha256_hex
from connector.peer.dsp.callers import Callers
from connector.peer.web.client import hurried, waiting
from connector.ports import Answer, Web
from connector.protocol import messages as m
from connector.protocol import transfer_messages as t
from connector.protocol.codec import Body
from connector.protocol.dsp import (
    binding,
    catalog,
    catalog_request,
    data_address,
    faults,
    links,
    negotiation,
    transfer,
)
from connector.protocol.dsp.catalog_request import CatalogRequest
from connector.protocol.dsp.data_address import DataAddress
from connector.protocol.dsp.negotiation import Negotiated
from connector.protocol.dsp.policies import Policies, Reader
from connector.protocol.dsp.transfer import Transferred
from connector.protocol.negotiation import Act

ANSWER_BYTES: Final = 4 * 1024 * 1024
MOST_READ: Final = 1_000  # offers of a page: each takes some milliseconds
_TAKEN: Final = range(200, 300)
_REFUSED: Final = range(400, 500)
_TIMED_OUT, _MISSING, _TOO_LARGE, _TOO_MANY = 408, 404, 413, 429
_ASKING: Final = ("CatalogRequestMessage", "DatasetRequestMessage", "GetNegotiationMessage")
_SAID: Final = frozenset({*negotiation.TYPES, *transfer.TYPES, *_ASKING})
_OPENING: Final = {"ContractRequestMessage": "provider_pid", "ContractOfferMessage": "consumer_pid"}

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Known:
    """A process of this node.

    Attributes:
        role: ours.
        peer_pid: the peer's id of it; empty until it told us.
    """

    role: Role
    peer_pid: str


@dataclass(frozen=True, slots=True)
class Own:
    """What the wire has to know of this node.

    Attributes:
        callback: base at which it takes what peers send.
        process: returns the process of a pid of ours; None where it is none.
        access: returns where a consumer may pull a transfer of ours at this moment; None where no
            data may flow.
        base: returns where a peer takes what opens a process, and shows its catalog.
    """

    callback: str
    process: Callable[[str], Known | None]
    access: Callable[[Participant, str], DataAddress | None]
    base: Callable[[Participant], str]


class DspWire:
    """`ports.PeerWire.call` over HTTPS; thread-safe."""

    def __init__(self, web: Web, callers: Callers, how: Policies, own: Own) -> None:
        """Prepare.

        Args:
            web: guarded client.
            callers: makes the header by which peers judge this node.
            how: policies are read and written.
            own: of this node.
        """
        self._web, self._callers, self._how, self._own = web, callers, how, own

    def call(
        self,
        peer: Participant,
        kind: str,
        body: Mapping[str, Any],
        *,
        seconds: float = 10.0,
        address: str = "",
    ) -> Mapping[str, Any]:
        """Send one message, and return the answer; see `ports.PeerWire`.

        Args:
            peer: to whom.
            kind: of the message.
            body: its fields.
            seconds: longest exchange.
            address: base at which it is taken; empty: found by the peer's DID document.

        Returns:
            Fields of the answer's class; empty where the peer took the message and said no more.

        Raises:
            NotFound: the peer has nothing there, or not yet.
            PeerUnreachable: it does not answer, or failed.
            TooManyRequests: it takes no more now.
            NotSupported: the protocol has no such message.
            Malformed: the message cannot be said in the protocol, or the answer cannot be read.
            PeerFault: it refuses, by its code.
        """
        if kind not in _SAID:
            raise NotSupported(f"the Dataspace Protocol has no `{kind}`")
        base = (address or self._own.base(peer)).rstrip("/")
        call = _Call(self._web, self._callers, peer, base, seconds)
        if kind in negotiation.TYPES:
            return self._negotiated(call, m.KINDS[kind][0].from_body(body))
        if kind in transfer.TYPES:
            return self._transferred(call, m.KINDS[kind][0].from_body(body))
        if kind == "GetNegotiationMessage":
            pid = m.GetNegotiationMessage.from_body(body).pid
            answer = call.get(binding.state_path(binding.NEGOTIATIONS, pid), faults.NEGOTIATION)
            return negotiation.read_state(answer.body).to_body()
        if kind == "CatalogRequestMessage":
            return self._catalog(call, m.CatalogRequestMessage.from_body(body)).to_body()
        wanted = m.DatasetRequestMessage.from_body(body).dataset
        answer = call.get(binding.dataset_path(wanted), faults.CATALOG)
        return catalog.read_dataset(answer.body, self._how).dataset.to_body()

    def _catalog(self, call: _Call, asked: m.CatalogRequestMessage) -> m.Catalog:
        first = call.base + binding.CATALOG_REQUEST
        where = _page(first, asked.page_token)
        said = catalog_request.write(CatalogRequest(replace(asked, page_token="")))
        answer = call.post(where, said, faults.CATALOG)
        stated = [answer.headers["link"]] if "link" in answer.headers else []
        page = catalog.read(answer.body, replace(self._how, from_dsp=_Few(self._how.from_dsp)))
        return catalog.page_of(page, links.read(stated, where).next)

    def _negotiated(self, call: _Call, message: Any) -> Mapping[str, Any]:
        kind = type(message).__name__
        opens = kind in _OPENING and not getattr(message, _OPENING[kind])
        value = Negotiated(message, callback=self._own.callback if opens else "")
        if isinstance(message, m.ContractAgreementMessage):
            document = parse_object(message.agreement)
            plan = document.get("plan")
            value = replace(
                value,
                policy=canonical(document.get("agreement")),
                plan_digest=sha256_hex(canonical(plan)) if plan else "",
            )
        theirs = "" if opens else self._theirs(message)
        said = negotiation.write(value, self._how)
        answer = call.post(call.base + binding.path(kind, theirs), said, faults.NEGOTIATION)
        return _acknowledged(answer, message, negotiation.read_state)

    def _transferred(self, call: _Call, message: Any) -> Mapping[str, Any]:
        kind, theirs = type(message).__name__, ""
        value = Transferred(message)
        if isinstance(message, t.TransferRequestMessage):
            value = replace(value, callback=self._own.callback, format=data_address.PULL)
        else:
            theirs = self._theirs(message)
            pid = message.provider_pid or theirs  # it may not have been known yet
            value = replace(value, message=replace(message, provider_pid=pid))
        if isinstance(message, t.TransferStartMessage) and theirs == message.consumer_pid:
            value = replace(value, address=self._own.access(call.peer, message.provider_pid))
        said = transfer.write(value)
        answer = call.post(call.base + binding.path(kind, theirs), said, faults.TRANSFER)
        return _acknowledged(answer, message, transfer.read_state)

    def _theirs(self, message: Any) -> str:
        """Return the pid by which the receiver of a message knows its process."""
        sender = binding.sender_of(type(message).__name__)
        if isinstance(message, m.ContractNegotiationEventMessage):
            sender = Role.CONSUMER if m.act_of(message) is Act.ACCEPTED else Role.PROVIDER
        if sender is None:
            ours = self._own.process(message.provider_pid) if message.provider_pid else None
            sender = Role.CONSUMER if ours is None else ours.role
        if sender is Role.PROVIDER:
            return str(message.consumer_pid)
        ours = None if message.provider_pid else self._own.process(message.consumer_pid)
        return ours.peer_pid if ours else str(message.provider_pid)


@dataclass(frozen=True, slots=True)
class _Call:
    """One exchange with a peer."""

    web: Web
    callers: Callers
    peer: Participant
    base: str
    seconds: float

    def get(self, path: str, kind: str) -> Answer:
        return self._asked(self.base + path, None, kind)

    def post(self, address: str, body: Mapping[str, Any], kind: str) -> Answer:
        return self._asked(address, json.dumps(body, ensure_ascii=False).encode(), kind)

    def _asked(self, address: str, body: bytes | None, kind: str) -> Answer:
        headers = {"Authorization": self.callers.header(address, self.peer)}
        web = hurried(self.web, self.seconds)
        answer = web.ask(address, body, headers=headers, limit=ANSWER_BYTES)
        if answer.status not in _TAKEN:
            raise _failure(self.peer.did, answer, kind)
        return answer


class _Few:
    """Reads so many policies; what is beyond stands as unreadable, and costs nothing."""

    def __init__(self, read: Reader) -> None:
        self._read = read
        self._left = MOST_READ

    def __call__(self, body: Mapping[str, Any], *, kind: str, contexts: Sequence[str]) -> bytes:
        """Read one; see `Reader`."""
        self._left -= 1
        if self._left < 0:
            raise MessageTooLarge(f"more than {MOST_READ} offers in one page")
        return self._read(body, kind=kind, contexts=contexts)


def _page(first: str, token: str) -> str:
    """Return where a page is asked for: by the address that the page before it named."""
    if not token:
        return first
    return links.read([f'<{token}>; rel="next"'], first).next


def _acknowledged(answer: Answer, message: Any, read: Callable[[bytes], Body]) -> Mapping[str, Any]:
    """Return what an answer says of a process; nothing where it says nothing of this one.

    Its body is unspecified but where a process is opened, and some peers send none at all.
    """
    if not answer.body.strip():
        return {}
    try:
        found: Any = read(answer.body)
    except PreauError as exc:
        _log.info("what `%s` was answered with is not read: %s", type(message).__name__, exc.reason)
        return {}
    for name in ("provider_pid", "consumer_pid"):
        stated = getattr(message, name, "")
        if stated and getattr(found, name) != stated:
            _log.info("`%s` was answered about another process", type(message).__name__)
            return {}
    return found.to_body()  # type: ignore[no-any-return]  # of a Body


def _failure(did: str, answer: Answer, kind: str) -> PreauError:
    """Return the exception that an answer stands for."""
    try:
        error = faults.read(answer.body, kind).as_exception()
    except PreauError:
        error = PeerFault(f"`{did}` answers with status {answer.status}")
    wait, status = waiting(answer), answer.status
    if status == _TOO_MANY:
        return TooManyRequests(error.reason, retry_after=max(wait, 1.0))
    if status == _MISSING:
        return NotFound(error.reason)
    if status == _TOO_LARGE:
        return MessageTooLarge(error.reason)
    if status not in _REFUSED or status == _TIMED_OUT:
        return PeerUnreachable(f"`{did}` answers with status {status}: {error.reason}")
    # Only what is a peer's to say: other codes would speak of this node's own database or data.
    if isinstance(error, PeerFault):
        return from_code(error.code, error.reason, retry_after=wait)
    return PeerFault(f"`{error.code}`: {error.reason}")
