"""Two nodes joined by a fake link: real SQLite stores, real keys, deliveries driven by hand.

    with link(tmp_path) as pair:
        pair.lab.request(...)
        pair.pump()

The link loses requests or answers, repeats messages and replays old ones as a test asks; a node
can be restarted on its database at any moment. Bodies pass through their protocol buffers, as over
gRPC.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from enum import Enum
from pathlib import Path
from typing import Any

from google.protobuf import json_format

from connector.domain.catalog.source import FOLDER
from connector.domain.contract.negotiation import Agreement, Negotiation
from connector.domain.delivery import OutgoingMessage, Reply
from connector.domain.log.audit import LogEntry
from connector.domain.participant import IssuerDocument, Participant
from connector.domain.transfer.extract import Extract
from connector.errors import PeerUnreachable, PreauError, from_code
from connector.identity import document as documents
from connector.jsonld.canonical import parse_object
from connector.peer.v1 import (
    audit_pb2,
    catalog_pb2,
    federation_pb2,
    negotiation_pb2,
    transfer_pb2,
    use_pb2,
)
from connector.ports import Ports
from connector.protocol import messages
from connector.services.membership import onboard
from connector.services.messages import deliver
from connector.services.messages.receive import HANDLERS
from connector.services.negotiation import telling
from connector.services.transfer import provider_side
from connector.sources.snapshots import HomeSources
from connector.store import SqlStore
from tests.support.census import CensusWorkers
from tests.support.contracts import NOW, Member, Space, UsualSpace, usual
from tests.support.database import sqlite_url
from tests.support.doubles import CountingIds, FixedClock, ports_for_tests

DATASET = "urn:example:pupils-north"
CONTEXT = [
    "https://w3id.org/dspace/2025/1/context.jsonld",
    "https://w3id.org/dspace/2025/1/odrl-profile.jsonld",
]
PREAU = "https://w3id.org/preau/odrl/v1#"
PURPOSE = "https://w3id.org/dpv#AcademicResearch"
END = "2027-06-30T00:00:00Z"

_BUFFERS = {
    name: getattr(module, name)
    for module in (audit_pb2, catalog_pb2, federation_pb2, negotiation_pb2, transfer_pb2, use_pb2)
    for name in module.DESCRIPTOR.message_types_by_name
}


class Fault(Enum):
    """What the link does to one call."""

    NONE = "none"
    LOSE_REQUEST = "lose request"
    LOSE_ANSWER = "lose answer"
    TWICE = "twice"
    REPLAY_FIRST = "replay everything older first"


@dataclass(frozen=True)
class Call:
    """One call that the link carried."""

    sender: str
    receiver: str
    kind: str
    body: dict[str, Any]
    carries: bool = False


class Node:
    """One end of the link."""

    def __init__(self, pair: Link, home: Path, member: Member, number: int) -> None:
        self.pair, self.home, self.member = pair, home, member
        self.did = member.did
        home.mkdir(parents=True)
        self.ids = CountingIds(number)
        self.url = pair.databases() if pair.databases else sqlite_url(home)
        self.ports = self._assemble()

    def _assemble(self) -> Ports:
        return ports_for_tests(
            self.home,
            self.did,
            clock=self.pair.clock,
            ids=self.ids,
            signer=self.member.signer,
            store=SqlStore(self.url, self.pair.clock),
            wire=LinkWire(self.pair, self.did),
            web=LinkWeb(self.pair),
            sources=HomeSources(self.home / FOLDER, 1 << 20),
            workers=CensusWorkers(),
            own_document=lambda: self.member.data,
            own_membership=self._membership,
        )

    def _membership(self, space: str = "") -> str:
        return self.member.membership if space in ("", self.pair.space.did) else ""

    def restart(self) -> None:
        """Lose everything but the database."""
        self.ports.store.close()  # type: ignore[attr-defined] - the store is an SqlStore
        self.ports = self._assemble()

    def copied(self) -> bytes:
        """Return the database, on SQLite, as a backup takes it."""
        self.ports.store.close()  # type: ignore[attr-defined] - as above
        (file,) = self.home.glob("*.sqlite")
        return file.read_bytes()

    def restore(self, copy: bytes) -> None:
        """Go back to a copy of the database."""
        self.ports.store.close()  # type: ignore[attr-defined] - as above
        (file,) = self.home.glob("*.sqlite")
        for each in self.home.glob("*.sqlite-*"):
            each.unlink()
        file.write_bytes(copy)
        self.ports = self._assemble()

    def renew(self) -> None:
        """Serve a new version of the DID document, under the same keys."""
        services = {**self.member.document.services, "Further": "https://further.example"}
        pems = self.member.document.tls_authorities
        data = documents.build(self.member.signer, self.did, pems, services)
        self.member = replace(self.member, data=data)

    def knows(self, space: Space, other: Member) -> None:
        """Admit another member without a first contact, and cache the authority's papers."""
        now = self.pair.clock.now()
        with self.ports.store.write() as tx:
            tx.issuers.put(IssuerDocument(space.did, space.data, now))
            token = space.status_list(valid_until=now + timedelta(days=30))
            for listed in space.cached(token).values():
                tx.status_lists.put(replace(listed, valid_until=now + timedelta(days=30)))
            tx.participants.put(participant(other))

    def have_fresh_papers(self) -> None:
        """Have peers' papers as of now, as the timer of a node fetches them."""
        now = self.pair.clock.now()
        with self.ports.store.write() as tx:
            for known in tx.participants.find():
                tx.participants.put(replace(known, refreshed_at=now))

    def negotiations(self) -> list[Negotiation]:
        with self.ports.store.read() as tx:
            return tx.negotiations.find()

    def agreements(self) -> list[Agreement]:
        with self.ports.store.read() as tx:
            return tx.agreements.find()

    def only(self) -> Negotiation:
        (found,) = self.negotiations()
        return found

    def waiting(self) -> list[OutgoingMessage]:
        with self.ports.store.read() as tx:
            return tx.outbox.find(delivered_at=None, failed="")

    def log(self, kind: str = "") -> list[LogEntry]:
        with self.ports.store.read() as tx:
            return [entry for entry in tx.audit.entries() if kind in ("", entry.kind)]

    def state_of_everything(self) -> tuple[Any, ...]:
        """Return all that a refused message must leave alone."""
        with self.ports.store.read() as tx:
            return (
                tx.negotiations.find(),
                tx.agreements.find(),
                tx.offers.find(),
                tx.outbox.find(),
                tx.inbox.find(),
                tx.audit.head(),
            )

    def receive(self, caller: Node | Member, message: messages.Body) -> Mapping[str, Any]:
        """Handle a message as if it had just come from an authenticated peer."""
        found = participant(caller.member if isinstance(caller, Node) else caller)
        kind = type(message).__name__
        return HANDLERS[kind](self.ports, found, through_protobuf(kind, message.to_body()))


