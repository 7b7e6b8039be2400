"""An authority and a peer on a web in memory, and a node that has met the peer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from pathlib import Path

from connector.domain.participant import Participant
from connector.errors import (
    NotFound,
    PeerUnreachable,
)
from connector.identity import certificate, credential, status
from connector.identity import did as dids
from connector.identity import document as documents
from connector.ports import Answer, Ports
from connector.ports.peers import NO_HEADERS
from connector.services.membership import onboard
from tests.support.doubles import NOON, FixedClock, ports_for_tests
from tests.support.keys import MemorySigner

AUTHORITY = "did:web:authority.example"
PEER = "did:web:peer.example"
OWN = "did:web:node.example"
LIST = "https://authority.example/status/1"


class MemoryWeb:
    """The port `Web` over a table of addresses; counts what is fetched."""

    def __init__(self) -> None:
        self.pages: dict[str, Callable[[], bytes]] = {}
        self.fetched: list[str] = []
        self.posted: list[tuple[str, bytes]] = []
        self.down: set[str] = set()
        self.answering: dict[str, Callable[[bytes | None, Mapping[str, str]], Answer]] = {}

    def get(self, url: str, *, limit: int = 1 << 20) -> bytes:
        if url not in self.pages:  # a membership: what serves one space shows it to everybody
            url = url.partition("?")[0]
        self.fetched.append(url)
        if any(host in url for host in self.down):
            raise PeerUnreachable("down")
        if url not in self.pages:
            raise NotFound(f"nothing at `{url}`")
        data = self.pages[url]()
        assert len(data) <= limit
        return data

    def post(self, url: str, body: bytes, *, limit: int = 1 << 16) -> bytes:
        if any(host in url for host in self.down):
            raise PeerUnreachable("down")
        self.posted.append((url, body))
        return b"{}"[:limit]

    def ask(
        self,
        url: str,
        body: bytes | None = None,
        *,
        headers: Mapping[str, str] = NO_HEADERS,
        limit: int = 1 << 20,
    ) -> Answer:
        if any(host in url for host in self.down):
            raise PeerUnreachable("down")
        self.fetched.append(url)
        if url not in self.answering:
            return Answer(404, b"")
        answer = self.answering[url](body, headers)
        assert len(answer.body) <= limit
        return answer


class World:
    """An authority and a peer on a web in memory, and this node's ports."""

    def __init__(self, folder: Path) -> None:
        self.web = MemoryWeb()
        self.clock = FixedClock(NOON)
        self.authority, self.peer = MemorySigner(AUTHORITY), MemorySigner(PEER)
        self.own = MemorySigner(OWN)
        self.revoked: list[int] = []
        self.list_life = timedelta(hours=24)
        self.tls = [certificate.make_authority(PEER, NOON, 300)[0]]
        self.peer_services = {
            "PreauPeer": "grpcs://peer.example:443",
            "PreauMembership": "https://peer.example/membership",
            "PreauFirstContact": "https://peer.example/first-contact",
        }
        self.authority_services = {"PreauMemberships": "https://authority.example/memberships/"}
        self.membership = self.issue(PEER, self.peer, 1)
        self.own_membership = self.issue(OWN, self.own, 2)
        self.web.pages = {
            dids.document_url(AUTHORITY): self.authority_document,
            dids.document_url(PEER): self.peer_document,
            LIST: lambda: self.status_list().encode(),
            "https://peer.example/generation": lambda: b'{"generation":2}',
            "https://peer.example/membership": lambda: bytes(self.membership, "ascii"),
            "https://authority.example/memberships/did%3Aweb%3Anode.example": (
                lambda: bytes(self.own_membership, "ascii")
            ),
        }
        self.ports: Ports = ports_for_tests(
            folder,
            OWN,
            clock=self.clock,
            web=self.web,
            own_document=lambda: documents.build(self.own, OWN),
        )

    def authority_document(self) -> bytes:
        return documents.build(self.authority, AUTHORITY, (), self.authority_services)

    def peer_document(self) -> bytes:
        return documents.build(self.peer, PEER, self.tls, self.peer_services)

    def issue(self, did: str, signer: MemorySigner, index: int, days: int = 30) -> str:
        document = documents.read(documents.build(signer, did), did)
        return credential.issue_membership(
            self.authority,
            AUTHORITY,
            did,
            name="Peer",
            role="member",
            space=AUTHORITY,
            key_thumbprints=sorted(document.thumbprints()),
            index=index,
            status_url=LIST,
            valid_from=self.clock.now() - timedelta(minutes=1),
            valid_until=self.clock.now() + timedelta(days=days),
        )

    def status_list(self) -> str:
        now = self.clock.now()
        return status.build(
            self.authority,
            AUTHORITY,
            LIST,
            self.revoked,
            valid_from=now,
            valid_until=now + self.list_life,
        )

    def known(self) -> Participant:
        with self.ports.store.read() as tx:
            found = tx.participants.get(PEER)
        assert found is not None
        return found

    def kinds(self) -> list[str]:
        with self.ports.store.read() as tx:
            return [entry.kind for entry in tx.audit.entries()]


def met(folder: Path) -> World:
    """Return a world whose node has met the peer, and has fetched nothing since."""
    made = World(folder)
    onboard.meet(made.ports, PEER)
    made.web.fetched.clear()
    return made
