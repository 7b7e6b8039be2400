"""One changed byte anywhere, and nothing is proven any more."""

from __future__ import annotations

import json

from hypothesis import given, settings
from hypothesis import strategies as st

from connector.identity import evidence
from connector.identity.evidence import Outcome
from connector.jsonld.canonical import canonical
from tests.support.contracts import CONSUMER, PROVIDER, Space, contract, stranger
from tests.support.evidence import evidence_of, sealed

SPACE = Space()
CONTRACT = contract(SPACE.admit(stranger(PROVIDER)), SPACE.admit(stranger(CONSUMER)))
BUNDLE = sealed(evidence_of(CONTRACT, SPACE), CONTRACT.provider)
KEY = canonical(dict(SPACE.signer.public_jwk))


def test_the_bundle_is_proven() -> None:
    assert evidence.verify(BUNDLE, [KEY]).outcome is Outcome.PROVEN


@settings(max_examples=200)
@given(st.integers(0, len(BUNDLE) - 1), st.integers(0, 255))
def test_one_changed_byte(place: int, byte: int) -> None:
    changed = bytearray(BUNDLE)
    changed[place] = byte
    if bytes(changed) != BUNDLE and _says_something_else(bytes(changed)):
        assert evidence.verify(bytes(changed), [KEY]).outcome is Outcome.INVALID


def _says_something_else(data: bytes) -> bool:
    """Whether it is other JSON, or none: a space in place of nothing would change nothing."""
    try:
        return bool(json.loads(data) != json.loads(BUNDLE))
    except ValueError:
        return True
