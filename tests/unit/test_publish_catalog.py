"""The catalog: who sees what, page by page, and what a tampered one is worth."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from connector.errors import (
    DescriptionIncomplete,
    DescriptionTampered,
    DidUnresolvable,
    Malformed,
    NotFound,
    OfferUnknown,
    PeerUnreachable,
    Untrusted,
)
from connector.identity.descriptions import description as descriptions
from connector.protocol import messages
from connector.services.negotiation import terms
from connector.services.publication import catalog_pages, publish, withdrawing
from tests.support.each import over
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
    withdrawing.withdraw_offer(pair.school.ports, made.id, "taken back")
    assert catalog_pages.fetch_catalog(pair.lab.ports, pair.school.did).datasets == ()


def test_an_unknown_dataset_is_not_found(pair: Link) -> None:
    with pytest.raises(NotFound):
        catalog_pages.fetch_dataset(pair.lab.ports, pair.school.did, "urn:example:none")


def test_pages(pair: Link, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catalog_pages, "MOST", 2)
    ids = [f"urn:example:{index}" for index in range(5)]
    for identifier in reversed(ids):
        _publish(pair, id=identifier)
    assert [each for page in _pages(pair, limit=50) for each in page] == ids
    assert [len(page) for page in _pages(pair, limit=50)] == [2, 2, 1]
    assert [len(page) for page in _pages(pair, limit=1)] == [1, 1, 1, 1, 1]


def _pages(pair: Link, limit: int) -> list[list[str]]:
    """Return the ids of each page."""
    pages, after = [], ""
    while True:
        shown = catalog_pages.fetch_catalog(
            pair.lab.ports, pair.school.did, after=after, limit=limit
        )
        pages.append([dataset.id for dataset in shown.datasets])
        after = shown.next
        if not after:
            return pages


SEARCHES: list[tuple[dict[str, str], list[str]]] = [
    ({}, ["urn:example:a", "urn:example:b"]),
    ({"words": "eleves NORD"}, ["urn:example:a"]),
    ({"words": "ÉLÈVES"}, ["urn:example:a", "urn:example:b"]),
    ({"words": "example:b"}, ["urn:example:b"]),
    ({"words": "invented"}, ["urn:example:a", "urn:example:b"]),
    ({"words": "50%_"}, ["urn:example:b"]),
    ({"words": "%"}, ["urn:example:b"]),
    ({"words": "nord sud"}, []),
    ({"territory": "BE"}, ["urn:example:b"]),
    ({"territory": "BE", "words": "nord"}, []),
    ({"territory": "DE"}, []),
    ({"purpose": "https://w3id.org/dpv#AcademicResearch"}, ["urn:example:b"]),
    ({"legal_basis": "https://w3id.org/dpv/legal/eu/gdpr#A6-1-f"}, ["urn:example:a"]),
]


@pytest.fixture(scope="module")
def searched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Link]:
    with link(tmp_path_factory.mktemp("searched")) as pair:
        _publish(
            pair,
            id="urn:example:a",
            title="Élèves du nord",
            legal_basis="https://w3id.org/dpv/legal/eu/gdpr#A6-1-f",
        )
        _publish(
            pair,
            id="urn:example:b",
            title="E\u0301le\u0300ves du sud, 50%_",
            territory="BE",
            collection_purpose="https://w3id.org/dpv#AcademicResearch",
        )
        yield pair


@over(("asked", "found"), SEARCHES)
@over("old", [False, True], ["provider", "older provider"])
def test_a_search(searched: Link, asked: dict[str, str], found: list[str], *, old: bool) -> None:
    """An older provider shows all; what was not asked for is left out here then."""
    handle = searched.handle

    def forgetful(call: Call) -> Any:
        return handle(replace(call, body={"page_token": call.body["page_token"]}))

    with pytest.MonkeyPatch.context() as patch:
        if old:
            patch.setattr(searched, "handle", forgetful)
        shown = catalog_pages.fetch_catalog(
            searched.lab.ports, searched.school.did, catalog_pages.Search(**asked)
        )
    assert [each.id for each in shown.datasets] == found


@pytest.mark.parametrize(
    "words", ["a " * 17, "\N{ARABIC LIGATURE SALLALLAHOU ALAYHE WASALLAM}" * 6]
)
def test_a_search_for_too_many_words_is_refused(pair: Link, words: str) -> None:
    _publish(pair)
    asked = messages.CatalogRequestMessage(words=words).to_body()
    with pytest.raises(Malformed, match="16 words"):
        catalog_pages.receive_catalog(pair.school.ports, _caller(pair), asked)
    fewer = messages.CatalogRequestMessage(words="a " * 16).to_body()
    assert catalog_pages.receive_catalog(pair.school.ports, _caller(pair), fewer)["datasets"]


def test_no_policy_is_read_for_a_page(pair: Link, monkeypatch: pytest.MonkeyPatch) -> None:
    for index in range(3):
        _publish(pair, id=f"urn:example:{index}")
    monkeypatch.setattr(terms, "read_policy", lambda _policy: pytest.fail("a policy was read"))
    asked = messages.CatalogRequestMessage().to_body()
    body = catalog_pages.receive_catalog(pair.school.ports, _caller(pair), asked)
    assert [len(each["offers"][0]["coverage"]) for each in body["datasets"]] == [8, 8, 8]


def test_an_offer_without_its_table_is_shown_with_it(pair: Link) -> None:
    _publish(pair)
    with pair.school.ports.store.write() as tx:
        (kept,) = tx.offers.find()
        assert kept.coverage
        tx.offers.put(replace(kept, coverage=b""))
    (dataset,) = catalog_pages.fetch_catalog(pair.lab.ports, pair.school.did).datasets
    assert len(dataset.offers[0].coverage) == 8


def test_a_page_has_so_many_bytes_and_at_least_one_dataset(
    pair: Link, monkeypatch: pytest.MonkeyPatch
) -> None:
    for index in range(4):
        _publish(pair, id=f"urn:example:{index}", description="d" * 30_000 * (index == 1))

    def pages() -> list[int]:
        found, after = [], ""
        while not found or after:
            page = catalog_pages.fetch_catalog(pair.lab.ports, pair.school.did, after=after)
            seen.extend(each.id for each in page.datasets)
            found.append(len(page.datasets))
            after = page.next
        return found

    for room, split in ((1 << 20, [4]), (20_000, [1, 1, 2]), (1, [1, 1, 1, 1])):
        monkeypatch.setattr(catalog_pages, "PAGE_BYTES", room)
        seen: list[str] = []
        assert pages() == split
        assert seen == [f"urn:example:{index}" for index in range(4)]


def test_a_description_that_no_peer_reads_is_not_published(pair: Link) -> None:
    with pytest.raises(DescriptionIncomplete, match="peers read at most"):
        _publish(pair, description="d" * 200_000)
    _publish(pair, description="d" * 100_000)
    (seen,) = catalog_pages.fetch_catalog(pair.lab.ports, pair.school.did).datasets
    assert len(seen.facts.description) == 100_000


@pytest.mark.parametrize("token", ["_w", "AA", "AA==", "not base64!", "x" * 2049])
def test_a_page_token_that_is_not_ours(pair: Link, token: str) -> None:
    before = pair.school.state_of_everything()
    asked = {**messages.CatalogRequestMessage().to_body(), "page_token": token}
    with pytest.raises(Malformed):
        catalog_pages.receive_catalog(pair.school.ports, _caller(pair), asked)
    assert pair.school.state_of_everything() == before


def _caller(pair: Link) -> Any:
    with pair.school.ports.store.read() as tx:
        return tx.participants.get(pair.lab.did)


def test_choosing_among_offers(pair: Link) -> None:
    raw = description(pair.folder)
    del raw["offer"]
    other = offer(epsilon="1") | {"@id": "urn:example:other"}
    publish.publish(pair.school.ports, {**raw, "offers": [offer(), other]})
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
    with pytest.raises(DidUnresolvable, match="does not accept first contacts"):
        catalog_pages.fetch_catalog(pair.lab.ports, pair.school.did)
    with pair.lab.ports.store.read() as tx:
        assert tx.participants.get(pair.school.did) is not None
