"""The gate of the management API judges every request before routing."""

from __future__ import annotations

import pytest

from connector.errors import Malformed, MessageTooLarge, PreauError, Unauthenticated
from connector.management.gate import BODY_LIMIT, Door, judge, problem
from tests.support.each import over

TOKEN = "right-token"
UNIX = Door(TOKEN)
TCP = Door(TOKEN, frozenset({"127.0.0.1:9000", "localhost:9000"}))
GOOD = {"authorization": f"Bearer {TOKEN}", "host": "127.0.0.1:9000"}


@over("door", [UNIX, TCP])
@over("scheme", ["Bearer", "bearer", "BEARER"])
def test_the_token_opens(door: Door, scheme: str) -> None:
    assert judge(GOOD | {"authorization": f"{scheme} {TOKEN}"}, door) is None


def test_a_body_within_the_limit_is_read() -> None:
    assert judge(GOOD | {"content-length": str(BODY_LIMIT)}, TCP) is None


@over(
    "authorization",
    [
        "",
        TOKEN,
        "Bearer ",
        "Bearer wrong-token",
        f"Bearer {TOKEN}x",
        f"Bearer {TOKEN[:-1]}",
        f"Basic {TOKEN}",
        "Bearer \xff",
    ],
)
@over("door", [UNIX, TCP])
def test_anything_but_the_token_is_refused(door: Door, authorization: str) -> None:
    assert isinstance(judge(GOOD | {"authorization": authorization}, door), Unauthenticated)


def test_no_token_at_all_is_refused() -> None:
    assert isinstance(judge({"host": "127.0.0.1:9000"}, TCP), Unauthenticated)


def test_an_empty_token_opens_nothing() -> None:
    assert isinstance(judge(GOOD | {"authorization": "Bearer "}, Door("")), Unauthenticated)


@pytest.mark.parametrize("host", ["", "evil.example", "evil.example:9000", "127.0.0.1:9001"])
def test_another_host_is_refused_on_tcp(host: str) -> None:
    refusal = judge(GOOD | {"host": host}, TCP)
    assert isinstance(refusal, Unauthenticated)
    assert "host" in refusal.reason


def test_any_host_may_be_named_on_the_unix_socket() -> None:
    assert judge(GOOD | {"host": "whatever"}, UNIX) is None


@over("origin", ["null", "https://evil.example", "http://127.0.0.1:9000", ""])
@over("door", [UNIX, TCP])
def test_web_pages_are_refused_even_with_the_token(door: Door, origin: str) -> None:
    assert isinstance(judge(GOOD | {"origin": origin}, door), Unauthenticated)


@over("length", ["-1", "1e3", "many", "²", ""])
def test_a_length_that_is_no_number_is_refused(length: str) -> None:
    assert isinstance(judge(GOOD | {"content-length": length}, TCP), Malformed)


def test_a_large_body_is_refused_before_it_is_read() -> None:
    refusal = judge(GOOD | {"content-length": str(BODY_LIMIT + 1)}, TCP)
    assert isinstance(refusal, MessageTooLarge)


def test_a_body_of_unknown_length_is_refused() -> None:
    assert isinstance(judge(GOOD | {"transfer-encoding": "chunked"}, TCP), Malformed)


def test_the_token_is_asked_for_before_the_body_is_judged() -> None:
    refusal = judge({"host": "127.0.0.1:9000", "content-length": "many"}, TCP)
    assert isinstance(refusal, Unauthenticated)


def test_a_problem_carries_code_reason_and_hint() -> None:
    shown = problem(Unauthenticated("no valid management token", hint="look"))
    assert shown["status"] == 401
    assert shown["code"] == "UNAUTHENTICATED"
    assert shown["detail"] == "no valid management token"
    assert shown["hint"] == "look"
    assert shown["title"] == "Unauthorized"


def test_an_error_without_a_class_of_its_own_is_a_500() -> None:
    assert problem(PreauError("broken"))["status"] == 500
