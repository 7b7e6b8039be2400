"""Nodes that know each other by DCP alone, over real TLS: whom they believe, and until when."""

from __future__ import annotations

import json
import re
import ssl
from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import replace
from datetime import UTC, datetime
from http.client import HTTPSConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from connector.bootstrap import home, wiring
from connector.bootstrap.node import Node
from connector.config import Settings
from connector.dataplane import open_data
from connector.domain.participant import Participant
from connector.domain.space import MEMBERSHIP_SCOPE
from connector.errors import DidUnresolvable
from connector.identity import certificate, jws
from connector.identity import did as dids
from connector.identity.dcp import access, self_issued
from connector.identity.dcp.issuance import IssuerMetadata
from connector.jsonld.canonical import canonical, parse_object
from connector.peer.web import https
from connector.ports import Answer, Ports
from connector.protocol.dsp import members, versions
from connector.services.credentials import issuing, memberships, requesting
from connector.services.credentials.authenticating import Authenticator
from connector.services.credentials.callers import DcpCallers
from connector.services.credentials.verifying import Verifier
from connector.services.membership import authority, fetching, onboard
from tests.support.dsp_nodes import PATH
from tests.support.each import over
from tests.support.live_space import WebAuthority
from tests.support.ports import free_port

USE = {"permission": [{"action": "use"}]}
ASKED = canonical({"@context": [members.CONTEXT], "@type": "CatalogRequestMessage"})


class Member:
    """A running node, and how it asks another by DCP."""

    def __init__(self, node: Node) -> None:
        self.node = node
        self.ports: Ports = node._ports
        self.did = self.ports.settings.did

    def knows(self, did: str) -> Participant | None:
        with self.ports.store.read() as tx:
            return tx.participants.get(did)

    def header(self, other: Member) -> str:
        document = fetching.fetch_document(self.ports, other.did)
        now = self.ports.clock.now()
        peer = Participant(other.did, "", document.data, "", "", "", "", (), now, now)
        verifier = Verifier(self.ports, Authenticator(self.ports))
        return DcpCallers(self.ports, verifier).header(dids.origin(other.did), peer)

    def bound(self, other: Member, **cnf: str) -> str:
        """Return a header for another whose token is bound to a key of the connection."""
        signer, now, own = self.ports.signer, self.ports.clock.now(), self.did
        token = self_issued.make(
            *(signer, own, other.did, self.ports.ids.new(), now),
            access_token=access.make(signer, own, other.did, [MEMBERSHIP_SCOPE], now),
        )
        claims = parse_object(jws.unverified_payload(token)) | {"cnf": cnf}
        return "Bearer " + jws.sign_compact(signer, canonical(claims), "JWT", {"alg": "EdDSA"})

    def connected(self, other: Member, shown: Path | None = None) -> HTTPSConnection:
        """Return one connection to another, under which no other one is opened."""
        context = ssl.create_default_context(cafile=self.ports.settings.web_roots)
        if shown is not None:
            context.load_cert_chain(shown)
        address = urlsplit(dids.origin(other.did))
        made = HTTPSConnection("localhost", address.port, timeout=20, context=context)
        made.connect()
        made.auto_open = 0
        return made

    def asks(self, other: Member, header: str = "", **more: str) -> Answer:
        """Ask another for its catalog."""
        address = dids.origin(other.did) + PATH + "/catalog/request"
        headers = {"Authorization": header or self.header(other), **more}
        return self.ports.web.ask(address, ASKED, headers=headers)


@pytest.fixture(scope="module")
def space(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Member, Member, Member]]:
    """An authority and two members; none of them has met another."""
    folder = tmp_path_factory.mktemp("dcp")
    web = WebAuthority(folder / "web", datetime.now(UTC))
    with ExitStack() as stack:

        def started(name: str, **changes: Any) -> Member:
            https, grpc = free_port(), free_port()
            settings = Settings(
                home=folder / name,
                did=dids.from_host("localhost", https),
                name=name,
                https_listen=f"127.0.0.1:{https}",
                grpc_listen=f"127.0.0.1:{grpc}",
                grpc_endpoint=f"localhost:{grpc}",
                web_roots=str(web.root),
                unsafe_allow_hosts=("localhost",),
                certificate_proxies=("192.0.2.0/24",),
                **changes,
            )
            home.create(settings, certificate=web.certificate, key=web.key)
            node = wiring.build(settings)
            stack.callback(node.stop)
            node.start()
            return Member(node)

        space = started("authority", kind="authority")
        named = {"space": space.did, "trusted_issuers": (space.did,), "dsp_path": PATH}
        members = [started(name, **named) for name in ("nord", "sud")]
        for member in members:
            authority.admit(space.ports, member.did)
            keep, own = member.node._identity.keep_membership, member.ports.settings.spaces[0]
            onboard.fetch_own_membership(member.ports, keep, own)
        yield space, *members


