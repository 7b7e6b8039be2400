"""A small live space in this process: an authority and nodes, joined by real TLS on loopback.

Real keys, real SQLite stores, real gRPC and HTTPS servers on free ports of 127.0.0.1; each node's
clock can be moved. Everything is stopped at the end of the `with` block of `live_space`.

    with live_space(tmp_path, "alpha", "beta") as space:
        space.meet("alpha", "beta")
        space["alpha"].call(space["beta"], "GetNegotiationMessage", {"pid": "x"})
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from connector.bootstrap.system import UuidIdentifiers
from connector.config import Settings
from connector.dataplane.flight.fetching import FlightData
from connector.dataplane.flight.plane import Planes, Shown
from connector.dataplane.pull import Pull
from connector.domain.membership import Membership
from connector.domain.participant import Participant
from connector.domain.space import Space
from connector.errors import NotFound
from connector.identity import certificate, credential, status
from connector.identity import did as dids
from connector.identity import document as documents
from connector.peer.checkpoints import Checkpoints
from connector.peer.client import GrpcWire
from connector.peer.credentials import Leaves
from connector.peer.face import PeerFace
from connector.peer.routes import ROUTES
from connector.peer.web.client import GuardedWeb
from connector.ports import Ports
from connector.protocol.messages import ContractNegotiation
from connector.services.federation.lead.hub import LeadHub
from connector.services.membership import onboard
from tests.support.doubles import open_store, ports_for_tests
from tests.support.keys import MemorySigner
from tests.support.ports import free_port

YEAR = 365
LIST_LIFE = timedelta(hours=24)
STATE = ContractNegotiation("p", "c", "REQUESTED").to_body()
ASKED = {"pid": "x"}


class MovableClock:
    """Real time plus an offset that a test sets; TLS itself always goes by real time."""

    def __init__(self) -> None:
        self.offset = timedelta()

    def now(self) -> datetime:
        return datetime.now(UTC) + self.offset

    def advance(self, seconds: float) -> None:
        self.offset += timedelta(seconds=seconds)


class WebAuthority:
    """The CA of the space's HTTPS certificates, with the one for `localhost`."""

    def __init__(self, folder: Path, now: datetime) -> None:
        folder.mkdir(parents=True)
        self.root = folder / "root.pem"
        self.certificate, self.key = folder / "https.pem", folder / "https.key"
        cert, key = certificate.make_authority("space web", now, YEAR)
        self.root.write_text(cert)
        leaf, leaf_key = certificate.issue_web(cert, key, "localhost", now, YEAR)
        self.certificate.write_text(leaf)
        self.key.write_text(leaf_key)


class LiveAuthority:
    """A space authority: issues memberships and the status list, serves them over HTTPS."""

    def __init__(self, home: Path, web: WebAuthority, name: str = "authority") -> None:
        self.port = free_port()
        self.did = f"did:web:localhost%3A{self.port}"
        self.clock = MovableClock()
        self.signer = MemorySigner(self.did)
        self.list_life = LIST_LIFE
        self.life = timedelta(days=YEAR)
        self.marked: set[int] = set()  # for good, also of who was admitted again
        self._settings = Settings(
            home=home,
            did=self.did,
            name=name,
            kind="authority",
            https_listen=f"127.0.0.1:{self.port}",
            https_certificate=str(web.certificate),
            https_key=str(web.key),
        )
        self.ports = ports_for_tests(
            home,
            self.did,
            settings=self._settings,
            clock=self.clock,
            signer=self.signer,
            own_document=self.document,
        )
        self._face: PeerFace | None = None

    @property
    def status_url(self) -> str:
        return dids.origin(self.did) + "/status/1"

    def document(self) -> bytes:
        services = {"PreauMemberships": dids.origin(self.did) + "/memberships"}
        return documents.build(self.signer, self.did, (), services)

    def admit(self, did: str, document: bytes, **changes: Any) -> str:
        """Issue a membership for the keys of a document, and keep it."""
        now = self.clock.now()
        with self.ports.store.write() as tx:
            index = tx.audit.append("member.admitted", did).index
            values: dict[str, Any] = {
                "name": "Member of the space",
                "role": "member",
                "space": self.did,
                "key_thumbprints": sorted(documents.read(document, did).thumbprints()),
                "index": index,
                "status_url": self.status_url,
                "valid_from": now - timedelta(minutes=1),
                "valid_until": now + self.life,
                **changes,
            }
            token = credential.issue_membership(self.signer, self.did, did, **values)
            until = values["valid_until"]
            tx.members.put(Membership(did, values["name"], "member", index, token, now, until))
        return token

    def revoke(self, did: str) -> None:
        with self.ports.store.write() as tx:
            member = tx.members.get(did)
            assert member is not None
            tx.members.put(replace(member, revoked="asked for by a test"))

    def status_list(self) -> str:
        now = self.clock.now()
        with self.ports.store.read() as tx:
            self.marked.update(member.index for member in tx.members.find() if member.revoked)
        return status.build(
            self.signer,
            self.did,
            self.status_url,
            self.marked,
            valid_from=now - timedelta(seconds=1),
            valid_until=now + self.list_life,
        )

    def start(self) -> None:
        self._face = PeerFace(
            self.ports,
            LeadHub(),
            handlers={},
            checkpoints=Checkpoints(bytes, _ignored),
            description=str,
            status_list=self.status_list,
        )
        self._face.start()

    def stop(self) -> None:
        if self._face is not None:
            self._face.stop()
            self._face = None

    def close(self) -> None:
        self.stop()
        self.ports.store.close()


