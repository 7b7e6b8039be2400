"""Judging and refreshing over a web in memory: what fails to be fetched changes nothing."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from connector.domain.delivery import OutgoingMessage
from connector.errors import (
    CredentialInvalid,
    CredentialRevoked,
    DidUnresolvable,
    MembershipRequired,
    PeerUnreachable,
    StatusListStale,
    UnknownPeer,
    Untrusted,
    UntrustedIssuer,
)
from connector.identity import certificate, status, succession
from connector.identity import did as dids
from connector.identity import document as documents
from connector.identity import key as keys
from connector.identity.key import Relationship
from connector.identity.trust import MembershipFacts
from connector.services.continuity.recovery import EXCHANGE
from connector.services.membership import introducing, onboard
from connector.services.messages import deliver
from tests.support.doubles import NOON
from tests.support.keys import MemorySigner
from tests.support.management import commanded
from tests.support.memory_web import AUTHORITY, LIST, OWN, PEER, World, met


@pytest.fixture
def world(tmp_path: Path) -> World:
    return met(tmp_path)


def test_meeting_tells_the_peer_who_we_are(world: World) -> None:
    assert world.web.posted == [
        ("https://peer.example/first-contact", b'{"did":"did:web:node.example"}')
    ]
    del world.peer_services["PreauFirstContact"]
    with pytest.raises(DidUnresolvable):
        onboard.meet(world.ports, PEER)


def test_who_was_met_is_asked_at_once_what_it_holds_of_our_log(world: World) -> None:
    assert world.ports.wakeups.wait(EXCHANGE, 0)
    world.web.down = {"example"}
    with pytest.raises(PeerUnreachable):
        onboard.meet(world.ports, PEER)
    assert not world.ports.wakeups.wait(EXCHANGE, 0)


def test_judging_fetches_nothing_and_writes_nothing(world: World) -> None:
    before = world.kinds()
    world.web.down = {"example"}
    assert onboard.judge(world.ports, PEER) == world.known()
    assert world.web.fetched == []
    assert world.kinds() == before


def test_a_stranger(world: World) -> None:
    with pytest.raises(UnknownPeer):
        onboard.judge(world.ports, "did:web:stranger.example")
    with pytest.raises(UnknownPeer):
        onboard.reacquaint(world.ports, "did:web:stranger.example")
    assert world.web.fetched == []


def test_a_list_answers_until_its_own_end_and_not_a_second_longer(world: World) -> None:
    world.clock.advance(24 * 3600 - 1)
    assert onboard.judge(world.ports, PEER).did == PEER
    world.clock.advance(1)
    with pytest.raises(StatusListStale):
        onboard.judge(world.ports, PEER)


def test_a_refresh_fetches_list_and_issuer_and_leaves_fresh_peers_alone(world: World) -> None:
    world.clock.advance(300)
    assert onboard.refresh(world.ports) == []
    assert world.web.fetched == [dids.document_url(AUTHORITY), LIST]
    assert not world.ports.wakeups.wait(onboard.REVOCATION, 0)


def test_a_peer_is_fetched_again_after_an_hour(world: World) -> None:
    world.tls.append(certificate.make_authority(PEER, NOON, 300)[0])
    world.clock.advance(3599)
    onboard.refresh(world.ports)
    assert len(world.known().tls_authorities) == 1
    world.clock.advance(1)
    onboard.refresh(world.ports)
    known = world.known()
    assert len(known.tls_authorities) == 2
    assert known.admitted_at == NOON
    assert world.kinds().count("participant.renewed") == 1


def test_no_peer_is_always_fetched_behind_the_same_others(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = world.known()
    orders: list[list[str]] = []
    with world.ports.store.write() as tx:
        for number in range(8):
            tx.participants.put(replace(known, did=f"did:web:peer{number}.example"))
    monkeypatch.setattr(onboard, "reacquaint", lambda _ports, did: orders[-1].append(did))
    for _ in range(2):
        orders.append([])
        world.clock.advance(3600)
        onboard.refresh(world.ports)
    first, second = orders
    assert sorted(first) == sorted(second)
    assert len(first) == 9
    assert first != second


def test_a_revocation_is_told_and_written_once(world: World) -> None:
    world.revoked = [1]
    assert onboard.judge(world.ports, PEER).did == PEER
    for _ in range(3):
        world.clock.advance(300)
        assert onboard.refresh(world.ports) == [PEER]
        assert world.ports.wakeups.wait(onboard.REVOCATION, 0)
    with pytest.raises(CredentialRevoked):
        onboard.judge(world.ports, PEER)
    assert world.kinds().count("participant.suspended") == 1
    world.membership = world.issue(PEER, world.peer, 3)  # admitted again
    world.clock.advance(300)
    assert onboard.refresh(world.ports) == []
    assert world.kinds().count("participant.restored") == 1


@pytest.mark.parametrize("down", ["authority.example", "peer.example", "example"])
def test_whatever_is_down_the_caches_stay(world: World, down: str) -> None:
    with world.ports.store.read() as tx:
        before = tx.issuers.find(), tx.participants.find()
    world.web.down = {down}
    world.clock.advance(7200)
    assert onboard.refresh(world.ports) == []
    assert onboard.judge(world.ports, PEER).document == before[1][0].document
    if down != "peer.example":
        with world.ports.store.read() as tx:
            assert tx.issuers.find() == before[0]


def test_rubbish_replaces_nothing(world: World) -> None:
    world.clock.advance(7200)
    with world.ports.store.read() as tx:
        before = tx.issuers.find(), tx.status_lists.find(), tx.participants.find()
    for url in list(world.web.pages):
        world.web.pages[url] = lambda: b"\xffrubbish"
    assert onboard.refresh(world.ports) == []
    with world.ports.store.read() as tx:
        assert (tx.issuers.find(), tx.status_lists.find(), tx.participants.find()) == before


def test_a_host_taken_over_gains_nothing(world: World) -> None:
    """Other keys under the same host are not the member's, so the known ones stay."""
    world.peer = MemorySigner(PEER)
    world.clock.advance(7200)
    before = world.known().document
    onboard.refresh(world.ports)
    assert world.known().document == before
    with pytest.raises(CredentialInvalid):
        onboard.reacquaint(world.ports, PEER)


