"""An authority, a holder and a verifier of DCP on a web in memory, each a node of its own."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from connector.domain.participant import Participant
from connector.errors import PreauError, status
from connector.identity import credential as credentials
from connector.identity import did as dids
from connector.identity import document as documents
from connector.identity.dcp import credential as dcp_credentials
from connector.identity.dcp import services
from connector.identity.dcp.services import Service
from connector.jsonld.canonical import canonical
from connector.ports import Answer, Ports
from connector.services.credentials.authenticating import Authenticator, bearer
from connector.services.credentials.callers import DcpCallers
from connector.services.credentials.holding import Holder
from connector.services.credentials.issuing import Issuer
from connector.services.credentials.memberships import Memberships, status_list
from connector.services.credentials.verifying import Verifier
from connector.services.membership import authority
from tests.support.doubles import NOON, CountingIds, FixedClock, ports_for_tests, settings_for_tests
from tests.support.keys import MemorySigner
from tests.support.memory_web import MemoryWeb

AUTHORITY = "did:web:authority.example"
HOLDER = "did:web:holder.example"
VERIFIER = "did:web:verifier.example"
QUERY = "https://holder.example/dcp/presentations/query"
LIST = "https://authority.example/status/1"
DCP_LIST = LIST + "/dcp"


@dataclass(frozen=True)
class Connection:
    certificate: str = ""


PLAIN = Connection()


def answered(handle: Callable[[str, bytes], Any], created: bool = False) -> Any:  # noqa: FBT001, FBT002
    """Return a route of the web in memory over a service, as `peer/dcp/` has it over HTTPS."""

    def answer(body: bytes | None, headers: Mapping[str, str]) -> Answer:
        try:
            found = handle(bearer(headers.get("Authorization", "")), body or b"")
        except PreauError as exc:
            return Answer(status(exc.code)[1], json.dumps({"code": exc.code}).encode())
        if created:
            return Answer(201, b"", {"location": f"https://x/requests/{found}"})
        return Answer(200, b"" if found is None else canonical(found))

    return answer


@dataclass
class Claims:
    """The three nodes.

    Attributes:
        presenting: what the holder's Credential Service answers, in place of its own answer.
    """

    folder: Path
    clock: FixedClock = field(default_factory=lambda: FixedClock(NOON))
    web: MemoryWeb = field(default_factory=MemoryWeb)
    signers: dict[str, Any] = field(default_factory=dict)
    membership: str = ""

    def __post_init__(self) -> None:
        for did in (AUTHORITY, HOLDER, VERIFIER):
            self.signers.setdefault(did, MemorySigner(did))
            self.web.pages[dids.document_url(did)] = lambda did=did: self.document(did)
        self.issuer = self.node(AUTHORITY, kind="authority", trusted_issuers=())
        self.holder, self.verifier = self.node(HOLDER), self.node(VERIFIER)
        self.membership = authority.admit(self.issuer, HOLDER, name="Lycée Nord").credential
        self.restart()
        asked, asking = Authenticator(self.holder), Authenticator(self.issuer)
        self.calling = DcpCallers(self.holder, Verifier(self.holder, asked))
        self.known, self.members = asked.documents, asking.documents
        self.service = Holder(self.holder, asked)
        self.issuing = Issuer(self.issuer, asking, Memberships(self.issuer))
        self.web.pages[LIST] = lambda: authority.status_list(self.issuer).encode()
        self.web.pages[DCP_LIST] = lambda: status_list(self.issuer).encode()
        at = "https://holder.example/dcp/"
        self.web.answering |= {
            QUERY: answered(lambda token, body: self.service.present(token, PLAIN, body)),
            at + "credentials": answered(lambda token, body: self.service.take(token, PLAIN, body)),
            at + "offers": answered(lambda token, body: self.service.offered(token, PLAIN, body)),
            "https://authority.example/dcp/credentials": answered(
                lambda token, body: self.issuing.request(token, PLAIN, body), created=True
            ),
            "https://authority.example/dcp/metadata": answered(
                lambda _token, _body: self.issuing.metadata().body()
            ),
        }

    def document(self, did: str) -> bytes:
        """What a node serves as its DID document now."""
        kind = Service.ISSUER if did == AUTHORITY else Service.CREDENTIAL
        listed = {kind: dids.origin(did) + "/dcp"}
        return documents.build(
            self.signers[did],
            did,
            (),
            services.written(listed),
            contexts=services.contexts(listed),
        )

    def node(self, did: str, **settings: Any) -> Ports:
        home = self.folder / did.rpartition(":")[2]
        return ports_for_tests(
            home,
            did,
            clock=self.clock,
            ids=CountingIds(len(str(home))),
            web=self.web,
            signer=self.signers[did],
            settings=settings_for_tests(home, did, **settings),
            own_document=lambda: self.document(did),
            own_membership=lambda _space="": self.membership if did == HOLDER else "",
        )

    def peer(self, did: str = VERIFIER) -> Participant:
        """What a node knows of another that it has only the DID document of."""
        data = self.document(did)
        return Participant(did, "", data, "", "", "", "", (), self.clock.now(), self.clock.now())

    def header(self) -> str:
        """What the holder shows the verifier with a call."""
        return self.calling.header("https://verifier.example/dsp", self.peer())

    def judged(self, authorization: str = "", connection: Connection = PLAIN) -> Participant:
        """The verifier judges a call."""
        found, unused = self.callers.judge(authorization or self.header(), connection)
        if unused is not None:  # as the face does, with what the call changes
            self.authenticator.use(unused)
        return found

    def restart(self) -> None:
        """Start the verifier anew over its database."""
        self.authenticator = Authenticator(self.verifier)
        self.judging = Verifier(self.verifier, self.authenticator)
        self.callers = DcpCallers(self.verifier, self.judging)

    def queries(self) -> int:
        """How often the holder's Credential Service was asked."""
        return self.web.fetched.count(QUERY)

    def revoke(self) -> None:
        authority.revoke(self.issuer, HOLDER, "left the space")

    def later(self, **spans: float) -> None:
        self.clock.advance(timedelta(**spans).total_seconds())


def refused(world: Claims, error: type[PreauError], reason: str, token: str = "") -> None:
    """See that a token, or none, is refused with this error and reason."""
    with pytest.raises(PreauError) as found:
        world.judged(f"Bearer {token}" if token else "")
    assert type(found.value) is error
    assert reason in found.value.reason


def membership(world: Claims, signer: Any = None, **changes: Any) -> str:
    """A membership of the holder, changed, as its Credential Service presents it."""
    issuer = world.signers[AUTHORITY]
    document = dict(dcp_credentials.unverified(world.membership).credential.document) | changes
    kept = {name: value for name, value in document.items() if value is not None}
    return credentials.issue(signer or issuer, kept)
