"""The authority's services: admission, renewal, revocation, the status list."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from connector.domain.membership import Membership
from connector.errors import (
    ConfigurationInvalid,
    CredentialInvalid,
    CredentialRevoked,
    DidUnresolvable,
    NotFound,
    PeerUnreachable,
)
from connector.identity import credential as credentials
from connector.identity import document as documents
from connector.identity import status, trust
from connector.identity.trust import MembershipFacts
from connector.ports import Ports
from connector.services.membership import authority
from tests.support.contracts import AUTHORITY, CONSUMER, NOW, PROVIDER, Member, Space, stranger
from tests.support.doubles import FixedClock, ports_for_tests, settings_for_tests
from tests.support.management import commanded

SPACE = Space()
MEMBER = stranger(PROVIDER)
OTHER = stranger(CONSUMER)


class Web:
    """The port `Web` in front of some members' hosts."""

    def __init__(self) -> None:
        self.pages = {"https://nord.example/.well-known/did.json": MEMBER.data}
        self.pages["https://lab.example:8443/.well-known/did.json"] = OTHER.data
        self.down = False

    def get(self, url: str, *, limit: int = 1 << 20) -> bytes:
        assert limit <= documents.MAX_BYTES
        if self.down:
            raise PeerUnreachable("down")
        return self.pages[url]

    def post(self, url: str, body: bytes, *, limit: int = 1 << 16) -> bytes:
        raise AssertionError(url, body, limit)


@pytest.fixture
def web() -> Web:
    return Web()


@pytest.fixture
def ports(tmp_path: Path, web: Web) -> Ports:
    settings = settings_for_tests(tmp_path, AUTHORITY, kind="authority", space=AUTHORITY)
    return ports_for_tests(
        tmp_path,
        AUTHORITY,
        settings=settings,
        signer=SPACE.signer,
        clock=FixedClock(NOW),
        web=web,
    )


class TestReadmission:
    """A member that lost its signing key is admitted anew; the old membership stays revoked."""

    def test_under_the_keys_that_it_serves_now(self, ports: Ports, web: Web) -> None:
        before = authority.admit(ports, PROVIDER, name="North", role="school")
        other = stranger(PROVIDER)
        web.pages["https://nord.example/.well-known/did.json"] = other.data
        after = authority.readmit(ports, PROVIDER, "key lost")
        assert (after.name, after.role, after.revoked) == ("North", "school", "")
        assert after.index != before.index
        assert judged(ports, after, other).did == PROVIDER
        with pytest.raises(CredentialRevoked):
            judged(ports, before)
        with pytest.raises(CredentialInvalid):
            judged(ports, after)  # the lost key

    def test_nothing_changes_while_its_host_is_down(self, ports: Ports, web: Web) -> None:
        before = authority.admit(ports, PROVIDER)
        web.down = True
        with pytest.raises(PeerUnreachable):
            authority.readmit(ports, PROVIDER, "key lost")
        assert authority.membership_of(ports, PROVIDER) == before

    def test_by_its_command(self, ports: Ports, web: Web) -> None:
        authority.admit(ports, PROVIDER, name="North")
        web.pages["https://nord.example/.well-known/did.json"] = stranger(PROVIDER).data
        words = ("authority", "readmit", PROVIDER, "--reason", "key lost")
        with commanded(ports) as preau:
            assert preau(*words[:3]).exit_code == 2  # not without a reason
            done = preau(*words)
            assert (done.exit_code, f"readmitted {PROVIDER}" in done.stdout) == (0, True)
            (listed,) = json.loads(preau("authority", "members", "--json").stdout)
            assert (listed["did"], listed["name"], listed["revoked"]) == (PROVIDER, "North", "")
            other = preau("authority", "readmit", CONSUMER, "--reason", "key lost", "--json")
            assert json.loads(other.stderr)["code"] == "NOT_FOUND"
        with ports.store.read() as tx:
            kinds = [entry.kind for entry in tx.audit.entries(subject=PROVIDER)]
        assert kinds == ["membership.issued", "membership.revoked", "membership.issued"]

    def test_only_of_a_member(self, ports: Ports) -> None:
        with pytest.raises(NotFound):
            authority.readmit(ports, PROVIDER, "key lost")