class TestKeysOfTheAuthority:
    """The first key that was fetched is pinned; others must follow from it."""

    def follow(self, world: World, signer: MemorySigner) -> None:
        """Let the authority sign with another key, which `signer` names."""
        old, new = world.authority, MemorySigner(AUTHORITY, "key-2")
        record = succession.make(signer, AUTHORITY, new.key_id, new.public_jwk, world.clock.now())
        known = documents.OtherKey(old.key_id, old.public_jwk, frozenset({Relationship.ASSERTION}))
        data = documents.build(new, AUTHORITY, (), world.authority_services, (known,), record)
        world.web.pages[dids.document_url(AUTHORITY)] = lambda: data
        world.authority = new
        world.membership = world.issue(PEER, world.peer, 1)

    def test_one_that_the_pinned_one_signed(self, world: World) -> None:
        """Its new list must replace the old one."""
        self.follow(world, world.authority)
        world.clock.advance(3600)
        assert onboard.refresh(world.ports) == []
        assert onboard.judge(world.ports, PEER).membership == world.membership

    def test_one_that_is_met_by_a_credential_first(self, world: World) -> None:
        self.follow(world, world.authority)
        assert onboard.welcome(world.ports, PEER).membership == world.membership

    @pytest.mark.parametrize("signed_by", ["itself", "another"])
    def test_one_that_it_did_not_sign(self, world: World, signed_by: str) -> None:
        with world.ports.store.read() as tx:
            before = tx.issuers.find()
        name = "key-2" if signed_by == "itself" else "key-1"
        self.follow(world, MemorySigner(AUTHORITY, name))
        world.clock.advance(3600)
        with pytest.raises(UntrustedIssuer, match="did not sign"):
            onboard.fetching.refresh_issuer(world.ports, AUTHORITY)
        onboard.refresh(world.ports)
        with world.ports.store.read() as tx:
            assert tx.issuers.find() == before

    def test_one_that_takes_its_place_without_a_word(self, world: World) -> None:
        world.authority = MemorySigner(AUTHORITY, "key-2")
        with pytest.raises(UntrustedIssuer):
            onboard.fetching.refresh_issuer(world.ports, AUTHORITY)

    def test_the_operator_may_pin_another(self, world: World) -> None:
        space = world.ports.settings.spaces[0]
        world.authority = MemorySigner(AUTHORITY, "key-2")
        world.membership = world.issue(PEER, world.peer, 1)
        with pytest.raises(UntrustedIssuer):
            onboard.fetching.pin(world.ports, space, keys.thumbprint(world.peer.public_jwk))
        onboard.fetching.pin(world.ports, space, keys.thumbprint(world.authority.public_jwk))
        assert "issuer.pinned" in world.kinds()
        onboard.refresh(world.ports)
        assert onboard.known(world.ports, PEER).membership == world.membership

    def test_by_the_command(self, world: World) -> None:
        before = pins(world)
        world.authority = MemorySigner(AUTHORITY, "key-2")
        with commanded(world.ports) as preau:
            wrong = keys.thumbprint(world.peer.public_jwk)
            refused = preau("membership", "--pin", wrong, "--json")
            assert json.loads(refused.stderr)["code"] == "UNTRUSTED_ISSUER"
            assert pins(world) == before
            done = preau("membership", "--pin", keys.thumbprint(world.authority.public_jwk))
            assert (done.exit_code, AUTHORITY in done.stdout) == (0, True)
        assert pins(world) == [world.authority_document()] != before


