"""Two nodes joined by the codec of the Dataspace Protocol: written, judged by its schema, read.

    with dsp_link(tmp_path, plain=True) as pair:
        negotiate.request(pair.lab.ports, pair.school.did, DATASET)
        pair.pump()

Where it is `plain`, what only Préau nodes say is taken out of each message, so that either node
takes the other for one of another make. The faults of the link are those of `link.py`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from connector.bootstrap import dataspace
from connector.domain.participant import Participant
from connector.errors import PeerUnreachable, PreauError
from connector.peer.dsp import catalog
from connector.peer.dsp.answers import refusal
from connector.peer.dsp.callers import Connection
from connector.peer.dsp.wire import DspWire
from connector.ports import Answer
from connector.protocol.dsp import extensions, faults, members, negotiation, transfer, versions
from connector.services.credentials.authenticating import Judged
from connector.services.messages.receive import received
from connector.services.transfer import provider_side, pulling
from tests.support.dsp_nodes import judge
from tests.support.link import Call, Fault, Link, LinkWeb, Node, link
from tests.support.preparing import prepared

PATH: Final = "/dsp/2025-1"
_ASKED: Final = "/catalog/datasets/"


class _ByName:
    """`Callers`: the header is the DID of its bearer."""

    def __init__(self, did: str) -> None:
        self.did = did

    def judge(self, authorization: str, connection: Connection) -> Judged:
        raise AssertionError((authorization, connection))

    def header(self, address: str, peer: Participant) -> str:
        assert address.startswith(f"https://{peer.did.removeprefix('did:web:')}/")
        return f"Bearer {self.did}"


@dataclass
class LoopWeb(LinkWeb):
    """The port `Web`: what is asked of a node's base is answered by its services.

    Attributes:
        plain: whether members of Préau nodes are taken out.
        sent: every message, as it was written.
    """

    plain: bool = False
    sent: list[dict[str, Any]] = field(default_factory=list)

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
        fault = self.pair.fault(call)
        if fault is Fault.LOSE_REQUEST:
            raise PeerUnreachable("lost on the way")
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

    def _answer(self, call: Call, path: str) -> Answer:
        node = self.pair.node(call.receiver)
        with node.ports.store.read() as tx:
            caller = tx.participants.get(call.sender)
        assert caller is not None
        how = dataspace.policies(node.ports)
        try:
            if not call.body:
                name = path.partition(_ASKED)[2].replace("%3A", ":")
                found = catalog.dataset(node.ports, caller, name, how, f"https://x.example{PATH}")
                return self._told(found)
            return self._told(self._taken(node, caller, self._through(call.body), how))
        except PreauError as exc:
            kind = faults.CATALOG if not call.body else faults.NEGOTIATION
            kind = faults.TRANSFER if "Transfer" in call.kind else kind
            told = refusal(exc, kind, (members.NIL, members.NIL), believed=True)
            return Answer(told.status, told.body)

    def _taken(self, node: Node, caller: Participant, body: bytes, how: Any) -> dict[str, Any]:
        if json.loads(body)["@type"] in transfer.TYPES:
            process: Any = received(node.ports, caller, transfer.read(body))
            return transfer.write_state(_stated(process))
        token = f"token of {caller.did}"
        value = replace(negotiation.read(body, how), token=token)
        process = received(node.ports, caller, value)
        return negotiation.write_state(_stated(process))

    def _told(self, body: dict[str, Any]) -> Answer:
        return Answer(200, self._through(body))

    def _through(self, body: dict[str, Any]) -> bytes:
        judge(body)
        self.sent.append(body)
        return json.dumps(_without(body) if self.plain else body).encode()


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
