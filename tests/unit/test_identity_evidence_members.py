"""What a bundle proves of the parties' membership as of signing, and of its revocation."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from connector.domain import instant
from connector.identity import evidence, status
from connector.identity.evidence import Outcome
from connector.jsonld.canonical import canonical
from tests.support.contracts import AUTHORITY, CONSUMER, NOW, PROVIDER, Space, contract, stranger
from tests.support.each import over
from tests.support.evidence import evidence_of, party, sealed
from tests.support.verdicts import GIVER, KEY, SPACE, TAKER, changed, invalid, judged, unproven


@over("name", ["provider", "consumer", "exporter"])
@over("membership", ["", "x", SPACE.status_list(), TAKER.membership + "A"])
def test_memberships_that_are_none(name: str, membership: str) -> None:
    member = {"provider": GIVER, "consumer": TAKER, "exporter": GIVER}[name]
    invalid(changed(**{name: party(replace(member, membership=membership))}))


@pytest.mark.parametrize(
    "change",
    [
        {"valid_until": NOW - timedelta(seconds=1)},
        {"valid_from": NOW + timedelta(seconds=1)},
        {"key_thumbprints": []},
        {"space": ""},
    ],
)
def test_memberships_that_did_not_hold_at_signing(change: dict[str, Any]) -> None:
    for name, member in (("provider", GIVER), ("consumer", TAKER)):
        token = SPACE.membership(member, **change)
        invalid(changed(**{name: party(replace(member, membership=token))}))


def test_the_exporter_s_present_membership_may_be_newer() -> None:
    newer = SPACE.membership(GIVER, valid_from=NOW + timedelta(days=9))
    data = changed(exporter=party(replace(GIVER, membership=newer)))
    assert judged(data).outcome is Outcome.PROVEN


@pytest.mark.parametrize("space", [AUTHORITY, "did:web:another.example"])
def test_the_parties_were_members_of_the_space_that_the_contract_names(space: str) -> None:
    made = contract(GIVER, TAKER, space=space)
    data = sealed(evidence_of(made, SPACE), GIVER)
    if space == AUTHORITY:
        assert judged(data).outcome is Outcome.PROVEN
    else:
        assert "of another space" in invalid(data)


def listed(*tokens: str) -> bytes:
    return changed(status_lists={SPACE.status_url: tokens})


LATER = {"valid_from": NOW + timedelta(days=1), "valid_until": NOW + timedelta(days=2)}


EARLIER = {"valid_from": NOW - timedelta(days=2), "valid_until": NOW}


def test_revoked_at_signing() -> None:
    invalid(listed(SPACE.status_list(0)), part="revocation", by=PROVIDER)
    invalid(listed(SPACE.status_list(1)), part="revocation", by=CONSUMER)
    assert judged(listed(SPACE.status_list(2))).outcome is Outcome.PROVEN
    both = listed(
        SPACE.status_list(**EARLIER | {"valid_until": NOW + timedelta(1)}), SPACE.status_list(1)
    )
    invalid(both, part="revocation", by=CONSUMER)
    invalid(listed(SPACE.status_list(0, **EARLIER)), part="revocation", by=PROVIDER)  # for good


def test_the_list_that_shows_it_is_named() -> None:
    verdict = judged(listed(SPACE.status_list(), SPACE.status_list(**LATER)))
    made = instant.text(LATER["valid_from"])
    assert verdict.part("revocation").checks == tuple(
        f"`{did}` is not marked in the status list of {made}" for did in (PROVIDER, CONSUMER)
    )


def test_a_later_list_proves_who_is_not_on_it_and_nothing_of_who_is() -> None:
    assert judged(listed(SPACE.status_list(**LATER))).outcome is Outcome.PROVEN
    said = unproven(listed(SPACE.status_list(1, **LATER)), "revocation")
    assert f"`{CONSUMER}` is revoked in a later status list" in said
    kept = listed(SPACE.status_list(), SPACE.status_list(1, **LATER))
    assert judged(kept).outcome is Outcome.PROVEN  # one of the time was kept


def test_lists_that_say_nothing_of_the_signing() -> None:
    assert "no status list" in unproven(changed(status_lists={}), "revocation")
    assert "ended before" in unproven(listed(SPACE.status_list(**EARLIER)), "revocation")


def test_a_status_list_of_another_hand() -> None:
    other = Space().status_list()
    invalid(listed(other), part="revocation", by=PROVIDER)
    assert judged(listed(other, SPACE.status_list())).outcome is Outcome.PROVEN


def test_a_status_list_of_another_address() -> None:
    elsewhere = status.build(
        SPACE.signer,
        SPACE.did,
        SPACE.status_url + "0",
        (),
        valid_from=NOW - timedelta(hours=1),
        valid_until=NOW + timedelta(hours=1),
    )
    invalid(listed(elsewhere), part="revocation", by=PROVIDER)


def test_membership_by_an_authority_that_the_auditor_did_not_name() -> None:
    """One party of another space, whose authority stands in the bundle only."""
    other = Space(did="did:web:else.example")
    taker = other.admit(stranger(CONSUMER))
    made = contract(GIVER, taker)
    parts = replace(
        evidence_of(made, SPACE),
        authorities={AUTHORITY: SPACE.data, other.did: other.data},
        status_lists={each.status_url: (each.status_list(),) for each in (SPACE, other)},
    )
    data = sealed(parts, GIVER)
    invalid(data)
    assert evidence.verify(data).outcome is Outcome.CONSISTENT
    both = evidence.verify(data, [KEY, canonical(dict(other.signer.public_jwk))])
    assert both.outcome is Outcome.PROVEN