def pins(world: World) -> list[bytes]:
    with world.ports.store.read() as tx:
        return [each.document for each in tx.issuers.find()]


def test_a_list_of_another_issuer_or_place(world: World) -> None:
    stranger = MemorySigner("did:web:stranger.example")
    world.web.pages[LIST] = lambda: status.build(
        stranger, stranger.did, LIST, [], valid_from=NOON, valid_until=NOON + timedelta(days=2)
    ).encode()
    with pytest.raises(UntrustedIssuer):
        onboard.fetching.refresh_list(world.ports, LIST)
    world.web.pages[LIST] = lambda: status.build(
        world.authority,
        AUTHORITY,
        "https://authority.example/status/2",
        [],
        valid_from=NOON,
        valid_until=NOON + timedelta(days=2),
    ).encode()
    with pytest.raises(CredentialInvalid):
        onboard.fetching.refresh_list(world.ports, LIST)


def test_a_list_that_takes_a_revocation_back_is_not_taken(world: World) -> None:
    """An authority that was restored from a backup has forgotten whom it revoked since."""
    world.revoked = [1, 9]
    onboard.refresh(world.ports)
    world.clock.advance(60)
    world.revoked = [9]
    with pytest.raises(CredentialInvalid, match="drops 1 earlier revocations"):
        onboard.fetching.refresh_list(world.ports, LIST)
    with pytest.raises(CredentialRevoked):
        onboard.judge(world.ports, PEER)
    world.revoked = [1, 8, 9]
    onboard.fetching.refresh_list(world.ports, LIST)
    with world.ports.store.read() as tx:
        known = tx.status_lists.get(LIST)
    assert known is not None
    assert status.unverified_set(known.credential) == {1, 8, 9}


def own(world: World, kept: list[str]) -> MembershipFacts:
    space = world.ports.settings.spaces[0]
    return onboard.fetch_own_membership(world.ports, lambda token, _of: kept.append(token), space)


class TestOwnMembership:
    def test_is_fetched_and_kept(self, world: World) -> None:
        kept: list[str] = []
        facts = own(world, kept)
        assert kept == [world.own_membership]
        assert (facts.did, facts.issuer) == (OWN, AUTHORITY)

    def test_of_other_keys_is_not_kept(self, world: World) -> None:
        kept: list[str] = []
        world.own_membership = world.issue(OWN, MemorySigner(OWN), 3)
        with pytest.raises(CredentialInvalid):
            own(world, kept)
        assert kept == []

    def test_not_admitted(self, world: World) -> None:
        del world.web.pages["https://authority.example/memberships/did%3Aweb%3Anode.example"]
        with pytest.raises(MembershipRequired):
            own(world, [])

    def test_the_space_is_no_authority(self, world: World) -> None:
        world.authority_services = {}
        with pytest.raises(DidUnresolvable):
            own(world, [])


def test_lists_that_only_the_own_membership_names(world: World) -> None:
    object.__setattr__(world.ports, "own_membership", lambda _space: "not a credential")
    with world.ports.store.read() as tx:
        known = onboard.fetching.evidence(tx)
    found: Any = onboard.fetching.list_addresses(world.ports, known, [])
    assert found == {LIST}


