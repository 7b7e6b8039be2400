"""`preau.toml` as values: what is refused, and what is taken."""

from __future__ import annotations

import math
import tomllib
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