@dataclass
class LinkWire:
    """The port `PeerWire` over the fake link."""

    pair: Link
    did: str

    def call(
        self,
        peer: Participant,
        kind: str,
        body: Mapping[str, Any],
        *,
        seconds: float = 10.0,
        carries: bool = False,
    ) -> Mapping[str, Any]:
        del seconds
        return self.pair.carry(Call(self.did, peer.did, kind, dict(body), carries))

    def fetch(self, provider: Participant, pid: str, offset: int) -> Iterator[bytes]:
        """Send a part at a time, each judged, as the provider's server does now and then."""
        ports = self.pair.node(provider.did).ports
        _, extract = provider_side.judge(ports, pid, self.did)
        provider_side.check_offset(extract, offset)
        return self._chunks(ports, extract, pid, offset)

    def _chunks(self, ports: Ports, extract: Extract, pid: str, offset: int) -> Iterator[bytes]:
        part = max(10, extract.bytes // 40)
        while offset < extract.bytes:
            provider_side.judge(ports, pid, self.did)
            data = ports.extracts.read(extract, offset, min(part, extract.bytes - offset)).tobytes()
            offset += len(data)
            yield data
        provider_side.passed(ports, pid, offset)

    def participate(self, lead: Participant, hello: Any) -> Any:
        raise PeerUnreachable(f"no stream to `{lead.did}` for `{hello}` on this link")


@dataclass
class LinkWeb:
    """The port `Web`: each member's document and membership, by the host of its DID."""

    pair: Link

    def get(self, url: str, *, limit: int = 1 << 20) -> bytes:
        host, _, path = url.removeprefix("https://").partition("?")[0].partition("/")
        for node in self.pair.nodes.values():
            if node.did == f"did:web:{host}" and not self.pair.web_down:
                found = {
                    ".well-known/did.json": node.member.data,
                    "membership": node.member.membership.encode(),
                }
                assert len(found[path]) <= limit
                return found[path]
        raise PeerUnreachable(f"`{host}` does not answer")

    def post(self, url: str, body: bytes, *, limit: int = 1 << 16) -> bytes:
        raise PeerUnreachable(f"{len(body)} bytes to `{url}` of {limit} at most: not on this link")


@dataclass
class Link:
    """A provider (`school`) and a consumer (`lab`), and what happens between them.

    Attributes:
        carries: whether answers carry what the provider would send next; older nodes' never do.
        databases: makes one for each node and returns its URL; SQLite where it is None.
        held: kinds of messages that are lost with the answers that carry them.
        lost: answers that were.
    """

    folder: Path
    clock: FixedClock = field(default_factory=lambda: FixedClock(NOW))
    space: Space = field(default_factory=UsualSpace)
    nodes: dict[str, Node] = field(default_factory=dict)
    calls: list[Call] = field(default_factory=list)
    fault: Callable[[Call], Fault] = lambda _call: Fault.NONE
    web_down: bool = False
    carries: bool = False
    databases: Callable[[], str] | None = None
    held: tuple[str, ...] = ()
    lost: list[Mapping[str, Any]] = field(default_factory=list)

    @property
    def school(self) -> Node:
        return self.nodes["school"]

    @property
    def lab(self) -> Node:
        return self.nodes["lab"]

    @property
    def other(self) -> Node:
        return self.nodes["other"]

    def add(self, name: str) -> Node:
        """Add a member that knows, and is known to, all the others."""
        host = f"{name}.example"
        services = {
            "PreauPeer": "grpcs://localhost:1",
            "PreauMembership": f"https://{host}/membership",
        }
        member = self.space.admit(usual(f"did:web:{host}", **services))
        node = Node(self, self.folder / name, member, len(self.nodes) + 1)
        for other in self.nodes.values():
            other.knows(self.space, member)
            node.knows(self.space, other.member)
        self.nodes[name] = node
        return node

    def node(self, did: str) -> Node:
        return next(node for node in self.nodes.values() if node.did == did)

    def carry(self, call: Call) -> Mapping[str, Any]:
        """Carry one call, with the fault that the test asks for."""
        fault = self.fault(call)
        if fault is Fault.LOSE_REQUEST:
            raise PeerUnreachable("lost on the way")
        if fault is Fault.REPLAY_FIRST:
            self.replay(call.receiver)
        self.calls.append(call)
        answer = self.handle(call)
        if fault is Fault.TWICE:
            assert self.handle(call) == answer
        if fault is Fault.LOSE_ANSWER or answer.get("next_kind") in self.held:
            self.lost.append(answer)
            raise PeerUnreachable("answer lost on the way")
        return answer

    def replay(self, receiver: str) -> None:
        """Deliver everything that a node was ever sent once more; refusals do not matter."""
        for call in [call for call in self.calls if call.receiver == receiver]:
            try:
                self.handle(call)
            except PreauError:
                continue

    def handle(self, call: Call) -> Mapping[str, Any]:
        """Let the receiver handle a call; refusals travel by code, as over gRPC."""
        node = self.node(call.receiver)
        body = through_protobuf(call.kind, call.body)
        reply = Reply(call.sender) if call.carries and self.carries else None
        try:
            caller = onboard.judge(node.ports, call.sender)
            answer = HANDLERS[call.kind](replace(node.ports, reply=reply), caller, body)
        except PreauError as exc:
            raise from_code(exc.code, exc.reason, exc.hint) from None
        return through_protobuf(messages.KINDS[call.kind][1].__name__, answer)

    def deliver(self, rounds: int = 4) -> None:
        """Try what is due a few times; whatever the fault holds back stays."""
        for _ in range(rounds):
            for node in self.nodes.values():
                telling.turn(node.ports)
                deliver.deliver_due(node.ports)

    def hold(self, *kinds: str) -> None:
        """Lose every message of these kinds, until another fault is set."""
        self.fault = lambda call: Fault.LOSE_REQUEST if call.kind in kinds else Fault.NONE
        self.held = kinds

    def withheld(self, node: Node) -> Any:
        """Return the one message that a node has sent, by either way, and that was held back."""
        waiting = [(each.kind, each.body) for each in node.waiting()]
        lost = [messages.ContractNegotiation.from_body(each) for each in self.lost[-1:]]
        ((kind, body),) = waiting or [(each.next_kind, each.next) for each in lost]
        return messages.KINDS[kind][0].from_body(parse_object(body))

    def pump(self, rounds: int = 40) -> None:
        """Deliver until nothing waits any more; time passes between rounds."""
        for _ in range(rounds):
            for node in self.nodes.values():
                telling.turn(node.ports)
                deliver.deliver_due(node.ports)
            if not any(node.waiting() for node in self.nodes.values()):
                return
            self.clock.advance(60.0)
        raise AssertionError("messages still wait")


def participant(member: Member) -> Participant:
    """Return a member as another node keeps it."""
    return Participant(
        did=member.did,
        name=f"legal name of {member.did}",
        document=member.data,
        document_digest=member.document.digest,
        membership=member.membership,
        description="",
        grpc_endpoint="localhost:1",
        tls_authorities=member.document.tls_authorities,
        admitted_at=NOW,
        refreshed_at=NOW,
    )


def through_protobuf(name: str, body: Mapping[str, Any]) -> dict[str, Any]:
    """Return a body as it comes out of its protocol buffer."""
    wire = _BUFFERS[name]()
    json_format.ParseDict(dict(body), wire)
    again = _BUFFERS[name].FromString(wire.SerializeToString())
    return json_format.MessageToDict(
        again, preserving_proto_field_name=True, always_print_fields_with_no_presence=True
    )


@contextmanager
def link(
    folder: Path,
    *others: str,
    carries: bool = False,
    databases: Callable[[], str] | None = None,
) -> Iterator[Link]:
    """Join `school` and `lab`, and further members; stores are closed at the end."""
    pair = Link(folder, carries=carries, databases=databases)
    for name in ("school", "lab", *others):
        pair.add(name)
    try:
        yield pair
    finally:
        for node in pair.nodes.values():
            node.ports.store.close()  # type: ignore[attr-defined] - the store is an SqlStore


def limit(operand: str, operator: str, value: str, kind: str) -> dict[str, Any]:
    """Return a constraint on a number or time."""
    right = {"@value": value, "@type": f"xsd:{kind}"}
    return {"leftOperand": operand, "operator": operator, "rightOperand": right}


def offer(
    *,
    epsilon: str = "3",
    delta: str = "0.00001",
    purpose: str = PURPOSE,
    until: str = END,
    sites: str = "3",
    space: str = "did:web:authority.example",
    extra: tuple[dict[str, Any], ...] = (),
    **members: Any,
) -> dict[str, Any]:
    """Return an ODRL Offer of federated training, as its provider writes it."""
    constraints = [
        {"leftOperand": "odrl:purpose", "operator": "isA", "rightOperand": {"@id": purpose}},
        {
            "leftOperand": f"{PREAU}membership",
            "operator": "eq",
            "rightOperand": {"@id": space},
        },
        {
            "leftOperand": f"{PREAU}unitOfPrivacy",
            "operator": "eq",
            "rightOperand": {"@id": f"{PREAU}Person"},
        },
        limit(f"{PREAU}epsilon", "lteq", epsilon, "decimal"),
        limit(f"{PREAU}delta", "lteq", delta, "decimal"),
        limit(f"{PREAU}minimumSites", "gteq", sites, "integer"),
        limit("odrl:dateTime", "lteq", until, "dateTime"),
        *extra,
    ]
    return {
        "@context": CONTEXT,
        "@id": "urn:example:offer",
        "@type": "Offer",
        "profile": "https://w3id.org/preau/odrl/v1",
        "assigner": "did:web:school.example",
        "permission": [{"action": f"{PREAU}federatedTraining", "constraint": constraints}],
        **members,
    }


def entry(policy: dict[str, Any] | None = None, **members: Any) -> dict[str, Any]:
    """Return an offer's entry in a description, with a person who decides on its contracts."""
    return {"policy": policy or offer(), "decision": "review contract", **members}


def description(folder: Path, **changes: Any) -> dict[str, Any]:
    """Return a dataset description with a small file of invented pupils."""
    path = folder / "pupils.csv"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("pupil,grade,reading,sex\n1,2,410,F\n2,2,433,M\n", encoding="utf-8")
    return {
        "id": DATASET,
        "title": "Pupils of the north",
        "description": "Invented",
        "file": {"path": str(path), "format": "csv"},
        "columns": [
            {"name": "pupil", "class": "direct identifier", "datatype": "category"},
            {"name": "grade", "class": "quasi-identifier", "datatype": "number"},
            {"name": "reading", "class": "sensitive", "datatype": "number"},
        ],
        "personal": True,
        "person_column": "pupil",
        "rows_per_person": 4,
        "population": 4600,
        "collection_purpose": "https://w3id.org/dpv/sector/education#EducationManagement",
        "legal_basis": "https://w3id.org/dpv/legal/eu/gdpr#A6-1-e",
        "retention": "P5Y",
        "territory": "FR",
        "cap": {"epsilon": 10, "delta": 0.0001},
        "offer": offer(),
        **changes,
    }