def judged(ports: Ports, member: Membership, holder: Member = MEMBER) -> MembershipFacts:
    """Judge as a node of the space would."""
    return trust.judge_membership(
        member.credential,
        holder.document,
        issuers={AUTHORITY: SPACE.data},
        status_lists=SPACE.cached(authority.status_list(ports)),
        trusted_issuers=(AUTHORITY,),
        space=AUTHORITY,
        now=ports.clock.now(),
    )


def advance(ports: Ports, seconds: float) -> None:
    assert isinstance(ports.clock, FixedClock)
    ports.clock.advance(seconds)


def kinds(ports: Ports) -> list[str]:
    with ports.store.read() as tx:
        return [entry.kind for entry in tx.audit.entries()]


def test_an_admitted_member_is_believed(ports: Ports) -> None:
    member = authority.admit(ports, PROVIDER, name="Nord", role="provider", days=30)
    facts = judged(ports, member)
    assert (facts.name, facts.role) == ("Nord", "provider")
    assert facts.valid_until == NOW + timedelta(days=30)
    assert authority.membership_of(ports, PROVIDER) == member
    assert authority.members(ports).values == (member,)
    assert kinds(ports) == ["membership.issued"]


def test_name_defaults_to_the_host(ports: Ports) -> None:
    assert authority.admit(ports, CONSUMER).name == "lab.example"


def test_each_member_has_a_place_of_its_own(ports: Ports) -> None:
    first, second = authority.admit(ports, PROVIDER), authority.admit(ports, CONSUMER)
    assert first.index != second.index
    authority.revoke(ports, CONSUMER, "left")
    judged(ports, first)
    with pytest.raises(CredentialRevoked):
        judged(ports, second, OTHER)


def test_keys_may_be_given_while_the_member_is_down(ports: Ports, web: Web) -> None:
    web.down = True
    judged(ports, authority.admit(ports, PROVIDER, document=MEMBER.data))
    judged(
        ports,
        authority.admit(ports, PROVIDER, key_thumbprints=MEMBER.document.thumbprints()),
    )
    with pytest.raises(PeerUnreachable):
        authority.admit(ports, PROVIDER)


def test_keys_of_another_do_not_serve(ports: Ports) -> None:
    member = authority.admit(ports, PROVIDER, key_thumbprints=OTHER.document.thumbprints())
    with pytest.raises(CredentialInvalid):
        judged(ports, member)


@pytest.mark.parametrize("document", [b"", b"{}", OTHER.data, b'{"id":"did:web:nord.example"}'])
def test_documents_that_are_refused(ports: Ports, document: bytes) -> None:
    with pytest.raises(DidUnresolvable):
        authority.admit(ports, PROVIDER, document=document)
    assert authority.members(ports).values == ()
    assert kinds(ports) == []


def test_did_that_is_refused(ports: Ports) -> None:
    with pytest.raises(DidUnresolvable):
        authority.admit(ports, "did:web:127.0.0.1")


def test_days_that_are_refused(ports: Ports) -> None:
    with pytest.raises(ConfigurationInvalid):
        authority.admit(ports, PROVIDER, days=0)


def test_a_member_whose_clock_is_behind(ports: Ports) -> None:
    member = authority.admit(ports, PROVIDER)
    found = credentials.verify(member.credential, SPACE.document)
    credentials.check_period(found, NOW - timedelta(minutes=4))


def test_renewal_keeps_the_place_so_that_one_revocation_ends_both(ports: Ports) -> None:
    first = authority.admit(ports, PROVIDER)
    second = authority.admit(ports, PROVIDER, days=9)
    assert first.index == second.index
    judged(ports, first)
    judged(ports, second)
    authority.revoke(ports, PROVIDER, "left")
    for member in (first, second):
        with pytest.raises(CredentialRevoked):
            judged(ports, member)
    assert kinds(ports) == ["membership.issued", "membership.renewed", "membership.revoked"]


