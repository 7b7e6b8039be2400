"""Open data: what may be open, what anybody reads over HTTP, and what is kept of the reader."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette

from connector.dataplane import open_data
from connector.dataplane.open_data import OpenData
from connector.domain.transfer.extract import Extract, ExtractState, commitment
from connector.errors import NotFound, PreauError, TooManyRequests
from connector.identity import document as documents
from connector.identity.receipts import transfer_receipt
from connector.jsonld.canonical import sha256_hex
from connector.peer.web.https import _refused
from connector.sdk import get_open
from connector.services.publication import publish, withdrawing
from connector.services.use import anonymous, preparing
from policies_odrl.model import ODRL
from policies_odrl.vocabulary import PREAU
from tests.support.each import over
from tests.support.link import Link, description, link
from tests.support.opening import ATTRIBUTION, LICENCE, ROWS, SCHOOLS, open_offer, schools
from tests.support.preparing import prepared


def until(day: str) -> dict[str, Any]:
    end = {"@value": f"{day}T00:00:00Z", "@type": "xsd:dateTime"}
    return {
        "constraint": [{"leftOperand": "odrl:dateTime", "operator": "lteq", "rightOperand": end}]
    }


class Here(httpx.BaseTransport):
    """Asks an application of this process, as a client of HTTP does."""

    def __init__(self, app: Starlette, pair: Link) -> None:
        self.app, self.pair = app, pair

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        async def ask() -> httpx.Response:
            transport = httpx.ASGITransport(self.app, client=("127.0.0.1", 1))
            answer = await transport.handle_async_request(request)
            data = b"".join([part async for part in answer.stream])  # type: ignore[union-attr]
            return httpx.Response(
                answer.status_code, headers=answer.headers, stream=httpx.ByteStream(data)
            )

        answer = asyncio.run(ask())
        if answer.status_code == 429:  # what waits is made meanwhile
            preparing.turn(self.pair.school.ports, steady=True)
        return answer


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Link]:
    folder = tmp_path_factory.mktemp("open")
    with pytest.MonkeyPatch.context() as patch, link(folder) as pair:
        patch.setattr(anonymous, "WAIT_SECONDS", 0.0)
        pair.school.ports = replace(pair.school.ports, preparing=prepared)
        yield pair


def door(pair: Link, most: int = 4) -> httpx.Client:
    """Return a client of the school's routes of open data."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(open_data, "MOST_OF_ONE", most)
        routes = OpenData(pair.school.ports, str).routes()
    app = Starlette(routes=routes, exception_handlers={PreauError: _refused})
    return httpx.Client(transport=Here(app, pair), base_url="https://school.example")


def extracts_of(pair: Link) -> list[Extract]:
    with pair.school.ports.store.read() as tx:
        return tx.extracts.find()


@pytest.fixture
def http(pair: Link) -> httpx.Client:
    """A client; the dataset is open."""
    publish.publish(pair.school.ports, schools(pair.folder, open_offer()))
    return door(pair)


def test_anybody_gets_the_file_with_licence_source_and_digest(
    pair: Link, http: httpx.Client, tmp_path: Path
) -> None:
    catalog = http.get("/open").json()
    (entry,) = catalog["dcat:dataset"]
    url = entry["dcat:landingPage"]["@id"]
    found = get_open(url, tmp_path, format="csv", transport=http._transport)
    assert found.path.read_text().replace('"', "") == f"uai,classes\n{ROWS}"
    assert (found.licence, found.attribution) == (LICENCE, "Ministry")
    said = json.loads(found.path.with_name(f"{found.path.name}.about.json").read_bytes())
    (csv,) = (each for each in said["dcat:distribution"] if each["dct:format"] == "csv")
    signed = transfer_receipt.read(
        csv["preau:statement"], documents.read(pair.school.member.data, pair.school.did)
    )
    assert signed.content.digest == sha256_hex(found.path.read_bytes())
    assert signed.content.plan_digest == said["preau:planDigest"]
    source = sha256_hex((pair.folder / "schools.csv").read_bytes())
    salts = {each.salt for each in extracts_of(pair) if each.salt}
    assert signed.content.source in {commitment(source, salt) for salt in salts}
    assert source not in json.dumps(said)
    assert [each["kind"] for each in said["preau:plan"]] == ["where", "minimise", "release"]


