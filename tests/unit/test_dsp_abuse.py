"""What peers may try at the HTTPS face: each refusal has a code, and its twin goes through."""

from __future__ import annotations

import asyncio
import gzip
import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Final

import httpx
import pytest
from starlette.applications import Starlette

from connector.bootstrap import dataspace
from connector.domain.contract.negotiation import Role
from connector.domain.transfer.transfer import Transfer, TransferState
from connector.errors import (
    PeerFault,
    PreauError,
    StoreUnavailable,
    subclasses,
)
from connector.peer.dsp import answers, face
from connector.peer.dsp.face import DspFace
from connector.peer.limits.shares import Shares
from connector.peer.web import body as bodies
from connector.protocol.dsp import faults
from connector.protocol.dsp.members import CONTEXT
from connector.services.messages import receive
from tests.support.dsp_nodes import PATH, ByName, judge
from tests.support.each import over
from tests.support.link import Link, link

LAB: Final = "did:web:lab.example"
ASKED: Final = "/catalog/request"
QUERY: Final = {"@context": [CONTEXT], "@type": "CatalogRequestMessage"}


class Door:
    """The face of the school, asked without a network."""

    def __init__(self, pair: Link, received: Any = receive.received, **settings: Any) -> None:
        ports = pair.school.ports
        whole = replace(ports.settings, **{"dsp_path": PATH, **settings})
        self.ports = replace(ports, settings=whole)
        self.proven: list[str] = []
        made = DspFace(
            self.ports,
            ByName(self.ports),
            received,
            how=dataspace.policies(self.ports),
            base=dataspace.base(whole),
            shares=Shares(self.ports),
            origin=str,
            proven=lambda _port, did: self.proven.append(did),
        )
        self.app = Starlette(routes=made.routes())

    def ask(
        self, path: str = ASKED, body: Any = QUERY, *, by: str = LAB, at: int = 1, **headers: str
    ) -> httpx.Response:
        """Ask; a body may be JSON, bytes, or an iterator of bytes that come one by one."""
        data = json.dumps(body).encode() if isinstance(body, dict) else body

        async def asked() -> httpx.Response:
            transport = httpx.ASGITransport(self.app, client=("127.0.0.1", at))
            said = {"authorization": f"Bearer {by}"} if by else {}
            async with httpx.AsyncClient(transport=transport, base_url="https://a") as client:
                method = "GET" if data is None else "POST"
                whole = {**said, **headers}
                return await client.request(method, PATH + path, content=data, headers=whole)

        answer = asyncio.run(asked())
        judge(answer.json())
        return answer


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Link]:
    with link(tmp_path_factory.mktemp("abuse")) as pair:
        yield pair


@pytest.fixture(scope="module")
def door(pair: Link) -> Door:
    return Door(pair)


