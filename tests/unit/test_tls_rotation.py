"""TLS authorities follow one another: announced, in use, still trusted, over."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from connector.bootstrap.keys import own, tls_rotation
from connector.bootstrap.keys.tls_rotation import (
    ANNOUNCED,
    IN_USE,
    OLD,
    OVER,
    OVERLAP,
    TlsAuthority,
)
from connector.config import Settings
from connector.errors import KeyUnusable
from connector.identity import document as documents
from connector.peer.credentials import Leaves
from connector.store.files import keys
from tests.support.doubles import NOON, FixedClock, settings_for_tests
from tests.support.each import over

DID = "did:web:node.example"
LIFE = timedelta(days=1)


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(NOON)


@pytest.fixture
def settings(tmp_path: Path, clock: FixedClock) -> Settings:
    made = settings_for_tests(tmp_path, DID, leaf_seconds=int(LIFE.total_seconds()))
    keys.private_folder(made.path("keys"))
    keys.create_signing_key(made.path(made.signing_key.removeprefix("file:")))
    tls_rotation.make(made, clock)
    return made


def listed(identity: own.Identity) -> tuple[str, ...]:
    return documents.read(identity.document(), DID).tls_authorities


def made(number: int, days: float) -> TlsAuthority:
    return TlsAuthority(number, f"c{number}", f"k{number}", NOON - timedelta(days=days))


@over(
    ("ages", "told", "stands"),
    [
        ([400.0], False, [IN_USE]),
        ([400.0, 0.0], False, [IN_USE, ANNOUNCED]),
        ([400.0, 0.0], True, [OLD, IN_USE]),
        ([400.0, 0.99], False, [IN_USE, ANNOUNCED]),
        ([400.0, 1.0], False, [OLD, IN_USE]),
        ([400.0, 1.99], False, [OLD, IN_USE]),
        ([400.0, 2.0], False, [OVER, IN_USE]),
        ([400.0, 2.0, 0.0], False, [OVER, IN_USE, ANNOUNCED]),
        ([400.0, 0.5, 0.0], True, [OLD, OLD, IN_USE]),
        ([0.0], False, [IN_USE]),
        ([], True, []),
    ],
)
def test_standing_by_age(ages: list[float], told: bool, stands: list[str]) -> None:  # noqa: FBT001 - a row
    found = [made(number, days) for number, days in enumerate(ages, start=1)]
    assert list(tls_rotation.standing(found, NOON, LIFE, told=told).values()) == stands


def test_a_rotation_from_its_beginning_to_its_end(settings: Settings, clock: FixedClock) -> None:
    identity = own.Identity(settings, clock)
    leaves = Leaves(identity.tls_authority, DID, clock, LIFE.total_seconds())
    first, before = leaves.authority, leaves.current()
    second = tls_rotation.make(settings, clock)
    assert listed(identity) == (first,)  # nobody has looked
    identity.follow(told=True)  # told of the document before
    assert listed(identity) == (first, second.certificate)
    assert leaves.current() == before
    identity.follow(told=False)
    assert leaves.current() == before
    identity.follow(told=True)
    assert leaves.authority == second.certificate
    assert leaves.current() != before
    identity.follow(told=False)  # a peer met since changes nothing
    assert leaves.authority == second.certificate
    clock.advance((OVERLAP + LIFE).total_seconds())
    identity.follow(told=False)
    assert listed(identity) == (second.certificate,)
    own.Identity(settings, clock)  # as `preau doctor` looks at it
    assert settings.path("keys/tls-ca-1.pem").exists()
    identity.retire()
    assert [each.number for each in tls_rotation.read(settings)] == [2]
    assert not settings.path("keys/tls-ca-1.key").exists()
    assert own.Identity(settings, clock).tls_authority() == (second.certificate, second.key)


def test_peers_that_stay_away_hold_it_up_for_a_day(settings: Settings, clock: FixedClock) -> None:
    identity = own.Identity(settings, clock)
    first, _ = identity.tls_authority()
    second = tls_rotation.make(settings, clock)
    clock.advance(OVERLAP.total_seconds() - 3600)
    identity.follow(told=False)
    assert identity.tls_authority()[0] == first
    clock.advance(3600)
    identity.follow(told=False)
    assert identity.tls_authority()[0] == second.certificate
    assert listed(identity) == (first, second.certificate)


def test_a_crash_leaves_nothing_to_mend(settings: Settings, clock: FixedClock) -> None:
    """A key without its certificate is none, and neither number nor file is used again."""
    first = own.Identity(settings, clock).tls_authority()
    keys.private_file(settings.path("keys/tls-ca-2.key"), b"half a rotation")
    assert own.Identity(settings, clock).tls_authority() == first
    assert tls_rotation.make(settings, clock).number == 3
    settings.path("keys/tls-ca-3.pem").unlink()  # half a removal
    assert own.Identity(settings, clock).tls_authority() == first


def test_a_certificate_without_its_key_is_refused(settings: Settings, clock: FixedClock) -> None:
    identity = own.Identity(settings, clock)
    known = identity.tls_authority()
    tls_rotation.make(settings, clock)
    settings.path("keys/tls-ca-2.key").unlink()
    with pytest.raises(KeyUnusable):
        identity.follow(told=True)
    assert identity.tls_authority() == known