@dataclass
class Heard:
    """What a node's handlers were asked, and what they answer."""

    calls: list[tuple[str, str, dict[str, Any]]] = field(default_factory=list)
    answers: dict[str, Callable[[Participant, Mapping[str, Any]], Mapping[str, Any]]] = field(
        default_factory=dict
    )
    asked: list[bool] = field(default_factory=list)  # whether the answer may carry more
    notes: list[tuple[str, str]] = field(default_factory=list)
    back: list[str] = field(default_factory=list)


class Node:
    """One participant: ports, both servers, and its own clock."""

    def __init__(
        self, home: Path, authority: LiveAuthority, web: WebAuthority, **changes: Any
    ) -> None:
        self.home = home
        self.authority = authority
        self.https_port, self.grpc_port = free_port(), free_port()
        self.did = f"did:web:localhost%3A{self.https_port}"
        self.clock = MovableClock()
        self.signer = MemorySigner(self.did)
        self.tls_authorities = [self.make_tls_authority()]
        self.membership = ""
        self.further: dict[str, str] = {}  # memberships of other spaces
        self.description = ""
        self.services: dict[str, str] = {}
        self.heard = Heard()
        self.note = b""
        self.settings = Settings(
            home=home,
            did=self.did,
            name=home.name,
            https_certificate=str(web.certificate),
            https_key=str(web.key),
            web_roots=str(web.root),
            **{
                "space": authority.did,
                "grpc_listen": f"127.0.0.1:{self.grpc_port}",
                "grpc_endpoint": f"localhost:{self.grpc_port}",
                "https_listen": f"127.0.0.1:{self.https_port}",
                "trusted_issuers": (authority.did,),
                "unsafe_allow_hosts": ("localhost",),
                "first_contacts_per_minute": 600,
                **changes,
            },
        )
        self.ports: Ports
        self.wire: GrpcWire
        self.face: PeerFace
        self.hub: LeadHub
        self._running = False
        home.mkdir(parents=True, exist_ok=True)
        self._assemble()

    def make_tls_authority(self) -> tuple[str, str]:
        return certificate.make_authority(self.did, self.clock.now(), YEAR)

    def document(self) -> bytes:
        origin = dids.origin(self.did)
        services = {
            "PreauPeer": f"grpcs://localhost:{self.grpc_port}",
            "PreauFirstContact": f"{origin}/first-contact",
            "PreauMembership": f"{origin}/membership",
            "PreauSelfDescription": f"{origin}/self-description",
            "PreauFlight": self.settings.flight_endpoint,
            **self.services,
        }
        pems = [cert for cert, _ in self.tls_authorities]
        present = {name: url for name, url in services.items() if url}
        return documents.build(self.signer, self.did, pems, present)

    def self_description(self) -> str:
        return self.description or credential.issue(self.signer, self.describe(self.did))

    def describe(self, subject: str) -> dict[str, Any]:
        return {
            "@context": [credential.VCDM],
            "type": ["VerifiableCredential"],
            "issuer": self.did,
            "credentialSubject": {"id": subject, "name": self.settings.name},
        }

    def _assemble(self) -> None:
        self.hub = LeadHub()
        self.leaves = Leaves(
            lambda: self.tls_authorities[-1], self.did, self.clock, self.settings.leaf_seconds
        )
        self.wire = GrpcWire(self.settings, self.clock, UuidIdentifiers(), self.signer, self.leaves)
        self.flight = FlightData(self.wire.pin)
        self.ports = ports_for_tests(
            self.home,
            self.did,
            settings=self.settings,
            clock=self.clock,
            ids=UuidIdentifiers(),
            signer=self.signer,
            store=open_store(self.home, self.clock),
            web=GuardedWeb.of(self.settings),
            wire=self.wire,
            flight=self.flight,
            own_document=self.document,
            own_membership=self.own_membership,
        )
        checkpoints = Checkpoints(
            lambda: self.note,
            lambda peer, note: self.heard.notes.append((peer, note)),
            again=self.heard.back.append,
        )
        self.face = PeerFace(
            self.ports,
            self.hub,
            handlers={route.kind: self._handler(route.kind) for route in ROUTES},
            checkpoints=checkpoints,
            description=self.self_description,
            leaves=self.leaves,
            data=lambda door: [Pull(self.ports, door.proven).route()],
        )
        assert self.face.grpc is not None
        if self.face.flight is not None:
            self.planes = Planes(self.ports, self.face.flight, self._shown)
            self.flight.serve(self.planes)
        self.wire.exchange(checkpoints, self.face.grpc.shares)

    def _shown(self) -> Shown:
        leaf = self.leaves.current()
        return Shown(leaf.certificate, leaf.key)

    def _handler(self, kind: str) -> Any:
        def handle(ports: Ports, caller: Participant, body: Mapping[str, Any]) -> Mapping[str, Any]:
            self.heard.calls.append((kind, caller.did, dict(body)))
            self.heard.asked.append(ports.reply is not None and ports.reply.caller == caller.did)
            answer = self.heard.answers.get(kind)
            if answer is None:
                raise NotFound("no such thing")
            return answer(caller, body)

        return handle

    def start(self) -> None:
        self.face.start()
        self._running = True

    def stop(self) -> None:
        if self._running:
            self._running = False
            self.face.stop()
        self.flight.stop()
        self.wire.close()
        self.ports.store.close()

    def restart(self) -> None:
        """Stop and start again on the same database, as after a restart of the process."""
        self.stop()
        self._assemble()
        self.start()

    def join_space(self, authority: LiveAuthority | None = None) -> None:
        """Be admitted by an authority, the first where none is named, and fetch the membership."""
        chosen = authority or self.authority
        chosen.admit(self.did, self.document())
        space = self.settings.space_called(chosen.did)
        assert space is not None
        onboard.fetch_own_membership(self.ports, self._keep, space)

    def own_membership(self, space: str = "") -> str:
        first = space in ("", self.settings.space)
        return self.membership if first else self.further.get(space, "")

    def _keep(self, membership: str, space: Space) -> None:
        if space == self.settings.spaces[0]:
            self.membership = membership
        else:
            self.further[space.id] = membership

    def known(self, did: str) -> Participant:
        with self.ports.store.read() as tx:
            found = tx.participants.get(did)
        assert found is not None
        return found

    def call(
        self, peer: Node, kind: str, body: Mapping[str, Any], seconds: float = 10.0
    ) -> Mapping[str, Any]:
        return self.wire.call(self.known(peer.did), kind, body, seconds=seconds)

    def log(self, kind: str) -> list[bytes]:
        """Return the events of a kind in the audit log."""
        with self.ports.store.read() as tx:
            return [entry.event for entry in tx.audit.entries() if entry.kind == kind]


