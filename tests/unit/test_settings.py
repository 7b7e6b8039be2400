"""`preau.toml` as values: what is refused, and what is taken."""

from __future__ import annotations

import math
import tomllib
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from connector import config
from connector.errors import ConfigurationInvalid
from tests.support.each import over

HOME = Path("/srv/node")
LEAST = {"did": "did:web:node.example", "name": "A school"}


def read(**changes: Any) -> config.Settings:
    return config.from_mapping(HOME, {**LEAST, **changes})


@over(
    ("name", "value"),
    [
        ("unary_threads", 0),
        ("max_streams", -1),
        ("member_openings_per_hour", 0),
        ("status_refresh_seconds", 0.0),
        ("leaf_seconds", -1),
        ("leaf_seconds", math.nan),
        ("status_list_seconds", math.inf),
        ("worker_memory_bytes", -1),
        ("first_contacts_per_minute", -1),
        ("keep_days", 30),
    ],
)
def test_numbers_that_no_node_can_run_with(name: str, value: float) -> None:
    with pytest.raises(ConfigurationInvalid, match=f"`{name}` must be"):
        read(**{name: value})


@over(
    ("name", "value", "said", "hint"),
    [
        ("consol_listen", "127.0.0.1:1", "unknown setting `consol_listen`", "`console_listen`?"),
        ("xyzzy", 1, "unknown setting `xyzzy`", "the manual"),
        ("console_listen", 8500, "`console_listen` must be text in quotes", ""),
        ("max_jobs", "8", "`max_jobs` must be a whole number", ""),
        ("console_folders", "data", "`console_folders` must be a list such as", ""),
    ],
)
def test_what_is_misspelled_is_told_with_what_to_do(
    name: str, value: object, said: str, hint: str
) -> None:
    with pytest.raises(ConfigurationInvalid) as caught:
        read(**{name: value})
    assert said in caught.value.reason
    assert hint in caught.value.hint


@over(
    ("name", "value"),
    [
        ("unary_threads", 1),
        ("leaf_seconds", 60),
        ("worker_memory_bytes", 0),
        ("first_contacts_per_minute", 0),
        ("keep_days", 31),
    ],
)
def test_numbers_at_their_bound(name: str, value: int) -> None:
    assert getattr(read(**{name: value}), name) == value


@over(
    "changes",
    [
        {"flight_listen": "127.0.0.1:8815"},
        {"flight_endpoint": "node.example:8815"},
        {"reviewers": ["the head"]},
        {"max_streams": True},
        {"max_streams": 6.0},
        {"leaf_seconds": "60"},
        {"name": ""},
        {"proxies": ["here"]},
        {"recipes": ["x"]},
        {"engines": ["torch"]},
        {"notice_url": "http://mail.example/hook"},
        {"no_such": 1},
    ],
)
def test_what_is_no_setting(changes: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationInvalid):
        read(**changes)


def test_what_is_written_is_read_again() -> None:
    made = read(proxies=["10.0.0.0/8"], leaf_seconds=60, name='A "school"')
    assert config.from_mapping(HOME, tomllib.loads(config.dump(made))) == made


FIRST, SECOND = "did:web:one.example", "did:web:two.example"
MEMBER = {"space": FIRST, "trusted_issuers": [FIRST]}


def test_spaces_of_a_node() -> None:
    made = read(**MEMBER, spaces={"health": {"id": SECOND, "charter": "urn:health"}})
    first, second = made.spaces
    assert (first.id, first.trusted_issuers, first.name) == (FIRST, (FIRST,), "")
    assert (second.id, second.trusted_issuers, second.charter) == (SECOND, (SECOND,), "urn:health")
    assert first.scopes == second.scopes
    assert made.believed == {FIRST, SECOND}
    assert made.space_called("health") == made.space_called(SECOND) == second
    assert made.space_called("") is None
    assert config.from_mapping(HOME, tomllib.loads(config.dump(made))) == made
    assert replace(made, trusted_issuers=()).spaces == (replace(first, trusted_issuers=()), second)


def test_a_node_in_no_space_yet() -> None:
    (only,) = read().spaces
    assert (only.id, only.memberships) == ("", ())


@over(
    "changes",
    [
        {"spaces": {"b": {"id": SECOND}}},
        {**MEMBER, "spaces": {"b": {"id": FIRST}}},
        {**MEMBER, "spaces": {"b": {"id": SECOND}, "c": {"id": SECOND}}},
        {**MEMBER, "spaces": {"b": {}}},
        {**MEMBER, "spaces": {"b": {"id": 2}}},
        {**MEMBER, "spaces": {"B c": {"id": SECOND}}},
        {**MEMBER, "spaces": {"b": {"id": SECOND, "issuers": []}}},
        {**MEMBER, "spaces": {"b": {"id": SECOND, "trusted_issuers": SECOND}}},
        {**MEMBER, "spaces": {"b": {"id": SECOND, "scopes": []}}},
        {**MEMBER, "spaces": ["b"]},
        {**MEMBER, "scopes": ["member"]},
        {**MEMBER, "kind": "authority", "spaces": {"b": {"id": SECOND}}},
    ],
)
def test_what_is_no_space(changes: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationInvalid, match=r"space|scopes"):
        read(**changes)


PROVIDER = {"issuer": "https://login.example/a", "client_id": "c", "roles": {"x": ["steward"]}}


def test_a_provider_of_logins() -> None:
    groups = {'cn=dpo, "ou"': ["approver", "auditor"], "x": ["steward"]}
    decides = {'cn=dpo, "ou"': ["dpo", "head"]}
    stated = {**PROVIDER, "roles": groups, "decides_as": decides, "scopes": ["openid", "groups"]}
    made = read(console_oidc=stated)
    named = made.console_oidc
    assert named is not None
    assert named.granted(["x"]) == (("steward",), ())
    assert named.granted([*groups, "y"]) == (("steward", "approver", "auditor"), ("dpo", "head"))
    assert named.granted(["y", ""]) == ((), ())
    assert config.from_mapping(HOME, tomllib.loads(config.dump(made))) == made
    assert read().console_oidc is None


@over("changes", [
        {"issuer": None}, {"client_id": None}, {"roles": None}, {"issuer": "http://login.example"},
        {"issuer": "https://login.example/?a=b"}, {"issuer": "https://a@login.example"},
        {"issuer": "https://login.example/#a"}, {"client_id": "a\nb"}, {"claim": ""}, {"claim": 7},
        {"client_secret": "in here"}, {"roles": {}}, {"roles": {"x": []}}, {"roles": ["steward"]},
        {"roles": {"x": ["head"]}}, {"roles": {"x": "steward"}}, {"decides_as": {"x": ["dpo"]}},
        {"decides_as": {"y": ["dpo"]}}, {"scopes": ["profile"]}, {"scopes": ["openid", "a b"]},
        {"roles": {"a\nb": ["steward"]}},
    ])  # fmt: skip
def test_what_is_no_provider_of_logins(changes: dict[str, Any]) -> None:
    stated = {key: value for key, value in {**PROVIDER, **changes}.items() if value is not None}
    with pytest.raises(ConfigurationInvalid, match="console_oidc"):
        read(console_oidc=stated)
    with pytest.raises(ConfigurationInvalid, match="console_oidc"):
        read(console_oidc="https://login.example")
