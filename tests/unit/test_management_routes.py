"""Every route of the management API needs the token; what it refuses is a problem with a code."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute
from starlette.routing import Route

from connector import errors
from connector.errors import CapExceeded, PeerUnreachable, PreauError, StoreUnavailable
from connector.management import nouns, observation
from connector.management.routes.contracts import negotiations
from connector.ports import Ports
from tests.support.doubles import ports_for_tests
from tests.support.each import over
from tests.support.management import SHOWN, TOKEN, application_of, asked, routes_of


class NoNetwork:
    """The port `Web` of a machine without a network."""

    def get(self, url: str, **_limit: int) -> bytes:
        raise PeerUnreachable(f"no answer from `{url}`")

    post = get


@pytest.fixture
def ports(tmp_path: Path) -> Ports:
    return ports_for_tests(tmp_path, web=NoNetwork())


@pytest.fixture
def api(ports: Ports) -> FastAPI:
    return routes_of(ports)


@pytest.fixture
def http(ports: Ports) -> Iterator[httpx.Client]:
    with asked(application_of(ports), ports.settings) as client:
        yield client


def flat(routes: list[Any]) -> list[Route]:
    """Every route, those of included routers too; a kind that is not known fails the test."""
    found: list[Route] = []
    for route in routes:
        if hasattr(route, "original_router"):
            assert route.include_context.prefix == ""
            found += flat(route.original_router.routes)
        else:
            assert isinstance(route, Route), f"{route} is of a kind that is not known here"
            found.append(route)
    return found


def every_route(api: FastAPI) -> list[tuple[str, str]]:
    """Each method and path that the application answers, its own description included."""
    found = []
    for route in flat(api.routes):
        assert route.methods
        found += [(method, route.path) for method in sorted(route.methods)]
    return found


def test_no_route_answers_without_the_token(api: FastAPI, http: httpx.Client) -> None:
    routes = every_route(api)
    assert len(routes) > 25
    for method, path in routes:
        if path in observation.OPEN:  # answered to anybody: `test_observation.py`
            continue
        for headers in ({}, {"authorization": "Bearer wrong"}, {"authorization": TOKEN}):
            answer = http.request(method, path, headers=headers)
            assert answer.status_code == 401, f"{method} {path} answered without the token"


def test_the_inventory_is_not_empty_handed(api: FastAPI, http: httpx.Client) -> None:
    """The positive twin: with the token each route answers something else than 401."""
    for method, path in every_route(api):
        answer = http.request(method, path, headers=SHOWN)
        assert answer.status_code != 401, f"{method} {path}"


def test_the_inventory_holds_every_noun(api: FastAPI) -> None:
    paths = {path for _, path in every_route(api)}
    assert paths >= {
        *("/node", "/membership", "/peers", "/datasets", "/dataset", "/catalog"),
        *("/negotiations", "/negotiation", "/offers", "/agreements", "/agreement"),
        *("/jobs", "/job", "/job/result", "/job/card", "/job/cancel", "/budget"),
        *("/budget/plan", "/budget/capacity", "/registers"),
        *("/audit/events", "/audit/evidence", "/audit/checkpoint"),
        *("/members", "/revocations", "/openapi.json"),
        *("/health", "/ready", "/metrics"),
    }


@over("path", ["/", "/no-such", "/docs", "/redoc", "/openapi.json", "/node/"])
def test_nothing_at_all_is_said_without_the_token(http: httpx.Client, path: str) -> None:
    answer = http.get(path)
    assert answer.status_code == 401
    assert answer.json()["code"] == "UNAUTHENTICATED"
    assert answer.headers["www-authenticate"] == "Bearer"
    assert answer.headers["content-type"] == "application/problem+json"


@over("noun", nouns.HEADS)
def test_each_path_is_looked_for_where_its_routes_are(noun: str) -> None:
    router = import_module(f"connector.management.routes.{noun}").router
    assert {route.path.split("/")[1] for route in router.routes} == set(nouns.HEADS[noun])
    assert all(noun in nouns.nouns_of(route.path) for route in router.routes)


def test_routes_whose_files_changed_under_a_running_node_are_refused(
    http: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "connector.management.routes.publishing.persons", None)
    answer = http.get("/persons/suppressed", headers=SHOWN)
    assert (answer.status_code, answer.json()["code"]) == (503, "WORLD_FAULT")
    assert "restart" in answer.json()["hint"]
    monkeypatch.undo()
    assert http.get("/persons/suppressed", headers=SHOWN).status_code == 200


def test_the_description_names_every_route(api: FastAPI, http: httpx.Client) -> None:
    described = http.get("/openapi.json", headers=SHOWN).json()
    routes = [route for route in flat(api.routes) if isinstance(route, APIRoute)]
    assert {route.path for route in routes} == set(described["paths"])
    assert all(route.description or route.summary for route in routes)


@over("path", ["/datasets", "/negotiations", "/agreements", "/jobs", "/peers"])
def test_a_fresh_node_has_nothing(http: httpx.Client, path: str) -> None:
    answer = http.get(path, headers=SHOWN)
    assert (answer.status_code, answer.json()) == (200, [])


def test_the_node_says_who_it_is(http: httpx.Client) -> None:
    assert http.get("/node", headers=SHOWN).json()["did"] == "did:web:node.example"


def test_a_node_without_a_membership_says_so(http: httpx.Client) -> None:
    answer = http.get("/membership", headers=SHOWN).json()
    assert answer["standing"] == "none"
    assert "membership" in answer["reason"]


@over(
    ("method", "path", "code", "status"),
    [
        ("GET", "/dataset?id=urn:x", "NOT_FOUND", 404),
        ("GET", "/negotiation?pid=urn:x", "NOT_FOUND", 404),
        ("GET", "/agreement?id=urn:x", "NOT_FOUND", 404),
        ("GET", "/job?id=urn:x", "NOT_FOUND", 404),
        ("GET", "/job/result?id=urn:x", "NOT_FOUND", 404),
        ("GET", "/job/card?id=urn:x", "NOT_FOUND", 404),
        ("GET", "/audit/evidence?agreement=urn:x", "AGREEMENT_UNKNOWN", 404),
        ("GET", "/members", "NOT_FOUND", 404),
        ("GET", "/no-such", "NOT_FOUND", 404),
        ("DELETE", "/node", "NOT_FOUND", 405),
        ("GET", "/audit/events?limit=0", "MALFORMED_MESSAGE", 400),
        ("GET", "/dataset", "MALFORMED_MESSAGE", 400),
    ],
)
def test_what_is_not_there_is_a_problem(
    http: httpx.Client, method: str, path: str, code: str, status: int
) -> None:
    answer = http.request(method, path, headers=SHOWN)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert answer.json()["status"] == status
    assert answer.headers["content-type"] == "application/problem+json"


@over(
    ("path", "body", "code"),
    [
        ("/datasets", {"id": "urn:x"}, "DESCRIPTION_INCOMPLETE"),
        ("/datasets", [1], "MALFORMED_MESSAGE"),
        ("/negotiations", {"peer": "did:web:a.example"}, "MALFORMED_MESSAGE"),
        ("/negotiations", {"peer": "a", "dataset": "b", "more": 1}, "MALFORMED_MESSAGE"),
        ("/negotiation?pid=urn:x", {"act": "forget"}, "MALFORMED_MESSAGE"),
        ("/negotiation?pid=urn:x", {"act": "terminate"}, "NOT_FOUND"),
        ("/jobs", {"purpose": "x"}, "MALFORMED_MESSAGE"),
        ("/job/cancel?id=urn:x", {}, "NOT_FOUND"),
        ("/members", {"did": "did:web:a.example"}, "CONFIGURATION_INVALID"),
        ("/members", {"did": "did:web:a.example", "days": 0}, "MALFORMED_MESSAGE"),
        ("/revocations", {"did": "did:web:a.example", "reason": ""}, "MALFORMED_MESSAGE"),
        ("/revocations", {"did": "did:web:a.example", "reason": "x"}, "CONFIGURATION_INVALID"),
    ],
)
def test_a_bad_command_is_a_problem_and_changes_nothing(
    http: httpx.Client, ports: Ports, path: str, body: Any, code: str
) -> None:
    answer = http.post(path, json=body, headers=SHOWN)
    assert answer.json()["code"] == code
    assert "\n" not in answer.json()["detail"]
    with ports.store.read() as tx:
        assert tx.datasets.find() == []
        assert tx.negotiations.find() == []
        assert tx.jobs.find() == []
        assert tx.members.find() == []


def test_a_refused_command_is_in_the_log_without_its_text(http: httpx.Client, ports: Ports) -> None:
    http.post("/datasets", json={"id": "urn:secret-name"}, headers=SHOWN)
    with ports.store.read() as tx:
        (entry,) = tx.audit.entries()
    assert entry.kind == "command.refused"
    assert b"DESCRIPTION_INCOMPLETE" in entry.event
    assert b"secret-name" not in entry.event


def test_looking_is_not_logged_as_a_refusal(http: httpx.Client, ports: Ports) -> None:
    http.get("/dataset?id=urn:x", headers=SHOWN)
    with ports.store.read() as tx:
        assert tx.audit.entries() == []


def test_what_was_not_foreseen_is_answered_without_its_text(
    http: httpx.Client, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(_ports: Ports) -> None:
        raise RuntimeError("a row of data")

    monkeypatch.setattr(negotiations.negotiate, "negotiations", broken)
    with caplog.at_level(logging.CRITICAL):
        answer = http.get("/negotiations", headers=SHOWN)
    assert (answer.status_code, answer.json()["code"]) == (500, "INTERNAL")
    assert "row of data" not in answer.text


def test_a_refusal_is_answered_also_when_it_cannot_be_recorded(
    ports: Ports, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unavailable(*_args: Any) -> None:
        raise StoreUnavailable("the database stayed locked")

    monkeypatch.setattr(type(ports.store), "write", unavailable)
    with asked(application_of(ports), ports.settings) as http:
        answer = http.post("/datasets", json={"id": "urn:x"}, headers=SHOWN)
    assert answer.json()["code"] == "DESCRIPTION_INCOMPLETE"


@over("cls", errors.subclasses())
def test_each_error_keeps_code_reason_and_hint(
    http: httpx.Client, monkeypatch: pytest.MonkeyPatch, cls: type[PreauError]
) -> None:
    def refuse(_ports: Ports, **_page: object) -> None:
        raise cls("why", hint="what to do")

    monkeypatch.setattr(negotiations.negotiate, "negotiations", refuse)
    answer = http.get("/negotiations", headers=SHOWN)
    assert answer.status_code == errors.status(cls.code)[1]
    body = answer.json()
    assert (body["code"], body["detail"], body["hint"]) == (cls.code, "why", "what to do")
    again = errors.from_code(body["code"], body["detail"], body["hint"])
    assert type(again) is cls


def test_events_are_shown_in_order(http: httpx.Client, ports: Ports) -> None:
    with ports.store.write() as tx:
        for number in range(3):
            tx.audit.append("test.event", f"urn:{number % 2}", number=number)
    every = http.get("/audit/events", headers=SHOWN).json()
    assert [event["index"] for event in every] == [0, 1, 2]
    one = http.get("/audit/events?subject=urn:0", headers=SHOWN).json()
    assert [event["index"] for event in one] == [0, 2]
    rest = http.get("/audit/events?start=1&limit=1", headers=SHOWN).json()
    assert [event["index"] for event in rest] == [1]
    assert CapExceeded.code not in str(every)


def test_the_checkpoint_is_a_signed_note(http: httpx.Client) -> None:
    note = http.get("/audit/checkpoint", headers=SHOWN).text
    assert note.startswith("did:web:node.example")
