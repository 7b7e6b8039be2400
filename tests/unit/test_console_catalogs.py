"""Catalogs of peers in the console, asking for contracts, and answering what comes back."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import unescape
from pathlib import Path

import pytest

from connector.domain.contract.negotiation import NegotiationState
from connector.errors import PeerUnreachable
from connector.services.publication import publish
from tests.support.console import Browser, browsers, text_of
from tests.support.link import DATASET, PURPOSE, Link, description, link, offer
from tests.support.negotiating import WIDER, ask

HOSTILE = '<script>alert("x")</script><img src=x onerror=alert(1)>"\' {{ 7*7 }}'
_FIELD = re.compile(r'name="(term-\d+)"[^>]*? value="([^"]*)"')
_SELECT = re.compile(r'name="(term-\d+)"[^>]*>\s*<option value="([^"]*)" selected')


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[Link]:
    with link(tmp_path, "other") as pair:
        meaning = {"labels": {"fr": "classe"}, "lower": 1, "upper": 13}
        columns = description(pair.folder)["columns"]
        columns[1] |= meaning
        made = description(pair.folder, offer=offer(), title=HOSTILE, columns=columns)
        publish.publish(pair.school.ports, made)
        yield pair


@pytest.fixture
def scientist(pair: Link) -> Iterator[Browser]:
    with browsers(pair.lab.ports, "scientist") as (made,):
        yield made


def shown(browser: Browser, peer: str) -> dict[str, str]:
    """The values of the form that asks for a contract."""
    page = browser.get(f"/catalog/dataset?peer={peer}&id={DATASET}").text
    return {
        name: unescape(value) for name, value in (*_FIELD.findall(page), *_SELECT.findall(page))
    }


def asking(pair: Link, **changed: str) -> dict[str, str]:
    return {"peer": pair.school.did, "dataset": DATASET, "offer": "urn:example:offer", **changed}


def test_all_peers_are_searched_and_one_that_fails_hides_no_other(
    pair: Link, scientist: Browser
) -> None:
    assert "Datasets of peers" not in scientist.get("/catalog").text
    pair.web_down = True
    carry = pair.carry

    def fails(call: object) -> object:
        if getattr(call, "receiver", "") == pair.other.did:
            raise PeerUnreachable("it is down")
        return carry(call)  # type: ignore[arg-type]

    pair.carry = fails  # type: ignore[method-assign, assignment]
    page = scientist.get("/catalog?words=north")
    assert f'href="/catalog/dataset?peer={pair.school.did.replace(":", "%3A")}' in page.text
    assert "<script>" not in page.text
    assert "PEER_UNREACHABLE" in text_of(page)
    assert "No dataset is like that" in text_of(scientist.get("/catalog?words=south"))


def test_looking_meets_nobody(pair: Link, scientist: Browser) -> None:
    stranger, calls = "did:web:stranger.example", len(pair.calls)
    for path in (
        f"/catalog?words=&peer={stranger}",
        f"/catalog/dataset?peer={stranger}&id={DATASET}",
    ):
        assert "UNKNOWN_PEER" in scientist.get(path).text
    assert scientist.do("/negotiation/ask", **asking(pair, peer=stranger)).status_code >= 400
    assert len(pair.calls) == calls
    with pair.lab.ports.store.read() as tx:
        assert tx.participants.get(stranger) is None


def test_facets_lead_to_what_is_alike(pair: Link, scientist: Browser) -> None:
    peer = pair.school.did
    page = scientist.get(f"/catalog?peer={peer}&words=")
    assert "territory=FR" in page.text
    assert DATASET in scientist.get(f"/catalog?peer={peer}&territory=FR").text
    assert DATASET not in scientist.get(f"/catalog?peer={peer}&territory=DE").text
    assert scientist.get(f"/catalog?peer={HOSTILE}").status_code >= 400
    assert "<script>" not in scientist.get(f"/catalog?peer={HOSTILE}&words={HOSTILE}").text


def test_a_dataset_has_its_dictionary_and_its_offers_in_words(
    pair: Link, scientist: Browser
) -> None:
    page = scientist.get(f"/catalog/dataset?peer={pair.school.did}&id={DATASET}")
    assert "<script>" not in page.text
    said = text_of(page)
    for words in ("alert", "classe", "It is permitted to train a model", "enforced", "13"):
        assert words in said, words
    french = text_of(
        scientist.get(f"/catalog/dataset?peer={pair.school.did}&id={DATASET}", accept_language="fr")
    )
    assert "Il est permis d'entraîner un modèle" in french


def test_a_contract_is_asked_for_as_offered_or_narrower(pair: Link, scientist: Browser) -> None:
    given = shown(scientist, pair.school.did)
    assert "3" in given.values()
    scientist.do("/negotiation/ask", **asking(pair), **given)
    assert pair.lab.negotiations()[0].policy == pair.lab.negotiations()[0].offered
    (epsilon,) = (name for name, value in given.items() if value == "3" and name != "term-5")
    asked = scientist.do("/negotiation/ask", **asking(pair), **{**given, epsilon: "1"})
    assert asked.status_code == 200
    narrower = pair.lab.negotiations()[1]
    assert b'"1"' in narrower.policy
    assert narrower.policy != narrower.offered
    (until,) = (name for name, value in given.items() if value[10:11] == "T")
    day = {**given, until: f"{int(given[until][:4]) - 1}{given[until][4:10]}"}
    assert scientist.do("/negotiation/ask", **asking(pair), **day).status_code == 200
    assert f'"{day[until]}T'.encode() in pair.lab.negotiations()[2].policy


def test_a_counter_offer_is_a_list_of_changes_and_is_narrowed(
    pair: Link, scientist: Browser
) -> None:
    pid = ask(pair, policy=offer(epsilon="5", purpose=WIDER))
    page = scientist.get(f"/negotiation?id={pid}")
    said = text_of(page)
    assert "What the terms on the table change of those asked for" in said
    assert "academic research" in said
    same = {name: unescape(value) for name, value in _FIELD.findall(page.text)}
    same |= dict(_SELECT.findall(page.text))
    refused = scientist.do("/negotiation/narrow", id=pid, **same)
    assert refused.status_code == 400
    (epsilon,) = (name for name, value in same.items() if value == "3" and name != "term-5")
    done = scientist.do("/negotiation/narrow", id=pid, **{**same, epsilon: "2"})
    assert done.status_code == 200
    pair.pump()
    assert pair.lab.only().state is not NegotiationState.OFFERED
    assert b'"2"' in pair.lab.only().policy


def test_terms_take_only_values_that_are_some(pair: Link, scientist: Browser) -> None:
    given = shown(scientist, pair.school.did)
    kinds = {value: name for name, value in given.items()}  # a figure, a time, a concept
    for value in ("3", "2027-06-30T00:00:00Z", PURPOSE):
        for wrong in ("", "many", f"{PURPOSE}Not"):
            changed = {**given, kinds[value]: wrong}
            answer = scientist.do("/negotiation/ask", **asking(pair), **changed)
            assert answer.status_code == 400, (value, wrong)
    assert pair.lab.negotiations() == []


def test_an_offer_that_would_not_be_signed_says_why(pair: Link, scientist: Browser) -> None:
    carry = pair.carry

    def elsewhere(call: object) -> object:
        answer = dict(carry(call))  # type: ignore[arg-type]
        for each in answer.get("offers", []):
            each["coverage"] = each["coverage"][1:]
        return answer

    pair.carry = elsewhere  # type: ignore[method-assign, assignment]
    said = text_of(scientist.get(f"/catalog/dataset?peer={pair.school.did}&id={DATASET}"))
    assert "This node would not sign this offer" in said
    assert "POLICY_INVALID" in said
    assert "Ask for a contract" not in said
