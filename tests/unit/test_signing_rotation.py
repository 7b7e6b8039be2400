"""Signing keys follow one another: named, stated, in use, and what the old one signed verifies."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from connector.bootstrap.keys import own, signing_rotation, tls_rotation
from connector.config import Settings
from connector.domain import space as spaces
from connector.errors import ConfigurationInvalid, KeyUnusable
from connector.identity import document as documents
from connector.identity import jws, succession
from connector.identity.key import Relationship
from connector.store.files import keys
from tests.support.contracts import Space, stranger
from tests.support.doubles import NOON, FixedClock, settings_for_tests

DID = "did:web:node.example"
FIRST, SECOND = f"{DID}#key-1", f"{DID}#key-2"


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(NOON)


def made(folder: Path, clock: FixedClock, **changes: Any) -> Settings:
    settings = settings_for_tests(folder, DID, **changes)
    keys.private_folder(settings.path("keys"))
    keys.create_signing_key(settings.path(settings.signing_key.removeprefix("file:")))
    if settings.kind == "participant":
        tls_rotation.make(settings, clock)
    return settings


@pytest.fixture
def settings(tmp_path: Path, clock: FixedClock) -> Settings:
    return made(tmp_path, clock)


def state(settings: Settings, *identifiers: str, of: str = own.MEMBERSHIP_FILE) -> None:
    """Let the authority state these keys of the node in a membership, and keep it."""
    found = signing_rotation.read(settings)
    stated = [each.thumbprint for each in found if each.key_id in identifiers]
    token = Space().membership(stranger(DID), key_thumbprints=stated)
    keys.private_file(settings.path(of), token.encode())


def read(identity: own.Identity) -> documents.DidDocument:
    return documents.read(identity.document(), DID)


def signed(identity: own.Identity) -> str:
    return jws.sign_detached(identity.signer, b"statement", "preau-test+jws")


def verifies(signature: str, identity: own.Identity) -> None:
    use = Relationship.ASSERTION
    jws.verify_detached(signature, b"statement", read(identity), use, "preau-test+jws")


def test_a_member_uses_its_next_key_once_the_membership_states_it(
    settings: Settings, clock: FixedClock
) -> None:
    state(settings, FIRST)
    running = own.Identity(settings, clock)
    old = signed(running)
    assert not running.awaits_membership()
    signing_rotation.make(settings, clock)
    running.follow(told=False)
    assert running.awaits_membership()
    assert SECOND in read(running).keys  # announced, and of no use yet
    assert read(running).assertion == {FIRST}
    assert own.Identity(settings, clock).signer.key_id == FIRST
    pinned = read(running).thumbprints()
    assert len(succession.reachable(read(running), pinned)) == 2  # what the authority admits

    state(settings, FIRST, SECOND)
    restarted = own.Identity(settings, clock)
    assert restarted.signer.key_id == SECOND
    assert read(restarted).invocation == {SECOND}
    assert read(restarted).assertion == {FIRST, SECOND}
    verifies(old, restarted)
    verifies(signed(restarted), restarted)
    restarted.retire()
    assert not settings.path("keys/signing.pem").exists()
    assert own.signing_file(settings) == "keys/signing-2.pem"
    again = own.Identity(settings, clock)
    verifies(old, again)
    assert again.signer.key_id == SECOND


def test_a_key_signs_once_each_space_states_it(tmp_path: Path, clock: FixedClock) -> None:
    two = spaces.Space("did:web:two.example", name="two")
    settings, there = made(tmp_path, clock, spaces=(two,)), own.membership_file(two)
    state(settings, FIRST)
    state(settings, FIRST, of=there)
    signing_rotation.make(settings, clock)
    state(settings, FIRST, SECOND)
    running = own.Identity(settings, clock)
    assert (running.signer.key_id, running.awaits_membership()) == (FIRST, True)
    assert running.membership() != running.membership(two.id) != ""
    state(settings, FIRST, SECOND, of=there)
    assert own.Identity(settings, clock).signer.key_id == SECOND


def test_a_home_without_its_membership_signs_with_the_key_that_is_left(
    settings: Settings, clock: FixedClock
) -> None:
    signing_rotation.make(settings, clock)
    settings.path(own.MEMBERSHIP_FILE).unlink(missing_ok=True)
    assert own.Identity(settings, clock).signer.key_id == FIRST  # nobody stated the second
    state(settings, FIRST, SECOND)
    own.Identity(settings, clock).retire()
    settings.path(own.MEMBERSHIP_FILE).unlink()
    assert own.Identity(settings, clock).signer.key_id == SECOND
    assert own.signing_file(settings) == "keys/signing-2.pem"


def test_a_lost_key_is_missed_while_the_membership_states_it(
    settings: Settings, clock: FixedClock
) -> None:
    state(settings, FIRST)
    signing_rotation.make(settings, clock)
    settings.path("keys/signing.pem").unlink()
    with pytest.raises(KeyUnusable, match=r"signing\.pem"):
        own.Identity(settings, clock)


def test_an_authority_whose_clock_went_back_signs_with_the_key_that_is_left(
    tmp_path: Path, clock: FixedClock
) -> None:
    settings = made(tmp_path, clock, kind="authority")
    signing_rotation.make(settings, clock)
    late = FixedClock(NOON + signing_rotation.OVERLAP)
    own.Identity(settings, late).retire()
    assert own.Identity(settings, clock).signer.key_id == SECOND


def test_a_third_key_follows_the_second(settings: Settings, clock: FixedClock) -> None:
    first = succession.signers(read(own.Identity(settings, clock)))
    for number in (2, 3):
        signing_rotation.make(settings, clock)
        state(settings, *(f"{DID}#key-{each}" for each in range(1, number + 1)))
        own.Identity(settings, clock).retire()
    identity = own.Identity(settings, clock)
    assert identity.signer.key_id == f"{DID}#key-3"
    assert succession.signers(read(identity)) <= succession.reachable(read(identity), first)


def test_no_more_keys_are_made_than_a_document_can_list(
    settings: Settings, clock: FixedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(documents.MAX_AUTHORITIES - 1):  # one is there
        tls_rotation.make(settings, clock)
    with pytest.raises(ConfigurationInvalid, match="TLS authorities"):
        tls_rotation.make(settings, clock)
    monkeypatch.setattr(signing_rotation, "MOST", 3)
    for _ in range(2):
        signing_rotation.make(settings, clock)
    with pytest.raises(ConfigurationInvalid, match="signing keys"):
        signing_rotation.make(settings, clock)
    assert len(read(own.Identity(settings, clock)).tls_authorities) == documents.MAX_AUTHORITIES


def test_the_signer_of_a_running_node_never_changes(settings: Settings, clock: FixedClock) -> None:
    state(settings, FIRST)
    running = own.Identity(settings, clock)
    signing_rotation.make(settings, clock)
    state(settings, FIRST, SECOND)
    running.keep_membership(settings.path(own.MEMBERSHIP_FILE).read_text())
    running.follow(told=True)
    running.retire()
    assert running.signer.key_id == FIRST
    assert read(running).assertion == {FIRST, SECOND}
    assert settings.path("keys/signing.pem").exists()


def test_an_authority_uses_its_next_key_after_a_day(tmp_path: Path, clock: FixedClock) -> None:
    settings = made(tmp_path, clock, kind="authority")
    old = read(own.Identity(settings, clock))
    signing_rotation.make(settings, clock)
    identity = own.Identity(settings, clock)
    assert identity.signer.key_id == FIRST
    assert read(identity).assertion == {FIRST, SECOND}  # known to members before it is used
    succession.check(old, read(identity))
    clock.advance((signing_rotation.OVERLAP + timedelta(seconds=1)).total_seconds())
    assert own.Identity(settings, clock).signer.key_id == SECOND


def test_a_crash_leaves_nothing_or_a_whole_successor(settings: Settings, clock: FixedClock) -> None:
    keys.create_signing_key(settings.path("keys/signing-2.pem"))  # no record came to be
    assert own.Identity(settings, clock).signer.key_id == FIRST
    assert signing_rotation.make(settings, clock).key_id == f"{DID}#key-3"


def test_a_record_by_another_key_is_refused(settings: Settings, clock: FixedClock) -> None:
    signing_rotation.make(settings, clock)
    settings.path("keys/signing.pem").unlink()
    settings.path("keys/signing-1.jwk").unlink()
    keys.create_signing_key(settings.path("keys/signing.pem"))
    with pytest.raises(KeyUnusable, match="does not follow"):
        own.Identity(settings, clock)


def test_a_lost_key_is_followed_by_one_that_nobody_reaches(
    settings: Settings, clock: FixedClock
) -> None:
    before = read(own.Identity(settings, clock))
    settings.path("keys/signing.pem").unlink()
    with pytest.raises(KeyUnusable):
        signing_rotation.make(settings, clock)
    signing_rotation.make(settings, clock, lost=True)
    identity = own.Identity(settings, clock)
    number = identity.signer.key_id
    assert read(identity).assertion == {number}
    pinned = succession.signers(before)
    assert succession.reachable(read(identity), pinned) == frozenset()


def test_a_key_that_is_kept_elsewhere_is_not_rotated_here(
    settings: Settings, clock: FixedClock
) -> None:
    object.__setattr__(settings, "signing_key", "vault:a")
    with pytest.raises(ConfigurationInvalid):
        signing_rotation.make(settings, clock)
