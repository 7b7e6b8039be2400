"""Contracts are marked whose party has lost the key by which it signed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from connector.domain.contract.negotiation import Agreement
from connector.identity import document as documents
from connector.identity import succession
from connector.identity.document import OtherKey
from connector.identity.key import Relationship
from connector.services.negotiation import negotiate
from connector.services.negotiation.lost_keys import lost_keys
from connector.services.publication import publish
from tests.support.contracts import NOW
from tests.support.keys import MemorySigner
from tests.support.link import DATASET, Link, description, link


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[Link]:
    with link(tmp_path) as pair:
        publish.publish(pair.school.ports, description(pair.folder))
        negotiate.request(pair.lab.ports, pair.school.did, DATASET)
        pair.pump()
        yield pair


def serves(pair: Link, data: bytes) -> list[str]:
    """Let the lab know the school under another document; returns the mark."""
    with pair.lab.ports.store.write() as tx:
        known = tx.participants.get(pair.school.did)
        assert known is not None
        tx.participants.put(replace(known, document=data))
    return lost_keys(pair.lab.ports, only(pair))


def only(pair: Link) -> Agreement:
    (agreement,) = pair.lab.agreements()
    return agreement


def test_none_is_lost(pair: Link) -> None:
    assert lost_keys(pair.lab.ports, only(pair)) == []


def test_a_key_that_was_followed_is_not_lost(pair: Link) -> None:
    did, old = pair.school.did, pair.school.member.signer
    new = MemorySigner(did, "key-2")
    record = succession.make(old, did, new.key_id, new.public_jwk, NOW)
    known = OtherKey(old.key_id, old.public_jwk, frozenset({Relationship.ASSERTION}))
    data = documents.build(new, did, others=(known,), succession=record)
    assert serves(pair, data) == []


def test_a_key_that_was_given_up_is(pair: Link) -> None:
    did = pair.school.did
    assert serves(pair, documents.build(MemorySigner(did, "key-2"), did)) == [did]


def test_what_cannot_be_read_says_nothing(pair: Link) -> None:
    assert serves(pair, b"rubbish") == []
