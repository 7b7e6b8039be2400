"""In which space a node deals with whom."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from connector.domain.space import Space
from connector.errors import SpaceUnstated
from connector.services.membership.belonging import space_of
from tests.support.doubles import ports_for_tests

PEER = "did:web:peer.example"


def test_in_one_space_everybody_is_dealt_with_there(tmp_path: Path) -> None:
    ports = ports_for_tests(tmp_path)
    assert space_of(ports, PEER).id == ports.settings.space


def test_in_several_nothing_is_guessed(tmp_path: Path) -> None:
    ports = ports_for_tests(tmp_path)
    second = Space("did:web:two.example", name="two")
    settings = replace(ports.settings, spaces=(second,))
    with pytest.raises(SpaceUnstated, match="not stated"):
        space_of(replace(ports, settings=settings), PEER)
