"""Nodes joined by the codec of the Dataspace Protocol: written, judged by its schema, read.

    with dsp_link(tmp_path, plain=True) as pair:
        negotiate.request(pair.lab.ports, pair.school.did, DATASET)
        pair.pump()

Where it is `plain`, what only Préau nodes say is taken out of each message, so that either node
takes the other for one of another make. The faults of the link are those of `link.py`. What each
message that moves a negotiation found and left is noted, for `dsp_oracle.py`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote

from connector.bootstrap import dataspace
from connector.domain.contract.negotiation import NegotiationState, Role
from connector.domain.participant import Participant
from connector.errors import PeerUnreachable, PreauError
from connector.peer.dsp import catalog
from connector.peer.dsp.answers import refusal
from connector.peer.dsp.callers import Connection
from connector.peer.dsp.wire import DspWire
from connector.ports import Answer
from connector.protocol.dsp import (
    binding,
    extensions,
    faults,
    members,
    negotiation,
    transfer,
    versions,
)
from connector.protocol.dsp.policies import Policies
from connector.protocol.messages import ContractNegotiation
from connector.services.credentials.authenticating import Judged
from connector.services.messages.receive import received
from connector.services.negotiation import negotiate
from connector.services.transfer import provider_side, pulling
from tests.support.dsp_nodes import judge
from tests.support.link import Call, Fault, Link, LinkWeb, Node, link
from tests.support.preparing import prepared

PATH: Final = "/dsp/2025-1"
_ASKED: Final = "/catalog/datasets/"
_BASE: Final = f"https://x.example{PATH}"
_OK: Final = 200


class _ByName:
    """`Callers`: the header is the DID of its bearer."""

    def __init__(self, did: str) -> None:
        self.did = did

    def judge(self, authorization: str, connection: Connection) -> Judged:
        raise AssertionError((authorization, connection))

    def header(self, address: str, peer: Participant) -> str:
        assert address.startswith(f"https://{peer.did.removeprefix('did:web:')}/")
        return f"Bearer {self.did}"


@dataclass(frozen=True, slots=True)
class Taken:
    """What a message found at a node of the link, and what it left.

    Attributes:
        sender: DID.
        receiver: DID.
        body: as it was read.
        role: of the sender, in the negotiation.
        before: state of the receiver's negotiation; None where there was none.
        after: same, after its answer.
        code: of the refusal; empty where it was taken.
    """

    sender: str
    receiver: str
    body: Mapping[str, Any]
    role: Role
    before: NegotiationState | None
    after: NegotiationState | None
    code: str

    def __str__(self) -> str:
        kind = f"{self.body['@type']} {self.body.get('eventType', '')}".strip()
        return f"{self.role} {kind}: {self.before} -> {self.after} {self.code}"


@dataclass
class LoopWeb(LinkWeb):
    """The port `Web`: what is asked of a node's base is answered by its services.

    Attributes:
        plain: whether members of Préau nodes are taken out.
        sent: every message, as it was written.
        taken: each message about a negotiation that came to a node.
        others: DID of who is no node of the link -> what it answers to a path and a body.
    """

    plain: bool = False
    sent: list[dict[str, Any]] = field(default_factory=list)
    taken: list[Taken] = field(default_factory=list)
    others: dict[str, Callable[[str, Any], Answer]] = field(default_factory=dict)
    _how: dict[str, Policies] = field(default_factory=dict)

    def get(self, url: str, *, limit: int = 1 << 20) -> bytes:
        if url.endswith(versions.PATH):
            spoken = versions.Version(members.VERSION, PATH)
            return json.dumps(versions.write([spoken])).encode()
        return super().get(url, limit=limit)

    def ask(
        self,
        url: str,
        body: bytes | None = None,
        *,
        headers: Mapping[str, str] = {},
        limit: int = 1 << 20,
    ) -> Answer:
        host, _, path = url.removeprefix("https://").partition("/")
        receiver, sender = f"did:web:{host}", headers["Authorization"].removeprefix("Bearer ")
        said = json.loads(body) if body else {}
        call = Call(sender, receiver, str(said.get("@type", path)), said)
        if said and sender not in self.others:
            self._judged(said)
        fault = self.pair.fault(call)
        if fault is Fault.LOSE_REQUEST:
            raise PeerUnreachable("lost on the way")
        if fault is Fault.REPLAY_FIRST:
            self._replay(call)
        answer = self._answer(call, f"/{path}")
        if fault is Fault.TWICE and body:
            again = self._answer(call, f"/{path}")
            assert (again.status, again.body) == (answer.status, answer.body)
        if fault is Fault.LOSE_ANSWER:
            raise PeerUnreachable("answer lost on the way")
        assert len(answer.body) <= limit
        return answer

    def fetch(self, url: str, token: str, offset: int) -> Iterator[bytes]:
        """Send a few bytes at a time, each judged, as the data plane does now and then."""
        host, _, path = url.removeprefix("https://").partition("/")
        ports, name = self.pair.node(f"did:web:{host}").ports, path.rpartition("/")[2]
        transfer, extract = pulling.admitted(ports, name, token)
        while offset < extract.bytes:
            provider_side.judge(ports, transfer.pid, transfer.peer)
            data = ports.extracts.read(extract, offset, min(10, extract.bytes - offset)).tobytes()
            offset += len(data)
            yield data
        provider_side.passed(ports, transfer.pid, offset)

    def _replay(self, call: Call) -> None:
        """Let all that came to the receiver about the same process come once more."""
        pids = _pids(call.body)
        for old in [it for it in self.taken if it.receiver == call.receiver]:
            if old.sender == call.sender and pids & _pids(old.body):
                self._answer(Call(old.sender, old.receiver, "", dict(old.body)), "")

    def _answer(self, call: Call, path: str) -> Answer:
        if call.receiver in self.others:
            return self.others[call.receiver](path, call.body)
        node = self.pair.node(call.receiver)
        with node.ports.store.read() as tx:
            caller = tx.participants.get(call.sender)
        assert caller is not None
        how = self._how.setdefault(node.did, dataspace.policies(node.ports))
        if not call.body:
            return self._told(lambda: self._shown(node, caller, unquote(path), how), call)
        role, before = _standing(node, call)
        answer = self._told(lambda: self._taken(node, caller, call.body, how), call)
        if call.body["@type"] in negotiation.TYPES:
            after = _standing(node, call)[1]
            code = json.loads(answer.body)["code"] if answer.status != _OK else ""
            about = (call.sender, call.receiver, self._without(call.body))
            self.taken.append(Taken(*about, role, before, after, code))
        return answer

    def _shown(self, node: Node, caller: Participant, path: str, how: Policies) -> dict[str, Any]:
        dataset, pid = path.partition(_ASKED)[2], path.partition(f"{binding.NEGOTIATIONS}/")[2]
        if dataset:
            return catalog.dataset(node.ports, caller, dataset, how, _BASE)
        answer = negotiate.receive_get(node.ports, caller, {"pid": pid})
        return negotiation.write_state(_stated(ContractNegotiation.from_body(answer)))

    def _taken(
        self, node: Node, caller: Participant, said: Mapping[str, Any], how: Policies
    ) -> dict[str, Any]:
        body = json.dumps(self._without(said)).encode()
        if said["@type"] in transfer.TYPES:
            process: Any = received(node.ports, caller, transfer.read(body))
            return transfer.write_state(_stated(process))
        token = f"token of {caller.did}"
        value = replace(negotiation.read(body, how), token=token)
        process = received(node.ports, caller, value)
        return negotiation.write_state(_stated(process))

    def _told(self, asked: Callable[[], dict[str, Any]], call: Call) -> Answer:
        try:
            body, status = asked(), _OK
        except PreauError as exc:
            kind = faults.NEGOTIATION if call.body else faults.CATALOG
            kind = faults.TRANSFER if "Transfer" in call.kind else kind
            told = refusal(exc, kind, (members.NIL, members.NIL), believed=True)
            body, status = json.loads(told.body), told.status
        self._judged(body)
        return Answer(status, json.dumps(self._without(body)).encode())

    def _judged(self, body: dict[str, Any]) -> None:
        judge(body)
        self.sent.append(body)

    def _without(self, body: Any) -> Any:
        return _without(body) if self.plain else body


def _pids(body: Mapping[str, Any]) -> set[str]:
    return {body[name] for name in ("providerPid", "consumerPid") if name in body}


def _standing(node: Node, call: Call) -> tuple[Role, NegotiationState | None]:
    """Return the role of a sender and the state that a node holds; None where it holds none."""
    opens = Role.PROVIDER if call.body["@type"] == "ContractOfferMessage" else Role.CONSUMER
    with node.ports.store.read() as tx:
        found = [it for it in map(tx.negotiations.get, sorted(_pids(call.body))) if it]
        found += [
            it
            for pid in _pids(call.body)
            for it in tx.negotiations.find(peer=call.sender, peer_pid=pid)
        ]
    held = next((it for it in found if it.peer == call.sender), None)
    return (held.role.other, held.state) if held else (opens, None)


def _stated(process: Any) -> Any:
    names = ("provider_pid", "consumer_pid")
    return replace(process, **{name: getattr(process, name) or members.NIL for name in names})


def _without(value: Any) -> Any:
    """Return JSON without what only Préau nodes say."""
    if isinstance(value, list):
        return [_without(each) for each in value]
    if not isinstance(value, dict):
        return value
    return {
        name: _without(each)
        for name, each in value.items()
        if not name.startswith(extensions.TERMS)
    }


def joined(pair: Link, *, plain: bool) -> LoopWeb:
    """Let the nodes of a link know no gRPC of each other."""
    web = LoopWeb(pair, plain=plain)
    for node in pair.nodes.values():
        with node.ports.store.write() as tx:
            for known in tx.participants.find():
                tx.participants.put(replace(known, grpc_endpoint=""))
        settings = replace(node.ports.settings, dsp_path=PATH)
        node.ports = replace(node.ports, web=web, settings=settings, preparing=prepared)
        wire: DspWire = dataspace.wire(node.ports, _ByName(node.did))
        node.ports = replace(node.ports, wire=_Only(wire))
    return web


@dataclass
class _Only:
    """`PeerWire` over HTTPS alone."""

    wire: DspWire

    def call(self, peer: Participant, kind: str, body: Mapping[str, Any], **how: Any) -> Any:
        how.pop("carries", None)
        return self.wire.call(peer, kind, body, **how)

    def fetch(self, provider: Participant, pid: str, offset: int) -> Iterator[bytes]:
        raise PeerUnreachable(f"no gRPC: {provider.did} {pid} {offset}")

    def participate(self, lead: Participant, hello: Any) -> Any:
        raise PeerUnreachable(f"no stream to `{lead.did}` for `{hello}` on this link")


@contextmanager
def dsp_link(folder: Path, *, plain: bool) -> Iterator[tuple[Link, LoopWeb]]:
    """Join `school` and `lab`; see above."""
    with link(folder) as pair:
        yield pair, joined(pair, plain=plain)