@pytest.mark.usefixtures("http")
def test_it_goes_on_from_where_it_broke_off(pair: Link, tmp_path: Path) -> None:
    url = f"https://school.example/open/{SCHOOLS}"
    whole = get_open(url, tmp_path / "whole", format="csv", transport=door(pair)._transport).path
    part = tmp_path / f"{whole.name}.part"
    part.write_bytes(whole.read_bytes()[:1000])
    again = door(pair)
    assert get_open(url, tmp_path, format="csv", transport=again._transport).path.read_bytes() == (
        whole.read_bytes()
    )
    data = f"/open-data/csv/{SCHOOLS}"
    answer = door(pair).get(data, headers={"range": "bytes=5-9"})
    assert (answer.status_code, answer.content) == (206, whole.read_bytes()[5:10])
    assert f"<{LICENCE}>" in answer.headers["link"]


def test_the_log_tells_of_reads_and_of_no_reader(pair: Link, http: httpx.Client) -> None:
    before = len(pair.school.log("open.read"))
    path = f"/open-data/jsonl/{SCHOOLS}"
    http.get(path)
    assert [http.get(path).status_code for _ in range(3)] == [200, 200, 200]
    (entry,) = pair.school.log("open.read")[before:]
    facts = json.loads(entry.event)["facts"]
    assert set(facts) == {"offer", "digest", "reads"}
    assert (entry.subject, facts["reads"]) == (SCHOOLS, 1)


def test_strangers_have_one_file_made_of_each_format(pair: Link, http: httpx.Client) -> None:
    for _ in range(3):
        http.get(f"/open-data/parquet/{SCHOOLS}")
    with pair.school.ports.store.read() as tx:
        made = tx.extracts.find(consumer="", format="parquet", state=ExtractState.READY)
    assert len(made) == 1


def test_reads_that_run_at_once_are_bounded_by_origin(pair: Link, http: httpx.Client) -> None:
    http.get(f"/open-data/csv/{SCHOOLS}")
    answer = door(pair, most=0).get(f"/open-data/csv/{SCHOOLS}")
    assert (answer.status_code, answer.json()["code"]) == (429, "TOO_MANY_STREAMS")
    assert http.get(f"/open-data/csv/{SCHOOLS}").status_code == 200


@pytest.mark.parametrize("path", ["/open/urn:none", "/open-data/csv/urn:none", "/open-data/xml/"])
def test_what_is_not_open_is_not_there(http: httpx.Client, path: str) -> None:
    whole = path + SCHOOLS if path.endswith("/") else path
    assert (http.get(whole).status_code, http.get(whole).json()["code"]) == (404, "NOT_FOUND")


def test_what_ends_or_is_withdrawn_is_open_no_more(pair: Link, http: httpx.Client) -> None:
    ports = pair.school.ports
    path = f"/open-data/csv/{SCHOOLS}"
    http.get(path)
    found, extract = anonymous.file_of(ports, SCHOOLS, "csv")
    anonymous.judge(ports, extract)
    withdrawing.withdraw_offer(ports, found.offer.id, "closed")
    with pytest.raises(NotFound):
        anonymous.judge(ports, extract)
    assert http.get(path).status_code == 404
    publish.publish(ports, schools(pair.folder, open_offer(until("2020-01-01"))))
    assert http.get(path).json()["code"] == "CONTRACT_EXPIRED"
    assert http.get("/open").json()["dcat:dataset"] == []


