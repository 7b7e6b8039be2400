"""In which space a node deals with whom."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from connector.config import Settings
from connector.domain.space import Space
from connector.errors import (
    CredentialRevoked,
    MembershipRequired,
    NotFound,
    PreauError,
    SpaceUnstated,
)
from connector.identity.trust import MembershipFacts
from connector.services.membership import belonging
from connector.services.membership.belonging import space_of
from tests.support.doubles import NOON, ports_for_tests, settings_for_tests
from tests.support.each import over
from tests.support.management import commanded
from tests.support.memory_web import PEER as MET
from tests.support.memory_web import World, met

PEER = "did:web:peer.example"
ONE, TWO = "did:web:authority.example", "did:web:two.example"
SPACES = (Space(ONE, (ONE,)), Space(TWO, (TWO,), name="two"))


def facts(space: str) -> MembershipFacts:
    return MembershipFacts(PEER, "Peer", "member", space, space, NOON + timedelta(days=1))


@pytest.fixture
def several(tmp_path: Path) -> Settings:
    return settings_for_tests(tmp_path, "did:web:node.example", spaces=SPACES[1:])


def test_in_one_space_everybody_is_dealt_with_there(tmp_path: Path) -> None:
    ports = ports_for_tests(tmp_path)
    assert space_of(ports, PEER).id == ports.settings.space


def test_in_several_nothing_is_guessed(tmp_path: Path, several: Settings) -> None:
    ports = ports_for_tests(tmp_path)
    with pytest.raises(SpaceUnstated, match="not determined"):
        space_of(replace(ports, settings=several), PEER)


@over(
    ("one", "two", "expected"),
    [
        (facts(ONE), MembershipRequired("none"), ONE),
        (CredentialRevoked("revoked"), facts(TWO), TWO),
        (facts(ONE), facts(TWO), SpaceUnstated),
        (CredentialRevoked("revoked"), MembershipRequired("none"), CredentialRevoked),
    ],
)
def test_the_only_space_of_which_a_peer_is_a_member(
    one: MembershipFacts | PreauError,
    two: MembershipFacts | PreauError,
    expected: str | type[PreauError],
) -> None:
    standing = {ONE: one, TWO: two}
    if isinstance(expected, str):
        assert belonging.settled(PEER, SPACES, standing).id == expected
        return
    with pytest.raises(expected) as refused:
        belonging.settled(PEER, SPACES, standing)
    assert (expected is SpaceUnstated) is ("preau peer space" in refused.value.hint)


def test_matters_that_name_a_space(several: Settings) -> None:
    first, second = several.spaces
    assert belonging.named(several, "") == belonging.named(several, ONE) == first
    assert belonging.named(several, TWO) == belonging.chosen(several, "two") == second
    assert belonging.chosen(several, "") == first
    assert belonging.spellings(several, first) == ("", ONE)
    assert belonging.spellings(several, second) == (TWO,)
    with pytest.raises(SpaceUnstated, match="not a space of this node"):
        belonging.named(several, "did:web:left.example")
    with pytest.raises(NotFound, match="not a space of this node"):
        belonging.chosen(several, "three")


def test_by_the_command(world: World) -> None:
    object.__setattr__(world.ports.settings, "spaces", (world.ports.settings.spaces[0], SPACES[1]))
    with commanded(world.ports) as preau:
        assert ONE in preau("spaces").stdout
        assert TWO in preau("spaces").stdout
        assert json.loads(preau("membership", "--space", "two", "--json").stdout)["space"] == TWO
        refused = preau("peer", "space", MET, "two", "--json")
        assert json.loads(refused.stderr)["code"] in {"CREDENTIAL_INVALID", "UNTRUSTED_ISSUER"}
        assert (
            json.loads(preau("peer", "space", MET, "three", "--json").stderr)["code"] == "NOT_FOUND"
        )
        assert ONE in preau("peer", "space", MET, ONE).stdout
        assert ONE in preau("peer", "list").stdout


@pytest.fixture
def world(tmp_path: Path) -> World:
    return met(tmp_path)