@dataclass
class LiveSpace:
    """An authority and its nodes."""

    folder: Path
    web: WebAuthority
    authority: LiveAuthority
    nodes: dict[str, Node]
    stack: ExitStack

    def __getitem__(self, name: str) -> Node:
        return self.nodes[name]

    def add(self, name: str, *, member: bool = True, **changes: Any) -> Node:
        """Start one more node; a member of the space unless told otherwise."""
        node = Node(self.folder / name, self.authority, self.web, **changes)
        self.nodes[name] = node
        self.stack.callback(node.stop)
        node.start()
        if member:
            node.join_space()
        return node

    def meet(self, one: str, other: str) -> None:
        """First contact between two nodes, both ways."""
        onboard.meet(self[one].ports, self[other].did)


@contextmanager
def live_space(folder: Path, *names: str, **changes: Any) -> Iterator[LiveSpace]:
    """Start an authority and nodes; stop everything at the end.

    Args:
        folder: empty folder.
        names: of the nodes, all members.
        changes: settings of every node.
    """
    with ExitStack() as stack:
        web = WebAuthority(folder / "web", datetime.now(UTC))
        authority = LiveAuthority(folder / "authority", web)
        stack.callback(authority.close)
        authority.start()
        space = LiveSpace(folder, web, authority, {}, stack)
        for name in names:
            space.add(name, **changes)
        yield space


def wait_until(condition: Callable[[], object], seconds: float = 10.0) -> bool:
    """Wait for a condition that another thread brings about; return whether it came."""
    pause = threading.Event()
    for _ in range(int(seconds / 0.01)):
        if condition():
            return True
        pause.wait(0.01)
    return bool(condition())


def _ignored(_peer: str, _note: str) -> None:
    """Stand for a witness that nobody listens to."""


def answer_all(node: Node) -> None:
    """Let a node answer a call for a negotiation, and one for its catalog."""
    node.heard.answers["GetNegotiationMessage"] = lambda _caller, _body: STATE
    node.heard.answers["CatalogRequestMessage"] = lambda caller, _body: {
        "participant_id": caller.did
    }
