"""First contact over real HTTPS: who is admitted, what is fetched, and what a stranger may ask."""

from __future__ import annotations

import http.client
import json
import socket
import ssl
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import MISSING, fields
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from connector.domain.catalog.dataset import DataFile, Dataset, Offer
from connector.errors import (
    AddressForbidden,
    CredentialExpired,
    CredentialInvalid,
    CredentialRevoked,
    DescriptionTampered,
    DidUnresolvable,
    Malformed,
    MembershipRequired,
    MessageTooLarge,
    NotFound,
    PeerUnreachable,
    PreauError,
    StatusListStale,
    TooManyRequests,
    Untrusted,
    UntrustedIssuer,
)
from connector.identity import credential
from connector.identity import did as dids
from connector.peer.web import https
from connector.peer.web.client import GuardedWeb
from connector.peer.web.https import CONTACTS_AT_ONCE, FIRST_CONTACT
from connector.peer.web.server import HttpsServer
from connector.services.membership import onboard
from tests.support.doubles import trust_only
from tests.support.keys import MemorySigner
from tests.support.live_space import LiveSpace, Node, live_space

CONTACT = "/first-contact"


@pytest.fixture
def space(tmp_path: Path) -> Iterator[LiveSpace]:
    with live_space(tmp_path, "alpha", "beta") as made:
        yield made


@pytest.fixture(scope="module")
def unmet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveSpace]:
    """A space for all tests that admit nobody."""
    with live_space(tmp_path_factory.mktemp("unmet"), "alpha", "beta") as made:
        yield made
        assert participants(made["beta"]) == []