def test_admission_after_a_revocation_does_not_revive_the_old_credential(ports: Ports) -> None:
    """A key was stolen: revoked, and admitted anew with another key."""
    stolen = authority.admit(ports, PROVIDER)
    authority.revoke(ports, PROVIDER, "key stolen")
    fresh = replace(
        MEMBER, **{name: getattr(stranger(PROVIDER), name) for name in ("signer", "data")}
    )
    new = authority.admit(ports, PROVIDER, document=fresh.data)
    assert new.index != stolen.index
    judged(ports, new, fresh)
    with pytest.raises(CredentialRevoked):
        judged(ports, stolen)
    advance(ports, 3600)
    with pytest.raises(CredentialRevoked):
        judged(ports, stolen)
    judged(ports, new, fresh)


def test_places_are_never_used_twice(ports: Ports) -> None:
    places = []
    for _ in range(4):
        places.append(authority.admit(ports, PROVIDER).index)
        authority.revoke(ports, PROVIDER, "again")
    places.append(authority.admit(ports, CONSUMER).index)
    assert len(set(places)) == 5
    with pytest.raises(CredentialRevoked):
        judged(ports, authority.membership_of(ports, PROVIDER))


def test_a_second_revocation_changes_nothing(ports: Ports) -> None:
    authority.admit(ports, PROVIDER)
    first = authority.revoke(ports, PROVIDER, "left")
    assert authority.revoke(ports, PROVIDER, "other") == first
    assert kinds(ports).count("membership.revoked") == 1


def test_revocations_that_are_refused(ports: Ports) -> None:
    authority.admit(ports, PROVIDER)
    with pytest.raises(NotFound):
        authority.revoke(ports, CONSUMER, "left")
    with pytest.raises(ConfigurationInvalid):
        authority.revoke(ports, PROVIDER, " ")
    assert authority.membership_of(ports, PROVIDER).revoked == ""


def test_list_is_made_anew_when_due_and_answers_for_a_day(ports: Ports) -> None:
    first = authority.status_list(ports)
    found = status.read(first, SPACE.document)
    assert found.valid_until == NOW + timedelta(hours=24)
    advance(ports, 299)
    assert authority.status_list(ports) == first
    advance(ports, 2)
    second = status.read(authority.status_list(ports), SPACE.document)
    assert second.valid_until == NOW + timedelta(hours=24, seconds=301)


def test_life_of_the_list_is_a_setting(ports: Ports) -> None:
    ports = replace(ports, settings=replace(ports.settings, status_list_seconds=60.0))
    found = status.read(authority.status_list(ports), SPACE.document)
    assert found.valid_until == NOW + timedelta(seconds=60)


def test_a_revocation_is_in_the_list_at_once(ports: Ports) -> None:
    member = authority.admit(ports, PROVIDER)
    authority.status_list(ports)
    authority.revoke(ports, PROVIDER, "left")
    found = status.read(authority.status_list(ports), SPACE.document)
    assert found.is_set(member.index)


def test_only_an_authority_does_any_of_this(ports: Ports) -> None:
    ports = replace(ports, settings=replace(ports.settings, kind="participant"))
    with pytest.raises(ConfigurationInvalid):
        authority.admit(ports, PROVIDER)
    with pytest.raises(ConfigurationInvalid):
        authority.revoke(ports, PROVIDER, "left")
    for ask in (authority.members, authority.status_list):
        with pytest.raises(NotFound):
            ask(ports)
    with pytest.raises(NotFound):
        authority.membership_of(ports, PROVIDER)


def test_no_such_member(ports: Ports) -> None:
    with pytest.raises(NotFound):
        authority.membership_of(ports, PROVIDER)