def told(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json().get("code", "")


DEEP: Final = json.dumps(QUERY)[:-1].encode() + b',"x":' + b"[" * 5000 + b"]" * 5000 + b"}"
TWICE: Final = json.dumps(QUERY)[:-1].encode() + b',"@type":"CatalogRequestMessage"}'
OTHER_VERSION: Final = {**QUERY, "@context": ["https://w3id.org/dspace/2024/1/context.json"]}
BOMB: Final = gzip.compress(b" " * 50_000_000)
PACKED: Final = {"content-encoding": "gzip"}
LENGTH: Final = {"content-length": "999999999999"}
OWN: Final = {**QUERY, "@context": [CONTEXT, {"x": "https://evil.example"}]}
NAN: Final = json.dumps({**QUERY, "x": float("nan")}).encode()
MALFORMED: Final = (400, "MALFORMED_MESSAGE")
LARGE: Final = (413, "MESSAGE_TOO_LARGE")
FILTER: Final = (400, "FILTER_UNSUPPORTED")
BOMBS: Final[dict[str, tuple[Any, dict[str, str], tuple[int, str], str]]] = {
    "compressed": (BOMB, PACKED, MALFORMED, "the body is compressed"),
    "compressed, and silent about it": (BOMB, {}, MALFORMED, "not well-formed JSON"),
    "too long by its header": (b"{}", LENGTH, LARGE, "over the limit"),
    "too long": (b" " * (1 << 20) + b"{}", {}, LARGE, "over the limit"),
    "too deep": (DEEP, {}, MALFORMED, "nested deeper than"),
    "a member twice": (TWICE, {}, MALFORMED, "has a member twice"),
    "no JSON": (b"\xff\xfe", {}, MALFORMED, "not well-formed JSON"),
    "no object": (b"[]", {}, MALFORMED, "must be an object"),
    "nothing": (b"", {}, MALFORMED, "not well-formed JSON"),
    "NaN": (NAN, {}, MALFORMED, "not well-formed JSON"),
    "another type": ({**QUERY, "@type": "Catalog"}, {}, MALFORMED, "@type"),
    "a context of its own": (OWN, {}, MALFORMED, "@context"),
    "another version": (OTHER_VERSION, {}, (400, "UPGRADE_REQUIRED"), "2024/1"),
    "an unknown filter": ({**QUERY, "filter": [{"sql": "1"}]}, {}, FILTER, "filter"),
    "an offset without end": (
        {**QUERY, "filter": [{"@type": "QuerySpec", "offset": 2**50}]},
        {},
        FILTER,
        "offset",
    ),
}


@over("name", BOMBS)
def test_a_bad_body_is_refused_by_name(door: Door, name: str) -> None:
    body, headers, expected, reason = BOMBS[name]
    answer = door.ask(body=body, **headers)
    assert told(answer) == expected
    assert reason in answer.json()["reason"][0]


def test_a_good_body_is_answered_whatever_else_it_holds(door: Door) -> None:
    assert door.ask().status_code == 200
    more = {**QUERY, "@id": "urn:1", "unknown": [[[1]]], "filter": []}
    assert door.ask(body=more, **{"content-type": "application/ld+json"}).status_code == 200
    assert door.proven[-1] == LAB


def test_a_body_that_does_not_come_is_not_waited_for(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bodies, "BODY_SECONDS", 0.05)

    async def asked() -> int:
        async def receive() -> dict[str, Any]:
            await asyncio.sleep(60.0)
            return {}

        said: list[int] = []

        async def send(message: dict[str, Any]) -> None:
            said.append(message.get("status", 0))

        scope = {
            "type": "http",
            "method": "POST",
            "path": PATH + ASKED,
            "query_string": b"",
            "headers": [(b"authorization", f"Bearer {LAB}".encode())],
            "client": ("127.0.0.1", 1),
        }
        await door.app(scope, receive, send)
        return said[0]

    assert asyncio.run(asked()) == 400


WHO: Final[dict[str, tuple[str, int]]] = {
    "nobody": ("", 401),
    "unknown": ("did:web:evil.example", 401),
    "the node itself": ("did:web:school.example", 401),
    "a header of two lines": ("did:web:lab.example x", 401),
}


@over("name", WHO)
def test_who_is_not_believed_learns_nothing(door: Door, name: str) -> None:
    by, status = WHO[name]
    assert door.ask(by=by).status_code == status
    for path, body in (
        ("/negotiations/urn:x", None),
        ("/transfers/urn:x", None),
        ("/negotiations/request", {}),
        ("/transfers/urn:x/start", {}),
    ):
        answer = door.ask(path, body, by=by)
        assert answer.status_code == 404
        assert answer.json()["@type"] in (faults.NEGOTIATION, faults.TRANSFER)


def test_requests_of_one_participant_are_bounded(pair: Link) -> None:
    door = Door(pair, dsp_requests_per_minute=3)
    assert [door.ask().status_code for _ in range(3)] == [200] * 3
    refused = door.ask()
    assert told(refused) == (429, "TOO_MANY_REQUESTS")
    assert 1 <= int(refused.headers["retry-after"]) <= 60


def test_an_address_is_bounded_before_anybody_is_believed(pair: Link) -> None:
    door = Door(pair, dsp_requests_per_minute=1)
    statuses = [door.ask(by="did:web:evil.example", at=7).status_code for _ in range(5)]
    assert statuses == [401] * face.ORIGIN_FACTOR + [429]
    assert door.ask(at=8).status_code == 200


def test_open_negotiations_of_a_participant_are_bounded(pair: Link) -> None:
    door = Door(pair, max_negotiations_per_peer=1)

    def opened(pid: str) -> httpx.Response:
        offer = {"@id": "urn:o", "@type": "Offer", "target": "urn:d"}
        body = {
            "@context": [CONTEXT],
            "@type": "ContractOfferMessage",
            "providerPid": pid,
            "callbackAddress": "https://lab.example/dsp",
            "offer": {**offer, "permission": [{"action": "use"}]},
        }
        return door.ask("/negotiations/offers", body)

    first, second = opened("urn:p:1"), opened("urn:p:2")
    assert (first.status_code, told(second)) == (201, (429, "QUOTA_REACHED"))
    assert int(second.headers["retry-after"]) > 0
    pid = first.json()["consumerPid"]
    end = {"@context": [CONTEXT], "@type": "ContractNegotiationTerminationMessage"}
    both = {"providerPid": "urn:p:1", "consumerPid": pid}
    assert door.ask(f"/negotiations/{pid}/termination", {**end, **both}).status_code == 200
    assert opened("urn:p:2").status_code == 201


def test_open_transfers_of_a_participant_are_bounded(pair: Link) -> None:
    door = Door(pair, max_transfers_per_peer=1)
    now = pair.clock.now()
    going = Transfer(
        pid="urn:t:1",
        role=Role.PROVIDER,
        peer=LAB,
        peer_pid="urn:c:1",
        agreement_id="urn:a",
        extract_id="urn:e",
        state=TransferState.SUSPENDED,
        created_at=now,
        updated_at=now,
    )
    with pair.school.ports.store.write() as tx:
        tx.transfers.put(going)
    body = {
        "@context": [CONTEXT],
        "@type": "TransferRequestMessage",
        "agreementId": "urn:a",
        "format": "HttpData-PULL",
        "callbackAddress": "https://lab.example/dsp",
    }
    answer = door.ask("/transfers/request", {**body, "consumerPid": "urn:c:2"})
    assert told(answer) == (429, "QUOTA_REACHED")
    again = door.ask("/transfers/request", {**body, "consumerPid": "urn:c:1"})
    assert (again.status_code, again.json()["providerPid"]) == (201, "urn:t:1")
    with pair.school.ports.store.write() as tx:
        tx.transfers.put(replace(going, state=TransferState.TERMINATED))
    other = door.ask("/transfers/request", {**body, "consumerPid": "urn:c:2"})
    assert told(other) == (400, "AGREEMENT_UNKNOWN")


def test_a_fault_of_this_node_says_nothing_of_it(pair: Link) -> None:
    def fails(error: Exception) -> Any:
        def received(*_: Any) -> Any:
            raise error

        return received

    body = {
        "@context": [CONTEXT],
        "@type": "TransferRequestMessage",
        "agreementId": "urn:a",
        "consumerPid": "urn:c:3",
        "format": "HttpData-PULL",
        "callbackAddress": "https://lab.example/dsp",
    }
    for error, status in (
        (StoreUnavailable("secret path"), 503),
        (PreauError("secret path"), 500),
        (ZeroDivisionError("secret path"), 500),
    ):
        answer = Door(pair, fails(error)).ask("/transfers/request", body)
        assert answer.status_code == status
        assert answer.json()["consumerPid"] == "urn:c:3"
        if status != 500 or isinstance(error, ZeroDivisionError):
            assert "secret" not in answer.text


def test_every_code_has_a_status_that_peers_know() -> None:
    for cls in subclasses(PeerFault):
        for believed in (True, False):
            for kind in (faults.CATALOG, faults.NEGOTIATION, faults.TRANSFER):
                status = answers.status(cls("x"), kind, believed=believed)
                assert status in (400, 401, 404, 413, 429), cls
