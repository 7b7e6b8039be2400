"""The catalog: who sees what, page by page, and what a tampered one is worth."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from connector.errors import (
    DescriptionTampered,
    DidUnresolvable,
    Malformed,
    NotFound,
    OfferUnknown,
    PeerUnreachable,
    Untrusted,
)
from connector.identity import description as descriptions
from connector.protocol import messages
from connector.services.publication import catalog_pages, publish
from tests.support.link import DATASET, Call, Fault, Link, description, link, offer


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[Link]:
    with link(tmp_path, "other") as pair:
        yield pair


def _publish(pair: Link, **changes: Any) -> None:
    publish.publish(pair.school.ports, description(pair.folder, **changes), distinct="invented")


def test_a_peers_catalog_comes_with_facts_and_coverage(pair: Link) -> None:
    _publish(pair)
    catalog = catalog_pages.fetch_catalog(pair.lab.ports, pair.school.did)
    assert catalog.participant == pair.school.did
    assert catalog.description["type"] == "gx:LegalPerson"
    (dataset,) = catalog.datasets
    assert dataset.facts.population == 4600
    (shown,) = publish.offers(pair.school.ports, DATASET)
    (seen,) = dataset.offers
    assert (seen.id, seen.policy) == (shown.id, shown.policy)
    assert {line.label for line in seen.coverage} == {"checked", "enforced"}
    assert len(seen.coverage) == 8


def test_an_empty_catalog(pair: Link) -> None:
    assert catalog_pages.fetch_catalog(pair.lab.ports, pair.school.did).datasets == ()


def test_an_offer_for_another_is_not_shown(pair: Link) -> None:
    _publish(pair, offer=offer(assignee=pair.lab.did))
    assert catalog_pages.fetch_catalog(pair.other.ports, pair.school.did).datasets == ()
    with pytest.raises(NotFound):
        catalog_pages.fetch_dataset(pair.other.ports, pair.school.did, DATASET)
    assert catalog_pages.fetch_dataset(pair.lab.ports, pair.school.did, DATASET).offers


def test_a_withdrawn_offer_is_not_shown(pair: Link) -> None:
    _publish(pair)
    (made,) = publish.offers(pair.school.ports, DATASET)
    publish.withdraw(pair.school.ports, made.id)
    assert catalog_pages.fetch_catalog(pair.lab.ports, pair.school.did).datasets == ()


def test_an_unknown_dataset_is_not_found(pair: Link) -> None:
    with pytest.raises(NotFound):
        catalog_pages.fetch_dataset(pair.lab.ports, pair.school.did, "urn:example:none")


def test_pages(pair: Link, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catalog_pages, "PAGE", 2)
    ids = [f"urn:example:{index}" for index in range(5)]
    for identifier in reversed(ids):
        _publish(pair, id=identifier)
    catalog = catalog_pages.fetch_catalog(pair.lab.ports, pair.school.did)
    assert [dataset.id for dataset in catalog.datasets] == ids
    assert len(pair.calls) == 3


def test_pages_that_do_not_end(pair: Link, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catalog_pages, "MOST_PAGES", 3)
    endless = messages.Catalog(pair.school.did, "", (), "again").to_body()
    monkeypatch.setattr(pair, "handle", lambda _call: endless)
    with pytest.raises(Malformed, match="more than 3 pages"):
        catalog_pages.fetch_catalog(pair.lab.ports, pair.school.did)
    assert len(pair.calls) == 3


@pytest.mark.parametrize("token", ["_w", "AA==", "not base64!", "x" * 2049])
def test_a_page_token_that_is_not_ours(pair: Link, token: str) -> None:
    before = pair.school.state_of_everything()
    with pytest.raises(Malformed):
        catalog_pages.receive_catalog(pair.school.ports, _caller(pair), {"page_token": token})
    assert pair.school.state_of_everything() == before


def _caller(pair: Link) -> Any:
    with pair.school.ports.store.read() as tx:
        return tx.participants.get(pair.lab.did)


def test_choosing_among_offers(pair: Link) -> None:
    raw = description(pair.folder)
    del raw["offer"]
    publish.publish(pair.school.ports, {**raw, "offers": [offer(), offer(epsilon="1")]})
    dataset = catalog_pages.fetch_dataset(pair.lab.ports, pair.school.did, DATASET)
    first, second = dataset.offers
    assert dataset.offer(second.id) == second
    with pytest.raises(OfferUnknown, match="2 offers"):
        dataset.offer()
    with pytest.raises(OfferUnknown, match="no offer `urn:none`"):
        dataset.offer("urn:none")
    assert first != second


def test_a_silent_peer(pair: Link) -> None:
    pair.fault = lambda _call: Fault.LOSE_REQUEST
    with pytest.raises(PeerUnreachable):
        catalog_pages.fetch_catalog(pair.lab.ports, pair.school.did)


def test_a_peer_that_is_no_longer_believed_is_not_asked(pair: Link) -> None:
    with pair.lab.ports.store.write() as tx:
        known = tx.participants.get(pair.school.did)
        assert known is not None
        tx.participants.put(replace(known, blocked="by hand"))
    with pytest.raises(Untrusted):
        catalog_pages.fetch_catalog(pair.lab.ports, pair.school.did)
    assert pair.calls == []


Change = Callable[[Link, dict[str, Any]], None]


def _flip(text: str) -> str:
    """Return a JWS with one character of its payload changed."""
    head, payload, signature = text.split(".")
    other = "A" if payload[40] != "A" else "B"
    return f"{head}.{payload[:40]}{other}{payload[41:]}.{signature}"


def _dataset_flipped(_pair: Link, body: dict[str, Any]) -> None:
    body["datasets"][0]["description"] = _flip(body["datasets"][0]["description"])


def _participant_flipped(_pair: Link, body: dict[str, Any]) -> None:
    body["participant_description"] = _flip(body["participant_description"])


def _another_participant(pair: Link, body: dict[str, Any]) -> None:
    body["participant_id"] = pair.other.did


def _another_dataset(_pair: Link, body: dict[str, Any]) -> None:
    body["datasets"][0]["id"] = "urn:example:better"


def _signed_by_another(pair: Link, body: dict[str, Any]) -> None:
    with pair.school.ports.store.read() as tx:
        dataset = tx.datasets.get(DATASET)
    assert dataset is not None
    body["datasets"][0]["description"] = descriptions.issue_description(
        pair.other.member.signer,
        descriptions.describe_dataset(dataset, pair.school.did),
        issuer_did=pair.other.did,
        valid_from=pair.clock.now(),
    )


def _published_by_another(pair: Link, body: dict[str, Any]) -> None:
    with pair.school.ports.store.read() as tx:
        dataset = tx.datasets.get(DATASET)
    assert dataset is not None
    body["datasets"][0]["description"] = descriptions.issue_description(
        pair.school.member.signer,
        descriptions.describe_dataset(dataset, pair.other.did),
        issuer_did=pair.school.did,
        valid_from=pair.clock.now(),
    )


def _no_dataset_at_all(pair: Link, body: dict[str, Any]) -> None:
    subject = descriptions.describe_participant(DATASET, "x", "FR", "1")
    body["datasets"][0]["description"] = descriptions.issue_description(
        pair.school.member.signer, subject, issuer_did=pair.school.did, valid_from=pair.clock.now()
    )


@pytest.mark.parametrize(
    "change",
    [
        _dataset_flipped,
        _participant_flipped,
        _another_participant,
        _another_dataset,
        _signed_by_another,
        _published_by_another,
        _no_dataset_at_all,
    ],
)
def test_a_tampered_catalog_is_refused_whole(
    pair: Link, change: Change, monkeypatch: pytest.MonkeyPatch
) -> None:
    _publish(pair)
    _publish(pair, id="urn:example:second")
    honest = pair.handle

    def tampered(call: Call) -> dict[str, Any]:
        body = dict(honest(call))
        change(pair, body)
        return body

    monkeypatch.setattr(pair, "handle", tampered)
    with pytest.raises(DescriptionTampered):
        catalog_pages.fetch_catalog(pair.lab.ports, pair.school.did)


def test_another_dataset_than_the_one_asked_for(
    pair: Link, monkeypatch: pytest.MonkeyPatch
) -> None:
    _publish(pair)
    honest = pair.handle
    other = {"dataset": DATASET}
    monkeypatch.setattr(pair, "handle", lambda call: honest(replace(call, body=other)))
    with pytest.raises(DescriptionTampered, match="another dataset"):
        catalog_pages.fetch_dataset(pair.lab.ports, pair.school.did, "urn:example:x")


def test_a_peer_that_was_never_met_is_met_first(pair: Link) -> None:
    with pair.lab.ports.store.write() as tx:
        tx.participants.remove(pair.school.did)
    with pytest.raises(DidUnresolvable, match="takes no first contact"):
        catalog_pages.fetch_catalog(pair.lab.ports, pair.school.did)
    with pair.lab.ports.store.read() as tx:
        assert tx.participants.get(pair.school.did) is not None