def test_a_page_has_so_many_bytes(
    pair: Link, http: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    second = open_offer() | {"@id": "urn:offer:second"}
    publish.publish(pair.school.ports, schools(pair.folder, second, id="urn:second"))
    assert len(http.get("/open").json()["dcat:dataset"]) == 2
    monkeypatch.setattr(anonymous, "PAGE_BYTES", 1)
    address, seen = "/open", []
    while address:
        page = http.get(address)
        seen += [each["@id"] for each in page.json()["dcat:dataset"]]
        assert len(page.json()["dcat:dataset"]) <= 1
        address = page.links.get("next", {}).get("url", "").partition(".example")[2]
    assert sorted(seen) == sorted([SCHOOLS, "urn:second"])
    withdrawing.withdraw_dataset(pair.school.ports, "urn:second", "of a test")


def test_another_version_is_another_file(pair: Link, http: httpx.Client) -> None:
    ports = pair.school.ports
    http.get(f"/open-data/csv/{SCHOOLS}")
    _, before = anonymous.file_of(ports, SCHOOLS, "csv")
    file = pair.folder / "schools.csv"
    whole = file.read_text()
    file.write_text(f"{whole}0759999Z,1\n")
    try:
        publish.publish(ports, schools(pair.folder, open_offer()))
        with pytest.raises(NotFound):
            anonymous.judge(ports, before)
        with pytest.raises(TooManyRequests):
            anonymous.file_of(ports, SCHOOLS, "csv")
        preparing.turn(ports, steady=True)
        _, after = anonymous.file_of(ports, SCHOOLS, "csv")
        assert after.rows == before.rows + 1
    finally:
        file.write_text(whole)


def stated(left: str, value: Any) -> dict[str, Any]:
    return {"constraint": [{"leftOperand": left, "operator": "eq", "rightOperand": value}]}


PURPOSE = {"@id": "https://w3id.org/dpv#AcademicResearch"}
REFUSED: dict[str, tuple[dict[str, Any], dict[str, Any], str]] = {
    "no licence": (
        open_offer(**{"dct:license": [{"@id": LICENCE}, {"@id": "urn:other"}]}),
        {},
        "one licence and an attribution",
    ),
    "no attribution": (
        open_offer(**{ATTRIBUTION: " "}),
        {},
        "one licence and an attribution",
    ),
    "a purpose": (open_offer(stated(ODRL + "purpose", PURPOSE)), {}, "without a contract"),
    "membership": (
        open_offer(stated(PREAU + "membership", {"@id": "did:web:authority.example"})),
        {},
        "without a contract",
    ),
    "a count": (
        open_offer(
            {"constraint": [{"leftOperand": "odrl:count", "operator": "lteq", "rightOperand": 3}]}
        ),
        {},
        "without a contract",
    ),
    "a duty to delete": (
        open_offer({"duty": [{"action": "odrl:delete"}]}),
        {},
        "without a contract",
    ),
    "one consumer": (open_offer(assignee="did:web:lab.example"), {}, "names an assignee"),
    "a person decides": (
        {"policy": open_offer(), "decision": "review contract"},
        {},
        "no person can decide",
    ),
    "a sensitive column": (
        open_offer(),
        {"columns": [{"name": "uai", "class": "sensitive", "datatype": "category"}]},
        "classed `sensitive`",
    ),
    "two files": (
        open_offer(
            permission=[
                {"action": "odrl:read"},
                {
                    "action": "odrl:reproduce",
                    "constraint": [
                        {
                            "leftOperand": PREAU + "columns",
                            "operator": "isAnyOf",
                            "rightOperand": ["uai"],
                        }
                    ],
                },
            ]
        ),
        {},
        "releases a single file",
    ),
}


@over("name", REFUSED)
def test_what_cannot_be_open_is_refused_when_it_is_published(pair: Link, name: str) -> None:
    terms, changes, reason = REFUSED[name]
    with pytest.raises(PreauError) as caught:
        publish.publish(pair.school.ports, schools(pair.folder, terms, **changes))
    assert reason in caught.value.reason


def test_rows_about_persons_are_never_open(pair: Link) -> None:
    with pytest.raises(PreauError) as caught:
        publish.publish(pair.school.ports, description(pair.folder, offer=open_offer()))
    assert "about persons cannot be open" in caught.value.reason
