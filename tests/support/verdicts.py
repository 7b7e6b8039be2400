"""A true bundle, its forgeries, and how they are judged."""

from __future__ import annotations

from typing import Any

from connector.identity import evidence
from connector.identity.evidence import Outcome, Standing, Verdict
from connector.jsonld.canonical import canonical
from tests.support.contracts import CONSUMER, PROVIDER, Space, contract, stranger
from tests.support.evidence import evidence_of, sealed

SPACE = Space()


GIVER, TAKER = SPACE.admit(stranger(PROVIDER)), SPACE.admit(stranger(CONSUMER))


CONTRACT = contract(GIVER, TAKER)


EVIDENCE = evidence_of(CONTRACT, SPACE)


BUNDLE = sealed(EVIDENCE, GIVER)


KEY = canonical(dict(SPACE.signer.public_jwk))


def judged(data: bytes = BUNDLE, *keys: bytes) -> Verdict:
    return evidence.verify(data, keys or (KEY,))


def invalid(data: bytes, *keys: bytes, part: str = "", by: str = "") -> str:
    """Return why a bundle is invalid; which part fails, and by whom, where the test says so."""
    verdict = judged(data, *keys)
    assert verdict.outcome is Outcome.INVALID
    assert verdict.reason
    failed = [it for it in verdict.parts if it.standing is Standing.FAILED]
    assert bool(failed) == bool(verdict.parts)
    assert all(it.at_fault for it in failed)
    if part:
        assert [(it.name, it.at_fault) for it in failed] == [(part, by)]
    return verdict.reason


def unproven(data: bytes, name: str, *keys: bytes) -> str:
    """Return why one part is unproven, and all others proven."""
    verdict = judged(data, *keys)
    assert verdict.outcome is Outcome.CONSISTENT, verdict.reason
    (part,) = [it for it in verdict.parts if it.standing is not Standing.PROVEN]
    assert (part.name, part.standing, part.at_fault) == (name, Standing.UNPROVEN, "")
    assert verdict.reason == f"{name}: {part.finding}"
    return part.finding


def changed(**changes: Any) -> bytes:
    return sealed(EVIDENCE, GIVER, **changes)