def post(caller: Node, callee: Node, body: Any) -> Any:
    """Post to the door of first contact by hand."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return json.loads(caller.ports.web.post(dids.origin(callee.did) + CONTACT, data))


def code_of(caller: Node, callee: Node, body: Any) -> str:
    try:
        post(caller, callee, body)
    except PreauError as exc:
        return exc.code
    return ""


def tls_of(space: LiveSpace) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(space.web.root))


def participants(node: Node) -> list[str]:
    with node.ports.store.read() as tx:
        return [each.did for each in tx.participants.find()]


class TestAdmission:
    def test_both_sides_admit(self, space: LiveSpace) -> None:
        alpha, beta = space["alpha"], space["beta"]
        assert onboard.meet(alpha.ports, beta.did).did == beta.did
        assert participants(alpha) == [beta.did]
        assert participants(beta) == [alpha.did]
        known = beta.known(alpha.did)
        assert known.document == alpha.document()
        assert known.membership == alpha.membership
        assert known.description == alpha.self_description()
        assert known.name == "Member of the space"
        assert known.grpc_endpoint == f"localhost:{alpha.grpc_port}"
        assert len(beta.log("participant.admitted")) == 1

    def test_meeting_again_changes_nothing(self, space: LiveSpace) -> None:
        alpha, beta = space["alpha"], space["beta"]
        space.meet("alpha", "beta")
        first = beta.known(alpha.did)
        space.meet("alpha", "beta")
        assert beta.known(alpha.did).admitted_at == first.admitted_at
        assert len(beta.log("participant.admitted")) == 1
        assert beta.log("participant.renewed") == []

    def test_a_blocked_peer_stays_blocked(self, space: LiveSpace) -> None:
        alpha, beta = space["alpha"], space["beta"]
        space.meet("alpha", "beta")
        with beta.ports.store.write() as tx:
            known = tx.participants.get(alpha.did)
            assert known is not None
            object.__setattr__(known, "blocked", "by the operator")
            tx.participants.put(known)
        assert code_of(alpha, beta, {"did": alpha.did}) == Untrusted.code
        with pytest.raises(Untrusted):
            onboard.judge(beta.ports, alpha.did)
        with pytest.raises(PeerUnreachable):
            alpha.call(beta, "GetNegotiationMessage", {"pid": "x"})

    def test_a_node_does_not_meet_itself(self, space: LiveSpace) -> None:
        with pytest.raises(Malformed):
            onboard.meet(space["alpha"].ports, space["alpha"].did)

    def test_a_peer_without_a_self_description(self, space: LiveSpace) -> None:
        alpha, beta = space["alpha"], space["beta"]
        alpha.services["PreauSelfDescription"] = ""
        assert onboard.welcome(beta.ports, alpha.did).description == ""


class TestTurns:
    def test_one_address_keeps_no_newcomer_waiting(
        self, space: LiveSpace, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Contacts with hosts that never answer, all of one address: one of them runs at a time."""
        monkeypatch.setattr(https, "CONTACT_SECONDS", 60.0)
        alpha, beta, tls = space["alpha"], space["beta"], tls_of(space)
        with ExitStack() as stack:
            deaf = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
            body = json.dumps({"did": f"did:web:localhost%3A{deaf.getsockname()[1]}"})
            for _ in range(CONTACTS_AT_ONCE):
                asking = http.client.HTTPSConnection(
                    "localhost", beta.https_port, context=tls, source_address=("127.0.0.66", 0)
                )
                stack.callback(asking.close)
                asking.request("POST", FIRST_CONTACT, body)
            deaf.settimeout(10)
            stack.enter_context(deaf.accept()[0])  # one is being fetched
            assert code_of(alpha, beta, {"did": alpha.did}) == ""
            deaf.settimeout(0.2)
            with pytest.raises(TimeoutError):  # and no second one
                deaf.accept()

    def test_a_contact_ends_in_time(
        self, space: LiveSpace, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(https, "CONTACT_SECONDS", 0.3)
        alpha, beta = space["alpha"], space["beta"]
        with socket.create_server(("127.0.0.1", 0)) as deaf:
            did = f"did:web:localhost%3A{deaf.getsockname()[1]}"
            assert code_of(alpha, beta, {"did": did}) == PeerUnreachable.code
        monkeypatch.setattr(https, "CONTACT_SECONDS", 8.0)
        assert code_of(alpha, beta, {"did": alpha.did}) == ""


class TestRefused:
    """Nobody is admitted, the answer has its code, and the log has the line."""

    def refused(self, space: LiveSpace, stranger: Node) -> str:
        alpha, beta = space["alpha"], space["beta"]
        code = code_of(alpha, beta, {"did": stranger.did})
        assert participants(beta) == []
        assert any(code.encode() in event for event in beta.log("call.refused"))
        return code

    def test_without_membership(self, space: LiveSpace) -> None:
        stranger = space.add("stranger", member=False)
        assert self.refused(space, stranger) == MembershipRequired.code
        stranger.services["PreauMembership"] = ""
        assert self.refused(space, stranger) == MembershipRequired.code

    def test_never_admitted_by_the_authority(self, space: LiveSpace) -> None:
        stranger = space.add("stranger", member=False)
        with pytest.raises(MembershipRequired):
            onboard.fetch_own_membership(
                stranger.ports, stranger._keep, stranger.settings.spaces[0]
            )
        assert stranger.membership == ""
        stranger.join_space()
        assert stranger.membership

    def test_with_the_membership_of_another(self, space: LiveSpace) -> None:
        stranger = space.add("stranger", member=False)
        stranger.membership = space["alpha"].membership
        assert self.refused(space, stranger) == CredentialInvalid.code

    def test_with_keys_that_the_authority_never_saw(self, space: LiveSpace) -> None:
        """Whoever takes over a member's host is not the member."""
        stranger = space.add("stranger")
        stranger.signer = MemorySigner(stranger.did)
        assert self.refused(space, stranger) == CredentialInvalid.code

    def test_with_a_membership_of_its_own_making(self, space: LiveSpace) -> None:
        stranger = space.add("stranger")
        authority = space.authority
        sound, authority.signer = authority.signer, MemorySigner(authority.did)
        stranger.membership = authority.admit(stranger.did, stranger.document())
        authority.signer = sound
        assert self.refused(space, stranger) == CredentialInvalid.code

    def test_revoked(self, space: LiveSpace) -> None:
        stranger = space.add("stranger")
        space.authority.revoke(stranger.did)
        onboard.refresh(space["beta"].ports)
        assert self.refused(space, stranger) == CredentialRevoked.code

    def test_expired(self, space: LiveSpace) -> None:
        stranger = space.add("stranger", member=False)
        now = space.authority.clock.now()
        stranger.membership = space.authority.admit(
            stranger.did,
            stranger.document(),
            valid_from=now - timedelta(hours=2),
            valid_until=now - timedelta(hours=1),
        )
        assert self.refused(space, stranger) == CredentialExpired.code

    def test_of_another_space(self, space: LiveSpace) -> None:
        stranger = space.add("stranger", member=False)
        stranger.membership = space.authority.admit(
            stranger.did, stranger.document(), space="did:web:another.example"
        )
        assert self.refused(space, stranger) == CredentialInvalid.code

    def test_untrusted_issuer(self, space: LiveSpace) -> None:
        trust_only(space["beta"].settings, "did:web:other.example")
        assert self.refused(space, space["alpha"]) == UntrustedIssuer.code

    def test_tampered_self_description(self, space: LiveSpace) -> None:
        stranger = space.add("stranger")
        other = MemorySigner(stranger.did)
        stranger.description = credential.issue(other, stranger.describe(stranger.did))
        assert self.refused(space, stranger) == DescriptionTampered.code
        about_another = stranger.describe("did:web:another.example")
        stranger.description = credential.issue(stranger.signer, about_another)
        assert self.refused(space, stranger) == DescriptionTampered.code
        stranger.description = ""
        assert post(space["alpha"], space["beta"], {"did": stranger.did})["admitted"]

    def test_a_status_list_that_goes_back_is_not_taken(self, space: LiveSpace) -> None:
        """An older list would undo a revocation."""
        beta, authority, stranger = space["beta"], space.authority, space.add("stranger")
        authority.revoke(stranger.did)
        onboard.refresh(beta.ports)
        with beta.ports.store.read() as tx:
            held = tx.status_lists.get(authority.status_url)
        authority.clock.advance(-600)
        authority.marked.clear()
        with authority.ports.store.write() as tx:
            member = tx.members.get(stranger.did)
            assert member is not None
            object.__setattr__(member, "revoked", "")
            tx.members.put(member)
        onboard.refresh(beta.ports)
        with beta.ports.store.read() as tx:
            assert tx.status_lists.get(authority.status_url) == held
        assert self.refused(space, stranger) == CredentialRevoked.code

    def test_a_stale_list_of_an_authority_that_is_down(self, space: LiveSpace) -> None:
        alpha, beta = space["alpha"], space["beta"]
        space.authority.stop()
        beta.clock.advance(25 * 3600)
        with pytest.raises((StatusListStale, PeerUnreachable)):
            onboard.welcome(beta.ports, alpha.did)
        beta.clock.advance(-25 * 3600)
        assert onboard.welcome(beta.ports, alpha.did).did == alpha.did


class TestDoor:
    @pytest.mark.parametrize(
        "body",
        [b"", b"x", b"[]", b"{}", b'{"did": 1}', b'{"did": "a", "did": "b"}', {"did": "x", "y": 1}],
    )
    def test_malformed(self, unmet: LiveSpace, body: Any) -> None:
        assert code_of(unmet["alpha"], unmet["beta"], body) == Malformed.code

    def test_too_large(self, unmet: LiveSpace) -> None:
        body = {"did": "did:web:" + "a" * 4000}
        assert code_of(unmet["alpha"], unmet["beta"], body) == MessageTooLarge.code

    def test_the_rate_is_limited(self, tmp_path: Path) -> None:
        with live_space(tmp_path, "alpha", "beta", first_contacts_per_minute=3) as space:
            alpha, beta = space["alpha"], space["beta"]
            codes = [code_of(alpha, beta, {"did": alpha.did}) for _ in range(5)]
            assert codes == ["", "", "", TooManyRequests.code, TooManyRequests.code]
            with pytest.raises(TooManyRequests) as refusal:  # `Retry-After` says when
                post(alpha, beta, {"did": alpha.did})
            assert 0 < refusal.value.retry_after <= 20
            assert beta.log("call.refused") == []  # counted, not written
            # Who is known already is not affected.
            space.meet("beta", "alpha")
            with pytest.raises(NotFound):
                alpha.call(beta, "GetNegotiationMessage", {"pid": "x"})


class TestForbiddenAddresses:
    @pytest.mark.parametrize(
        "did",
        [
            "did:web:169.254.169.254",
            "did:web:127.0.0.1%3A8443",
            "did:web:2130706433",
            "did:web:0x7f000001",
            "did:web:[::1]",
            "did:web:localhost:..:admin",
            "did:key:z6Mk",
            "https://localhost/",
        ],
    )
    def test_not_a_did_that_is_followed(self, unmet: LiveSpace, did: str) -> None:
        assert code_of(unmet["alpha"], unmet["beta"], {"did": did}) == DidUnresolvable.code
        assert participants(unmet["beta"]) == []

    def test_a_host_that_resolves_to_loopback(self, tmp_path: Path) -> None:
        with live_space(tmp_path, "alpha", "beta") as space:
            alpha, beta = space["alpha"], space["beta"]
            guarded = GuardedWeb.of(beta.settings)
            guarded._allow = frozenset()
            object.__setattr__(beta.ports, "web", guarded)
            assert code_of(alpha, beta, {"did": alpha.did}) == PeerUnreachable.code
            guarded._allow = frozenset({"localhost"})
            assert code_of(alpha, beta, {"did": alpha.did}) == ""

    def test_a_document_that_points_inside(self, space: LiveSpace) -> None:
        alpha, beta = space["alpha"], space["beta"]
        for url in (
            "https://169.254.169.254/latest/meta-data",
            f"https://127.0.0.1:{alpha.https_port}/membership",
            f"https://[::1]:{alpha.https_port}/membership",
            f"http://localhost:{alpha.https_port}/membership",
            f"https://user@localhost:{alpha.https_port}/membership",
            "file:///etc/passwd",
        ):
            alpha.services["PreauMembership"] = url
            assert code_of(alpha, beta, {"did": alpha.did}) == PeerUnreachable.code, url
        del alpha.services["PreauMembership"]
        assert code_of(alpha, beta, {"did": alpha.did}) == ""

    def test_a_grpc_endpoint_inside_is_not_called(self, space: LiveSpace) -> None:
        alpha, beta = space["alpha"], space["beta"]
        for endpoint in ("grpcs://169.254.169.254:443", "grpcs://127.0.0.1:1"):
            beta.services["PreauPeer"] = endpoint
            onboard.welcome(alpha.ports, beta.did)
            with pytest.raises(AddressForbidden):
                alpha.call(beta, "GetNegotiationMessage", {"pid": "x"})
        for endpoint in (
            "http://localhost:1",
            "grpcs://localhost",
            "localhost:1",
            "grpcs://localhost:0",
            "grpcs://localhost:65536",
        ):
            beta.services["PreauPeer"] = endpoint
            with pytest.raises(DidUnresolvable):
                onboard.welcome(alpha.ports, beta.did)

    def test_a_redirect_is_not_followed(self, space: LiveSpace) -> None:
        alpha, beta = space["alpha"], space["beta"]
        port: list[int] = []
        followed: list[bool] = []

        def redirect(_request: Request) -> Response:
            return RedirectResponse(f"https://localhost:{port[0]}/inside")

        def inside(_request: Request) -> Response:
            followed.append(True)
            return Response(alpha.membership)

        app = Starlette(routes=[Route("/outside", redirect), Route("/inside", inside)])
        settings = alpha.settings
        server = HttpsServer(app, Path(settings.https_certificate), Path(settings.https_key))
        port.append(server.start())
        space.stack.callback(server.stop)
        alpha.services["PreauMembership"] = f"https://localhost:{port[0]}/outside"
        assert code_of(alpha, beta, {"did": alpha.did}) == PeerUnreachable.code
        assert followed == []
        alpha.services["PreauMembership"] = f"https://localhost:{port[0]}/inside"
        assert code_of(alpha, beta, {"did": alpha.did}) == ""
        assert followed == [True]

    def test_a_host_without_the_right_certificate(self, tmp_path: Path) -> None:
        with live_space(tmp_path, "alpha", "beta") as space:
            alpha, beta = space["alpha"], space["beta"]
            sound = beta.ports.web
            object.__setattr__(beta.ports, "web", GuardedWeb.of(_no_roots(beta)))
            assert code_of(alpha, beta, {"did": alpha.did}) == PeerUnreachable.code
            object.__setattr__(beta.ports, "web", sound)
            assert code_of(alpha, beta, {"did": alpha.did}) == ""


class TestPublicFace:
    def test_datasets_that_are_offered_to_everyone(self, unmet: LiveSpace) -> None:
        alpha, beta = unmet["alpha"], unmet["beta"]
        url = dids.origin(beta.did) + "/datasets/urn%3Auuid%3A1"
        now = beta.clock.now()
        with beta.ports.store.write() as tx:
            tx.datasets.put(_dataset("urn:uuid:1", now))
            tx.offers.put(Offer("urn:o:1", "urn:uuid:1", b"{}", "", now, audience=alpha.did))
        with pytest.raises(NotFound):  # offered to one consumer only
            alpha.ports.web.get(url)
        with beta.ports.store.write() as tx:
            tx.offers.put(Offer("urn:o:2", "urn:uuid:1", b"{}", "", now))
        assert alpha.ports.web.get(url) == b"the.description.jwt"
        with pytest.raises(NotFound):
            alpha.ports.web.get(url + "2")

    def test_the_document_is_served_byte_for_byte(self, unmet: LiveSpace) -> None:
        alpha, beta = unmet["alpha"], unmet["beta"]
        assert alpha.ports.web.get(dids.document_url(beta.did)) == beta.document()

    def test_what_is_not_there(self, unmet: LiveSpace) -> None:
        alpha, beta = unmet["alpha"], unmet["beta"]
        for path in ("/", "/memberships/x", "/status/1", "/docs", "/openapi.json"):
            with pytest.raises(NotFound):
                alpha.ports.web.get(dids.origin(beta.did) + path)
        for path in ("/membership/x", "/first-contact"):
            with pytest.raises(PreauError):
                alpha.ports.web.get(dids.origin(unmet.authority.did) + path)

    def test_an_authority_serves_members_and_list(self, unmet: LiveSpace) -> None:
        alpha, origin = unmet["alpha"], dids.origin(unmet.authority.did)
        member = alpha.ports.web.get(f"{origin}/memberships/{quote(alpha.did, safe='')}")
        assert member.decode() == alpha.membership
        with pytest.raises(NotFound):
            alpha.ports.web.get(f"{origin}/memberships/did%3Aweb%3Anobody.example")
        assert alpha.ports.web.get(unmet.authority.status_url).count(b".") == 2


def _no_roots(node: Node) -> Any:
    settings = node.settings
    values = {name: getattr(settings, name) for name in settings.__slots__}
    return type(settings)(**{**values, "web_roots": ""})


def _dataset(identifier: str, now: Any) -> Dataset:
    stated = [item.name for item in fields(Dataset) if item.default is MISSING]
    values: dict[str, Any] = dict.fromkeys(stated, "")
    values.update(
        id=identifier,
        personal=False,
        columns=(),
        rows_per_person=1,
        population=100,
        cap=None,
        file=DataFile("/nowhere", "csv", ""),
        credential="the.description.jwt",
        published_at=now,
    )
    return Dataset(**values)