def test_a_member_is_delivered_its_membership(space: tuple[Member, Member, Member]) -> None:
    issuer, nord, _ = space
    stated = nord.ports.web.ask(dids.origin(issuer.did) + "/dcp/metadata")
    assert IssuerMetadata.read(stated.body, issuer.did).credentials
    for _ in range(600):
        with nord.ports.store.read() as tx:
            held = tx.held_credentials.find()
        if held:
            break
        nord.ports.wakeups.notify(requesting.REQUESTS)
        issuer.ports.wakeups.notify(issuing.ISSUANCE)
        nord.ports.pace.wait(nord.node._asked, 0.05)
    (kept,) = held
    assert kept.issuer == issuer.did


def test_a_call_is_judged_by_what_its_sender_presents(
    space: tuple[Member, Member, Member],
) -> None:
    issuer, nord, sud = space
    header = nord.header(sud)
    answer = nord.asks(sud, header)
    assert answer.status == 200
    known = sud.knows(nord.did)
    assert known is not None
    assert (known.did, known.grpc_endpoint) == (nord.did, "")
    assert nord.asks(sud, header).status in (401, 404)  # a token is of one use
    assert nord.asks(sud, "Bearer a.b.c").status in (401, 404)
    assert nord.asks(sud, nord.header(issuer)).status in (401, 404)  # of another audience
    # Nobody else says by which certificate it came.
    assert nord.asks(sud, **{"Client-Cert": ":AAAA:"}).status == 200


def test_a_token_is_used_once_also_where_its_bearer_is_known(
    space: tuple[Member, Member, Member],
) -> None:
    """What a call changes and that its token was used are one transaction: neither stays alone."""
    _, nord, sud = space
    assert nord.asks(sud).status == 200  # known from now on
    header, pid = nord.header(sud), "urn:uuid:replayed"
    asked: dict[str, Any] = {
        "@context": [members.CONTEXT],
        "@type": "ContractRequestMessage",
        "consumerPid": pid,
        "callbackAddress": dids.origin(nord.did) + PATH,
        "offer": {"@id": "urn:none", "@type": "Offer", "target": "urn:none", **USE},
    }
    address = dids.origin(sud.did) + PATH + "/negotiations/request"
    said = {"Authorization": header}
    found = [nord.ports.web.ask(address, canonical(asked), headers=said) for _ in range(2)]
    assert [json.loads(each.body)["code"] for each in found] == ["OFFER_UNKNOWN", "TOKEN_REPLAYED"]
    assert [each.status for each in found] == [400, 404]
    assert nord.asks(sud, header).status == 401
    with sud.ports.store.read() as tx:
        assert not tx.negotiations.find(peer=nord.did)


def told(connection: HTTPSConnection, header: str) -> tuple[int, str, str]:
    """Ask for a catalog over a connection; return status, code and reason."""
    path = PATH + "/catalog/request"
    connection.request("POST", path, ASKED, {"Authorization": header})
    answer = connection.getresponse()
    body = json.loads(answer.read())
    return answer.status, body.get("code", ""), body.get("reason", [""])[0]


def test_a_token_counts_on_the_connection_whose_certificate_it_names(
    space: tuple[Member, Member, Member], tmp_path: Path
) -> None:
    """No authority of anybody's issued it: what counts is that the caller has its key."""
    _, nord, sud = space
    pairs = [certificate.make_authority(name, datetime.now(UTC), 9) for name in "ab"]
    files = [tmp_path / name for name in "ab"]
    for file, pair in zip(files, pairs, strict=True):
        file.write_text("".join(pair))
    thumb = certificate.thumbprint(pairs[0][0])
    with ExitStack() as stack:
        own, other, plain = (
            stack.enter_context(closing(nord.connected(sud, each))) for each in (*files, None)
        )
        bound = {"x5t#S256": thumb}
        for connection, cnf, reason in (
            (other, bound, "made for another certificate"),
            (plain, bound, "bound to a certificate, and none was shown"),
            (own, {"jkt": thumb}, "in a way that is not known here (`jkt`)"),
            (own, {**bound, "jwk": thumb}, "in a way that is not known here (`jwk`)"),
            (own, {"x5t": thumb}, "in a way that is not known here (`cnf`)"),
        ):
            status, code, said = told(connection, nord.bound(sud, **cnf))
            assert (status, code) == (401, "TOKEN_MISMATCH")
            assert reason in said
        assert told(own, nord.bound(sud, **bound))[0] == 200
        assert told(own, nord.header(sud))[0] == 200  # it binds nothing
        shown = {"Client-Cert": f":{''.join(pairs[0][0].split('-----')[2].split())}:"}
        plain.request("POST", PATH + "/catalog/request", ASKED, {
            "Authorization": nord.bound(sud, **bound), **shown
        })  # fmt: skip
        assert plain.getresponse().status == 401  # nobody else says what was shown


