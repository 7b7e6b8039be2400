"""What anybody may try at the endpoints of DCP: each refusal has a code; its twin goes through."""

from __future__ import annotations

import asyncio
import gzip
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from connector.domain.space import MEMBERSHIP_SCOPE
from connector.identity.dcp import access, query, self_issued
from connector.jsonld.canonical import canonical
from connector.peer.calls.refusals import Refusals
from connector.peer.dcp.face import MAX_BODY, DcpFace
from connector.peer.web.https import PublicFace
from tests.support.claims import AUTHORITY, HOLDER, VERIFIER, Claims
from tests.support.each import over

GOOD = canonical(query.query([MEMBERSHIP_SCOPE]))


class Door:
    """The HTTPS application of the holder, asked without a network."""

    def __init__(self, folder: Path, **settings: Any) -> None:
        self.world = Claims(folder)
        whole = replace(self.world.holder.settings, **settings)
        ports = replace(self.world.holder, settings=whole)
        made = DcpFace(ports, str, holder=self.world.service)
        self.app = PublicFace(
            ports, Refusals(ports), origin=str, description=str, data=made.routes()
        ).application()

    def header(self, by: str = VERIFIER) -> str:
        """What a verifier shows with a query, when the holder called it before."""
        signers, now = self.world.signers, self.world.clock.now()
        granted = access.make(signers[HOLDER], HOLDER, VERIFIER, [MEMBERSHIP_SCOPE], now)
        token = self_issued.make(
            *(signers[by], by, HOLDER, self.world.holder.ids.new(), now), access_token=granted
        )
        return f"Bearer {token}"

    def ask(
        self, body: bytes = GOOD, *, by: str = VERIFIER, at: int = 1, **more: str
    ) -> tuple[int, str, str]:
        """Query; return status, code and reason."""

        async def asked() -> httpx.Response:
            transport = httpx.ASGITransport(self.app, client=("127.0.0.1", at))
            headers = {"authorization": self.header(by), **more}
            async with httpx.AsyncClient(transport=transport, base_url="https://a") as client:
                path = "/dcp/presentations/query"
                return await client.post(path, content=body, headers=headers)

        answer = asyncio.run(asked())
        said = answer.json()
        return answer.status_code, said.get("code", ""), said.get("detail", "")


@pytest.fixture(scope="module")
def door(tmp_path_factory: pytest.TempPathFactory) -> Door:
    return Door(tmp_path_factory.mktemp("dcp"))


BAD: dict[str, tuple[dict[str, Any], tuple[int, str], str]] = {
    "no token": ({"authorization": ""}, (401, "TOKEN_MISSING"), "no bearer token"),
    "no token that can be read": (
        {"authorization": "Bearer a.b.c"},
        (401, "TOKEN_INVALID"),
        "header",
    ),
    "an access token of another's": ({"by": AUTHORITY}, (401, "TOKEN_INVALID"), "another"),
    "compressed": (
        {"body": gzip.compress(bytes(1 << 24)), "content-encoding": "gzip"},
        (400, "MALFORMED_MESSAGE"),
        "the body is compressed",
    ),
    "too long": ({"body": b" " * (MAX_BODY + 1)}, (413, "MESSAGE_TOO_LARGE"), "over the limit"),
    "too long by its header": (
        {"content-length": "999999999999"},
        (413, "MESSAGE_TOO_LARGE"),
        "over the limit",
    ),
    "too deep": (
        {"body": GOOD[:-1] + b',"x":' + b"[" * 5000 + b"]" * 5000 + b"}"},
        (400, "MALFORMED_MESSAGE"),
        "nested deeper than",
    ),
    "a member twice": (
        {"body": GOOD[:-1] + b',"scope":["x"]}'},
        (400, "MALFORMED_MESSAGE"),
        "has a member twice",
    ),
    "a context of its own": (
        {"body": GOOD.replace(b"https://w3id.org", b"https://thief.example")},
        (400, "MALFORMED_MESSAGE"),
        "@context",
    ),
    "no JSON": ({"body": b"\xff"}, (400, "MALFORMED_MESSAGE"), "not well-formed JSON"),
}


@over("name", BAD)
def test_a_bad_query_is_refused_by_name(door: Door, name: str) -> None:
    how, expected, reason = BAD[name]
    status, code, said = door.ask(**how)
    assert (status, code) == expected
    assert reason in said


def test_a_good_query_is_answered(door: Door) -> None:
    assert door.ask()[:2] == (200, "")


def test_requests_of_an_address_are_bounded(tmp_path: Path) -> None:
    door = Door(tmp_path, dsp_requests_per_minute=2)
    stranger = {"authorization": "Bearer a.b.c"}
    assert [door.ask(**stranger)[0] for _ in range(3)] == [401, 401, 429]
    assert door.ask()[:2] == (429, "TOO_MANY_REQUESTS")
    assert door.ask(at=2)[0] == 200
