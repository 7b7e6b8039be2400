"""Holder and issuer of DCP: how credentials are asked for, delivered, kept and shown."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from connector.domain.space import MEMBERSHIP_SCOPE, Space
from connector.errors import (
    CredentialExpired,
    CredentialInvalid,
    CredentialRevoked,
    Malformed,
    MembershipRequired,
    NotFound,
    NotSupported,
    OfferUnknown,
    PreauError,
    RequestDiffers,
    ScopeForbidden,
    TokenInvalid,
    TokenReplayed,
    TooManyRequests,
    UntrustedIssuer,
)
from connector.identity import credential as credentials
from connector.identity import jws, status
from connector.identity.dcp import access, message, query, self_issued
from connector.identity.dcp import credential as dcp_credentials
from connector.identity.dcp.issuance import (
    CredentialContainer,
    CredentialMessage,
    CredentialObject,
    CredentialOfferMessage,
    CredentialRequestMessage,
    RequestStatus,
)
from connector.jsonld.canonical import canonical
from connector.ports import Answer
from connector.services.credentials import holding, issuing, requesting
from connector.services.credentials.memberships import Memberships
from connector.services.membership import authority
from tests.support.claims import (
    AUTHORITY,
    DCP_LIST,
    HOLDER,
    LIST,
    PLAIN,
    VERIFIER,
    Claims,
)
from tests.support.doubles import NOON

ASKED = canonical(query.query([MEMBERSHIP_SCOPE]))
REQUESTS = "https://authority.example/dcp/credentials"


@pytest.fixture
def world(tmp_path: Path) -> Claims:
    return Claims(tmp_path)


def token(world: Claims, bearer: str = VERIFIER, audience: str = HOLDER, access: str = "") -> str:
    now, jti = world.clock.now(), world.issuer.ids.new()
    return self_issued.make(world.signers[bearer], bearer, audience, jti, now, access_token=access)


def granted(world: Claims, *scopes: str, bearer: str = VERIFIER, signer: str = HOLDER) -> str:
    return access.make(world.signers[signer], HOLDER, bearer, scopes, world.clock.now())


def ask(world: Claims) -> float:
    return requesting.turn(world.holder, known=world.known, steady=True)


def deliver(world: Claims) -> float:
    return issuing.turn(
        world.issuer, known=world.members, offering=Memberships(world.issuer), steady=True
    )


def requests(world: Claims) -> list[Any]:
    with world.holder.store.read() as tx:
        return tx.credential_requests.find()


def issuances(world: Claims) -> list[Any]:
    with world.issuer.store.read() as tx:
        return tx.issuance_requests.find()


# --- issuance ------------------------------------------------------------------------------------


def test_a_member_asks_is_delivered_to_and_shows_it(world: Claims) -> None:
    assert ask(world) == requesting.AGAIN_SECONDS
    (request,) = requests(world)
    assert request.issuer_pid == issuances(world)[0].issuer_pid
    assert deliver(world) == issuing.LOOK_SECONDS
    (request,) = requests(world)
    assert request.status == RequestStatus.ISSUED
    with world.holder.store.read() as tx:
        (kept,) = tx.held_credentials.find()
    held = dcp_credentials.unverified(kept.token).credential
    assert held.subject_id == HOLDER
    assert held.document["credentialStatus"]["statusListCredential"] == DCP_LIST
    for text in (kept.token, world.web.pages[DCP_LIST]().decode()):
        assert jws.unverified_header(text)["alg"] == "EdDSA"  # which others know
    assert world.judged().membership == kept.token
    assert world.web.fetched.count(DCP_LIST) == 1
    assert ask(world) == requesting.LOOK_SECONDS
    assert len(requests(world)) == 1


def test_a_revocation_reaches_both_lists(world: Claims) -> None:
    ask(world)
    deliver(world)
    world.judged()
    world.revoke()
    world.later(minutes=6)
    with pytest.raises(CredentialRevoked):
        world.judged()
    stated = credentials.unverified_credential(world.web.pages[LIST]().decode()).subject
    assert stated["encodedList"] == _subject(world)["encodedList"]
    assert status.TEMPLATES not in _subject(world)


def _subject(world: Claims) -> Any:
    return dcp_credentials.unverified(world.web.pages[DCP_LIST]().decode()).credential.subject


def test_who_was_revoked_since_is_rejected(world: Claims) -> None:
    ask(world)
    world.revoke()
    deliver(world)
    (request,) = requests(world)
    assert (request.status, request.reason) == ("REJECTED", "no membership is in force")
    assert not holding.held(world.holder)[1:]
    ask(world)
    assert len(requests(world)) == 1  # not again at once
    world.later(minutes=6)
    ask(world)
    assert len(requests(world)) == 2


def test_a_credential_near_its_end_is_asked_for_anew(world: Claims) -> None:
    ask(world)
    deliver(world)
    world.later(days=359)
    world.membership = authority.admit(world.issuer, HOLDER).credential
    ask(world)
    deliver(world)
    with world.holder.store.read() as tx:
        (kept,) = tx.held_credentials.find()  # the newer one took the place of the first
    until = dcp_credentials.unverified(kept.token).credential.valid_until
    assert until is not None
    assert (until - world.clock.now()).days == 365
    assert len(requests(world)) == 1  # the first is over


def test_a_holder_that_is_away_is_delivered_to_later(world: Claims) -> None:
    ask(world)
    at = "https://holder.example/dcp/credentials"
    service = world.web.answering.pop(at)
    pauses = [deliver(world) for _ in range(3) if world.later(seconds=20) is None]
    assert pauses == [2.0, 4.0, 8.0]
    assert issuances(world)[0].status == RequestStatus.ISSUED
    world.web.answering[at] = service
    world.later(seconds=20)
    deliver(world)
    assert requests(world)[0].status == RequestStatus.ISSUED
    assert issuances(world)[0].due_at is None
    world.later(days=8)
    deliver(world)
    assert issuances(world) == []


def test_who_was_revoked_before_it_was_reached_gets_nothing(world: Claims) -> None:
    ask(world)
    service = world.web.answering.pop("https://holder.example/dcp/credentials")
    deliver(world)
    world.revoke()
    world.web.answering["https://holder.example/dcp/credentials"] = service
    world.later(seconds=20)
    deliver(world)
    assert issuances(world)[0].due_at is None
    assert not holding.held(world.holder)[1:]


def test_a_holder_that_stays_away_is_given_up(world: Claims) -> None:
    ask(world)
    del world.web.answering["https://holder.example/dcp/credentials"]
    world.later(days=8)
    deliver(world)
    assert issuances(world) == []


def test_an_issuer_that_is_away_is_asked_later(world: Claims) -> None:
    service = world.web.answering.pop(REQUESTS)
    world.web.answering[REQUESTS] = lambda _body, _headers: Answer(503, b"")
    ask(world)
    world.web.answering[REQUESTS] = lambda _body, _headers: Answer(403, b"")
    ask(world)
    assert requests(world)[0].issuer_pid == ""
    world.web.answering[REQUESTS] = lambda _body, _headers: Answer(201, b"")
    ask(world)
    assert requests(world)[0].issuer_pid == requesting.UNKNOWN
    world.later(days=8)
    world.web.answering[REQUESTS] = lambda _body, _headers: Answer(404, b"")
    ask(world)
    assert [each.status for each in requests(world)] == ["RECEIVED", "REJECTED"]
    world.later(minutes=6)
    world.web.answering[REQUESTS] = service
    ask(world)
    deliver(world)
    assert requests(world)[-1].status == RequestStatus.ISSUED


def test_an_authority_without_the_service_is_not_asked(world: Claims) -> None:
    world.web.answering.clear()
    ask(world)
    assert requests(world) == []


def test_requests_that_an_issuer_refuses(world: Claims) -> None:
    offered = world.issuing.metadata().credentials[0].id

    def asked(pid: str, *ids: str, bearer: str = HOLDER) -> str:
        body = canonical(CredentialRequestMessage(pid, ids).body())
        return world.issuing.request(token(world, bearer, AUTHORITY), PLAIN, body)

    with pytest.raises(MembershipRequired):
        asked("urn:1", offered, bearer=VERIFIER)
    assert VERIFIER not in str(world.web.fetched)  # nothing was fetched for it
    with pytest.raises(OfferUnknown):
        asked("urn:1", "urn:other")
    first = asked("urn:1", offered)
    assert asked("urn:1", offered) == first
    again = token(world, HOLDER, AUTHORITY)
    body = canonical(CredentialRequestMessage("urn:2", (offered,)).body())
    world.issuing.request(again, PLAIN, body)
    with pytest.raises(TokenReplayed):
        world.issuing.request(again, PLAIN, body)
    with pytest.raises(Malformed):
        world.issuing.request(token(world, HOLDER, AUTHORITY), PLAIN, b"{}")
    found = world.issuing.status(token(world, HOLDER, AUTHORITY), PLAIN, first)
    assert found.status is RequestStatus.RECEIVED
    with pytest.raises(NotFound):
        world.issuing.status(token(world, HOLDER, AUTHORITY), PLAIN, "urn:none")
    authority.admit(world.issuer, VERIFIER)
    with pytest.raises(NotFound):  # another's
        world.issuing.status(token(world, VERIFIER, AUTHORITY), PLAIN, first)


def test_a_holder_makes_few_requests_in_an_hour(world: Claims) -> None:
    offered = world.issuing.metadata().credentials[0].id

    def asked(number: int) -> None:
        body = canonical(CredentialRequestMessage(f"urn:{number}", (offered,)).body())
        world.issuing.request(token(world, HOLDER, AUTHORITY), PLAIN, body)

    for number in range(issuing.PER_HOUR):
        asked(number)
    with pytest.raises(TooManyRequests):
        asked(issuing.PER_HOUR)
    world.later(hours=1)
    asked(issuing.PER_HOUR)


def test_an_open_request_that_asks_for_something_else(
    world: Claims, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = world.issuing.metadata()
    more = replace(first, credentials=(*first.credentials, CredentialObject("urn:b")))
    monkeypatch.setattr(Memberships, "metadata", lambda _self: more)
    for each, error in ((first.credentials[0].id, None), ("urn:b", RequestDiffers)):
        body = canonical(CredentialRequestMessage("urn:1", (each,)).body())
        if error is None:
            world.issuing.request(token(world, HOLDER, AUTHORITY), PLAIN, body)
        else:
            with pytest.raises(error):
                world.issuing.request(token(world, HOLDER, AUTHORITY), PLAIN, body)


# --- what is delivered ---------------------------------------------------------------------------


def delivered(world: Claims, *tokens: str, pid: str = "", issuer: str = AUTHORITY) -> None:
    found = tuple(CredentialContainer("MembershipCredential", each, "x") for each in tokens)
    told = CredentialMessage("urn:issuer", pid or requests(world)[0].holder_pid, found)
    world.service.take(token(world, issuer), PLAIN, canonical(told.body()))


def changed(world: Claims, **changes: Any) -> str:
    document = dict(dcp_credentials.unverified(world.membership).credential.document) | changes
    return credentials.issue(world.signers[AUTHORITY], document)


def test_credentials_that_are_not_taken(world: Claims) -> None:
    ask(world)
    good = world.membership

    def refused(error: type[PreauError], *tokens: str, **other: str) -> None:
        with pytest.raises(error):
            delivered(world, *tokens, **other)

    refused(NotFound, good, pid="urn:none")
    refused(UntrustedIssuer, good, issuer=VERIFIER)
    refused(CredentialInvalid, changed(world, credentialSubject={"id": VERIFIER}))
    refused(CredentialInvalid, changed(world, issuer=VERIFIER))
    refused(CredentialInvalid, good[:-4] + "AAAA")
    refused(CredentialExpired, changed(world, validUntil="2026-11-24T11:00:00Z"))
    refused(CredentialInvalid, good, "a.b.c")  # all or none
    with pytest.raises(Malformed):
        world.service.take(token(world, AUTHORITY), PLAIN, b"{}")
    assert not holding.held(world.holder)[1:]
    delivered(world, good)
    delivered(world, good)  # it had no answer to the first
    assert len(holding.held(world.holder)) == 2


def test_who_was_rejected_may_be_granted_it_later(world: Claims) -> None:
    ask(world)
    delivered(world)
    assert requests(world)[0].status == RequestStatus.REJECTED
    delivered(world, world.membership)
    assert requests(world)[0].status == RequestStatus.ISSUED


def test_offers(world: Claims) -> None:
    offer = CredentialOfferMessage(AUTHORITY, world.issuing.metadata().credentials)
    body = canonical(offer.body())
    with pytest.raises(UntrustedIssuer):
        world.service.offered(token(world, VERIFIER), PLAIN, body)
    foreign = canonical(replace(offer, issuer=VERIFIER).body())
    with pytest.raises(Malformed):
        world.service.offered(token(world, AUTHORITY), PLAIN, foreign)
    unknown = canonical(CredentialOfferMessage(AUTHORITY, (CredentialObject("urn:x"),)).body())
    with pytest.raises(Malformed):
        world.service.offered(token(world, AUTHORITY), PLAIN, unknown)
    assert requests(world) == []
    sparse = canonical(
        CredentialOfferMessage(AUTHORITY, (CredentialObject(offer.credentials[0].id),)).body()
    )
    world.service.offered(token(world, AUTHORITY), PLAIN, sparse)
    world.service.offered(token(world, AUTHORITY), PLAIN, body)
    assert len(requests(world)) == 1
    ask(world)
    deliver(world)
    assert requests(world)[0].status == RequestStatus.ISSUED


# --- what is shown -------------------------------------------------------------------------------


def presented(world: Claims, bearer: str, granted: str, asked: bytes = ASKED) -> int:
    found = world.service.present(token(world, bearer, access=granted), PLAIN, asked)
    return len(query.read_response(canonical(found))) if found["presentation"] else 0


def scope(name: str) -> str:
    return f"org.eclipse.dspace.dcp.vc.type:{name}"


def definition(value: str, **more: Any) -> bytes:
    condition = {"path": ["$.type"], "filter": {"type": "string", "pattern": value}}
    descriptor = {"id": "d", "constraints": {"fields": [condition]}}
    stated = {"id": "x", "input_descriptors": [descriptor], **more}
    return canonical(message.written(query._QUERY, presentationDefinition=stated))


def test_only_what_was_granted_is_shown(world: Claims) -> None:
    assert presented(world, VERIFIER, granted(world, MEMBERSHIP_SCOPE)) == 1
    other = canonical(query.query([scope("Other")]))
    assert presented(world, VERIFIER, granted(world, scope("Other")), other) == 0
    rows: list[tuple[type[PreauError], str, str, bytes]] = [
        (ScopeForbidden, VERIFIER, granted(world), ASKED),
        (ScopeForbidden, VERIFIER, granted(world, scope("Other")), ASKED),
        (TokenInvalid, VERIFIER, "", ASKED),
        (TokenInvalid, VERIFIER, "opaque", ASKED),
        (TokenInvalid, AUTHORITY, granted(world, MEMBERSHIP_SCOPE), ASKED),  # a stolen one
        (
            TokenInvalid,
            VERIFIER,
            granted(world, MEMBERSHIP_SCOPE, signer=VERIFIER),
            ASKED,
        ),
        (Malformed, VERIFIER, granted(world, MEMBERSHIP_SCOPE), b"{}"),
        (
            NotSupported,
            VERIFIER,
            granted(world, MEMBERSHIP_SCOPE),
            definition("x", submission_requirements=[]),
        ),
    ]
    for error, bearer, access_token, asked in rows:
        with pytest.raises(error):
            presented(world, bearer, access_token, asked)
    late = granted(world, MEMBERSHIP_SCOPE)
    world.later(minutes=12)
    with pytest.raises(TokenInvalid):
        presented(world, VERIFIER, late)


def test_a_definition_is_answered_within_what_was_granted(world: Claims) -> None:
    asked, scopes = definition("MembershipCredential"), (MEMBERSHIP_SCOPE,)
    for wanted, granting, number in (
        (asked, scopes, 1),
        (asked, (scope("Other"),), 0),
        (definition("Other"), scopes, 0),
    ):
        access_token = granted(world, *granting)
        shown = world.service.present(token(world, access=access_token), PLAIN, wanted)
        assert len(shown["presentation"]) == number
        assert len(shown.get("presentationSubmission", {}).get("descriptor_map", [])) == number


def test_nothing_is_fetched_for_who_was_granted_nothing(world: Claims) -> None:
    world.web.fetched.clear()
    with pytest.raises(TokenInvalid):
        presented(world, VERIFIER, granted(world, MEMBERSHIP_SCOPE, signer=VERIFIER))
    assert world.web.fetched == []


def test_what_was_shown_is_recorded_once_an_hour(
    world: Claims, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(holding, "MOST_NOTED", 1)

    def recorded() -> int:
        with world.holder.store.read() as tx:
            return len(tx.audit.entries(kind="credentials.presented"))

    for seconds, number in ((0, 1), (0, 1), (3600, 2)):
        world.later(seconds=seconds)
        presented(world, VERIFIER, granted(world, MEMBERSHIP_SCOPE))
        assert recorded() == number
    other = canonical(query.query([scope("Other")]))
    presented(world, VERIFIER, granted(world, scope("Other")), other)
    assert recorded() == 3


def test_what_is_over_is_not_shown(world: Claims) -> None:
    world.later(days=366)
    assert presented(world, VERIFIER, granted(world, MEMBERSHIP_SCOPE)) == 0


def test_of_several_spaces_each_is_shown_its_own(
    world: Claims, monkeypatch: pytest.MonkeyPatch
) -> None:
    here, there = Space(AUTHORITY, (AUTHORITY,)), Space(VERIFIER, (VERIFIER,), name="there")
    object.__setattr__(world.holder.settings, "spaces", (here, there))
    for space, number in ((here, 1), (there, 0)):
        monkeypatch.setattr(holding, "space_of", lambda _ports, _did, space=space: space)
        assert presented(world, VERIFIER, granted(world, MEMBERSHIP_SCOPE)) == number


def test_access_tokens_say_to_whom_and_until_when(world: Claims) -> None:
    made = granted(world, MEMBERSHIP_SCOPE)
    own = world.known.of(HOLDER)
    (found,) = access.check(made, own, VERIFIER, NOON)
    assert found.value == "MembershipCredential"
    with pytest.raises(TokenInvalid):
        access.check(made, own, VERIFIER, NOON + 2 * access.LIFE)