# Routes that answer anybody; the face says why of its own, the others serve what is made for all.
OPEN = {
    *https.PUBLIC,
    "/.well-known/did.json",
    *(open_data.CATALOG, open_data.ENTRY, open_data.DATA),
    versions.PATH,
    *("/dcp/metadata", memberships.STATUS_PATH),
}


ANSWERED = ("NOT_FOUND", "MALFORMED_MESSAGE", "UPGRADE_REQUIRED")


@over("of_authority", [False, True])
def test_every_route_judges_its_caller_or_is_open_to_anybody(
    space: tuple[Member, Member, Member], *, of_authority: bool
) -> None:
    """A new route fails here until it does either (CVE-2026-42160 of another make)."""
    issuer, nord, sud = space
    asked, caller = (issuer, nord) if of_authority else (nord, sud)
    application = asked.node._face._https._app
    judging = [each for each in application.routes if each.path not in OPEN]  # type: ignore[attr-defined]  # a Starlette
    assert len(judging) >= (2 if of_authority else 35)
    for route in judging:
        path = re.sub(r"\{.*?\}", "00000000-0000-4000-8000-00000000e001", route.path)
        body = b"{}" if "POST" in route.methods else None
        found = {}
        for shown in ("", "Bearer a.b.c", "token"):
            header = caller.header(asked) if shown == "token" else shown
            said = {"Authorization": header} if header else {}
            answer = caller.ports.web.ask(dids.origin(asked.did) + path, body, headers=said)
            found[shown] = (answer.status, json.loads(answer.body or b"{}").get("code"))
        named = path.startswith(PATH) and "/catalog/" not in path  # one process, perhaps another's
        assert found[""] == (404 if named else 401, "TOKEN_MISSING"), path
        assert found["Bearer a.b.c"] == (404 if named else 401, "TOKEN_INVALID"), path
        if path.startswith(PATH):  # of the others: `test_dcp_face.py`, `test_transfer_pull.py`
            assert found["token"][1] in (None, *ANSWERED), path


def test_a_member_that_was_revoked_is_refused(space: tuple[Member, Member, Member]) -> None:
    """Also on a connection that it had before."""
    issuer, nord, sud = space
    kept = sud.connected(nord)
    assert told(kept, sud.header(nord))[0] == 200
    authority.revoke(issuer.ports, sud.did, "left")
    with nord.ports.store.write() as tx:  # as if the time had come to look again
        for each in tx.published_copies.find():
            tx.published_copies.put(replace(each, fetched_at=datetime(2026, 1, 1, tzinfo=UTC)))
    with closing(kept):
        assert told(kept, sud.header(nord))[:2] == (401, "CREDENTIAL_REVOKED")
        assert told(kept, sud.header(nord))[:2] == (401, "CREDENTIAL_REVOKED")


def test_documents_name_the_services(space: tuple[Member, Member, Member]) -> None:
    issuer, nord, _ = space
    document = fetching.fetch_document(nord.ports, nord.did)
    assert document.services["CredentialService"] == dids.origin(nord.did) + "/dcp"
    assert "https://w3id.org/dspace-dcp/v1.0/dcp.jsonld" in json.loads(document.data)["@context"]
    assert fetching.fetch_document(nord.ports, issuer.did).services["IssuerService"]
    with pytest.raises(DidUnresolvable):
        fetching.fetch_document(nord.ports, "did:example:x")


@pytest.mark.parametrize("path", ["presentations/query", "credentials", "offers"])
def test_endpoints_judge_tokens(space: tuple[Member, Member, Member], path: str) -> None:
    _, nord, sud = space
    address = f"{dids.origin(nord.did)}/dcp/{path}"
    for headers in ({}, {"Authorization": "Bearer a.b.c"}, {"Authorization": sud.header(nord)}):
        answer = sud.ports.web.ask(address, b"{}", headers=headers)
        assert answer.status == 401
        assert json.loads(answer.body)["code"] in (
            "TOKEN_MISSING",
            "TOKEN_INVALID",
            "UNTRUSTED_ISSUER",
        )