class TestBadJudgements:
    """A cached no is looked up again before it counts."""

    def test_known_looks_up_what_it_would_refuse(self, world: World) -> None:
        world.revoked = [1]
        onboard.refresh(world.ports)
        with pytest.raises(CredentialRevoked):
            onboard.known(world.ports, PEER)  # still so
        world.membership = world.issue(PEER, world.peer, 3)
        assert onboard.known(world.ports, PEER).membership == world.membership

    def test_known_meets_a_peer_that_is_new_and_leaves_a_blocked_one(self, world: World) -> None:
        with world.ports.store.write() as tx:
            tx.participants.put(replace(world.known(), blocked="by the operator"))
        with pytest.raises(Untrusted):
            onboard.known(world.ports, PEER)
        assert world.web.fetched == []
        with world.ports.store.write() as tx:
            tx.participants.remove(PEER)
        assert onboard.known(world.ports, PEER).did == PEER

    def test_the_timer_looks_up_whoever_is_refused(self, world: World) -> None:
        world.revoked = [1]
        assert onboard.refresh(world.ports) == [PEER]
        world.membership = world.issue(PEER, world.peer, 3)
        assert onboard.refresh(world.ports) == []

    def test_papers_fetched_in_the_future_are_fetched_again(self, world: World) -> None:
        """A clock that was set back must not leave a peer unrefreshed until it catches up."""
        world.clock.advance(7200)
        onboard.refresh(world.ports)
        world.clock.advance(-7100)
        onboard.refresh(world.ports)
        assert world.known().refreshed_at == world.clock.now()


class TestIntroductions:
    @pytest.fixture(autouse=True)
    def posted(self, world: World) -> None:
        world.web.posted.clear()

    def sent(self, world: World) -> OutgoingMessage:
        with world.ports.store.read() as tx:
            (found,) = tx.outbox.find(kind=introducing.KIND)
        return found

    def test_go_out_once_for_what_is_served(self, world: World) -> None:
        assert introducing.announce(world.ports) == 1
        assert introducing.untold(world.ports) == [PEER]
        assert deliver.deliver_due(world.ports) == 1
        assert introducing.untold(world.ports) == []
        assert introducing.announce(world.ports) == deliver.deliver_due(world.ports) == 0
        assert len(world.web.posted) == 1

    @pytest.mark.parametrize("what", ["own_document", "own_membership"])
    def test_go_out_again_for_what_is_new(self, world: World, what: str) -> None:
        introducing.announce(world.ports)
        deliver.deliver_due(world.ports)
        value: Any = {"own_document": b"another document", "own_membership": "another"}[what]
        object.__setattr__(world.ports, what, lambda *_space: value)
        assert introducing.untold(world.ports) == [PEER]
        assert introducing.announce(world.ports) == deliver.deliver_due(world.ports) == 1
        assert introducing.untold(world.ports) == []
        assert len(world.web.posted) == 2

    def test_wait_for_a_peer_that_is_down(self, world: World) -> None:
        introducing.announce(world.ports)
        world.web.down = {"example"}
        assert deliver.deliver_due(world.ports) == 0
        waiting = self.sent(world)
        assert (waiting.attempts, waiting.failed) == (1, "")
        world.web.down = set()
        world.clock.advance(deliver.LONGEST_PAUSE)
        assert deliver.deliver_due(world.ports) == 1

    def test_do_not_go_to_a_blocked_peer(self, world: World) -> None:
        with world.ports.store.write() as tx:
            tx.participants.put(replace(world.known(), blocked="by the operator"))
        assert introducing.announce(world.ports) == 0

    def test_what_waits_for_a_peer_goes_as_soon_as_it_is_heard(self, world: World) -> None:
        introducing.announce(world.ports)
        later = world.clock.now() + timedelta(seconds=deliver.LONGEST_PAUSE)
        with world.ports.store.write() as tx:
            tx.outbox.put(replace(self.sent(world), due_at=later))
        assert deliver.deliver_due(world.ports) == 0
        onboard.welcome(world.ports, PEER)
        assert deliver.deliver_due(world.ports) == 1


# Damaged rows
